// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every request of the iomap table reaches its operation with all its fields,
 * and every answer has the layout of the protocol.
 */
#include <stdatomic.h>
#include <sys/stat.h>
#include "peer.h"

static struct fuse_iomap_config_out config_answer;
#define NONE	1
static atomic_int config_result = NONE;	/* set after the kernel has the answer */

static void on_config(fuse_iomap_req_t req, uint64_t flags, int64_t maxbytes,
		      uint32_t cache_maxbytes)
{
	CHECK_EQ(flags, FUSE_IOMAP_CONFIG_ALL);
	CHECK_EQ(maxbytes, 1LL << 62);
	CHECK_EQ(cache_maxbytes, 262144);
	atomic_store(&config_result, fuse_iomap_reply_config(req, &config_answer));
}

static void on_begin(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t attr_ino,
		     uint64_t pos, uint64_t count, uint32_t opflags)
{
	struct peer *p = fuse_iomap_req_userdata(req);
	struct fuse_iomap_io read = {
		.offset = pos, .length = count, .addr = 0x123456000,
		.type = FUSE_IOMAP_TYPE_MAPPED, .flags = FUSE_IOMAP_F_MERGED, .dev = 7,
	};
	struct fuse_iomap_io write = {
		.offset = pos, .length = count, .addr = 0x9000,
		.type = FUSE_IOMAP_TYPE_UNWRITTEN, .flags = FUSE_IOMAP_F_SHARED, .dev = 8,
	};

	CHECK(fuse_iomap_req_session(req) == p->fis);
	CHECK_EQ(fuse_iomap_req_ctx(req)->uid, 1234);
	CHECK_EQ(fuse_iomap_req_ctx(req)->gid, 5678);
	CHECK_EQ(fuse_iomap_req_ctx(req)->pid, 4321);
	CHECK_EQ(nodeid, 77);
	CHECK_EQ(attr_ino, 78);
	CHECK_EQ(pos, 8192);
	CHECK_EQ(count, 4096);
	CHECK_EQ(fuse_iomap_reply_begin(req, &read,
					opflags & FUSE_IOMAP_OP_WRITE ? &write : NULL), 0);
}

static void on_end(fuse_iomap_req_t req, fuse_ino_t nodeid, const struct fuse_iomap_end_in *in)
{
	CHECK_EQ(nodeid, 77);
	CHECK_EQ(in->opflags, FUSE_IOMAP_OP_WRITE);
	CHECK_EQ(in->attr_ino, 78);
	CHECK_EQ(in->pos, 1);
	CHECK_EQ(in->count, 2);
	CHECK_EQ(in->written, -5);
	CHECK_EQ(in->map.dev, 9);
	CHECK_EQ(fuse_iomap_reply_err(req, 0), 0);
}

static void on_ioend(fuse_iomap_req_t req, fuse_ino_t nodeid,
		     const struct fuse_iomap_ioend_in *in)
{
	CHECK_EQ(in->flags, FUSE_IOMAP_IOEND_APPEND);
	CHECK_EQ(in->dev, 3);
	if (in->error)
		CHECK_EQ(fuse_iomap_reply_err(req, -in->error), 0);
	else
		CHECK_EQ(fuse_iomap_reply_ioend(req, in->pos + in->written), 0);
}

static void on_syncfs(fuse_iomap_req_t req, fuse_ino_t nodeid)
{
	CHECK_EQ(nodeid, 1);
	CHECK_EQ(fuse_iomap_reply_err(req, 0), 0);
}

static void on_statx(fuse_iomap_req_t req, fuse_ino_t nodeid, bool has_fh, uint64_t fh,
		     uint32_t flags, uint32_t mask)
{
	struct statx stx = { .stx_mask = mask, .stx_size = 0x1122334455667788, .stx_ino = 78 };

	CHECK(has_fh);
	CHECK_EQ(fh, 55);
	CHECK_EQ(flags, 0x2000);
	CHECK_EQ(mask, STATX_BTIME | STATX_SIZE);
	CHECK_EQ(fuse_iomap_reply_statx(req, &stx, 1.5), 0);
}

static void on_freeze(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t unlinked)
{
	CHECK_EQ(unlinked, 3);
	CHECK_EQ(fuse_iomap_reply_err(req, 0), 0);
}

static void on_unfreeze(fuse_iomap_req_t req, fuse_ino_t nodeid)
{
	CHECK_EQ(fuse_iomap_reply_err(req, EBUSY), 0);
}

static void on_shutdown(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t flags)
{
	CHECK_EQ(flags, 0);
	CHECK_EQ(fuse_iomap_reply_err(req, 0), 0);
}

static const struct fuse_lowlevel_ops ll;
static const struct fuse_iomap_ops iop = {
	.config = on_config, .begin = on_begin, .end = on_end, .ioend = on_ioend,
	.syncfs = on_syncfs, .statx = on_statx, .freezefs = on_freeze,
	.unfreezefs = on_unfreeze, .shutdownfs = on_shutdown,
};

static void config(struct peer *p, uint64_t flags, int error, size_t len, int result)
{
	struct fuse_iomap_config_in in = {
		.flags = FUSE_IOMAP_CONFIG_ALL, .maxbytes = 1LL << 62, .cache_maxbytes = 262144,
	};
	struct fuse_iomap_config_out out = { 0 };
	struct peer_reply r;
	int res;

	config_answer = (struct fuse_iomap_config_out) {
		.flags = flags, .s_blocksize = 4096, .s_maxbytes = 1LL << 44,
		.cache_maxbytes = 65536,
	};
	CHECK_EQ(peer_call(p, FUSE_IOMAP_CONFIG, 0, &in, sizeof(in), &r), error);
	CHECK_EQ(r.len, len);
	CHECK(len <= sizeof(out));
	memcpy(&out, r.body, len);
	if (!error) {
		CHECK_EQ(out.flags, flags);
		CHECK_EQ(out.s_blocksize, 4096);
		CHECK_EQ(out.s_maxbytes, 1LL << 44);
		CHECK_EQ(out.cache_maxbytes, len > 96 ? 65536 : 0);
	}
	while ((res = atomic_exchange(&config_result, NONE)) == NONE)
		usleep(1000);
	CHECK_EQ(res, result);
}

