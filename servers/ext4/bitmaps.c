// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading and writing bitmaps: see bitmaps.h.
 *
 * A group has its marks from the change on until its bitmaps are written without an
 * error.  Groups that were never used have no bitmaps on the disk (BLOCK_UNINIT,
 * INODE_UNINIT).  libext2fs takes these flags away when it likes, also only because it
 * looks for a free inode there; the bitmaps have to be written then.
 */
#include "bitmaps.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap_drop.h"
#include "bitmap_load.h"
#include "log.h"
#include "map.h"

/*
 * libext2fs's bitmaps are arrays of bits, or trees of runs.  An array of a large file system takes
 * long to clear, and memory, though most of it is empty: from so many bytes on it's a tree.
 * bitmap_drop.c bounds the memory of trees.
 */
#define ARRAY_MAX	(32ULL << 20)

uint64_t bitmaps_array_size(const struct server *s)
{
	return (ext2fs_blocks_count(s->fs->super) >> s->fs->cluster_ratio_bits) / 8 +
	       s->fs->super->s_inodes_count / 8;
}

void bitmaps_choose(struct server *s)
{
	s->fs->default_bitmap_type = bitmaps_array_size(s) > ARRAY_MAX ? EXT2FS_BMAP64_RBTREE :
				     EXT2FS_BMAP64_BITARRAY;
}

bool bitmaps_are_trees(const struct server *s)
{
	return s->fs->default_bitmap_type == EXT2FS_BMAP64_RBTREE;
}

static void mark(struct server *s, dgrp_t g, uint8_t what)
{
	/* a bitmap that can't be used stays as it is */
	if (s->changed_groups[g] & what ||
	    !(s->changed_groups[g] & (what == BLOCKS ? HAVE_BLOCKS : HAVE_INODES)))
		return;
	s->changed_groups[g] |= what;
	s->bitmaps_to_write++;
}

void bitmaps_blocks_changed(struct server *s, uint64_t pblk, uint64_t len)
{
	dgrp_t first = ext2fs_group_of_blk2(s->fs, pblk);
	dgrp_t last = ext2fs_group_of_blk2(s->fs, pblk + len - 1);

	for (dgrp_t g = first; g <= last && g < s->fs->group_desc_count; g++)
		mark(s, g, BLOCKS);
	trim_changed(s, pblk, len);
	s->nr_bitmap_changes++;
}

void bitmaps_inode_changed(struct server *s, ext2_ino_t ino)
{
	mark(s, ext2fs_group_of_ino(s->fs, ino), INODES);
	s->nr_bitmap_changes++;
}

static void pad(uint8_t *buf, uint32_t bits, uint32_t size)
{
	for (; bits % 8; bits++)
		buf[bits / 8] |= 1 << bits % 8;
	memset(buf + bits / 8, 0xff, size - bits / 8);
}

/* What is behind the last cluster of the file system counts as in use. */
static errcode_t get_blocks(struct server *s, dgrp_t g, uint8_t *buf)
{
	ext2_filsys fs = s->fs;
	uint32_t per_group = EXT2_CLUSTERS_PER_GROUP(fs->super), bits = per_group;
	uint64_t first = EXT2FS_B2C(fs, fs->super->s_first_data_block) + (uint64_t)g * per_group;
	uint64_t end = EXT2FS_B2C(fs, ext2fs_blocks_count(fs->super) - 1) + 1;
	errcode_t err;

	/* or it would say that all of the group is in use */
	assert(s->changed_groups[g] & HAVE_BLOCKS);
	if (bits > end - first)
		bits = end - first;
	memset(buf, 0, fs->blocksize);
	err = ext2fs_get_block_bitmap_range2(fs->block_map, first, bits, buf);
	if (s->bitmap_uses)
		bitmap_set_runs(s, g, 0, bitmap_count_runs(buf, per_group / 8));
	pad(buf, bits, fs->blocksize);
	return err ? err : ext2fs_block_bitmap_csum_set(fs, g, (char *)buf, per_group / 8);
}

static errcode_t get_inodes(struct server *s, dgrp_t g, uint8_t *buf)
{
	ext2_filsys fs = s->fs;
	uint32_t per_group = EXT2_INODES_PER_GROUP(fs->super);
	errcode_t err;

	assert(s->changed_groups[g] & HAVE_INODES);
	memset(buf, 0, fs->blocksize);
	err = ext2fs_get_inode_bitmap_range2(fs->inode_map, (uint64_t)g * per_group + 1, per_group,
					     buf);
	if (s->bitmap_uses)
		bitmap_set_runs(s, g, 1, bitmap_count_runs(buf, per_group / 8));
	pad(buf, per_group, fs->blocksize);
	return err ? err : ext2fs_inode_bitmap_csum_set(fs, g, (char *)buf, (per_group + 7) / 8);
}

uint8_t bitmaps_missing(ext2_filsys fs, dgrp_t g)
{
	uint8_t what = 0;

	if (!ext2fs_has_group_desc_csum(fs))
		return 0;
	if (ext2fs_bg_flags_test(fs, g, EXT2_BG_BLOCK_UNINIT))
		what |= NO_BLOCKS;
	if (ext2fs_bg_flags_test(fs, g, EXT2_BG_INODE_UNINIT))
		what |= NO_INODES;
	return what;
}

