// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Inode flags, as lsattr(1) and chattr(1) know them (FS_IOC_GETFLAGS) and as
 * all file systems share them (FS_IOC_FSGETXATTR).
 */
#include <errno.h>
#include <linux/fs.h>
#include <string.h>

#include "dir.h"
#include "file.h"
#include "quota.h"

#define FL_VISIBLE	(EXT2_SECRM_FL | EXT2_UNRM_FL | EXT2_COMPR_FL | EXT2_SYNC_FL | \
			 EXT2_IMMUTABLE_FL | EXT2_APPEND_FL | EXT2_NODUMP_FL | EXT2_NOATIME_FL | \
			 EXT4_ENCRYPT_FL | EXT2_INDEX_FL | EXT2_NOTAIL_FL | EXT2_DIRSYNC_FL | \
			 EXT2_TOPDIR_FL | \
			 EXT4_EXTENTS_FL | EXT4_VERITY_FL | \
			 EXT4_INLINE_DATA_FL | EXT4_PROJINHERIT_FL | EXT4_CASEFOLD_FL | \
			 0x00004000 /* journal data */)
/* ... and these, which kernel ext4 takes and leaves as they are */
#define FL_KNOWN	(FL_VISIBLE | EXT2_DIRTY_FL | EXT2_COMPRBLK_FL | EXT2_NOCOMPR_FL | \
			 0x00400000 /* blocks beyond the end */ | 0x02000000 /* DAX */)
#define FL_CHANGEABLE	(EXT2_SECRM_FL | EXT2_UNRM_FL | EXT2_COMPR_FL | EXT2_SYNC_FL | \
			 EXT2_IMMUTABLE_FL | EXT2_APPEND_FL | EXT2_NODUMP_FL | \
			 EXT2_NOATIME_FL | EXT2_NOTAIL_FL | EXT2_DIRSYNC_FL | \
			 EXT2_TOPDIR_FL | EXT4_PROJINHERIT_FL | EXT4_CASEFOLD_FL)
/* How the file is stored, which kernel ext4 can change and this server can't */
#define FL_STORAGE	(EXT4_EXTENTS_FL | 0x00004000 /* journal data */)
/* What kernel ext4's ext4_mask_flags() lets files have that are no directories */
#define FL_DIR_ONLY	(EXT2_DIRSYNC_FL | EXT2_TOPDIR_FL | EXT4_PROJINHERIT_FL | \
			 EXT4_CASEFOLD_FL)
#define FL_OTHER	(EXT2_NODUMP_FL | EXT2_NOATIME_FL)

uint32_t file_get_flags(const struct inode *in)
{
	return in->raw.i_flags & FL_VISIBLE;
}

static bool stays_immutable(const struct inode *in, uint32_t flags)
{
	return in->raw.i_flags & flags & EXT2_IMMUTABLE_FL;
}

/* Flags that this kind of file can't have */
static uint32_t not_for(const struct inode *in)
{
	if (inode_is_dir(in))
		return 0;
	return inode_is_reg(in) ? FL_DIR_ONLY : FL_CHANGEABLE & ~FL_OTHER;
}

/* Names are compared in another way from now on: there must be none. */
static int may_change_casefold(struct server *s, struct inode *in)
{
	int empty;

	if (!ext2fs_has_feature_casefold(s->fs->super))
		return -EOPNOTSUPP;
	if (!inode_is_dir(in))
		return -ENOTDIR;
	empty = dir_is_empty(s, in);
	return empty < 0 ? empty : empty ? 0 : -ENOTEMPTY;
}

int file_set_flags(struct server *s, ext2_ino_t ino, uint32_t flags)
{
	struct inode in;
	int err = super_may_write(s);

	if (!err)
		err = inode_load(s, ino, &in);
	if (err)
		return err;
	/* as in kernel ext4 all that can be seen may be given back; what is fixed stays */
	if (flags & ~FL_KNOWN || flags & not_for(&in) ||
	    (flags ^ in.raw.i_flags) & FL_STORAGE)
		return -EOPNOTSUPP;
	if ((flags ^ in.raw.i_flags) & EXT4_CASEFOLD_FL) {
		err = may_change_casefold(s, &in);
		if (err)
			return err;
	}
	/* immutable includes the other flags */
	if (stays_immutable(&in, flags) && (flags ^ in.raw.i_flags) & FL_CHANGEABLE)
		return -EPERM;
	in.raw.i_flags = (in.raw.i_flags & ~FL_CHANGEABLE) | (flags & FL_CHANGEABLE);
	inode_touch(s, &in, false);
	return inode_store(s, &in);
}

