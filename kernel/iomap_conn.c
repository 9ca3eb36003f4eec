// SPDX-License-Identifier: GPL-2.0
/*
 * A connection's life with iomap: what is set up at mount, what INIT offers and
 * what its reply switches on.
 */
#include "iomap_i.h"

#include <linux/backing-dev.h>

/*
 * For what may be the end of an inode or a mount, and with it of the last use of the
 * module: unloading waits for it.
 */
struct workqueue_struct *fuse_iomap_wq;

/* Module load; may fail. */
int __init fuse_iomap_init(void)
{
	fuse_iomap_wq = alloc_workqueue("fuseiomap", WQ_UNBOUND, 0);
	if (!fuse_iomap_wq)
		return -ENOMEM;
	fuse_iomap_init_tables();
	fuse_iomap_walk_init_tables();
	fuse_iomap_cache_init();
	return 0;
}

/* Module unload, or loading has failed. */
void fuse_iomap_exit(void)
{
	fuse_iomap_forget_exit();
	fuse_iomap_cache_exit();
	destroy_workqueue(fuse_iomap_wq);
}

/* A connection is being allocated: nothing here can fail. */
void fuse_iomap_conn_init(struct fuse_conn *fc)
{
	struct fuse_iomap_conn *ic = &fc->iomap;

	ic->root_nodeid = FUSE_ROOT_ID;
	spin_lock_init(&ic->devices_lock);
	idr_init(&ic->devices);
	INIT_WORK(&ic->thaw_work, fuse_iomap_thaw_worker);
	INIT_WORK(&ic->read_only_work, fuse_iomap_read_only_worker);
}

/* The last reference to a connection goes.  May sleep. */
void fuse_iomap_conn_free(struct fuse_conn *fc)
{
	struct fuse_iomap_conn *ic = &fc->iomap;

	fuse_iomap_dev_remove_all(fc);
	idr_destroy(&ic->devices);
	if (ic->notice_wq)
		destroy_workqueue(ic->notice_wq);
	if (ic->closed_wq)
		destroy_workqueue(ic->closed_wq);
	if (ic->completion_wq)
		destroy_workqueue(ic->completion_wq);
}

/*
 * A superblock is ready and INIT is about to be sent: decide whether iomap is
 * offered.  @file is the device of the mount; the caller is the mounter.
 */
int fuse_iomap_conn_setup(struct super_block *sb, struct file *file)
{
	struct fuse_conn *fc = get_fuse_conn_super(sb);
	struct fuse_iomap_conn *ic = &fc->iomap;

	if (!fuse_iomap_allowed(file, false))
		return 0;

	/*
	 * Completions may be what memory reclaim waits for: hence a rescuer of
	 * their own for each connection, that no other server can hold up.
	 */
	ic->completion_wq = alloc_workqueue("fuseiomap/%s",
					    WQ_UNBOUND | WQ_MEM_RECLAIM | WQ_FREEZABLE, 0,
					    sb->s_id);
	/* one of its own, too: what is on it may wait as long as the server likes */
	ic->closed_wq = alloc_workqueue("fuseiomap-closed/%s", WQ_UNBOUND, 0, sb->s_id);
	ic->notice_wq = alloc_workqueue("fuseiomap-notices/%s", WQ_UNBOUND, 0, sb->s_id);
	if (!ic->completion_wq || !ic->closed_wq || !ic->notice_wq)
		return -ENOMEM;
	/* each window of readahead may cost a question to the server */
	sb->s_bdi->ra_pages = max_t(unsigned long, sb->s_bdi->ra_pages, SZ_1M >> PAGE_SHIFT);
	ic->may = true;
	return 0;
}

/* Fill in what INIT says of iomap; returns the flags to offer. */
u64 fuse_iomap_init_request(struct fuse_conn *fc, struct fuse_init_in *in)
{
	if (!fc->iomap.may)
		return 0;
	in->minor = FUSE_IOMAP_MINOR_VERSION;
	return FUSE_IOMAP;
}

/* As a FUSE server that moves all data itself has them. */
void fuse_iomap_use_server_bdi(struct super_block *sb)
{
	if (sb->s_bdi->capabilities & BDI_CAP_STRICTLIMIT)
		return;
	sb->s_bdi->capabilities |= BDI_CAP_STRICTLIMIT;
	bdi_set_max_ratio(sb->s_bdi, 1);
}

/*
 * Data of iomap files is written by the page cache's own accounting and goes to
 * a disk, so the limits that keep a slow FUSE server from filling memory with
 * dirty pages do not fit: back to what a disk file system has.
 */
static void use_disk_bdi(struct super_block *sb)
{
	sb->s_bdi->capabilities |= BDI_CAP_WRITEBACK_ACCT;
	sb->s_bdi->capabilities &= ~BDI_CAP_STRICTLIMIT;
	bdi_set_max_ratio(sb->s_bdi, 100);
}

/*
 * The server has answered INIT with @flags and @minor.  Returns false if the
 * answer makes no sense and the connection must fail.
 *
 * Context: the server's write to the device; must not wait for the server.
 */
bool fuse_iomap_init_reply(struct fuse_mount *fm, u64 flags, u32 minor)
{
	struct fuse_conn *fc = fm->fc;

	if (!(flags & FUSE_IOMAP))
		return true;
	if (!fc->iomap.may || minor < FUSE_IOMAP_MINOR_VERSION)
		return false;

	fc->iomap.enabled = true;
	/*
	 * O_TRUNC comes as SETATTR, so that there is one way to truncate, which asks the
	 * server before it empties the page cache (iomap_size.c).
	 */
	fc->atomic_o_trunc = 0;
	/* ids of BACKING_OPEN name block devices on this connection */
	fc->passthrough = 0;
	/* sync(2) and friends reach the server */
	fc->sync_fs = 1;
	/* umount(2) returns when the server has closed the file system */
	fc->destroy = 1;
	/* the kernel sees each change of privileges, so it may remember "none" */
	fm->sb->s_flags |= SB_NOSEC;
	use_disk_bdi(fm->sb);
	fuse_iomap_walk_init_super(fm->sb);
	fm->sb->s_maxbytes = FUSE_IOMAP_MAX_BYTES;
	/* the client did not know yet that it may keep the root's ACLs */
	if (fc->posix_acl && fm->sb->s_root) {
		struct inode *root = d_inode(fm->sb->s_root);

		cmpxchg(&root->i_acl, ACL_DONT_CACHE, ACL_NOT_CACHED);
		cmpxchg(&root->i_default_acl, ACL_DONT_CACHE, ACL_NOT_CACHED);
	}
	return true;
}