/*
 * libext2fs takes flags away from groups whose bitmaps nobody has asked for: these bitmaps are known
 * without reading.  Where they can't be right, the flag comes back.
 */
static void need_unflagged(struct server *s, dgrp_t g)
{
	uint8_t gone = s->changed_groups[g] & (NO_BLOCKS | NO_INODES) & ~bitmaps_missing(s->fs, g);

	if (gone & NO_BLOCKS && bitmaps_need_blocks(s, g))
		ext2fs_bg_flags_set(s->fs, g, EXT2_BG_BLOCK_UNINIT);
	if (gone & NO_INODES && bitmaps_need_inodes(s, g))
		ext2fs_bg_flags_set(s->fs, g, EXT2_BG_INODE_UNINIT);
}

static errcode_t write_group(struct server *s, dgrp_t g, uint8_t *buf)
{
	ext2_filsys fs = s->fs;
	uint8_t none, *what = &s->changed_groups[g];
	errcode_t err = 0;

	need_unflagged(s, g);
	none = bitmaps_missing(fs, g);
	if (!(none & NO_BLOCKS) && *what & (BLOCKS | NO_BLOCKS)) {
		err = get_blocks(s, g, buf);
		if (!err)
			err = io_channel_write_blk64(fs->io, ext2fs_block_bitmap_loc(fs, g), 1, buf);
	}
	if (!err && !(none & NO_INODES) && *what & (INODES | NO_INODES)) {
		err = get_inodes(s, g, buf);
		if (!err)
			err = io_channel_write_blk64(fs->io, ext2fs_inode_bitmap_loc(fs, g), 1, buf);
	}
	if (err)
		return err;
	*what = (*what & ~TO_WRITE) | none;
	/* it has the checksums of the bitmaps */
	ext2fs_group_desc_csum_set(fs, g);
	ext2fs_mark_super_dirty(fs);
	return 0;
}

static errcode_t write_changed(ext2_filsys fs)
{
	struct server *s = fs->priv_data;
	errcode_t err = 0;
	bool compare;
	uint8_t *buf;

	if (!ext2fs_test_bb_dirty(fs) && !ext2fs_test_ib_dirty(fs))
		return 0;
	buf = malloc(fs->blocksize);
	if (!buf)
		return EXT2_ET_NO_MEMORY;
	/* whoever asks for this: what is only kept back in memory is free on the disk */
	alloc_unpin(s);
	/* what has changed is not what is on the device: where it isn't kept it needs no reading */
	compare = cache_compare_writes(s->cache, false);
	if (!bitmaps_are_trees(s))
		cache_compare_writes(s->cache, compare);
	for (dgrp_t g = 0; !err && g < fs->group_desc_count; g++)
		if (s->changed_groups[g] & (HAVE_BLOCKS | HAVE_INODES) &&
		    (s->changed_groups[g] & TO_WRITE) != bitmaps_missing(fs, g))
			err = write_group(s, g, buf);
	cache_compare_writes(s->cache, compare);
	alloc_repin(s);
	free(buf);
	if (err)
		return err;
	s->bitmaps_to_write = 0;
	fs->flags &= ~(EXT2_FLAG_BB_DIRTY | EXT2_FLAG_IB_DIRTY);
	return 0;
}

uint64_t bitmaps_pending(const struct server *s)
{
	uint64_t n = s->bitmaps_to_write;

	return n + (n < s->fs->desc_blocks ? n : s->fs->desc_blocks);
}

errcode_t bitmaps_allocate(struct server *s)
{
	ext2_filsys fs = s->fs;
	errcode_t err;

	err = ext2fs_allocate_block_bitmap(fs, "blocks", &fs->block_map);
	if (!err)
		err = ext2fs_allocate_inode_bitmap(fs, "inodes", &fs->inode_map);
	if (err) {
		ext2fs_free_block_bitmap(fs->block_map);
		fs->block_map = NULL;
		fs->inode_map = NULL;
		return err;
	}
	for (dgrp_t g = 0; g < fs->group_desc_count; g++) {
		bitmap_fill_blocks(s, g, true);
		bitmap_fill_inodes(s, g, true);
	}
	bitmaps_take_over(s);
	return 0;
}

void bitmaps_take_over(struct server *s)
{
	if (s->changed_groups)
		s->fs->write_bitmaps = write_changed;
}

/* For the first time */
static int begin(struct server *s)
{
	int err;

	if (s->bitmaps_error)
		return s->bitmaps_error;
	if (server_gives_up(s))
		return -CACHE_COLD;
	err = bitmaps_begin(s);
	if (err)
		log_err("can't read the bitmaps: run \"e2fsck -fy %s\"", s->opt.source);
	/* damage stays; whatever else it is may pass */
	if (err == -EUCLEAN)
		s->bitmaps_error = err;
	return err;
}

int bitmaps_load(struct server *s)
{
	int err = s->changed_groups ? 0 : begin(s);

	if (err)
		return err;
	return alloc_has_reserve(s) ? 0 : bitmaps_keep_reserve(s);
}
