// SPDX-License-Identifier: GPL-2.0
/*
 * Completion of writes: what the server must hear when data is on the device.
 *
 * Overwriting written blocks below the recorded size changes nothing and asks
 * nothing.  A write to unwritten or shared blocks, past the recorded size, or one
 * that failed is reported with IOEND before anybody is told that the write is
 * done; so when fsync has waited for the data, the server knows about it too.
 *
 * The answer may arrive late, after the file was cut, say.  What it changes is safe all the
 * same.  The size counts only if no other one was set (iomap_size.c).  Mappings are dropped,
 * which only costs a question, or become written: whoever gives that range new space first
 * waits for this answer, because the folio is under writeback, or the bio counted, until then.
 */
#include "iomap_i.h"

#include <linux/blkdev.h>
#include <linux/sched/mm.h>

/*
 * Report @written bytes at @pos.  @flags: FUSE_IOMAP_IOEND_* (APPEND is added
 * here); @error: 0 or the negative errno of the I/O; @bdev, @new_addr: where the
 * data went, or NULL and FUSE_IOMAP_NULL_ADDR.  Returns @error if there is one,
 * else that of the report.
 *
 * Context: process context, may sleep and upcall.
 */
int fuse_iomap_ioend(struct inode *inode, loff_t pos, u64 written, u32 flags, int error,
		     const struct block_device *bdev, u64 new_addr)
{
	struct fuse_conn *fc = get_fuse_conn(inode);
	struct fuse_iomap_ioend_in in = {
		.flags		= flags,
		.error		= error,
		.attr_ino	= get_fuse_inode(inode)->orig_ino,
		.pos		= pos,
		.new_addr	= new_addr,
		.written	= written,
	};
	struct fuse_iomap_size_report size;
	unsigned int nofs;
	int err = 0;

	if (bdev)
		in.dev = fuse_iomap_dev_find(fc, bdev);

	if (fuse_iomap_size_report(inode, pos + written, &size) && !error && written)
		in.flags |= FUSE_IOMAP_IOEND_APPEND;

	if (!error && !(written && (in.flags & (FUSE_IOMAP_IOEND_SHARED |
						FUSE_IOMAP_IOEND_UNWRITTEN |
						FUSE_IOMAP_IOEND_APPEND))))
		return 0;

	if (!READ_ONCE(fc->iomap.no_ioend)) {
		/* memory that this needs must not wait for this write */
		nofs = memalloc_nofs_save();
		err = fuse_iomap_send_ioend(inode, &in, &size.newsize);
		memalloc_nofs_restore(nofs);
		if (err == -ENOSYS) {
			WRITE_ONCE(fc->iomap.no_ioend, true);
			err = 0;
		}
	}
	/* before anybody finds the space to be written */
	fuse_iomap_metadata_changed(inode);
	/*
	 * The server may have converted blocks even if it failed half-way, and where
	 * shared ones have moved to it alone knows.  A longer file is the same file.
	 */
	if (error || err || READ_ONCE(fc->iomap.no_ioend) || (in.flags & FUSE_IOMAP_IOEND_SHARED))
		fuse_iomap_cache_drop(inode, pos, written);
	else if (in.flags & FUSE_IOMAP_IOEND_UNWRITTEN)
		fuse_iomap_cache_written(inode, pos, written);
	if (error || err)
		return error ? fuse_iomap_io_failed(inode, error) : err;

	fuse_iomap_size_reported(inode, &size);
	fuse_invalidate_attr_mask(inode, STATX_BLOCKS);
	return 0;
}

static void finish_writeback(struct iomap_ioend *ioend)
{
	struct inode *inode = ioend->io_inode;
	u32 flags = FUSE_IOMAP_IOEND_WRITEBACK;
	int error = blk_status_to_errno(ioend->io_bio.bi_status);

	if (ioend->io_flags & IOMAP_F_SHARED)
		flags |= FUSE_IOMAP_IOEND_SHARED;
	if (ioend->io_type == IOMAP_UNWRITTEN)
		flags |= FUSE_IOMAP_IOEND_UNWRITTEN;

	/* a driver may have replaced the device of the bio */
	error = fuse_iomap_ioend(inode, ioend->io_offset, ioend->io_size, flags, error,
				 READ_ONCE(FUSE_IOMAP_I(inode)->cached_bdev),
				 (u64)ioend->io_sector << SECTOR_SHIFT);
	iomap_finish_ioends(ioend, error);
}

/* Completions of one inode, merged so that a contiguous run is reported once. */
void fuse_iomap_ioend_worker(struct work_struct *work)
{
	struct fuse_iomap_inode *ii = container_of(work, struct fuse_iomap_inode, ioend_work);
	struct iomap_ioend *ioend;
	LIST_HEAD(list);

	spin_lock_irq(&ii->ioend_lock);
	list_splice_init(&ii->ioend_list, &list);
	spin_unlock_irq(&ii->ioend_lock);

	iomap_sort_ioends(&list);
	while ((ioend = list_first_entry_or_null(&list, struct iomap_ioend, io_list))) {
		list_del_init(&ioend->io_list);
		/* which looks at sectors, not at devices */
		if (fuse_iomap_dev_is_only(get_fuse_conn(ioend->io_inode)))
			iomap_ioend_try_merge(ioend, &list);
		finish_writeback(ioend);
		cond_resched();
	}
}
