// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A signal ends the loop of a session whose workers all wait for requests, and
 * its number is the result; fuse_session_exit() from an operation does it, too.
 * The caller's signal mask comes back.
 */
#include <signal.h>
#include "peer.h"

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct peer *p = fuse_req_userdata(req);

	fuse_reply_err(req, ENOENT);
	fuse_session_exit(fuse_iomap_session_fuse(p->fis));
}

static void on_begin(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t attr_ino, uint64_t pos,
		     uint64_t count, uint32_t opflags)
{
	fuse_iomap_reply_err(req, EIO);
}

static const struct fuse_lowlevel_ops ll = { .lookup = on_lookup };
static const struct fuse_iomap_ops iop = { .begin = on_begin };

static void *kernel_side(void *arg)
{
	struct peer *p = arg;
	struct peer_reply r;

	peer_init(p, 99, true, &r);
	usleep(100000);		/* all workers are in read() by now */
	CHECK_EQ(kill(getpid(), SIGTERM), 0);
	return NULL;
}

int main(void)
{
	struct peer_reply r;
	sigset_t mask, before;
	pthread_t thread;
	struct peer p;

	/* the loop runs in the main thread, as servers do it */
	peer_new(&p, &ll, &iop, FUSE_IOMAP_MODE_REQUIRE, true);
	CHECK_EQ(fuse_set_signal_handlers(fuse_iomap_session_fuse(p.fis)), 0);
	sigemptyset(&before);
	sigaddset(&before, SIGUSR2);
	CHECK_EQ(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
	sigfillset(&mask);
	/* a thread that leaves signals alone, or it could get ours */
	CHECK_EQ(pthread_sigmask(SIG_BLOCK, &mask, NULL), 0);
	CHECK_EQ(pthread_create(&thread, NULL, kernel_side, &p), 0);
	CHECK_EQ(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
	CHECK_EQ(fuse_iomap_session_loop(p.fis, 4), SIGTERM);
	CHECK_EQ(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
	CHECK(!memcmp(&mask, &before, sizeof(mask)));
	CHECK_EQ(pthread_join(thread, NULL), 0);
	fuse_remove_signal_handlers(fuse_iomap_session_fuse(p.fis));
	fuse_iomap_session_destroy(p.fis);
	close(p.fd);

	peer_start(&p, &ll, &iop, 4);
	CHECK_EQ(peer_call(&p, FUSE_LOOKUP, 1, "x", 2, &r), ENOENT);
	CHECK_EQ(peer_join(&p), 0);
	return 0;
}
