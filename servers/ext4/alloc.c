// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Free space.
 *
 * libext2fs keeps the bitmaps in memory; blocks are taken as runs that are as
 * long and as close to the goal as possible.  Two reserves are kept back: the
 * superblock's reserved blocks for root, and a few blocks that no data may use,
 * because converting unwritten extents can need index blocks at a time when
 * nobody can be told ENOSPC any more.
 *
 * And what is promised to delayed data (delayed.h) is for nobody else.
 *
 * The unit is the cluster, mostly one block; the bitmaps here take the numbers of blocks
 * all the same, and whoever takes or frees some does so in whole clusters.
 *
 * Freed blocks may not be used again before that is durable: after
 * a crash they belong to who had them.  They are counted as free at once, but stay
 * marked in the bitmap (pinned), so that no allocation, by libext2fs neither, finds
 * them.  With a journal they are unmarked while the bitmap is written out; without one they are
 * in use on the device, too, as long as something there may point to them (careful.h).  The
 * same is done with blocks that are being discarded (trim.h).
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "alloc_search.h"
#include "bitmap_load.h"
#include "bitmaps.h"
#include "commit.h"
#include "free_check.h"
#include "map.h"
#include "quota.h"

/* Groups that are looked through for room for all of a file: it is looked for often. */
#define ROOM_GROUPS	16

/*
 * Less than half of the reserve and this, clusters: then what must not fail could.  Data
 * that finds no space can wait for a commit, and needs no commit in advance.
 */
#define SHORT	64

static bool may_use_reserved(const struct server *s, const struct caller *who)
{
	const struct ext2_super_block *sb = s->fs->super;
	uid_t uid = s->opt.resuid >= 0 ? s->opt.resuid : sb->s_def_resuid;
	gid_t gid = s->opt.resgid >= 0 ? s->opt.resgid : sb->s_def_resgid;

	return !who->uid || who->uid == uid || (gid && who->gid == gid);
}

/* Free, neither pinned nor being discarded, and where the bitmap can be used */
static uint64_t free_now(const struct server *s)
{
	uint64_t free = ext2fs_free_blocks_count(s->fs->super);
	uint64_t held = s->pins.blocks + s->trim.blocks + s->bitmaps_bad_free;

	return free > held ? free - held : 0;
}

uint64_t alloc_free_in_read(const struct server *s)
{
	uint64_t free = ext2fs_free_blocks_count(s->fs->super);
	uint64_t held = s->pins.blocks + s->trim.blocks + s->windows.blocks +
			s->bitmaps_unread_free;

	return free > held ? free - held : 0;
}

bool alloc_has_reserve(const struct server *s)
{
	return alloc_free_in_read(s) >=
	       s->resv_blocks / 2 + ((uint64_t)SHORT << s->fs->cluster_ratio_bits);
}

uint64_t alloc_available(const struct server *s, const struct caller *who)
{
	uint64_t free = free_now(s);
	uint64_t reserve = s->resv_blocks + s->delayed.blocks, trees = s->delayed.tree_blocks;
	uint64_t available;

	/*
	 * The trees of delayed data may have what is kept back for metadata anyway: at worst all
	 * extents are of one block, and these are not split when they have been written.
	 */
	if (trees > s->resv_blocks)
		reserve += trees - s->resv_blocks;
	if (!may_use_reserved(s, who))
		reserve += ext2fs_r_blocks_count(s->fs->super);
	available = (free > reserve ? free - reserve : 0) + who->promised;
	return available < free ? available : free;
}

/*
 * libext2fs 1.47 calls this with the end of the range and no length. So who takes or
 * frees a range here says so himself, and if somebody else does it can be anywhere.
 */
static void range_changed_hands(ext2_filsys fs, blk64_t blk, blk_t num, int inuse)
{
	struct server *s = fs->priv_data;

	(void)blk; (void)num; (void)inuse;
	if (!s->changing_range)
		bitmaps_blocks_changed(s, fs->super->s_first_data_block,
				       ext2fs_blocks_count(fs->super) -
				       fs->super->s_first_data_block);
}

