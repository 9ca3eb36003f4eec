// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The caller's side: do to each file what the table says, and see that the error
 * is the right one, that the file has kept its size, and that the mount lives.
 *
 * Each operation runs in a process of its own, which is killed when it takes too
 * long: an operation that hangs is a failure like any other, and one that a
 * signal can't end is reported as such.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include "hostile.h"

#define PATIENCE	10	/* s, for an operation that ends */
#define NEVER_PATIENCE	1	/* s, for one that does not */
/* exit statuses of the process beside errno values, which are below 134 */
#define WAS_SIGBUS	200
#define WAS_TIMEOUT	201	/* and a signal ended it */
#define WAS_UNKILLABLE	202
#define WAS_BAD_SIZE	203
#define WAS_ODD		204

static const struct op_name {
	enum hostile_op op;
	const char *name;
} op_names[] = {
	{ OP_READ,	"direct-read" },
	{ OP_BREAD,	"buffered-read" },
	{ OP_WRITE,	"buffered-write" },
	{ OP_DWRITE,	"direct-write" },
	{ OP_SYNC,	"write-fsync" },
	{ OP_FAULT,	"mmap-load" },
	{ OP_FIEMAP,	"fiemap" },
	{ OP_SEEK,	"seek-data" },
	{ OP_TRUNCATE,	"truncate" },
};
#define NR_OPS	(sizeof(op_names) / sizeof(op_names[0]))

static const struct error_name {
	int error;
	const char *name;
} error_names[] = {
	{ 0, "0" }, { EIO, "EIO" }, { EUCLEAN, "EUCLEAN" }, { EACCES, "EACCES" },
	{ ENOSPC, "ENOSPC" }, { ENOMEM, "ENOMEM" }, { EINVAL, "EINVAL" }, { EINTR, "EINTR" },
	{ ENOSYS, "ENOSYS" }, { ENOTBLK, "ENOTBLK" }, { ENOTCONN, "ENOTCONN" },
	{ EPERM, "EPERM" }, { ENOENT, "ENOENT" }, { EFBIG, "EFBIG" }, { EBADF, "EBADF" },
	{ EOPNOTSUPP, "EOPNOTSUPP" }, { ECONNREFUSED, "ECONNREFUSED" },
	{ ECONNABORTED, "ECONNABORTED" }, { EROFS, "EROFS" },
	{ WAS_SIGBUS, "SIGBUS" }, { WAS_TIMEOUT, "SIGKILL" },
	{ WAS_UNKILLABLE, "a hang that SIGKILL does not end" },
	{ WAS_BAD_SIZE, "a changed file size" }, { WAS_ODD, "an odd result" },
};

const char *hostile_op_name(enum hostile_op op)
{
	size_t i;

	for (i = 0; i < NR_OPS; i++)
		if (op_names[i].op == op)
			return op_names[i].name;
	return "unknown";
}

static const char *error_name(int error)
{
	static char other[16];
	size_t i;

	for (i = 0; i < sizeof(error_names) / sizeof(error_names[0]); i++)
		if (error_names[i].error == error)
			return error_names[i].name;
	snprintf(other, sizeof(other), "errno %d", error);
	return other;
}

/*
 * The rule's errors, and EIO for what passes through the page cache: iomap's
 * read_folio has no way to return another error.
 */
static bool is_expected(const struct hostile_rule *rule, enum hostile_op op, int error)
{
	const char *name = error_name(error), *p = rule->errors;
	size_t len = strlen(name);

	if (error == EIO && op == OP_BREAD && strcmp(rule->errors, "0"))
		return true;
	for (; p; p = strchr(p, '|')) {
		p += *p == '|';
		if (!strncmp(p, name, len) && (p[len] == '|' || !p[len]))
			return true;
	}
	return false;
}

void hostile_list(void)
{
	const struct hostile_file *files;
	unsigned int nr = hostile_files(&files), i;
	size_t o;

	for (i = 0; i < nr; i++)
		for (o = 0; o < NR_OPS; o++)
			if (files[i].rule->ops & op_names[o].op)
				printf("%s\t%s\t%s\n", files[i].name, op_names[o].name,
				       files[i].rule->errors);
}

static int result(ssize_t n, size_t want)
{
	if (n < 0)
		return errno;
	return (size_t)n == want ? 0 : WAS_ODD;
}

static void on_sigbus(int sig)
{
	_exit(WAS_SIGBUS);
}

