// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Checking the group descriptors of an image: see groups.h.
 *
 * Whatever has a fixed place (superblocks, descriptors, bitmaps, inode tables) becomes a
 * system zone (system_zone.h), and no two of them may overlap.
 * ext2fs_check_desc() finds the same with a bitmap of the whole image, block by block.
 */
#include "groups.h"

#include <errno.h>
#include <ext2fs/ext2fs.h>

#include "log.h"
#include "server.h"
#include "system_zone.h"

/* What group @g has of superblocks and descriptors. */
static bool add_supers(ext2_filsys fs, dgrp_t g, struct system_zones *z)
{
	uint64_t blocks = fs->desc_blocks;
	blk64_t super, old, new;

	if (ext2fs_has_feature_meta_bg(fs->super))
		blocks = fs->super->s_first_meta_bg;
	else
		blocks += fs->super->s_reserved_gdt_blocks;
	ext2fs_super_and_bgd_loc2(fs, g, &super, &old, &new, NULL);
	/* the first group always has one, in block 0 or 1; with a cluster, block 0 is nobody's */
	if (!g && fs->blocksize == 1024 && fs->cluster_ratio_bits && !system_zones_add(z, 0, 1))
		return false;
	return ((super || !g) ? system_zones_add(z, super, 1) : true) &&
	       (old ? system_zones_add(z, old, blocks) : true) &&
	       (new ? system_zones_add(z, new, 1) : true);
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

/*
 * The block for multi-mount protection has a place of its own, too.  One that is outside can't be
 * found by mmp.c, which refuses to write then.
 */
static bool add_mmp(ext2_filsys fs, struct system_zones *z)
{
	uint64_t blk = fs->super->s_mmp_block;

	if (!ext2fs_has_feature_mmp(fs->super) || blk <= fs->super->s_first_data_block ||
	    blk >= ext2fs_blocks_count(fs->super))
		return true;
	return system_zones_add(z, blk, 1);
}

/* What is wrong, or NULL; then @z has the zones.  *@err: there was no memory to find out. */
static const char *check_places(ext2_filsys fs, struct system_zones *z, int *err)
{
	static const char *const outside[PLACES] = {
		"a block bitmap is outside", "an inode bitmap is outside",
		"an inode table is outside",
	};
	bool flex = ext2fs_has_feature_flex_bg(fs->super);
	bool room = add_mmp(fs, z);

	for (dgrp_t g = 0; room && g < fs->group_desc_count; g++)
		room = add_supers(fs, g, z);
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
			if (blk < first || blk >= end || len > end - blk)
				return outside[place];
			room = system_zones_add(z, blk, len);
		}
	}
	*err = room ? system_zones_finish(z, fs) : -ENOMEM;
	if (*err != -EUCLEAN)
		return NULL;
	*err = 0;
	return "two of them name the same blocks";
}

int groups_check(struct server *s)
{
	ext2_filsys fs = s->fs;
	unsigned int size = EXT2_DESC_SIZE(fs->super);
	struct system_zones *zones = system_zones_create();
	const char *wrong = NULL;
	int err = zones ? 0 : -ENOMEM;

	if (size & (size - 1))
		wrong = "their size is impossible";
	else if (zones)
		wrong = check_places(fs, zones, &err);
	if (err || wrong)
		system_zones_destroy(zones);
	else
		s->zones = zones;
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
