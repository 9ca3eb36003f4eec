// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every iomap request reaches its operation of a path-based server with all its fields and
 * libfuse's context, and every answer has the layout of the protocol; so do FSYNC and
 * GETATTR, which the library puts itself in front of.
 */
#include <sys/stat.h>
#include "peer.h"

#define INO	78

static uint64_t file;		/* node */

static void check_context(void)
{
	const struct fuse_context *ctx = fuse_get_context();
	const struct peer *p = ctx->private_data;

	CHECK_EQ(ctx->uid, 1234);
	CHECK_EQ(ctx->gid, 5678);
	CHECK_EQ(ctx->pid, 4321);
	CHECK(fuse_iomap_path_session() == p->fis);
	CHECK(ctx->fuse == fuse_iomap_path_fuse(p->fis));
}

static int on_config(uint64_t flags, int64_t maxbytes, uint32_t cache_maxbytes,
		     struct fuse_iomap_config_out *cfg)
{
	check_context();
	CHECK_EQ(flags, FUSE_IOMAP_CONFIG_ALL | FUSE_IOMAP_CONFIG_MAPPINGS);
	CHECK_EQ(maxbytes, 1LL << 62);
	CHECK_EQ(cache_maxbytes, 262144);
	cfg->flags = FUSE_IOMAP_CONFIG_BLOCKSIZE | FUSE_IOMAP_CONFIG_MAPPINGS;
	cfg->s_blocksize = 4096;
	return 0;
}

static int on_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	if (!strcmp(path, "/")) {
		*st = (struct stat) { .st_ino = 1, .st_mode = S_IFDIR | 0755, .st_nlink = 2 };
		return 0;
	}
	if (strcmp(path, "/f"))
		return -ENOENT;
	*st = (struct stat) { .st_ino = INO, .st_mode = S_IFREG | 0644, .st_nlink = 1 };
	return 0;
}

static uint32_t on_iflags(const char *path, const struct stat *st)
{
	CHECK(path);
	return S_ISREG(st->st_mode) ? FUSE_ATTR_IOMAP | FUSE_ATTR_SYNC : 0;
}

static int on_begin(const char *path, uint64_t ino, uint64_t pos, uint64_t count,
		    uint32_t opflags, struct fuse_iomap_path_answer *answer)
{
	unsigned int i;

	check_context();
	CHECK(!strcmp(path, "/f"));
	CHECK_EQ(ino, INO);
	CHECK_EQ(pos, 8192);
	CHECK_EQ(count, 4096);
	CHECK_EQ(answer->nr, 0);
	if (opflags & FUSE_IOMAP_OP_REPORT)
		return -EROFS;
	answer->read = (struct fuse_iomap_io) {
		.offset = pos, .length = count, .addr = 0x123456000,
		.type = FUSE_IOMAP_TYPE_MAPPED, .dev = 7,
	};
	if (opflags & FUSE_IOMAP_OP_WRITE)
		answer->write = (struct fuse_iomap_io) {
			.offset = pos, .length = count, .addr = 0x9000,
			.type = FUSE_IOMAP_TYPE_UNWRITTEN, .dev = 8,
		};
	CHECK_EQ(!answer->more, !answer->room);
	for (i = 0; i < answer->room; i++) {
		answer->more[i] = answer->read;
		answer->more[i].offset += (i + 1) * count;
	}
	/* more than there is room for are not sent */
	answer->nr = answer->room + 1;
	return 0;
}

static int on_end(const char *path, const struct fuse_iomap_end_in *in)
{
	check_context();
	CHECK(!strcmp(path, "/f"));
	CHECK_EQ(in->attr_ino, INO);
	CHECK_EQ(in->written, 5);
	CHECK_EQ(in->map.dev, 9);
	return 0;
}

static int on_ioend(const char *path, const struct fuse_iomap_ioend_in *in, uint64_t *newsize)
{
	check_context();
	CHECK(!strcmp(path, "/f"));
	CHECK_EQ(in->attr_ino, INO);
	CHECK_EQ(*newsize, 0);
	*newsize = in->pos + in->written;
	return in->error;
}

static int on_syncfs(void)
{
	check_context();
	return 0;
}

