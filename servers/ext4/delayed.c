// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Delayed allocation: see delayed.h.
 *
 * When little space is left nothing is delayed, so that the last blocks go to who really
 * needs them and ENOSPC is told when they are gone, not when they could be.
 *
 * Appending
 *
 *	file     |----------|dddddd|ssss|       d: asked for by writes, s: promised ahead
 *	                           ^ the end of the file, as the kernel has it
 *
 * A file that is written on at its end is promised some blocks ahead, so that the kernel
 * need not ask for each of them.  It gives back what it doesn't use when the file is closed
 * or grows in another way, so there are none below the end of the file, and what is
 * delayed in one piece there is what is dirty.
 */
#include "delayed.h"

#include <stdlib.h>
#include <string.h>

#include "map.h"
#include "quota.h"

/* Of one file: scattered writes beyond that are allocated at once. */
#define RANGES_MAX	4096
/* Blocks that have to be left before anything is promised */
#define LEFT_MIN	1024
/* Promised ahead: as much as the file is long, within these */
#define AHEAD_MIN	(64ULL << 10)	/* bytes */
#define AHEAD_MAX	(8ULL << 20)
/* ... and at most this part of what is left */
#define AHEAD_PART	64

/* The first range that ends behind @lblk, or the number of ranges */
static size_t first_behind(const struct delayed *d, uint64_t lblk)
{
	size_t low = 0, high = d->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (d->list[mid].end > lblk)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

bool delayed_find(const struct node *node, uint64_t lblk, struct delayed_range *r)
{
	const struct delayed *d = &node->delayed;
	size_t i = first_behind(d, lblk);

	if (i == d->nr || d->list[i].start > lblk)
		return false;
	*r = d->list[i];
	return true;
}

uint64_t delayed_in(const struct node *node, uint64_t lblk, uint64_t len)
{
	const struct delayed *d = &node->delayed;
	uint64_t end = lblk + len, sum = 0;

	for (size_t i = first_behind(d, lblk); i < d->nr && d->list[i].start < end; i++) {
		const struct delayed_range *r = &d->list[i];

		sum += (r->end < end ? r->end : end) - (r->start > lblk ? r->start : lblk);
	}
	return sum;
}

uint64_t delayed_blocks(struct server *s, uint32_t ino)
{
	const struct node *node = s->nodes ? node_find(s, ino) : NULL;

	return node ? node->delayed.blocks : 0;
}

/*
 * Blocks of the tree for @blocks extents more, of which @root_room fit into the inode: each
 * block may become an extent of its own, and tree blocks that were split are half full.
 */
static uint64_t tree_need(const struct server *s, uint64_t blocks, uint64_t root_room)
{
	uint64_t per = (s->fs->blocksize - sizeof(struct ext3_extent_header)) /
		       sizeof(struct ext3_extent) / 2;
	uint64_t sum = 0;

	if (blocks <= root_room)
		return 0;
	do {
		blocks = (blocks + per - 1) / per;
		sum += blocks;
	} while (blocks > 1);
	return sum;
}

static void account(struct server *s, struct delayed *d, uint64_t blocks)
{
	uint64_t tree = tree_need(s, blocks, d->root_room);

	quota_reserve(s, d->owner, (int64_t)(blocks - d->blocks));
	s->delayed.blocks += blocks - d->blocks;
	s->delayed.tree_blocks += tree - d->tree_blocks;
	d->blocks = blocks;
	d->tree_blocks = tree;
}

static uint64_t root_room(struct inode *in)
{
	const struct ext3_extent_header *eh = (const void *)in->raw.i_block;

	return eh->eh_depth || eh->eh_entries > eh->eh_max ? 0 : eh->eh_max - eh->eh_entries;
}

/* Make room for one range more. */
static bool reserve_range(struct delayed *d)
{
	size_t room = d->room ? d->room * 2 : 4;
	struct delayed_range *list;

	if (d->nr < d->room)
		return true;
	list = realloc(d->list, room * sizeof(*list));
	if (!list)
		return false;
	d->list = list;
	d->room = room;
	return true;
}

static void remove_ranges(struct delayed *d, size_t at, size_t nr)
{
	memmove(&d->list[at], &d->list[at + nr], (d->nr - at - nr) * sizeof(d->list[0]));
	d->nr -= nr;
	if (!d->nr) {
		free(d->list);
		d->list = NULL;
		d->room = 0;
	}
}

static void insert_range(struct delayed *d, size_t at, uint64_t start, uint64_t end)
{
	memmove(&d->list[at + 1], &d->list[at], (d->nr - at) * sizeof(d->list[0]));
	d->list[at] = (struct delayed_range){ start, end };
	d->nr++;
}

/* [@start, @end) becomes promised, what of it isn't yet; false: too many pieces */
static bool add(struct server *s, struct node *node, uint64_t start, uint64_t end)
{
	struct delayed *d = &node->delayed;
	uint64_t more = end - start - delayed_in(node, start, end - start);
	/* what touches it becomes one with it */
	size_t first = first_behind(d, start ? start - 1 : 0), last = first;

	while (last < d->nr && d->list[last].start <= end)
		last++;
	if (first == last) {
		if (d->nr >= RANGES_MAX || !reserve_range(d))
			return false;
		insert_range(d, first, start, end);
	} else {
		if (d->list[first].start < start)
			start = d->list[first].start;
		if (d->list[last - 1].end > end)
			end = d->list[last - 1].end;
		d->list[first] = (struct delayed_range){ start, end };
		if (last - first > 1)
			remove_ranges(d, first + 1, last - first - 1);
	}
	account(s, d, d->blocks + more);
	return true;
}

static void cut(struct server *s, struct delayed *d, uint64_t start, uint64_t end, uint64_t gone)
{
	size_t first = first_behind(d, start), last;

	if (d->list[first].start < start && d->list[first].end > end) {
		uint64_t rest = d->list[first].end;

		/* a promise that is kept for nothing costs space; one that is forgotten, data */
		if (!reserve_range(d))
			return;
		d->list[first].end = start;
		insert_range(d, first + 1, end, rest);
		account(s, d, d->blocks - gone);
		return;
	}
	if (d->list[first].start < start)
		d->list[first++].end = start;
	for (last = first; last < d->nr && d->list[last].end <= end; last++)
		;
	if (last < d->nr && d->list[last].start < end)
		d->list[last].start = end;
	if (last > first)
		remove_ranges(d, first, last - first);
	account(s, d, d->blocks - gone);
}

void delayed_cut(struct server *s, struct node *node, uint64_t start, uint64_t end)
{
	uint64_t gone;

	if (!node || !node->delayed.nr || start >= end)
		return;
	gone = delayed_in(node, start, end - start);
	if (!gone)
		return;
	cut(s, &node->delayed, start, end, gone);
	quota_reserve_released(s, node->delayed.owner);
}

void delayed_overlay(const struct node *node, uint64_t lblk, struct mapping *m)
{
	const struct delayed *d = node ? &node->delayed : NULL;
	uint64_t start = m->lblk, end = m->lblk + m->len;
	size_t i;

	if (!d || !d->nr || m->type != MAP_HOLE)
		return;
	i = first_behind(d, lblk);
	if (i < d->nr && d->list[i].start <= lblk) {
		m->type = MAP_DELAYED;
		if (d->list[i].start > start)
			start = d->list[i].start;
		if (d->list[i].end < end)
			end = d->list[i].end;
	} else {
		if (i && d->list[i - 1].end > start)
			start = d->list[i - 1].end;
		if (i < d->nr && d->list[i].start < end)
			end = d->list[i].start;
	}
	m->lblk = start;
	m->len = end - start;
}

/* How many blocks behind @end, to which the file is written now, should be promised too? */
static uint64_t ahead(struct server *s, struct inode *in, const struct node *node,
		      const struct mapping *hole, uint64_t lblk, uint64_t end, uint64_t left)
{
	const struct delayed *d = &node->delayed;
	unsigned int bits = block_bits(s);
	uint64_t max = inode_maxbytes(s, in) >> bits, n = end;

	/* only at the end of the file, and if it has been written on there before */
	if (hole->lblk + hole->len <= MAP_MAX_LBLK || !lblk || inode_size(in) > end << bits ||
	    (d->nr && d->list[d->nr - 1].end > lblk) ||
	    (!(d->nr && d->list[d->nr - 1].end == lblk) && node->goal_lblk != lblk))
		return 0;
	if (n < AHEAD_MIN >> bits)
		n = AHEAD_MIN >> bits;
	if (n > AHEAD_MAX >> bits)
		n = AHEAD_MAX >> bits;
	if (n > left / AHEAD_PART)
		n = left / AHEAD_PART;
	return end >= max ? 0 : n < max - end ? n : max - end;
}

bool delayed_is_possible(const struct server *s, const struct inode *in, const struct node *node)
{
	return s->opt.delalloc && !EXT2FS_CLUSTER_MASK(s->fs) && inode_has_extents(in) && node;
}

bool delayed_write(struct server *s, struct inode *in, uint64_t lblk, uint64_t end, bool grow,
		   const struct caller *who, struct mapping *m, uint64_t *stop)
{
	struct node *node = node_find(s, in->ino);
	struct delayed_range there;
	uint64_t left, need, more;
	size_t next;
	bool found;

	if (end > m->lblk + m->len)
		end = m->lblk + m->len;
	*stop = end;
	if (!delayed_is_possible(s, in, node) || end <= lblk)
		return false;
	found = delayed_find(node, lblk, &there);
	need = end - lblk - delayed_in(node, lblk, end - lblk);
	if (need) {
		node->delayed.root_room = root_room(in);
		left = alloc_available(s, who);
		more = tree_need(s, node->delayed.blocks + need, node->delayed.root_room);
		more -= more < node->delayed.tree_blocks ? more : node->delayed.tree_blocks;
		/* as much must be left as is promised by halves: then it is not tight */
		if (left > need + more && left - need - more >= s->delayed.blocks / 2 + LEFT_MIN) {
			if (grow)
				end += ahead(s, in, node, m, lblk, end, left - need - more);
			if (!node->delayed.blocks)
				quota_ids(s, in, node->delayed.owner);
			if (!quota_reserve_prepare(s, node->delayed.owner) &&
			    add(s, node, lblk, end))
				found = true;
			end = *stop;
		}
	}
	if (found) {
		delayed_overlay(node, lblk, m);
		return true;
	}
	/* not into what is promised behind it */
	next = first_behind(&node->delayed, lblk);
	if (next < node->delayed.nr && node->delayed.list[next].start < end)
		*stop = node->delayed.list[next].start;
	return false;
}
