// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes of iomap files.  The kernel owns size and times: it changes its own
 * inode and tells the server, whose answer it does not copy back.  Of times the server
 * hears when the inode is written: by fsync, sync, writeback after a while, or unmounting.
 * That holds no i_rwsem, so it may send old times while a change brings new ones, and the
 * server may see them in either order: who finds that it was so has the new ones told again.
 *
 * The answer to SETATTR may be as late as it likes: nothing of it is used but the file's type.
 * How the size is set says iomap_size.c.
 */
#include "iomap_i.h"

#include <linux/pagemap.h>
#include <linux/posix_acl.h>

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
	/* once it has been sent only the server can say what the size is: no signal ends it */
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

/* Tell the server a size again that it has had.  Returns 0 or its error. */
int fuse_iomap_send_size(struct inode *inode, loff_t size)
{
	struct iattr attr = {
		.ia_valid = ATTR_SIZE,
		.ia_size = size,
	};

	return send_setattr(&nop_mnt_idmap, inode, &attr, true);
}

/*
 * The file is to become longer, which changes it before the server is asked (iomap_size.c).  Where
 * the server says who may do that, it is asked for the size @size that the file has, first.  A
 * file that is open for writing has been asked for by OPEN.
 */
static int ask_who_may_grow(struct inode *inode, const struct iattr *attr, loff_t size)
{
	int err;

	if (get_fuse_conn(inode)->default_permissions || (attr->ia_valid & ATTR_FILE))
		return 0;
	err = fuse_iomap_cut_begin(inode, size);
	if (err)
		return err;
	err = fuse_iomap_send_size(inode, size);
	fuse_iomap_metadata_changed(inode);
	fuse_iomap_cache_drop(inode, size, LLONG_MAX);
	fuse_iomap_cut_end(inode, size, err);
	return err;
}

/* The steps of iomap_size.c, around the question. */
static int set_size(struct mnt_idmap *idmap, struct inode *inode, struct iattr *attr)
{
	struct address_space *mapping = inode->i_mapping;
	loff_t oldsize, newsize = attr->ia_size;
	int err, tellings;
	bool grows;

	filemap_invalidate_lock(mapping);
	inode_dio_wait(inode);
	oldsize = i_size_read(inode);
	grows = newsize > oldsize;

	/* truncate(2) leaves it to the file system whether a change happened */
	if (newsize != oldsize)
		attr->ia_valid |= ATTR_MTIME | ATTR_CTIME;

	err = grows ? ask_who_may_grow(inode, attr, oldsize) : 0;
	if (err)
		goto out;
	err = grows ? fuse_iomap_grow_begin(inode, newsize) :
		      fuse_iomap_cut_begin(inode, newsize);
	if (err && !grows)
		goto out;
	tellings = atomic_read_acquire(&FUSE_IOMAP_I(inode)->tellings);
	if (!err) {
		err = send_setattr(idmap, inode, attr, false);
		fuse_iomap_metadata_changed(inode);
		/* before anything is written again */
		fuse_iomap_cache_drop(inode, min(oldsize, newsize), LLONG_MAX);
	}
	if (grows)
		fuse_iomap_grow_end(inode, oldsize, newsize, err);
	else
		fuse_iomap_cut_end(inode, newsize, err);
	if (!err) {
		if (!newsize)
			fuse_iomap_emptied(inode);
		fuse_invalidate_attr_mask(inode, STATX_BLOCKS);
		apply(idmap, inode, attr, tellings);
	}
out:
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
