// SPDX-License-Identifier: GPL-2.0
/*
 * Delayed allocation: space that the server has promised and that has no address yet.
 *
 * A promise stands for dirty pages, and is worth something to others: the kernel says
 * what it doesn't need.  Three things leave a promise without a dirty page:
 *
 *	a write that came short         what of its range isn't dirty goes back
 *	a promise behind the end of     goes back before the file grows by other means
 *	the file, made so that appends  than writing on at its end, and when a writer
 *	need not ask each time          closes the file
 *	a page that can't be written    IOEND with an error (iomap_writeback.c)
 *
 * What is cut off or punched out goes with SETATTR or FALLOCATE, and everything with the
 * inode.  Giving back is an END for a DELALLOC mapping with nothing written.
 *
 * delayed_end is where the last promise of the inode ends, or something behind it: kept
 * beside the cache, which may lose mappings at any time.  It is raised before an answer is
 * used, under fuse_inode.lock.
 */
#include "iomap_i.h"

#include <linux/pagemap.h>
#include <linux/sched/signal.h>

static u64 end_of_delayed(const struct fuse_iomap_io *io)
{
	return io->type == FUSE_IOMAP_TYPE_DELALLOC ?
	       min_t(u64, io->offset + io->length, FUSE_IOMAP_MAX_BYTES) : 0;
}

static void raise_end(struct inode *inode, u64 end)
{
	struct fuse_inode *fi = get_fuse_inode(inode);

	spin_lock(&fi->lock);
	fi->iomap.delayed_end = max(fi->iomap.delayed_end, end);
	spin_unlock(&fi->lock);
}

/* The checked answer @out with @nr mappings @more has arrived and is going to be used. */
void fuse_iomap_delalloc_promised(struct inode *inode, const struct fuse_iomap_begin_out *out,
				  const struct fuse_iomap_io *more, unsigned int nr)
{
	u64 end = max(end_of_delayed(&out->read), end_of_delayed(&out->write));
	unsigned int i;

	for (i = 0; i < nr; i++)
		end = max(end, end_of_delayed(&more[i]));
	if (end > READ_ONCE(FUSE_IOMAP_I(inode)->delayed_end)) {
		WRITE_ONCE(get_fuse_conn(inode)->iomap.delays, true);
		raise_end(inode, end);
	}
}

/* The writer was killed while it waited: what it has been promised nobody knows. */
void fuse_iomap_delalloc_unheard(struct inode *inode)
{
	if (READ_ONCE(get_fuse_conn(inode)->iomap.delays))
		raise_end(inode, FUSE_IOMAP_MAX_BYTES);
}

/* Nothing dirty is in [@start, @end), bytes of whole blocks: the promise isn't needed. */
static int give_back(struct inode *inode, u64 start, u64 end)
{
	struct fuse_iomap_end_in in = {
		.opflags	= FUSE_IOMAP_OP_WRITE,
		.attr_ino	= get_fuse_inode(inode)->orig_ino,
		.pos		= start,
		.count		= end - start,
		.map		= {
			.offset	= start,
			.length	= end - start,
			.addr	= FUSE_IOMAP_NULL_ADDR,
			.type	= FUSE_IOMAP_TYPE_DELALLOC,
		},
	};
	int err;

	if (READ_ONCE(get_fuse_conn(inode)->iomap.no_end))
		return 0;
	/* nobody may use it any more; and no answer from before may be kept afterwards */
	fuse_iomap_cache_drop(inode, start, end - start);
	err = fuse_iomap_send_end(inode, &in);
	fuse_iomap_cache_drop(inode, start, end - start);
	fuse_invalidate_attr_mask(inode, STATX_BLOCKS);
	return err;
}

/*
 * Give back what is promised behind the end of the file.  Caller holds i_rwsem, shared at
 * least, so that the file doesn't grow.
 */
void fuse_iomap_delalloc_trim(struct inode *inode)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	u64 eof = round_up((u64)i_size_read(inode), i_blocksize(inode));
	u64 end;

	if (READ_ONCE(fi->iomap.delayed_end) <= eof || fuse_iomap_is_unusable(inode))
		return;
	spin_lock(&fi->lock);
	end = fi->iomap.delayed_end;
	fi->iomap.delayed_end = min(end, eof);
	spin_unlock(&fi->lock);
	/* if the server fails it has lost count, which is its own business */
	if (end > eof)
		give_back(inode, eof, end);
}

