// SPDX-License-Identifier: GPL-2.0
/*
 * Inodes that only this mount changes (FUSE_ATTR_EXCLUSIVE), of any type.
 *
 * The flags sync, immutable and append-only: the VFS enforces them, so the kernel must
 * know them before it lets anybody at the file, also where the server is not asked
 * (open, direct overwrites, stores through a mapping).  They come with the attributes of
 * the inode and change only by the ioctls that pass here.
 *
 * Capabilities and ACLs: once known they change only by requests of this kernel.  The VFS
 * takes S_NOSEC away when a security attribute is set, and the client forgets ACLs when
 * they, or the mode, are set.  So they outlive attributes that are asked for again.
 *
 * To the VFS a question for capabilities that failed is one that found none, and S_NOSEC
 * says so from then on.  Here only what the server has answered counts (no_caps), and only
 * if no request that could change it was on its way; S_NOSEC doesn't stay without that.
 */
#include "iomap_i.h"

#include <linux/blkdev.h>
#include <linux/fileattr.h>
#include <linux/pagemap.h>
#include <linux/posix_acl.h>
#include <uapi/linux/xattr.h>

#define KEPT_FLAGS	(S_SYNC | S_IMMUTABLE | S_APPEND)
#define STATX_ATTRS	(FUSE_ATTR_TELLS_STATX | FUSE_ATTR_COMPRESSED | FUSE_ATTR_NODUMP | \
			 FUSE_ATTR_ENCRYPTED | FUSE_ATTR_VERITY)

/* Attributes @attr of @inode have arrived. */
void fuse_iomap_set_flags(struct inode *inode, const struct fuse_attr *attr)
{
	struct fuse_iomap_inode *ii = FUSE_IOMAP_I(inode);
	unsigned int flags = 0;

	/* the root is there before INIT has been answered */
	if (get_node_id(inode) == fuse_root_nodeid(inode->i_sb) && get_fuse_conn(inode)->iomap.enabled &&
	    (attr->flags & FUSE_ATTR_EXCLUSIVE) && !ii->exclusive) {
		ii->exclusive = true;
		fuse_iomap_init_dir(inode);
		fuse_iomap_walk_init(inode);
	}
	/* STATX has no room for them: its attributes come without any flag */
	if (!ii->exclusive || !(attr->flags & FUSE_ATTR_EXCLUSIVE))
		return;
	if (attr->flags & FUSE_ATTR_SYNC)
		flags |= S_SYNC;
	if (attr->flags & FUSE_ATTR_IMMUTABLE)
		flags |= S_IMMUTABLE;
	if (attr->flags & FUSE_ATTR_APPEND)
		flags |= S_APPEND;
	inode_set_flags(inode, flags, KEPT_FLAGS);
	WRITE_ONCE(ii->statx_attrs, attr->flags & FUSE_ATTR_TELLS_STATX ?
					attr->flags & STATX_ATTRS : 0);
}

/* Add to @stat the attributes that only the server knows of, if it has told them. */
void fuse_iomap_fill_statx_attrs(struct inode *inode, struct kstat *stat)
{
	u32 attrs = READ_ONCE(FUSE_IOMAP_I(inode)->statx_attrs);

	if (!attrs)
		return;
	stat->attributes_mask |= STATX_ATTR_COMPRESSED | STATX_ATTR_NODUMP |
				 STATX_ATTR_ENCRYPTED | STATX_ATTR_VERITY;
	if (attrs & FUSE_ATTR_COMPRESSED)
		stat->attributes |= STATX_ATTR_COMPRESSED;
	if (attrs & FUSE_ATTR_NODUMP)
		stat->attributes |= STATX_ATTR_NODUMP;
	if (attrs & FUSE_ATTR_ENCRYPTED)
		stat->attributes |= STATX_ATTR_ENCRYPTED;
	if (attrs & FUSE_ATTR_VERITY)
		stat->attributes |= STATX_ATTR_VERITY;
}

