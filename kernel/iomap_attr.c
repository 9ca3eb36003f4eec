// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes of iomap files.  The kernel owns size and times: it changes its own
 * inode and tells the server, whose answer it does not copy back.  Of times the server
 * hears when the inode is written: by fsync, sync, writeback after a while, or unmounting.
 * That holds no i_rwsem, so it may send old times while a change brings new ones, and the
 * server may see them in either order: who finds that it was so has the new ones told again.
 *
 * Truncating, in the order that never lets the kernel write to blocks that the
 * server has freed, nor shows old contents of blocks behind the end of the file:
 *
 *	no page fault, no direct I/O                    invalidate_lock, inode_dio_wait()
 *	zero from the old end, or behind the new one    in the page cache
 *	i_size and page cache cut
 *	data below the new end that is not recorded yet is written
 *	SETATTR: the server frees the blocks            upcall under i_rwsem, invalidate_lock
 *	answers to earlier BEGINs are void, and no mapping is kept from there on
 */
#include "iomap_i.h"

#include <linux/pagemap.h>
#include <linux/posix_acl.h>

/* The server has recorded that the file is @newsize bytes long. */
void fuse_iomap_size_recorded(struct inode *inode, loff_t newsize)
{
	struct fuse_inode *fi = get_fuse_inode(inode);

	spin_lock(&fi->lock);
	fi->iomap.disk_size = newsize;
	spin_unlock(&fi->lock);
}

/*
 * Make page cache and device fit for the server to set the file's size to
 * @newsize, and set i_size.  Caller holds i_rwsem and invalidate_lock exclusively
 * and has waited for direct I/O.  Upcalls.
 */
int fuse_iomap_prepare_size(struct inode *inode, loff_t newsize)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	loff_t oldsize = i_size_read(inode);
	bool zeroed = false;
	loff_t disk_size;
	int err;

	if (newsize > oldsize) {
		fuse_iomap_delalloc_trim(inode);
		err = iomap_zero_range(inode, oldsize, newsize - oldsize, &zeroed,
				       &fuse_iomap_ops);
	} else {
		err = iomap_truncate_page(inode, newsize, &zeroed, &fuse_iomap_ops);
	}
	err = fuse_iomap_inline_result(inode, oldsize, err);
	if (err)
		return err;

	truncate_setsize(inode, newsize);

	/* the recorded size must not run ahead of the data below it */
	spin_lock(&fi->lock);
	disk_size = fi->iomap.disk_size;
	spin_unlock(&fi->lock);
	if (newsize > disk_size && (zeroed || oldsize != disk_size))
		return filemap_write_and_wait_range(inode->i_mapping, disk_size, newsize - 1);
	return 0;
}

/* @writeback: it may be for somebody else, and if it fails what the kernel knows is lost. */
static int send_setattr(struct mnt_idmap *idmap, struct inode *inode, struct iattr *attr,
			bool writeback)
{
	struct fuse_conn *fc = get_fuse_conn(inode);
	struct fuse_setattr_in in = {};
	struct fuse_attr_out out = {};
	FUSE_ARGS(args);
	int err;

	iattr_to_fattr(idmap, fc, attr, &in, true);
	/* the times are ours; the server's clock does not matter */
	in.valid &= ~(FATTR_ATIME_NOW | FATTR_MTIME_NOW);
	if (attr->ia_valid & ATTR_FILE) {
		struct fuse_file *ff = attr->ia_file->private_data;

		in.valid |= FATTR_FH;
		in.fh = ff->fh;
	}
	fuse_setattr_fill(fc, &args, inode, &in, &out);
	/* pages have been cut off already: a signal must not keep it from the server */
	args.force = (attr->ia_valid & ATTR_SIZE) || writeback;
	err = fuse_simple_request(get_fuse_mount(inode), &args);
	/* it may have failed half-way */
	fuse_iomap_attr_changed(inode);
	if (err) {
		fuse_iomap_setattr_failed(inode, attr->ia_valid);
		return err;
	}
	if (fuse_invalid_attr(&out.attr) || inode_wrong_type(inode, out.attr.mode)) {
		fuse_make_bad(inode);
		return -EIO;
	}
	return 0;
}

