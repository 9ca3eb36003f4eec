// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Preloaded into the server: while a file is there, reads of the image wait.
 *
 *	GATE_IO_IMAGE	the image
 *	GATE_IO_GATE	the file; $GATE_IO_GATE.waiting gets a line with the position and the
 *			length of each read that waits
 *
 * So a device of any slowness, and what happens meanwhile doesn't depend on how fast the
 * machine is.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static ssize_t (*real_pread)(int, void *, size_t, off_t);
static ssize_t (*real_preadv)(int, const struct iovec *, int, off_t);
static const char *gate;
static char waiting[PATH_MAX];
static struct stat image;

static void set_up(void)
{
	const char *file = getenv("GATE_IO_IMAGE");

	real_pread = (ssize_t (*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread64");
	real_preadv = (ssize_t (*)(int, const struct iovec *, int, off_t))dlsym(RTLD_NEXT,
										"preadv64");
	if (!real_pread || !real_preadv)
		abort();
	gate = getenv("GATE_IO_GATE");
	if (!gate || !file || stat(file, &image) ||
	    snprintf(waiting, sizeof(waiting), "%s.waiting", gate) >= (int)sizeof(waiting))
		gate = NULL;
}

static bool is_shut(int fd)
{
	struct stat st;

	return gate && !access(gate, F_OK) && !fstat(fd, &st) && st.st_dev == image.st_dev &&
	       st.st_ino == image.st_ino;
}

static void tell(off_t off, size_t len)
{
	int fd = open(waiting, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	char line[64];
	int n = snprintf(line, sizeof(line), "%lld %zu\n", (long long)off, len);

	/* the test would wait for it in vain */
	if (fd < 0 || write(fd, line, n) != n)
		abort();
	close(fd);
}

static void pass(int fd, off_t off, size_t len)
{
	pthread_once(&once, set_up);
	if (is_shut(fd)) {
		tell(off, len);
		while (is_shut(fd))
			usleep(10000);
	}
}

/* With 64 bit offsets, as everything here is built, the symbol is pread64. */
ssize_t pread(int fd, void *buf, size_t len, off_t off)
{
	pass(fd, off, len);
	return real_pread(fd, buf, len, off);
}

ssize_t preadv(int fd, const struct iovec *iov, int nr, off_t off)
{
	size_t len = 0;

	for (int i = 0; i < nr; i++)
		len += iov[i].iov_len;
	pass(fd, off, len);
	return real_preadv(fd, iov, nr, off);
}
