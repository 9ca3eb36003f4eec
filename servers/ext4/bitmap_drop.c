// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Dropping bitmaps from memory: see bitmap_drop.h.
 */
#include "bitmap_drop.h"

#include <stdlib.h>
#include <string.h>

#include "bitmap_load.h"
#include "bitmaps.h"
#include "log.h"

uint32_t bitmap_count_runs(const void *bits, uint32_t bytes)
{
	const uint8_t *p = bits;
	uint64_t last = 0, word;
	uint32_t changes = 0;

	for (; bytes; bytes -= bytes < sizeof(word) ? bytes : sizeof(word), p += sizeof(word)) {
		word = 0;
		memcpy(&word, p, bytes < sizeof(word) ? bytes : sizeof(word));
		changes += __builtin_popcountll(word ^ (word << 1 | last));
		last = word >> 63;
	}
	return changes / 2 + 1;
}

void bitmap_set_runs(struct server *s, dgrp_t g, int kind, uint32_t runs)
{
	if (!s->bitmap_uses)
		return;
	s->bitmap_runs -= s->bitmap_uses[g].runs[kind];
	s->bitmap_runs += runs;
	s->bitmap_uses[g].runs[kind] = runs;
}

static void hold(const struct server *s, uint8_t *held, uint64_t pblk, uint64_t len)
{
	dgrp_t last = ext2fs_group_of_blk2(s->fs, pblk + len - 1);

	for (dgrp_t g = ext2fs_group_of_blk2(s->fs, pblk); g <= last; g++)
		held[g] = 1;
}

static void find_held(const struct server *s, uint8_t *held)
{
	for (dgrp_t g = 0; g < s->fs->group_desc_count; g++)
		held[g] = (s->changed_groups[g] & TO_WRITE) != bitmaps_missing(s->fs, g);
	for (size_t i = 0; i < s->pins.nr; i++)
		hold(s, held, s->pins.list[i].pblk, s->pins.list[i].len);
	for (unsigned int i = 0; i < s->windows.nr; i++)
		hold(s, held, s->windows.list[i].pblk, s->windows.list[i].len);
	for (unsigned int i = 0; i < s->trim.nr; i++)
		hold(s, held, s->trim.held[i].pblk, s->trim.held[i].len);
	for (size_t i = 0; i < s->careful.nr_freed; i++)
		held[ext2fs_group_of_ino(s->fs, s->careful.freed[i])] = 1;
}

static void drop(struct server *s, dgrp_t g)
{
	if (s->changed_groups[g] & HAVE_BLOCKS) {
		bitmap_fill_blocks(s, g, true);
		bitmap_count_unread(s, g);
		bitmap_set_runs(s, g, 0, 0);
	}
	if (s->changed_groups[g] & HAVE_INODES) {
		bitmap_fill_inodes(s, g, true);
		bitmap_set_runs(s, g, 1, 0);
	}
	s->changed_groups[g] &= ~(HAVE_BLOCKS | HAVE_INODES);
}

static int by_use(const void *a, const void *b, void *uses)
{
	const struct bitmap_use *u = uses;
	uint32_t first = u[*(const dgrp_t *)a].used, second = u[*(const dgrp_t *)b].used;

	return first < second ? -1 : first > second;
}

static void drop_oldest(struct server *s, uint64_t runs)
{
	dgrp_t count = s->fs->group_desc_count, nr = 0;
	uint8_t *held = calloc(count, 1);
	dgrp_t *list = malloc(count * sizeof(*list));

	if (held && list) {
		find_held(s, held);
		for (dgrp_t g = 0; g < count; g++)
			if (s->changed_groups[g] & (HAVE_BLOCKS | HAVE_INODES) && !held[g])
				list[nr++] = g;
		qsort_r(list, nr, sizeof(*list), by_use, s->bitmap_uses);
		for (dgrp_t i = 0; i < nr && s->bitmap_runs > runs; i++)
			drop(s, list[i]);
	}
	free(list);
	free(held);
}

static errcode_t copy_group(struct server *s, dgrp_t g, ext2fs_block_bitmap blocks,
			    ext2fs_inode_bitmap inodes, void *buf)
{
	ext2_filsys fs = s->fs;
	uint32_t clusters = EXT2_CLUSTERS_PER_GROUP(fs->super);
	uint64_t first = EXT2FS_B2C(fs, fs->super->s_first_data_block) + (uint64_t)g * clusters;
	uint64_t end = EXT2FS_B2C(fs, ext2fs_blocks_count(fs->super) - 1) + 1;
	uint32_t per_group = fs->super->s_inodes_per_group;
	uint64_t ino = (uint64_t)g * per_group + 1;
	errcode_t err = 0;

	if (clusters > end - first)
		clusters = end - first;
	if (s->changed_groups[g] & HAVE_BLOCKS) {
		err = ext2fs_get_block_bitmap_range2(blocks, first, clusters, buf);
		if (!err)
			err = ext2fs_set_block_bitmap_range2(fs->block_map, first, clusters, buf);
	}
	if (!err && s->changed_groups[g] & HAVE_INODES) {
		err = ext2fs_get_inode_bitmap_range2(inodes, ino, per_group, buf);
		if (!err)
			err = ext2fs_set_inode_bitmap_range2(fs->inode_map, ino, per_group, buf);
	}
	return err;
}

/* If there is no memory for that they stay trees. */
static void make_arrays(struct server *s)
{
	ext2fs_block_bitmap blocks = s->fs->block_map;
	ext2fs_inode_bitmap inodes = s->fs->inode_map;
	void *buf = calloc(1, s->fs->blocksize);
	errcode_t err = EXT2_ET_NO_MEMORY;

	s->fs->block_map = NULL;
	s->fs->inode_map = NULL;
	s->fs->default_bitmap_type = EXT2FS_BMAP64_BITARRAY;
	if (buf)
		err = bitmaps_allocate(s);
	for (dgrp_t g = 0; !err && g < s->fs->group_desc_count; g++)
		err = copy_group(s, g, blocks, inodes, buf);
	free(buf);
	if (err) {
		ext2fs_free_block_bitmap(s->fs->block_map);
		ext2fs_free_inode_bitmap(s->fs->inode_map);
		s->fs->block_map = blocks;
		s->fs->inode_map = inodes;
		s->fs->default_bitmap_type = EXT2FS_BMAP64_RBTREE;
		return;
	}
	ext2fs_free_block_bitmap(blocks);
	ext2fs_free_inode_bitmap(inodes);
	free(s->bitmap_uses);
	s->bitmap_uses = NULL;
	s->bitmap_runs = 0;
	log_debug("bitmaps in memory are arrays now");
}

void bitmaps_drop(struct server *s)
{
	uint64_t max = BITMAPS_MAX / RUN_SIZE;

	if (!s->bitmap_uses)
		return;
	drop_oldest(s, max / 4 * 3);
	/* held ones: not again before there are more of them */
	s->bitmap_runs_max = s->bitmap_runs / 4 * 5 > max ? s->bitmap_runs / 4 * 5 : max;
	if (s->bitmap_runs * RUN_SIZE > bitmaps_array_size(s))
		make_arrays(s);
}