/* Blocks are in use from now on, or not any more: in memory. */
static void change_range(struct server *s, uint64_t pblk, uint64_t len, int inuse)
{
	s->changing_range = true;
	ext2fs_block_alloc_stats_range(s->fs, pblk, len, inuse);
	s->changing_range = false;
	bitmaps_blocks_changed(s, pblk, len);
	if (inuse > 0)
		careful_new_blocks(s, pblk, len);
}

int alloc_room(struct server *s, uint64_t clusters)
{
	uint64_t need = clusters << s->fs->cluster_ratio_bits;

	if (free_now(s) < need)
		return -ENOSPC;
	/* what files may grow into is marked as used, and libext2fs looks for what isn't */
	if (!alloc_has_plenty(s, need))
		windows_end_all(s);
	return 0;
}

static uint64_t valid_goal(const struct server *s, uint64_t goal)
{
	uint64_t mask = EXT2FS_CLUSTER_MASK(s->fs);

	goal &= ~mask;
	if (goal < s->fs->super->s_first_data_block ||
	    goal >= (ext2fs_blocks_count(s->fs->super) & ~mask))
		return s->fs->super->s_first_data_block;
	return goal;
}

bool alloc_is_free(struct server *s, uint64_t pblk, uint64_t len)
{
	return len && search_at(s, pblk, len) == len;
}

uint64_t alloc_find_room(struct server *s, uint64_t goal, uint64_t len)
{
	uint64_t to = search_end(s);
	uint64_t reach = (uint64_t)ROOM_GROUPS * s->fs->super->s_blocks_per_group;
	struct search q = search_for(s, len);

	goal = valid_goal(s, goal);
	if (to - goal > reach)
		to = goal + reach;
	return alloc_has_plenty(s, len) && search_range(s, &q, goal, to) ? q.longest.start : 0;
}

bool alloc_has_plenty(const struct server *s, uint64_t more)
{
	uint64_t free = free_now(s);
	uint64_t kept = s->windows.blocks + more + 2 * s->resv_blocks + s->delayed.blocks +
			((uint64_t)SHORT << s->fs->cluster_ratio_bits);

	return free > kept;
}

int alloc_blocks(struct server *s, uint64_t goal, uint64_t lblk, uint64_t want, uint64_t ahead,
		 const struct caller *who, uint64_t *pblk, uint64_t *len)
{
	uint64_t mask = EXT2FS_CLUSTER_MASK(s->fs);
	uint64_t available = alloc_available(s, who) & ~mask;
	struct run run = { 0 };

	want = (want + mask) & ~mask;
	if (want > available)
		want = available;
	if (!want)
		return -ENOSPC;

	goal = valid_goal(s, goal);
	/* what libext2fs takes for itself has to be there without looking for it */
	if (!alloc_has_plenty(s, 0))
		windows_end_all(s);
	run = search_place(s, goal, lblk, want, ahead);
	if (!run.len && s->windows.nr) {
		windows_end_all(s);
		return alloc_blocks(s, goal, lblk, want, 0, who, pblk, len);
	}
	if (!run.len)
		return -ENOSPC;
	/* bitmaps that say so have not been accepted (bitmap_check.h) */
	if (!map_valid_range(s, run.start, run.len))
		return fs_error(s, 0, run.start, "blocks of the file system itself are allocated");
	change_range(s, run.start, run.len, 1);
	cache_forget(s->cache, run.start, run.len);
	s->dirty = true;
	*pblk = run.start;
	*len = run.len;
	return 0;
}

int alloc_take(struct server *s, uint64_t pblk, uint64_t len)
{
	if (!map_valid_range(s, pblk, len))
		return -EUCLEAN;
	change_range(s, pblk, len, 1);
	cache_forget(s->cache, pblk, len);
	s->dirty = true;
	return 0;
}

/*
 * Pins
 */

static bool make_pin_map(struct server *s)
{
	/* libext2fs takes each new bitmap as a reason to write bitmaps in its own way */
	errcode_t (*write_bitmaps)(ext2_filsys fs) = s->fs->write_bitmaps;

	if (ext2fs_allocate_block_bitmap(s->fs, "pinned blocks", &s->pins.map))
		s->pins.map = NULL;
	s->fs->write_bitmaps = write_bitmaps;
	return s->pins.map;
}

