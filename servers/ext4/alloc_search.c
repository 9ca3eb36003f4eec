// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Looking for free blocks: see alloc_search.h.
 */
#include "alloc_search.h"

#include "bitmap_drop.h"
#include "bitmap_load.h"

uint64_t search_end(const struct server *s)
{
	return ext2fs_blocks_count(s->fs->super) & ~(uint64_t)EXT2FS_CLUSTER_MASK(s->fs);
}

struct search search_for(const struct server *s, uint64_t want)
{
	uint64_t half = (uint64_t)s->fs->super->s_blocks_per_group / 2;

	return (struct search){
		.want = want, .least = want < half ? want : half, .reads = SEARCH_READS,
	};
}

/* Is the bitmap of group @g in memory, or can it be had? */
static bool has_bitmap(struct server *s, struct search *q, dgrp_t g)
{
	uint8_t state = s->changed_groups[g];
	int err;

	if (!bitmaps_may_have_room(s, g))
		return false;
	if (s->longest_runs[g] && s->longest_runs[g] <= q->least) {
		if (s->longest_runs[g] - 1 > q->left_out)
			q->left_out = s->longest_runs[g] - 1;
		return false;
	}
	if (!(state & (HAVE_BLOCKS | NO_BLOCKS))) {
		uint64_t free = (uint64_t)ext2fs_bg_free_blocks_count(s->fs, g) <<
				s->fs->cluster_ratio_bits;

		if (free < q->least || !q->reads || (q->least > 1 && bitmaps_are_large(s)))
			return false;
		q->reads--;
	}
	err = bitmaps_need_blocks(s, g);
	if (err == -CACHE_COLD)
		q->cold = true;
	return !err;
}

/* The first block from @blk on at which a run may start */
static uint64_t aligned(const struct search *q, uint64_t blk)
{
	uint64_t off;

	if (!q->align)
		return blk;
	off = (blk + q->align - q->phase) % q->align;
	return off ? blk + q->align - off : blk;
}

/*
 * The runs of one group, [@at, @end) of it.  @run is the one that ends where the group begins, and
 * goes on with the group's blocks.  True: it is long enough.  Otherwise *@longest is that of this
 * part
 */
static bool search_group(struct server *s, struct search *q, uint64_t at, uint64_t end,
			 struct run *run, uint64_t *longest)
{
	*longest = 0;
	while (at < end) {
		blk64_t start, stop, used;

		if (ext2fs_find_first_zero_block_bitmap2(s->fs->block_map, at, end - 1, &start))
			return false;
		if (!run->len || start != run->start + run->len)
			*run = (struct run){ .start = start };
		stop = end;
		if (end - run->start > q->want && !q->align)
			stop = run->start + q->want;
		if (!ext2fs_find_first_set_block_bitmap2(s->fs->block_map, start, stop - 1, &used))
			stop = used;
		at = stop;
		if (stop - start > *longest)
			*longest = stop - start;
		run->len = stop - run->start;
		if (q->align) {
			uint64_t first = aligned(q, run->start);

			if (first < stop && stop - first > q->longest.len)
				q->longest = (struct run){ first, stop - first };
		} else if (run->len > q->longest.len) {
			q->longest = *run;
		}
		if (q->longest.len >= q->want) {
			q->longest.len = q->want;
			return true;
		}
	}
	return false;
}

bool search_range(struct server *s, struct search *q, uint64_t from, uint64_t to)
{
	struct run run = { 0 };
	dgrp_t g, last;

	if (from >= to)
		return false;
	last = ext2fs_group_of_blk2(s->fs, to - 1);
	for (g = ext2fs_group_of_blk2(s->fs, from); g <= last; g++) {
		uint64_t whole = ext2fs_group_last_block2(s->fs, g) + 1, longest;
		uint64_t end = whole < to ? whole : to;

		if (!has_bitmap(s, q, g))
			run.len = 0;
		else if (search_group(s, q, from, end, &run, &longest))
			return true;
		else if (end == whole && from == ext2fs_group_first_block2(s->fs, g))
			s->longest_runs[g] = longest + 1;
		if (q->cold)
			return false;
		from = end;
	}
	return false;
}

bool search_around(struct server *s, struct search *q, uint64_t goal)
{
	return search_range(s, q, goal, search_end(s)) ||
	       (!q->cold && search_range(s, q, s->fs->super->s_first_data_block, goal));
}

void search_freed(struct server *s, uint64_t pblk, uint64_t len)
{
	dgrp_t last = ext2fs_group_of_blk2(s->fs, pblk + len - 1);

	for (dgrp_t g = ext2fs_group_of_blk2(s->fs, pblk); g <= last; g++)
		s->longest_runs[g] = 0;
}

uint64_t search_at(struct server *s, uint64_t pblk, uint64_t want)
{
	struct search q = { .want = want, .reads = SEARCH_READS };
	uint64_t end = search_end(s), at = pblk, stop;

	if (pblk < s->fs->super->s_first_data_block || pblk >= end)
		return 0;
	stop = want < end - pblk ? pblk + want : end;
	while (at < stop) {
		dgrp_t g = ext2fs_group_of_blk2(s->fs, at);
		uint64_t next = ext2fs_group_last_block2(s->fs, g) + 1;
		blk64_t used;

		if (next > stop)
			next = stop;
		if (!has_bitmap(s, &q, g))
			break;
		if (!ext2fs_find_first_set_block_bitmap2(s->fs->block_map, at, next - 1, &used))
			return used - pblk;
		at = next;
	}
	return at - pblk;
}

uint64_t search_any(struct server *s, uint64_t goal, uint64_t want, uint64_t *pblk)
{
	/* each group with something free may be read, until one has a block that can be had */
	struct search q = { .want = 1, .reads = UINT32_MAX };
	uint64_t mask = EXT2FS_CLUSTER_MASK(s->fs);

	if (!search_around(s, &q, goal))
		return 0;
	*pblk = q.longest.start & ~mask;
	return search_at(s, *pblk, want);
}
