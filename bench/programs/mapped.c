// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page faults of mapped files whose data is in memory.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define FILE_SIZE	(48 * MIB)
#define PAGE		(4 * KIB)

static void prepare_file(unsigned long scale)
{
	make_file("file", FILE_SIZE);
}

/* A fault a page as far as the kernel doesn't map its neighbours, too */
static void touch(bool write)
{
	void *buf = new_buffer(MIB);
	int fd = open_file("file", O_RDWR);
	volatile char *map;

	for (uint64_t off = 0; off < FILE_SIZE; off += MIB)
		read_at(fd, buf, MIB, off);
	map = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		die("mmap");
	region_begin();
	for (uint64_t off = 0; off < FILE_SIZE; off += PAGE) {
		if (write)
			map[off] = 1;
		else
			(void)map[off];
	}
	region_end(FILE_SIZE / PAGE);
	if (munmap((void *)map, FILE_SIZE))
		die("munmap");
	close_file(fd);
}

static void mmap_read(unsigned long scale)
{
	touch(false);
}

static void mmap_write(unsigned long scale)
{
	touch(true);
}

const struct workload mapped_workloads[] = {
	{ "mmap-read", prepare_file, mmap_read },
	{ "mmap-write", prepare_file, mmap_write },
	{ }
};
