// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * INIT: iomap is accepted exactly when the module offers it and the server has a
 * begin(), and required iomap that is not offered ends the session.
 */
#include "peer.h"

static int seen_in_init;

static void on_init(void *userdata, struct fuse_conn_info *conn)
{
	struct peer *p = userdata;

	seen_in_init = fuse_iomap_session_negotiated(p->fis);
}

static void on_begin(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t attr_ino,
		     uint64_t pos, uint64_t count, uint32_t opflags)
{
	fuse_iomap_reply_err(req, EIO);
}

static const struct fuse_lowlevel_ops ll = { .init = on_init };
static const struct fuse_iomap_ops with_begin = { .begin = on_begin };
static const struct fuse_iomap_ops without_begin;

static void negotiate(const struct fuse_iomap_ops *iop, enum fuse_iomap_mode mode, bool module,
		      uint32_t minor, bool offer, bool accepted, uint32_t out_minor)
{
	const struct fuse_init_out *out;
	struct peer_reply r;
	struct peer p;

	seen_in_init = -1;
	peer_new(&p, &ll, iop, mode, module);
	CHECK_EQ(fuse_iomap_session_is_iomap(p.fis), module);
	peer_run(&p, 2);
	peer_init(&p, minor, offer, &r);
	CHECK_EQ(r.out.error, 0);
	CHECK_EQ(r.len, sizeof(*out));
	out = (const void *)r.body;
	CHECK_EQ(out->major, FUSE_KERNEL_VERSION);
	CHECK_EQ((out->flags2 >> 11) & 1, accepted);
	if (accepted)
		CHECK(out->flags & FUSE_INIT_EXT);
	if (out_minor)
		CHECK_EQ(out->minor, out_minor);
	else
		CHECK(out->minor < FUSE_IOMAP_MINOR_VERSION);
	/* what libfuse decided is still there */
	CHECK(out->flags & FUSE_BIG_WRITES);
	CHECK(out->max_write >= 131072);
	CHECK_EQ(seen_in_init, accepted);
	CHECK_EQ(fuse_iomap_session_negotiated(p.fis), accepted);
	CHECK_EQ(peer_stop(&p), 0);
}

static void required_but_not_offered(void)
{
	struct peer_reply r;
	struct peer p;

	seen_in_init = -1;
	peer_new(&p, &ll, &with_begin, FUSE_IOMAP_MODE_REQUIRE, true);
	peer_run(&p, 2);
	peer_init(&p, 40, false, &r);
	CHECK_EQ(r.out.error, -EPROTO);
	CHECK_EQ(seen_in_init, -1);
	CHECK_EQ(peer_join(&p), -EOPNOTSUPP);
}

static void required_on_plain_fuse(void)
{
	char *argv[] = { "test", NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct fuse_iomap_session *fis;

	fis = fuse_iomap_session_new(&args, &ll, sizeof(ll), &with_begin, sizeof(with_begin), NULL);
	CHECK(fis);
	CHECK_EQ(fuse_iomap_session_attach(fis, 0, FUSE_IOMAP_MODE_REQUIRE, false), -ENODEV);
	CHECK_EQ(fuse_iomap_session_attach(fis, -1, FUSE_IOMAP_MODE_AUTO, false), -EBADF);
	CHECK_EQ(fuse_iomap_session_loop(fis, 1), -ENOTCONN);
	fuse_iomap_session_destroy(fis);
	fuse_opt_free_args(&args);
}

int main(void)
{
	const enum fuse_iomap_mode AUTO = FUSE_IOMAP_MODE_AUTO, OFF = FUSE_IOMAP_MODE_OFF;

	negotiate(&with_begin, AUTO, true, 99, true, true, 99);
	negotiate(&with_begin, FUSE_IOMAP_MODE_REQUIRE, true, 99, true, true, 99);
	/* the minor version is raised only if the kernel's is */
	negotiate(&with_begin, AUTO, true, 41, true, true, 0);
	negotiate(&with_begin, AUTO, true, 99, false, false, 0);
	negotiate(&with_begin, OFF, true, 99, true, false, 0);
	negotiate(&without_begin, AUTO, true, 99, true, false, 0);
	negotiate(NULL, AUTO, true, 99, true, false, 0);
	/* on stock /dev/fuse the bit may mean something else one day */
	negotiate(&with_begin, AUTO, false, 41, true, false, 0);
	required_but_not_offered();
	required_on_plain_fuse();
	return 0;
}
