// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Deliberate faults: change side B behind the back of the comparison, the
 * smallest change of each kind that has to be found. A comparison that never
 * failed is worth nothing.
 */
#include "differential.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int flip_byte(int fd, off_t size)
{
	unsigned char byte;

	if (pread(fd, &byte, 1, size / 2) != 1)
		return -1;
	byte ^= 1;
	return pwrite(fd, &byte, 1, size / 2) == 1 ? 0 : -1;
}

/* The same bytes, but in blocks where there were none. */
static int fill_hole(int fd, off_t size)
{
	static const unsigned char zeroes[4096];
	off_t hole;

	fsync(fd);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	hole = lseek(fd, 0, SEEK_HOLE);
	if (hole < 0 || hole + (off_t)sizeof(zeroes) > size)
		return 1;
	return pwrite(fd, zeroes, sizeof(zeroes), hole) == sizeof(zeroes) ? 0 : -1;
}

/* 0 done, 1 this file has no place for it, -1 failed. */
static int inject_into(int fd, const char *kind)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size < 16384)
		return 1;
	if (!strcmp(kind, "byte"))
		return flip_byte(fd, st.st_size);
	if (!strcmp(kind, "size"))
		return ftruncate(fd, st.st_size - 1);
	if (!strcmp(kind, "mode"))
		return fchmod(fd, (st.st_mode ^ 0100) & 07777);
	if (!strcmp(kind, "hole"))
		return fill_hole(fd, st.st_size);
	return -1;
}

int inject(struct world *w, const char *kind)
{
	unsigned int i;
	char name[64];
	int fd, ret;

	for (i = 0; i < w->files * NR_DIRS; i++) {
		op_name(w, i, name, sizeof(name));
		if (!strcmp(kind, "name")) {
			if (!unlinkat(w->side[1].dir, name, 0))
				return 0;
			continue;
		}
		fd = openat(w->side[1].dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue;
		ret = inject_into(fd, kind);
		close(fd);
		if (ret <= 0) {
			printf("injected: %s of %s in B\n", kind, name);
			return ret;
		}
	}
	return -1;
}
