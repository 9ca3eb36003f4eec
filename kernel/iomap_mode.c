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
 *
 * The other way round, the server changes the mode when an ACL is set, and may have done so when
 * a SETATTR has failed.  Then the kernel's mode is in doubt (inval_mask) until attributes come.
 * A mode that is worked out from another one, as when set-id bits are taken away, would bring
 * back what the server has taken away.  So the kernel asks for the true mode first.  i_rwsem
 * keeps the mode as it is from there on: chmod, chown and setting an ACL hold it, too.
 */
#include "iomap_i.h"

#include <linux/writeback.h>

/* Attempts to get an answer that counts; other answers can overtake it. */
#define MAX_REFRESHES	8

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

/*
 * Make the attributes @mask (STATX_MODE, _UID, _GID) of @inode those that the server has, if the
 * kernel is in doubt about them.  Returns 0, 1 if the server had to be asked, or a negative errno;
 * -EAGAIN if it would have to be asked and @nowait.  Upcalls only in doubt.  Caller holds i_rwsem
 * exclusively.
 */
int fuse_iomap_settle_mode(struct inode *inode, u32 mask, bool nowait)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	unsigned int tries;
	int err;

	lockdep_assert_held_write(&inode->i_rwsem);
	if (likely(!(READ_ONCE(fi->inval_mask) & mask)))
		return 0;
	if (nowait)
		return -EAGAIN;
	for (tries = 0; tries < MAX_REFRESHES; tries++) {
		err = fuse_update_attributes(inode, NULL, mask);
		if (err)
			return err;
		if (!(READ_ONCE(fi->inval_mask) & mask))
			return 1;
	}
	return -EIO;
}

/*
 * The VFS has worked out the mode in @attr without the bits that ATTR_KILL_SUID and
 * ATTR_KILL_SGID ask to take away, from a mode that may have been in doubt, as were the bits to
 * take away.  Do that again from the true one.  Returns 0 or a negative errno.  Upcalls only in
 * doubt.  Caller holds i_rwsem exclusively.
 */
int fuse_iomap_kill_set_id(struct mnt_idmap *idmap, struct inode *inode, struct iattr *attr)
{
	const u32 mask = STATX_MODE | STATX_UID | STATX_GID;
	int asked;

	if (!(attr->ia_valid & (ATTR_KILL_SUID | ATTR_KILL_SGID | ATTR_SIZE)))
		return 0;
	asked = fuse_iomap_settle_mode(inode, mask, false);
	/* somebody else may change the mode at the server: attributes are true for their time */
	if (!asked && !FUSE_IOMAP_I(inode)->exclusive &&
	    (attr->ia_valid & (ATTR_KILL_SUID | ATTR_KILL_SGID)))
		asked = fuse_update_attributes(inode, NULL, mask) ?: 1;
	if (asked <= 0)
		return asked;

	/* who changes the owner may ask for S_ISUID to go whatever his capabilities are */
	if (attr->ia_valid & ATTR_SIZE) {
		attr->ia_valid |= setattr_should_drop_suidgid(idmap, inode);
		/* as the VFS does where it has seen the bits: a writer need not be the owner */
		if ((attr->ia_valid & (ATTR_KILL_SUID | ATTR_KILL_SGID)) &&
		    !(attr->ia_valid & (ATTR_MODE | ATTR_UID | ATTR_GID)))
			attr->ia_valid |= ATTR_FORCE;
	} else {
		attr->ia_valid |= setattr_should_drop_sgid(idmap, inode);
	}
	if (!(attr->ia_valid & (ATTR_KILL_SUID | ATTR_KILL_SGID)))
		return 0;

	/* the VFS never has both a mode of the caller's and these */
	attr->ia_valid &= ~ATTR_MODE;
	attr->ia_mode = inode->i_mode;
	if (attr->ia_valid & ATTR_KILL_SUID)
		attr->ia_mode &= ~S_ISUID;
	if (attr->ia_valid & ATTR_KILL_SGID)
		attr->ia_mode &= ~S_ISGID;
	if (attr->ia_mode != inode->i_mode)
		attr->ia_valid |= ATTR_MODE;
	return 0;
}
