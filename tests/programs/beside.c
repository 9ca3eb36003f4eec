// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * beside DIR SECONDS: two files of DIR are changed in all ways that give space back, by a process
 * each, so that one gets what the other has just had, while others read them. Each
 * word of eight bytes that is written says whose it is. A reader that finds one of the other
 * file, or of nobody, says so, and the exit status is 1; it prints how often was read and changed.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK		4096
#define BLOCKS		256	/* of a file, at most */
#define MOST		16	/* blocks, of an operation */
#define WORDS		(MOST * BLOCK / sizeof(uint64_t))

enum reader { BUFFERED, NOWAIT, DIRECT, NR_READERS };

static uint64_t *buf;
static time_t end;

static uint64_t word_of(int file)
{
	return file ? 0xbbbbbbbbbbbbbbbbULL : 0xaaaaaaaaaaaaaaaaULL;
}

static int open_file(const char *dir, int file, int flags)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/beside%d", dir, file);
	fd = open(path, O_RDWR | O_CREAT | flags, 0644);
	if (fd < 0)
		err(2, "%s", path);
	return fd;
}

static void check(int res, const char *what)
{
	/* a file may have become too short or too long for it, or there is no space just now */
	if (res < 0 && errno != EINVAL && errno != ENOSPC && errno != EFBIG)
		err(2, "%s", what);
}

static void change(int fd, int direct_fd, int file)
{
	off_t pos = (off_t)(random() % BLOCKS) * BLOCK;
	off_t len = (off_t)(1 + random() % MOST) * BLOCK;
	int odd = random() % (BLOCK / 8) * 8;

	for (size_t i = 0; i < WORDS; i++)
		buf[i] = word_of(file);
	switch (random() % 12) {
	case 0: case 1: case 2:
		check(pwrite(fd, buf, len - odd, pos + odd), "write");
		break;
	case 3: case 4:
		check(pwrite(direct_fd, buf, len, pos), "direct write");
		break;
	case 5:
		check(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, pos + odd, len), "punch");
		break;
	case 6:
		check(fallocate(fd, FALLOC_FL_ZERO_RANGE, pos + odd, len), "zero");
		break;
	case 7:
		check(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, pos, len), "collapse");
		break;
	case 8:
		if (lseek(fd, 0, SEEK_END) < BLOCKS * BLOCK)
			check(fallocate(fd, FALLOC_FL_INSERT_RANGE, pos, len), "insert");
		break;
	case 9:
		check(ftruncate(fd, pos + odd), "truncate");
		break;
	case 10:
		check(fallocate(fd, 0, pos, len), "allocate");
		break;
	default:
		check(fsync(fd), "fsync");
	}
}

static void look(int fd, int file, enum reader reader)
{
	off_t pos = (off_t)(random() % BLOCKS) * BLOCK;
	struct iovec v = { .iov_base = buf, .iov_len = (size_t)(1 + random() % MOST) * BLOCK };
	ssize_t len = preadv2(fd, &v, 1, pos, reader == NOWAIT ? RWF_NOWAIT : 0);

	if (len < 0 && (reader != NOWAIT || errno != EAGAIN))
		err(2, "read");
	for (ssize_t i = 0; i < len / (ssize_t)sizeof(*buf); i++) {
		if (buf[i] && buf[i] != word_of(file))
			errx(1, "file %d, reader %d: %016llx at %lld", file, reader,
			     (unsigned long long)buf[i], (long long)pos + i * 8);
	}
}

static void run(const char *dir, int file, int reader)
{
	int fd = open_file(dir, file, reader == DIRECT ? O_DIRECT : 0);
	int direct_fd = open_file(dir, file, O_DIRECT);
	unsigned long count;

	srandom(file * 10 + reader + 1);
	for (count = 0; time(NULL) < end; count++) {
		if (reader < NR_READERS)
			look(fd, file, reader);
		else
			change(fd, direct_fd, file);
	}
	printf("file %d, %s: %lu\n", file, reader < NR_READERS ? "reads" : "changes", count);
	exit(0);
}

int main(int argc, char **argv)
{
	int status, bad = 0;

	if (argc != 3)
		errx(2, "usage: beside DIR SECONDS");
	if (posix_memalign((void **)&buf, BLOCK, MOST * BLOCK))
		errx(2, "no memory");
	end = time(NULL) + atoi(argv[2]);
	for (int i = 0; i < 2 * (NR_READERS + 1); i++) {
		fflush(stdout);
		if (!fork())
			run(argv[1], i % 2, i / 2);
	}
	while (wait(&status) > 0)
		bad |= status;
	return bad != 0;
}
