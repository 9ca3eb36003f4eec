// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Free space.
 *
 * libext2fs keeps the bitmaps in memory; blocks are taken as runs that are as
 * long and as close to the goal as possible.  Two reserves are kept back: the
 * superblock's reserved blocks for root, and a few blocks that no data may use,
 * because converting unwritten extents can need index blocks at a time when
 * nobody can be told ENOSPC any more.
 */
#include <errno.h>

#include "map.h"

static bool may_use_reserved(const struct server *s, const struct caller *who)
{
	const struct ext2_super_block *sb = s->fs->super;

	return !who->uid || who->uid == sb->s_def_resuid ||
	       (sb->s_def_resgid && who->gid == sb->s_def_resgid);
}

uint64_t alloc_available(const struct server *s, const struct caller *who)
{
	uint64_t free = ext2fs_free_blocks_count(s->fs->super);
	uint64_t reserve = s->resv_blocks;

	if (!may_use_reserved(s, who))
		reserve += ext2fs_r_blocks_count(s->fs->super);
	return free > reserve ? free - reserve : 0;
}

/*
 * The first run of at least @min free blocks in [@from, @to), of which at most @max are
 * taken.  ext2fs_new_range() has a flag for that, but goes round for ever when all runs are
 * shorter and the last block is in use.
 */
static bool find_run(struct server *s, blk64_t from, uint64_t to, uint64_t min, uint64_t max,
		     blk64_t *p, blk64_t *n)
{
	while (from < to) {
		blk64_t start, end;

		if (ext2fs_find_first_zero_block_bitmap2(s->fs->block_map, from, to - 1, &start))
			return false;
		end = to - start > max ? start + max : to;
		if (ext2fs_find_first_set_block_bitmap2(s->fs->block_map, start, end - 1, &from))
			from = end;
		if (from - start >= min) {
			*p = start;
			*n = from - start;
			return true;
		}
	}
	return false;
}

int alloc_blocks(struct server *s, uint64_t goal, uint64_t want, const struct caller *who,
		 uint64_t *pblk, uint64_t *len)
{
	uint64_t available = alloc_available(s, who);
	uint64_t first = s->fs->super->s_first_data_block;
	uint64_t blocks = ext2fs_blocks_count(s->fs->super);
	bool found;
	blk64_t p, n;

	if (want > available)
		want = available;
	if (!want)
		return -ENOSPC;

	if (goal < first || goal >= blocks)
		goal = first;
	/* right at the goal, else one long run somewhere, else what there is */
	found = !ext2fs_test_block_bitmap2(s->fs->block_map, goal) &&
		find_run(s, goal, blocks, 1, want, &p, &n);
	for (uint64_t min = want; !found && min; min = min > 1 ? (min + 3) / 4 : 0)
		found = find_run(s, goal, blocks, min, want, &p, &n) ||
			find_run(s, first, goal, min, want, &p, &n);
	if (!found)
		return -ENOSPC;
	ext2fs_block_alloc_stats_range(s->fs, p, n, 1);
	cache_forget(s->cache, p, n);
	s->dirty = true;
	*pblk = p;
	*len = n;
	return 0;
}

void alloc_free(struct server *s, uint64_t pblk, uint64_t len)
{
	ext2fs_block_alloc_stats_range(s->fs, pblk, len, -1);
	cache_forget(s->cache, pblk, len);
	s->dirty = true;
}

/*
 * A freed metadata block may become file data, which the kernel writes without
 * asking here: no copy of it may be left in the cache.
 */
static void block_changed_hands(ext2_filsys fs, blk64_t blk, int inuse)
{
	struct server *s = fs->priv_data;

	if (inuse < 0)
		cache_forget(s->cache, blk, 1);
	s->dirty = true;
}

void alloc_init(struct server *s)
{
	s->fs->priv_data = s;
	ext2fs_set_block_alloc_stats_callback(s->fs, block_changed_hands, NULL);
}
