// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a mount, in the order that a disk file system needs:
 *
 *	all data and metadata written, completions done    fuse_iomap_sync_super()
 *	no request outstanding, RELEASEs included, and no reference that is still to be put
 *							   fuse_iomap_drain_requests()
 *	DESTROY, which the server answers when it has closed the file system
 *	the connection ends				   (the FUSE client)
 *	no reference that is still to be put		   fuse_iomap_last_puts()
 *	inodes go                                          (the VFS)
 *	block devices are given back                       fuse_iomap_unmounted()
 *
 * so that umount(2) returns to a device that the next program can have for
 * itself.  Each step ends early when the connection has been aborted.
 */
#include "iomap_i.h"

/*
 * The FUSE client ends the connection before the VFS gets to write back what is
 * dirty; here it is still alive.  Caller holds sb->s_umount.
 */
void fuse_iomap_sync_super(struct super_block *sb)
{
	if (!get_fuse_conn_super(sb)->iomap.enabled)
		return;
	/* the VFS wouldn't, but one that has turned read-only may have writes on their way */
	if (sb_rdonly(sb))
		sync_inodes_sb(sb);
	else
		sync_filesystem(sb);
}

/*
 * Wait until the server has answered everything that was sent or queued.  An answer may leave a
 * reference to be put, and putting it may ask.  Notifications find no inode any more.
 */
void fuse_iomap_drain_requests(struct fuse_conn *fc)
{
	if (!fc->iomap.enabled)
		return;

	spin_lock(&fc->bg_lock);
	fc->max_background = UINT_MAX;
	flush_bg_queue(fc);
	spin_unlock(&fc->bg_lock);

	WRITE_ONCE(fc->iomap.draining, true);
	/* pairs with the atomic_dec_and_test() in fuse_drop_waiting() */
	smp_mb();
	do {
		wait_event(fc->blocked_waitq, atomic_read(&fc->num_waiting) == 0);
		fuse_iomap_wait_for_puts(fc);
	} while (atomic_read(&fc->num_waiting));
}

/* The superblock is gone and all inodes with it: nothing uses the devices now. */
void fuse_iomap_unmounted(struct fuse_conn *fc)
{
	fuse_iomap_dev_remove_all(fc);
}