static void pin(struct server *s, uint64_t pblk, uint64_t len)
{
	struct pins *p = &s->pins;
	struct pin *last = p->nr ? &p->list[p->nr - 1] : NULL;

	if (!p->map && !make_pin_map(s)) {
		commit_abort(s, -ENOMEM);
		return;
	}
	ext2fs_mark_block_bitmap_range2(s->fs->block_map, pblk, len);
	ext2fs_mark_block_bitmap_range2(p->map, pblk, len);
	p->blocks += len;
	/* not one of a transaction that is being committed */
	if (last && p->nr > p->committing) {
		if (last->pblk + last->len == pblk) {
			last->len += len;
			return;
		}
		/* files are freed from the end */
		if (pblk + len == last->pblk) {
			last->pblk = pblk;
			last->len += len;
			return;
		}
	}
	if (p->nr == p->room) {
		size_t room = p->room ? p->room * 2 : 256;
		struct pin *list = realloc(p->list, room * sizeof(*list));

		if (!list) {
			/* the bitmap would not be what the counts say */
			commit_abort(s, -ENOMEM);
			return;
		}
		p->list = list;
		p->room = room;
	}
	p->list[p->nr++] = (struct pin){ pblk, len };
}

bool alloc_has_pins(const struct server *s)
{
	return s->pins.nr;
}

bool alloc_is_short(const struct server *s)
{
	return s->pins.nr > s->pins.committing &&
	       free_now(s) < s->resv_blocks / 2 + ((uint64_t)SHORT << s->fs->cluster_ratio_bits);
}

static void mark_pins(struct server *s, size_t n, bool used)
{
	for (size_t i = 0; i < n; i++) {
		const struct pin *p = &s->pins.list[i];

		if (used)
			ext2fs_mark_block_bitmap_range2(s->fs->block_map, p->pblk, p->len);
		else
			ext2fs_unmark_block_bitmap_range2(s->fs->block_map, p->pblk, p->len);
	}
}

void alloc_unpin(struct server *s)
{
	if (!s->careful.on)
		mark_pins(s, s->pins.nr, false);
	windows_mark(s, false);
	trim_mark(s, false);
}

void alloc_repin(struct server *s)
{
	mark_pins(s, s->pins.nr, true);
	windows_mark(s, true);
	trim_mark(s, true);
}

void alloc_pins_commit(struct server *s)
{
	s->pins.committing = s->pins.nr;
}

void alloc_pins_committed(struct server *s)
{
	struct pins *p = &s->pins;
	size_t left = p->nr - p->committing;

	mark_pins(s, p->committing, false);
	for (size_t i = 0; i < p->committing; i++) {
		p->blocks -= p->list[i].len;
		search_freed(s, p->list[i].pblk, p->list[i].len);
		ext2fs_unmark_block_bitmap_range2(p->map, p->list[i].pblk, p->list[i].len);
		if (s->careful.on)
			bitmaps_blocks_changed(s, p->list[i].pblk, p->list[i].len);
		else
			trim_changed(s, p->list[i].pblk, p->list[i].len);
	}
	if (s->careful.on && p->committing) {
		ext2fs_mark_bb_dirty(s->fs);
		s->dirty = true;
	}
	for (size_t i = 0; i < left; i++)
		p->list[i] = p->list[p->committing + i];
	p->nr = left;
	p->committing = 0;
}

void alloc_destroy(struct server *s)
{
	free(s->pins.list);
	if (s->pins.map)
		ext2fs_free_block_bitmap(s->pins.map);
	s->pins = (struct pins){ 0 };
	s->windows = (struct windows){ 0 };
	trim_destroy(s);
}

static void free_range(struct server *s, uint64_t pblk, uint64_t len)
{
	if (!free_check(s, pblk, len))
		return;
	change_range(s, pblk, len, -1);
	pin(s, pblk, len);
	cache_forget(s->cache, pblk, len);
	s->dirty = true;
}

