// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * On-disk inodes: loading with the checks that untrusted images need, storing,
 * times beyond 2038, ownership, stat, allocation.
 *
 * The fields after the first 128 bytes exist only as far as the file system's
 * inode size and the inode's own i_extra_isize say; everything here that
 * touches them asks fits() first.
 */
#include "inode.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "bitmap_load.h"
#include "bitmaps.h"
#include "dir_block.h"
#include "free_check.h"
#include "inode_table.h"
#include "log.h"
#include "map.h"
#include "nokey.h"
#include "quota.h"
#include "sync.h"
#include "xattr.h"

/* what a new inode takes over from its directory */
#define FL_INHERITED	(EXT2_SECRM_FL | EXT2_UNRM_FL | EXT2_COMPR_FL | EXT2_SYNC_FL | \
			 EXT2_NODUMP_FL | EXT2_NOATIME_FL | EXT2_NOCOMPR_FL | \
			 EXT2_NOTAIL_FL | EXT2_DIRSYNC_FL | EXT4_PROJINHERIT_FL | \
			 EXT4_CASEFOLD_FL)
#define FL_NOT_REG	(EXT2_DIRSYNC_FL | EXT2_TOPDIR_FL | EXT4_PROJINHERIT_FL | \
			 EXT4_CASEFOLD_FL)
#define FL_OTHER	(EXT2_NODUMP_FL | EXT2_NOATIME_FL)

static bool fits(const struct server *s, const struct inode *in, size_t end)
{
	return EXT2_INODE_SIZE(s->fs->super) >= end &&
	       EXT2_GOOD_OLD_INODE_SIZE + (size_t)in->raw.i_extra_isize >= end;
}

#define FITS(s, in, field) \
	fits(s, in, offsetof(struct ext2_inode_large, field) + sizeof((in)->raw.field))

bool inode_has_projid(const struct server *s, const struct inode *in)
{
	return ext2fs_has_feature_project(s->fs->super) && FITS(s, in, i_projid);
}

bool inode_number_is_valid(const struct server *s, ext2_ino_t ino)
{
	const struct ext2_super_block *sb = s->fs->super;

	if (ino == EXT2_ROOT_INO)
		return true;
	return ino >= EXT2_FIRST_INO(sb) && ino <= sb->s_inodes_count &&
	       ino != sb->s_orphan_file_inum && ino != sb->s_usr_quota_inum &&
	       ino != sb->s_grp_quota_inum && ino != sb->s_prj_quota_inum;
}

static const char *defect(const struct server *s, const struct inode *in)
{
	unsigned int size = EXT2_INODE_SIZE(s->fs->super);

	switch (in->raw.i_mode & S_IFMT) {
	case S_IFREG: case S_IFDIR: case S_IFLNK:
	case S_IFCHR: case S_IFBLK: case S_IFIFO: case S_IFSOCK:
		break;
	default:
		return "unknown file type";
	}
	if (size > EXT2_GOOD_OLD_INODE_SIZE &&
	    (in->raw.i_extra_isize > size - EXT2_GOOD_OLD_INODE_SIZE ||
	     in->raw.i_extra_isize % 4))
		return "bad extra inode size";
	if (in->raw.i_size_high & 0x80000000U)
		return "bad size";
	if (inode_is_dir(in) && !inode_is_inline(in) && inode_size(in) % s->fs->blocksize)
		return "directory size is not a multiple of the block size";
	/* there are no holes in directories */
	if (inode_is_dir(in) && inode_size(in) >> block_bits(s) > ext2fs_blocks_count(s->fs->super))
		return "directory is larger than the file system";
	if ((in->raw.i_flags & EXT4_EXTENTS_FL) && (in->raw.i_flags & EXT4_INLINE_DATA_FL) &&
	    !ext2fs_has_feature_inline_data(s->fs->super))
		return "inline data without the feature";
	return NULL;
}

int inode_load(struct server *s, ext2_ino_t ino, struct inode *in)
{
	const char *what;
	errcode_t err;

	if (!inode_number_is_valid(s, ino))
		return fs_error(s, ino, 0, "reference to an invalid inode number");
	memset(in, 0, sizeof(*in));
	in->ino = ino;
	err = inode_table_read(s, ino, &in->raw, sizeof(in->raw));
	if (err)
		return lib_error(s, err, ino);
	if (!in->raw.i_mode && !in->raw.i_links_count)
		return -ESTALE;
	what = defect(s, in);
	if (what)
		return fs_error(s, ino, 0, what);
	return 0;
}

