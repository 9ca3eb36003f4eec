// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a process inherits from the one that starts it, and what a server can't use.
 *
 *	closed descriptors 0 to 2	the next file that is opened gets such a number; then
 *					messages are written into it
 *	blocked signals			SIGTERM never arrives
 *	SIGCHLD ignored			waitpid() fails, so fusermount3 seems to have failed
 *	SIGPIPE, SIGXFSZ		one write ends the server, and with it the mount
 *	limits of file size and		the image can't be written, the server is killed after a
 *	processor time			while
 *
 * SIGHUP and SIGINT stay ignored if they are: nohup(1) and shells mean it so.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>
#include "iomap_i.h"

/* Returns the mask of those that were closed, or -errno. */
static int fill_standard_descriptors(void)
{
	int closed = 0;

	for (int fd = 0; fd <= 2; fd++) {
		int null;

		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		/* the lowest free number is this one */
		null = open("/dev/null", O_RDWR);
		/* without a /dev; reads and writes of this one fail */
		if (null < 0)
			null = open("/", O_PATH);
		if (null < 0)
			return -errno;
		closed |= 1 << fd;
	}
	return closed;
}

static void reset_signals(void)
{
	static const struct {
		int sig;
		void (*handler)(int);
	} wanted[] = {
		{ SIGCHLD, SIG_DFL }, { SIGTERM, SIG_DFL },
		{ SIGPIPE, SIG_IGN }, { SIGXFSZ, SIG_IGN },
	};
	sigset_t none;

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct sigaction sa = { .sa_handler = wanted[i].handler };

		sigemptyset(&sa.sa_mask);
		sigaction(wanted[i].sig, &sa, NULL);
	}
	/* last: what has been waiting arrives now */
	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
}

/* As far as this process may. */
static void raise_limit(int resource)
{
	struct rlimit limit, all = { RLIM_INFINITY, RLIM_INFINITY };

	if (!setrlimit(resource, &all) || getrlimit(resource, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(resource, &limit);
}

int fuse_iomap_prepare_process(void)
{
	int closed = fill_standard_descriptors();

	reset_signals();
	raise_limit(RLIMIT_FSIZE);
	raise_limit(RLIMIT_CPU);
	return closed;
}
