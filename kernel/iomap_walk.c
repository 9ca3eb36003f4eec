// SPDX-License-Identifier: GPL-2.0
/*
 * Path walks and stat(2) where nothing has to be asked: the short way.
 *
 * Each step asks the FUSE client whether the name is still valid, and who may pass, and
 * stat(2) whether the attributes are.  The client's functions have all cases in one, with
 * requests on their stacks, and look at what is the same for all of a connection's life.  Here
 * is only the case in which the answer is there: whenever anything else has to be looked at,
 * the client's function is called, from its start.  So what is old, bad or invalid is found out
 * by the same rules, in one place.
 *
 * There is one difference: the client asks for the attributes again before it denies anything.
 * Of an EXCLUSIVE inode valid ones say what the server would.
 *
 * All of it may run under RCU, without locks: what changes meanwhile might have changed just
 * before or behind.
 */
#include "iomap_i.h"

#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/namei.h>
#include <linux/user_namespace.h>

#define PERMISSION_ATTRS	(STATX_MODE | STATX_UID | STATX_GID)

/*
 * Is it the kernel who says who may use @inode, and only by its mode, owner and ACL?  A
 * connection can be for its mounter alone, or for those in a user namespace.
 */
static bool everybody_is_checked_here(const struct inode *inode)
{
	struct fuse_conn *fc = get_fuse_conn((struct inode *)inode);

	return fc->default_permissions && fc->allow_other && fc->user_ns == &init_user_ns;
}

/* @inode has become EXCLUSIVE; INIT has been answered. */
void fuse_iomap_walk_init(struct inode *inode)
{
	FUSE_IOMAP_I(inode)->short_way = everybody_is_checked_here(inode);
}

/* Are the attributes @mask (STATX_*) of @inode valid, and it takes the short way? */
static __always_inline bool is_known(const struct fuse_inode *fi, u32 mask)
{
	return likely(fi->iomap.short_way && !test_bit(FUSE_I_BAD, &fi->state) &&
		      !(READ_ONCE(fi->inval_mask) & mask) &&
		      !time_before64(READ_ONCE(fi->i_time), get_jiffies_64()));
}

/* inode_operations.permission */
int fuse_iomap_permission(struct mnt_idmap *idmap, struct inode *inode, int mask)
{
	if (is_known(get_fuse_inode(inode), PERMISSION_ATTRS))
		return generic_permission(idmap, inode, mask);
	return fuse_common_inode_operations.permission(idmap, inode, mask);
}

/*
 * The long way.  That the root is EXCLUSIVE is known when its attributes come for the first
 * time after INIT, and those of STATX don't say so: the first question is a GETATTR.
 */
static int ask_client(struct mnt_idmap *idmap, const struct path *path, struct kstat *stat,
		      u32 request_mask, unsigned int flags)
{
	const struct inode_operations *iop = &fuse_common_inode_operations;
	struct inode *inode = d_inode(path->dentry);
	struct fuse_iomap_inode *ii = FUSE_IOMAP_I(inode);

	if (!ii->exclusive && get_node_id(inode) == fuse_root_nodeid(inode->i_sb) &&
	    (request_mask & STATX_BTIME) && !test_and_set_bit(FUSE_IOMAP_ROOT_ASKED, &ii->state)) {
		int err = iop->getattr(idmap, path, stat, STATX_BASIC_STATS, flags);

		if (err)
			return err;
	}
	return iop->getattr(idmap, path, stat, request_mask, flags);
}

/*
 * inode_operations.getattr.  The time of birth is told also if nobody has asked, once it is
 * known: the client does that.
 */
int fuse_iomap_getattr(struct mnt_idmap *idmap, const struct path *path, struct kstat *stat,
		       u32 request_mask, unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);
	struct fuse_inode *fi = get_fuse_inode(inode);

	if (unlikely((request_mask & ~(STATX_BASIC_STATS | STATX_BTIME)) ||
		     (flags & AT_STATX_FORCE_SYNC)) || !is_known(fi, request_mask))
		return ask_client(idmap, path, stat, request_mask, flags);
	generic_fillattr(idmap, request_mask, inode, stat);
	stat->mode = fi->orig_i_mode;
	stat->ino = fi->orig_ino;
	if (test_bit(FUSE_I_BTIME, &fi->state)) {
		stat->btime = fi->i_btime;
		stat->result_mask |= STATX_BTIME;
	}
	/* what generic_fill_statx_attr() does, which few inodes need */
	stat->attributes_mask |= KSTAT_ATTR_VFS_FLAGS;
	if (unlikely(inode->i_flags & (S_IMMUTABLE | S_APPEND)))
		generic_fill_statx_attr(inode, stat);
	fuse_iomap_fill_statx_attrs(inode, stat);
	return 0;
}

#if BITS_PER_LONG >= 64
/* As the client has it in its dir.c: until when a name is valid, jiffies. */
static inline u64 valid_until(const struct dentry *dentry)
{
	return (u64)READ_ONCE(dentry->d_fsdata);
}

/* dentry_operations.d_revalidate.  The client wants to hear of an inode READDIRPLUS has made. */
static int revalidate(struct dentry *dentry, unsigned int flags)
{
	const struct inode *inode = d_inode_rcu(dentry);

	if (likely(inode &&
		   !(READ_ONCE(get_fuse_inode((struct inode *)inode)->state) &
		     (BIT(FUSE_I_BAD) | BIT(FUSE_I_INIT_RDPLUS))) &&
		   !(flags & (LOOKUP_EXCL | LOOKUP_REVAL | LOOKUP_RENAME_TARGET)) &&
		   !time_before64(valid_until(dentry), get_jiffies_64())))
		return 1;
	return fuse_dentry_operations.d_revalidate(dentry, flags);
}
#endif

static struct dentry_operations walk_dentry_operations __ro_after_init;
static struct inode_operations walk_dir_operations __ro_after_init;

/* Module load. */
void __init fuse_iomap_walk_init_tables(void)
{
	walk_dentry_operations = fuse_dentry_operations;
#if BITS_PER_LONG >= 64
	walk_dentry_operations.d_revalidate = revalidate;
#endif
	walk_dir_operations = fuse_dir_inode_operations;
	walk_dir_operations.permission = fuse_iomap_permission;
	walk_dir_operations.getattr = fuse_iomap_getattr;
}

/* Directory @inode, of a connection with iomap, takes the short way once it is EXCLUSIVE. */
void fuse_iomap_walk_init_dir(struct inode *inode)
{
	WRITE_ONCE(inode->i_op, &walk_dir_operations);
}

/*
 * @sb has iomap.  Its root has been there before, without any attributes; nobody has come further
 * than there.
 */
void fuse_iomap_walk_init_super(struct super_block *sb)
{
	sb->s_d_op = &walk_dentry_operations;
	if (sb->s_root)
		fuse_iomap_walk_init_dir(d_inode(sb->s_root));
}
