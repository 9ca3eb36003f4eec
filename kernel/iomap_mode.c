// SPDX-License-Identifier: GPL-2.0
/*
 * Permissions that are given: the server hears of them when the inode is written, with the
 * times (iomap_attr.c).
 *
 * Who unpacks or copies files makes each with few permissions and gives it the others when it
 * is complete, which would be a request of its own for each.  If that is lost in a
 * crash somebody may do less than he should, as when the crash had come a little earlier.
 * Permissions that are taken away are told at once.
 *
 * Until the server has heard of a mode this kernel's is the right one, whatever attributes
 * come.  What the server does to the mode itself, or with its help, comes after: so it
 * is told first.
 */
#include "iomap_i.h"

#include <linux/writeback.h>

/* Caller holds fuse_inode.lock where the answer has to stay true. */
static bool is_untold(const struct fuse_iomap_inode *ii)
{
	return READ_ONCE(ii->mode_changes) != READ_ONCE(ii->mode_told);
}

/*
 * Does the mode in @attr only give permissions to users, and does nothing else depend on it?
 * Caller holds i_rwsem.
 */
bool fuse_iomap_mode_can_wait(struct inode *inode, const struct iattr *attr)
{
	const umode_t users = S_IRWXU | S_IRWXG | S_IRWXO;
	umode_t old = inode->i_mode, new = attr->ia_mode;

	/* where there is an ACL, or may be, the server changes that as well */
	return (new & old) == old && !((new ^ old) & ~users) && !(old & (S_ISUID | S_ISGID)) &&
	       !READ_ONCE(inode->i_acl) && !IS_SYNC(inode);
}

/* The mode has become one that the server is to hear of.  Caller holds fuse_inode.lock. */
void fuse_iomap_mode_changed(struct inode *inode)
{
	struct fuse_iomap_inode *ii = FUSE_IOMAP_I(inode);

	WRITE_ONCE(ii->mode_changes, ii->mode_changes + 1);
}

/*
 * The inode is about to be written: add the mode to @attr if the server has to hear of it.
 * Returns what fuse_iomap_mode_told() is to be given.
 */
u32 fuse_iomap_mode_tell(struct inode *inode, struct iattr *attr)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	u32 changes;

	spin_lock(&fi->lock);
	changes = fi->iomap.mode_changes;
	if (is_untold(&fi->iomap)) {
		attr->ia_valid |= ATTR_MODE;
		attr->ia_mode = inode->i_mode;
	}
	spin_unlock(&fi->lock);
	return changes;
}

/*
 * The server has heard of the mode, or has refused it for good: then what it has is asked for
 * (fuse_iomap_setattr_failed()).
 */
void fuse_iomap_mode_told(struct inode *inode, const struct iattr *attr, u32 changes)
{
	struct fuse_inode *fi = get_fuse_inode(inode);

	if (!(attr->ia_valid & ATTR_MODE))
		return;
	spin_lock(&fi->lock);
	WRITE_ONCE(fi->iomap.mode_told, changes);
	/* attributes that were asked for before now are old */
	fi->attr_version = atomic64_inc_return(&get_fuse_conn(inode)->attr_version);
	spin_unlock(&fi->lock);
}

/* Attributes @attr have arrived.  Caller holds fuse_inode.lock. */
void fuse_iomap_pin_mode(struct inode *inode, struct fuse_attr *attr)
{
	if (is_untold(FUSE_IOMAP_I(inode)))
		attr->mode = (attr->mode & S_IFMT) | (inode->i_mode & ~S_IFMT);
}

/*
 * The server is about to change the mode, the owner or an ACL: have it hear of the mode before.
 * Upcall.  Caller holds i_rwsem, so nobody else gives permissions.
 */
int fuse_iomap_tell_mode_first(struct inode *inode)
{
	const struct fuse_iomap_inode *ii = FUSE_IOMAP_I(inode);
	int err;

	if (!fuse_is_iomap(inode) || !is_untold(ii))
		return 0;
	err = sync_inode_metadata(inode, 1);
	/* that may be an error of data that was written some time ago */
	return is_untold(ii) ? err ?: -EIO : 0;
}