static void begin(struct peer *p, uint32_t opflags)
{
	struct fuse_iomap_begin_in in = {
		.opflags = opflags, .attr_ino = 78, .pos = 8192, .count = 4096,
	};
	struct fuse_iomap_begin_out out;
	struct peer_reply r;

	CHECK_EQ(peer_call(p, FUSE_IOMAP_BEGIN, 77, &in, sizeof(in), &r), 0);
	CHECK_EQ(r.len, 64);
	memcpy(&out, r.body, 64);
	CHECK_EQ(out.read.offset, 8192);
	CHECK_EQ(out.read.length, 4096);
	CHECK_EQ(out.read.addr, 0x123456000);
	CHECK_EQ(out.read.type, FUSE_IOMAP_TYPE_MAPPED);
	CHECK_EQ(out.read.flags, FUSE_IOMAP_F_MERGED);
	CHECK_EQ(out.read.dev, 7);
	CHECK_EQ(out.write.offset, 8192);
	CHECK_EQ(out.write.length, 4096);
	if (opflags & FUSE_IOMAP_OP_WRITE) {
		CHECK_EQ(out.write.addr, 0x9000);
		CHECK_EQ(out.write.type, FUSE_IOMAP_TYPE_UNWRITTEN);
		CHECK_EQ(out.write.flags, FUSE_IOMAP_F_SHARED);
		CHECK_EQ(out.write.dev, 8);
	} else {
		CHECK_EQ(out.write.addr, FUSE_IOMAP_NULL_ADDR);
		CHECK_EQ(out.write.type, FUSE_IOMAP_TYPE_PURE_OVERWRITE);
		CHECK_EQ(out.write.flags, 0);
		CHECK_EQ(out.write.dev, 0);
	}
}

int main(void)
{
	struct fuse_iomap_end_in end = {
		.opflags = FUSE_IOMAP_OP_WRITE, .attr_ino = 78, .pos = 1, .count = 2,
		.written = -5, .map = { .dev = 9 },
	};
	struct fuse_iomap_ioend_in ioend = {
		.flags = FUSE_IOMAP_IOEND_APPEND, .pos = 4096, .written = 100, .dev = 3,
	};
	struct { uint32_t getattr_flags, reserved; uint64_t fh; uint32_t flags, mask; } statx_in = {
		FUSE_GETATTR_FH, 0, 55, 0x2000, STATX_BTIME | STATX_SIZE,
	};
	struct fuse_freezefs_in freeze = { .unlinked = 3 };
	uint64_t zero = 0, u64;
	struct statx stx;
	struct peer_reply r;
	struct peer p;

	peer_start(&p, &ll, &iop, 2);

	config(&p, FUSE_IOMAP_CONFIG_BLOCKSIZE | FUSE_IOMAP_CONFIG_MAXBYTES, 0, 96, 0);
	config(&p, FUSE_IOMAP_CONFIG_ALL, 0, 104, 0);
	config(&p, FUSE_IOMAP_CONFIG_ALL + 1, EINVAL, 0, -EINVAL);
	/* there is no forget(): nobody would count */
	config(&p, FUSE_IOMAP_CONFIG_FORGET, EINVAL, 0, -EINVAL);
	begin(&p, 0);
	begin(&p, FUSE_IOMAP_OP_WRITE | FUSE_IOMAP_OP_DIRECT);
	CHECK_EQ(peer_call(&p, FUSE_IOMAP_END, 77, &end, sizeof(end), &r), 0);
	CHECK_EQ(r.len, 0);
	CHECK_EQ(peer_call(&p, FUSE_IOMAP_IOEND, 77, &ioend, sizeof(ioend), &r), 0);
	CHECK_EQ(r.len, 8);
	memcpy(&u64, r.body, 8);
	CHECK_EQ(u64, 4196);
	ioend.error = -ENOSPC;
	CHECK_EQ(peer_call(&p, FUSE_IOMAP_IOEND, 77, &ioend, sizeof(ioend), &r), ENOSPC);
	CHECK_EQ(peer_call(&p, 50, 1, &zero, sizeof(zero), &r), 0);
	CHECK_EQ(peer_call(&p, 52, 77, &statx_in, sizeof(statx_in), &r), 0);
	CHECK_EQ(r.len, 288);
	memcpy(&u64, r.body, 8);
	CHECK_EQ(u64, 1);				/* seconds valid */
	CHECK_EQ(*(uint32_t *)(r.body + 8), 500000000);	/* and nanoseconds */
	memcpy(&stx, r.body + 32, sizeof(stx));
	CHECK_EQ(stx.stx_size, 0x1122334455667788);
	CHECK_EQ(stx.stx_ino, 78);
	CHECK_EQ(peer_call(&p, FUSE_FREEZE_FS, 1, &freeze, sizeof(freeze), &r), 0);
	CHECK_EQ(peer_call(&p, FUSE_UNFREEZE_FS, 1, NULL, 0, &r), EBUSY);
	CHECK_EQ(peer_call(&p, FUSE_SHUTDOWN_FS, 1, &zero, sizeof(zero), &r), 0);

	CHECK_EQ(peer_stop(&p), 0);
	return 0;
}
