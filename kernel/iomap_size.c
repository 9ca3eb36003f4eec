// SPDX-License-Identifier: GPL-2.0
/*
 * The size of an iomap file: who keeps it, who may change it, and when.
 *
 * There are two sizes.
 *
 *	i_size		what programs see.  The kernel owns it.  Every change holds i_rwsem
 *			exclusively; a change that makes the file shorter, and each one that
 *			the server is asked for, holds invalidate_lock exclusively as well.
 *	disk_size	what the kernel knows the server to have recorded, protected by
 *			fuse_inode.lock.  It may be smaller than what the server has: that
 *			costs a report.  It must never be larger: data behind the server's
 *			size is gone after the next mount.
 *
 * A write that ends beyond disk_size is reported with APPEND, and the server raises its
 * size.  So five things change disk_size, all of them here:
 *
 *	instantiation	fuse_iomap_size_init()		attributes newer than the last eviction
 *	IOEND		fuse_iomap_size_reported()	raises, if no size was set meanwhile
 *	inline WRITE	fuse_iomap_size_raise()		raises; a writer holds i_rwsem, a fault
 *							invalidate_lock
 *	SETATTR,	fuse_iomap_size_set()		sets, when the server has agreed
 *	FALLOCATE	fuse_iomap_size_doubt()		lowers, when it has failed
 *
 * Answers that arrive late.  A size in an answer describes the server at some moment between
 * question and answer.  SETATTR and FALLOCATE that set the size are sent under i_rwsem and
 * invalidate_lock, so there is one of them at a time.  IOEND is sent under no lock.  Its
 * answer may have been made before a SETATTR and arrive after it; raising disk_size to that
 * size would hide the next append from the server.  size_changes counts how often the size
 * was set or became doubtful.  An IOEND notes the count with its question, and its answer
 * counts only if the count is the same.  An answer that doesn't count leaves disk_size too
 * small at worst, which is safe.
 *
 * An IOEND never carries data beyond the end that a SETATTR or FALLOCATE has set.  So a server
 * may raise its size to the end of every IOEND, with or without APPEND:
 *
 *	- fs/iomap cuts the range of an IOEND at i_size when the folio is submitted.
 *	- A folio is under writeback until its IOEND is answered, and every bio of direct I/O
 *	  counts in i_dio_count until then.
 *	- Before SETATTR makes a file shorter, the kernel waits for direct I/O and for writeback
 *	  of every folio that reaches beyond the new end (fuse_iomap_cut_begin()), and no folio
 *	  goes under writeback until the page cache has been cut.
 *	- Before FALLOCATE moves blocks, all of the file is written, and the page cache from
 *	  the first moved block on is dropped (iomap_fallocate.c).
 *
 * Consent.  The page cache loses nothing before the server has agreed:
 *
 *	shorter		ask; then cut the page cache and i_size; then zero the rest of the last
 *			block.  While the question is out, dirty folios beyond the new end must
 *			not be written, because the server may have given their blocks to
 *			another file.  They must not be dropped either: the server may refuse.
 *			So writeback of this inode is held off (writeback_lock).
 *	longer		zero from the old end on, which programs don't see; write what the
 *			server has no size for, because its size must not run ahead of the
 *			data; ask; then raise i_size.  If the server refuses, nothing is to be
 *			undone.  There is one exception, see fuse_iomap_grow_begin().
 *
 * The rest of the last block is zeroed in the page cache after the cut and reaches the device
 * with the next writeback, at the latest by fsync.  Until then, or if zeroing fails, the device
 * has old bytes behind the end of the file.  They are never shown: whatever makes the file
 * longer zeroes from the old end on first, or fails.
 *
 * Lock order: i_rwsem, invalidate_lock, writeback_lock, folio lock, fuse_inode.lock.
 */
#include "iomap_i.h"

#include <linux/pagemap.h>

static void assert_size_may_change(struct inode *inode)
{
	lockdep_assert_held_write(&inode->i_rwsem);
	lockdep_assert_held_write(&inode->i_mapping->invalidate_lock);
}

/* @inode is being instantiated, @size bytes long.  Nobody else sees it yet. */
void fuse_iomap_size_init(struct inode *inode, loff_t size)
{
	FUSE_IOMAP_I(inode)->disk_size = size;
	init_rwsem(&FUSE_IOMAP_I(inode)->writeback_lock);
}

/* The size that the server is known to have recorded, bytes. */
loff_t fuse_iomap_recorded_size(struct inode *inode)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	loff_t size;

	spin_lock(&fi->lock);
	size = fi->iomap.disk_size;
	spin_unlock(&fi->lock);
	return size;
}

