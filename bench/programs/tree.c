// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A tree of 5,000 files like a program's sources: unpacked, counted, searched, by the
 * programs that people use.  The archive, BENCH_TAR in the environment, is made by
 * make_tree from the same numbers each time.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"

#define FILES	5000

static const char *archive(void)
{
	const char *path = getenv("BENCH_TAR");

	if (!path)
		die("BENCH_TAR");
	return path;
}

static void unpack(void)
{
	run_program((const char *[]){ "tar", "-xf", archive(), NULL });
}

static void prepare_nothing(unsigned long scale)
{
}

static void prepare_tree(unsigned long scale)
{
	unpack();
}

/* With what it takes until all is on the disk */
static void untar(unsigned long scale)
{
	int fd = open_file(".", O_RDONLY | O_DIRECTORY);

	region_begin();
	unpack();
	if (syncfs(fd))
		die("syncfs");
	region_end(FILES);
	close_file(fd);
}

static void du(unsigned long scale)
{
	region_begin();
	run_program((const char *[]){ "du", "-s", ".", NULL });
	region_end(FILES);
}

static void grep(unsigned long scale)
{
	/* status 1 without a match would count as a failure: there is one */
	region_begin();
	run_program((const char *[]){ "grep", "-r", "the only file with this line", ".", NULL });
	region_end(FILES);
}

const struct workload tree_workloads[] = {
	{ "untar", prepare_nothing, untar },
	{ "du-cold", prepare_tree, du },
	{ "grep-cold", prepare_tree, grep },
	{ }
};
