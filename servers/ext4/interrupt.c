// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Signals that end the mount: see interrupt.h.
 *
 * libfuse's handlers are used for the session, which they end; the one for SIGTERM
 * is put in the place of libfuse's, because that tells a second signal from the
 * first by nothing.
 */
#include "interrupt.h"

#include <errno.h>
#include <fuse_iomap.h>
#include <signal.h>
#include <stddef.h>

static const int signals[] = { SIGHUP, SIGINT, SIGTERM };

#define NR_SIGNALS	(sizeof(signals) / sizeof(signals[0]))

static volatile sig_atomic_t noted;
static volatile sig_atomic_t terminated;
static struct fuse_session *ending;	/* set before the handler is */

static void note(int sig)
{
	noted = sig;
}

static void terminate(int sig)
{
	(void)sig;
	if (terminated)
		return;
	terminated = 1;
	fuse_session_exit(ending);
}

static void set_handlers(void (*handler)(int))
{
	struct sigaction sa = { .sa_handler = handler };

	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < NR_SIGNALS; i++)
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

int interrupt_ends(struct fuse_session *se)
{
	struct sigaction sa = { .sa_handler = terminate };

	/* libfuse leaves alone what has a handler */
	set_handlers(SIG_DFL);
	if (fuse_set_signal_handlers(se))
		return -EINVAL;
	ending = se;
	sigemptyset(&sa.sa_mask);
	sigaction(SIGTERM, &sa, NULL);
	block(SIG_UNBLOCK);
	return 0;
}

void interrupt_ignore(struct fuse_session *se)
{
	struct sigaction sa = { .sa_handler = SIG_IGN };

	fuse_remove_signal_handlers(se);
	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < NR_SIGNALS; i++)
		sigaction(signals[i], &sa, NULL);
}

void interrupt_default(void)
{
	sigset_t none;

	set_handlers(SIG_DFL);
	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
}