/*
 * A write that ends at @end (bytes) is about to be reported.  Returns whether it is an
 * append.  Fills in @report, whose newsize counts if the server doesn't say another one.
 */
bool fuse_iomap_size_report(struct inode *inode, u64 end, struct fuse_iomap_size_report *report)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	bool append;

	spin_lock(&fi->lock);
	append = end > fi->iomap.disk_size;
	report->end = end;
	report->newsize = max_t(u64, fi->iomap.disk_size, end);
	report->changes = fi->iomap.size_changes;
	spin_unlock(&fi->lock);
	return append;
}

/* The server has answered the report, with success. */
void fuse_iomap_size_reported(struct inode *inode, const struct fuse_iomap_size_report *report)
{
	u64 newsize = min_t(u64, report->newsize, FUSE_IOMAP_MAX_BYTES);
	struct fuse_inode *fi = get_fuse_inode(inode);
	bool late;

	spin_lock(&fi->lock);
	late = report->changes != fi->iomap.size_changes;
	if (!late)
		fi->iomap.disk_size = max_t(loff_t, fi->iomap.disk_size, newsize);
	spin_unlock(&fi->lock);
	/* what was cut meanwhile had no write in flight: the essay above says why */
	WARN_ON_ONCE(late && report->end > i_size_read(inode));
}

/* A WRITE of inline bytes has made the server's file at least @end bytes long. */
void fuse_iomap_size_raise(struct inode *inode, loff_t end)
{
	struct fuse_inode *fi = get_fuse_inode(inode);

	/* so no size is set meanwhile */
	lockdep_assert(lockdep_is_held(&inode->i_rwsem) ||
		       lockdep_is_held(&inode->i_mapping->invalidate_lock));
	spin_lock(&fi->lock);
	fi->iomap.disk_size = max(fi->iomap.disk_size, end);
	spin_unlock(&fi->lock);
}

/* The server has agreed to the size @newsize. */
void fuse_iomap_size_set(struct inode *inode, loff_t newsize)
{
	struct fuse_inode *fi = get_fuse_inode(inode);

	assert_size_may_change(inode);
	spin_lock(&fi->lock);
	fi->iomap.disk_size = newsize;
	fi->iomap.size_changes++;
	spin_unlock(&fi->lock);
}

/*
 * The server has failed to set the size @newsize, with @err, and may have done it all the same,
 * or a part of it.  What ends beyond that size is reported again.
 */
static void size_doubt(struct inode *inode, loff_t newsize, int err)
{
	struct fuse_inode *fi = get_fuse_inode(inode);

	assert_size_may_change(inode);
	spin_lock(&fi->lock);
	fi->iomap.disk_size = min(fi->iomap.disk_size, newsize);
	fi->iomap.size_changes++;
	spin_unlock(&fi->lock);
	/* a server that fails half-way may have freed blocks: data may be lost */
	if (err == -EIO)
		mapping_set_error(inode->i_mapping, err);
}

/*
 * Make page cache and device fit for the server to be asked for a shorter file, of @newsize
 * bytes, or for the size that the file has.  On success, writeback of the inode is held off
 * until fuse_iomap_cut_end(), and no folio beyond @newsize is under writeback.  Nothing is lost
 * whatever the result.  Returns 0 or the error of writing what the server has no size for.
 *
 * Caller holds i_rwsem and invalidate_lock exclusively and has waited for direct I/O, so that
 * nothing becomes dirty either.  (A folio whose pages somebody has pinned may: such a one is
 * not written, and is cut.)  Upcalls.
 */
int fuse_iomap_cut_begin(struct inode *inode, loff_t newsize)
{
	struct address_space *mapping = inode->i_mapping;
	loff_t recorded = fuse_iomap_recorded_size(inode);
	int err;

	assert_size_may_change(inode);
	/* the recorded size must not run ahead of the data below it */
	if (newsize > recorded) {
		err = filemap_write_and_wait_range(mapping, recorded, newsize - 1);
		if (err)
			return err;
	}
	/*
	 * A read that is still at the device must not end when its blocks are another file's.  It
	 * has its folios locked, and this locks them.  What is clean goes, which costs a refused
	 * cut no more than reading it again; what is dirty stays, which -EBUSY says.
	 */
	invalidate_inode_pages2_range(mapping, DIV_ROUND_UP_ULL(newsize, PAGE_SIZE), -1);
	down_write(&FUSE_IOMAP_I(inode)->writeback_lock);
	/* errors are for who calls fsync */
	filemap_fdatawait_range_keep_errors(mapping, newsize, LLONG_MAX);
	return 0;
}