static int do_fault(int fd)
{
	volatile char *map;

	signal(SIGBUS, on_sigbus);
	map = mmap(NULL, HOSTILE_FILE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return errno;
	(void)map[HOSTILE_POS];
	return 0;
}

static int do_fiemap(int fd)
{
	const unsigned int extents = 4;
	struct fiemap *map;
	int res;

	map = calloc(1, sizeof(*map) + extents * sizeof(struct fiemap_extent));
	if (!map)
		return ENOMEM;
	map->fm_start = HOSTILE_POS;
	map->fm_length = HOSTILE_BLOCK;
	map->fm_extent_count = extents;
	res = ioctl(fd, FS_IOC_FIEMAP, map) < 0 ? errno : 0;
	free(map);
	return res;
}

static int do_op(const char *path, const struct hostile_rule *rule, enum hostile_op op)
{
	size_t len = HOSTILE_BLOCK;
	off_t pos = HOSTILE_POS;
	int fd, flags = O_RDWR;
	struct stat before, after;
	int res = WAS_ODD;
	void *buf;

	if (op == OP_READ || op == OP_DWRITE)
		flags |= O_DIRECT;
	fd = open(path, flags);
	if (fd < 0 || fstat(fd, &before) < 0)
		return errno;
	if (posix_memalign(&buf, HOSTILE_BLOCK, len))
		return ENOMEM;
	memset(buf, 0x5a, len);
	if (rule->size) {
		/* a small file: all of it */
		pos = 0;
		len = rule->size;
	}
	switch (op) {
	case OP_BREAD:
		/* not what a write has left in the cache */
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		/* fall through */
	case OP_READ:
		res = result(pread(fd, buf, len, pos), len);
		break;
	case OP_WRITE:
	case OP_DWRITE:
		res = result(pwrite(fd, buf, len, pos), len);
		break;
	case OP_SYNC:
		res = result(pwrite(fd, buf, len, pos), len);
		if (!res && fsync(fd) < 0)
			res = errno;
		break;
	case OP_FAULT:
		res = do_fault(fd);
		break;
	case OP_FIEMAP:
		res = do_fiemap(fd);
		break;
	case OP_SEEK:
		res = lseek(fd, pos, SEEK_DATA) < 0 ? errno : 0;
		break;
	case OP_TRUNCATE:
		/* a longer file: its last block has to be found before the server is asked */
		res = ftruncate(fd, before.st_size + 100) < 0 ? errno : 0;
		break;
	}
	if (fstat(fd, &after) < 0)
		return errno;
	return after.st_size == before.st_size ? res : WAS_BAD_SIZE;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static bool wait_for(pid_t pid, int *status, double seconds)
{
	double end = now() + seconds;

	do {
		if (waitpid(pid, status, WNOHANG) == pid)
			return true;
		usleep(1000);
	} while (now() < end);
	return false;
}

static int do_op_apart(const char *path, const struct hostile_rule *rule, enum hostile_op op)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		err(2, "fork");
	if (pid == 0)
		_exit(do_op(path, rule, op));
	if (!wait_for(pid, &status, rule->answer == ANSWER_NEVER ? NEVER_PATIENCE : PATIENCE)) {
		kill(pid, SIGKILL);
		return wait_for(pid, &status, PATIENCE) ? WAS_TIMEOUT : WAS_UNKILLABLE;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : WAS_ODD;
}

static bool lives(const char *dir, const struct hostile_file *good)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, good->name);
	return do_op_apart(path, good->rule, OP_READ) == 0;
}

int hostile_check(const char *dir, const char *name, enum hostile_keeping keeping)
{
	const struct hostile_file *files, *file;
	unsigned int nr = hostile_files(&files), done = 0, failed = 0;
	char path[4096];
	int error;
	size_t o;

	for (file = files; file < files + nr; file++) {
		if (name ? strcmp(name, file->name) :
			   file->rule->by_name_only || file->rule->keeping != keeping)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, file->name);
		for (o = 0; o < NR_OPS; o++) {
			if (!(file->rule->ops & op_names[o].op))
				continue;
			error = do_op_apart(path, file->rule, op_names[o].op);
			done++;
			if (is_expected(file->rule, op_names[o].op, error)) {
				printf("ok %s %s: %s\n", file->name, op_names[o].name,
				       error_name(error));
			} else {
				failed++;
				printf("not ok %s %s: %s instead of %s\n", file->name,
				       op_names[o].name, error_name(error),
				       file->rule->errors);
			}
		}
		if (!lives(dir, &files[0])) {
			printf("not ok %s: the mount does not live on\n", file->name);
			return 1;
		}
	}
	if (!done)
		errx(2, "no such file: %s", name ? name : "any");
	printf("%u operations, %u wrong\n", done, failed);
	return failed ? 1 : 0;
}
