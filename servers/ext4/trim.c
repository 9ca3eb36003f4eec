// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Trimming: see trim.h.
 *
 *	lock    take runs of one group out of the free ones
 *	unlock  discard them
 *	lock    give them back; let those go on who wait for space; and so on
 *
 * As in kernel ext4 a run ends where its group does, and a group that was trimmed is
 * left out until something changes there; that is known in memory only.
 */
#include "trim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alloc_search.h"
#include "bitmap_load.h"
#include "commit.h"
#include "log.h"
#include "map.h"
#include "server.h"

/* held at a time, bytes: a device takes that in a fraction of a second */
#define HELD_MAX	(256ULL << 20)
/* never, clusters, besides what is kept back for metadata */
#define KEPT		64

struct pass {
	uint64_t pos, end;		/* blocks of the group that are to be looked at */
	uint64_t min;			/* blocks */
	uint64_t run_end;		/* of a run that is long enough and partly done */
};

void trim_destroy(struct server *s)
{
	free(s->trim.done);
	s->trim.done = NULL;
}

void trim_changed(struct server *s, uint64_t pblk, uint64_t len)
{
	dgrp_t g, last;

	if (!s->trim.done)
		return;
	last = ext2fs_group_of_blk2(s->fs, pblk + len - 1);
	for (g = ext2fs_group_of_blk2(s->fs, pblk); g <= last && g < s->fs->group_desc_count; g++)
		s->trim.done[g] = 0;
}

void trim_mark(struct server *s, bool used)
{
	for (unsigned int i = 0; i < s->trim.nr; i++) {
		const struct trim_run *r = &s->trim.held[i];

		if (used)
			ext2fs_mark_block_bitmap_range2(s->fs->block_map, r->pblk, r->len);
		else
			ext2fs_unmark_block_bitmap_range2(s->fs->block_map, r->pblk, r->len);
	}
}

void trim_pause(struct server *s, bool pause)
{
	s->trim.paused = pause;
	if (pause)
		trim_wait(s);
}

bool trim_wait(struct server *s)
{
	struct trim *t = &s->trim;

	if (!t->nr)
		return false;
	t->waiting++;
	while (t->nr)
		server_wait(s, &t->moves);
	t->waiting--;
	pthread_cond_broadcast(&t->moves);
	return true;
}

/*
 * How many blocks may be missing for a while?  Half of those that are marked as free, without
 * what must never be missing: libext2fs looks for blocks of trees in the bitmap alone.
 */
static uint64_t spare(const struct server *s)
{
	uint64_t kept = s->pins.blocks + s->windows.blocks + s->resv_blocks +
			((uint64_t)KEPT << s->fs->cluster_ratio_bits);
	uint64_t free = ext2fs_free_blocks_count(s->fs->super), n;

	n = free > kept ? (free - kept) / 2 : 0;
	if (n > HELD_MAX >> block_bits(s))
		n = HELD_MAX >> block_bits(s);
	return n & ~(uint64_t)EXT2FS_CLUSTER_MASK(s->fs);
}

/* Hold the next runs of the group.  Where everything has been looked at, none are held. */
static void hold(struct server *s, struct pass *p)
{
	struct trim *t = &s->trim;
	uint64_t max = spare(s);

	while (p->pos < p->end && t->nr < TRIM_RUNS && t->blocks < max) {
		blk64_t start, stop;

		if (ext2fs_find_first_zero_block_bitmap2(s->fs->block_map, p->pos, p->end - 1,
							 &start)) {
			p->pos = p->end;
			break;
		}
		if (ext2fs_find_first_set_block_bitmap2(s->fs->block_map, start, p->end - 1,
							&stop))
			stop = p->end;
		p->pos = stop;
		if (stop - start < p->min && start >= p->run_end)
			continue;
		if (stop - start > max - t->blocks) {
			p->run_end = stop;
			stop = start + (max - t->blocks);
			p->pos = stop;
		}
		t->held[t->nr++] = (struct trim_run){ .pblk = start, .len = stop - start };
		t->blocks += stop - start;
	}
	trim_mark(s, true);
}

static void give_back(struct server *s)
{
	struct trim *t = &s->trim;

	trim_mark(s, false);
	for (unsigned int i = 0; i < t->nr; i++)
		search_freed(s, t->held[i].pblk, t->held[i].len);
	t->nr = 0;
	t->blocks = 0;
	pthread_cond_broadcast(&t->moves);
	while (t->waiting)
		server_wait(s, &t->moves);
}

/* Without the lock.  *@trimmed: blocks. */
static int discard_held(struct server *s, bool (*stop)(void *arg), void *arg, uint64_t *trimmed)
{
	const struct trim *t = &s->trim;
	uint64_t bs = s->fs->blocksize;

	for (unsigned int i = 0; i < t->nr; i++) {
		const struct trim_run *r = &t->held[i];
		int err = -EINTR;

		if (!stop(arg))
			err = device_discard(&s->src.dev, r->pblk * bs, r->len * bs);
		if (err)
			return err;
		*trimmed += r->len;
	}
	return 0;
}

