// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading bitmaps by group: see bitmap_load.h.
 */
#include "bitmap_load.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap_check.h"
#include "bitmap_drop.h"
#include "bitmaps.h"
#include "log.h"
#include "map.h"

/*
 * In an array, libext2fs marks ranges bit by bit, which takes seconds for all of a large file system,
 * and sets them from a buffer at once.  In a tree it is the other way round.
 */
static void fill_array(ext2fs_block_bitmap map, uint64_t first, uint32_t bits, bool used)
{
	uint8_t buf[4096];

	memset(buf, used ? 0xff : 0, sizeof(buf));
	while (bits) {
		uint32_t n = bits < 8 * sizeof(buf) ? bits : 8 * sizeof(buf);

		ext2fs_set_block_bitmap_range2(map, first, n, buf);
		first += n;
		bits -= n;
	}
}

/* The bitmap in memory says that all blocks, or inodes, of group @g are used, or none. */
void bitmap_fill_blocks(struct server *s, dgrp_t g, bool used)
{
	uint32_t per_group = EXT2_CLUSTERS_PER_GROUP(s->fs->super);
	uint64_t first = ext2fs_group_first_block2(s->fs, g);
	uint64_t len = ext2fs_group_last_block2(s->fs, g) + 1 - first;

	if (!bitmaps_are_trees(s))
		fill_array(s->fs->block_map, EXT2FS_B2C(s->fs, s->fs->super->s_first_data_block) +
			   (uint64_t)g * per_group, per_group, used);
	else if (used)
		ext2fs_mark_block_bitmap_range2(s->fs->block_map, first, len);
	else
		ext2fs_unmark_block_bitmap_range2(s->fs->block_map, first, len);
}

void bitmap_fill_inodes(struct server *s, dgrp_t g, bool used)
{
	uint32_t per_group = s->fs->super->s_inodes_per_group;
	uint64_t first = (uint64_t)g * per_group + 1;

	/* these functions are for blocks; both are bitmaps of the same kind */
	if (!bitmaps_are_trees(s))
		fill_array(s->fs->inode_map, first, per_group, used);
	else if (used)
		ext2fs_mark_block_bitmap_range2(s->fs->inode_map, first, per_group);
	else
		ext2fs_unmark_block_bitmap_range2(s->fs->inode_map, first, per_group);
}

int bitmaps_begin(struct server *s)
{
	ext2_filsys fs = s->fs;
	errcode_t err = 0;

	if (EXT2_CLUSTERS_PER_GROUP(fs->super) / 8 > fs->blocksize ||
	    EXT2_INODES_PER_GROUP(fs->super) / 8 > fs->blocksize)
		return lib_error(s, EXT2_ET_CORRUPT_SUPERBLOCK, 0);
	s->changed_groups = calloc(fs->group_desc_count, 1);
	s->longest_runs = calloc(fs->group_desc_count, sizeof(*s->longest_runs));
	if (bitmaps_are_trees(s))
		s->bitmap_uses = calloc(fs->group_desc_count, sizeof(*s->bitmap_uses));
	if (s->changed_groups && s->longest_runs && (s->bitmap_uses || !bitmaps_are_trees(s)))
		err = bitmaps_allocate(s);
	else
		err = EXT2_ET_NO_MEMORY;
	if (err) {
		bitmaps_end(s);
		return lib_error(s, err, 0);
	}
	for (dgrp_t g = 0; g < fs->group_desc_count; g++)
		s->changed_groups[g] = bitmaps_missing(fs, g);
	s->bitmap_runs = 0;
	s->bitmap_runs_max = BITMAPS_MAX / RUN_SIZE;
	s->bitmaps_unread_free = ext2fs_free_blocks_count(fs->super);
	return 0;
}

void bitmaps_end(struct server *s)
{
	free(s->changed_groups);
	free(s->longest_runs);
	free(s->bitmap_uses);
	s->longest_runs = NULL;
	s->changed_groups = NULL;
	s->bitmap_uses = NULL;
}

static uint64_t free_blocks(struct server *s, dgrp_t g)
{
	return (uint64_t)ext2fs_bg_free_blocks_count(s->fs, g) << s->fs->cluster_ratio_bits;
}

void bitmap_count_unread(struct server *s, dgrp_t g)
{
	s->bitmaps_unread_free += free_blocks(s, g);
}

