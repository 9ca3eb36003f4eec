// SPDX-License-Identifier: GPL-2.0
/*
 * Creating inodes: what need not be asked before, and what is known of them afterwards.
 */
#include "iomap_i.h"

#include <linux/posix_acl.h>

/*
 * open(2) with @flags has come to @entry in @dir, whose i_rwsem the caller holds, and nobody
 * has looked it up yet.  If it is to be created and nothing else, CREATE carries O_EXCL,
 * and the server says EEXIST if it is there.  Who may not create has lost O_CREAT before, and
 * gets his answer from LOOKUP: so EEXIST goes before EACCES and EROFS here, too.  So does who
 * comes with a name that is longer than any request may have.
 */
bool fuse_iomap_is_to_create(struct inode *dir, struct dentry *entry, unsigned int flags)
{
	struct fuse_conn *fc = get_fuse_conn(dir);

	if ((flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL) || fc->no_create ||
	    entry->d_name.len > FUSE_NAME_MAX || !FUSE_IOMAP_I(dir)->exclusive ||
	    test_bit(FUSE_IOMAP_READ_ONLY, &fc->iomap.state))
		return false;
	/* a name without an inode, as LOOKUP would have left it, but true for no time */
	fuse_invalidate_entry_cache(entry);
	d_add(entry, NULL);
	return true;
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
