// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Is what is to be freed in use?  See free_check.h.
 */
#include "free_check.h"

#include <errno.h>

#include "bitmap_load.h"
#include "map.h"

static bool overlaps(uint64_t pblk, uint64_t len, uint64_t other, uint64_t other_len)
{
	return pblk < other + other_len && other < pblk + len;
}

/* Marked in the bitmap, and free all the same */
static bool is_held_free(const struct server *s, uint64_t pblk, uint64_t len)
{
	blk64_t found;

	if (s->pins.map &&
	    ext2fs_find_first_set_block_bitmap2(s->pins.map, pblk, pblk + len - 1, &found) != ENOENT)
		return true;
	for (unsigned int i = 0; i < s->windows.nr; i++)
		if (overlaps(pblk, len, s->windows.list[i].pblk, s->windows.list[i].len))
			return true;
	for (unsigned int i = 0; i < s->trim.nr; i++)
		if (overlaps(pblk, len, s->trim.held[i].pblk, s->trim.held[i].len))
			return true;
	return false;
}

bool free_check_in_use(struct server *s, uint64_t pblk, uint64_t len)
{
	blk64_t found;

	if (!len || !map_valid_range(s, pblk, len))
		return false;
	/* where a bitmap can't be used its blocks count as in use, and nothing is freed */
	bitmaps_need_range(s, pblk, len);
	return ext2fs_find_first_zero_block_bitmap2(s->fs->block_map, pblk, pblk + len - 1,
						    &found) == ENOENT &&
	       !is_held_free(s, pblk, len);
}

static void note(struct server *s, uint64_t pblk, uint64_t len)
{
	fs_error(s, 0, pblk, map_valid_range(s, pblk, len) ?
		 "blocks are freed that are free already" :
		 "blocks of the file system itself, or outside of it, are freed");
}

bool free_check(struct server *s, uint64_t pblk, uint64_t len)
{
	if (free_check_in_use(s, pblk, len))
		return true;
	note(s, pblk, len);
	return false;
}

/* Take back, or do again, what ext2fs_block_alloc_stats2() does to free the cluster of @blk. */
static void change_freed(struct server *s, uint64_t blk, bool undo)
{
	ext2_filsys fs = s->fs;
	dgrp_t g = ext2fs_group_of_blk2(fs, blk);
	int64_t n = undo ? -1 : 1;

	if (undo)
		ext2fs_mark_block_bitmap2(fs->block_map, blk);
	else
		ext2fs_unmark_block_bitmap2(fs->block_map, blk);
	ext2fs_bg_free_blocks_count_set(fs, g, ext2fs_bg_free_blocks_count(fs, g) + n);
	ext2fs_group_desc_csum_set(fs, g);
	ext2fs_free_blocks_count_set(fs->super, ext2fs_free_blocks_count(fs->super) +
				     n * EXT2FS_CLUSTER_RATIO(fs));
}

void free_undo(struct server *s, uint64_t blk)
{
	change_freed(s, blk, true);
}

void free_redo(struct server *s, uint64_t blk)
{
	change_freed(s, blk, false);
}

bool free_check_freed(struct server *s, uint64_t blk)
{
	if (map_valid_range(s, blk, 1) && !is_held_free(s, blk, 1))
		return true;
	free_undo(s, blk);
	note(s, blk, 1);
	return false;
}

int free_check_attributes(struct server *s, const struct inode *in)
{
	uint64_t blk = ext2fs_file_acl_block(s->fs, (const struct ext2_inode *)&in->raw);
	const void *data;
	int err;

	if (!blk)
		return 0;
	if (!map_valid_range(s, blk, 1))
		return fs_error(s, in->ino, blk, "bad block of extended attributes");
	err = cache_peek(s->cache, blk, &data, NULL);
	if (err)
		return err;
	if (!((const struct ext2_ext_attr_header *)data)->h_refcount)
		return fs_error(s, in->ino, blk, "nobody uses a block of extended attributes");
	if (s->changed_groups && !free_check_in_use(s, blk, 1))
		return fs_error(s, in->ino, blk, "a block of extended attributes is free");
	return 0;
}

bool free_check_inode(struct server *s, ext2_ino_t ino, bool dir)
{
	/* which has been noted */
	if (bitmaps_need_inode(s, ino))
		return false;
	if (!ext2fs_test_inode_bitmap2(s->fs->inode_map, ino))
		fs_error(s, ino, 0, "an inode is freed that is free already");
	else if (dir && !ext2fs_bg_used_dirs_count(s->fs, ext2fs_group_of_ino(s->fs, ino)))
		fs_error(s, ino, 0, "a directory is freed where its group has none");
	else
		return true;
	return false;
}