static int may_trim(struct server *s)
{
	int err = super_may_allocate(s);

	/* a frozen device is left alone */
	return err ? err : s->frozen || s->trim.paused ? -EBUSY : 0;
}

/* [@from, @to) of one group */
static int trim_group(struct server *s, uint64_t from, uint64_t to, uint64_t min,
		      bool (*stop)(void *arg), void *arg, uint64_t *trimmed)
{
	struct pass p = { .pos = from, .end = to, .min = min };
	int err;

	for (;;) {
		err = may_trim(s);
		if (err)
			return err;
		/* what is free in a group is not known if its bitmap can't be used */
		if (bitmaps_need_range(s, from, 1))
			return 0;
		hold(s, &p);
		if (!s->trim.nr)
			return 0;
		server_unlock(s);
		err = discard_held(s, stop, arg, trimmed);
		server_lock(s);
		give_back(s);
		if (err)
			return err;
	}
}

static int trim_groups(struct server *s, uint64_t from, uint64_t to, uint64_t min,
		       bool (*stop)(void *arg), void *arg, uint64_t *trimmed)
{
	struct trim *t = &s->trim;
	dgrp_t last = ext2fs_group_of_blk2(s->fs, to - 1);
	int err = 0;

	for (dgrp_t g = ext2fs_group_of_blk2(s->fs, from); g <= last && !err; g++) {
		uint64_t first = ext2fs_group_first_block2(s->fs, g);
		uint64_t end = ext2fs_group_last_block2(s->fs, g) + 1;
		bool whole;

		if (t->done[g])
			continue;
		/* a cluster that the device has only a part of isn't free for anybody */
		end &= ~(uint64_t)EXT2FS_CLUSTER_MASK(s->fs);
		whole = from <= first && end <= to;
		/* what becomes free from here on takes it away */
		t->done[g] = whole;
		if (bitmaps_may_have_room(s, g) &&
		    ext2fs_bg_free_blocks_count(s->fs, g) << s->fs->cluster_ratio_bits >= min)
			err = trim_group(s, from > first ? from : first, end < to ? end : to, min,
					 stop, arg, trimmed);
		if (err)
			t->done[g] = 0;
		/* reading and looking takes long; and bitmaps may have to go from memory */
		server_unlock(s);
		server_lock(s);
	}
	return err;
}

/* The smallest run that is worth it, blocks: whole clusters that the device can discard. */
static int smallest_run(struct server *s, uint64_t min, uint64_t *blocks)
{
	uint64_t mask = EXT2FS_CLUSTER_MASK(s->fs);
	uint32_t unit;
	int err = device_discard_unit(&s->src.dev, &unit);

	if (err)
		return err;
	if (min < unit)
		min = unit;
	*blocks = min >> block_bits(s);
	*blocks = *blocks ? (*blocks + mask) & ~mask : mask + 1;
	return 0;
}

int trim_range(struct server *s, uint64_t start, uint64_t len, uint64_t min,
	       bool (*stop)(void *arg), void *arg, uint64_t *trimmed)
{
	uint64_t mask = EXT2FS_CLUSTER_MASK(s->fs), done = 0, min_blocks;
	uint64_t per_group = (uint64_t)EXT2_CLUSTERS_PER_GROUP(s->fs->super) <<
			     s->fs->cluster_ratio_bits;
	uint64_t first = s->fs->super->s_first_data_block;
	uint64_t blocks = ext2fs_blocks_count(s->fs->super);
	uint64_t from = start >> block_bits(s), count = len >> block_bits(s), to;
	struct trim *t = &s->trim;
	int err;

	*trimmed = 0;
	err = may_trim(s);
	if (!err)
		err = smallest_run(s, min, &min_blocks);
	if (err)
		return err;
	if (min >> block_bits(s) > per_group || from >= blocks || !count)
		return -EINVAL;
	if (t->running)
		return -EBUSY;
	if (!t->done)
		t->done = calloc(s->fs->group_desc_count, 1);
	if (!t->done)
		return -ENOMEM;
	to = (count < blocks - from ? from + count : blocks) & ~mask;
	from = ((from > first ? from : first) + mask) & ~mask;
	if (from >= to || min_blocks > per_group)
		return 0;

	t->running = true;
	/* what was freed last is free then, what is kept for growing files is not in the way */
	commit_in_background(s);
	windows_end_all(s);
	if (min_blocks < t->done_min)
		memset(t->done, 0, s->fs->group_desc_count);
	t->done_min = min_blocks;
	err = trim_groups(s, from, to, min_blocks, stop, arg, &done);
	t->running = false;
	*trimmed = done << block_bits(s);
	return err;
}