static int on_statx(const char *path, uint32_t flags, uint32_t mask, struct statx *stx,
		    struct fuse_file_info *fi)
{
	check_context();
	CHECK(!strcmp(path, "/f"));
	CHECK_EQ(fi ? fi->fh : 0, fi ? 55 : 0);
	CHECK_EQ(flags, 0x2000);
	*stx = (struct statx) {
		.stx_mask = mask, .stx_size = 0x1122334455667788, .stx_ino = INO,
		.stx_mode = S_IFREG | 0640, .stx_nlink = 3, .stx_uid = 12, .stx_gid = 13,
		.stx_btime = { .tv_sec = 99 },
	};
	return 0;
}

static int on_freeze(uint64_t unlinked)
{
	check_context();
	CHECK_EQ(unlinked, 3);
	return 0;
}

static int on_unfreeze(void)
{
	check_context();
	return -EBUSY;
}

static int on_shutdown(uint64_t flags)
{
	check_context();
	CHECK_EQ(flags, 0);
	/* no errno of this world: the library makes EIO of it */
	return 12345;
}

static int on_fsync(const char *path, int datasync, struct fuse_file_info *fi)
{
	CHECK(!strcmp(path, "/f"));
	CHECK_EQ(datasync, 1);
	CHECK_EQ(fi->fh, 55);
	return -EDQUOT;
}

static const struct fuse_operations op = { .getattr = on_getattr, .fsync = on_fsync };
static const struct fuse_operations op_without = { .getattr = on_getattr };
static const struct fuse_iomap_path_ops iop = {
	.config = on_config, .iflags = on_iflags, .begin = on_begin, .end = on_end,
	.ioend = on_ioend, .syncfs = on_syncfs, .statx = on_statx, .freezefs = on_freeze,
	.unfreezefs = on_unfreeze, .shutdownfs = on_shutdown,
};
static const struct fuse_iomap_path_ops iop_without = { .begin = on_begin };

static void start(struct peer *p, const struct fuse_operations *ops,
		  const struct fuse_iomap_path_ops *iops, uint32_t iflags)
{
	struct fuse_entry_out entry;
	struct peer_reply r;

	peer_new_path(p, ops, iops, NULL, true);
	peer_run(p, 2);
	peer_init(p, FUSE_IOMAP_MINOR_VERSION, true, &r);
	CHECK_EQ(peer_call(p, FUSE_LOOKUP, 1, "f", 2, &r), 0);
	memcpy(&entry, r.body, sizeof(entry));
	CHECK_EQ(entry.attr.flags, iflags);
	file = entry.nodeid;
}

static void begin(struct peer *p, uint32_t opflags, uint32_t room)
{
	struct fuse_iomap_begin_in in = {
		.opflags = opflags, .room = room, .attr_ino = INO, .pos = 8192, .count = 4096,
	};
	struct fuse_iomap_begin_out out;
	struct fuse_iomap_io more;
	struct peer_reply r;

	CHECK_EQ(peer_call(p, FUSE_IOMAP_BEGIN, file, &in, sizeof(in), &r), 0);
	CHECK_EQ(r.len, sizeof(out) + room * sizeof(more));
	memcpy(&out, r.body, sizeof(out));
	CHECK_EQ(out.read.addr, 0x123456000);
	CHECK_EQ(out.read.dev, 7);
	CHECK_EQ(out.write.type, opflags & FUSE_IOMAP_OP_WRITE ? FUSE_IOMAP_TYPE_UNWRITTEN :
		 FUSE_IOMAP_TYPE_PURE_OVERWRITE);
	CHECK_EQ(out.write.dev, opflags & FUSE_IOMAP_OP_WRITE ? 8 : 0);
	if (room) {
		memcpy(&more, r.body + r.len - sizeof(more), sizeof(more));
		CHECK_EQ(more.offset, 8192 + room * 4096);
	}
}

static void statx_request(struct peer *p, bool has_fh)
{
	struct { uint32_t getattr_flags, reserved; uint64_t fh; uint32_t flags, mask; } in = {
		has_fh ? FUSE_GETATTR_FH : 0, 0, 55, 0x2000, STATX_BTIME | STATX_SIZE,
	};
	struct peer_reply r;
	struct statx stx;

	CHECK_EQ(peer_call(p, 52, file, &in, sizeof(in), &r), 0);
	CHECK_EQ(r.len, 288);
	/* libfuse's attr_timeout */
	CHECK_EQ(*(uint64_t *)r.body, 1);
	memcpy(&stx, r.body + 32, sizeof(stx));
	CHECK_EQ(stx.stx_mask, STATX_BTIME | STATX_SIZE);
	CHECK_EQ(stx.stx_size, 0x1122334455667788);
	CHECK_EQ(stx.stx_ino, INO);
	CHECK_EQ(stx.stx_mode, S_IFREG | 0640);
	CHECK_EQ(stx.stx_nlink, 3);
	CHECK_EQ(stx.stx_uid, 12);
	CHECK_EQ(stx.stx_gid, 13);
	CHECK_EQ(stx.stx_btime.tv_sec, 99);
}

