// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Things that grow: a file of many extents, and how long a mount takes.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

#define BLOCK	(4 * KIB)
#define READS	20000
#define PUNCHES	1000

static void prepare_nothing(unsigned long scale)
{
}

/*
 * File 0 of make_fragmented has one extent a block, @extents of them.  The first reads
 * find nothing cached; those after @before reads find what these have left.
 */
static void read_extents(unsigned long extents, unsigned long before)
{
	void *buf = new_buffer(BLOCK);
	int fd = open_file("0", O_RDONLY | O_DIRECT);

	while (before--)
		read_at(fd, buf, BLOCK, rnd(extents) * BLOCK);
	region_begin();
	for (int i = 0; i < READS; i++)
		read_at(fd, buf, BLOCK, rnd(extents) * BLOCK);
	region_end(READS);
	close_file(fd);
}

static void extents_cold(unsigned long scale)
{
	read_extents(scale, 0);
}

static void extents_warm(unsigned long scale)
{
	read_extents(scale, READS);
}

/* Blocks taken out of it, each once: what changes an extent costs */
static void extents_punch(unsigned long scale)
{
	unsigned long ops = scale < PUNCHES ? scale : PUNCHES;
	int fd = open_file("0", O_RDWR);

	region_begin();
	/* a prime number that is no factor of a power of ten */
	for (uint64_t i = 0; i < ops; i++)
		if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, i * 7919 % scale * BLOCK, BLOCK))
			die("fallocate");
	region_end(ops);
	close_file(fd);
}

/* BENCH_COMMAND until BENCH_DIR can be looked at */
static void mount_image(unsigned long scale)
{
	const char *command = getenv("BENCH_COMMAND"), *dir = getenv("BENCH_DIR");
	struct stat st;

	if (!command || !dir)
		die("BENCH_COMMAND and BENCH_DIR");
	region_begin();
	run_program((const char *[]){ "sh", "-c", command, NULL });
	if (stat(dir, &st))
		die(dir);
	region_end(1);
}

const struct workload scaling_workloads[] = {
	{ "extents-read-cold", prepare_nothing, extents_cold },
	{ "extents-read", prepare_nothing, extents_warm },
	{ "extents-punch", prepare_nothing, extents_punch },
	{ "mount", prepare_nothing, mount_image },
	{ }
};
