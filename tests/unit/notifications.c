// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Notifications have the layout of the protocol, and none is sent, nor a device
 * registered, on a session without iomap.
 */
#include "peer.h"

static void on_begin(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t attr_ino, uint64_t pos,
		     uint64_t count, uint32_t opflags)
{
	fuse_iomap_reply_err(req, EIO);
}

static const struct fuse_lowlevel_ops ll;
static const struct fuse_iomap_ops iop = { .begin = on_begin };
static const struct fuse_iomap_io map = {
	.offset = 4096, .length = 8192, .addr = 1 << 20, .type = FUSE_IOMAP_TYPE_MAPPED, .dev = 3,
};
static const struct fuse_range range = { .offset = 4096, .length = FUSE_IOMAP_INVAL_TO_EOF };

static void receive(struct peer *p, int code, void *body, size_t len)
{
	struct peer_reply r;

	peer_recv(p, &r);
	CHECK_EQ(r.out.unique, 0);
	CHECK_EQ(r.out.error, code);
	CHECK_EQ(r.len, len);
	memcpy(body, r.body, len);
}

int main(void)
{
	struct fuse_iomap_backing_inval_out backing;
	struct fuse_iomap_upsert_mappings_out upsert;
	struct fuse_iomap_inval_mappings_out inval;
	struct fuse_iomap_read_only_out read_only;
	struct peer_reply r;
	struct peer p;

	peer_start(&p, &ll, &iop, 1);

	CHECK_EQ(fuse_iomap_device_invalidate(p.fis, 3, 512, 1024), 0);
	receive(&p, 99, &backing, 24);
	CHECK_EQ(backing.dev, 3);
	CHECK_EQ(backing.reserved, 0);
	CHECK_EQ(backing.range.offset, 512);
	CHECK_EQ(backing.range.length, 1024);

	CHECK_EQ(fuse_iomap_upsert_mappings(p.fis, 5, 6, &map, NULL), 0);
	receive(&p, 100, &upsert, 80);
	CHECK_EQ(upsert.nodeid, 5);
	CHECK_EQ(upsert.attr_ino, 6);
	CHECK(!memcmp(&upsert.read, &map, sizeof(map)));
	CHECK_EQ(upsert.write.type, FUSE_IOMAP_TYPE_NOCACHE);
	CHECK_EQ(upsert.write.addr, FUSE_IOMAP_NULL_ADDR);
	CHECK_EQ(upsert.write.dev, 0);
	CHECK_EQ(fuse_iomap_upsert_mappings(p.fis, 5, 6, NULL, &map), 0);
	receive(&p, 100, &upsert, 80);
	CHECK_EQ(upsert.read.type, FUSE_IOMAP_TYPE_NOCACHE);
	CHECK(!memcmp(&upsert.write, &map, sizeof(map)));

	CHECK_EQ(fuse_iomap_inval_mappings(p.fis, 5, 6, NULL, &range), 0);
	receive(&p, 101, &inval, 48);
	CHECK_EQ(inval.nodeid, 5);
	CHECK_EQ(inval.attr_ino, 6);
	CHECK_EQ(inval.read.length, 0);
	CHECK_EQ(inval.write.offset, 4096);
	CHECK_EQ(inval.write.length, FUSE_IOMAP_INVAL_TO_EOF);

	CHECK_EQ(fuse_iomap_turn_read_only(p.fis), 0);
	receive(&p, 1001, &read_only, 8);
	CHECK_EQ(read_only.reserved, 0);

	/* a socket takes no ioctl: the error is the system call's */
	CHECK_EQ(fuse_iomap_device_add(p.fis, 0, 0), -ENOTTY);
	CHECK_EQ(fuse_iomap_device_add(p.fis, 0, 1), -EINVAL);
	CHECK_EQ(fuse_iomap_device_remove(p.fis, 1), -ENOTTY);
	CHECK_EQ(fuse_iomap_device_set_blocksize(p.fis, 1, 4096), -ENOTTY);
	CHECK_EQ(fuse_iomap_disable_fsreclaim(p.fis, true), -ENOTTY);
	CHECK_EQ(peer_stop(&p), 0);

	peer_new(&p, &ll, &iop, FUSE_IOMAP_MODE_AUTO, false);
	peer_run(&p, 1);
	peer_init(&p, 40, false, &r);
	CHECK_EQ(fuse_iomap_device_invalidate(p.fis, 3, 512, 1024), -ENOSYS);
	CHECK_EQ(fuse_iomap_upsert_mappings(p.fis, 5, 6, &map, NULL), -ENOSYS);
	CHECK_EQ(fuse_iomap_inval_mappings(p.fis, 5, 6, NULL, &range), -ENOSYS);
	CHECK_EQ(fuse_iomap_turn_read_only(p.fis), -ENOSYS);
	CHECK_EQ(fuse_iomap_device_add(p.fis, 0, 0), -EOPNOTSUPP);
	CHECK_EQ(fuse_iomap_device_remove(p.fis, 1), -EOPNOTSUPP);
	CHECK_EQ(fuse_iomap_device_set_blocksize(p.fis, 1, 4096), -EOPNOTSUPP);
	CHECK_EQ(fuse_iomap_disable_fsreclaim(p.fis, true), -EOPNOTSUPP);
	CHECK(peer_is_silent(&p, 50));
	CHECK_EQ(peer_stop(&p), 0);
	return 0;
}
