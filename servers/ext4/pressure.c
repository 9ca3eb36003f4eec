// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory pressure: see pressure.h.
 *
 * The kernel counts the time in which processes wait for memory (PSI), for the
 * machine and for every cgroup, and tells who has asked when it is more than a part
 * of a time window.  What is asked, first come:
 *
 *  - the file, FIFO or socket that $MEMORY_PRESSURE_WATCH names, by which service
 *    managers hand out the right one (systemd's protocol; /dev/null: none),
 *  - the file of the own cgroup and that of the machine, both,
 *  - where triggers aren't allowed, the machine's average, every few seconds.
 *
 * When told, half of the cache's blocks go, the coldest, and its bound goes down with
 * them.  Only clean blocks can go: if too many aren't, a commit and a checkpoint
 * make them so for the next time.  Giving up the clean ones needs neither memory nor
 * I/O, so it helps when nothing else does.
 *
 * Locking: the thread takes the server lock for the work, like an operation.  It holds
 * it over a checkpoint, as others do who checkpoint.
 */
#include "pressure.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/un.h>
#include <unistd.h>

#include "commit.h"
#include "log.h"
#include "memory.h"
#include "server.h"

/* us: so much waiting in such a window; without privileges windows are multiples of 2 s */
#define TRIGGER		"some 100000 2000000"
/* the same as a part of ten seconds, %, and how often to look, ms */
#define AVERAGE_LIMIT	5.0
#define AVERAGE_PERIOD	10000
/* after so long without pressure the bound may double, ms */
#define GROW_PERIOD	60000
/* the bound doesn't go below that, bytes */
#define SMALLEST	(4ULL << 20)

#define MACHINE		"/proc/pressure/memory"
#define NR_WATCHED	2

struct pressure {
	struct server *s;
	pthread_t thread;
	int stop;			/* eventfd */
	struct pollfd watched[NR_WATCHED + 1];	/* and @stop, the last one */
	unsigned int nr;
	bool average;			/* nothing to watch: look at MACHINE now and then */
	uint64_t full;			/* bound of the cache when there is memory, blocks */
};

/*
 * Watching
 */

static void watch(struct pressure *p, int fd, short events)
{
	p->watched[p->nr++] = (struct pollfd){ .fd = fd, .events = events };
}

static bool watch_file(struct pressure *p, const char *path)
{
	int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	struct statfs st;

	if (fd < 0)
		return false;
	/* the trigger is nothing to write to a file with contents */
	if (fstatfs(fd, &st) ||
	    (st.f_type != PROC_SUPER_MAGIC && st.f_type != CGROUP2_SUPER_MAGIC)) {
		close(fd);
		errno = EINVAL;
		return false;
	}
	if (write(fd, TRIGGER, sizeof(TRIGGER)) != sizeof(TRIGGER)) {
		close(fd);
		return false;
	}
	watch(p, fd, POLLPRI);
	return true;
}

static bool watch_socket(struct pressure *p, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path))
		return false;
	memcpy(addr.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		close(fd);
		return false;
	}
	watch(p, fd, POLLIN);
	return true;
}

/* What the service manager wants to be watched. */
static bool watch_given(struct pressure *p, const char *path)
{
	struct stat st;
	int fd;

	if (stat(path, &st))
		return false;
	if (S_ISSOCK(st.st_mode))
		return watch_socket(p, path);
	if (!S_ISFIFO(st.st_mode))
		return watch_file(p, path);
	/* for writing, too: so it never ends */
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	watch(p, fd, POLLIN);
	return true;
}

static bool find_watched(struct pressure *p)
{
	const char *given = getenv("MEMORY_PRESSURE_WATCH");
	char path[PATH_MAX];

	if (given) {
		if (!strcmp(given, "/dev/null"))
			return false;
		if (watch_given(p, given))
			return true;
		log_warn("can't watch %s for memory pressure: %s", given, strerror(errno));
	}
	if (memory_pressure_file("", path, sizeof(path)))
		watch_file(p, path);
	watch_file(p, MACHINE);
	p->average = !p->nr && !access(MACHINE, R_OK);
	return p->nr || p->average;
}

static bool average_is_high(void)
{
	FILE *f = fopen(MACHINE, "re");
	double average = 0;

	if (!f)
		return false;
	if (fscanf(f, "some avg10=%lf", &average) != 1)
		average = 0;
	fclose(f);
	return average > AVERAGE_LIMIT;
}

