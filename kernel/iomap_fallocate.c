// SPDX-License-Identifier: GPL-2.0
/*
 * fallocate(2): the server changes the blocks, the kernel keeps the page cache
 * and the parts of blocks in step.
 *
 * With faults and direct I/O shut out, the range (to the end of the file when
 * blocks move) is written and dropped from the page cache before the server hears
 * of it, so that no dirty page is left whose blocks go away or move.
 *
 * Unsharing is the other way round: the server finds all data on the device and may
 * copy what is shared, or give space beforehand; what is still shared afterwards is
 * copied through the page cache, as an ordinary out-of-place write of the same bytes.
 */
#include "iomap_i.h"

#include <linux/pagemap.h>
#include <linux/falloc.h>

#define SUPPORTED_MODES	(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE | \
			 FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE | \
			 FALLOC_FL_UNSHARE_RANGE)
#define MOVING_MODES	(FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)
#define CLEARING_MODES	(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)

static int send_fallocate(struct file *file, int mode, loff_t offset, loff_t len)
{
	struct inode *inode = file_inode(file);
	struct fuse_file *ff = file->private_data;
	struct fuse_conn *fc = get_fuse_conn(inode);
	struct fuse_fallocate_in in = {
		.fh	= ff->fh,
		.offset	= offset,
		.length	= len,
		.mode	= mode,
	};
	FUSE_ARGS(args);
	int err;

	args.opcode = FUSE_FALLOCATE;
	args.nodeid = get_node_id(inode);
	args.in_numargs = 1;
	args.in_args[0].size = sizeof(in);
	args.in_args[0].value = &in;
	err = fuse_simple_request(get_fuse_mount(inode), &args);
	if (err == -ENOSYS) {
		fc->no_fallocate = 1;
		err = -EOPNOTSUPP;
	}
	return err;
}

/*
 * Write and drop the page cache of [@offset, @end), rounded out to folios and blocks.  Whole
 * folios go or the call fails: to zero a part of one would show zeroes where the server may
 * still refuse to make any.  -EBUSY: somebody who has pinned pages of it makes them dirty
 * again and again.
 */
static int drop_cache(struct inode *inode, loff_t offset, loff_t end)
{
	struct address_space *mapping = inode->i_mapping;
	u64 unit = max_t(u64, i_blocksize(inode), PAGE_SIZE);
	loff_t last = end == LLONG_MAX ? LLONG_MAX : (loff_t)round_up((u64)end, unit) - 1;
	int err, tries = 3;

	offset = round_down(offset, unit);
	do {
		err = filemap_write_and_wait_range(mapping, offset, last);
		if (!err)
			err = invalidate_inode_pages2_range(mapping, offset >> PAGE_SHIFT,
							    last >> PAGE_SHIFT);
	} while (err == -EBUSY && --tries);
	return err;
}

/* The range without its edges has been cleared by the server: zero the edges. */
static int zero_edges(struct inode *inode, loff_t offset, loff_t len)
{
	unsigned int blocksize = i_blocksize(inode);
	loff_t end = min(offset + len, i_size_read(inode));
	loff_t first = round_up(offset, blocksize);
	loff_t last = round_down(end, blocksize);
	int err;

	if (offset >= end)
		return 0;
	if (first > last)	/* inside one block */
		return iomap_zero_range(inode, offset, end - offset, NULL, &fuse_iomap_ops);

	if (first > offset) {
		err = iomap_zero_range(inode, offset, first - offset, NULL, &fuse_iomap_ops);
		if (err)
			return err;
	}
	if (end > last)
		return iomap_zero_range(inode, last, end - last, NULL, &fuse_iomap_ops);
	return 0;
}

/*
 * Give [@offset, @offset + @len) space of its own: BEGINs with UNSHARE say what is
 * shared and where it goes, and the data is there when this returns.
 */
static int unshare(struct inode *inode, loff_t offset, loff_t len)
{
	int err = iomap_file_unshare(inode, offset, len, &fuse_iomap_ops);

	return err ?: filemap_write_and_wait_range(inode->i_mapping, offset, offset + len - 1);
}

