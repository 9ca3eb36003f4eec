// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Asking a server whether it lives, without ever waiting for it.
 *
 * There is no way to ask a file system something and to stop waiting: a task whose
 * request is with the server waits until the server answers or the connection ends,
 * whatever signals it gets.  So a child asks (statfs(2), which the kernel never answers
 * by itself), and if it does not come back in time it is left alone.  It has been killed
 * then, holds nothing that anybody waits for, and is gone as soon as it can.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

static enum probe_result ask(const struct mount *m)
{
	struct statx stx;
	struct statfs st;
	int fd;

	fd = open(m->point, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return PROBE_UNKNOWN;
	/* something else may be mounted over it */
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &stx) < 0 ||
	    !(stx.stx_mask & STATX_MNT_ID) || stx.stx_mnt_id != m->id)
		return PROBE_UNKNOWN;
	if (fstatfs(fd, &st) < 0)
		/* the last one: the connection failed before it was one */
		return errno == ENOTCONN || errno == ECONNABORTED || errno == ECONNREFUSED ?
			PROBE_ENDED : PROBE_ANSWERS;
	/* other users are told nothing, without an error, and the server is not asked */
	return st.f_bsize ? PROBE_ANSWERS : PROBE_UNKNOWN;
}

/* Let go of what others may wait for: our output, and the current directory. */
static void let_go(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd < 3; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			close(fd);
	if (chdir("/") < 0)
		_exit(1);
}

void probe_start(struct probe *p, const struct mount *m)
{
	int ends[2];

	p->pid = -1;
	p->fd = -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	p->pid = fork();
	if (!p->pid) {
		unsigned char result;

		let_go();
		result = ask(m);
		_exit(write(ends[1], &result, 1) != 1);
	}
	close(ends[1]);
	if (p->pid < 0)
		close(ends[0]);
	else
		p->fd = ends[0];
}

/* ms, at least 0, rounded up */
static int time_left(const struct timespec *deadline)
{
	struct timespec now;
	long long ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (deadline->tv_sec - now.tv_sec) * 1000000000LL + deadline->tv_nsec - now.tv_nsec;
	return ns > 0 ? (int)((ns + 999999) / 1000000) : 0;
}

enum probe_result probe_finish(struct probe *p, const struct timespec *deadline)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
	enum probe_result result = PROBE_UNKNOWN;
	unsigned char answer;
	int n;

	if (p->pid < 0)
		return PROBE_UNKNOWN;
	do {
		n = poll(&pfd, 1, time_left(deadline));
	} while (n < 0 && errno == EINTR);
	if (!n) {
		result = PROBE_SILENT;
		kill(p->pid, SIGKILL);
		/* no waiting: it may not be able to die */
		waitpid(p->pid, NULL, WNOHANG);
	} else {
		if (read(p->fd, &answer, 1) == 1)
			result = answer;
		waitpid(p->pid, NULL, 0);
	}
	close(p->fd);
	p->pid = -1;
	return result;
}
