// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * demo_steps STEP DIR: one of the demo's changes to the file system mounted at
 * DIR: overwrite, append, truncate, punch, rename or delete. Prints the number of
 * files and bytes that were changed.
 *
 * The same tree gives the same changes, byte for byte, whichever file system it
 * is on, so that the results can be compared afterwards. Files to work on are those
 * below DIR/untar, in order of their paths, and the big ones in DIR/demo. The
 * whole file system is synced at the end: a step pays for its own writeback.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define KIB		1024L
#define MIB		(1024L * KIB)
#define MAX_PATHS	20000

enum how { BUFFERED, DIRECT, MAPPED };

static char *paths[MAX_PATHS];
static size_t nr_paths;
static unsigned char *buf;
static unsigned long files, bytes;

static void die(const char *path, const char *what)
{
	fprintf(stderr, "demo_steps: %s: %s: %s\n", path, what, strerror(errno));
	exit(1);
}

static int add_path(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	if (type != FTW_F || !S_ISREG(st->st_mode))
		return 0;
	if (nr_paths == MAX_PATHS) {
		errno = E2BIG;
		return -1;
	}
	paths[nr_paths] = strdup(path);
	return paths[nr_paths++] ? 0 : -1;
}

static int by_pointed_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_paths(void)
{
	if (nftw("untar", add_path, 32, FTW_PHYS))
		die("untar", "walk");
	qsort(paths, nr_paths, sizeof(paths[0]), by_pointed_text);
}

/* No byte is zero, and each depends on where it is going. */
static void fill(size_t len, uint64_t seed)
{
	uint64_t word;
	size_t i;

	for (i = 0; i < len; i += sizeof(word)) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		word = seed | 0x0101010101010101ULL;
		memcpy(buf + i, &word, sizeof(word));
	}
}

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);

	if (fd < 0)
		die(path, "open");
	files++;
	return fd;
}

static void close_file(const char *path, int fd)
{
	if (fsync(fd) || close(fd))
		die(path, "fsync");
}

static off_t size_of(const char *path, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		die(path, "stat");
	return st.st_size;
}

static void write_mapped(const char *path, int fd, size_t len, off_t off)
{
	off_t start = off - off % (4 * KIB);
	unsigned char *map;

	map = mmap(NULL, off + len - start, PROT_READ | PROT_WRITE, MAP_SHARED, fd, start);
	if (map == MAP_FAILED)
		die(path, "mmap");
	memcpy(map + (off - start), buf, len);
	munmap(map, off + len - start);
}

static void put(const char *path, int fd, enum how how, size_t len, off_t off)
{
	fill(len, off + len);
	if (how == MAPPED)
		write_mapped(path, fd, len, off);
	else if (pwrite(fd, buf, len, off) != (ssize_t)len)
		die(path, "write");
	bytes += len;
}

static void scatter(const char *path, enum how how, unsigned int count, size_t len, off_t stride)
{
	int fd = open_file(path, how == DIRECT ? O_RDWR | O_DIRECT : O_RDWR);
	unsigned int i;

	for (i = 0; i < count; i++)
		put(path, fd, how, len, i * stride + how * 4 * MIB);
	close_file(path, fd);
}

static void overwrite(void)
{
	size_t i;
	int fd;

	scatter("demo/big", BUFFERED, 32, 64 * KIB + 123, 31 * MIB + 777);
	scatter("demo/big", DIRECT, 32, 64 * KIB, 31 * MIB);
	scatter("demo/big", MAPPED, 32, 64 * KIB - 321, 31 * MIB + 77);
	scatter("demo/indirect", BUFFERED, 16, 20 * KIB, MIB + 3);
	scatter("demo/indirect", DIRECT, 16, 20 * KIB, MIB);
	/* Into its holes as well: extents grow together. */
	scatter("demo/extents", BUFFERED, 200, 5000, 300 * KIB);
	scatter("demo/sparse", DIRECT, 16, 128 * KIB, 7 * MIB);
	for (i = 0; i < nr_paths; i += 3) {
		off_t size;

		fd = open_file(paths[i], O_RDWR);
		size = size_of(paths[i], fd);
		if (size > MIB)
			size = MIB;
		put(paths[i], fd, BUFFERED, size, 0);
		close(fd);
	}
}