int inode_store(struct server *s, struct inode *in)
{
	s->dirty = true;
	sync_note(s, in);
	return lib_error(s, inode_table_write(s, in->ino, &in->raw, sizeof(in->raw)), in->ino);
}

/*
 * Times: 32 bit seconds, and where the inode is large enough another word with
 * the nanoseconds (30 bits) and two more bits of seconds.  What is too early or too late
 * becomes the first or the last second, which have no fractions: as the kernel's
 * timestamp_truncate() has it.
 */
struct time_field {
	size_t low, extra;
};

static const struct time_field time_fields[] = {
	[TIME_ACCESS] = { offsetof(struct ext2_inode_large, i_atime),
			  offsetof(struct ext2_inode_large, i_atime_extra) },
	[TIME_CHANGE] = { offsetof(struct ext2_inode_large, i_ctime),
			  offsetof(struct ext2_inode_large, i_ctime_extra) },
	[TIME_MODIFY] = { offsetof(struct ext2_inode_large, i_mtime),
			  offsetof(struct ext2_inode_large, i_mtime_extra) },
	[TIME_BIRTH] = { offsetof(struct ext2_inode_large, i_crtime),
			 offsetof(struct ext2_inode_large, i_crtime_extra) },
};

void inode_set_time(struct server *s, struct inode *in, enum inode_time which,
		    struct timespec ts)
{
	const struct time_field *f = &time_fields[which];
	char *raw = (char *)&in->raw;
	bool large = fits(s, in, f->extra + 4);
	const int64_t max = large ? INT32_MAX + 3 * (1LL << 32) : INT32_MAX;
	int64_t sec = ts.tv_sec < INT32_MIN ? INT32_MIN : ts.tv_sec > max ? max : ts.tv_sec;
	uint32_t nsec = sec == INT32_MIN || sec == max ? 0 : ts.tv_nsec;
	uint32_t low = (uint32_t)sec, extra;

	if (!large && which == TIME_BIRTH)
		return;
	memcpy(raw + f->low, &low, 4);
	if (!large)
		return;
	extra = ((uint64_t)(sec - (int32_t)low) >> 32 & 3) | nsec << 2;
	memcpy(raw + f->extra, &extra, 4);
}

struct timespec inode_get_time(const struct server *s, const struct inode *in,
			       enum inode_time which)
{
	const struct time_field *f = &time_fields[which];
	const char *raw = (const char *)&in->raw;
	struct timespec ts = { 0 };
	uint32_t low, extra;

	if (which == TIME_BIRTH && !fits(s, in, f->extra + 4))
		return ts;
	memcpy(&low, raw + f->low, 4);
	ts.tv_sec = (int32_t)low;
	if (fits(s, in, f->extra + 4)) {
		memcpy(&extra, raw + f->extra, 4);
		ts.tv_sec += (int64_t)(extra & 3) << 32;
		ts.tv_nsec = extra >> 2;
		if (ts.tv_nsec >= 1000000000)
			ts.tv_nsec = 0;
	}
	return ts;
}

struct timespec inode_now(void)
{
	struct timespec ts;

	/*
	 * The clock by which the kernel stamps what it does itself.  With one that is ahead of it,
	 * files would be born after they were written, and access times look newer than they are.
	 */
	clock_gettime(CLOCK_REALTIME_COARSE, &ts);
	return ts;
}

void inode_touch(struct server *s, struct inode *in, bool modified)
{
	struct timespec now = inode_now();

	inode_set_time(s, in, TIME_CHANGE, now);
	if (modified)
		inode_set_time(s, in, TIME_MODIFY, now);
}

void inode_set_owner(struct inode *in, uid_t uid, gid_t gid)
{
	in->raw.i_uid = uid;
	in->raw.osd2.linux2.l_i_uid_high = uid >> 16;
	in->raw.i_gid = gid;
	in->raw.osd2.linux2.l_i_gid_high = gid >> 16;
}

uid_t inode_owner(const struct inode *in)
{
	return in->raw.i_uid | (uid_t)in->raw.osd2.linux2.l_i_uid_high << 16;
}

gid_t inode_group(const struct inode *in)
{
	return in->raw.i_gid | (gid_t)in->raw.osd2.linux2.l_i_gid_high << 16;
}

