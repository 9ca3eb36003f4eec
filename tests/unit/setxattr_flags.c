// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The flags of SETXATTR reach the operation, with and without iomap, and name and value
 * arrive whole; a kernel without such flags is understood as well.
 */
#include "peer.h"

static uint32_t flags_seen;

static void on_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
			size_t size, int flags)
{
	CHECK_EQ(ino, 5);
	CHECK_EQ(flags, 2);
	CHECK(!strcmp(name, "user.name"));
	CHECK_EQ(size, 5);
	CHECK(!memcmp(value, "value", 5));
	CHECK_EQ(fuse_req_ctx(req)->uid, 1234);
	flags_seen = fuse_iomap_setxattr_flags(req);
	fuse_reply_err(req, 0);
}

static const struct fuse_lowlevel_ops ll = { .setxattr = on_setxattr };
static const struct fuse_iomap_ops iop;

static void set(struct peer *p, bool extended, uint32_t flags)
{
	struct fuse_setxattr_in in = { .size = 5, .flags = 2, .setxattr_flags = flags };
	size_t len = extended ? sizeof(in) : FUSE_COMPAT_SETXATTR_IN_SIZE;
	struct peer_reply r;
	char body[64];

	memcpy(body, &in, len);
	memcpy(body + len, "user.name\0value", 15);
	flags_seen = 99;
	CHECK_EQ(peer_call(p, FUSE_SETXATTR, 5, body, len + 15, &r), 0);
	CHECK_EQ(flags_seen, flags);
}

static void session(bool module, bool offered)
{
	struct fuse_init_in in = {
		.major = FUSE_KERNEL_VERSION,
		.minor = 36,
		.max_readahead = 131072,
		.flags = FUSE_INIT_EXT | (offered ? FUSE_SETXATTR_EXT : 0),
	};
	const struct fuse_init_out *out;
	struct peer_reply r;
	struct peer p;

	peer_new(&p, &ll, &iop, FUSE_IOMAP_MODE_AUTO, module);
	peer_run(&p, 1);
	CHECK_EQ(peer_call(&p, FUSE_INIT, 0, &in, sizeof(in), &r), 0);
	out = (const void *)r.body;
	CHECK_EQ(!!(out->flags & FUSE_SETXATTR_EXT), offered);
	if (offered)
		set(&p, true, FUSE_SETXATTR_ACL_KILL_SGID);
	set(&p, offered, 0);
	CHECK_EQ(peer_stop(&p), 0);
}

int main(void)
{
	session(true, true);
	session(true, false);
	session(false, true);
	session(false, false);
	return 0;
}
