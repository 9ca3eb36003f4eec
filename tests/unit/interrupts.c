// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An INTERRUPT for an iomap request that the server works on is taken in
 * silence; libfuse never sees it and so never sends it back.
 */
#include <stdatomic.h>
#include "peer.h"

static _Atomic(fuse_iomap_req_t) kept;

static void on_begin(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t attr_ino, uint64_t pos,
		     uint64_t count, uint32_t opflags)
{
	kept = req;
}

static const struct fuse_lowlevel_ops ll;
static const struct fuse_iomap_ops iop = { .begin = on_begin };

int main(void)
{
	struct fuse_iomap_begin_in begin = { 0 };
	struct fuse_interrupt_in in;
	struct fuse_in_header hdr = {
		.len = sizeof(hdr) + sizeof(in), .opcode = FUSE_INTERRUPT,
	};
	struct peer_reply r;
	struct peer p;
	struct { struct fuse_in_header hdr; struct fuse_interrupt_in in; } msg;

	peer_start(&p, &ll, &iop, 1);
	in.unique = peer_send(&p, FUSE_IOMAP_BEGIN, 5, &begin, sizeof(begin));
	hdr.unique = in.unique | 1;	/* as the kernel numbers them */
	msg.hdr = hdr;
	msg.in = in;
	CHECK_EQ(write(p.fd, &msg, sizeof(msg)), sizeof(msg));
	CHECK(peer_is_silent(&p, 50));
	/* libfuse would give its pending INTERRUPT back with the next request */
	CHECK_EQ(peer_call(&p, FUSE_LOOKUP, 1, "x", 2, &r), ENOSYS);
	CHECK(peer_is_silent(&p, 50));
	CHECK_EQ(fuse_iomap_reply_err(kept, EINTR), 0);
	peer_recv(&p, &r);
	CHECK_EQ(r.out.unique, in.unique);
	CHECK_EQ(r.out.error, -EINTR);

	/* one for a request that nobody knows does come back */
	msg.in.unique = 4000;
	msg.hdr.unique = 4001;
	CHECK_EQ(write(p.fd, &msg, sizeof(msg)), sizeof(msg));
	peer_send(&p, FUSE_LOOKUP, 1, "x", 2);
	peer_recv(&p, &r);
	CHECK_EQ(r.out.unique, 4001);
	CHECK_EQ(r.out.error, -EAGAIN);
	peer_recv(&p, &r);
	CHECK_EQ(r.out.error, -ENOSYS);
	/* and has not spoilt the count of what is owed */
	CHECK_EQ(peer_call(&p, FUSE_DESTROY, 0, NULL, 0, &r), 0);
	CHECK_EQ(peer_stop(&p), 0);
	return 0;
}
