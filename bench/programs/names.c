// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is done to names and attributes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

#define FILES		4000
#define ENTRIES		10000
#define WARM_FILES	1000
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

static void stat_files(unsigned long files)
{
	struct stat st;

	for (unsigned long i = 0; i < files; i++)
		if (stat(path("file", i), &st))
			die("stat");
}

static unsigned long or_usual(unsigned long scale, unsigned long usual)
{
	return scale ? scale : usual;
}

static void prepare_dir(unsigned long scale)
{
	make_dir("d");
}

static void prepare_empty_files(unsigned long scale)
{
	make_files(or_usual(scale, FILES), 0);
}

static void prepare_small_files(unsigned long scale)
{
	make_files(or_usual(scale, FILES), SMALL);
}

static void prepare_warm_files(unsigned long scale)
{
	make_files(WARM_FILES, 0);
}

static void prepare_entries(unsigned long scale)
{
	make_files(or_usual(scale, ENTRIES), 0);
}

static void create(unsigned long scale)
{
	unsigned long files = or_usual(scale, FILES);

	region_begin();
	for (unsigned long i = 0; i < files; i++)
		close_file(open_file(path("file", i), O_WRONLY | O_CREAT | O_EXCL));
	region_end(files);
}

static void unlink_files(unsigned long scale)
{
	unsigned long files = or_usual(scale, FILES);

	stat_files(files);
	region_begin();
	for (unsigned long i = 0; i < files; i++)
		if (unlink(path("file", i)))
			die("unlink");
	region_end(files);
}

static void rename_files(unsigned long scale)
{
	unsigned long files = or_usual(scale, FILES);

	stat_files(files);
	region_begin();
	for (unsigned long i = 0; i < files; i++)
		if (rename(path("file", i), path("renamed", i)))
			die("rename");
	region_end(files);
}

static void make_dirs(unsigned long scale)
{
	unsigned long dirs = or_usual(scale, FILES / 2);

	region_begin();
	for (unsigned long i = 0; i < dirs; i++)
		make_dir(path("dir", i));
	region_end(dirs);
}

static void stat_warm(unsigned long scale)
{
	stat_files(WARM_FILES);
	region_begin();
	for (int i = 0; i < 20; i++)
		stat_files(WARM_FILES);
	region_end(20 * WARM_FILES);
}

static void stat_cold(unsigned long scale)
{
	unsigned long files = or_usual(scale, FILES);

	region_begin();
	stat_files(files);
	region_end(files);
}

/* An operation is an entry; "." and ".." come as well. */
static void list(unsigned long scale)
{
	unsigned long want = or_usual(scale, ENTRIES) + 2, got = 0;
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

static void read_files(unsigned long scale)
{
	unsigned long files = or_usual(scale, FILES);
	void *buf = new_buffer(SMALL);

	region_begin();
	for (unsigned long i = 0; i < files; i++) {
		int fd = open_file(path("file", i), O_RDONLY);

		read_at(fd, buf, SMALL, 0);
		close_file(fd);
	}
	region_end(files);
}

const struct workload name_workloads[] = {
	{ "create", prepare_dir, create },
	{ "unlink", prepare_empty_files, unlink_files },
	{ "rename", prepare_empty_files, rename_files },
	{ "mkdir", prepare_dir, make_dirs },
	{ "stat-warm", prepare_warm_files, stat_warm },
	{ "stat-cold", prepare_empty_files, stat_cold },
	{ "readdir", prepare_entries, list },
	{ "open-read-close-cold", prepare_small_files, read_files },
	{ }
};
