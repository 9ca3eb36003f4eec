// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Clusters: with the bigalloc feature space is taken and freed in units of several
 * blocks, while files are mapped in blocks as ever.
 *
 *	file blocks   | 0  1  2  3 | 4  5  6  7 | 8 ...     clusters of 4 blocks
 *	mapped          .  x  x  .   x  .  .  .
 *	device        |  100..103  |  236..239  |
 *
 * A cluster belongs to one cluster of one file, and a block has the same place in both:
 * here file block 1 is device block 101.  So a hole beside a mapped block of its cluster
 * has its place already, which nobody counts again; and a cluster is free when its last
 * mapped block is gone.  Blocks of metadata (of extent trees, attributes) have clusters of
 * their own, and stand at the start of these.
 *
 * Bitmaps, the groups' counts and i_blocks count clusters; here all is in blocks.  Without
 * the feature a cluster is a block.
 */
#include "map.h"

#include <errno.h>

#include "quota.h"

int cluster_check(struct server *s, struct inode *in, uint64_t lblk, uint64_t pblk)
{
	if (!((lblk ^ pblk) & EXT2FS_CLUSTER_MASK(s->fs)))
		return 0;
	return fs_error(s, in->ino, pblk, "a block is not in its place in the cluster");
}

int cluster_owned(struct server *s, struct inode *in, uint64_t lblk, uint64_t *pblk)
{
	uint64_t mask = EXT2FS_CLUSTER_MASK(s->fs), first = lblk & ~mask, at;
	struct mapping m;
	int err;

	for (at = first; at <= (lblk | mask) && at <= MAP_MAX_LBLK; at = m.lblk + m.len) {
		err = map_lookup(s, in, at, MAP_EXACT, &m);
		if (err)
			return err;
		if (m.type == MAP_HOLE)
			continue;
		err = cluster_check(s, in, m.lblk, m.pblk);
		*pblk = m.pblk + (lblk - m.lblk);
		return err ? err : 1;
	}
	return 0;
}

uint64_t cluster_need(struct server *s, struct inode *in, uint64_t lblk, uint64_t len)
{
	uint64_t mask = EXT2FS_CLUSTER_MASK(s->fs), unused;
	uint64_t first = lblk & ~mask, last = (lblk + len - 1) & ~mask;
	uint64_t need = last + mask + 1 - first;

	if (!mask)
		return len;
	if (cluster_owned(s, in, lblk, &unused) > 0)
		need -= mask + 1;
	if (first != last && cluster_owned(s, in, last, &unused) > 0)
		need -= mask + 1;
	return need;
}

int space_take(struct server *s, struct inode *in, uint64_t goal, uint64_t lblk, uint64_t len,
	       uint64_t ahead, const struct caller *who, struct space *sp)
{
	uint64_t mask = EXT2FS_CLUSTER_MASK(s->fs);
	uint64_t offset = lblk & mask, end = lblk + len, last = (end - 1) & ~mask, unused, want;
	struct quota_room room;
	int ret = 0;

	*sp = (struct space){ 0 };
	if (mask)
		ret = cluster_owned(s, in, lblk, &sp->pblk);
	if (ret < 0)
		return ret;
	if (ret) {
		sp->len = end <= (lblk | mask) ? len : mask + 1 - offset;
		return 0;
	}
	/* the last cluster is there if something is mapped behind the hole */
	if (mask && last > lblk && cluster_owned(s, in, end - 1, &unused) > 0)
		end = last;
	want = ((end + mask) & ~mask) - (lblk - offset);
	ret = quota_room(s, in, who, &room);
	if (ret)
		return ret;
	/* what is promised has been counted */
	if (want > room.blocks && want - room.blocks > who->promised)
		want = (room.blocks + who->promised) & ~mask;
	if (!want)
		return -EDQUOT;
	ret = alloc_blocks(s, goal > offset ? goal - offset : goal, lblk - offset, want, ahead, who,
			   &sp->start, &sp->taken);
	if (ret)
		return ret;
	sp->pblk = sp->start + offset;
	sp->len = sp->taken - offset;
	if (sp->len > end - lblk)
		sp->len = end - lblk;
	return 0;
}

void space_give_back(struct server *s, const struct space *sp)
{
	if (sp->taken)
		alloc_free(s, sp->start, sp->taken);
}

int space_count(struct server *s, struct inode *in, const struct space *sp)
{
	return lib_error(s, ext2fs_iblk_add_blocks(s->fs, inode_small(in),
						   sp->taken >> s->fs->cluster_ratio_bits),
			 in->ino);
}

/* Clusters that are marked */
static uint64_t count_marked(struct server *s, ext2fs_block_bitmap map)
{
	uint64_t blocks = ext2fs_blocks_count(s->fs->super), n = 0;
	blk64_t at = 0, end;

	while (at < blocks && !ext2fs_find_first_set_block_bitmap2(map, at, blocks - 1, &at)) {
		if (ext2fs_find_first_zero_block_bitmap2(map, at, blocks - 1, &end))
			end = blocks;
		n += (end - at + EXT2FS_CLUSTER_MASK(s->fs)) >> s->fs->cluster_ratio_bits;
		at = end;
	}
	return n;
}

int cluster_overhead(struct server *s, uint64_t journal, uint64_t *blocks)
{
	ext2_filsys fs = s->fs;
	ext2fs_block_bitmap map;
	uint64_t clusters;
	int err;

	/* it may be known */
	clusters = fs->super->s_overhead_clusters;
	if (clusters && clusters <= ext2fs_blocks_count(fs->super) >> fs->cluster_ratio_bits) {
		*blocks = clusters << fs->cluster_ratio_bits;
		return 0;
	}
	err = lib_error(s, ext2fs_allocate_block_bitmap(fs, "overhead", &map), 0);
	if (err)
		return err;
	for (dgrp_t g = 0; g < fs->group_desc_count; g++) {
		ext2fs_reserve_super_and_bgd(fs, g, map);
		ext2fs_mark_block_bitmap2(map, ext2fs_block_bitmap_loc(fs, g));
		ext2fs_mark_block_bitmap2(map, ext2fs_inode_bitmap_loc(fs, g));
		ext2fs_mark_block_bitmap_range2(map, ext2fs_inode_table_loc(fs, g),
						fs->inode_blocks_per_group);
	}
	clusters = count_marked(s, map);
	clusters += (journal + EXT2FS_CLUSTER_MASK(fs)) >> fs->cluster_ratio_bits;
	*blocks = clusters << fs->cluster_ratio_bits;
	ext2fs_free_block_bitmap(map);
	return 0;
}
