// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Eight workers and as many answering threads: each of many requests is answered
 * once, with its own numbers.
 */
#include <stdatomic.h>
#include "peer.h"

#define REQUESTS	20000
#define WINDOW		64

static atomic_uint handled;

static void *answer(void *arg)
{
	fuse_iomap_reply_err(arg, ENOSPC);
	return NULL;
}

static void on_begin(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t attr_ino, uint64_t pos,
		     uint64_t count, uint32_t opflags)
{
	struct fuse_iomap_io map = { .offset = pos, .length = count };
	pthread_t thread;

	atomic_fetch_add(&handled, 1);
	/* one in a hundred is answered by a thread of the server's own */
	if (pos % 100 == 0) {
		CHECK_EQ(pthread_create(&thread, NULL, answer, req), 0);
		CHECK_EQ(pthread_join(thread, NULL), 0);
		CHECK_EQ(fuse_iomap_reply_begin(req, &map, NULL), -EALREADY);
	} else {
		CHECK_EQ(fuse_iomap_reply_begin(req, &map, NULL), 0);
	}
}

static const struct fuse_lowlevel_ops ll;
static const struct fuse_iomap_ops iop = { .begin = on_begin };

int main(void)
{
	static uint64_t pos_of[2 * REQUESTS + 100];
	struct fuse_iomap_begin_in in = { .count = 4096 };
	struct fuse_iomap_begin_out out;
	unsigned int sent = 0, received = 0;
	struct peer_reply r;
	struct peer p;

	peer_start(&p, &ll, &iop, 8);
	while (received < REQUESTS) {
		while (sent < REQUESTS && sent - received < WINDOW) {
			in.pos = ++sent;
			pos_of[p.next_unique] = in.pos;
			peer_send(&p, FUSE_IOMAP_BEGIN, 5, &in, sizeof(in));
		}
		peer_recv(&p, &r);
		CHECK(r.out.unique < sizeof(pos_of) / sizeof(pos_of[0]));
		in.pos = pos_of[r.out.unique];
		CHECK(in.pos);
		pos_of[r.out.unique] = 0;
		if (in.pos % 100 == 0) {
			CHECK_EQ(r.out.error, -ENOSPC);
		} else {
			CHECK_EQ(r.len, sizeof(out));
			memcpy(&out, r.body, sizeof(out));
			CHECK_EQ(out.read.offset, in.pos);
		}
		received++;
	}
	CHECK_EQ(atomic_load(&handled), REQUESTS);
	CHECK_EQ(peer_call(&p, FUSE_DESTROY, 0, NULL, 0, &r), 0);
	CHECK_EQ(peer_stop(&p), 0);
	return 0;
}