/*
 * The server has agreed: the inode follows.  @tellings: what the count was before it was
 * asked.
 */
static void apply(struct mnt_idmap *idmap, struct inode *inode, const struct iattr *attr,
		  int tellings)
{
	struct fuse_conn *fc = get_fuse_conn(inode);
	struct fuse_inode *fi = get_fuse_inode(inode);

	spin_lock(&fi->lock);
	setattr_copy(idmap, inode, attr);
	fi->orig_i_mode = inode->i_mode;
	/* attributes that were asked for before now are old */
	fi->attr_version = atomic64_inc_return(&fc->attr_version);
	spin_unlock(&fi->lock);
	/* the times before the count: who begins to tell from now on tells these */
	smp_mb();
	if ((tellings & 1) || atomic_read(&fi->iomap.tellings) != tellings)
		mark_inode_dirty_sync(inode);
	/* the server may have changed the access ACL with the mode */
	if (fc->posix_acl)
		forget_all_cached_acls(inode);
}

static int set_size(struct mnt_idmap *idmap, struct inode *inode, struct iattr *attr)
{
	struct address_space *mapping = inode->i_mapping;
	int err, tellings;
	loff_t oldsize;

	filemap_invalidate_lock(mapping);
	inode_dio_wait(inode);
	oldsize = i_size_read(inode);

	/* truncate(2) leaves it to the file system whether a change happened */
	if (attr->ia_size != oldsize)
		attr->ia_valid |= ATTR_MTIME | ATTR_CTIME;

	err = fuse_iomap_prepare_size(inode, attr->ia_size);
	tellings = atomic_read_acquire(&FUSE_IOMAP_I(inode)->tellings);
	if (!err) {
		err = send_setattr(idmap, inode, attr, false);
		fuse_iomap_metadata_changed(inode);
		fuse_iomap_cache_drop(inode, min(oldsize, attr->ia_size), LLONG_MAX);
	}
	if (err) {
		/* the file is what it was, as far as the server knows */
		if (i_size_read(inode) != oldsize)
			truncate_setsize(inode, oldsize);
	} else {
		fuse_iomap_size_recorded(inode, attr->ia_size);
		if (!attr->ia_size)
			fuse_iomap_emptied(inode);
		fuse_invalidate_attr_mask(inode, STATX_BLOCKS);
		apply(idmap, inode, attr, tellings);
	}
	filemap_invalidate_unlock(mapping);
	return err;
}

/* All that utimensat(2) brings along */
#define TIMES_ONLY	(ATTR_ATIME | ATTR_MTIME | ATTR_CTIME | ATTR_ATIME_SET | ATTR_MTIME_SET | \
			 ATTR_TIMES_SET | ATTR_TOUCH | ATTR_FORCE | ATTR_FILE)

/* Is it known that @attr leaves owner and mode of @inode as they are, or only gives permissions? */
static bool keeps_owner_and_mode(struct mnt_idmap *idmap, struct inode *inode,
				 const struct iattr *attr)
{
	/* the server changes the mode with an ACL */
	if (READ_ONCE(get_fuse_inode(inode)->inval_mask) & (STATX_MODE | STATX_UID | STATX_GID))
		return false;
	return !i_uid_needs_update(idmap, attr, inode) && !i_gid_needs_update(idmap, attr, inode) &&
	       (!(attr->ia_valid & ATTR_MODE) || attr->ia_mode == inode->i_mode ||
		fuse_iomap_mode_can_wait(inode, attr));
}

/*
 * Is it enough if the server hears of @attr when the inode is written, as of the times of
 * reads and writes?  There is only the time of the change in what changes nothing else.
 * Not if it is the server who says who may set them, nor once it writes nothing any more,
 * which the one who sets them is to hear.
 */
static bool can_wait(struct mnt_idmap *idmap, struct inode *inode, const struct iattr *attr)
{
	const struct fuse_conn *fc = get_fuse_conn(inode);
	unsigned int valid = attr->ia_valid & ~TIMES_ONLY;

	if (!fc->default_permissions || test_bit(FUSE_IOMAP_READ_ONLY, &fc->iomap.state))
		return false;
	/* the server makes it durable before it answers */
	if (IS_SYNC(inode))
		return false;
	return !valid || (!(valid & ~(ATTR_UID | ATTR_GID | ATTR_MODE | ATTR_KILL_PRIV)) &&
			  keeps_owner_and_mode(idmap, inode, attr));
}

