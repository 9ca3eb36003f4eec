// SPDX-License-Identifier: GPL-2.0
/*
 * Swap files.  The kernel asks once where the whole file is (BEGIN with SWAPFILE) and
 * then swaps to the device itself, so from swapon to swapoff the server must leave
 * the file's blocks where they are.  The VFS keeps others from writing to, cutting and
 * deleting it; the server learns of the end by IOEND with SWAPOFF, which also comes
 * when swapon fails half-way.
 */
#include "iomap_i.h"

#include <linux/blkdev.h>
#include <linux/swap.h>

static int swap_begin(struct inode *inode, loff_t pos, loff_t count, unsigned int flags,
		      struct iomap *iomap, struct iomap *srcmap)
{
	return fuse_iomap_resolve(inode, pos, count, flags | FUSE_IOMAP_SWAPFILE, iomap, srcmap);
}

static const struct iomap_ops swap_ops = {
	.iomap_begin	= swap_begin,
};

/* Sent even to a server that has no use for other completions. */
static void tell_swapoff(struct inode *inode)
{
	struct fuse_iomap_ioend_in in = {
		.flags		= FUSE_IOMAP_IOEND_SWAPOFF,
		.attr_ino	= get_fuse_inode(inode)->orig_ino,
		.new_addr	= FUSE_IOMAP_NULL_ADDR,
		.written	= i_size_read(inode),
		.dev		= FUSE_IOMAP_DEV_NULL,
	};
	u64 newsize = in.written;

	fuse_iomap_send_ioend(inode, &in, &newsize);
}

/* address_space_operations.swap_activate; caller holds i_rwsem.  Upcalls. */
int fuse_iomap_swap_activate(struct swap_info_struct *sis, struct file *file, sector_t *span)
{
	struct inode *inode = file_inode(file);
	struct iomap iomap = { .type = IOMAP_HOLE }, srcmap = { .type = IOMAP_HOLE };
	int err;

	if (fuse_iomap_is_unusable(inode))
		return -EIO;

	/* space that was only promised has no place yet; fs/iomap would come to that later */
	err = filemap_write_and_wait(inode->i_mapping);
	if (err)
		return err;
	/* fs/iomap compares each mapping's device with this one */
	err = swap_begin(inode, 0, i_size_read(inode), IOMAP_REPORT, &iomap, &srcmap);
	if (!err && (!iomap.bdev || bdev_is_zoned(iomap.bdev)))
		err = -EINVAL;
	if (!err) {
		sis->bdev = iomap.bdev;
		err = iomap_swapfile_activate(sis, file, span, &swap_ops);
	}
	if (err < 0)
		tell_swapoff(inode);
	return err;
}

/* address_space_operations.swap_deactivate. */
void fuse_iomap_swap_deactivate(struct file *file)
{
	tell_swapoff(file_inode(file));
}
