// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * make_tree DIR: make 5,000 files like a program's sources there: 400 directories, three
 * deep, sizes from 200 bytes to 50 KiB, the small ones more often.
 */
#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES	5000
#define LINE	"\tif (something(is_the, case)) /* and in words */\n"

static uint64_t rnd(uint64_t below)
{
	static uint64_t x = 88172645463325252ULL;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x % below;
}

static void make_dir(const char *name)
{
	if (mkdir(name, 0755) && errno != EEXIST)
		err(1, "%s", name);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		errx(2, "usage: make_tree DIR");
	if (chdir(argv[1]))
		err(1, "%s", argv[1]);
	for (unsigned int i = 0; i < FILES; i++) {
		/* as many between 200 and 400 bytes as between 25 and 50 KiB */
		unsigned int size = 200U << rnd(8), a = i % 10, b = i / 10 % 10, c = i / 100 % 4;
		char name[64];
		FILE *f;

		size += rnd(size);
		snprintf(name, sizeof(name), "part%u", a);
		make_dir(name);
		snprintf(name, sizeof(name), "part%u/sub%u", a, b);
		make_dir(name);
		snprintf(name, sizeof(name), "part%u/sub%u/more%u", a, b, c);
		make_dir(name);
		snprintf(name, sizeof(name), "part%u/sub%u/more%u/source_file_%u.c", a, b, c, i);
		f = fopen(name, "we");
		if (!f)
			err(1, "%s", name);
		for (unsigned int done = 0; done < size; done += sizeof(LINE) - 1)
			fputs(LINE, f);
		if (i == FILES / 2)
			fputs("the only file with this line\n", f);
		if (fclose(f))
			err(1, "%s", name);
	}
	return 0;
}
