// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A server that answers twice, late, with the wrong kind of answer, with an
 * errno that is none, or not at all, harms no other request and no memory.
 */
#include <stdatomic.h>
#include "peer.h"

enum how { KEEP, TWICE, WRONG_KIND, BAD_ERRNO, NEGATIVE_ERRNO, EMPTY_SUCCESS, RAW };

static _Atomic(fuse_iomap_req_t) kept;
/* of the last answer; set after the kernel has it */
#define NONE	1
static atomic_int result;

static void on_begin(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t attr_ino, uint64_t pos,
		     uint64_t count, uint32_t opflags)
{
	switch ((enum how)pos) {
	case KEEP:
		kept = req;
		break;
	case TWICE:
		kept = req;
		CHECK_EQ(fuse_iomap_reply_err(req, ENOSPC), 0);
		CHECK_EQ(fuse_iomap_reply_err(req, 0), -EALREADY);
		CHECK_EQ(fuse_iomap_reply_ioend(req, 0), -EALREADY);
		break;
	case WRONG_KIND:
		atomic_store(&result, fuse_iomap_reply_ioend(req, 4096));
		break;
	case BAD_ERRNO:
		atomic_store(&result, fuse_iomap_reply_err(req, 512));
		break;
	case NEGATIVE_ERRNO:
		atomic_store(&result, fuse_iomap_reply_err(req, -EIO));
		break;
	case EMPTY_SUCCESS:
		atomic_store(&result, fuse_iomap_reply_err(req, 0));
		break;
	case RAW:
		atomic_store(&result, fuse_iomap_reply_buf(req, "short", 5));
		break;
	}
}

static const struct fuse_lowlevel_ops ll;
static const struct fuse_iomap_ops iop = { .begin = on_begin };

static int begin(struct peer *p, enum how how, struct peer_reply *r)
{
	struct fuse_iomap_begin_in in = { .pos = how };

	return peer_call(p, FUSE_IOMAP_BEGIN, 5, &in, sizeof(in), r);
}

static int last_result(void)
{
	int i, res;

	for (i = 0; i < 10000; i++) {
		res = atomic_exchange(&result, NONE);
		if (res != NONE)
			return res;
		usleep(1000);
	}
	return NONE;
}

/* The request that the server has got and keeps. */
static fuse_iomap_req_t wait_for_kept(void)
{
	fuse_iomap_req_t req = NULL;
	int i;

	for (i = 0; i < 10000 && !req; i++) {
		req = atomic_exchange(&kept, NULL);
		if (!req)
			usleep(1000);
	}
	CHECK(req);
	return req;
}

int main(void)
{
	struct fuse_iomap_begin_in in = { .pos = KEEP };
	fuse_iomap_req_t stale, req;
	struct peer_reply r;
	uint64_t unique;
	struct peer p;
	int i;

	atomic_store(&result, NONE);
	peer_start(&p, &ll, &iop, 1);

	CHECK_EQ(begin(&p, TWICE, &r), ENOSPC);
	CHECK(peer_is_silent(&p, 50));
	stale = wait_for_kept();

	CHECK_EQ(begin(&p, WRONG_KIND, &r), EIO);
	CHECK_EQ(last_result(), -EINVAL);
	CHECK_EQ(begin(&p, BAD_ERRNO, &r), EIO);
	CHECK_EQ(last_result(), -EINVAL);
	CHECK_EQ(begin(&p, NEGATIVE_ERRNO, &r), EIO);
	CHECK_EQ(last_result(), -EINVAL);
	CHECK_EQ(begin(&p, EMPTY_SUCCESS, &r), EIO);
	CHECK_EQ(last_result(), -EINVAL);
	CHECK_EQ(begin(&p, RAW, &r), 0);
	CHECK_EQ(last_result(), 0);
	CHECK_EQ(r.len, 5);

	/* many requests later the place of the first is somebody else's */
	for (i = 0; i < 1000; i++)
		CHECK_EQ(begin(&p, WRONG_KIND, &r), EIO);
	for (i = 0; i < 64; i++) {
		unique = peer_send(&p, FUSE_IOMAP_BEGIN, 5, &in, sizeof(in));
		req = wait_for_kept();
		CHECK(peer_is_silent(&p, 1));
		CHECK_EQ(fuse_iomap_reply_err(stale, EIO), -EALREADY);
		CHECK_EQ(fuse_iomap_reply_err(req, ENOSPC), 0);
		peer_recv(&p, &r);
		CHECK_EQ(r.out.unique, unique);
		CHECK_EQ(r.out.error, -ENOSPC);
	}

	/* never answered, more than one slab of them: the session ends all the same */
	for (i = 0; i < 200; i++)
		peer_send(&p, FUSE_IOMAP_BEGIN, 5, &in, sizeof(in));
	CHECK_EQ(begin(&p, BAD_ERRNO, &r), EIO);
	CHECK_EQ(peer_stop(&p), 0);
	return 0;
}
