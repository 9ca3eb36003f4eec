// SPDX-License-Identifier: GPL-2.0
/*
 * The superblock's business that the server has a part in: freeze, thaw, shutdown, and
 * ioctls about the whole file system.
 *
 * Frozen, a copy of the device is a consistent file system: the VFS has stopped
 * writers and page faults and has written everything, then the server is told to
 * make its metadata so (FREEZE_FS) and to leave the device alone until UNFREEZE_FS.
 *
 * Shut down, nothing is written any more, whatever is dirty: by the ioctl that other
 * file systems have, or because a device has gone.  From then on each operation on
 * data fails with EIO, and the server, told by SHUTDOWN_FS, writes nothing either.
 * There is no way back but unmounting.
 */
#include "iomap_i.h"

#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/uaccess.h>

/* The ioctl of XFS, ext4 and f2fs, which include/uapi has under names of theirs. */
#define IOC_SHUTDOWN		_IOR('X', 125, __u32)
#define SHUTDOWN_DEFAULT	0	/* write everything first, as a freeze does */
#define SHUTDOWN_LOGFLUSH	1	/* write metadata (here: everything) first */
#define SHUTDOWN_NOLOGFLUSH	2	/* as after a power cut */

static void fill_args(struct super_block *sb, struct fuse_args *args, u32 opcode,
		      const void *in, size_t size)
{
	args->opcode = opcode;
	args->nodeid = fuse_root_nodeid(sb);
	args->in_numargs = size ? 1 : 0;
	args->in_args[0].size = size;
	args->in_args[0].value = in;
}

/*
 * super_operations.freeze_super.  As upstream, a mount without iomap can't be frozen by
 * its users, but with its block device.
 */
int fuse_iomap_freeze_super(struct super_block *sb, enum freeze_holder who)
{
	struct fuse_conn *fc = get_fuse_conn_super(sb);
	struct fuse_iomap_conn *ic = &fc->iomap;
	bool was_frozen;
	int err;

	if (!ic->enabled)
		return who & FREEZE_MAY_NEST ? freeze_super(sb, who) : -EOPNOTSUPP;

	/* one that has turned read-only may have writes on their way: nobody else waits for them */
	if (test_bit(FUSE_IOMAP_TURNED_READ_ONLY, &ic->state)) {
		down_read(&sb->s_umount);
		if (sb->s_root && sb_rdonly(sb))
			sync_inodes_sb(sb);
		up_read(&sb->s_umount);
	}
	/* here, as for a read-only mount the server is not asked */
	was_frozen = test_and_set_bit(FUSE_IOMAP_FROZEN, &ic->state);
	err = freeze_super(sb, who);
	if (err && !was_frozen)
		clear_bit(FUSE_IOMAP_FROZEN, &ic->state);
	if (err)
		fuse_iomap_try_read_only(fc);
	/* whoever came with an abort meanwhile may have found nothing to thaw */
	if (!err && !READ_ONCE(fc->connected))
		fuse_iomap_aborted(fc);
	return err;
}

/* super_operations.freeze_fs: everything has been written, nobody writes. */
int fuse_iomap_freeze_fs(struct super_block *sb)
{
	struct fuse_freezefs_in in = { .unlinked = atomic_long_read(&sb->s_remove_count) };
	struct fuse_conn *fc = get_fuse_conn_super(sb);
	FUSE_ARGS(args);
	int err;

	if (!fc->iomap.enabled)
		return 0;
	fill_args(sb, &args, FUSE_FREEZE_FS, &in, sizeof(in));
	args.force = !fuse_iomap_knows_caller(sb);
	err = fuse_simple_request(get_fuse_mount_super(sb), &args);
	return err == -ENOSYS ? -EOPNOTSUPP : err;
}

/*
 * super_operations.unfreeze_fs.  Without a server there is nothing to thaw; who waits
 * to write must be let go to find that out.
 */
int fuse_iomap_unfreeze_fs(struct super_block *sb)
{
	FUSE_ARGS(args);
	int err;

	if (!get_fuse_conn_super(sb)->iomap.enabled)
		return 0;
	fill_args(sb, &args, FUSE_UNFREEZE_FS, NULL, 0);
	args.force = true;
	err = fuse_simple_request(get_fuse_mount_super(sb), &args);
	if (err == -ENOSYS || err == -ENOTCONN || err == -ECONNABORTED)
		err = 0;
	if (!err) {
		clear_bit(FUSE_IOMAP_FROZEN, &get_fuse_conn_super(sb)->iomap.state);
		fuse_iomap_try_read_only(get_fuse_conn_super(sb));
	}
	return err;
}

void fuse_iomap_thaw_worker(struct work_struct *work)
{
	struct fuse_conn *fc = container_of(work, struct fuse_conn, iomap.thaw_work);
	struct super_block *sb = NULL;
	struct fuse_mount *fm;

	/* thaw_super() takes s_umount, which is outside of killsb */
	down_read(&fc->killsb);
	list_for_each_entry(fm, &fc->mounts, fc_entry) {
		/* who has frozen the block device thaws it and the mount */
		if (fm->sb && fm->sb->s_bdev && atomic_read(&fm->sb->s_bdev->bd_fsfreeze_count))
			continue;
		if (fm->sb && atomic_inc_not_zero(&fm->sb->s_active)) {
			sb = fm->sb;
			break;
		}
	}
	up_read(&fc->killsb);
	if (sb) {
		thaw_super(sb, FREEZE_HOLDER_USERSPACE);
		deactivate_super(sb);
	}
	fuse_conn_put(fc);
}

