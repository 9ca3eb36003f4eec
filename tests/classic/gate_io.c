// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Preloaded into the server: while a file is there, I/O of the image waits.
 *
 *	GATE_IO_IMAGE	the image
 *	GATE_IO_GATE	the beginning of the files' names:
 *
 *	$GATE_IO_GATE		reads wait
 *	$GATE_IO_GATE.flush	flushes wait
 *	$GATE_IO_GATE.write	writes wait that touch the bytes it names, "FROM TO"
 *
 * and each of these with .waiting behind it gets a line with the position and the length of
 * each one that waits.  $GATE_IO_GATE.flushes, if it is there, gets a line for each flush;
 * while there is $GATE_IO_GATE.broken flushes fail.
 *
 * So a device of any slowness, and what happens meanwhile doesn't depend on how fast the
 * machine is.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct gate {
	char shut[PATH_MAX], waiting[PATH_MAX];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static ssize_t (*real_pread)(int, void *, size_t, off_t);
static ssize_t (*real_preadv)(int, const struct iovec *, int, off_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fdatasync)(int);
static struct gate reads, writes, flushes;
static char counted[PATH_MAX], broken[PATH_MAX];
static bool in_use;
static struct stat image;

static void set_name(char *name, const char *first, const char *second, const char *third)
{
	if (snprintf(name, PATH_MAX, "%s%s%s", first, second, third) >= PATH_MAX)
		abort();
}

static void set_gate(struct gate *g, const char *first, const char *second)
{
	set_name(g->shut, first, second, "");
	set_name(g->waiting, first, second, ".waiting");
}

static void set_up(void)
{
	const char *file = getenv("GATE_IO_IMAGE"), *gate = getenv("GATE_IO_GATE");

	real_pread = (ssize_t (*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread64");
	real_preadv = (ssize_t (*)(int, const struct iovec *, int, off_t))dlsym(RTLD_NEXT,
										"preadv64");
	real_pwrite = (ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64");
	real_fdatasync = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	if (!real_pread || !real_preadv || !real_pwrite || !real_fdatasync)
		abort();
	if (!gate || !file || stat(file, &image))
		return;
	set_gate(&reads, gate, "");
	set_gate(&writes, gate, ".write");
	set_gate(&flushes, gate, ".flush");
	set_name(counted, gate, ".flushes", "");
	set_name(broken, gate, ".broken", "");
	in_use = true;
}

static bool is_image(int fd)
{
	struct stat st;

	pthread_once(&once, set_up);
	return in_use && !fstat(fd, &st) && st.st_dev == image.st_dev &&
	       st.st_ino == image.st_ino;
}

/* The bytes that the gate is for: all, if it doesn't name any */
static bool is_shut(const struct gate *g, off_t off, size_t len)
{
	long long from, to;
	FILE *f = fopen(g->shut, "re");
	bool shut = f;

	if (f && fscanf(f, "%lld %lld", &from, &to) == 2)
		shut = off < to && off + (off_t)len > from;
	if (f)
		fclose(f);
	return shut;
}

static void tell(const char *file, off_t off, size_t len, int flags)
{
	int fd = open(file, O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0600);
	char line[64];
	int n = snprintf(line, sizeof(line), "%lld %zu\n", (long long)off, len);

	if (fd < 0 && !flags)
		return;
	/* the test would wait for it in vain */
	if (fd < 0 || write(fd, line, n) != n)
		abort();
	close(fd);
}

static void pass(const struct gate *g, int fd, off_t off, size_t len)
{
	if (is_image(fd) && is_shut(g, off, len)) {
		tell(g->waiting, off, len, O_CREAT);
		while (is_shut(g, off, len))
			usleep(10000);
	}
}

/* With 64 bit offsets, as everything here is built, the symbol is pread64. */
ssize_t pread(int fd, void *buf, size_t len, off_t off)
{
	/* statfs looks at the superblock, with no lock held: nobody else waits for that */
	if (off)
		pass(&reads, fd, off, len);
	return real_pread(fd, buf, len, off);
}

ssize_t preadv(int fd, const struct iovec *iov, int nr, off_t off)
{
	size_t len = 0;

	for (int i = 0; i < nr; i++)
		len += iov[i].iov_len;
	pass(&reads, fd, off, len);
	return real_preadv(fd, iov, nr, off);
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
	pass(&writes, fd, off, len);
	return real_pwrite(fd, buf, len, off);
}

int fdatasync(int fd)
{
	pass(&flushes, fd, 0, 0);
	if (is_image(fd)) {
		tell(counted, 0, 0, 0);
		if (!access(broken, F_OK)) {
			errno = EIO;
			return -1;
		}
	}
	return real_fdatasync(fd);
}
