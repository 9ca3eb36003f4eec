// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * random_io [--flush] FILE MODEL SEED OPS [MAXSIZE]: random I/O on one file.
 *
 * MODEL, a copy of FILE, is read into memory; then each operation is done to FILE and to
 * the memory, what is read from FILE is compared, and at the end the memory is written to
 * MODEL, so that FILE can be compared with it again later. Operations are writes by system
 * call, direct (whole blocks and sectors) and by mapping, truncation, holes, unsharing,
 * fsync and dropping of the page cache, and reads in the same three ways. What FILE's file
 * system does not have (EOPNOTSUPP) leaves the bytes as they are.
 *
 * --flush: another thread writes FILE back all the time, so that operations meet pages
 * under writeback. MAXSIZE: bytes, 1 MiB if it is not given.
 *
 * Exit status: 0 no difference, 1 a difference or an error, which is told, 2 wrong usage.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR	512
#define PAGE	4096
#define MAX_LEN	(96 * 1024)

static const char *path;
static unsigned char *model, *buf;
static size_t size, max_size = 1 << 20;
static int fd, direct_fd;
static uint64_t rng;
static unsigned long number;	/* of the operation, for messages */
static const char *doing = "open";
static size_t at, amount;
static atomic_bool finished;

static uint64_t random_below(uint64_t bound)
{
	uint64_t z = rng += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return bound ? (z ^ (z >> 31)) % bound : 0;
}

static __attribute__((noreturn)) void broken(const char *what)
{
	errx(1, "%s: operation %lu, %s %zu+%zu of %zu: %s", path, number, doing, at, amount,
	     size, what);
}

static void check(bool ok)
{
	if (!ok)
		broken(strerror(errno));
}

static void pick(const char *name, size_t unit, size_t limit)
{
	doing = name;
	at = random_below(limit);
	amount = 1 + random_below(random_below(3) ? 3 * PAGE : MAX_LEN);
	if (!random_below(3))
		unit = unit > PAGE ? unit : PAGE;
	at -= at % unit;
	amount = (amount + unit - 1) / unit * unit;
	if (amount > limit - at)
		amount = limit - at;
	amount -= amount % unit;
}

static void fill_buf(void)
{
	unsigned char byte = 1 + random_below(255);
	size_t i;

	for (i = 0; i < amount; i++)
		buf[i] = byte + i / 61;
}

static void written(void)
{
	memcpy(model + at, buf, amount);
	if (at + amount > size)
		size = at + amount;
}

static void do_write(int to, const char *name, size_t unit)
{
	ssize_t n;

	pick(name, unit, max_size);
	fill_buf();
	n = pwrite(to, buf, amount, at);
	check(n >= 0);
	if ((size_t)n != amount)
		broken("short write");
	written();
}

static void do_map(bool is_write)
{
	size_t start, len;
	char *map;

	pick(is_write ? "mwrite" : "mread", 1, size);
	if (!amount)
		return;
	start = at - at % PAGE;
	len = at + amount - start;
	map = mmap(NULL, len, is_write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, start);
	check(map != MAP_FAILED);
	if (is_write) {
		fill_buf();
		memcpy(map + (at - start), buf, amount);
		written();
		if (!random_below(3))
			check(!msync(map, len, MS_SYNC));
	} else if (memcmp(map + (at - start), model + at, amount)) {
		broken("other bytes");
	}
	munmap(map, len);
}

static void do_read(int from, const char *name, size_t unit)
{
	size_t want;
	ssize_t n;

	pick(name, unit, max_size);
	want = at >= size ? 0 : amount < size - at ? amount : size - at;
	n = pread(from, buf, amount, at);
	check(n >= 0);
	if ((size_t)n != want)
		broken("other length");
	if (memcmp(buf, model + at, want))
		broken("other bytes");
}

