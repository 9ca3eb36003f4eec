// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench_threads create|stat THREADS SECONDS: what so many threads do at once in so many seconds,
 * each in a directory d1, d2, ... of its own in the current directory.  Prints "OPERATIONS
 * NANOSECONDS".
 *
 * fio has engines for this, too; with them kernel ext4 made 17 to 260 files a second where this
 * made 1,000 to 3,300, so it is mostly fio that they measure.
 */
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS	64
#define STAT_FILES	250

struct worker {
	pthread_t thread;
	unsigned int number;
	unsigned long ops;
	char path[64];
};

static struct worker workers[MAX_THREADS];
static unsigned int threads;
static void (*op)(struct worker *w);
static pthread_barrier_t start;
static atomic_bool stop;

static const char *path(struct worker *w, const char *prefix, unsigned long file)
{
	snprintf(w->path, sizeof(w->path), "d%u/%s%lu", w->number, prefix, file);
	return w->path;
}

static void make(const char *name, int flags)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);

	if (fd < 0 || close(fd))
		err(1, "%s", name);
}

/* No run with another number of threads makes the same names. */
static void create_one(struct worker *w)
{
	char prefix[32];

	snprintf(prefix, sizeof(prefix), "of%u-", threads);
	make(path(w, prefix, w->ops), O_EXCL);
}

static void stat_one(struct worker *w)
{
	struct stat st;

	if (stat(path(w, "stat", w->ops % STAT_FILES), &st))
		err(1, "%s", w->path);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	pthread_barrier_wait(&start);
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		op(w);
		w->ops++;
	}
	return NULL;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

int main(int argc, char **argv)
{
	unsigned int seconds = argc == 4 ? strtoul(argv[3], NULL, 0) : 0;
	unsigned long ops = 0;
	uint64_t begin;

	threads = argc == 4 ? strtoul(argv[2], NULL, 0) : 0;
	if (!seconds || !threads || threads > MAX_THREADS)
		errx(2, "usage: bench_threads create|stat THREADS SECONDS");
	if (!strcmp(argv[1], "create"))
		op = create_one;
	else if (!strcmp(argv[1], "stat"))
		op = stat_one;
	else
		errx(2, "there is no workload %s", argv[1]);

	pthread_barrier_init(&start, NULL, threads + 1);
	for (unsigned int i = 0; i < threads; i++) {
		struct worker *w = &workers[i];

		w->number = i + 1;
		/* known before the clock starts */
		for (; op == stat_one && w->ops < STAT_FILES; w->ops++) {
			make(path(w, "stat", w->ops), 0);
			stat_one(w);
		}
		w->ops = 0;
		if (pthread_create(&w->thread, NULL, work, w))
			errx(1, "no thread");
	}
	pthread_barrier_wait(&start);
	begin = now_ns();
	sleep(seconds);
	atomic_store(&stop, true);
	for (unsigned int i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		ops += workers[i].ops;
	}
	printf("%lu %llu\n", ops, (unsigned long long)(now_ns() - begin));
	return 0;
}
