// SPDX-License-Identifier: GPL-2.0
/*
 * The block devices of a connection.
 *
 * A server registers an open block device and gets an id for its mappings.  The
 * descriptor's own access mode bounds what a mapping may be used for.  A device
 * stays registered while the connection has iomap inodes in core, so a pointer
 * that a mapping got from here is good for as long as the inode is.
 *
 * Lookups run under RCU, changes under devices_lock.
 */
#include "iomap_i.h"

#include <linux/blkdev.h>
#include <linux/file.h>
#include <linux/pagemap.h>

static void free_dev(struct fuse_iomap_dev *dev)
{
	fput(dev->file);
	kfree_rcu(dev, rcu);
}

/*
 * Register the device open at map->fd.  Returns its id, 1 ... FUSE_IOMAP_MAX_DEVICES,
 * or -EPERM (no iomap on this connection), -EINVAL, -EBADF, -ENODEV (not a block
 * device), -ENOSPC (too many).
 */
int fuse_iomap_dev_add(struct fuse_conn *fc, const struct fuse_backing_map *map)
{
	struct fuse_iomap_conn *ic = &fc->iomap;
	struct fuse_iomap_dev *dev;
	struct inode *inode;
	struct file *file;
	int id;

	if (!ic->enabled)
		return -EPERM;
	if ((map->flags & ~FUSE_BACKING_TYPE_MASK) || map->padding)
		return -EINVAL;

	file = fget(map->fd);
	if (!file)
		return -EBADF;
	inode = file_inode(file);
	if (!S_ISBLK(inode->i_mode)) {
		fput(file);
		return -ENODEV;
	}

	dev = kzalloc(sizeof(*dev), GFP_KERNEL_ACCOUNT);
	if (!dev) {
		fput(file);
		return -ENOMEM;
	}
	dev->file = file;
	dev->bdev = I_BDEV(file->f_mapping->host);
	dev->can_read = file->f_mode & FMODE_READ;
	dev->can_write = file->f_mode & FMODE_WRITE;

	idr_preload(GFP_KERNEL);
	spin_lock(&ic->devices_lock);
	id = idr_alloc_cyclic(&ic->devices, dev, 1, FUSE_IOMAP_MAX_DEVICES + 1, GFP_ATOMIC);
	dev->id = id;
	if (id > 0 && !rcu_access_pointer(ic->usual_device))
		rcu_assign_pointer(ic->usual_device, dev);
	spin_unlock(&ic->devices_lock);
	idr_preload_end();
	if (id < 0)
		free_dev(dev);
	return id;
}

/* Caller holds devices_lock. */
static void forget_usual(struct fuse_iomap_conn *ic, const struct fuse_iomap_dev *dev)
{
	if (rcu_access_pointer(ic->usual_device) == dev)
		RCU_INIT_POINTER(ic->usual_device, NULL);
}

/* Returns 0, -EBUSY while an iomap inode is in core, -ENOENT. */
int fuse_iomap_dev_remove(struct fuse_conn *fc, u32 id)
{
	struct fuse_iomap_conn *ic = &fc->iomap;
	struct fuse_iomap_dev *dev;

	if (!ic->enabled)
		return -EPERM;
	if (id == FUSE_IOMAP_DEV_NULL || id > FUSE_IOMAP_MAX_DEVICES)
		return -ENOENT;

	if (atomic_long_read(&ic->nr_inodes))
		return -EBUSY;
	spin_lock(&ic->devices_lock);
	dev = idr_find(&ic->devices, id);
	if (!dev) {
		spin_unlock(&ic->devices_lock);
		return -ENOENT;
	}
	/*
	 * First hide it, then look again: pairs with fuse_iomap_init_inode().  An inode
	 * that is not counted yet finds the device gone.
	 */
	forget_usual(ic, dev);
	idr_replace(&ic->devices, NULL, id);
	smp_mb();
	if (atomic_long_read(&ic->nr_inodes)) {
		idr_replace(&ic->devices, dev, id);
		dev = NULL;
	} else {
		idr_remove(&ic->devices, id);
	}
	spin_unlock(&ic->devices_lock);
	if (!dev)
		return -EBUSY;
	free_dev(dev);
	return 0;
}