int64_t inode_maxbytes(const struct server *s, const struct inode *in)
{
	return inode_has_extents(in) ? s->maxbytes_extent : s->maxbytes_indirect;
}

int inode_set_size(struct server *s, struct inode *in, uint64_t size)
{
	return lib_error(s, ext2fs_inode_size_set(s->fs, inode_small(in), size), in->ino);
}

dev_t inode_rdev(const struct inode *in)
{
	uint32_t old = in->raw.i_block[0], new = in->raw.i_block[1];

	if (!S_ISCHR(in->raw.i_mode) && !S_ISBLK(in->raw.i_mode))
		return 0;
	if (old)
		return makedev(old >> 8 & 0xff, old & 0xff);
	return makedev((new & 0xfff00) >> 8, (new & 0xff) | (new >> 12 & 0xfff00));
}

static void set_rdev(struct inode *in, dev_t rdev)
{
	unsigned int maj = major(rdev), min = minor(rdev);

	if (maj < 256 && min < 256) {
		in->raw.i_block[0] = maj << 8 | min;
	} else {
		in->raw.i_block[0] = 0;
		in->raw.i_block[1] = (min & 0xff) | maj << 8 | (min & ~0xffU) << 12;
		in->raw.i_block[2] = 0;
	}
}

void inode_stat(struct server *s, struct inode *in, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = in->ino;
	st->st_mode = in->raw.i_mode;
	st->st_nlink = in->raw.i_links_count;
	st->st_uid = s->opt.uid >= 0 ? s->opt.uid : inode_owner(in);
	st->st_gid = s->opt.gid >= 0 ? s->opt.gid : inode_group(in);
	st->st_rdev = inode_rdev(in);
	st->st_size = inode_size(in);
	st->st_blksize = s->fs->blocksize;
	st->st_blocks = ext2fs_get_stat_i_blocks(s->fs, inode_small(in)) +
			delayed_blocks(s, in->ino) * (s->fs->blocksize / 512);
	if (S_ISLNK(in->raw.i_mode) && in->raw.i_flags & EXT4_ENCRYPT_FL)
		st->st_size = nokey_target_len(inode_size(in));
	/* as kernel ext4: programs take no blocks for no data */
	if (inode_is_reg(in) && inode_is_inline(in))
		st->st_blocks += (st->st_size + 511) / 512;
	st->st_atim = inode_get_time(s, in, TIME_ACCESS);
	st->st_mtim = inode_get_time(s, in, TIME_MODIFY);
	st->st_ctim = inode_get_time(s, in, TIME_CHANGE);
}

uint32_t inode_iflags(struct server *s, const struct inode *in)
{
	uint32_t flags = 0;

	if (!fuse_iomap_session_negotiated(s->session))
		return 0;
	flags |= FUSE_ATTR_EXCLUSIVE;
	if (inode_is_reg(in) && !nokey_data(in))
		flags |= FUSE_ATTR_IOMAP;
	if (in->raw.i_flags & EXT2_SYNC_FL)
		flags |= FUSE_ATTR_SYNC;
	if (in->raw.i_flags & EXT2_IMMUTABLE_FL)
		flags |= FUSE_ATTR_IMMUTABLE;
	if (in->raw.i_flags & EXT2_APPEND_FL)
		flags |= FUSE_ATTR_APPEND;
	flags |= FUSE_ATTR_TELLS_STATX;
	if (in->raw.i_flags & EXT2_COMPR_FL)
		flags |= FUSE_ATTR_COMPRESSED;
	if (in->raw.i_flags & EXT2_NODUMP_FL)
		flags |= FUSE_ATTR_NODUMP;
	if (in->raw.i_flags & EXT4_ENCRYPT_FL)
		flags |= FUSE_ATTR_ENCRYPTED;
	if (in->raw.i_flags & EXT4_VERITY_FL)
		flags |= FUSE_ATTR_VERITY;
	return flags;
}

/*
 * Directories of the root go to the group with the most free inodes, so that
 * independent trees start far from each other; everything else stays near its
 * directory.
 */
