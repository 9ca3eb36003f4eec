// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fallocate(2): preallocation, holes, zeroing, blocks that move.  In iomap mode the kernel has
 * written back and dropped the pages of the range and zeroes partial blocks
 * itself; in classic mode that is done here.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>

#include "cold.h"
#include "file.h"
#include "nokey.h"
#include "quota.h"

/* One for each level of an extent tree that can be split, and a new root */
#define TREE_BLOCKS	6

/*
 * Is there room for all holes of [@first, @end), and do quotas allow it?  A call that fails
 * takes no space.
 */
static int check_room(struct server *s, struct inode *in, uint64_t first, uint64_t end,
		      const struct caller *who)
{
	const struct node *node = node_find(s, in->ino);
	uint64_t room = alloc_available(s, who);
	struct quota_room quota;
	int err = quota_room(s, in, who, &quota);

	if (err)
		return err;
	while (first < end) {
		struct mapping m;
		uint64_t n;

		err = map_lookup(s, in, first, 0, &m);
		if (err)
			return err;
		n = m.lblk + m.len - first;
		if (n > end - first)
			n = end - first;
		if (m.type == MAP_HOLE) {
			uint64_t need = cluster_need(s, in, first, n);

			/* what is promised to the file has been taken from the room */
			if (node)
				need -= delayed_in(node, first, n);
			if (need > room)
				return -ENOSPC;
			room -= need;
			if (need > quota.blocks)
				return -EDQUOT;
			if (quota.blocks != UINT64_MAX)
				quota.blocks -= need;
		}
		first += n;
	}
	return 0;
}

/* Unwritten blocks in all holes of [@first, @end) */
static int fill_holes(struct server *s, struct inode *in, uint64_t first, uint64_t end,
		      const struct caller *who)
{
	int room_err = check_room(s, in, first, end, who);

	if (room_err)
		return room_err;
	while (first < end) {
		struct mapping m;
		int err = map_alloc(s, in, NULL, first, end - first, who, &m);

		if (err)
			return err;
		/* as far as it has come it is a file like any other */
		err = map_pause(s, in);
		if (err)
			return err;
		first = m.lblk + m.len;
	}
	return 0;
}

static int zero_edges(struct server *s, struct inode *in, uint64_t off, uint64_t end,
		      uint64_t first, uint64_t last)
{
	uint64_t bs = s->fs->blocksize;
	int err;

	if (fuse_iomap_session_negotiated(s->session))
		return 0;
	if (first >= last)
		return file_zero(s, in, off, end);
	err = file_zero(s, in, off, first * bs);
	return err || last * bs >= end ? err : file_zero(s, in, last * bs, end);
}

static int grow_size(struct server *s, struct inode *in, uint64_t end)
{
	return end > inode_size(in) ? inode_set_size(s, in, end) : 0;
}

/* Blocks can be far beyond the end of the file; can the last one move up by @distance? */
static int check_reach(struct server *s, struct inode *in, uint64_t distance)
{
	struct mapping m;
	int err = map_lookup(s, in, MAP_MAX_LBLK, MAP_EXACT, &m);

	if (err)
		return err;
	/* a hole at the end begins behind the last block */
	return m.type != MAP_HOLE || distance > MAP_MAX_LBLK + 1 - m.lblk ? -EINVAL : 0;
}

/* Take [@off, @off + @len) out of the file, or put a hole of that size in. */
static int move_rest(struct server *s, struct inode *in, int mode, uint64_t off, uint64_t len)
{
	uint64_t bs = s->fs->blocksize, size = inode_size(in);
	uint64_t unit = bs << s->fs->cluster_ratio_bits;
	bool insert = mode & FALLOC_FL_INSERT_RANGE;
	int err;

	if (!inode_has_extents(in))
		return -EOPNOTSUPP;
	/* what moves keeps its place in the cluster */
	if (off % unit || len % unit || off >= size || (!insert && len >= size - off))
		return -EINVAL;
	if (insert && len > (uint64_t)inode_maxbytes(s, in) - size)
		return -EFBIG;
	if (insert) {
		err = check_reach(s, in, len / bs);
		/* a block of the tree may be needed when all but one extent has moved */
		if (!err)
			err = alloc_room(s, TREE_BLOCKS);
		if (err)
			return err;
	}
	if (insert) {
		/* what has moved is inside the file, also after a crash in between */
		err = inode_set_size(s, in, size + len);
		if (err)
			return err;
		err = map_shift(s, in, off / bs, len / bs, true);
		if (err && !inode_set_size(s, in, size))
			inode_store(s, in);
		return err;
	}
	err = map_punch(s, in, off / bs, len / bs);
	if (!err)
		err = map_shift(s, in, (off + len) / bs, len / bs, false);
	return err ? err : inode_set_size(s, in, size - len);
}

