// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Block maps, whatever their format: see map.h.
 */
#include "map.h"

#include <errno.h>
#include <time.h>

#include "bitmap_load.h"
#include "block_set.h"
#include "cold.h"
#include "commit.h"

/* One extent's worth, so that an allocation is one on-disk record */
#define ALLOC_MAX	EXT_UNINIT_MAX_LEN
/* Indirect blocks: all of it has to be zeroed at once. */
#define ALLOC_MAX_ZEROED_BYTES	(8ULL << 20)
/* Gaps in a file are left on the device, too, if they are smaller, bytes */
#define SPREAD_MAX	(8ULL << 20)
/* Others get their turn after a long change has had the lock for so long, ns */
#define HELD_MAX	5000000ULL

bool map_exists(struct server *s, struct inode *in)
{
	return !inode_is_inline(in) && ext2fs_inode_has_valid_blocks2(s->fs, inode_small(in));
}

int map_lookup(struct server *s, struct inode *in, uint64_t lblk, unsigned int flags,
	       struct mapping *m)
{
	if (inode_is_inline(in))
		return -EINVAL;
	if (lblk > MAP_MAX_LBLK)
		return -EFBIG;
	*m = (struct mapping){ 0 };
	if (inode_has_extents(in))
		return extent_lookup(s, in, lblk, flags, m);
	return indirect_lookup(s, in, lblk, m);
}

void map_walk(struct server *s, struct inode *in, uint64_t lblk, uint64_t end, unsigned int room,
	      map_each *each, void *arg)
{
	struct mapping m;

	if (inode_is_inline(in))
		return;
	if (inode_has_extents(in)) {
		extent_walk(s, in, lblk, end, room, each, arg);
		return;
	}
	while (lblk < end && lblk <= MAP_MAX_LBLK && room-- && !indirect_lookup(s, in, lblk, &m)) {
		if (m.pblk)
			m.pblk += lblk - m.lblk;
		m.len -= lblk - m.lblk;
		m.lblk = lblk;
		if (!each(arg, &m))
			break;
		lblk += m.len;
	}
}

void map_walk_back(struct server *s, struct inode *in, uint64_t lblk, unsigned int room,
		   map_each *each, void *arg)
{
	/* indirect blocks only tell where a run of blocks ends */
	if (!inode_is_inline(in) && inode_has_extents(in))
		extent_walk_back(s, in, lblk, room, each, arg);
}

void map_want(struct server *s, struct inode *in, uint64_t lblk, unsigned int before,
	      unsigned int behind)
{
	if (!inode_is_inline(in) && inode_has_extents(in))
		extent_want(s, in, lblk, before, behind);
}

/*
 * The place that is left between what is mapped before the hole and behind it: as far from
 * the nearer one on the device as in the file, if that is free.  0: there is no such place.
 */
static uint64_t goal_in_hole(struct server *s, struct inode *in, uint64_t lblk, uint64_t len,
			     const struct mapping *hole)
{
	uint64_t max = SPREAD_MAX >> block_bits(s), end = hole->lblk + hole->len;
	uint64_t before = 0, behind = 0;
	struct mapping e;

	if (hole->lblk && lblk - hole->lblk <= max &&
	    !map_lookup(s, in, hole->lblk - 1, MAP_EXACT, &e) && e.pblk)
		before = e.pblk + (lblk - e.lblk);
	if (end <= MAP_MAX_LBLK && end - lblk <= max && !map_lookup(s, in, end, MAP_EXACT, &e) &&
	    e.pblk > end - lblk)
		behind = e.pblk - (end - lblk);
	if (before && !alloc_is_free(s, before, len))
		before = 0;
	if (behind && !alloc_is_free(s, behind, len))
		behind = 0;
	return !behind || (before && lblk - hole->lblk < end - lblk) ? before : behind;
}

/*
 * Only a part of what the file has there, or will have, is to be written now, and not from
 * the start on.  Then this part gets its place where there is room for all, at most SPREAD_MAX,
 * so that what is written later finds its own beside it.
 *
 *	file     |......wwww..ww......|        w: written now
 *	device   |xx|      wwww  ww      |xx|
 */