static void all(void)
{
	struct fuse_iomap_config_in config = {
		.flags = FUSE_IOMAP_CONFIG_ALL | FUSE_IOMAP_CONFIG_MAPPINGS,
		.maxbytes = 1LL << 62, .cache_maxbytes = 262144,
	};
	struct fuse_iomap_begin_in report = {
		.opflags = FUSE_IOMAP_OP_REPORT, .attr_ino = INO, .pos = 8192, .count = 4096,
	};
	struct fuse_iomap_end_in end = { .attr_ino = INO, .written = 5, .map = { .dev = 9 } };
	struct fuse_iomap_ioend_in ioend = { .attr_ino = INO, .pos = 4096, .written = 100 };
	struct fuse_fsync_in fsync = { .fh = 55, .fsync_flags = 1 };
	struct fuse_freezefs_in freeze = { .unlinked = 3 };
	struct fuse_iomap_config_out cfg;
	uint64_t zero = 0, u64;
	struct peer_reply r;
	struct peer p;

	start(&p, &op, &iop, FUSE_ATTR_IOMAP | FUSE_ATTR_SYNC);
	CHECK_EQ(peer_call(&p, FUSE_IOMAP_CONFIG, 0, &config, sizeof(config), &r), 0);
	CHECK_EQ(r.len, FUSE_IOMAP_CONFIG_OUT_V1_SIZE);
	memcpy(&cfg, r.body, r.len);
	CHECK_EQ(cfg.s_blocksize, 4096);
	begin(&p, 0, 0);
	begin(&p, FUSE_IOMAP_OP_WRITE, 0);
	begin(&p, 0, 3);
	CHECK_EQ(peer_call(&p, FUSE_IOMAP_BEGIN, file, &report, sizeof(report), &r), EROFS);
	CHECK_EQ(peer_call(&p, FUSE_IOMAP_END, file, &end, sizeof(end), &r), 0);
	CHECK_EQ(peer_call(&p, FUSE_IOMAP_IOEND, file, &ioend, sizeof(ioend), &r), 0);
	CHECK_EQ(r.len, 8);
	memcpy(&u64, r.body, 8);
	CHECK_EQ(u64, 4196);
	ioend.error = -ENOSPC;
	CHECK_EQ(peer_call(&p, FUSE_IOMAP_IOEND, file, &ioend, sizeof(ioend), &r), ENOSPC);
	CHECK_EQ(peer_call(&p, 50, 1, &zero, sizeof(zero), &r), 0);
	statx_request(&p, false);
	statx_request(&p, true);
	CHECK_EQ(peer_call(&p, FUSE_FREEZE_FS, 1, &freeze, sizeof(freeze), &r), 0);
	CHECK_EQ(peer_call(&p, FUSE_UNFREEZE_FS, 1, NULL, 0, &r), EBUSY);
	CHECK_EQ(peer_call(&p, FUSE_SHUTDOWN_FS, 1, &zero, sizeof(zero), &r), EIO);
	CHECK_EQ(peer_call(&p, FUSE_FSYNC, file, &fsync, sizeof(fsync), &r), EDQUOT);
	CHECK_EQ(peer_call(&p, FUSE_DESTROY, 0, NULL, 0, &r), 0);
	CHECK_EQ(peer_stop(&p), 0);
}

/* What a server doesn't have is answered as without the library, or with ENOSYS. */
static void none(void)
{
	struct fuse_iomap_ioend_in ioend = { .attr_ino = INO, .pos = 4096, .written = 100 };
	struct fuse_fsync_in fsync = { .fh = 55, .fsync_flags = 1 };
	struct peer_reply r;
	struct peer p;

	start(&p, &op_without, &iop_without, 0);
	begin(&p, 0, 0);
	CHECK_EQ(peer_call(&p, FUSE_IOMAP_IOEND, file, &ioend, sizeof(ioend), &r), ENOSYS);
	CHECK_EQ(peer_call(&p, FUSE_FSYNC, file, &fsync, sizeof(fsync), &r), ENOSYS);
	CHECK_EQ(peer_stop(&p), 0);
}

int main(void)
{
	all();
	none();
	return 0;
}