/*
 * Zero the rest of the last block of a file that has been cut.  If that fails nothing is lost,
 * but the block isn't what it should be: fsync says so.
 */
static void zero_rest_of_block(struct inode *inode)
{
	struct fuse_iomap_inode *ii = FUSE_IOMAP_I(inode);
	int err;

	/* not to be given up by a signal: there is nobody who could try again */
	set_bit(FUSE_IOMAP_ZEROES_REST, &ii->state);
	err = iomap_truncate_page(inode, i_size_read(inode), NULL, &fuse_iomap_ops);
	clear_bit(FUSE_IOMAP_ZEROES_REST, &ii->state);
	if (err)
		mapping_set_error(inode->i_mapping, err);
}

/*
 * The server has answered with @err the question for a file of @newsize bytes, which
 * fuse_iomap_cut_begin() prepared; mappings beyond are forgotten.  Upcalls.
 */
void fuse_iomap_cut_end(struct inode *inode, loff_t newsize, int err)
{
	struct fuse_iomap_inode *ii = FUSE_IOMAP_I(inode);

	lockdep_assert_held_write(&ii->writeback_lock);
	if (err) {
		size_doubt(inode, newsize, err);
		up_write(&ii->writeback_lock);
		return;
	}
	fuse_iomap_size_set(inode, newsize);
	truncate_setsize(inode, newsize);
	up_write(&ii->writeback_lock);
	zero_rest_of_block(inode);
}

/*
 * Make page cache and device fit for the server to be asked for a longer file, of @newsize
 * bytes.  Returns 0 or a negative errno; fuse_iomap_grow_end() has to be called in both cases.
 *
 * The zeroes behind the old end have to be on the device before the server records a larger
 * size.  Those in the block of the old end are written with that block.  Those in further
 * blocks, which only a server has that gives written space beyond the end of a file, are
 * written only below i_size: then that is raised before the server has agreed.
 *
 * Caller holds i_rwsem and invalidate_lock exclusively and has waited for direct I/O.  Upcalls.
 */
int fuse_iomap_grow_begin(struct inode *inode, loff_t newsize)
{
	loff_t oldsize = i_size_read(inode), recorded;
	loff_t block_end = min_t(u64, round_up((u64)oldsize, i_blocksize(inode)), newsize);
	bool in_block = false, beyond = false;
	int err = 0;

	assert_size_may_change(inode);
	fuse_iomap_delalloc_trim(inode);
	if (block_end > oldsize)
		err = iomap_zero_range(inode, oldsize, block_end - oldsize, &in_block,
				       &fuse_iomap_ops);
	if (!err && newsize > block_end)
		err = iomap_zero_range(inode, block_end, newsize - block_end, &beyond,
				       &fuse_iomap_ops);
	err = fuse_iomap_inline_result(inode, oldsize, err);
	if (err)
		return err;

	if (beyond)
		truncate_setsize(inode, newsize);
	recorded = fuse_iomap_recorded_size(inode);
	if (newsize > recorded && (beyond || in_block || oldsize != recorded))
		return filemap_write_and_wait_range(inode->i_mapping, min(recorded, oldsize),
						    (beyond ? newsize : block_end) - 1);
	return 0;
}

/*
 * The server has answered with @err the question for a file of @newsize bytes instead of
 * @oldsize, which fuse_iomap_grow_begin() prepared; or that has failed with @err.  Upcalls.
 */
void fuse_iomap_grow_end(struct inode *inode, loff_t oldsize, loff_t newsize, int err)
{
	assert_size_may_change(inode);
	if (!err) {
		fuse_iomap_size_set(inode, newsize);
		truncate_setsize(inode, newsize);
		return;
	}
	if (i_size_read(inode) != oldsize)
		truncate_setsize(inode, oldsize);
	/* reports of zeroes beyond the old end have made the server's file longer */
	if (fuse_iomap_recorded_size(inode) > oldsize) {
		if (fuse_iomap_send_size(inode, oldsize))
			size_doubt(inode, oldsize, -EIO);
		else
			fuse_iomap_size_set(inode, oldsize);
		fuse_iomap_metadata_changed(inode);
		fuse_iomap_cache_drop(inode, oldsize, LLONG_MAX);
	}
}

/*
 * FALLOCATE has moved blocks, with all of the file written before and the page cache dropped,
 * and the file is @newsize bytes long now; or it has failed with @err.
 */
void fuse_iomap_move_end(struct inode *inode, loff_t newsize, int err)
{
	if (err) {
		size_doubt(inode, min(newsize, i_size_read(inode)), err);
		return;
	}
	fuse_iomap_size_set(inode, newsize);
	truncate_setsize(inode, newsize);
}