static uint64_t goal_for_all(struct server *s, struct inode *in, uint64_t lblk, uint64_t len,
			     const struct mapping *hole, uint64_t goal)
{
	struct node *node = node_find(s, in->ino);
	const struct delayed *d = node ? &node->delayed : NULL;
	uint64_t bs = s->fs->blocksize, max = SPREAD_MAX >> block_bits(s), mask;
	uint64_t start = lblk & ~(max - 1), end = (inode_size(in) + bs - 1) / bs, room;

	/* on the disk the size comes last */
	if (d && d->nr && d->list[d->nr - 1].end > end)
		end = d->list[d->nr - 1].end;
	mask = EXT2FS_CLUSTER_MASK(s->fs);
	if (start < hole->lblk)
		start = (hole->lblk + mask) & ~mask;
	if (end > hole->lblk + hole->len)
		end = hole->lblk + hole->len;
	if (end > start + max)
		end = start + max;
	if (start > lblk || end <= lblk + len)
		end = lblk + len;
	if (start >= lblk && end == lblk + len)
		return goal;
	/* one after the other, and all */
	if (start == lblk && d && delayed_in(node, start, end - start) == end - start)
		return goal;
	/* looking takes long where space is in small pieces */
	if (node && !node->spread.pblk && lblk - node->spread.lblk < node->spread.len)
		return goal;
	room = alloc_find_room(s, goal, (end - start + mask) & ~mask);
	if (node)
		node->spread = (struct spread){ .lblk = start, .pblk = room, .len = end - start };
	return room ? room + (lblk - start) : goal;
}

/* @more, too, if that goes on in one piece; else instead */
static void spread_over(struct spread *sp, const struct spread *more)
{
	uint64_t end = more->lblk + more->len;

	if (!sp->len || more->lblk < sp->lblk || end <= sp->lblk + sp->len ||
	    more->pblk - sp->pblk != more->lblk - sp->lblk)
		*sp = *more;
	else
		sp->len = end - sp->lblk;
}

/*
 * In the room that was found for all; or, if somebody else is there, behind that, where it
 * takes no place of others.  0: there is no room for all.
 */
static uint64_t goal_in_spread(struct server *s, const struct node *node, uint64_t lblk,
			       uint64_t len)
{
	const struct spread *sp = &node->spread;
	uint64_t goal;

	if (!sp->pblk || lblk < sp->lblk || lblk - sp->lblk >= sp->len)
		return 0;
	goal = sp->pblk + (lblk - sp->lblk);
	if (alloc_is_free(s, goal, len))
		return goal;
	goal = sp->pblk + 2 * sp->len;
	return goal < ext2fs_blocks_count(s->fs->super) ? goal : 0;
}

/*
 * Next to the block before, or where it is left out between others of the file, or where the
 * inode's group is.
 */
static uint64_t choose_goal(struct server *s, struct inode *in, struct node *node, uint64_t lblk,
			    uint64_t len, const struct mapping *hole)
{
	struct mapping before;
	uint64_t goal = 0;

	if (node && node->goal && node->goal_lblk == lblk)
		return node->goal;
	if (inode_has_extents(in)) {
		/* what is kept for going on is free for the file itself */
		window_end(s, in->ino);
		if (node)
			goal = goal_in_spread(s, node, lblk, len);
		if (goal)
			return goal;
	}
	if (lblk && !map_lookup(s, in, lblk - 1, MAP_EXACT, &before) && before.pblk)
		return before.pblk + (lblk - before.lblk);
	goal = ext2fs_find_inode_goal(s->fs, in->ino, inode_small(in), lblk);
	if (inode_has_extents(in)) {
		uint64_t own = goal_in_hole(s, in, lblk, len, hole), gap = lblk - hole->lblk;

		if (!own)
			return goal_for_all(s, in, lblk, len, hole, goal);
		/* what is left out before it waits for its own, too */
		if (node && gap && gap <= SPREAD_MAX >> block_bits(s) && own > gap)
			spread_over(&node->spread, &(struct spread){
				.lblk = hole->lblk, .pblk = own - gap, .len = gap + len,
			});
		return own;
	}
	return goal;
}

static int alloc_extent(struct server *s, struct inode *in, struct mapping *m,
			const struct space *sp)
{
	int err = extent_insert(s, in, m);

	return err ? err : space_count(s, in, sp);
}

/*
 * There is no unwritten state here, so what is not written must be zero on the
 * device before it becomes part of the file.
 */
static int alloc_indirect(struct server *s, struct inode *in, struct mapping *m)
{
	uint64_t bs = s->fs->blocksize;
	uint64_t inserted = 0;
	int err;

	m->type = MAP_MAPPED;
	err = device_zero(&s->src.dev, m->pblk * bs, m->len * bs);
	if (!err)
		err = indirect_insert(s, in, m, &inserted);
	if (inserted) {
		if (inserted < m->len)
			alloc_free(s, m->pblk + inserted, m->len - inserted);
		m->len = inserted;
		return lib_error(s, ext2fs_iblk_add_blocks(s->fs, inode_small(in), inserted),
				 in->ino);
	}
	return err;
}