static ext2_ino_t near_ino(struct server *s, const struct inode *dir, mode_t mode)
{
	uint32_t per_group = s->fs->super->s_inodes_per_group;
	uint32_t best_free = 0;
	dgrp_t best = 0;

	if (!S_ISDIR(mode) || dir->ino != EXT2_ROOT_INO)
		return dir->ino;
	for (dgrp_t g = 0; g < s->fs->group_desc_count; g++) {
		uint32_t free = ext2fs_bg_free_inodes_count(s->fs, g);

		if (free > best_free && ext2fs_bg_free_blocks_count(s->fs, g)) {
			best_free = free;
			best = g;
		}
	}
	return best * per_group + 1;
}

/*
 * The first free inode in the group of @near, or else in one of those behind it.  -ENOSPC: there is
 * none, or -EUCLEAN where bitmaps are damaged
 */
static int find_free(struct server *s, ext2_ino_t near, ext2_ino_t *ino)
{
	const struct ext2_super_block *sb = s->fs->super;
	uint32_t per_group = sb->s_inodes_per_group;
	dgrp_t count = s->fs->group_desc_count, g = ext2fs_group_of_ino(s->fs, near);
	int ret = -ENOSPC;

	for (dgrp_t n = 0; n < count; n++, g = g + 1 < count ? g + 1 : 0) {
		ext2_ino_t first = g * per_group + 1, last = first + per_group - 1;
		int err;

		if (!ext2fs_bg_free_inodes_count(s->fs, g))
			continue;
		err = bitmaps_need_inodes(s, g);
		if (err == -EUCLEAN || err == -EIO)
			ret = err;
		else if (err)
			return err;
		if (first < EXT2_FIRST_INODE(sb))
			first = EXT2_FIRST_INODE(sb);
		if (err || first > last ||
		    ext2fs_find_first_zero_inode_bitmap2(s->fs->inode_map, first, last, ino))
			continue;
		return 0;
	}
	return ret;
}

int inode_want_new(struct server *s, const struct inode *dir, mode_t mode)
{
	dgrp_t g = ext2fs_group_of_ino(s->fs, dir->ino);
	int err;

	/* where near_ino() looks through all groups it does so once */
	if ((S_ISDIR(mode) && dir->ino == EXT2_ROOT_INO) || s->changed_groups[g] & HAVE_INODES ||
	    !ext2fs_bg_free_inodes_count(s->fs, g))
		return 0;
	err = bitmaps_need_inodes(s, g);
	return err == -CACHE_COLD ? err : 0;
}

static uint32_t inherited_flags(const struct inode *dir, mode_t mode)
{
	uint32_t flags = dir->raw.i_flags & FL_INHERITED;

	if (S_ISDIR(mode))
		return flags;
	return S_ISREG(mode) ? flags & ~FL_NOT_REG : flags & FL_OTHER;
}

static void init_map(struct server *s, struct inode *in)
{
	struct ext3_extent_header *eh = (void *)in->raw.i_block;

	if (!ext2fs_has_feature_extents(s->fs->super))
		return;
	in->raw.i_flags |= EXT4_EXTENTS_FL;
	eh->eh_magic = EXT3_EXT_MAGIC;
	eh->eh_max = (sizeof(in->raw.i_block) - sizeof(*eh)) / sizeof(struct ext3_extent);
}

