// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Requests whose body is too short or too long fail and never reach the server;
 * operations that the server does not have are ENOSYS; the session lives on.
 * Bytes that are no request at all end it with an error.
 */
#include "peer.h"

static const struct request {
	uint32_t opcode;
	size_t size;
} requests[] = {
	{ FUSE_FREEZE_FS, 8 },
	{ FUSE_UNFREEZE_FS, 0 },
	{ FUSE_SHUTDOWN_FS, 8 },
	{ FUSE_IOMAP_CONFIG, 64 },
	{ FUSE_IOMAP_IOEND, 48 },
	{ FUSE_IOMAP_BEGIN, 32 },
	{ FUSE_IOMAP_END, 72 },
	{ 50, 8 },
	{ 52, 24 },
};
#define NR_REQUESTS	(sizeof(requests) / sizeof(requests[0]))

static unsigned int calls;

static void any(fuse_iomap_req_t req)
{
	calls++;
	fuse_iomap_reply_err(req, EXDEV);
}

static void on_config(fuse_iomap_req_t req, uint64_t flags, int64_t maxbytes, uint32_t cache)
{
	any(req);
}

static void on_begin(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t attr_ino, uint64_t pos,
		     uint64_t count, uint32_t opflags)
{
	any(req);
}

static void on_end(fuse_iomap_req_t req, fuse_ino_t nodeid, const struct fuse_iomap_end_in *in)
{
	any(req);
}

static void on_ioend(fuse_iomap_req_t req, fuse_ino_t nodeid,
		     const struct fuse_iomap_ioend_in *in)
{
	any(req);
}

static void on_node(fuse_iomap_req_t req, fuse_ino_t nodeid)
{
	any(req);
}

static void on_node_arg(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t arg)
{
	any(req);
}

static void on_statx(fuse_iomap_req_t req, fuse_ino_t nodeid, bool has_fh, uint64_t fh,
		     uint32_t flags, uint32_t mask)
{
	any(req);
}

static const struct fuse_lowlevel_ops ll;
static const struct fuse_iomap_ops all_ops = {
	.config = on_config, .begin = on_begin, .end = on_end, .ioend = on_ioend,
	.syncfs = on_node, .statx = on_statx, .freezefs = on_node_arg,
	.unfreezefs = on_node, .shutdownfs = on_node_arg,
};
/* without begin() there would be no iomap */
static const struct fuse_iomap_ops begin_only = { .begin = on_begin };

int main(void)
{
	static const unsigned char zeroes[128];
	struct peer_reply r;
	size_t i, len, used = 0;
	struct peer p;

	peer_start(&p, &ll, &all_ops, 2);
	for (i = 0; i < NR_REQUESTS; i++) {
		for (len = 0; len <= sizeof(zeroes); len += 4) {
			if (len == requests[i].size)
				continue;
			CHECK_EQ(peer_call(&p, requests[i].opcode, 1, zeroes, len, &r), EPROTO);
		}
		CHECK_EQ(calls, used);
		CHECK_EQ(peer_call(&p, requests[i].opcode, 1, zeroes, requests[i].size, &r),
			 EXDEV);
		CHECK_EQ(calls, ++used);
	}
	CHECK_EQ(peer_stop(&p), 0);

	peer_start(&p, &ll, &begin_only, 2);
	for (i = 0; i < NR_REQUESTS; i++)
		CHECK_EQ(peer_call(&p, requests[i].opcode, 1, zeroes, requests[i].size, &r),
			 requests[i].opcode == FUSE_IOMAP_BEGIN ? EXDEV : ENOSYS);
	/* numbers that nobody has given a meaning */
	CHECK_EQ(peer_call(&p, 4088, 1, zeroes, 8, &r), ENOSYS);
	CHECK_EQ(peer_call(&p, 1000, 1, zeroes, 8, &r), ENOSYS);
	CHECK_EQ(peer_stop(&p), 0);

	peer_start(&p, &ll, &all_ops, 2);
	CHECK_EQ(write(p.fd, zeroes, 12), 12);
	CHECK_EQ(peer_join(&p), -EIO);

	peer_start(&p, &ll, &all_ops, 2);
	CHECK_EQ(write(p.fd, zeroes, 100), 100);	/* header says length 0 */
	CHECK_EQ(peer_join(&p), -EIO);
	return 0;
}