/* As in kernel ext4: with clusters there are only extents. */
static int no_clusters(struct server *s, struct inode *in)
{
	if (!EXT2FS_CLUSTER_MASK(s->fs))
		return 0;
	return fs_error(s, in->ino, 0, "an indirect map with clusters");
}

/*
 * Before anything has changed: read the bitmap of the group from which the blocks most likely come.
 * 0, or -CACHE_COLD (cold.h)
 */
static int want_bitmap(struct server *s, const struct inode *in, const struct node *node,
		       uint64_t lblk)
{
	dgrp_t g = ext2fs_group_of_ino(s->fs, in->ino);

	if (node && node->goal && node->goal_lblk == lblk)
		g = ext2fs_group_of_blk2(s->fs, node->goal);
	if (g >= s->fs->group_desc_count || s->changed_groups[g] & HAVE_BLOCKS ||
	    !bitmaps_may_have_room(s, g))
		return 0;
	return bitmaps_need_blocks(s, g) == -CACHE_COLD ? -CACHE_COLD : 0;
}

int map_alloc(struct server *s, struct inode *in, struct node *node, uint64_t lblk,
	      uint64_t len, const struct caller *who, struct mapping *m)
{
	bool extents = inode_has_extents(in);
	struct node *promised = node_find(s, in->ino);
	struct caller claim = *who;
	struct space sp;
	uint64_t hole_end, ahead, goal;
	int err;

	err = map_lookup(s, in, lblk, 0, m);
	if (err || m->type != MAP_HOLE)
		return err;
	err = super_may_allocate(s);
	if (!err && !extents)
		err = no_clusters(s, in);
	if (!err)
		err = want_bitmap(s, in, node, lblk);
	if (!err)
		err = cold_settle(s);
	if (err)
		return err;

	hole_end = m->lblk + m->len;
	if (len > hole_end - lblk)
		len = hole_end - lblk;
	if (len > ALLOC_MAX)
		len = ALLOC_MAX;
	if (!extents && len > ALLOC_MAX_ZEROED_BYTES >> block_bits(s))
		len = ALLOC_MAX_ZEROED_BYTES >> block_bits(s);

	/* its own window is no obstacle */
	ahead = window_wanted(s, node, lblk);
	goal = choose_goal(s, in, node, lblk, len, m);
	window_open(s, in->ino, goal, len);
	if (promised)
		claim.promised = delayed_in(promised, lblk, len);
	err = space_take(s, in, goal, lblk, len, ahead, &claim, &sp);
	if (err)
		return err;
	*m = (struct mapping){
		.type = MAP_UNWRITTEN, .lblk = lblk, .len = sp.len, .pblk = sp.pblk,
		.fresh = true,
	};
	if (node && node->spread.pblk)
		s->spread = node->spread;
	err = extents ? alloc_extent(s, in, m, &sp) : alloc_indirect(s, in, m);
	s->spread = (struct spread){ 0 };
	if (err) {
		space_give_back(s, &sp);
		inode_store(s, in);
		return err;
	}
	err = inode_store(s, in);
	/* it is booked before it is no longer reserved: so timers of quotas go on */
	delayed_cut(s, promised, lblk, lblk + m->len);
	if (node) {
		node->goal = m->pblk + m->len;
		node->goal_lblk = lblk + m->len;
	}
	if (ahead && sp.taken)
		window_begin(s, in->ino, sp.start + sp.taken, ahead);
	return err;
}

int map_insert(struct server *s, struct inode *in, uint64_t lblk, const struct space *sp)
{
	struct mapping m = {
		.type = MAP_MAPPED, .lblk = lblk, .len = sp->len, .pblk = sp->pblk,
	};
	uint64_t inserted;
	int err;

	if (inode_has_extents(in))
		err = extent_insert(s, in, &m);
	else
		err = indirect_insert(s, in, &m, &inserted);
	if (!err)
		err = space_count(s, in, sp);
	return err ? err : inode_store(s, in);
}

int map_convert(struct server *s, struct inode *in, uint64_t lblk, uint64_t len)
{
	int err, store_err;

	if (inode_is_inline(in) || !inode_has_extents(in) || !len)
		return 0;
	err = super_may_allocate(s);
	if (err)
		return err;
	err = extent_convert(s, in, lblk, len);
	/* also what has been converted before an error: the root of the tree is in the inode */
	store_err = inode_store(s, in);
	return err ? err : store_err;
}

int map_shift(struct server *s, struct inode *in, uint64_t lblk, uint64_t distance, bool up)
{
	int err = super_may_allocate(s), store_err;

	if (!err && !inode_has_extents(in))
		err = -EOPNOTSUPP;
	if (err)
		return err;
	err = extent_shift(s, in, lblk, distance, up);
	store_err = inode_store(s, in);
	return err ? err : store_err;
}

