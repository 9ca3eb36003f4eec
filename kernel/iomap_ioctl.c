// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls that the iomap protocol adds to the device.
 */
#include "iomap_i.h"

#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

/*
 * Before it is mounted, a descriptor has what its caller may have.  After that it has what its
 * connection has: the module judges the reply to CONFIG in the write(2) that brings it, and that
 * write succeeds either way.  So a server that asks here learns whether its mount can be used.
 */
static long ioctl_support(struct file *file, const struct fuse_dev *fud,
			  struct fuse_iomap_support __user *argp)
{
	struct fuse_iomap_support support = {};
	bool allowed;

	if (fud)
		allowed = fud->fc->iomap.may && !fud->fc->conn_error;
	else
		allowed = fuse_iomap_allowed(file, false);
	if (allowed) {
		support.flags = FUSE_IOMAP_SUPPORT_FILEIO;
		if (fuse_iomap_can_have_blocks_of(SZ_64K))
			support.flags |= FUSE_IOMAP_SUPPORT_LARGE_BLOCKS;
	}
	return copy_to_user(argp, &support, sizeof(support)) ? -EFAULT : 0;
}

/*
 * A thread that serves writeback must not start file system reclaim, which could
 * wait for that very thread, nor be throttled as the writer of dirty pages.
 */
static long ioctl_set_nofs(struct fuse_dev *fud, u32 __user *argp)
{
	const unsigned int flags = PF_MEMALLOC_NOFS | PF_LOCAL_THROTTLE;
	u32 on;

	if (get_user(on, argp))
		return -EFAULT;
	if (on > 1)
		return -EINVAL;
	if (!(fud && fud->fc->iomap.may) && !capable(CAP_SYS_RESOURCE))
		return -EPERM;
	if (on)
		current->flags |= flags;
	else
		current->flags &= ~flags;
	return 0;
}

static long ioctl_backing_open(struct fuse_dev *fud, struct fuse_backing_map __user *argp,
			       bool *handled)
{
	struct fuse_backing_map map;

	if (copy_from_user(&map, argp, sizeof(map)))
		return -EFAULT;
	if ((map.flags & FUSE_BACKING_TYPE_MASK) != FUSE_BACKING_TYPE_IOMAP) {
		*handled = false;
		return 0;
	}
	return fuse_iomap_dev_add(fud->fc, &map);
}

static long ioctl_backing_close(struct fuse_dev *fud, u32 __user *argp)
{
	u32 id;

	if (get_user(id, argp))
		return -EFAULT;
	return fuse_iomap_dev_remove(fud->fc, id);
}

static long ioctl_set_blocksize(struct fuse_dev *fud,
				struct fuse_iomap_backing_info __user *argp)
{
	struct fuse_iomap_backing_info info;

	if (copy_from_user(&info, argp, sizeof(info)))
		return -EFAULT;
	return fuse_iomap_dev_set_blocksize(fud->fc, info.backing_id, info.blocksize);
}

/*
 * Returns true, and the result in *@ret, if @cmd belongs to the iomap path.
 */
bool fuse_iomap_dev_ioctl(struct file *file, unsigned int cmd, void __user *argp, long *ret)
{
	struct fuse_dev *fud = READ_ONCE(file->private_data);
	bool handled = true;

	switch (cmd) {
	case FUSE_DEV_IOC_IOMAP_SUPPORT:
		*ret = ioctl_support(file, fud, argp);
		break;
	case FUSE_DEV_IOC_ADD_IOMAP:
		*ret = fuse_iomap_approve(file);
		break;
	case FUSE_DEV_IOC_SET_NOFS:
		*ret = ioctl_set_nofs(fud, argp);
		break;
	case FUSE_DEV_IOC_IOMAP_BACKING_SET_BLOCKSIZE:
		*ret = fud ? ioctl_set_blocksize(fud, argp) : -EOPNOTSUPP;
		break;
	case FUSE_DEV_IOC_BACKING_OPEN:
		*ret = fud ? ioctl_backing_open(fud, argp, &handled) : -EPERM;
		break;
	case FUSE_DEV_IOC_BACKING_CLOSE:
		if (!fud || !fud->fc->iomap.enabled)
			handled = false;
		else
			*ret = ioctl_backing_close(fud, argp);
		break;
	default:
		handled = false;
	}
	return handled;
}