int inode_create(struct server *s, const struct inode *dir, mode_t mode, dev_t rdev,
		 const struct caller *who, struct inode *in)
{
	unsigned int size = EXT2_INODE_SIZE(s->fs->super);
	struct timespec now = inode_now();
	uint32_t ids[NR_QUOTAS];
	gid_t gid = who->gid;
	ext2_ino_t ino = 0;
	char *buf;
	int ret;

	/* with grpid the bit means nothing, so it isn't handed on */
	if (s->opt.grpid || (dir->raw.i_mode & S_ISGID))
		gid = inode_group(dir);
	if (!s->opt.grpid && S_ISDIR(mode) && (dir->raw.i_mode & S_ISGID))
		mode |= S_ISGID;
	ids[QUOTA_USER] = who->uid;
	ids[QUOTA_GROUP] = gid;
	ids[QUOTA_PROJECT] = dir->raw.i_flags & EXT4_PROJINHERIT_FL ? dir->raw.i_projid : 0;
	ret = quota_prepare(s, ids);
	if (!ret)
		ret = quota_may_create(s, ids, who);
	if (ret)
		return ret;
	ret = find_free(s, near_ino(s, dir, mode), &ino);
	if (ret)
		return ret;
	/* the bitmap calls it free, and somebody has it open, or has to keep it */
	if (!inode_number_is_valid(s, ino) || node_find(s, ino))
		return fs_error(s, ino, 0, "an inode that is in use is allocated");

	memset(in, 0, sizeof(*in));
	in->ino = ino;
	in->raw.i_mode = mode;
	inode_set_owner(in, who->uid, gid);
	in->raw.i_flags = inherited_flags(dir, mode);
	if (getrandom(&in->raw.i_generation, sizeof(in->raw.i_generation), 0) < 0)
		in->raw.i_generation = now.tv_nsec;
	if (size > EXT2_GOOD_OLD_INODE_SIZE) {
		unsigned int extra = s->fs->super->s_want_extra_isize;

		if (extra < s->fs->super->s_min_extra_isize)
			extra = s->fs->super->s_min_extra_isize;
		if (extra < sizeof(in->raw) - EXT2_GOOD_OLD_INODE_SIZE)
			extra = sizeof(in->raw) - EXT2_GOOD_OLD_INODE_SIZE;
		if (extra > size - EXT2_GOOD_OLD_INODE_SIZE)
			extra = size - EXT2_GOOD_OLD_INODE_SIZE;
		in->raw.i_extra_isize = extra & ~3U;
		if (FITS(s, in, i_projid) && (dir->raw.i_flags & EXT4_PROJINHERIT_FL) &&
		    FITS(s, dir, i_projid))
			in->raw.i_projid = dir->raw.i_projid;
	}
	for (enum inode_time t = TIME_ACCESS; t <= TIME_BIRTH; t++)
		inode_set_time(s, in, t, now);
	if (S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode))
		init_map(s, in);
	else if (S_ISCHR(mode) || S_ISBLK(mode))
		set_rdev(in, rdev);

	/* the whole on-disk inode, so that nothing of its former life stays */
	buf = calloc(1, size > sizeof(in->raw) ? size : sizeof(in->raw));
	if (!buf)
		return -ENOMEM;
	memcpy(buf, &in->raw, sizeof(in->raw) < size ? sizeof(in->raw) : size);
	ret = lib_error(s, inode_table_write(s, ino, buf, size), ino);
	free(buf);
	if (ret)
		return ret;
	ext2fs_inode_alloc_stats2(s->fs, ino, 1, S_ISDIR(mode));
	/* as in kernel ext4, a group with inodes has a bitmap of its blocks */
	ext2fs_clear_block_uninit(s->fs, ext2fs_group_of_ino(s->fs, ino));
	bitmaps_inode_changed(s, ino);
	careful_new_inode(s, ino);
	s->dirty = true;
	ret = quota_inode(s, in, true);
	if (ret)
		ext2fs_inode_alloc_stats2(s->fs, ino, -1, S_ISDIR(mode));
	return ret;
}

/* An extent tree with nothing in it */
static bool has_no_blocks(const struct inode *in)
{
	const struct ext3_extent_header *eh = (const void *)in->raw.i_block;

	return inode_has_extents(in) && eh->eh_magic == EXT3_EXT_MAGIC && !eh->eh_entries;
}

int inode_free_blocks(struct server *s, struct inode *in)
{
	if (inode_is_dir(in))
		dir_forget(s, in);
	return has_no_blocks(in) ? 0 : map_truncate(s, in, 0);
}

int inode_free(struct server *s, struct inode *in)
{
	struct timespec now = inode_now();
	int err, ret;

	ret = inode_free_blocks(s, in);
	err = xattr_free_all(s, in);
	if (err && !ret)
		ret = err;
	if (ret == -EUCLEAN)
		/* its blocks are in doubt: leak them, e2fsck will tell */
		log_damage(LOG_WARNING, in->ino, 0, "not all of its blocks could be freed");
	in->raw.i_links_count = 0;
	in->raw.i_dtime = (uint32_t)now.tv_sec;
	in->raw.i_size = in->raw.i_size_high = 0;
	err = inode_store(s, in);
	if (err && !ret)
		ret = err;
	/* with what it may have leaked */
	err = quota_inode(s, in, false);
	if (err && !ret)
		ret = err;
	if (!free_check_inode(s, in->ino, inode_is_dir(in)))
		return -EUCLEAN;
	ext2fs_inode_alloc_stats2(s->fs, in->ino, -1, inode_is_dir(in));
	bitmaps_inode_changed(s, in->ino);
	careful_pin_inode(s, in->ino);
	return ret;
}