/* The size after the operation, or a negative errno if it makes no sense. */
static loff_t size_after(struct inode *inode, int mode, loff_t offset, loff_t len)
{
	loff_t isize = i_size_read(inode);

	if (mode & MOVING_MODES) {
		if (!IS_ALIGNED(offset | len, i_blocksize(inode)))
			return -EINVAL;
		if (mode & FALLOC_FL_COLLAPSE_RANGE)
			return offset + len >= isize ? -EINVAL : isize - len;
		if (offset >= isize)
			return -EINVAL;
		return len > inode->i_sb->s_maxbytes - isize ? -EFBIG : isize + len;
	}
	if (!(mode & FALLOC_FL_KEEP_SIZE) && offset + len > isize)
		return offset + len;
	return isize;
}

static int fallocate_locked(struct file *file, int mode, loff_t offset, loff_t len)
{
	struct inode *inode = file_inode(file);
	loff_t oldsize = i_size_read(inode);
	bool moves = mode & MOVING_MODES, grows;
	loff_t newsize;
	int err;

	newsize = size_after(inode, mode, offset, len);
	if (newsize < 0)
		return newsize;
	if (newsize > oldsize) {
		err = inode_newsize_ok(inode, newsize);
		if (err)
			return err;
	}
	err = fuse_iomap_privs_checked(inode, file_modified(file));
	if (err)
		return err;
	grows = newsize > oldsize && !moves;

	/* FALLOCATE that makes the file longer records the size, as SETATTR does */
	if (grows)
		err = fuse_iomap_grow_begin(inode, newsize);
	else if (moves)	/* all that is recorded moves: let it be all there is */
		err = filemap_write_and_wait(inode->i_mapping);
	if (err)
		goto answered;

	/* after the size: setting it may have read the last block into the page cache */
	if (moves)
		err = drop_cache(inode, offset, LLONG_MAX);
	else if (mode & CLEARING_MODES)
		err = drop_cache(inode, offset, offset + len);
	else if (mode & FALLOC_FL_UNSHARE_RANGE)
		err = filemap_write_and_wait_range(inode->i_mapping, offset, offset + len - 1);
	if (err)
		goto answered;

	/* a hole over the end of the file takes the whole last block with it */
	if ((mode & FALLOC_FL_PUNCH_HOLE) && offset + len > oldsize)
		len = round_up((u64)offset + len, i_blocksize(inode)) - offset;

	err = send_fallocate(file, mode, offset, len);
	fuse_iomap_metadata_changed(inode);
	fuse_iomap_cache_drop(inode, offset, moves ? LLONG_MAX : len);

answered:
	if (grows)
		fuse_iomap_grow_end(inode, oldsize, newsize, err);
	else if (moves)
		fuse_iomap_move_end(inode, newsize, err);
	if (err)
		return err;

	fuse_invalidate_attr_mask(inode, STATX_BLOCKS);
	if (mode & CLEARING_MODES)
		return zero_edges(inode, offset, len);
	if (mode & FALLOC_FL_UNSHARE_RANGE)
		return unshare(inode, offset, len);
	return 0;
}

long fuse_iomap_fallocate(struct file *file, int mode, loff_t offset, loff_t len)
{
	struct inode *inode = file_inode(file);
	int err;

	if (fuse_iomap_is_unusable(inode))
		return -EIO;
	if (mode & ~SUPPORTED_MODES)
		return -EOPNOTSUPP;
	if (get_fuse_conn(inode)->no_fallocate)
		return -EOPNOTSUPP;

	inode_lock(inode);
	filemap_invalidate_lock(inode->i_mapping);
	inode_dio_wait(inode);
	err = fallocate_locked(file, mode, offset, len);
	err = fuse_iomap_inline_result(inode, i_size_read(inode), err);
	filemap_invalidate_unlock(inode->i_mapping);
	inode_unlock(inode);

	if (!err && (file->f_flags & O_DSYNC))
		err = vfs_fsync_range(file, offset, offset + len - 1,
				      !(file->f_flags & __O_SYNC));
	return err;
}
