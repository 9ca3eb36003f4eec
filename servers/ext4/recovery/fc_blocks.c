// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Blocks that fast commits give to files.
 *
 * The block bitmap is that of the last complete transaction, where these blocks are free.  Blocks
 * for extent trees and directories are allocated while the tags are applied, since no tag says
 * where the kernel had them; they must not be blocks that have the data of a later tag.  So
 * all such blocks are collected first, and marked as used.
 *
 * Kernel ext4 allocates no block again that was freed in the same transaction (but with
 * data=writeback).  So a block that is not free in the bitmap belongs to something else, and a
 * fast commit that says otherwise is refused.
 */
#include <errno.h>
#include <ext2fs/ext2fs.h>

#include "bitmap_load.h"
#include "recovery/fc_apply.h"

/* Mark the free blocks of [@pblk, @pblk + @len), whose bitmaps have been read. */
static void keep(struct fc *fc, uint64_t pblk, uint64_t len)
{
	ext2fs_block_bitmap map = fc->s->fs->block_map;
	uint64_t end = pblk + len;
	blk64_t first, next;

	while (pblk < end && !ext2fs_find_first_zero_block_bitmap2(map, pblk, end - 1, &first)) {
		if (ext2fs_find_first_set_block_bitmap2(map, first, end - 1, &next))
			next = end;
		ext2fs_mark_block_bitmap_range2(map, first, next - first);
		ext2fs_mark_block_bitmap_range2(fc->kept, first, next - first);
		pblk = next;
	}
}

int fc_blocks_keep(struct fc *fc, const struct fc_tags *tags)
{
	ext2_filsys fs = fc->s->fs;
	/* libext2fs takes each new bitmap as a reason to write bitmaps in its own way */
	errcode_t (*write_bitmaps)(ext2_filsys fs) = fs->write_bitmaps;
	errcode_t lerr = ext2fs_allocate_block_bitmap(fs, "blocks of fast commits", &fc->kept);

	fs->write_bitmaps = write_bitmaps;
	if (lerr) {
		fc->kept = NULL;
		return -ENOMEM;
	}
	for (size_t i = 0; i < tags->nr; i++) {
		struct fc_range range;
		int err;

		if (tags->list[i].kind != FC_ADD_RANGE)
			continue;
		fc_range_decode(&tags->list[i], &range);
		if (!range.len || !map_valid_range(fc->s, range.pblk, range.len))
			return fc_refuse(fc, "a fast commit in the journal gives inode %u blocks "
					 "that no file may have (%llu of them at %llu)", range.ino,
					 (unsigned long long)range.len,
					 (unsigned long long)range.pblk);
		err = bitmaps_need_range(fc->s, range.pblk, range.len);
		if (err)
			return err;
		keep(fc, range.pblk, range.len);
	}
	return 0;
}

int fc_blocks_take(struct fc *fc, uint64_t pblk, uint64_t len)
{
	blk64_t first;

	if (ext2fs_find_first_zero_block_bitmap2(fc->kept, pblk, pblk + len - 1, &first) != ENOENT)
		return fc_refuse(fc, "a fast commit in the journal gives blocks to a file that are "
				 "in use (%llu at %llu)", (unsigned long long)len,
				 (unsigned long long)pblk);
	ext2fs_unmark_block_bitmap_range2(fc->kept, pblk, len);
	return alloc_take(fc->s, pblk, len);
}

void fc_blocks_release(struct fc *fc)
{
	ext2_filsys fs = fc->s->fs;
	uint64_t at = fs->super->s_first_data_block, last = ext2fs_blocks_count(fs->super) - 1;
	blk64_t first, next;

	if (!fc->kept)
		return;
	while (at <= last && !ext2fs_find_first_set_block_bitmap2(fc->kept, at, last, &first)) {
		if (ext2fs_find_first_zero_block_bitmap2(fc->kept, first, last, &next))
			next = last + 1;
		ext2fs_unmark_block_bitmap_range2(fs->block_map, first, next - first);
		at = next;
	}
	ext2fs_free_block_bitmap(fc->kept);
	fc->kept = NULL;
}