static int commit_before(struct server *s, struct inode *in)
{
	int err = inode_store(s, in);

	if (!err)
		err = commit_part(s);
	/* waiting for another commit lets others have the lock */
	if (!err && s->frozen)
		err = -EAGAIN;
	return err ? err : inode_load(s, in->ino, in);
}

/*
 * Whoever waits for the lock gets it.  Only waking up takes that some time, in which this thread
 * must not take the lock again.
 */
static int give_way(struct server *s, struct inode *in)
{
	const struct timespec moment = { .tv_nsec = 50000 };
	int err = inode_store(s, in);

	if (err)
		return err;
	server_unlock(s);
	nanosleep(&moment, NULL);
	server_lock(s);
	if (s->frozen)
		return -EAGAIN;
	err = super_may_write(s);
	return err ? err : inode_load(s, in->ino, in);
}

/* Looking at the clock is for changes that are long enough to have a second part. */
static bool is_held_long(struct server *s)
{
	struct timespec ts;
	uint64_t now;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = ts.tv_sec * 1000000000ULL + ts.tv_nsec;
	if (!s->held_since)
		s->held_since = now;
	return now - s->held_since > HELD_MAX;
}

int map_pause(struct server *s, struct inode *in)
{
	if (commit_is_due(s))
		return commit_before(s, in);
	/* whoever says that it is kept may not hold it at all: before the mount is there */
	return s->keeps_lock || !is_held_long(s) ? 0 : give_way(s, in);
}

/* Some of it, the last blocks first.  Stores the inode. */
static int punch_part(struct server *s, struct inode *in, uint64_t lblk, uint64_t *end,
		      struct block_set *tables)
{
	int err = 0, store_err;

	if (inode_has_extents(in)) {
		err = extent_punch(s, in, lblk, end);
	} else {
		if (in->raw.i_blocks)
			err = no_clusters(s, in);
		if (!err)
			err = indirect_punch(s, in, lblk, end, tables);
	}
	store_err = inode_store(s, in);
	return err ? err : store_err;
}

int map_punch(struct server *s, struct inode *in, uint64_t lblk, uint64_t len)
{
	struct block_set tables = { 0 };
	uint64_t end;
	int err;

	if (!len || !map_exists(s, in) || lblk > MAP_MAX_LBLK)
		return 0;
	err = super_may_allocate(s);
	end = len > MAP_MAX_LBLK + 1 - lblk ? MAP_MAX_LBLK + 1 : lblk + len;
	while (!err) {
		err = punch_part(s, in, lblk, &end, &tables);
		if (err || end <= lblk)
			break;
		err = map_pause(s, in);
		block_set_destroy(&tables);
	}
	block_set_destroy(&tables);
	return err;
}

static bool waits_to_free(struct server *s, struct inode *in)
{
	return careful_waits_to_free(s, in->ino,
				     ext2fs_get_stat_i_blocks(s->fs, inode_small(in)));
}

int map_truncate(struct server *s, struct inode *in, uint64_t lblk)
{
	struct node *node = node_find(s, in->ino);
	struct block_set tables = { 0 };
	uint64_t end = MAP_MAX_LBLK + 1;
	/* node_put() is at work; whoever has come meanwhile may be here, too, and goes on */
	bool unused = node && node->leaving && !node->nlookup && !node->opens;
	uint64_t size = inode_size(in);
	bool listed = false;
	int err, list_err = 0;

	if (!map_exists(s, in) || lblk > MAP_MAX_LBLK)
		return 0;
	err = super_may_allocate(s);
	if (!err && node && !in->raw.i_links_count && waits_to_free(s, in))
		err = commit_before(s, in);
	while (!err) {
		err = punch_part(s, in, lblk, &end, &tables);
		if (err || end <= lblk)
			break;
		/* who isn't known can't be on the list: a new file, of which there is not much */
		if (!node)
			continue;
		if (!node->orphan) {
			err = orphan_add(s, node);
			listed = !err;
		}
		if (!err)
			err = inode_load(s, in->ino, in);
		if (!err)
			err = map_pause(s, in);
		/* somebody who found the name may have written behind @lblk meanwhile */
		if (!err && unused && (node->nlookup || node->opens || inode_size(in) != size))
			err = -EBUSY;
		block_set_destroy(&tables);
	}
	block_set_destroy(&tables);
	if (listed && !s->readonly && !s->frozen) {
		list_err = orphan_remove(s, node);
		if (!list_err)
			list_err = inode_load(s, in->ino, in);
	}
	return err ? err : list_err;
}
