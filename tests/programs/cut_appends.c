// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cut_appends: files that are cut while their first block is being written, then made
 * longer and synced.
 *
 *	cut_appends DIR SECONDS FILES
 *
 * makes DIR/0, DIR/1 and so on for that long, at most FILES of them, and prints how many. Each is KEPT bytes of 'a' and
 * APPENDED bytes of 'b'.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RESERVED	(1 << 20)
#define KEPT		4096
#define APPENDED	60000

static char kept[KEPT], appended[APPENDED];

static void make_one(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0644);

	if (fd < 0)
		err(1, "%s", path);
	/* the server has recorded this size when the first block is written */
	if (fallocate(fd, 0, 0, RESERVED))
		err(1, "%s: fallocate", path);
	if (pwrite(fd, kept, KEPT, 0) != KEPT)
		err(1, "%s: write", path);
	if (sync_file_range(fd, 0, KEPT, SYNC_FILE_RANGE_WRITE))
		err(1, "%s: sync_file_range", path);
	if (ftruncate(fd, KEPT))
		err(1, "%s: ftruncate", path);
	if (pwrite(fd, appended, APPENDED, KEPT) != APPENDED)
		err(1, "%s: append", path);
	if (fsync(fd))
		err(1, "%s: fsync", path);
	close(fd);
}

int main(int argc, char **argv)
{
	struct timespec now;
	char path[4096];
	unsigned int nr, max;
	time_t end;

	if (argc != 4)
		errx(2, "usage: cut_appends DIR SECONDS FILES");
	max = atoi(argv[3]);
	memset(kept, 'a', KEPT);
	memset(appended, 'b', APPENDED);
	clock_gettime(CLOCK_MONOTONIC, &now);
	end = now.tv_sec + atoi(argv[2]);
	for (nr = 0; nr < max && now.tv_sec < end; nr++) {
		snprintf(path, sizeof(path), "%s/%u", argv[1], nr);
		make_one(path);
		clock_gettime(CLOCK_MONOTONIC, &now);
	}
	printf("%u\n", nr);
	return 0;
}
