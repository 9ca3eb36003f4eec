// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * read_fragmented [--marks] FILE NUMBER STEP [COUNT]: read a block of every STEP blocks of
 * the file of this number that make_fragmented made, or of its first COUNT blocks,
 * directly, so that the page cache has no part in it; and with --marks all marked
 * blocks, too. What is read has to be what was made. Unwritten blocks are read, which
 * costs no I/O.
 */
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fragmented.h"

static uint64_t *buf;

static void read_block(const char *path, int fd, uint64_t block, uint64_t want)
{
	size_t i;

	if (pread(fd, buf, BLOCK_SIZE, block * BLOCK_SIZE) != BLOCK_SIZE)
		err(1, "%s: block %ju", path, (uintmax_t)block);
	for (i = 0; i < BLOCK_SIZE / sizeof(*buf); i++)
		if (buf[i] != (i ? 0 : want))
			errx(1, "%s: block %ju has other bytes, %jx instead of %jx at %zu", path,
			     (uintmax_t)block, (uintmax_t)buf[i], (uintmax_t)(i ? 0 : want), i * 8);
}

int main(int argc, char **argv)
{
	bool marks = argc > 1 && !strcmp(argv[1], "--marks");
	uint64_t block, blocks, file, step;
	struct stat st;
	int fd;

	argv += marks;
	argc -= marks;
	if (argc != 4 && argc != 5) {
		fprintf(stderr, "usage: read_fragmented [--marks] FILE NUMBER STEP [COUNT]\n");
		return 2;
	}
	file = strtoull(argv[2], NULL, 0);
	step = strtoull(argv[3], NULL, 0);
	if (!step || step % 2)
		errx(2, "the step is an even number");
	fd = open(argv[1], O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", argv[1]);
	if (posix_memalign((void **)&buf, BLOCK_SIZE, BLOCK_SIZE))
		errx(1, "no memory");
	blocks = st.st_size / BLOCK_SIZE;
	if (argc == 5 && strtoull(argv[4], NULL, 0) < blocks)
		blocks = strtoull(argv[4], NULL, 0);
	for (block = 1; block < blocks; block += step)
		read_block(argv[1], fd, block, 0);
	for (block = 0; marks && block < blocks; block += MARK_EVERY)
		read_block(argv[1], fd, block, mark_of(file, block));
	return 0;
}