/* The server has done as @fa says.  Caller holds i_rwsem. */
void fuse_iomap_fileattr_changed(struct inode *inode, const struct fileattr *fa)
{
	struct fuse_conn *fc = get_fuse_conn(inode);
	struct fuse_inode *fi = get_fuse_inode(inode);
	unsigned int flags = 0;

	if (!fi->iomap.exclusive)
		return;
	if (fa->flags & FS_SYNC_FL)
		flags |= S_SYNC;
	if (fa->flags & FS_IMMUTABLE_FL)
		flags |= S_IMMUTABLE;
	if (fa->flags & FS_APPEND_FL)
		flags |= S_APPEND;

	spin_lock(&fi->lock);
	inode_set_flags(inode, flags, KEPT_FLAGS);
	if (fi->iomap.statx_attrs) {
		u32 attrs = fi->iomap.statx_attrs & ~FUSE_ATTR_NODUMP;

		if (fa->flags & FS_NODUMP_FL)
			attrs |= FUSE_ATTR_NODUMP;
		WRITE_ONCE(fi->iomap.statx_attrs, attrs);
	}
	/* attributes that were asked for before now are old */
	fi->attr_version = atomic64_inc_return(&fc->attr_version);
	spin_unlock(&fi->lock);

	if (fuse_is_iomap(inode)) {
		inode_set_ctime_current(inode);
		mark_inode_dirty_sync(inode);
	} else {
		fuse_invalidate_attr_mask(inode, STATX_CTIME);
	}
	/* takes away the right to store through mappings; what fails, fsync will tell */
	if ((flags & S_IMMUTABLE) && fuse_is_iomap(inode)) {
		inode_dio_wait(inode);
		filemap_write_and_wait(inode->i_mapping);
	}
}

/* Which attributes of directory @dir (STATX_*) are old when a name has come or gone? */
u32 fuse_iomap_changed_by_names(struct inode *dir)
{
	if (!FUSE_IOMAP_I(dir)->exclusive)
		return STATX_BASIC_STATS;
	return STATX_MTIME | STATX_CTIME | STATX_SIZE | STATX_BLOCKS | STATX_NLINK;
}

/* The attributes of @inode are asked for again, or have come again. */
void fuse_iomap_forget_acls(struct inode *inode)
{
	if (!FUSE_IOMAP_I(inode)->exclusive || !get_fuse_conn(inode)->posix_acl)
		forget_all_cached_acls(inode);
}

/* Is what S_NOSEC says of @inode, that no write has anything to take away, still true? */
bool fuse_iomap_keeps_nosec(struct inode *inode)
{
	const struct fuse_iomap_inode *ii = FUSE_IOMAP_I(inode);

	return ii->exclusive && READ_ONCE(ii->no_caps) && !is_sxid(inode->i_mode);
}

/* Is it known that there is no attribute @name? */
bool fuse_iomap_has_no_xattr(struct inode *inode, const char *name)
{
	const struct fuse_iomap_inode *ii = FUSE_IOMAP_I(inode);

	return ii->exclusive && IS_NOSEC(inode) && READ_ONCE(ii->no_caps) &&
	       !strcmp(name, XATTR_NAME_CAPS);
}

/* Before attributes are read: what fuse_iomap_xattr_read() is to be told. */
u32 fuse_iomap_xattr_changes(struct inode *inode)
{
	return READ_ONCE(FUSE_IOMAP_I(inode)->xattr_changes);
}

/* The server has been asked for attribute @name, with the result @ret. */
void fuse_iomap_xattr_read(struct inode *inode, const char *name, u32 changes, ssize_t ret)
{
	struct fuse_inode *fi = get_fuse_inode(inode);

	/* the second: it has no such attributes of any file */
	if ((ret != -ENODATA && ret != -EOPNOTSUPP) || strcmp(name, XATTR_NAME_CAPS))
		return;
	spin_lock(&fi->lock);
	if (fi->iomap.xattr_changes == changes)
		WRITE_ONCE(fi->iomap.no_caps, true);
	spin_unlock(&fi->lock);
}

static void note_xattr_change(struct inode *inode, const char *name)
{
	struct fuse_inode *fi = get_fuse_inode(inode);

	spin_lock(&fi->lock);
	WRITE_ONCE(fi->iomap.xattr_changes, fi->iomap.xattr_changes + 1);
	if (!strcmp(name, XATTR_NAME_CAPS)) {
		WRITE_ONCE(fi->iomap.no_caps, false);
		inode_set_flags(inode, 0, S_NOSEC);
	}
	spin_unlock(&fi->lock);
}

