// SPDX-License-Identifier: GPL-2.0
/*
 * Creating inodes: what need not be asked before, and what is known of them afterwards.
 *
 * Names that are being created
 *
 * A dentry without an inode that has no lifetime is of no use to whoever finds it: the VFS has the
 * client revalidate it and then unhashes it.  That takes no lock of the directory, so it happens
 * also while somebody creates the name and waits for the server, or even afterwards, if whoever
 * found the dentry was slow.  What is created would then be open but not found, and shown as
 * "(deleted)".  So with iomap no such dentry can be found:
 *
 *	LOOKUP finds no name, and that   the dentry isn't hashed (fuse_iomap_stays_unhashed())
 *	is true for no time
 *	CREATE                           the name is a dentry that nobody can find before it has its
 *	                                 inode: one that is being looked up, or is not hashed, or
 *	                                 else a new one (fuse_iomap_entry_to_create())
 *	MKNOD, MKDIR, SYMLINK, LINK      the client hashes the dentry again when it has its inode.
 *	                                 It was found before only if the name's absence has a
 *	                                 lifetime
 *	TMPFILE                          has no name
 *	RENAME                           the VFS hashes the dentry under its new name, whatever has
 *	                                 become of the one that was there
 *
 * Whoever looks the name up meanwhile waits for i_rwsem of the directory, which the creator holds
 * exclusively, and then finds the name.
 */
#include "iomap_i.h"

#include <linux/posix_acl.h>

/*
 * open(2) with @flags has come to @entry in @dir, whose i_rwsem the caller holds, and nobody
 * has looked it up yet.  If it is to be created and nothing else, CREATE carries O_EXCL,
 * and the server says EEXIST if it is there.  Who may not create has lost O_CREAT before, and
 * gets his answer from LOOKUP: so EEXIST goes before EACCES and EROFS here, too.  So does who
 * comes with a name that is longer than any request may have.  @entry stays in lookup.
 */
bool fuse_iomap_is_to_create(struct inode *dir, struct dentry *entry, unsigned int flags)
{
	struct fuse_conn *fc = get_fuse_conn(dir);

	return (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL) && !fc->no_create &&
	       entry->d_name.len <= FUSE_NAME_MAX && FUSE_IOMAP_I(dir)->exclusive &&
	       !test_bit(FUSE_IOMAP_READ_ONLY, &fc->iomap.state);
}

/*
 * LOOKUP in @dir has found @inode, or no name if that is NULL.  @lasts: the server has said for how
 * long that is true.  Must the dentry not be hashed?
 */
bool fuse_iomap_stays_unhashed(struct inode *dir, struct inode *inode, bool lasts)
{
	return !inode && !lasts && get_fuse_conn(dir)->iomap.enabled;
}

/*
 * CREATE of @entry, which has no inode, is about to be sent.  Returns a dentry of that name that
 * nobody else can find, and puts it into *@res if it is a new one, for the caller to put.  Caller
 * holds i_rwsem of the directory exclusively, so nobody looks the name up meanwhile.
 */
struct dentry *fuse_iomap_entry_to_create(struct dentry *entry, struct dentry **res)
{
	struct dentry *new;

	if (!get_fuse_conn_super(entry->d_sb)->iomap.enabled || d_unhashed(entry))
		return entry;
	d_drop(entry);
	new = d_alloc(entry->d_parent, &entry->d_name);
	/* short of memory: whoever has found @entry before may unhash what is created */
	if (!new)
		return entry;
	dput(*res);
	*res = new;
	return new;
}

/*
 * Request @opcode has created @inode for @entry, which fuse_iomap_entry_to_create() has returned.
 */
void fuse_iomap_instantiate(struct dentry *entry, struct inode *inode, u32 opcode)
{
	if (!get_fuse_conn(inode)->iomap.enabled || opcode == FUSE_TMPFILE) {
		d_instantiate(entry, inode);
		return;
	}
	WARN_ON_ONCE(!d_unhashed(entry));
	d_add(entry, inode);
}

/* Has the answer that is being looked at brought @inode into memory? */
static bool is_new(struct inode *inode)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	bool new;

	spin_lock(&fi->lock);
	new = fi->nlookup == 1;
	spin_unlock(&fi->lock);
	return new;
}

/*
 * Has nobody given @inode, which is new, an extended attribute?  By a file handle he may have
 * found it already.  Caller holds fuse_inode.lock as long as he relies on it.
 */
static bool has_no_xattrs_yet(struct inode *inode)
{
	lockdep_assert_held(&get_fuse_inode(inode)->lock);
	return !FUSE_IOMAP_I(inode)->xattr_changes;
}

/*
 * @inode is the answer to request @opcode for a new name in @dir, whose i_rwsem the caller
 * holds; it is not to be found by that name yet.  If it is new, it has no capabilities for a
 * write to take away, and no ACLs unless the directory has a default one, which is asked for
 * once a directory.  A security module's attributes are none of these.
 */
void fuse_iomap_created(struct inode *dir, struct inode *inode, u32 opcode)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	struct posix_acl *acl;

	/* CREATE without O_EXCL may have opened, and cut, a file that was there */
	if (opcode == FUSE_CREATE && fuse_is_iomap(inode) && !is_new(inode)) {
		fuse_iomap_attr_changed(inode);
		fuse_iomap_metadata_changed(inode);
	}
	/* the other name of an inode that may have anything; or the server is lying */
	if (opcode == FUSE_LINK || !fi->iomap.exclusive || !is_new(inode))
		return;
	spin_lock(&fi->lock);
	if (has_no_xattrs_yet(inode)) {
		WRITE_ONCE(fi->iomap.no_caps, true);
		inode_has_no_xattr(inode);
	}
	spin_unlock(&fi->lock);

	/* where the kernel has nothing to do with ACLs it must not say that there is none */
	if (!get_fuse_conn(dir)->posix_acl || !FUSE_IOMAP_I(dir)->exclusive)
		return;
	acl = get_inode_acl(dir, ACL_TYPE_DEFAULT);
	if (IS_ERR(acl))
		return;
	spin_lock(&fi->lock);
	/* whoever sets one from now on makes the client forget this when it is done */
	if (!acl && has_no_xattrs_yet(inode)) {
		set_cached_acl(inode, ACL_TYPE_ACCESS, NULL);
		set_cached_acl(inode, ACL_TYPE_DEFAULT, NULL);
	}
	spin_unlock(&fi->lock);
	posix_acl_release(acl);
}
