// SPDX-License-Identifier: GPL-2.0
/*
 * A server that has stopped writing, because of damage say, can tell the kernel.  Then the
 * superblock becomes read-only: the mount table says so, and who wants to change something
 * gets EROFS from the VFS.  There is no way back but unmounting.
 *
 * Files that are open for writing stay so, as after a forced remount; what is written to
 * them, and what is dirty, fails when the server is asked where to.  The VFS doesn't sync
 * what is read-only, so whoever syncs is told by an error that is set here.
 *
 * SB_RDONLY is looked at by those who hold s_umount, and changed by those who hold it to
 * write; against them it is enough to hold it to read.  It must not change between a freeze
 * and the thaw, which would leave everything locked that the freeze has locked: then it waits
 * for the thaw.
 */
#include "iomap_i.h"

#include <linux/delay.h>
#include <linux/errseq.h>
#include <linux/fs_context.h>

static void set_read_only(struct super_block *sb)
{
	if (sb_rdonly(sb) || sb->s_writers.frozen != SB_UNFROZEN)
		return;
	errseq_set(&sb->s_wb_err, -EIO);
	WRITE_ONCE(sb->s_flags, sb->s_flags | SB_RDONLY);
	pr_warn("%s: read-only from now on, as its server wants it\n", sb->s_id);
}

/*
 * Returns false if somebody is busy with the superblock, or about to unmount it.  The server may
 * need to answer him first, and s_umount is outside of killsb: so nobody is waited for here.
 */
static bool set_all_read_only(struct fuse_conn *fc)
{
	struct fuse_mount *fm;
	bool done = true;

	if (!down_read_trylock(&fc->killsb))
		return false;
	list_for_each_entry(fm, &fc->mounts, fc_entry) {
		if (!fm->sb)
			continue;
		if (!down_read_trylock(&fm->sb->s_umount)) {
			done = false;
			continue;
		}
		set_read_only(fm->sb);
		up_read(&fm->sb->s_umount);
	}
	up_read(&fc->killsb);
	return done;
}

/* Who is busy comes to an end, or unmounts it. */
void fuse_iomap_read_only_worker(struct work_struct *work)
{
	struct fuse_conn *fc = container_of(work, struct fuse_conn, iomap.read_only_work);

	while (!set_all_read_only(fc))
		msleep(20);
	fuse_conn_put(fc);
}

/* What kept the superblock from turning read-only, if it is to, may be over. */
void fuse_iomap_try_read_only(struct fuse_conn *fc)
{
	if (!test_bit(FUSE_IOMAP_TURNED_READ_ONLY, &fc->iomap.state))
		return;
	fuse_conn_get(fc);
	if (!queue_work(fuse_iomap_wq, &fc->iomap.read_only_work))
		fuse_conn_put(fc);
}

/*
 * The server says that it writes nothing any more.  Returns 0, also if it has said so
 * before, or -EOPNOTSUPP if CONFIG knew nothing of that.  Doesn't wait for the server.
 */
int fuse_iomap_turn_read_only(struct fuse_conn *fc)
{
	struct fuse_iomap_conn *ic = &fc->iomap;

	if (!ic->may_turn_read_only)
		return -EOPNOTSUPP;
	if (test_and_set_bit(FUSE_IOMAP_TURNED_READ_ONLY, &ic->state))
		return 0;
	/* each fsync is to hear it from the server */
	set_bit(FUSE_IOMAP_READ_ONLY, &ic->state);
	if (!set_all_read_only(fc))
		fuse_iomap_try_read_only(fc);
	return 0;
}

/* fs_context_operations.reconfigure: a remount, which must not be for writing. */
int fuse_iomap_reconfigure(struct fs_context *fsc)
{
	struct fuse_conn *fc = get_fuse_conn_super(fsc->root->d_sb);

	if (!test_bit(FUSE_IOMAP_TURNED_READ_ONLY, &fc->iomap.state))
		return 0;
	return (fsc->sb_flags_mask & SB_RDONLY) && !(fsc->sb_flags & SB_RDONLY) ? -EROFS : 0;
}
