// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel sends lookups of one directory side by side if it can and the server wants that;
 * a server without init() does not.
 */
#include "peer.h"

static bool wanted;
static int inits;

static void on_init(void *userdata, struct fuse_conn_info *conn)
{
	inits++;
	if (wanted)
		conn->want |= conn->capable & FUSE_CAP_PARALLEL_DIROPS;
	else
		conn->want &= ~FUSE_CAP_PARALLEL_DIROPS;
}

static const struct fuse_lowlevel_ops with_init = { .init = on_init };
static const struct fuse_lowlevel_ops without_init;

static void ask(const struct fuse_lowlevel_ops *ll, bool want, uint32_t offer, uint32_t answer)
{
	struct fuse_init_in in = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = 131072,
		.flags = FUSE_INIT_EXT | offer,
	};
	const struct fuse_init_out *out;
	struct peer_reply r;
	struct peer p;

	wanted = want;
	inits = 0;
	peer_new(&p, ll, NULL, FUSE_IOMAP_MODE_OFF, false);
	peer_run(&p, 2);
	CHECK_EQ(peer_call(&p, FUSE_INIT, 0, &in, sizeof(in), &r), 0);
	out = (const void *)r.body;
	CHECK_EQ(out->flags & FUSE_PARALLEL_DIROPS, answer);
	CHECK_EQ(inits, ll == &with_init);
	CHECK_EQ(peer_stop(&p), 0);
}

int main(void)
{
	ask(&with_init, true, FUSE_PARALLEL_DIROPS, FUSE_PARALLEL_DIROPS);
	ask(&with_init, false, FUSE_PARALLEL_DIROPS, 0);
	ask(&with_init, true, 0, 0);
	/* libfuse's own choice */
	ask(&without_init, false, 0, 0);
	return 0;
}
