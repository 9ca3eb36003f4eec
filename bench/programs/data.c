// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads and writes, direct and buffered.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "bench.h"

#define FILE_SIZE	(48 * MIB)
#define BLOCK		(4 * KIB)
#define RANDOM_OPS	4000
#define APPENDS		2000

static void prepare_file(unsigned long scale)
{
	make_file("file", FILE_SIZE);
}

static void prepare_space(unsigned long scale)
{
	int fd = open_file("file", O_WRONLY | O_CREAT | O_EXCL);

	if (fallocate(fd, 0, 0, FILE_SIZE))
		die("fallocate");
	close_file(fd);
}

static void prepare_empty(unsigned long scale)
{
	make_file("file", 0);
}

/* All of the file once, so that caches that live on have what they keep */
static void read_all(int fd, void *buf)
{
	for (uint64_t off = 0; off < FILE_SIZE; off += MIB)
		read_at(fd, buf, MIB, off);
}

static void random_blocks(int flags, bool write)
{
	void *buf = new_buffer(MIB);
	int fd = open_file("file", O_RDWR | flags);

	read_all(fd, buf);
	if (write)
		write_at(fd, buf, BLOCK, 0);
	region_begin();
	for (int i = 0; i < RANDOM_OPS; i++) {
		uint64_t off = rnd(FILE_SIZE / BLOCK) * BLOCK;

		if (write)
			write_at(fd, buf, BLOCK, off);
		else
			read_at(fd, buf, BLOCK, off);
	}
	region_end(RANDOM_OPS);
	close_file(fd);
}

static void direct_read_4k(unsigned long scale)
{
	random_blocks(O_DIRECT, false);
}

static void direct_overwrite_4k(unsigned long scale)
{
	random_blocks(O_DIRECT, true);
}

static void warm_read_4k(unsigned long scale)
{
	random_blocks(0, false);
}

/* Blocks 0, @step, 2 * @step ..., from the start again where the file ends */
static void new_blocks(uint64_t ops, uint64_t step)
{
	void *buf = new_buffer(BLOCK);
	int fd = open_file("file", O_RDWR | O_DIRECT);

	region_begin();
	for (uint64_t i = 0; i < ops; i++)
		write_at(fd, buf, BLOCK, i * step % (FILE_SIZE / BLOCK) * BLOCK);
	region_end(ops);
	close_file(fd);
}

/* In an order like a random one: 12288 blocks and a step that is no factor, so none comes twice */
static void direct_write_unwritten_4k(unsigned long scale)
{
	new_blocks(RANDOM_OPS, 7919);
}

static void direct_append_4k(unsigned long scale)
{
	new_blocks(APPENDS, 1);
}

static void whole_file(int flags, bool write, bool warm, bool sync)
{
	void *buf = new_buffer(MIB);
	int fd = open_file("file", O_RDWR | flags);

	if (warm)
		read_all(fd, buf);
	region_begin();
	for (uint64_t off = 0; off < FILE_SIZE; off += MIB) {
		if (write)
			write_at(fd, buf, MIB, off);
		else
			read_at(fd, buf, MIB, off);
	}
	if (sync && fsync(fd))
		die("fsync");
	region_end(FILE_SIZE / MIB);
	close_file(fd);
}

static void direct_read_1m(unsigned long scale)
{
	whole_file(O_DIRECT, false, true, false);
}

static void direct_write_1m(unsigned long scale)
{
	whole_file(O_DIRECT, true, true, false);
}

static void cold_read_1m(unsigned long scale)
{
	whole_file(0, false, false, false);
}

static void warm_read_1m(unsigned long scale)
{
	whole_file(0, false, true, false);
}

/* A new file; the fsync at the end is part of it */
static void write_1m(unsigned long scale)
{
	whole_file(0, true, false, true);
}

const struct workload data_workloads[] = {
	{ "direct-read-4k", prepare_file, direct_read_4k },
	{ "direct-overwrite-4k", prepare_file, direct_overwrite_4k },
	{ "direct-read-1m", prepare_file, direct_read_1m },
	{ "direct-write-1m", prepare_file, direct_write_1m },
	{ "direct-write-unwritten-4k", prepare_space, direct_write_unwritten_4k },
	{ "direct-append-4k", prepare_empty, direct_append_4k },
	{ "cold-read-1m", prepare_file, cold_read_1m },
	{ "write-1m", prepare_empty, write_1m },
	{ "warm-read-1m", prepare_file, warm_read_1m },
	{ "warm-read-4k", prepare_file, warm_read_4k },
	{ }
};