/*
 * Reading the bitmap of group @g has failed.  What may be otherwise next time is told to the caller
 * only; damage is noted, and remembered as @bad.
 */
static int read_failed(struct server *s, dgrp_t g, int err, uint8_t bad)
{
	bool blocks = bad == BAD_BLOCKS;

	/* begun again, or by fs_error() already noted as that */
	if (cache_missed(s->cache) || err == -CACHE_COLD)
		return -CACHE_COLD;
	if (err == -ENOMEM)
		return err;
	if (err != -EUCLEAN) {
		fs_error(s, 0, blocks ? ext2fs_block_bitmap_loc(s->fs, g) :
			 ext2fs_inode_bitmap_loc(s->fs, g), "a bitmap can't be read");
		/* an operation that goes on in other groups is not half done by that */
		s->seen.failures = cache_nr_failures(s->cache);
	}
	log_damage(LOG_ERR, 0, 0, "group %u: its %s bitmap is damaged, and nothing is allocated or freed "
		   "there any more: run \"e2fsck -fy %s\"", g, blocks ? "block" : "inode",
		   s->opt.source);
	s->changed_groups[g] |= bad;
	if (blocks) {
		s->bitmaps_bad_free += free_blocks(s, g);
		s->bitmaps_nr_bad++;
	}
	return err;
}

static int load_blocks(struct server *s, dgrp_t g)
{
	ext2_filsys fs = s->fs;
	uint32_t per_group = EXT2_CLUSTERS_PER_GROUP(fs->super);
	uint64_t first = EXT2FS_B2C(fs, fs->super->s_first_data_block) + (uint64_t)g * per_group;
	const void *data;
	int err;

	if (s->changed_groups[g] & NO_BLOCKS) {
		bitmap_fill_blocks(s, g, false);
		bitmap_set_runs(s, g, 0, 1);
		return bitmap_check_uninit_blocks(s, g);
	}
	err = cache_peek(s->cache, ext2fs_block_bitmap_loc(fs, g), &data, NULL);
	if (err)
		return err;
	if (!ext2fs_block_bitmap_csum_verify(fs, g, (char *)data, per_group / 8))
		return lib_error(s, EXT2_ET_BLOCK_BITMAP_CSUM_INVALID, 0);
	err = bitmap_check_blocks(s, g, data);
	if (err)
		return err;
	bitmap_set_runs(s, g, 0, bitmap_count_runs(data, per_group / 8));
	/* in a tree, setting a range sets bits only */
	if (bitmaps_are_trees(s))
		bitmap_fill_blocks(s, g, false);
	return lib_error(s, ext2fs_set_block_bitmap_range2(fs->block_map, first, per_group,
							   (void *)data), 0);
}

static int load_inodes(struct server *s, dgrp_t g)
{
	ext2_filsys fs = s->fs;
	uint32_t per_group = EXT2_INODES_PER_GROUP(fs->super);
	const void *data;
	int err;

	if (s->changed_groups[g] & NO_INODES) {
		err = bitmap_check_inodes(s, g, NULL);
		if (!err)
			bitmap_fill_inodes(s, g, false);
		return err;
	}
	err = cache_peek(s->cache, ext2fs_inode_bitmap_loc(fs, g), &data, NULL);
	if (err)
		return err;
	if (!ext2fs_inode_bitmap_csum_verify(fs, g, (char *)data, (per_group + 7) / 8))
		return lib_error(s, EXT2_ET_INODE_BITMAP_CSUM_INVALID, 0);
	err = bitmap_check_inodes(s, g, data);
	if (err)
		return err;
	bitmap_set_runs(s, g, 1, bitmap_count_runs(data, per_group / 8));
	if (bitmaps_are_trees(s))
		bitmap_fill_inodes(s, g, false);
	return lib_error(s, ext2fs_set_inode_bitmap_range2(fs->inode_map,
							   (uint64_t)g * per_group + 1,
							   per_group, (void *)data), 0);
}

