// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Checking the group descriptors of an image: see groups.h.
 *
 * Whatever has a fixed place (superblocks, descriptors, bitmaps, inode tables) is noted
 * as a run of blocks, those that follow each other as one.  With flex_bg that makes a few
 * runs of many groups; sorted, none may begin before the one before it has ended.
 * ext2fs_check_desc() finds the same with a bitmap of the whole image, block by block.
 */
#include "groups.h"

#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <stdlib.h>

#include "log.h"
#include "server.h"

struct run {
	uint64_t first, len;	/* blocks */
};

struct runs {
	struct run *list;
	size_t nr, room;
};

static bool add(struct runs *r, uint64_t first, uint64_t len)
{
	struct run *last = r->nr ? &r->list[r->nr - 1] : NULL;

	if (!len)
		return true;
	if (last && last->first + last->len == first) {
		last->len += len;
		return true;
	}
	if (r->nr == r->room) {
		size_t room = r->room ? r->room * 2 : 256;
		struct run *list = realloc(r->list, room * sizeof(*list));

		if (!list)
			return false;
		r->list = list;
		r->room = room;
	}
	r->list[r->nr++] = (struct run){ first, len };
	return true;
}

/* What group @g has of superblocks and descriptors. */
static bool add_supers(ext2_filsys fs, dgrp_t g, struct runs *r)
{
	uint64_t blocks = fs->desc_blocks;
	blk64_t super, old, new;

	if (ext2fs_has_feature_meta_bg(fs->super))
		blocks = fs->super->s_first_meta_bg;
	else
		blocks += fs->super->s_reserved_gdt_blocks;
	ext2fs_super_and_bgd_loc2(fs, g, &super, &old, &new, NULL);
	/* the first group always has one, in block 0 or 1; with a cluster, block 0 is nobody's */
	if (!g && fs->blocksize == 1024 && fs->cluster_ratio_bits && !add(r, 0, 1))
		return false;
	return ((super || !g) ? add(r, super, 1) : true) && (old ? add(r, old, blocks) : true) &&
	       (new ? add(r, new, 1) : true);
}

enum place { BLOCK_BITMAP, INODE_BITMAP, INODE_TABLE, PLACES };

static uint64_t place_of(ext2_filsys fs, dgrp_t g, enum place place)
{
	switch (place) {
	case BLOCK_BITMAP:
		return ext2fs_block_bitmap_loc(fs, g);
	case INODE_BITMAP:
		return ext2fs_inode_bitmap_loc(fs, g);
	default:
		return ext2fs_inode_table_loc(fs, g);
	}
}

static int compare(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/* What is wrong, or NULL.  *@err: there was no memory to find out. */
static const char *check_places(ext2_filsys fs, int *err)
{
	static const char *const outside[PLACES] = {
		"a block bitmap is outside", "an inode bitmap is outside",
		"an inode table is outside",
	};
	bool flex = ext2fs_has_feature_flex_bg(fs->super);
	const char *wrong = NULL;
	struct runs r = { .list = NULL };
	bool room = true;

	for (dgrp_t g = 0; room && g < fs->group_desc_count; g++)
		room = add_supers(fs, g, &r);
	for (enum place place = 0; place < PLACES; place++) {
		uint64_t len = place == INODE_TABLE ? fs->inode_blocks_per_group : 1;
		uint64_t first = fs->super->s_first_data_block;
		uint64_t end = ext2fs_blocks_count(fs->super);

		for (dgrp_t g = 0; room && g < fs->group_desc_count; g++) {
			uint64_t blk = place_of(fs, g, place);

			if (!flex) {
				first = ext2fs_group_first_block2(fs, g);
				end = ext2fs_group_last_block2(fs, g) + 1;
			}
			if (blk < first || blk >= end || len > end - blk) {
				wrong = outside[place];
				goto out;
			}
			room = add(&r, blk, len);
		}
	}
	if (!room) {
		*err = -ENOMEM;
		goto out;
	}
	qsort(r.list, r.nr, sizeof(*r.list), compare);
	for (size_t i = 1; i < r.nr; i++)
		if (r.list[i].first < r.list[i - 1].first + r.list[i - 1].len)
			wrong = "two of them name the same blocks";
out:
	free(r.list);
	return wrong;
}

int groups_check(struct server *s)
{
	ext2_filsys fs = s->fs;
	unsigned int size = EXT2_DESC_SIZE(fs->super);
	const char *wrong;
	int err = 0;

	wrong = size & (size - 1) ? "their size is impossible" : check_places(fs, &err);
	if (err) {
		log_err("out of memory");
		return err;
	}
	if (wrong) {
		log_err("the group descriptors are corrupt (%s): run \"e2fsck -fy %s\"", wrong,
			s->opt.source);
		return -EUCLEAN;
	}
	for (dgrp_t g = 0; g < fs->group_desc_count; g++) {
		if (ext2fs_group_desc_csum_verify(fs, g))
			continue;
		log_err("the descriptor of group %u has a bad checksum: run \"e2fsck -fy %s\"", g,
			s->opt.source);
		return -EUCLEAN;
	}
	return 0;
}