static const struct {
	uint32_t fl, xflag;
} xflags[] = {
	{ EXT2_SYNC_FL, FS_XFLAG_SYNC }, { EXT2_IMMUTABLE_FL, FS_XFLAG_IMMUTABLE },
	{ EXT2_APPEND_FL, FS_XFLAG_APPEND }, { EXT2_NODUMP_FL, FS_XFLAG_NODUMP },
	{ EXT2_NOATIME_FL, FS_XFLAG_NOATIME }, { EXT4_PROJINHERIT_FL, FS_XFLAG_PROJINHERIT },
};

#define NR_XFLAGS	(sizeof(xflags) / sizeof(xflags[0]))

void file_get_fsxattr(const struct inode *in, struct fsxattr *fsx)
{
	memset(fsx, 0, sizeof(*fsx));
	for (size_t i = 0; i < NR_XFLAGS; i++)
		if (in->raw.i_flags & xflags[i].fl)
			fsx->fsx_xflags |= xflags[i].xflag;
	fsx->fsx_projid = in->raw.i_projid;
}

/* The account of project @projid for @in, with the others in *@ids, and what it allows */
static int prepare_project(struct server *s, const struct inode *in, uint32_t projid,
			   const struct caller *who, uint32_t ids[NR_QUOTAS])
{
	int err;

	quota_ids(s, in, ids);
	ids[QUOTA_PROJECT] = projid;
	err = quota_prepare(s, ids);
	return err ? err : quota_may_give(s, in, ids, who);
}

static int set_project(struct server *s, ext2_ino_t ino, uint32_t projid,
		       const struct caller *who)
{
	uint32_t ids[NR_QUOTAS];
	struct inode in;
	int err = inode_load(s, ino, &in);

	if (err || projid == in.raw.i_projid)
		return err;
	err = prepare_project(s, &in, projid, who, ids);
	if (!err)
		err = quota_set_project(s, &in, projid);
	if (err)
		return err;
	quota_reserve_give(s, &in, ids);
	in.raw.i_projid = projid;
	inode_touch(s, &in, false);
	return inode_store(s, &in);
}

int file_set_fsxattr(struct server *s, ext2_ino_t ino, const struct fsxattr *fsx,
		     const struct caller *who)
{
	uint32_t known = 0, fl, ids[NR_QUOTAS];
	struct inode in;
	int err = inode_load(s, ino, &in);

	if (err)
		return err;
	fl = in.raw.i_flags & FL_VISIBLE;
	for (size_t i = 0; i < NR_XFLAGS; i++) {
		known |= xflags[i].xflag;
		fl &= ~xflags[i].fl;
		if (fsx->fsx_xflags & xflags[i].xflag)
			fl |= xflags[i].fl;
	}
	if (fsx->fsx_xflags & ~(known | FS_XFLAG_HASATTR) || fsx->fsx_extsize ||
	    fsx->fsx_cowextsize)
		return -EOPNOTSUPP;
	/* who may change it the kernel has checked */
	if (fsx->fsx_projid != in.raw.i_projid && !inode_has_projid(s, &in))
		return -EOPNOTSUPP;
	if (fsx->fsx_projid != in.raw.i_projid && stays_immutable(&in, fl))
		return -EPERM;
	/* an account for the project may need space: before the flags change */
	if (fsx->fsx_projid != in.raw.i_projid) {
		err = super_may_write(s);
		if (!err)
			err = prepare_project(s, &in, fsx->fsx_projid, who, ids);
		if (err)
			return err;
	}
	err = file_set_flags(s, ino, fl);
	return err ? err : set_project(s, ino, fsx->fsx_projid, who);
}