int bitmap_read_blocks(struct server *s, dgrp_t g)
{
	/* loading it may correct that (bitmap_check.h) */
	uint64_t free = free_blocks(s, g);
	int err;

	if (s->changed_groups[g] & BAD_BLOCKS)
		return -EUCLEAN;
	if (server_gives_up(s))
		return -CACHE_COLD;
	err = load_blocks(s, g);
	if (err) {
		bitmap_fill_blocks(s, g, true);
		bitmap_set_runs(s, g, 0, 0);
		return read_failed(s, g, err, BAD_BLOCKS);
	}
	s->changed_groups[g] |= HAVE_BLOCKS;
	assert(s->bitmaps_unread_free >= free);
	s->bitmaps_unread_free -= free;
	s->bitmaps_clock++;
	bitmap_touch(s, g);
	s->bitmaps_loaded++;
	if (s->bitmap_uses)
		cache_drop_clean(s->cache, ext2fs_block_bitmap_loc(s->fs, g));
	return 0;
}

int bitmap_read_inodes(struct server *s, dgrp_t g)
{
	int err;

	if (s->changed_groups[g] & BAD_INODES)
		return -EUCLEAN;
	if (server_gives_up(s))
		return -CACHE_COLD;
	err = load_inodes(s, g);
	if (err) {
		bitmap_fill_inodes(s, g, true);
		bitmap_set_runs(s, g, 1, 0);
		return read_failed(s, g, err, BAD_INODES);
	}
	s->changed_groups[g] |= HAVE_INODES;
	s->bitmaps_clock++;
	bitmap_touch(s, g);
	s->bitmaps_loaded++;
	if (s->bitmap_uses)
		cache_drop_clean(s->cache, ext2fs_inode_bitmap_loc(s->fs, g));
	return 0;
}

int bitmaps_need_inode(struct server *s, ext2_ino_t ino)
{
	if (!ino || ino > s->fs->super->s_inodes_count)
		return -EUCLEAN;
	return bitmaps_need_inodes(s, ext2fs_group_of_ino(s->fs, ino));
}

int bitmaps_need_range(struct server *s, uint64_t pblk, uint64_t len)
{
	uint64_t first = s->fs->super->s_first_data_block;
	uint64_t end = ext2fs_blocks_count(s->fs->super);
	dgrp_t g, last;
	int ret = 0;

	if (!len || pblk < first || pblk >= end || len > end - pblk)
		return -EUCLEAN;
	last = ext2fs_group_of_blk2(s->fs, pblk + len - 1);
	for (g = ext2fs_group_of_blk2(s->fs, pblk); g <= last; g++) {
		int err = bitmaps_need_blocks(s, g);

		if (err)
			ret = err;
		if (err == -CACHE_COLD)
			break;
	}
	return ret;
}

int bitmaps_need_new_inode(struct server *s)
{
	for (dgrp_t g = 0; g < s->fs->group_desc_count; g++) {
		int err;

		if (!ext2fs_bg_free_inodes_count(s->fs, g))
			continue;
		err = bitmaps_need_inodes(s, g);
		if (err != -EUCLEAN && err != -EIO)
			return err;
	}
	return -ENOSPC;
}

bool bitmaps_may_have_room(struct server *s, dgrp_t g)
{
	return !(s->changed_groups[g] & BAD_BLOCKS) && ext2fs_bg_free_blocks_count(s->fs, g);
}

/* Read groups with at least @min free blocks, until as many are free there as alloc.c wants. */
static int read_more(struct server *s, uint64_t min)
{
	for (dgrp_t g = 0; g < s->fs->group_desc_count && !alloc_has_reserve(s); g++) {
		int err;

		if (s->changed_groups[g] & HAVE_BLOCKS || !bitmaps_may_have_room(s, g) ||
		    free_blocks(s, g) < min)
			continue;
		err = bitmaps_need_blocks(s, g);
		if (err && err != -EUCLEAN && err != -EIO)
			return err;
	}
	return 0;
}

int bitmaps_keep_reserve(struct server *s)
{
	int err;

	/* where no group can be used nothing is begun */
	if (s->bitmaps_nr_bad == s->fs->group_desc_count)
		return -EUCLEAN;
	if (s->bitmaps_unread_free <= s->bitmaps_bad_free)
		return 0;
	if (server_gives_up(s))
		return -CACHE_COLD;
	err = read_more(s, s->resv_blocks);
	if (!err)
		err = read_more(s, 1);
	if (!err && s->bitmaps_nr_bad == s->fs->group_desc_count)
		err = -EUCLEAN;
	return err;
}
