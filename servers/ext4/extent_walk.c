// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many extents one after the other, where looking each up would be a way down the tree each.
 *
 * A leaf is found once and read in place from one end to the other.  What is damaged, or not in
 * the cache while that is tried, ends a walk: whoever asks for that will hear of it.
 */
#include "extent_leaf.h"

/* Who takes them, and how many more */
struct taker {
	map_each *each;
	void *arg;
	unsigned int room;
};

static inline bool take(struct taker *t, const struct mapping *m)
{
	return t->room-- && t->each(t->arg, m) && t->room;
}

/* A hole in [@start, @end), if there is one; false: no more */
static inline bool take_hole(struct taker *t, uint64_t start, uint64_t end)
{
	struct mapping m = { .type = MAP_HOLE, .lblk = start, .len = end - start };

	return start == end || take(t, &m);
}

/* The part of @e that is in [@start, @end), which overlaps it */
static inline bool take_extent(struct taker *t, const struct leaf_extent *e, uint64_t start,
			       uint64_t end)
{
	struct mapping m = { .type = e->unwritten ? MAP_UNWRITTEN : MAP_MAPPED };

	if (start < e->lblk)
		start = e->lblk;
	if (end > e->lblk + e->len)
		end = e->lblk + e->len;
	m.lblk = start;
	m.len = end - start;
	m.pblk = e->pblk + (start - e->lblk);
	return take(t, &m);
}

/* leaf_get(), and no extent begins before the leaf, but in the first one */
static inline int get(const struct server *s, const struct leaf *l, int i, struct leaf_extent *e)
{
	return leaf_get(s, l, i, e) || (e->lblk < l->begin && !l->first);
}

/* There is no room for another leaf like @l; so the next one need not be read to know that. */
static inline bool is_enough(const struct taker *t, const struct leaf *l)
{
	return t->room < l->nr;
}

void extent_walk(struct server *s, struct inode *in, uint64_t lblk, uint64_t end,
		 unsigned int room, map_each *each, void *arg)
{
	struct taker t = { .each = each, .arg = arg, .room = room };
	uint64_t leaf_end;
	struct leaf l;
	int i;

	if (!room || leaf_find(s, in, lblk, &l))
		return;
	for (i = l.at < 0 ? 0 : l.at;; i = 0) {
		for (; i < (int)l.nr && lblk < end; i++) {
			struct leaf_extent e;

			if (get(s, &l, i, &e))
				return;
			if (e.lblk + e.len <= lblk)
				continue;
			if (e.lblk > lblk && !take_hole(&t, lblk, e.lblk))
				return;
			if (!take_extent(&t, &e, lblk, UINT64_MAX))
				return;
			lblk = e.lblk + e.len;
		}
		if (lblk >= end)
			return;
		leaf_end = l.end;
		if (leaf_end > MAP_MAX_LBLK)
			break;
		if (is_enough(&t, &l))
			return;
		if (leaf_find(s, in, leaf_end, &l) || l.end <= leaf_end || l.nr > t.room)
			return;
	}
	take_hole(&t, lblk, MAP_MAX_LBLK + 1);
}

void extent_walk_back(struct server *s, struct inode *in, uint64_t lblk, unsigned int room,
		      map_each *each, void *arg)
{
	struct taker t = { .each = each, .arg = arg, .room = room };
	uint64_t leaf_begin;
	struct leaf l;

	if (!room || !lblk || leaf_find(s, in, lblk - 1, &l))
		return;
	for (;;) {
		for (int i = l.at; i >= 0; i--) {
			struct leaf_extent e;

			if (get(s, &l, i, &e) || e.lblk >= lblk)
				return;
			if (e.lblk + e.len < lblk && !take_hole(&t, e.lblk + e.len, lblk))
				return;
			if (!take_extent(&t, &e, 0, lblk))
				return;
			lblk = e.lblk;
		}
		if (l.first || !lblk)
			break;
		leaf_begin = l.begin;
		if (!leaf_begin || is_enough(&t, &l) || leaf_find(s, in, leaf_begin - 1, &l) ||
		    l.begin >= leaf_begin || l.nr > t.room)
			return;
	}
	take_hole(&t, 0, lblk);
}

/* Leaves like @l, but at least half full, in @room mappings, of which @rest are in @l */
static unsigned int leaves_in(const struct leaf *l, unsigned int room, unsigned int rest)
{
	unsigned int each = l->nr > l->max / 2 ? l->nr : l->max / 2;

	return room > rest && each ? (room - rest) / each : 0;
}

void extent_want(struct server *s, struct inode *in, uint64_t lblk, unsigned int before,
		 unsigned int behind)
{
	struct leaf l;

	if (leaf_find(s, in, lblk, &l))
		return;
	before = leaves_in(&l, before, l.at < 0 ? 0 : l.at);
	behind = leaves_in(&l, behind, l.nr - 1 - l.at);
	if (before || behind)
		leaf_want(s, in, lblk, before, behind);
}