/*
 * Unwritten blocks in place of all blocks and holes of [@from, @to), of which [@first, @last) are
 * whole.  Before anything is zeroed the holes must be allowed.
 *
 * What goes comes back, so quotas are not asked for it: a user above a limit would get his old data
 * taken away and nothing in its place.  Meanwhile it is reserved, so that nobody else gets that
 * room, and no timer of a soft limit starts anew.
 */
static int zero_range(struct server *s, struct inode *in, uint64_t off, uint64_t end,
		      uint64_t first, uint64_t last, const struct caller *who)
{
	uint64_t bs = s->fs->blocksize, from = off / bs, to = (end + bs - 1) / bs;
	uint64_t goes = ext2fs_get_stat_i_blocks(s->fs, inode_small(in)) >> (block_bits(s) - 9);
	struct caller again = *who;
	uint32_t ids[NR_QUOTAS];
	int err = check_room(s, in, from, to, who);

	if (!err)
		err = zero_edges(s, in, off, end, first, last);
	if (err)
		return err;
	if (first >= last)
		return fill_holes(s, in, from, to, who);
	if (goes > last - first)
		goes = last - first;
	quota_ids(s, in, ids);
	err = quota_reserve_prepare(s, ids);
	if (err)
		return err;
	quota_reserve(s, ids, (int64_t)goes);
	err = map_punch(s, in, first, last - first);
	again.unlimited = true;
	if (!err)
		err = fill_holes(s, in, from, to, &again);
	quota_reserve(s, ids, -(int64_t)goes);
	quota_reserve_released(s, ids);
	return err;
}

int file_fallocate(struct server *s, ext2_ino_t ino, int mode, uint64_t off, uint64_t len,
		   const struct caller *who)
{
	bool keep = mode & FALLOC_FL_KEEP_SIZE;
	uint64_t bs = s->fs->blocksize, end = off + len;
	uint64_t first = (off + bs - 1) / bs, last = end / bs;	/* whole blocks */
	uint64_t max;
	struct inode in;
	int err = super_may_allocate(s);

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE |
		     FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE))
		return -EOPNOTSUPP;
	if (!err)
		err = inode_load(s, ino, &in);
	if (err)
		return err;
	if (!inode_is_reg(&in))
		return -ENODEV;
	err = nokey_data(&in);
	if (err)
		return err;
	if (in.raw.i_flags & EXT2_IMMUTABLE_FL ||
	    (in.raw.i_flags & EXT2_APPEND_FL && mode & ~FALLOC_FL_KEEP_SIZE))
		return -EPERM;
	if (!len || end < off)
		return -EINVAL;
	/* only extents move, and know blocks that are there and read as zeroes */
	if (!(mode & FALLOC_FL_PUNCH_HOLE) && !inode_has_extents(&in) && !inode_is_inline(&in))
		return -EOPNOTSUPP;
	/* a hole may be larger than the file can be, but not than any file */
	max = mode & FALLOC_FL_PUNCH_HOLE ? s->maxbytes_extent : inode_maxbytes(s, &in);
	if (end > max)
		return -EFBIG;
	if (mode & FALLOC_FL_PUNCH_HOLE && end > (uint64_t)inode_maxbytes(s, &in)) {
		end = inode_maxbytes(s, &in);
		last = end / bs;
		if (off >= end)
			return 0;
	}
	err = cold_settle(s);
	if (err)
		return err;
	if (inode_is_inline(&in)) {
		err = inline_expand(s, &in, who);
		if (err)
			return err;
	}

	/* the kernel has written what is dirty there */
	if (mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE))
		delayed_cut(s, node_find(s, ino), off / bs, UINT64_MAX);
	else if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		delayed_cut(s, node_find(s, ino), first, last);

	if (mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) {
		err = move_rest(s, &in, mode, off, len);
	} else if (mode & FALLOC_FL_PUNCH_HOLE) {
		/* nothing to do beyond the end */
		if (off >= inode_size(&in))
			return 0;
		/* a block whose bytes up to the end of the file all go is gone as a whole */
		if (end >= inode_size(&in))
			last = (end + bs - 1) / bs;
		err = zero_edges(s, &in, off, end, first, last);
		if (!err && first < last)
			err = map_punch(s, &in, first, last - first);
	} else {
		/* only extents know blocks that are there and read as zeroes */
		if (!inode_has_extents(&in))
			return -EOPNOTSUPP;
		if (mode & FALLOC_FL_ZERO_RANGE)
			err = zero_range(s, &in, off, end, first, last, who);
		else
			err = fill_holes(s, &in, off / bs, (end + bs - 1) / bs, who);
		if (!err && !keep)
			err = grow_size(s, &in, end);
	}
	if (err)
		return err;
	inode_touch(s, &in, true);
	return inode_store(s, &in);
}