static void append_to(const char *path, int flags, size_t len)
{
	int fd = open_file(path, O_WRONLY | O_APPEND | flags);

	fill(len, len + files);
	if (write(fd, buf, len) != (ssize_t)len)
		die(path, "append");
	bytes += len;
	close_file(path, fd);
}

static void append(void)
{
	size_t i;

	append_to("demo/big", O_DIRECT, MIB);
	append_to("demo/big", 0, MIB - 4097);
	append_to("demo/indirect", 0, 300 * KIB + 1);
	append_to("demo/sparse", 0, 100000);
	append_to("demo/extents", O_DSYNC, 50000);
	for (i = 1; i < nr_paths; i += 12)
		append_to(paths[i], 0, 10000);
}

static void resize(const char *path, off_t (*to)(off_t size))
{
	int fd = open_file(path, O_RDWR);
	off_t size = size_of(path, fd);

	if (ftruncate(fd, to(size)))
		die(path, "truncate");
	bytes += labs(size - to(size));
	close(fd);
}

static off_t half(off_t size)
{
	return size / 2;
}

static off_t more(off_t size)
{
	return size + 20000;
}

static off_t less(off_t size)
{
	return size > 12345678 ? size - 12345678 : 0;
}

static void truncate_step(void)
{
	size_t i;

	resize("demo/big", less);
	resize("demo/big", more);
	resize("demo/indirect", less);
	resize("demo/sparse", more);
	for (i = 2; i < nr_paths; i += 5)
		resize(paths[i], i & 1 ? half : more);
}

static void punch_file(const char *path, unsigned int count, off_t len, off_t stride)
{
	int fd = open_file(path, O_RDWR);
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, i * stride + 1000,
			      len))
			die(path, "punch");
		bytes += len;
	}
	close_file(path, fd);
}

static void punch(void)
{
	punch_file("demo/big", 64, 100000, 15 * MIB);
	punch_file("demo/extents", 100, 30000, 700 * KIB);
	punch_file("demo/indirect", 8, 200000, MIB);
	punch_file("demo/sparse", 1, MIB, 0);
}

static void move(const char *from, const char *to)
{
	if (rename(from, to))
		die(from, "rename");
	files++;
}

static void rename_step(void)
{
	char to[64];
	size_t i;

	if (mkdir("renamed", 0755))
		die("renamed", "mkdir");
	for (i = 0; i + 2 < nr_paths; i += 8) {
		snprintf(to, sizeof(to), "renamed/%zu", i);
		move(paths[i], to);
		/* over one that exists */
		move(paths[i + 1], paths[i + 2]);
	}
	move("demo/odd/deep/er", "renamed/er");
	move("demo/odd/acl", "renamed/acl");
}

static void delete_file(const char *path)
{
	if (unlink(path))
		die(path, "unlink");
	files++;
}

static void delete_step(void)
{
	size_t i;

	for (i = 3; i < nr_paths; i += 7)
		delete_file(paths[i]);
	delete_file("demo/extents");
	delete_file("demo/odd/hard2");
	delete_file("demo/odd/long-link");
	delete_file("demo/odd/fifo");
	if (rmdir("demo/odd/empty"))
		die("demo/odd/empty", "rmdir");
}

static const struct {
	const char *name;
	void (*run)(void);
} steps[] = {
	{ "overwrite",	overwrite },
	{ "append",	append },
	{ "truncate",	truncate_step },
	{ "punch",	punch },
	{ "rename",	rename_step },
	{ "delete",	delete_step },
};

int main(int argc, char **argv)
{
	size_t i;
	int dir;

	for (i = 0; argc == 3 && i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (strcmp(steps[i].name, argv[1]))
			continue;
		if (chdir(argv[2]) || posix_memalign((void **)&buf, 4 * KIB, 2 * MIB))
			die(argv[2], "start");
		list_paths();
		steps[i].run();
		dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0 || syncfs(dir))
			die(argv[2], "syncfs");
		printf("%lu %lu\n", files, bytes);
		return 0;
	}
	fprintf(stderr, "usage: demo_steps overwrite|append|truncate|punch|rename|delete DIR\n");
	return 2;
}
