// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Block devices that mappings may point to, and the flag that keeps the server
 * out of reclaim.
 */
#include "iomap_i.h"

int fuse_iomap_device_add(struct fuse_iomap_session *fis, int fd, unsigned int flags)
{
	struct fuse_backing_map map = {
		.fd = fd,
		.flags = FUSE_BACKING_TYPE_IOMAP,
	};
	int id;

	if (flags)
		return -EINVAL;
	if (!fuse_iomap_session_negotiated(fis))
		return -EOPNOTSUPP;
	id = ioctl(fis->fd, FUSE_DEV_IOC_BACKING_OPEN, &map);
	return id < 0 ? -errno : id;
}

int fuse_iomap_device_remove(struct fuse_iomap_session *fis, int dev)
{
	uint32_t id = dev;

	if (!fuse_iomap_session_negotiated(fis))
		return -EOPNOTSUPP;
	return ioctl(fis->fd, FUSE_DEV_IOC_BACKING_CLOSE, &id) < 0 ? -errno : 0;
}

int fuse_iomap_device_set_blocksize(struct fuse_iomap_session *fis, int dev,
				    uint32_t blocksize)
{
	struct fuse_iomap_backing_info info = {
		.backing_id = dev,
		.blocksize = blocksize,
	};

	if (!fuse_iomap_session_negotiated(fis))
		return -EOPNOTSUPP;
	return ioctl(fis->fd, FUSE_DEV_IOC_IOMAP_BACKING_SET_BLOCKSIZE, &info) < 0 ? -errno : 0;
}

int fuse_iomap_disable_fsreclaim(struct fuse_iomap_session *fis, bool on)
{
	uint32_t arg = on;

	if (!fis->iomap)
		return -EOPNOTSUPP;
	return ioctl(fis->fd, FUSE_DEV_IOC_SET_NOFS, &arg) < 0 ? -errno : 0;
}