/* With a reference to the inode, which an unmount waits for. */
void fuse_iomap_closed_worker(struct work_struct *work)
{
	struct fuse_iomap_inode *ii = container_of(work, struct fuse_iomap_inode, closed_work);
	struct inode *inode = &container_of(ii, struct fuse_inode, iomap)->inode;
	struct fuse_conn *fc = get_fuse_conn(inode);

	inode_lock_shared(inode);
	fuse_iomap_delalloc_trim(inode);
	inode_unlock_shared(inode);
	fuse_iomap_write_emptied(inode);
	iput(inode);
	fuse_iomap_let_unmount(fc);
}

/* What closing a file would do, and wait for the server, is done by somebody else. */
void fuse_iomap_close_later(struct inode *inode)
{
	struct fuse_conn *fc = get_fuse_conn(inode);

	/* a file is open: the mount is in use */
	if (WARN_ON_ONCE(!fuse_iomap_keep_mounted(fc)))
		return;
	ihold(inode);
	if (queue_work(fc->iomap.closed_wq, &FUSE_IOMAP_I(inode)->closed_work))
		return;
	/* it is going to run anyway; the file that is being closed has a reference, too */
	iput(inode);
	fuse_iomap_let_unmount(fc);
}

/* Has the current task been killed?  Then it must not wait for the server. */
static bool is_killed(void)
{
	return fatal_signal_pending(current) ||
	       ((current->flags & PF_EXITING) && (current->signal->group_exit_code & 0x7f));
}

/*
 * Must the current task, which closes a file, not wait for the server?  Not if it is killed;
 * and a kernel thread may be the one that closes files for the whole machine.
 */
bool fuse_iomap_must_not_wait(void)
{
	return (current->flags & PF_KTHREAD) || is_killed();
}

/* @file is being closed.  Others may have the file open: they ask again. */
void fuse_iomap_delalloc_closed(struct inode *inode, struct file *file)
{
	if (!(file->f_mode & FMODE_WRITE) ||
	    READ_ONCE(FUSE_IOMAP_I(inode)->delayed_end) <=
	    round_up((u64)i_size_read(inode), i_blocksize(inode)))
		return;
	/* nor wait for the lock: a file may be closed under other ones */
	if (fuse_iomap_must_not_wait() || !inode_trylock_shared(inode)) {
		fuse_iomap_close_later(inode);
		return;
	}
	fuse_iomap_delalloc_trim(inode);
	inode_unlock_shared(inode);
}

/* fs/iomap has found a part of a short write's range without dirty pages. */
static void punch(struct inode *inode, loff_t offset, loff_t length, struct iomap *iomap)
{
	/* a part of the file's last block may be dirty though what is behind the end is not */
	u64 start = round_up((u64)offset, i_blocksize(inode));

	if (start < (u64)offset + length)
		give_back(inode, start, offset + length);
}

/*
 * A buffered write of [@pos, @pos + @count) to delayed space @iomap has ended after @written
 * bytes.  Some of the rest may be dirty: it was written before, or through a mapping.  Caller
 * holds i_rwsem exclusively, neither invalidate_lock nor a folio lock.
 */
void fuse_iomap_delalloc_short(struct inode *inode, loff_t pos, loff_t count, ssize_t written,
			       struct iomap *iomap)
{
	unsigned int blocksize = i_blocksize(inode);
	loff_t start = written ? round_up((u64)pos + written, blocksize) :
				 round_down((u64)pos, blocksize);
	loff_t end = round_up((u64)pos + count, blocksize);

	if (start >= end)
		return;
	/* no page becomes dirty by a fault meanwhile */
	filemap_invalidate_lock(inode->i_mapping);
	iomap_write_delalloc_release(inode, start, end, IOMAP_WRITE, iomap, punch);
	filemap_invalidate_unlock(inode->i_mapping);
}

/*
 * Told to a program, space behind the end of the file is a hole: it is a promise that keeps
 * questions away, not something the file has.  @iomap contains @pos.
 */
void fuse_iomap_delalloc_report(struct inode *inode, loff_t pos, struct iomap *iomap)
{
	u64 eof = round_up((u64)i_size_read(inode), i_blocksize(inode));
	u64 end = iomap->offset + iomap->length;

	if (iomap->type != IOMAP_DELALLOC || end <= eof)
		return;
	if (pos < eof) {
		iomap->length = eof - iomap->offset;
		return;
	}
	iomap->type = IOMAP_HOLE;
	iomap->offset = max_t(u64, iomap->offset, eof);
	iomap->length = end - iomap->offset;
}

/*
 * How many bytes from @pos on writeback should ask space for, which needs @count: as much as
 * is delayed in one piece, so that it gets one place.
 */
u64 fuse_iomap_delalloc_piece(struct inode *inode, u64 pos, u64 count)
{
	u64 eof = round_up((u64)i_size_read(inode), i_blocksize(inode));
	u64 end = min(fuse_iomap_cache_delayed_end(inode, pos), eof);

	return end > pos ? max(count, end - pos) : count;
}
