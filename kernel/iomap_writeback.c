// SPDX-License-Identifier: GPL-2.0
/*
 * Writeback: dirty folios to the device.
 *
 * Where they go is asked for once per mapping, under the folio's lock, and used
 * for following folios as long as it is valid.  Bios that change nothing but
 * contents complete in interrupt context; those the server must hear of are put
 * on a list of their inode and completed by a work item.
 */
#include "iomap_i.h"

#include <linux/pagemap.h>
#include <linux/blkdev.h>
#include <linux/sched/mm.h>

static int map_blocks(struct iomap_writepage_ctx *wpc, struct inode *inode, loff_t offset,
		      unsigned int len)
{
	struct iomap srcmap = { .type = IOMAP_HOLE };

	if (offset >= wpc->iomap.offset &&
	    offset < wpc->iomap.offset + wpc->iomap.length &&
	    fuse_iomap_is_valid(inode, &wpc->iomap))
		return 0;
	wpc->iomap.length = 0;
	return fuse_iomap_resolve(inode, offset, fuse_iomap_delalloc_piece(inode, offset, len),
				  FUSE_IOMAP_WRITEBACK, &wpc->iomap, &srcmap);
}

static void complete_in_worker(struct iomap_ioend *ioend)
{
	struct fuse_iomap_inode *ii = FUSE_IOMAP_I(ioend->io_inode);
	unsigned long flags;

	spin_lock_irqsave(&ii->ioend_lock, flags);
	if (list_empty(&ii->ioend_list))
		queue_work(get_fuse_conn(ioend->io_inode)->iomap.completion_wq, &ii->ioend_work);
	list_add_tail(&ioend->io_list, &ii->ioend_list);
	spin_unlock_irqrestore(&ii->ioend_lock, flags);
}

static void end_reported(struct bio *bio)
{
	complete_in_worker(iomap_ioend_from_bio(bio));
}

/* Only a failure is of interest to the server; bi_private is fs/iomap's own end. */
static void end_overwrite(struct bio *bio)
{
	bio_end_io_t *end_io = bio->bi_private;

	if (bio->bi_status)
		complete_in_worker(iomap_ioend_from_bio(bio));
	else
		end_io(bio);
}

static int prepare_ioend(struct iomap_ioend *ioend, int status)
{
	struct bio *bio = &ioend->io_bio;

	if (ioend->io_type == IOMAP_UNWRITTEN || (ioend->io_flags & IOMAP_F_SHARED) ||
	    ioend->io_offset + ioend->io_size > fuse_iomap_recorded_size(ioend->io_inode)) {
		bio->bi_end_io = end_reported;
	} else {
		bio->bi_private = bio->bi_end_io;
		bio->bi_end_io = end_overwrite;
	}
	return status;
}

/* The rest of @folio from @pos on can't be written: let the server undo its promises. */
static void discard_folio(struct folio *folio, loff_t pos)
{
	struct inode *inode = folio->mapping->host;

	if (fuse_is_bad(inode))
		return;
	fuse_iomap_ioend(inode, pos, folio_pos(folio) + folio_size(folio) - pos, 0, -EIO,
			 NULL, FUSE_IOMAP_NULL_ADDR);
}

static const struct iomap_writeback_ops fuse_iomap_writeback_ops = {
	.map_blocks	= map_blocks,
	.prepare_ioend	= prepare_ioend,
	.discard_folio	= discard_folio,
};

/*
 * While the server is asked whether the file may be cut, nothing is written (iomap_size.c).
 * Who only begins to write doesn't wait for that: the folios stay dirty, and the flusher comes
 * back to an inode that has dirty folios.
 */
static bool may_submit(struct fuse_iomap_inode *ii, const struct writeback_control *wbc)
{
	if (wbc->sync_mode == WB_SYNC_NONE)
		return down_read_trylock(&ii->writeback_lock);
	down_read(&ii->writeback_lock);
	return true;
}

/*
 * Of a bad inode or a dead connection, folios become clean too, with the error that
 * resolving them gave: what can't be written must not fill memory.
 */
int fuse_iomap_writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	struct fuse_iomap_inode *ii = FUSE_IOMAP_I(mapping->host);
	struct iomap_writepage_ctx wpc = {};
	unsigned int nofs;
	int err;

	if (!may_submit(ii, wbc))
		return 0;
	/* folios wait in a bio for others: memory for these must not wait for folios */
	nofs = memalloc_nofs_save();
	err = iomap_writepages(mapping, wbc, &wpc, &fuse_iomap_writeback_ops);
	memalloc_nofs_restore(nofs);
	up_read(&ii->writeback_lock);
	return err;
}