/* For when no inode is left. */
void fuse_iomap_dev_remove_all(struct fuse_conn *fc)
{
	struct fuse_iomap_conn *ic = &fc->iomap;
	struct fuse_iomap_dev *dev;
	int id = 1;

	for (;;) {
		spin_lock(&ic->devices_lock);
		dev = idr_get_next(&ic->devices, &id);
		if (dev) {
			forget_usual(ic, dev);
			idr_remove(&ic->devices, id);
		}
		spin_unlock(&ic->devices_lock);
		if (!dev)
			break;
		free_dev(dev);
	}
}

/* fuse_iomap_dev_get(), of any device. */
struct block_device *fuse_iomap_dev_search(struct fuse_conn *fc, u32 id, bool write)
{
	struct block_device *bdev;
	struct fuse_iomap_dev *dev;

	if (id == FUSE_IOMAP_DEV_NULL || id > FUSE_IOMAP_MAX_DEVICES)
		return ERR_PTR(-EFSCORRUPTED);

	rcu_read_lock();
	dev = idr_find(&fc->iomap.devices, id);
	if (!dev)
		bdev = ERR_PTR(-EFSCORRUPTED);
	else if (!dev->can_read || (write && !dev->can_write))
		bdev = ERR_PTR(-EACCES);
	else if (write && bdev_read_only(dev->bdev))
		bdev = ERR_PTR(-EROFS);
	else
		bdev = dev->bdev;
	rcu_read_unlock();
	return bdev;
}

/* An id of @bdev, or FUSE_IOMAP_DEV_NULL. */
u32 fuse_iomap_dev_find(struct fuse_conn *fc, const struct block_device *bdev)
{
	struct fuse_iomap_dev *dev;
	u32 found = FUSE_IOMAP_DEV_NULL;
	int id;

	rcu_read_lock();
	idr_for_each_entry(&fc->iomap.devices, dev, id) {
		if (dev->bdev == bdev) {
			found = id;
			break;
		}
	}
	rcu_read_unlock();
	return found;
}

/* A reference to the file of the device with @id, or of the first one from @id on. */
static struct file *get_dev_file(struct fuse_conn *fc, int *id, bool exact)
{
	struct fuse_iomap_dev *dev;
	struct file *file = NULL;

	spin_lock(&fc->iomap.devices_lock);
	dev = exact ? idr_find(&fc->iomap.devices, *id) :
		      idr_get_next(&fc->iomap.devices, id);
	if (dev)
		file = get_file(dev->file);
	spin_unlock(&fc->iomap.devices_lock);
	return file;
}

/* Set the device's soft block size, which a contained server may not do itself. */
int fuse_iomap_dev_set_blocksize(struct fuse_conn *fc, u32 id, u32 blocksize)
{
	struct file *file;
	int idr_id = id;
	int err;

	if (!fc->iomap.enabled)
		return -EOPNOTSUPP;
	if (id == FUSE_IOMAP_DEV_NULL || id > FUSE_IOMAP_MAX_DEVICES)
		return -ENOENT;
	file = get_dev_file(fc, &idr_id, true);
	if (!file)
		return -ENOENT;
	err = set_blocksize(file, blocksize);
	fput(file);
	return err;
}

/* Flush the volatile caches of all devices that can be written.  May sleep. */
int fuse_iomap_dev_flush(struct fuse_conn *fc)
{
	struct file *file;
	int err = 0;
	int id;

	for (id = 1; (file = get_dev_file(fc, &id, false)) != NULL; id++) {
		int err2 = 0;

		if (file->f_mode & FMODE_WRITE)
			err2 = blkdev_issue_flush(I_BDEV(file->f_mapping->host));
		if (err2 && !err)
			err = err2;
		fput(file);
	}
	return err;
}

/*
 * Alignment that direct I/O needs on every device: *@mem of buffers, *@offset of
 * positions and lengths, bytes.
 */
