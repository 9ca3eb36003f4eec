// SPDX-License-Identifier: GPL-2.0
/*
 * read(2) and write(2), buffered and direct.
 *
 * Writes hold i_rwsem exclusively, but for direct writes that only replace bytes in
 * place: these run side by side, and hold it shared as direct reads do.  The server may ask
 * for direct I/O per open file (FOPEN_DIRECT_IO), and may refuse it per request (ENOSYS or
 * ENOTBLK to BEGIN), which makes it buffered.
 *
 * Buffered reads take no lock of the inode, as page faults and splice(2) don't: what is in
 * the page cache is true, and it is filled under invalidate_lock and the folio lock, which
 * keep away whoever changes mappings that are in use (iomap_attr.c, iomap_fallocate.c).  The
 * size is looked at when the folio is up to date, and a write moves it behind the bytes.  So a
 * read beside a write sees a part of it, as with kernel ext4.  But a file that may have inline
 * data is read under i_rwsem: the folio of a write goes to the server when it is unlocked
 * already, and until then it must not be read from there again.
 */
#include "iomap_i.h"

#include <linux/pagemap.h>
#include <linux/blkdev.h>
#include <linux/splice.h>
#include <linux/uio.h>

static int lock_inode(struct kiocb *iocb, struct inode *inode, bool shared)
{
	if (iocb->ki_flags & IOCB_NOWAIT) {
		if (shared ? !inode_trylock_shared(inode) : !inode_trylock(inode))
			return -EAGAIN;
		return 0;
	}
	if (shared)
		inode_lock_shared(inode);
	else
		inode_lock(inode);
	return 0;
}

static bool forces_direct(struct kiocb *iocb)
{
	struct fuse_file *ff = iocb->ki_filp->private_data;

	return ff->open_flags & FOPEN_DIRECT_IO;
}

/*
 * Reads into a larger buffer than the file needs are common.  What lies behind the
 * end is not asked for: it would cost a request.  Up to the end of the block, so
 * that what was aligned stays so.  Returns by how much @to was shortened, bytes.
 */
static size_t leave_out_eof(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	u64 pos = iocb->ki_pos, end = round_up((u64)i_size_read(inode), i_blocksize(inode));
	size_t count = iov_iter_count(to);

	if (pos >= end || count <= end - pos || !IS_ALIGNED(count, i_blocksize(inode)))
		return 0;
	iov_iter_truncate(to, end - pos);
	return count - iov_iter_count(to);
}

static ssize_t direct_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	size_t left_out = leave_out_eof(iocb, to);
	ssize_t ret;

	ret = iomap_dio_rw(iocb, to, &fuse_iomap_ops, NULL, 0, NULL, 0);
	iov_iter_reexpand(to, iov_iter_count(to) + left_out);
	if (ret == -ENOTBLK)
		ret = 0;
	if (ret < 0 || !iov_iter_count(to) || iocb->ki_pos >= i_size_read(inode))
		return ret;

	/* the server refused direct I/O from here on */
	if (forces_direct(iocb))
		return ret ?: -EIO;
	iocb->ki_flags &= ~IOCB_DIRECT;
	return filemap_read(iocb, to, ret);
}

static ssize_t cached_read(struct kiocb *iocb, struct iov_iter *to)
{
	int flags = iocb->ki_flags;
	ssize_t ret;

	/* reading ahead would ask the server; the caller comes again with these flags */
	if (flags & IOCB_NOWAIT)
		iocb->ki_flags |= IOCB_NOIO;
	ret = filemap_read(iocb, to, 0);
	iocb->ki_flags = flags;
	return ret;
}

/* A direct read, one that may meet inline data, or one that does not wait. */
static noinline ssize_t uncommon_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t ret;

	if (!iov_iter_count(to))
		return 0;
	if (!(iocb->ki_flags & IOCB_DIRECT) && fuse_iomap_is_never_inline(inode))
		return cached_read(iocb, to);
	ret = lock_inode(iocb, inode, true);
	if (ret)
		return ret;
	if (iocb->ki_flags & IOCB_DIRECT) {
		file_accessed(iocb->ki_filp);
		ret = direct_read(iocb, to);
	} else {
		ret = cached_read(iocb, to);
	}
	inode_unlock_shared(inode);
	return fuse_iomap_io_failed(inode, ret);
}

/* If a buffered one fails it is read_folio that has looked whether the device has gone. */
ssize_t fuse_iomap_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);

	if (fuse_iomap_is_unusable(inode))
		return -EIO;
	if (forces_direct(iocb))
		iocb->ki_flags |= IOCB_DIRECT;
	if (unlikely(iocb->ki_flags & (IOCB_DIRECT | IOCB_NOWAIT)) ||
	    !fuse_iomap_is_never_inline(inode))
		return uncommon_read(iocb, to);
	return filemap_read(iocb, to, 0);
}

