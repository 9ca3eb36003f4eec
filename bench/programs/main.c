// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Measures one workload; bench.h says how they are made.
 *
 *	bench_ops prepare|run WORKLOAD [SCALE]
 *	bench_ops list
 *
 * run prints "WORKLOAD OPERATIONS NANOSECONDS REQUESTS IDLE".  REQUESTS: those to the server,
 * from the file BENCH_REQUESTS of the environment, or "-".  IDLE: milliseconds of it in
 * which the processor had nothing to do; the VM counts those as if they were instructions.
 */
#include <err.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

extern char **environ;

static const struct workload *const groups[] = {
	data_workloads, mapped_workloads, name_workloads, sync_workloads, tree_workloads,
	scaling_workloads,
};

static const char *running;
static uint64_t begin_ns, begin_requests, begin_idle;
static bool measured;

void die(const char *what)
{
	err(1, "%s", what);
}

/* The profiler looks for these two. */
void region_mark_begin(void);
void region_mark_end(void);

__attribute__((noinline)) void region_mark_begin(void)
{
	__asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) void region_mark_end(void)
{
	__asm__ volatile("" ::: "memory");
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* Lines "OPCODE COUNT" */
static uint64_t count_requests(void)
{
	const char *path = getenv("BENCH_REQUESTS");
	unsigned long long count, sum = 0;
	FILE *f;

	if (!path || !*path)
		return 0;
	f = fopen(path, "re");
	if (!f)
		die(path);
	while (fscanf(f, "%*u %llu", &count) == 1)
		sum += count;
	fclose(f);
	return sum;
}

/* ms */
static uint64_t idle_time(void)
{
	unsigned long long idle = 0, iowait = 0;
	FILE *f = fopen("/proc/stat", "re");

	if (!f || fscanf(f, "cpu %*u %*u %*u %llu %llu", &idle, &iowait) != 2)
		die("/proc/stat");
	fclose(f);
	return (idle + iowait) * 1000 / sysconf(_SC_CLK_TCK);
}

void region_begin(void)
{
	begin_requests = count_requests();
	begin_idle = idle_time();
	begin_ns = now_ns();
	region_mark_begin();
}

void region_end(uint64_t ops)
{
	const char *path = getenv("BENCH_REQUESTS");
	uint64_t ns, requests, idle;

	region_mark_end();
	ns = now_ns() - begin_ns;
	idle = idle_time() - begin_idle;
	requests = count_requests() - begin_requests;
	printf("%s %llu %llu ", running, (unsigned long long)ops, (unsigned long long)ns);
	if (path && *path)
		printf("%llu", (unsigned long long)requests);
	else
		printf("-");
	printf(" %llu\n", (unsigned long long)idle);
	measured = true;
}

int open_file(const char *name, int flags)
{
	int fd = open(name, flags | O_CLOEXEC, 0644);

	if (fd < 0)
		die(name);
	return fd;
}

void close_file(int fd)
{
	if (close(fd))
		die("close");
}

void write_at(int fd, const void *buf, size_t len, uint64_t off)
{
	if (pwrite(fd, buf, len, off) != (ssize_t)len)
		die("write");
}

void read_at(int fd, void *buf, size_t len, uint64_t off)
{
	if (pread(fd, buf, len, off) != (ssize_t)len)
		die("read");
}

void *new_buffer(size_t len)
{
	void *buf = aligned_alloc(4096, (len + 4095) & ~4095ULL);

	if (!buf)
		die("memory");
	memset(buf, 0x5a, len);
	return buf;
}

void make_file(const char *name, uint64_t len)
{
	static char *buf;
	int fd = open_file(name, O_WRONLY | O_CREAT | O_EXCL);

	if (!buf)
		buf = new_buffer(MIB);
	for (uint64_t done = 0; done < len;) {
		size_t n = len - done < MIB ? len - done : MIB;

		write_at(fd, buf, n, done);
		done += n;
	}
	close_file(fd);
}

uint64_t rnd(uint64_t below)
{
	static uint64_t x = 0x9e3779b97f4a7c15ULL;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x % below;
}

void run_program(const char *const argv[])
{
	posix_spawn_file_actions_t actions;
	int status, ret;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	ret = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (ret)
		errx(1, "%s: %s", argv[0], strerror(ret));
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		errx(1, "%s: status 0x%x", argv[0], status);
}

static const struct workload *find(const char *name)
{
	for (size_t g = 0; g < sizeof(groups) / sizeof(*groups); g++)
		for (const struct workload *w = groups[g]; w->name; w++)
			if (!strcmp(w->name, name))
				return w;
	errx(2, "there is no workload %s", name);
}

int main(int argc, char **argv)
{
	unsigned long scale = argc == 4 ? strtoul(argv[3], NULL, 0) : 0;

	if (argc == 2 && !strcmp(argv[1], "list")) {
		for (size_t g = 0; g < sizeof(groups) / sizeof(*groups); g++)
			for (const struct workload *w = groups[g]; w->name; w++)
				puts(w->name);
		return 0;
	}
	if (argc < 3 || argc > 4 || (strcmp(argv[1], "prepare") && strcmp(argv[1], "run")))
		errx(2, "usage: bench_ops prepare|run WORKLOAD [SCALE], or bench_ops list");
	running = argv[2];
	if (!strcmp(argv[1], "prepare")) {
		find(running)->prepare(scale);
		return 0;
	}
	find(running)->run(scale);
	if (!measured)
		errx(1, "%s measured nothing", running);
	return 0;
}
