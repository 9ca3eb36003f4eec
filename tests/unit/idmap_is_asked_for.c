// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Idmapped mounts are asked for when the server wants them, in init(), on a connection
 * with iomap whose kernel has them; not otherwise.
 */
#include "peer.h"

#define IDMAP		(1ULL << 40)	/* FUSE_ALLOW_IDMAP */

static bool wanted;
static int answer;

static void on_init(void *userdata, struct fuse_conn_info *conn)
{
	struct peer *p = userdata;

	if (wanted)
		answer = fuse_iomap_session_allow_idmap(p->fis);
}

static void on_begin(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t attr_ino,
		     uint64_t pos, uint64_t count, uint32_t opflags)
{
	fuse_iomap_reply_err(req, EIO);
}

/* Too late: INIT has been answered. */
static void on_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct peer *p = fuse_req_userdata(req);

	fuse_reply_err(req, -fuse_iomap_session_allow_idmap(p->fis));
}

static const struct fuse_lowlevel_ops ll = { .init = on_init, .statfs = on_statfs };
static const struct fuse_iomap_ops iop = { .begin = on_begin };

static void ask(bool want, bool module, uint64_t flags, int want_answer, bool want_flag)
{
	struct fuse_init_in in = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_IOMAP_MINOR_VERSION,
		.max_readahead = 131072,
		.flags = FUSE_INIT_EXT,
		.flags2 = flags >> 32,
	};
	const struct fuse_init_out *out;
	struct peer_reply r;
	struct peer p;

	wanted = want;
	answer = 0;
	peer_new(&p, &ll, &iop, FUSE_IOMAP_MODE_AUTO, module);
	CHECK_EQ(fuse_iomap_session_allow_idmap(p.fis), -EINVAL);
	peer_run(&p, 2);
	CHECK_EQ(peer_call(&p, FUSE_INIT, 0, &in, sizeof(in), &r), 0);
	CHECK_EQ(answer, want_answer);
	out = (const void *)r.body;
	CHECK_EQ(!!(out->flags2 & (uint32_t)(IDMAP >> 32)), want_flag);
	CHECK_EQ(peer_call(&p, FUSE_STATFS, FUSE_ROOT_ID, NULL, 0, &r), EINVAL);
	CHECK_EQ(peer_stop(&p), 0);
}

int main(void)
{
	ask(true, true, FUSE_IOMAP | IDMAP, 0, true);
	ask(false, true, FUSE_IOMAP | IDMAP, 0, false);
	ask(true, true, FUSE_IOMAP, -EOPNOTSUPP, false);
	ask(true, true, IDMAP, -EOPNOTSUPP, false);
	ask(true, false, FUSE_IOMAP | IDMAP, -EOPNOTSUPP, false);
	return 0;
}