/*
 * file_operations.splice_read, also of sendfile(2).  The VFS has looked at O_DIRECT, but not at
 * what the server wants.
 */
ssize_t fuse_iomap_splice_read(struct file *in, loff_t *ppos, struct pipe_inode_info *pipe,
			       size_t len, unsigned int flags)
{
	struct fuse_file *ff = in->private_data;
	struct inode *inode = file_inode(in);
	ssize_t ret;

	if (fuse_iomap_is_unusable(inode))
		return -EIO;
	if (ff->open_flags & FOPEN_DIRECT_IO)
		return copy_splice_read(in, ppos, pipe, len, flags);
	if (fuse_iomap_is_never_inline(inode))
		return filemap_splice_read(in, ppos, pipe, len, flags);
	/* as in uncommon_read(); a splice to a file takes the pipe's lock and i_rwsem so, too */
	inode_lock_shared(inode);
	ret = filemap_splice_read(in, ppos, pipe, len, flags);
	inode_unlock_shared(inode);
	return ret;
}

/*
 * Everything before the data: limits, the gap between the end of the file and
 * where the write starts, privileges and times.  Caller holds i_rwsem.  Returns
 * the number of bytes to write, 0 or a negative errno.
 */
static ssize_t prepare_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	loff_t isize;
	ssize_t count;
	int err;

	/* it may have become so since it was opened */
	if (IS_IMMUTABLE(inode))
		return -EPERM;
	count = generic_write_checks(iocb, from);
	if (count <= 0)
		return count;

	isize = i_size_read(inode);
	if (iocb->ki_pos > isize) {
		if (iocb->ki_flags & IOCB_NOWAIT)
			return -EAGAIN;
		/* a direct write may be making the file longer just now */
		inode_dio_wait(inode);
		isize = i_size_read(inode);
		if (iocb->ki_pos > isize) {
			fuse_iomap_delalloc_trim(inode);
			err = iomap_zero_range(inode, isize, iocb->ki_pos - isize, NULL,
					       &fuse_iomap_ops);
			err = fuse_iomap_inline_result(inode, isize, err);
			if (err)
				return err;
		}
	}

	err = fuse_iomap_remove_privs(inode, iocb->ki_filp, iocb);
	return err ?: count;
}

/* Write what prepare_write() has left of @from, through the page cache. */
static ssize_t write_to_cache(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	loff_t pos = iocb->ki_pos, isize = i_size_read(inode);
	ssize_t written, ret;

	written = iomap_file_buffered_write(iocb, from, &fuse_iomap_ops, NULL);
	ret = fuse_iomap_inline_result(inode, isize, written);
	if (ret != written)
		iocb->ki_pos = pos;
	return ret;
}

static ssize_t buffered_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t ret;

	ret = lock_inode(iocb, inode, false);
	if (ret)
		return ret;
	ret = prepare_write(iocb, from);
	if (ret > 0)
		ret = write_to_cache(iocb, from);
	inode_unlock(inode);

	if (ret > 0)
		ret = generic_write_sync(iocb, ret);
	return ret;
}

/*
 * A direct write has ended.  Runs before inode_dio_end(), from a work item if the
 * write was asynchronous, so it may ask the server; and a write that makes the
 * file longer is synchronous, so i_rwsem is held where i_size changes.
 */
static int direct_write_end(struct kiocb *iocb, ssize_t size, int error, unsigned int dio_flags)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	struct fuse_inode *fi = get_fuse_inode(inode);
	u32 flags = FUSE_IOMAP_IOEND_DIRECT;
	loff_t end = iocb->ki_pos + size;

	if (dio_flags & IOMAP_DIO_COW)
		flags |= FUSE_IOMAP_IOEND_SHARED;
	if (dio_flags & IOMAP_DIO_UNWRITTEN)
		flags |= FUSE_IOMAP_IOEND_UNWRITTEN;

	if (!size)	/* nothing reached the device */
		return fuse_iomap_io_failed(inode, error);
	/* nor did it reach the server: direct_write() will undo it */
	if (FUSE_IOMAP_I(inode)->inline_error)
		return FUSE_IOMAP_I(inode)->inline_error;
	error = fuse_iomap_ioend(inode, iocb->ki_pos, size, flags, error, NULL,
				 FUSE_IOMAP_NULL_ADDR);
	if (error)
		return error;

	spin_lock(&fi->lock);
	if (end > i_size_read(inode))
		i_size_write(inode, end);
	spin_unlock(&fi->lock);
	return 0;
}

static const struct iomap_dio_ops fuse_iomap_dio_write_ops = {
	.end_io	= direct_write_end,
};