static void do_truncate(void)
{
	doing = "truncate";
	at = random_below(max_size + 1);
	amount = 0;
	check(!ftruncate(fd, at));
	if (at < size)
		memset(model + at, 0, size - at);
	size = at;
}

static void do_fallocate(const char *name, int mode, bool clears)
{
	int res;

	pick(name, 1, max_size);
	if (!amount)
		return;
	res = fallocate(fd, mode, at, amount);
	check(!res || errno == EOPNOTSUPP);
	if (!res && clears && at < size)
		memset(model + at, 0, amount < size - at ? amount : size - at);
}

static void drop(void)
{
	doing = "drop";
	check(!fsync(fd));
	check(!posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
}

static void one_operation(void)
{
	unsigned int op = random_below(100);

	if (op < 20)
		do_write(fd, "write", 1);
	else if (op < 30)
		do_write(direct_fd, "dwrite", SECTOR);
	else if (op < 40)
		do_write(direct_fd, "dwrite", PAGE);
	else if (op < 55)
		do_map(true);
	else if (op < 62)
		do_read(fd, "read", 1);
	else if (op < 69)
		do_read(direct_fd, "dread", SECTOR);
	else if (op < 76)
		do_map(false);
	else if (op < 80)
		do_truncate();
	else if (op < 84)
		do_fallocate("punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, true);
	else if (op < 91)
		do_fallocate("unshare", FALLOC_FL_UNSHARE_RANGE | FALLOC_FL_KEEP_SIZE, false);
	else if (op < 96)
		check(!fsync(fd));
	else
		drop();
}

static void compare_all(void)
{
	struct stat st;
	size_t n;

	doing = "compare";
	check(!fstat(fd, &st));
	if ((size_t)st.st_size != size)
		broken("other size");
	for (at = 0; at < size; at += amount) {
		amount = size - at < MAX_LEN ? size - at : MAX_LEN;
		n = pread(fd, buf, amount, at);
		if (n != amount || memcmp(buf, model + at, amount))
			broken("other bytes");
	}
}

static void *flusher(void *arg)
{
	(void)arg;
	while (!atomic_load(&finished)) {
		if (fdatasync(fd))
			err(1, "%s: fdatasync", path);
		usleep(500);
	}
	return NULL;
}

static void load_model(const char *name)
{
	int from = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (from < 0)
		err(1, "%s", name);
	n = read(from, model, max_size);
	if (n < 0)
		err(1, "%s", name);
	size = n;
	close(from);
}

static void store_model(const char *name)
{
	int to = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (to < 0 || write(to, model, size) != (ssize_t)size || close(to))
		err(1, "%s", name);
}

int main(int argc, char **argv)
{
	bool flush = argc > 1 && !strcmp(argv[1], "--flush");
	unsigned long ops;
	pthread_t thread;

	argv += flush;
	argc -= flush;
	if (argc != 5 && argc != 6) {
		fprintf(stderr, "usage: random_io [--flush] FILE MODEL SEED OPS [MAXSIZE]\n");
		return 2;
	}
	path = argv[1];
	rng = strtoull(argv[3], NULL, 0);
	ops = strtoul(argv[4], NULL, 0);
	if (argc == 6)
		max_size = strtoul(argv[5], NULL, 0) / PAGE * PAGE;
	model = calloc(1, max_size);
	fd = open(path, O_RDWR | O_CLOEXEC);
	direct_fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (fd < 0 || direct_fd < 0)
		err(1, "%s", path);
	if (!model || !max_size || posix_memalign((void **)&buf, PAGE, MAX_LEN + PAGE))
		errx(1, "no memory");
	load_model(argv[2]);
	compare_all();
	if (flush && pthread_create(&thread, NULL, flusher, NULL))
		errx(1, "no thread");
	for (number = 1; number <= ops; number++)
		one_operation();
	atomic_store(&finished, true);
	if (flush)
		pthread_join(thread, NULL);
	compare_all();
	drop();
	compare_all();
	store_model(argv[2]);
	return 0;
}
