// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * make_extents FILE COUNT [BLOCK]: make a file of COUNT extents on any file
 * system with blocks of BLOCK bytes (4096): every second block is written, the
 * others are holes. Bytes depend on the place only, so two such files are equal.
 * Where the file system has FIEMAP the count is checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int fail(const char *path, const char *what)
{
	fprintf(stderr, "make_extents: %s: %s: %s\n", path, what, strerror(errno));
	return 1;
}

/* -1: cannot be told */
static long count_extents(int fd)
{
	struct fiemap fm = { .fm_length = FIEMAP_MAX_OFFSET, .fm_flags = FIEMAP_FLAG_SYNC };

	return ioctl(fd, FS_IOC_FIEMAP, &fm) ? -1 : (long)fm.fm_mapped_extents;
}

int main(int argc, char **argv)
{
	unsigned long count, block = 4096, i, j;
	long got;
	uint64_t *buf;
	int fd;

	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: make_extents FILE COUNT [BLOCK]\n");
		return 2;
	}
	count = strtoul(argv[2], NULL, 0);
	if (argc == 4)
		block = strtoul(argv[3], NULL, 0);
	if (!count || count > 10000000 || block < 512 || block > 65536 || block % 512) {
		fprintf(stderr, "make_extents: bad count or block size\n");
		return 2;
	}
	buf = malloc(block);
	if (!buf)
		return fail(argv[1], "memory");
	fd = open(argv[1], O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return fail(argv[1], "open");
	for (i = 0; i < count; i++) {
		off_t at = (off_t)i * 2 * block;

		for (j = 0; j < block / sizeof(*buf); j++)
			buf[j] = (at + j + 1) * 0x9e3779b97f4a7c15ULL;
		if (pwrite(fd, buf, block, at) != (ssize_t)block)
			return fail(argv[1], "write");
	}
	free(buf);
	if (fsync(fd))
		return fail(argv[1], "fsync");
	got = count_extents(fd);
	if (got >= 0 && (unsigned long)got < count) {
		fprintf(stderr, "make_extents: %s: %ld extents instead of %lu\n", argv[1], got,
			count);
		return 1;
	}
	if (close(fd))
		return fail(argv[1], "close");
	return 0;
}
