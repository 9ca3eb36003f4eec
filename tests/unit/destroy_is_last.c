// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DESTROY reaches the server after every handler has returned and every request
 * of either table has been answered, and the answer to it comes last.
 */
#include <stdatomic.h>
#include "peer.h"

static _Atomic(fuse_iomap_req_t) kept_begin;
static _Atomic(fuse_req_t) kept_lookup;
static atomic_bool destroyed, slow_done, may_finish;

static void on_destroy(void *userdata)
{
	atomic_store(&destroyed, true);
}

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	kept_lookup = req;
}

/* Answers first and goes on working then. */
static void on_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fuse_reply_err(req, EIO);
	while (!atomic_load(&may_finish))
		usleep(1000);
	CHECK(!atomic_load(&destroyed));
	atomic_store(&slow_done, true);
}

static void on_begin(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t attr_ino, uint64_t pos,
		     uint64_t count, uint32_t opflags)
{
	kept_begin = req;
}

static const struct fuse_lowlevel_ops ll = {
	.lookup = on_lookup, .getattr = on_getattr, .destroy = on_destroy,
};
static const struct fuse_iomap_ops iop = { .begin = on_begin };

static void still_waiting(struct peer *p)
{
	CHECK(peer_is_silent(p, 100));
	CHECK(!atomic_load(&destroyed));
}

int main(void)
{
	struct fuse_forget_in forget = { .nlookup = 1 };
	struct fuse_iomap_begin_in begin = { 0 };
	struct fuse_getattr_in getattr = { 0 };
	struct peer_reply r;
	uint64_t unique;
	struct peer p;

	peer_start(&p, &ll, &iop, 4);
	/* this is never answered, nor may it be waited for */
	peer_send(&p, FUSE_FORGET, 5, &forget, sizeof(forget));
	peer_send(&p, FUSE_LOOKUP, 1, "x", 2);
	peer_send(&p, FUSE_IOMAP_BEGIN, 5, &begin, sizeof(begin));
	CHECK_EQ(peer_call(&p, FUSE_GETATTR, 1, &getattr, sizeof(getattr), &r), EIO);
	unique = peer_send(&p, FUSE_DESTROY, 0, NULL, 0);

	still_waiting(&p);
	CHECK_EQ(fuse_reply_err(kept_lookup, ENOENT), 0);
	peer_recv(&p, &r);
	CHECK_EQ(r.out.error, -ENOENT);
	still_waiting(&p);
	CHECK_EQ(fuse_iomap_reply_err(kept_begin, EIO), 0);
	peer_recv(&p, &r);
	CHECK_EQ(r.out.error, -EIO);
	still_waiting(&p);
	atomic_store(&may_finish, true);
	peer_recv(&p, &r);
	CHECK_EQ(r.out.unique, unique);
	CHECK_EQ(r.out.error, 0);
	CHECK(atomic_load(&slow_done));
	CHECK(atomic_load(&destroyed));
	CHECK(peer_is_silent(&p, 50));
	CHECK_EQ(peer_stop(&p), 0);

	/* the kernel may give up waiting: so must the library */
	atomic_store(&destroyed, false);
	peer_start(&p, &ll, &iop, 1);
	peer_send(&p, FUSE_IOMAP_BEGIN, 5, &begin, sizeof(begin));
	peer_send(&p, FUSE_DESTROY, 0, NULL, 0);
	still_waiting(&p);
	CHECK_EQ(peer_stop(&p), 0);
	CHECK(atomic_load(&destroyed));
	return 0;
}
