// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Do bitmaps agree with the zones and the descriptors?  See bitmap_check.h.
 */
#include "bitmap_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "map.h"
#include "server.h"
#include "system_zone.h"

static bool is_set(const uint8_t *bitmap, uint64_t bit)
{
	return bitmap[bit / 8] & 1 << bit % 8;
}

/* Of the first @bits */
static uint32_t count_clear(const uint8_t *bitmap, uint32_t bits)
{
	uint32_t set = 0, i = 0;

	for (; i + 64 <= bits; i += 64) {
		uint64_t word;

		memcpy(&word, bitmap + i / 8, sizeof(word));
		set += __builtin_popcountll(word);
	}
	for (; i < bits; i++)
		set += is_set(bitmap, i);
	return bits - set;
}

/*
 * Was the file system in use without a journal when its machine or its server ended?  It may have
 * one all the same, which noload left alone, or which was made since.
 */
static bool may_disagree(const struct server *s)
{
	return !(s->began ? s->was_valid : s->fs->super->s_state & EXT2_VALID_FS);
}

static int disagree(struct server *s, dgrp_t g, uint64_t where, const char *what, uint32_t bitmap,
		    uint32_t count)
{
	char text[128];

	snprintf(text, sizeof(text), "group %u: %s, the bitmap says %u and the descriptor %u", g,
		 what, bitmap, count);
	return fs_error(s, 0, where, text);
}

/* The clusters of group @g, and the first block of it */
static uint32_t group_clusters(ext2_filsys fs, dgrp_t g, uint64_t *first)
{
	uint64_t blocks;

	*first = ext2fs_group_first_block2(fs, g);
	blocks = ext2fs_group_last_block2(fs, g) + 1 - *first;
	return (blocks + EXT2FS_CLUSTER_MASK(fs)) >> fs->cluster_ratio_bits;
}

static int check_free_clusters(struct server *s, dgrp_t g, uint32_t free)
{
	ext2_filsys fs = s->fs;
	uint32_t count = ext2fs_bg_free_blocks_count(fs, g);

	if (free == count)
		return 0;
	if (!may_disagree(s))
		return disagree(s, g, ext2fs_block_bitmap_loc(fs, g), "free clusters", free, count);
	log_debug("group %u has %u free clusters, not %u", g, free, count);
	ext2fs_bg_free_blocks_count_set(fs, g, free);
	ext2fs_group_desc_csum_set(fs, g);
	ext2fs_free_blocks_count_set(fs->super, ext2fs_free_blocks_count(fs->super) +
				     EXT2FS_C2B(fs, (uint64_t)free) -
				     EXT2FS_C2B(fs, (uint64_t)count));
	ext2fs_mark_super_dirty(fs);
	return 0;
}

int bitmap_check_blocks(struct server *s, dgrp_t g, const void *bitmap)
{
	ext2_filsys fs = s->fs;
	uint64_t group, first, end;
	uint32_t clusters = group_clusters(fs, g, &group);
	uint64_t from = group, to = group + EXT2FS_C2B(fs, (uint64_t)clusters);

	for (; system_zones_next(s->zones, from, to, &first, &end); from = end)
		for (uint64_t blk = first; blk < end; blk += EXT2FS_CLUSTER_RATIO(fs))
			if (!is_set(bitmap, (blk - group) >> fs->cluster_ratio_bits))
				return fs_error(s, 0, blk, "the block bitmap says that a block of "
						"the file system itself is free");
	return check_free_clusters(s, g, count_clear(bitmap, clusters));
}

int bitmap_check_uninit_blocks(struct server *s, dgrp_t g)
{
	ext2_filsys fs = s->fs;
	uint64_t group, first, end;
	uint32_t clusters = group_clusters(fs, g, &group), free = clusters;
	uint64_t from = group, to = group + EXT2FS_C2B(fs, (uint64_t)clusters);

	for (; system_zones_next(s->zones, from, to, &first, &end); from = end) {
		/* the last zone reaches beyond the device */
		if (end > ext2fs_blocks_count(fs->super))
			end = ext2fs_blocks_count(fs->super);
		if (first >= end)
			break;
		ext2fs_mark_block_bitmap_range2(fs->block_map, first, end - first);
		free -= (end - first + EXT2FS_CLUSTER_MASK(fs)) >> fs->cluster_ratio_bits;
	}
	return check_free_clusters(s, g, free);
}

/* A reserved inode of group @g that @bitmap says is free, or 0 */
static ext2_ino_t find_free_reserved(struct ext2_super_block *sb, dgrp_t g,
				     const uint8_t *bitmap)
{
	bool quota = ext2fs_has_feature_quota(sb);
	const ext2_ino_t special[] = {
		quota ? sb->s_usr_quota_inum : 0,
		quota ? sb->s_grp_quota_inum : 0,
		ext2fs_has_feature_project(sb) ? sb->s_prj_quota_inum : 0,
		ext2fs_has_feature_orphan_file(sb) ? sb->s_orphan_file_inum : 0,
	};
	uint32_t per_group = sb->s_inodes_per_group;
	ext2_ino_t first = g * per_group + 1;

	for (uint32_t i = 0; i < per_group && first + i < EXT2_FIRST_INO(sb); i++)
		if (!bitmap || !is_set(bitmap, i))
			return first + i;
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (special[i] >= first && special[i] - first < per_group &&
		    (!bitmap || !is_set(bitmap, special[i] - first)))
			return special[i];
	return 0;
}

int bitmap_check_inodes(struct server *s, dgrp_t g, const void *bitmap)
{
	ext2_filsys fs = s->fs;
	struct ext2_super_block *sb = fs->super;
	uint32_t per_group = sb->s_inodes_per_group;
	uint32_t free = bitmap ? count_clear(bitmap, per_group) : per_group;
	uint32_t count = ext2fs_bg_free_inodes_count(fs, g);
	uint64_t where = ext2fs_inode_bitmap_loc(fs, g);
	ext2_ino_t reserved = find_free_reserved(sb, g, bitmap);

	if (reserved)
		return fs_error(s, reserved, where, "the inode bitmap says that a reserved inode is "
				"free");
	if (free == count)
		return 0;
	if (!may_disagree(s))
		return disagree(s, g, where, "free inodes", free, count);
	log_debug("group %u has %u free inodes, not %u", g, free, count);
	ext2fs_bg_free_inodes_count_set(fs, g, free);
	ext2fs_group_desc_csum_set(fs, g);
	fs->super->s_free_inodes_count += free - count;
	ext2fs_mark_super_dirty(fs);
	return 0;
}