void fuse_iomap_dev_dio_align(struct fuse_conn *fc, u32 *mem, u32 *offset)
{
	struct fuse_iomap_dev *dev;
	int id;

	*mem = 1;
	*offset = 1;
	rcu_read_lock();
	idr_for_each_entry(&fc->iomap.devices, dev, id) {
		*mem = max(*mem, (u32)bdev_dma_alignment(dev->bdev) + 1);
		*offset = max(*offset, bdev_logical_block_size(dev->bdev));
	}
	rcu_read_unlock();
}

/* Is there one device and no other? */
bool fuse_iomap_dev_is_only(struct fuse_conn *fc)
{
	struct fuse_iomap_dev *dev, *first = NULL;
	bool only = true;
	int id;

	rcu_read_lock();
	idr_for_each_entry(&fc->iomap.devices, dev, id) {
		if (first && dev->bdev != first->bdev)
			only = false;
		first = dev;
	}
	rcu_read_unlock();
	return first && only;
}

/* Has the hardware of a device gone? */
bool fuse_iomap_dev_is_gone(struct fuse_conn *fc)
{
	struct fuse_iomap_dev *dev;
	bool gone = false;
	int id;

	rcu_read_lock();
	idr_for_each_entry(&fc->iomap.devices, dev, id)
		gone |= test_bit(GD_DEAD, &dev->bdev->bd_disk->state);
	rcu_read_unlock();
	return gone;
}

/* Drop the folios of @mapping that hold byte @pos, but write what is dirty first. */
static int drop_edge(struct address_space *mapping, loff_t pos)
{
	filemap_write_and_wait_range(mapping, pos, pos);
	return invalidate_inode_pages2_range(mapping, pos >> PAGE_SHIFT, pos >> PAGE_SHIFT);
}

static int drop_range(struct address_space *mapping, u64 offset, u64 end)
{
	int err = 0;

	filemap_invalidate_lock(mapping);
	truncate_inode_pages_range(mapping, offset, end - 1);
	/*
	 * Of folios that are only partly in the range that has zeroed the part, which is
	 * not what the device has there: they go, too.
	 */
	if (!PAGE_ALIGNED(offset))
		err = drop_edge(mapping, offset);
	if (!err && !PAGE_ALIGNED(end))
		err = drop_edge(mapping, end - 1);
	filemap_invalidate_unlock(mapping);
	return err;
}

/*
 * Drop @length bytes from byte @offset on from the page cache of the device with @id,
 * without writing them.  Returns 0, -EINVAL if they do not start on the device or are
 * not whole blocks of it, -ENODEV if there is no such device, -EACCES if the server may
 * not write to it, -EBUSY if somebody else has the device for himself, or uses the part
 * of the page cache right now.
 */
int fuse_iomap_dev_invalidate(struct fuse_conn *fc, u32 id, u64 offset, u64 length)
{
	struct block_device *bdev;
	struct file *file = NULL;
	int idr_id = id, err = 0;
	u64 size, end;

	if (id <= FUSE_IOMAP_MAX_DEVICES)
		file = get_dev_file(fc, &idr_id, true);
	if (!file)
		return -ENODEV;
	size = bdev_nr_bytes(I_BDEV(file->f_mapping->host));
	end = min(offset + length, size);
	/* of a part of a block, the rest may be dirty: no way to drop one without the other */
	if (offset >= size || ((offset | length) & (block_size(I_BDEV(file->f_mapping->host)) - 1)))
		err = -EINVAL;
	else if (!(file->f_mode & FMODE_WRITE))
		err = -EACCES;
	if (err || !length)
		goto out;

	/* a file system in the kernel may hold buffers: nobody else may have the device */
	bdev = I_BDEV(file->f_mapping->host);
	if (!file->private_data) {
		err = bd_prepare_to_claim(bdev, &size, NULL);
		if (err)
			goto out;
	}
	err = drop_range(file->f_mapping, offset, end);
	if (!file->private_data)
		bd_abort_claiming(bdev, &size);
out:
	fput(file);
	return err;
}