/*
 * Can it be that the write changes nothing but contents: whole blocks, below the end of the
 * file, and no privileges to take away?  Without i_rwsem the answer is a guess.
 */
static bool may_replace_only(const struct kiocb *iocb, const struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	size_t count = iov_iter_count(from);

	/* where nothing is kept, nothing is known */
	return READ_ONCE(FUSE_IOMAP_I(inode)->cache) &&
	       !(iocb->ki_flags & IOCB_APPEND) && IS_NOSEC(inode) && !IS_IMMUTABLE(inode) &&
	       IS_ALIGNED(iocb->ki_pos | count, i_blocksize(inode)) &&
	       iocb->ki_pos + count <= i_size_read(inode);
}

/*
 * Such a write, with i_rwsem shared.  -EAGAIN: it turned out to be another kind, or
 * that is not known without the server, and nothing has happened.
 */
static ssize_t direct_replace(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	struct iov_iter all = *from;
	loff_t pos = iocb->ki_pos;
	ssize_t ret;

	ret = lock_inode(iocb, inode, true);
	if (ret)
		return ret;
	if (!may_replace_only(iocb, from)) {
		ret = -EAGAIN;
		goto out;
	}
	ret = generic_write_checks(iocb, from);
	if (ret > 0)
		ret = kiocb_modified(iocb) ?: ret;
	if (ret > 0)
		ret = iomap_dio_rw(iocb, from, &fuse_iomap_ops, &fuse_iomap_dio_write_ops,
				   IOMAP_DIO_OVERWRITE_ONLY, NULL, 0);
	if (ret == -EAGAIN || ret == -ENOTBLK) {
		ret = -EAGAIN;
		*from = all;
		iocb->ki_pos = pos;
	}
out:
	inode_unlock_shared(inode);
	return ret;
}

static ssize_t direct_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	unsigned int blockmask = i_blocksize(inode) - 1;
	unsigned int dio_flags = 0;
	loff_t pos, isize;
	ssize_t ret;

	/* who won't wait is not to hear that the guess was wrong */
	if (may_replace_only(iocb, from) &&
	    (!(iocb->ki_flags & IOCB_NOWAIT) ||
	     fuse_iomap_cache_has_written(inode, iocb->ki_pos, iov_iter_count(from)))) {
		ret = direct_replace(iocb, from);
		if (ret != -EAGAIN || (iocb->ki_flags & IOCB_NOWAIT))
			return ret;
	}
	ret = lock_inode(iocb, inode, false);
	if (ret)
		return ret;
	ret = prepare_write(iocb, from);
	if (ret <= 0)
		goto out;

	/*
	 * Two writes to parts of one unwritten block would both zero the rest of
	 * it; and where the file ends must be known to the next one.
	 */
	if (((iocb->ki_pos | iov_iter_count(from)) & blockmask) ||
	    iocb->ki_pos + iov_iter_count(from) > i_size_read(inode)) {
		if (iocb->ki_flags & IOCB_NOWAIT) {
			ret = -EAGAIN;
			goto out;
		}
		inode_dio_wait(inode);
		dio_flags = IOMAP_DIO_FORCE_WAIT;
	}

	pos = iocb->ki_pos;
	isize = i_size_read(inode);
	ret = iomap_dio_rw(iocb, from, &fuse_iomap_ops, &fuse_iomap_dio_write_ops, dio_flags,
			   NULL, 0);
	if (FUSE_IOMAP_I(inode)->inline_error) {
		iocb->ki_pos = pos;
		ret = fuse_iomap_inline_result(inode, isize, ret);
		goto out;
	}
	/* inline bytes need no bio, and fs/iomap takes that for written through */
	if (ret > 0 && unlikely(test_bit(FUSE_IOMAP_HAD_INLINE, &FUSE_IOMAP_I(inode)->state)))
		ret = generic_write_sync(iocb, ret);
	if (ret == -ENOTBLK)
		ret = 0;
	if (ret >= 0 && iov_iter_count(from)) {
		if (forces_direct(iocb)) {
			ret = ret ?: -EIO;
		} else {
			ssize_t buffered;

			iocb->ki_flags &= ~IOCB_DIRECT;
			buffered = write_to_cache(iocb, from);
			ret = direct_write_fallback(iocb, from, ret, buffered);
			if (ret > 0)
				ret = generic_write_sync(iocb, ret);
		}
	}
out:
	inode_unlock(inode);
	return ret;
}

ssize_t fuse_iomap_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);

	if (fuse_iomap_is_unusable(inode))
		return -EIO;
	if (forces_direct(iocb))
		iocb->ki_flags |= IOCB_DIRECT;
	if (iocb->ki_flags & IOCB_DIRECT)
		return direct_write(iocb, from);
	return buffered_write(iocb, from);
}
