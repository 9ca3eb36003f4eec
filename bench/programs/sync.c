// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fsync() after each small write.
 */
#include <fcntl.h>
#include <unistd.h>

#include "bench.h"

#define FILE_SIZE	(16 * MIB)
#define BLOCK		(4 * KIB)
#define SYNCS		500

static void prepare_file(unsigned long scale)
{
	make_file("file", FILE_SIZE);
}

static void prepare_empty(unsigned long scale)
{
	make_file("file", 0);
}

static void sync_each(uint64_t (*place)(uint64_t i))
{
	void *buf = new_buffer(BLOCK);
	int fd = open_file("file", O_RDWR);

	/* one before, so that what only the first one does is not counted */
	write_at(fd, buf, BLOCK, place(0));
	if (fsync(fd))
		die("fsync");
	region_begin();
	for (uint64_t i = 1; i <= SYNCS; i++) {
		write_at(fd, buf, BLOCK, place(i));
		if (fsync(fd))
			die("fsync");
	}
	region_end(SYNCS);
	close_file(fd);
}

static uint64_t anywhere(uint64_t i)
{
	return rnd(FILE_SIZE / BLOCK) * BLOCK;
}

static uint64_t at_end(uint64_t i)
{
	return i * BLOCK;
}

static void sync_overwrite(unsigned long scale)
{
	sync_each(anywhere);
}

static void sync_append(unsigned long scale)
{
	sync_each(at_end);
}

const struct workload sync_workloads[] = {
	{ "fsync-overwrite", prepare_file, sync_overwrite },
	{ "fsync-append", prepare_empty, sync_append },
	{ }
};
