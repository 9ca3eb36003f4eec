// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Changing attributes.  In iomap mode the kernel owns size and times of regular
 * files and sends them here when they are to be stored; in classic mode it
 * forwards what system calls ask for.
 */
#include <errno.h>

#include "cold.h"
#include "file.h"
#include "nokey.h"
#include "quota.h"
#include "xattr.h"

#define OWNER	(FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)
#define TIMES	(FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME | \
		 FUSE_SET_ATTR_MTIME_NOW | FUSE_SET_ATTR_CTIME)

/*
 * What can fail for another reason than a broken device before the size becomes @size.  Nobody
 * sees a difference afterwards.
 */
static int prepare_size(struct server *s, struct inode *in, uint64_t size)
{
	struct caller root = { 0 };

	if (!inode_is_reg(in))
		return inode_is_dir(in) ? -EISDIR : -EINVAL;
	if (size > (uint64_t)inode_maxbytes(s, in))
		return -EFBIG;
	return size != inode_size(in) && inode_is_inline(in) ? inline_expand(s, in, &root) : 0;
}

int file_truncate(struct server *s, struct inode *in, uint64_t size)
{
	uint64_t bs = s->fs->blocksize, old = inode_size(in);
	bool classic = !fuse_iomap_session_negotiated(s->session);
	int err = prepare_size(s, in, size);

	if (err)
		return err;
	/* the kernel has cut off the pages already */
	delayed_cut(s, node_find(s, in->ino), (size + bs - 1) / bs, UINT64_MAX);
	/* blocks beyond the end, from fallocate(), go even if the size stays */
	if (size == old)
		return map_truncate(s, in, (size + bs - 1) / bs);
	/* what is cut off must not come back when the file grows again */
	if (classic && size < old && size % bs) {
		uint64_t end = (size / bs + 1) * bs;

		err = file_zero(s, in, size, end < old ? end : old);
		if (err)
			return err;
	}
	/* nor must what a mapped write left beyond the end */
	if (classic && size > old && old % bs) {
		uint64_t end = (old / bs + 1) * bs;

		err = file_zero(s, in, old, end < size ? end : size);
		if (err)
			return err;
	}
	err = inode_set_size(s, in, size);
	if (!err && size < old)
		err = map_truncate(s, in, (size + bs - 1) / bs);
	return err;
}

static void set_times(struct server *s, struct inode *in, const struct stat *attr, int valid)
{
	struct timespec now = inode_now();

	if (valid & FUSE_SET_ATTR_ATIME_NOW)
		inode_set_time(s, in, TIME_ACCESS, now);
	else if (valid & FUSE_SET_ATTR_ATIME)
		inode_set_time(s, in, TIME_ACCESS, attr->st_atim);
	if (valid & FUSE_SET_ATTR_MTIME_NOW)
		inode_set_time(s, in, TIME_MODIFY, now);
	else if (valid & FUSE_SET_ATTR_MTIME)
		inode_set_time(s, in, TIME_MODIFY, attr->st_mtim);
	else if (valid & FUSE_SET_ATTR_SIZE)
		inode_set_time(s, in, TIME_MODIFY, now);
	if (valid & FUSE_SET_ATTR_CTIME)
		inode_set_time(s, in, TIME_CHANGE, attr->st_ctim);
	else
		inode_set_time(s, in, TIME_CHANGE, now);
}

/* Immutable files change in nothing, append-only ones in little. */
static int may_change(const struct inode *in, int valid)
{
	if (in->raw.i_flags & EXT2_IMMUTABLE_FL)
		return -EPERM;
	if (in->raw.i_flags & EXT2_APPEND_FL &&
	    valid & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID |
		     FUSE_SET_ATTR_SIZE))
		return -EPERM;
	return 0;
}

/*
 * With -o uid= all files seem to belong to that user, which nobody can change: giving
 * them to the same changes nothing, also on the disk.  The same for groups.
 */
static int squashed(const struct server *s, const struct stat *attr, int *valid)
{
	if (s->opt.uid >= 0 && *valid & FUSE_SET_ATTR_UID) {
		if (attr->st_uid != s->opt.uid)
			return -EPERM;
		*valid &= ~FUSE_SET_ATTR_UID;
	}
	if (s->opt.gid >= 0 && *valid & FUSE_SET_ATTR_GID) {
		if (attr->st_gid != s->opt.gid)
			return -EPERM;
		*valid &= ~FUSE_SET_ATTR_GID;
	}
	return 0;
}

/* The accounts of a new owner, *@ids, and what they allow */
static int prepare_owner(struct server *s, const struct inode *in, const struct stat *attr,
			 int valid, const struct caller *who, uint32_t ids[NR_QUOTAS])
{
	int err;

	quota_ids(s, in, ids);
	if (valid & FUSE_SET_ATTR_UID)
		ids[QUOTA_USER] = attr->st_uid;
	if (valid & FUSE_SET_ATTR_GID)
		ids[QUOTA_GROUP] = attr->st_gid;
	err = quota_prepare(s, ids);
	return err ? err : quota_may_give(s, in, ids, who);
}

/*
 * The steps that may need space come first, and change nothing that anybody sees if they fail:
 * accounts for a new owner, a block for inline data, a copy of a shared attribute block.
 */
int file_setattr(struct server *s, ext2_ino_t ino, const struct stat *attr, int valid,
		 const struct caller *who, struct inode *in)
{
	uint64_t bs = s->fs->blocksize;
	/* times alone take and free nothing: reading a tree must not cost the bitmaps */
	int err = valid & ~TIMES ? super_may_allocate(s) : super_may_write(s);
	uint32_t ids[NR_QUOTAS];
	bool cut = false;

	if (!err)
		err = squashed(s, attr, &valid);
	if (!err)
		err = inode_load(s, ino, in);
	/* times that the kernel kept must be storable */
	if (!err && !fuse_iomap_session_negotiated(s->session))
		err = may_change(in, valid);
	if (!err && valid & FUSE_SET_ATTR_SIZE)
		err = node_refuse_emptied(s, ino);
	if (!err && valid & FUSE_SET_ATTR_SIZE)
		err = nokey_data(in);
	if (!err)
		err = cold_settle(s);
	if (!err && valid & OWNER)
		err = prepare_owner(s, in, attr, valid, who, ids);
	if (!err && valid & FUSE_SET_ATTR_SIZE)
		err = prepare_size(s, in, attr->st_size);
	if (!err && valid & FUSE_SET_ATTR_MODE)
		err = xattr_acl_chmod(s, in, attr->st_mode & 07777);
	if (!err && valid & FUSE_SET_ATTR_SIZE) {
		/* that frees all blocks behind the new size */
		cut = (uint64_t)attr->st_size <= inode_size(in);
		err = file_truncate(s, in, attr->st_size);
	}
	/* others may have had the lock while the file was cut */
	if (!err && valid & OWNER && valid & FUSE_SET_ATTR_SIZE)
		err = prepare_owner(s, in, attr, valid, who, ids);
	if (err)
		return err;
	if (valid & OWNER) {
		quota_reserve_give(s, in, ids);
		inode_set_owner(in, ids[QUOTA_USER], ids[QUOTA_GROUP]);
	}
	if (valid & FUSE_SET_ATTR_MODE)
		in->raw.i_mode = (in->raw.i_mode & S_IFMT) | (attr->st_mode & 07777);
	set_times(s, in, attr, valid);
	err = inode_store(s, in);
	if (!err && valid & FUSE_SET_ATTR_SIZE)
		err = orphan_settle(s, in, cut ? (attr->st_size + bs - 1) / bs * bs : UINT64_MAX);
	return err;
}
