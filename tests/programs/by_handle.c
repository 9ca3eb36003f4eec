// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * by_handle: file handles, as NFS servers and backup programs use them.
 *
 *	by_handle get FILE HANDLE		write the handle of FILE to the file HANDLE
 *	by_handle cat DIR HANDLE		print what the file of HANDLE holds; DIR is any
 *						directory of its mount
 *	by_handle path DIR HANDLE		print the path of the directory of HANDLE
 *	by_handle forge HANDLE INO GENERATION	another node and generation in a handle
 *
 * The exit status is 0, or the errno of the call that failed.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

union handle {
	struct file_handle fh;
	char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
};

static int failed(const char *what)
{
	int err = errno;

	warn("%s", what);
	return err;
}

static int save(const char *path, const union handle *h)
{
	FILE *f = fopen(path, "w");

	if (!f || fwrite(h, sizeof(*h), 1, f) != 1 || fclose(f))
		return failed(path);
	return 0;
}

static void load(const char *path, union handle *h)
{
	FILE *f = fopen(path, "r");

	if (!f || fread(h, sizeof(*h), 1, f) != 1)
		err(EXIT_FAILURE, "%s", path);
	fclose(f);
}

static int get(const char *file, const char *path)
{
	union handle h = { .fh.handle_bytes = MAX_HANDLE_SZ };
	int mount_id;

	if (name_to_handle_at(AT_FDCWD, file, &h.fh, &mount_id, 0))
		return failed(file);
	return save(path, &h);
}

static int open_handle(const char *dir, const char *path, int flags)
{
	union handle h;
	int dirfd, fd;

	load(path, &h);
	dirfd = open(dir, O_RDONLY | O_DIRECTORY);
	if (dirfd < 0)
		err(EXIT_FAILURE, "%s", dir);
	fd = open_by_handle_at(dirfd, &h.fh, flags);
	close(dirfd);
	return fd;
}

static int cat(const char *dir, const char *path)
{
	int fd = open_handle(dir, path, O_RDONLY);
	char buf[4096];
	ssize_t n;

	if (fd < 0)
		return failed("open_by_handle_at");
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (fwrite(buf, n, 1, stdout) != 1)
			return failed("stdout");
	return n < 0 ? failed("read") : 0;
}

static int print_path(const char *dir, const char *path)
{
	int fd = open_handle(dir, path, O_RDONLY | O_DIRECTORY);
	char link[64], name[PATH_MAX];
	ssize_t n;

	if (fd < 0)
		return failed("open_by_handle_at");
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, name, sizeof(name) - 1);
	if (n < 0)
		return failed("readlink");
	printf("%.*s\n", (int)n, name);
	return 0;
}

/* The FUSE client's handles: node id, upper half first, and generation */
static int forge(const char *path, const char *node, const char *generation)
{
	uint32_t words[3] = { 0, strtoul(node, NULL, 0), strtoul(generation, NULL, 0) };
	union handle h;

	load(path, &h);
	memcpy(h.fh.f_handle, words, sizeof(words));
	return save(path, &h);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "get"))
		return get(argv[2], argv[3]);
	if (argc == 4 && !strcmp(argv[1], "cat"))
		return cat(argv[2], argv[3]);
	if (argc == 4 && !strcmp(argv[1], "path"))
		return print_path(argv[2], argv[3]);
	if (argc == 5 && !strcmp(argv[1], "forge"))
		return forge(argv[2], argv[3], argv[4]);
	errx(EXIT_FAILURE, "usage: by_handle get|cat|path|forge ...");
}
