// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is done to names and attributes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

#define FILES		4000
#define DIRS		2000
#define ENTRIES		10000
#define WARM_FILES	1000
#define GROWN_OPS	1000
#define SMALL		(4 * KIB)

static const char *path(const char *prefix, unsigned long i)
{
	static char buf[2][64];
	static int which;

	which = !which;
	snprintf(buf[which], sizeof(buf[which]), "d/%s%lu", prefix, i);
	return buf[which];
}

static void make_dir(const char *name)
{
	if (mkdir(name, 0755))
		die(name);
}

static void make_files(unsigned long files, uint64_t len)
{
	make_dir("d");
	for (unsigned long i = 0; i < files; i++)
		make_file(path("file", i), len);
}

/* As many as there are to be before new ones come */
static void prepare_dir(unsigned long scale)
{
	make_files(scale, 0);
}

static void prepare_dirs(unsigned long scale)
{
	make_dir("d");
}

static void prepare_empty_files(unsigned long scale)
{
	make_files(scale ? scale : FILES, 0);
}

static void prepare_small_files(unsigned long scale)
{
	make_files(FILES, SMALL);
}

static void prepare_warm_files(unsigned long scale)
{
	make_files(WARM_FILES, 0);
}

static void prepare_entries(unsigned long scale)
{
	make_files(scale ? scale : ENTRIES, 0);
}

static void create_file(unsigned long i)
{
	close_file(open_file(path("new", i), O_WRONLY | O_CREAT | O_EXCL));
}

static void unlink_file(unsigned long i)
{
	if (unlink(path("file", i)))
		die("unlink");
}

static void rename_file(unsigned long i)
{
	if (rename(path("file", i), path("renamed", i)))
		die("rename");
}

static void make_one_dir(unsigned long i)
{
	make_dir(path("dir", i));
}

static void stat_file(unsigned long i)
{
	struct stat st;

	if (stat(path("file", i), &st))
		die("stat");
}

static void read_small_file(unsigned long i)
{
	static char buf[SMALL];
	int fd = open_file(path("file", i), O_RDONLY);

	read_at(fd, buf, SMALL, 0);
	close_file(fd);
}

/*
 * @op for all @files one after the other; or, in a directory of @scale files, for at most
 * GROWN_OPS of them in an order like a random one: what it costs in one so large.
 */
static void for_files(unsigned long files, unsigned long scale, void (*op)(unsigned long i),
		      bool measure)
{
	if (scale)
		files = scale < GROWN_OPS ? scale : GROWN_OPS;
	if (measure)
		region_begin();
	/* a prime number that is no factor of a power of ten: none comes twice */
	for (unsigned long i = 0; i < files; i++)
		op(scale ? i * 7919 % scale : i);
	if (measure)
		region_end(files);
}

static void create(unsigned long scale)
{
	for_files(FILES, scale, create_file, true);
}

static void unlink_files(unsigned long scale)
{
	for_files(FILES, scale, stat_file, false);
	for_files(FILES, scale, unlink_file, true);
}

static void rename_files(unsigned long scale)
{
	for_files(FILES, scale, stat_file, false);
	for_files(FILES, scale, rename_file, true);
}

static void make_dirs(unsigned long scale)
{
	for_files(DIRS, 0, make_one_dir, true);
}

static void stat_warm(unsigned long scale)
{
	for_files(WARM_FILES, 0, stat_file, false);
	region_begin();
	for (int i = 0; i < 20; i++)
		for_files(WARM_FILES, 0, stat_file, false);
	region_end(20 * WARM_FILES);
}

static void stat_cold(unsigned long scale)
{
	for_files(FILES, scale, stat_file, true);
}

static void read_files(unsigned long scale)
{
	for_files(FILES, 0, read_small_file, true);
}

/* An operation is an entry; "." and ".." come as well. */
static void list(unsigned long scale)
{
	unsigned long want = (scale ? scale : ENTRIES) + 2, got = 0;
	DIR *dir;

	region_begin();
	dir = opendir("d");
	if (!dir)
		die("opendir");
	errno = 0;
	while (readdir(dir))
		got++;
	if (errno || got != want)
		die("readdir");
	closedir(dir);
	region_end(want);
}

const struct workload name_workloads[] = {
	{ "create", prepare_dir, create },
	{ "unlink", prepare_empty_files, unlink_files },
	{ "rename", prepare_empty_files, rename_files },
	{ "mkdir", prepare_dirs, make_dirs },
	{ "stat-warm", prepare_warm_files, stat_warm },
	{ "stat-cold", prepare_empty_files, stat_cold },
	{ "readdir", prepare_entries, list },
	{ "open-read-close-cold", prepare_small_files, read_files },
	{ }
};
