// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Messages to the kernel that nobody asked for: a reply with number zero whose
 * error field is the notification's code.  The kernel acts on them before the
 * write returns, and the write's error is the result.
 */
#include "iomap_i.h"

static int notify(struct fuse_iomap_session *fis, int code, const void *body, size_t len)
{
	struct fuse_out_header out = {
		.len = sizeof(out) + len,
		.error = code,
		.unique = 0,
	};
	struct iovec iov[2] = {
		{ .iov_base = &out, .iov_len = sizeof(out) },
		{ .iov_base = (void *)body, .iov_len = len },
	};

	if (!fuse_iomap_session_negotiated(fis))
		return -ENOSYS;
	return writev(fis->fd, iov, 2) < 0 ? -errno : 0;
}

int fuse_iomap_device_invalidate(struct fuse_iomap_session *fis, int dev, uint64_t offset,
				 uint64_t length)
{
	struct fuse_iomap_backing_inval_out arg = {
		.dev = dev,
		.range = { .offset = offset, .length = length },
	};

	return notify(fis, FUSE_NOTIFY_IOMAP_BACKING_INVAL, &arg, sizeof(arg));
}

int fuse_iomap_upsert_mappings(struct fuse_iomap_session *fis, fuse_ino_t nodeid,
			       uint64_t attr_ino, const struct fuse_iomap_io *read,
			       const struct fuse_iomap_io *write)
{
	static const struct fuse_iomap_io none = {
		.addr = FUSE_IOMAP_NULL_ADDR,
		.type = FUSE_IOMAP_TYPE_NOCACHE,
		.dev = FUSE_IOMAP_DEV_NULL,
	};
	struct fuse_iomap_upsert_mappings_out arg = {
		.nodeid = nodeid,
		.attr_ino = attr_ino,
		.read = read ? *read : none,
		.write = write ? *write : none,
	};

	return notify(fis, FUSE_NOTIFY_IOMAP_UPSERT_MAPPINGS, &arg, sizeof(arg));
}

int fuse_iomap_inval_mappings(struct fuse_iomap_session *fis, fuse_ino_t nodeid,
			      uint64_t attr_ino, const struct fuse_range *read,
			      const struct fuse_range *write)
{
	struct fuse_iomap_inval_mappings_out arg = {
		.nodeid = nodeid,
		.attr_ino = attr_ino,
	};

	if (read)
		arg.read = *read;
	if (write)
		arg.write = *write;
	return notify(fis, FUSE_NOTIFY_IOMAP_INVAL_MAPPINGS, &arg, sizeof(arg));
}

int fuse_iomap_turn_read_only(struct fuse_iomap_session *fis)
{
	struct fuse_iomap_read_only_out arg = { 0 };

	return notify(fis, FUSE_NOTIFY_IOMAP_READ_ONLY, &arg, sizeof(arg));
}
