// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Preloaded into the server: each write and each flush of one file goes into a log.
 *
 *	RECORD_IO_FILE	the image
 *	RECORD_IO_LOG	the log
 *	RECORD_IO_FAIL	number of the write that fails with EIO, if one is to
 *	RECORD_IO_FAIL_READ	number of the read that does
 *
 * A write is in the log when it is done, a flush when it has returned, with the
 * number of records that were there when it began: only those are durable for sure.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ledger.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_pread)(int, void *, size_t, off_t);
static ssize_t (*real_preadv)(int, const struct iovec *, int, off_t);
static int (*real_fdatasync)(int);
static int log_fd = -1;
static struct stat image;
static uint64_t nr_records, nr_writes, write_to_fail;
static uint64_t nr_reads, read_to_fail;

static void set_up(void)
{
	const char *file = getenv("RECORD_IO_FILE"), *log = getenv("RECORD_IO_LOG");
	const char *fail = getenv("RECORD_IO_FAIL"), *fail_read = getenv("RECORD_IO_FAIL_READ");

	real_pwrite = (ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64");
	real_pread = (ssize_t (*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread64");
	real_fdatasync = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	real_preadv = (ssize_t (*)(int, const struct iovec *, int, off_t))dlsym(RTLD_NEXT,
										"preadv64");
	if (!real_pwrite || !real_pread || !real_preadv || !real_fdatasync)
		abort();
	if (fail)
		write_to_fail = strtoull(fail, NULL, 0);
	if (fail_read)
		read_to_fail = strtoull(fail_read, NULL, 0);
	if (!file || !log || stat(file, &image))
		return;
	log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log_fd < 0)
		abort();
}

static int is_image(int fd)
{
	struct stat st;

	pthread_once(&once, set_up);
	return log_fd >= 0 && !fstat(fd, &st) && st.st_dev == image.st_dev &&
	       st.st_ino == image.st_ino;
}

static void put(const struct record *rec, const void *data)
{
	struct iovec iov[2] = {
		{ (void *)rec, sizeof(*rec) },
		{ (void *)data, rec->type == RECORD_WRITE ? rec->len : 0 },
	};
	ssize_t want = iov[0].iov_len + iov[1].iov_len;

	/* without a whole log there is nothing to test */
	if (writev(log_fd, iov, iov[1].iov_len ? 2 : 1) != want)
		abort();
	nr_records++;
}

static ssize_t do_pwrite(int fd, const void *buf, size_t len, off_t off)
{
	struct record rec = { .type = RECORD_WRITE, .off = off };
	ssize_t n;

	if (!is_image(fd))
		return real_pwrite(fd, buf, len, off);
	pthread_mutex_lock(&lock);
	if (++nr_writes == write_to_fail) {
		pthread_mutex_unlock(&lock);
		errno = EIO;
		return -1;
	}
	n = real_pwrite(fd, buf, len, off);
	if (n > 0) {
		rec.len = n;
		rec.time = now_ns();
		put(&rec, buf);
	}
	pthread_mutex_unlock(&lock);
	return n;
}

/* With 64 bit offsets, as everything here is built, the symbol is pwrite64. */
ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
	return do_pwrite(fd, buf, len, off);
}

static bool is_read_to_fail(int fd)
{
	bool fails;

	if (!is_image(fd))
		return false;
	pthread_mutex_lock(&lock);
	fails = ++nr_reads == read_to_fail;
	pthread_mutex_unlock(&lock);
	if (fails)
		errno = EIO;
	return fails;
}

ssize_t pread(int fd, void *buf, size_t len, off_t off)
{
	return is_read_to_fail(fd) ? -1 : real_pread(fd, buf, len, off);
}

ssize_t preadv(int fd, const struct iovec *iov, int nr, off_t off)
{
	return is_read_to_fail(fd) ? -1 : real_preadv(fd, iov, nr, off);
}

int fdatasync(int fd)
{
	struct record rec = { .type = RECORD_FLUSHED };
	int ret;

	if (!is_image(fd))
		return real_fdatasync(fd);
	pthread_mutex_lock(&lock);
	rec.off = nr_records;
	pthread_mutex_unlock(&lock);
	ret = real_fdatasync(fd);
	if (ret)
		return ret;
	pthread_mutex_lock(&lock);
	rec.time = now_ns();
	put(&rec, NULL);
	pthread_mutex_unlock(&lock);
	return 0;
}