/* inode_operations.setattr; caller holds i_rwsem. */
int fuse_iomap_setattr(struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	struct fuse_conn *fc = get_fuse_conn(inode);
	struct fuse_inode *fi = get_fuse_inode(inode);
	int err, tellings;

	if (fuse_iomap_is_unusable(inode))
		return -EIO;
	if (!fuse_allow_current_process(fc))
		return -EACCES;
	/* the VFS leaves ftruncate(2) of an open file to the file system */
	if (IS_IMMUTABLE(inode))
		return -EPERM;

	err = fuse_iomap_kill_set_id(idmap, inode, attr);
	if (err)
		return err;
	if (!fc->default_permissions)
		attr->ia_valid |= ATTR_FORCE;
	err = setattr_prepare(idmap, dentry, attr);
	if (err)
		return err;
	attr->ia_valid &= ~(ATTR_KILL_SUID | ATTR_KILL_SGID);

	if (!(attr->ia_valid & ATTR_SIZE) && can_wait(idmap, inode, attr)) {
		umode_t mode = inode->i_mode;

		spin_lock(&fi->lock);
		setattr_copy(idmap, inode, attr);
		if (inode->i_mode != mode) {
			fi->orig_i_mode = inode->i_mode;
			fuse_iomap_mode_changed(inode);
		}
		spin_unlock(&fi->lock);
		mark_inode_dirty_sync(inode);
		return 0;
	}
	/* else it could come after this one */
	err = fuse_iomap_tell_mode_first(inode);
	if (err)
		return err;
	if (attr->ia_valid & ATTR_SIZE)
		return set_size(idmap, inode, attr);
	tellings = atomic_read_acquire(&fi->iomap.tellings);
	err = send_setattr(idmap, inode, attr, false);
	if (!err)
		apply(idmap, inode, attr, tellings);
	return err;
}

static bool is_transient(int err)
{
	return err == -EINTR || err == -ENOMEM || err == -EAGAIN;
}

/*
 * The server has answered @err when it was told the times.  The flusher and sync(2) hear
 * nothing of what is returned to them: the next fsync or syncfs is to fail.  What may
 * go better another time stays dirty, for the flusher's next round; there is nobody to tell
 * if it is its own idea.
 */
static void not_told(struct inode *inode, const struct writeback_control *wbc, int err)
{
	bool transient = is_transient(err);

	if (transient)
		mark_inode_dirty_sync(inode);
	if (!transient || wbc->sync_mode == WB_SYNC_ALL)
		mapping_set_error(inode->i_mapping, err);
}

/*
 * super_operations.write_inode: the times, if this kernel keeps them, and the mode if the
 * server has not heard of it (iomap_mode.c).  Other inodes
 * are the FUSE client's.
 */
int fuse_iomap_write_inode(struct inode *inode, struct writeback_control *wbc)
{
	struct iattr attr = {
		.ia_valid = ATTR_ATIME | ATTR_ATIME_SET | ATTR_MTIME | ATTR_MTIME_SET |
			    ATTR_CTIME,
	};

	struct fuse_iomap_inode *ii = FUSE_IOMAP_I(inode);
	u32 mode_changes;
	int err;

	if (!fuse_is_iomap(inode))
		return fuse_write_inode(inode, wbc);
	if (fuse_iomap_is_unusable(inode))
		return -EIO;
	/* before the times are looked at; one at a time, the VFS sees to that */
	atomic_inc_return(&ii->tellings);
	attr.ia_atime = inode_get_atime(inode);
	attr.ia_mtime = inode_get_mtime(inode);
	attr.ia_ctime = inode_get_ctime(inode);
	mode_changes = fuse_iomap_mode_tell(inode, &attr);
	err = send_setattr(&nop_mnt_idmap, inode, &attr, true);
	atomic_inc_return(&ii->tellings);
	if (!is_transient(err))
		fuse_iomap_mode_told(inode, &attr, mode_changes);
	if (err)
		not_told(inode, wbc, err);
	return err;
}
