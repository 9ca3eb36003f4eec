// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * swapper MIB: fill so much anonymous memory with a pattern and check that it is still
 * there, twice; for a process that may have less memory than that.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static uint64_t pattern(size_t i)
{
	uint64_t x = (i + 1) * 0x9e3779b97f4a7c15ULL;

	return x ^ x >> 29;
}

int main(int argc, char **argv)
{
	size_t size = argc == 2 ? strtoul(argv[1], NULL, 10) << 20 : 0, i;
	uint64_t *p;
	int round;

	if (!size) {
		fprintf(stderr, "usage: swapper MIB\n");
		return 2;
	}
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	for (i = 0; i < size / sizeof(*p); i++)
		p[i] = pattern(i);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < size / sizeof(*p); i++) {
			if (p[i] != pattern(i)) {
				fprintf(stderr, "swapper: byte %zu came back wrong\n",
					i * sizeof(*p));
				return 1;
			}
		}
	}
	return 0;
}
