// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The inode of the journal: see inode.h.  The checks are kernel ext4's, and some more, since
 * whatever is written to the journal goes to the blocks that this inode names.
 */
#include "journal/inode.h"

#include <errno.h>
#include <stdlib.h>

#include "inode.h"
#include "journal/runs.h"
#include "map.h"
#include "server.h"

static const char *defect(const struct server *s, const struct inode *in)
{
	if (!in->raw.i_links_count)
		return "its inode is deleted";
	if (!inode_is_reg(in))
		return "its inode is not a file's";
	if (in->raw.i_flags & (EXT4_ENCRYPT_FL | EXT4_INLINE_DATA_FL) ||
	    inode_size(in) % s->fs->blocksize)
		return "its inode is damaged";
	return NULL;
}

/* The same inode number in all file systems; e2fsck moves a journal that is elsewhere. */
static int load(struct server *s, struct inode *in, const char **why)
{
	const struct ext2_super_block *sb = s->fs->super;
	int err;

	*in = (struct inode){ .ino = sb->s_journal_inum };
	*why = "it is not in inode 8";
	if (in->ino != EXT2_JOURNAL_INO || sb->s_journal_dev)
		return -EUCLEAN;
	*why = "its inode can't be read";
	err = lib_error(s, ext2fs_read_inode_full(s->fs, in->ino, inode_small(in),
						  sizeof(in->raw)), in->ino);
	if (err)
		return err;
	*why = defect(s, in);
	return *why ? -EUCLEAN : 0;
}

static int add_run(struct journal_run **runs, size_t *nr, size_t *room, struct journal_run run)
{
	if (*nr == *room) {
		size_t more = *room * 2 + 8;
		struct journal_run *list = realloc(*runs, more * sizeof(*list));

		if (!list)
			return -ENOMEM;
		*runs = list;
		*room = more;
	}
	(*runs)[(*nr)++] = run;
	return 0;
}

static int find_runs(struct server *s, struct inode *in, struct journal_run **runs, size_t *nr,
		     const char **why)
{
	uint64_t blocks = inode_size(in) / s->fs->blocksize;
	uint64_t end = ext2fs_blocks_count(s->fs->super);
	size_t room = 0;
	int err = 0;

	*why = "its size is impossible";
	if (!blocks || blocks > UINT32_MAX || blocks > end)
		return -EUCLEAN;
	for (uint64_t lblk = 0, len; lblk < blocks && !err; lblk += len) {
		struct mapping m;
		uint64_t pblk;

		*why = "the map of its inode is damaged";
		err = map_lookup(s, in, lblk, 0, &m);
		if (err)
			break;
		*why = "its inode has a hole";
		if (m.type != MAP_MAPPED)
			return -EUCLEAN;
		len = m.lblk + m.len - lblk;
		if (len > blocks - lblk)
			len = blocks - lblk;
		pblk = m.pblk + (lblk - m.lblk);
		*why = "one of its blocks is outside of the file system";
		if (pblk < s->fs->super->s_first_data_block || pblk >= end || len > end - pblk)
			return -EUCLEAN;
		*why = "out of memory";
		err = add_run(runs, nr, &room, (struct journal_run){
			.log = lblk, .len = len, .phys = pblk });
	}
	return err;
}

/* What group @g has of superblocks and descriptors, and of bitmaps and inode tables */
static bool group_touches(struct server *s, dgrp_t g, const struct journal_area *area)
{
	ext2_filsys fs = s->fs;
	uint64_t old_blocks = ext2fs_has_feature_meta_bg(fs->super) ?
			      fs->super->s_first_meta_bg :
			      fs->desc_blocks + fs->super->s_reserved_gdt_blocks;
	blk64_t super, old, new;

	ext2fs_super_and_bgd_loc2(fs, g, &super, &old, &new, NULL);
	return ((super || !g) && journal_area_touches(area, super, 1)) ||
	       (old && journal_area_touches(area, old, old_blocks)) ||
	       (new && journal_area_touches(area, new, 1)) ||
	       journal_area_touches(area, ext2fs_block_bitmap_loc(fs, g), 1) ||
	       journal_area_touches(area, ext2fs_inode_bitmap_loc(fs, g), 1) ||
	       journal_area_touches(area, ext2fs_inode_table_loc(fs, g),
				    fs->inode_blocks_per_group);
}

static int check_places(struct server *s, const struct journal_run *runs, size_t nr,
			const char **why)
{
	struct journal_area area;
	int err;

	*why = "its inode has a block twice";
	err = journal_area_init(&area, runs, nr);
	if (err == -ENOMEM)
		*why = "out of memory";
	if (err)
		return err;
	*why = "one of its blocks is the file system's own";
	for (dgrp_t g = 0; g < s->fs->group_desc_count && !err; g++)
		if (group_touches(s, g, &area))
			err = -EUCLEAN;
	journal_area_free(&area);
	return err;
}

int journal_inode_find(struct server *s, struct journal_run **runs, size_t *nr,
		       const char **why)
{
	struct inode in;
	int err = load(s, &in, why);

	*runs = NULL;
	*nr = 0;
	if (!err)
		err = find_runs(s, &in, runs, nr, why);
	if (!err)
		err = check_places(s, *runs, *nr, why);
	if (!err)
		return 0;
	free(*runs);
	*runs = NULL;
	*nr = 0;
	return err;
}