/* Did one of them tell?  One that has gone isn't asked again. */
static bool look_at_watched(struct pressure *p)
{
	bool told = false;
	char buf[256];

	for (unsigned int i = 0; i < p->nr; i++) {
		struct pollfd *w = &p->watched[i];
		ssize_t n = 1;

		if (w->revents & (POLLPRI | POLLIN))
			told = true;
		while (w->revents & POLLIN && n > 0)
			n = read(w->fd, buf, sizeof(buf));
		if (w->revents & (POLLERR | POLLNVAL | POLLHUP) || !n) {
			close(w->fd);
			w->fd = -1;
		}
		w->revents = 0;
	}
	return told;
}

/*
 * Doing
 */

static void set_bound(struct server *s, uint64_t blocks)
{
	cache_set_max_blocks(s->cache, blocks);
	commits_set_limit(s);
}

static void shrink(struct pressure *p)
{
	struct server *s = p->s;
	uint64_t before, after, target, smallest;

	server_lock(s);
	smallest = SMALLEST / s->fs->blocksize;
	if (smallest > p->full)
		smallest = p->full;
	before = cache_nr_blocks(s->cache);
	target = before / 2 > smallest ? before / 2 : smallest;
	if (target < cache_max_blocks(s->cache))
		set_bound(s, target);
	cache_shrink(s->cache, target);
	after = cache_nr_blocks(s->cache);
	if (after > target && !s->readonly && !s->frozen) {
		/* errors have been dealt with where they were found */
		commit_and_unpin(s);
		cache_shrink(s->cache, target);
		after = cache_nr_blocks(s->cache);
	}
	if (before != after)
		log_info("memory is short: metadata cache cut from %llu KiB to %llu KiB",
			 (unsigned long long)(before * s->fs->blocksize >> 10),
			 (unsigned long long)(after * s->fs->blocksize >> 10));
	server_unlock(s);
	if (before != after)
		malloc_trim(0);
}

/* True if there is more to come. */
static bool grow(struct pressure *p)
{
	struct server *s = p->s;
	uint64_t max;

	server_lock(s);
	max = cache_max_blocks(s->cache);
	if (max < p->full) {
		max = max < p->full / 2 ? max * 2 : p->full;
		set_bound(s, max);
		log_debug("the metadata cache may have %llu KiB again",
			  (unsigned long long)(max * s->fs->blocksize >> 10));
	}
	server_unlock(s);
	return max < p->full;
}

static void *pressure_main(void *arg)
{
	struct pressure *p = arg;
	struct pollfd *stop = &p->watched[p->nr];
	bool shrunk = false;
	int quiet = 0;

	*stop = (struct pollfd){ .fd = p->stop, .events = POLLIN };
	while (!stop->revents) {
		int period = p->average ? AVERAGE_PERIOD : GROW_PERIOD;
		int n = poll(p->watched, p->nr + 1, p->average || shrunk ? period : -1);

		if (n < 0 && errno != EINTR)
			break;
		if (n < 0 || stop->revents)
			continue;
		if (n ? look_at_watched(p) : p->average && average_is_high()) {
			shrink(p);
			shrunk = true;
			quiet = 0;
		} else if (!n && shrunk) {
			quiet += period;
			if (quiet >= GROW_PERIOD) {
				shrunk = grow(p);
				quiet = 0;
			}
		}
	}
	return NULL;
}

static void destroy(struct pressure *p)
{
	for (unsigned int i = 0; i < p->nr; i++)
		if (p->watched[i].fd >= 0)
			close(p->watched[i].fd);
	if (p->stop >= 0)
		close(p->stop);
	free(p);
}

int pressure_start(struct server *s)
{
	struct pressure *p = calloc(1, sizeof(*p));
	sigset_t all, old;
	int err;

	if (!p)
		return -ENOMEM;
	p->s = s;
	p->full = cache_max_blocks(s->cache);
	p->stop = eventfd(0, EFD_CLOEXEC);
	if (p->stop < 0) {
		err = -errno;
		destroy(p);
		return err;
	}
	if (!find_watched(p)) {
		log_debug("nothing tells of memory pressure");
		destroy(p);
		return 0;
	}
	/* signals are for the main thread */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&p->thread, NULL, pressure_main, p);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err) {
		destroy(p);
		return -err;
	}
	s->pressure = p;
	return 0;
}

void pressure_stop(struct server *s)
{
	struct pressure *p = s->pressure;
	const uint64_t one = 1;

	if (!p)
		return;
	s->pressure = NULL;
	/* can't fail: the counter is 0 */
	if (write(p->stop, &one, sizeof(one)) != sizeof(one))
		log_err("can't wake a thread: %s", strerror(errno));
	pthread_join(p->thread, NULL);
	destroy(p);
}