/*
 * Attribute @name is about to be set or removed; an error if that can't be: an ACL is made
 * from the mode, and what is told of that later must not undo it.
 */
int fuse_iomap_xattr_is_set(struct inode *inode, const char *name)
{
	int err = fuse_iomap_tell_mode_first(inode);

	if (!err)
		note_xattr_change(inode, name);
	return err;
}

/* Attributes of @inode that the server was asked for before now say nothing of @mask (STATX_*). */
static void distrust(struct inode *inode, u32 mask)
{
	struct fuse_inode *fi = get_fuse_inode(inode);

	spin_lock(&fi->lock);
	fi->attr_version = atomic64_inc_return(&get_fuse_conn(inode)->attr_version);
	/* there may be set-id bits now that the next write has to take away */
	if (mask & STATX_MODE)
		inode_set_flags(inode, 0, S_NOSEC);
	spin_unlock(&fi->lock);
	/* afterwards: who has come with old ones before is overruled */
	fuse_invalidate_attr_mask(inode, mask);
}

/* The server has set or removed attribute @name, or has failed to. */
void fuse_iomap_xattr_was_set(struct inode *inode, const char *name)
{
	/* the server changes the mode with it */
	if (FUSE_IOMAP_I(inode)->exclusive && !strcmp(name, XATTR_NAME_POSIX_ACL_ACCESS))
		distrust(inode, STATX_MODE);
	/* who asked meanwhile may have been told of what there was before */
	if (!strcmp(name, XATTR_NAME_CAPS))
		note_xattr_change(inode, name);
}

/*
 * A SETATTR of @valid (ATTR_*) has failed: with EINTR or EIO the server may still have done
 * it, or part of it.  What permissions depend on is asked for again.
 */
void fuse_iomap_setattr_failed(struct inode *inode, unsigned int valid)
{
	if (!FUSE_IOMAP_I(inode)->exclusive ||
	    !(valid & (ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_SIZE)))
		return;
	distrust(inode, STATX_MODE | STATX_UID | STATX_GID);
	if (get_fuse_conn(inode)->posix_acl)
		forget_all_cached_acls(inode);
}

/*
 * A write or, without @iocb, another change of @file's data is about to happen: take away
 * set-id bits and capabilities, and set the times.  Returns 0 or a negative errno.  Upcalls.
 * Caller holds i_rwsem exclusively.
 */
int fuse_iomap_remove_privs(struct inode *inode, struct file *file, struct kiocb *iocb)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	int err;

	/* the VFS looks at the mode to find out whether there is anything to take away */
	err = fuse_iomap_settle_mode(inode, STATX_MODE, iocb && (iocb->ki_flags & IOCB_NOWAIT));
	if (err < 0)
		return err;
	err = iocb ? kiocb_modified(iocb) : file_modified(file);
	/* whoever sets a capability holds i_rwsem, too */
	if (READ_ONCE(fi->iomap.no_caps))
		return err;
	spin_lock(&fi->lock);
	if (!fi->iomap.no_caps && !get_fuse_conn(inode)->no_getxattr)
		inode_set_flags(inode, 0, S_NOSEC);
	spin_unlock(&fi->lock);
	return err;
}

/*
 * Add to @stat, which the client has filled in with the result @err, what the kernel
 * knows.  Returns @err.
 */
int fuse_iomap_fill_stat(struct inode *inode, struct kstat *stat, u32 request_mask, int err)
{
	if (err || !FUSE_IOMAP_I(inode)->exclusive)
		return err;
	generic_fill_statx_attr(inode, stat);
	fuse_iomap_fill_statx_attrs(inode, stat);
	if ((request_mask & STATX_DIOALIGN) && fuse_is_iomap(inode)) {
		fuse_iomap_dev_dio_align(get_fuse_conn(inode), &stat->dio_mem_align,
					 &stat->dio_offset_align);
		stat->result_mask |= STATX_DIOALIGN;
	}
	return 0;
}
