// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Signals that end the mount: see interrupt.h.
 *
 * libfuse's handlers can't be used: to them all signals are the same, and the second
 * of any kind cuts the connection.
 */
#include "interrupt.h"

#include <fuse_iomap.h>
#include <signal.h>
#include <stddef.h>

static const int signals[] = { SIGHUP, SIGINT, SIGTERM };

#define NR_SIGNALS	(sizeof(signals) / sizeof(signals[0]))

static bool ignored[NR_SIGNALS];		/* who started us wanted it so, as nohup does */
static volatile sig_atomic_t noted;
static volatile sig_atomic_t ended;		/* a signal has ended the session */
static struct fuse_session *session;		/* set before the handlers are */

static void note(int sig)
{
	noted = sig;
}

/* A session that is ended again cuts the connection. */
static void end(int sig)
{
	if (sig == SIGTERM && ended)
		return;
	ended = 1;
	fuse_session_exit(session);
}

static void set_handlers(void (*handler)(int))
{
	struct sigaction sa = { .sa_handler = handler };

	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < NR_SIGNALS; i++)
		if (!ignored[i])
			sigaction(signals[i], &sa, NULL);
}

static void block(int how)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < NR_SIGNALS; i++)
		sigaddset(&set, signals[i]);
	pthread_sigmask(how, &set, NULL);
}

void interrupt_catch(void)
{
	struct sigaction sa;

	for (size_t i = 0; i < NR_SIGNALS; i++)
		if (!sigaction(signals[i], NULL, &sa) && sa.sa_handler == SIG_IGN)
			ignored[i] = true;
	set_handlers(note);
}

bool interrupted(void)
{
	return noted;
}

void interrupt_hold(void)
{
	block(SIG_BLOCK);
}

void interrupt_ends(struct fuse_session *se)
{
	session = se;
	signal(SIGPIPE, SIG_IGN);
	set_handlers(end);
	block(SIG_UNBLOCK);
}

void interrupt_ignore(void)
{
	set_handlers(SIG_IGN);
}