void alloc_free(struct server *s, uint64_t pblk, uint64_t len)
{
	uint64_t end = pblk + len;

	/* there is no way back from here, so bitmaps are read with the lock held */
	if (!len || cache_try_end(s->cache))
		return;
	/* both of them know what to do with blocks outside */
	if (bitmaps_need_range(s, pblk, len) == 0 || !map_valid_range(s, pblk, len)) {
		free_range(s, pblk, len);
		return;
	}
	/* where the bitmap can't be used, which has been noted, blocks stay in use */
	while (pblk < end) {
		dgrp_t g = ext2fs_group_of_blk2(s->fs, pblk);
		uint64_t next = ext2fs_group_last_block2(s->fs, g) + 1;

		if (next > end)
			next = end;
		if (s->changed_groups[g] & HAVE_BLOCKS)
			free_range(s, pblk, next - pblk);
		pblk = next;
	}
}

errcode_t alloc_new_block(struct server *s, uint64_t goal, blk64_t *ret)
{
	struct search q = { .want = 1, .reads = UINT32_MAX };
	int err;

	if (search_around(s, &q, valid_goal(s, goal))) {
		*ret = q.longest.start;
		return 0;
	}
	err = cache_missed(s->cache);
	return err ? EXT2_ET_SHORT_READ : EXT2_ET_BLOCK_ALLOC_FAIL;
}

/*
 * A block of an extent tree: not where a place is left for the file's data, nor right behind
 * that, where the file may grow, if there are others.
 */
static errcode_t get_block(ext2_filsys fs, blk64_t goal, blk64_t *ret)
{
	struct server *s = fs->priv_data;
	errcode_t err;

	if (quota_refuses_block(s))
		return EDQUOT;
	err = alloc_new_block(s, goal, ret);
	if (err || *ret < s->spread.pblk || *ret - s->spread.pblk >= 2 * s->spread.len)
		return err;
	return alloc_new_block(s, s->spread.pblk + 2 * s->spread.len, ret);
}

/*
 * libext2fs has freed @blk, maybe in a group whose bitmap has not been read: have it read, as if
 * the block had not been freed yet.  False: it stays in use
 */
static bool read_freed(struct server *s, blk64_t blk)
{
	dgrp_t g = ext2fs_group_of_blk2(s->fs, blk);

	if (s->changed_groups[g] & HAVE_BLOCKS)
		return true;
	/* it has changed something already, so there is no way back */
	free_undo(s, blk);
	if (cache_try_end(s->cache) || bitmaps_need_blocks(s, g))
		return false;
	/* a block that is free stays as it is, which free_check() notes */
	if (!free_check(s, blk, EXT2FS_CLUSTER_RATIO(s->fs)))
		return false;
	free_redo(s, blk);
	return true;
}

/*
 * A freed metadata block may become file data, which the kernel writes without
 * asking here: no copy of it may be left in the cache.
 */
static void block_changed_hands(ext2_filsys fs, blk64_t blk, int inuse)
{
	struct server *s = fs->priv_data;

	if (inuse < 0) {
		blk &= ~(blk64_t)EXT2FS_CLUSTER_MASK(fs);
		if (!read_freed(s, blk) || !free_check_freed(s, blk))
			return;
		pin(s, blk, EXT2FS_CLUSTER_RATIO(fs));
		cache_forget(s->cache, blk, EXT2FS_CLUSTER_RATIO(fs));
	} else {
		/* get_block() has found it there */
		assert(s->changed_groups[ext2fs_group_of_blk2(fs, blk)] & HAVE_BLOCKS);
		careful_new_blocks(s, blk, 1);
	}
	bitmaps_blocks_changed(s, blk, 1);
	s->dirty = true;
}

void alloc_init(struct server *s)
{
	s->fs->priv_data = s;
	ext2fs_set_alloc_block_callback(s->fs, get_block, NULL);
	ext2fs_set_block_alloc_stats_callback(s->fs, block_changed_hands, NULL);
	ext2fs_set_block_alloc_stats_range_callback(s->fs, range_changed_hands, NULL);
}