/*
 * The connection has been aborted.  If it is frozen, nobody could thaw it: for that
 * the mount point has to be opened.  Who waits to write must be let go.
 */
void fuse_iomap_aborted(struct fuse_conn *fc)
{
	if (!test_bit(FUSE_IOMAP_FROZEN, &fc->iomap.state))
		return;
	fuse_conn_get(fc);
	if (!queue_work(fuse_iomap_wq, &fc->iomap.thaw_work))
		fuse_conn_put(fc);
}

struct shutdown_args {
	struct fuse_args args;
	struct fuse_shutdownfs_in in;
};

static void shutdown_told(struct fuse_mount *fm, struct fuse_args *args, int error)
{
	kfree(container_of(args, struct shutdown_args, args));
}

/*
 * super_operations.shutdown, and what a dead device leads to: stop writing, and tell
 * the server without waiting for it.
 */
void fuse_iomap_shutdown(struct super_block *sb)
{
	struct fuse_conn *fc = get_fuse_conn_super(sb);
	struct shutdown_args *sa;

	if (!fc->iomap.enabled || test_and_set_bit(FUSE_IOMAP_SHUT_DOWN, &fc->iomap.state))
		return;
	pr_warn("%s: shut down, nothing is written any more\n", sb->s_id);

	sa = kzalloc(sizeof(*sa), GFP_NOFS | __GFP_NOFAIL);
	fill_args(sb, &sa->args, FUSE_SHUTDOWN_FS, &sa->in, sizeof(sa->in));
	sa->args.force = true;
	sa->args.nocreds = true;
	sa->args.end = shutdown_told;
	if (fuse_simple_background(get_fuse_mount_super(sb), &sa->args, GFP_NOFS | __GFP_NOFAIL))
		kfree(sa);
}

/* As above, but returns when the server has answered, whatever it says. */
static void shutdown_and_wait(struct super_block *sb)
{
	struct fuse_conn *fc = get_fuse_conn_super(sb);
	struct fuse_shutdownfs_in in = {};
	FUSE_ARGS(args);

	if (test_and_set_bit(FUSE_IOMAP_SHUT_DOWN, &fc->iomap.state))
		return;
	pr_warn("%s: shut down by %s[%d], nothing is written any more\n", sb->s_id,
		current->comm, task_pid_nr(current));
	fill_args(sb, &args, FUSE_SHUTDOWN_FS, &in, sizeof(in));
	args.force = true;
	fuse_simple_request(get_fuse_mount_super(sb), &args);
}

static int ioctl_shutdown(struct super_block *sb, u32 __user *argp)
{
	u32 how;
	int err;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (get_user(how, argp))
		return -EFAULT;

	switch (how) {
	case SHUTDOWN_DEFAULT:
		err = fuse_iomap_freeze_super(sb, FREEZE_HOLDER_USERSPACE);
		if (err)
			return err;
		shutdown_and_wait(sb);
		return thaw_super(sb, FREEZE_HOLDER_USERSPACE);
	case SHUTDOWN_LOGFLUSH:
		down_read(&sb->s_umount);
		err = sync_filesystem(sb);
		up_read(&sb->s_umount);
		if (err)
			return err;
		fallthrough;
	case SHUTDOWN_NOLOGFLUSH:
		shutdown_and_wait(sb);
		return 0;
	default:
		return -EINVAL;
	}
}

/*
 * Ioctls for the server, but only from an administrator: a server is told who asks, not
 * what that task is capable of.  A label is a change of the file system, so the mount has to
 * be writable, and not frozen.
 */
static long ioctl_privileged(struct file *file, unsigned int cmd, unsigned long arg,
			     unsigned int flags)
{
	long err;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (cmd == FITRIM)
		return fuse_do_ioctl(file, cmd, arg, flags);
	err = mnt_want_write_file(file);
	if (err)
		return err;
	err = fuse_do_ioctl(file, cmd, arg, flags);
	mnt_drop_write_file(file);
	return err;
}

/* An ioctl that the VFS has no idea of; what is not ours goes to the server. */
long fuse_iomap_ioctl(struct file *file, unsigned int cmd, unsigned long arg, unsigned int flags)
{
	struct super_block *sb = file_inode(file)->i_sb;

	if (!get_fuse_conn_super(sb)->iomap.enabled)
		return fuse_do_ioctl(file, cmd, arg, flags);
	switch (cmd) {
	case IOC_SHUTDOWN:
		return ioctl_shutdown(sb, (u32 __user *)arg);
	case FITRIM:
	case FS_IOC_SETFSLABEL:
		return ioctl_privileged(file, cmd, arg, flags);
	default:
		return fuse_do_ioctl(file, cmd, arg, flags);
	}
}

/* I/O has failed, or may fail: has a device gone for good? */
void fuse_iomap_look_at_devices(struct super_block *sb)
{
	if (fuse_iomap_dev_is_gone(get_fuse_conn_super(sb)))
		fuse_iomap_shutdown(sb);
}
