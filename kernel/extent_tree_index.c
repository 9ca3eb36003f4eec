// SPDX-License-Identifier: GPL-2.0
/*
 * Making and keeping the index of the extent tree.  What it is and what must hold of it
 * is at the head of extent_tree_index.h.
 *
 * A new index is filled before it is seen, while the tree does not change.  The old one
 * is not kept up from then on; a reader that still has it began before, and throws away
 * what it found if the tree has changed since.  The leaves that it leads to stay
 * memory for as long as that reader: they are freed after a grace period that begins
 * after it took the pointer.
 */
#include "extent_tree_index.h"

#define LEAVES_MIN	16	/* below that one node above the leaves is as good */
#define ORDER_MAX	25	/* the largest index, bytes as a power of 2 */
#define AHEAD		8	/* leaves asked for in advance */

static inline u32 buckets_of(unsigned int order)
{
	return (((size_t)1 << order) - sizeof(struct et_index)) / sizeof(uintptr_t) - 1;
}

static void set_entry(uintptr_t *entry, const struct et_leaf *l, uintptr_t part)
{
	et_publish(*entry, (uintptr_t)l | part);
}

static void note(struct et_index *ix, const struct et_leaf *l, u64 end)
{
	u64 from, to, b, last;

	if (!et_index_place(ix, l->base, &from)) {
		ix->outside++;
		return;
	}
	if (!et_index_place(ix, end, &to))
		to = (u64)ix->nr << 32;
	/* in 64ths of buckets */
	from >>= PART_SHIFT;
	to >>= PART_SHIFT;
	b = from / PARTS;
	if (from % PARTS) {
		/* the bucket's start is in the leaf before, which ends here */
		set_entry(&ix->entry[b], entry_leaf(ix->entry[b]), from % PARTS - 1);
		b++;
	}
	last = min_t(u64, from / PARTS + WINDOW, ix->nr);
	for (; b < last && b * PARTS < to; b++)
		set_entry(&ix->entry[b], l, min_t(u64, to - b * PARTS, PARTS) - 1);
}

void et_index_note(struct extent_tree *t, struct et_leaf *l, u64 end)
{
	if (t->index)
		note(t->index, l, end);
}

void et_index_forget(struct extent_tree *t, const struct et_leaf *l)
{
	struct et_index *ix = t->index;
	u64 b, last;

	if (!ix || !et_index_place(ix, l->base, &b))
		return;
	b >>= 32;
	last = min_t(u64, b + WINDOW, ix->nr);
	for (; b < last; b++) {
		if (entry_leaf(ix->entry[b]) == l)
			set_entry(&ix->entry[b], NULL, ix->entry[b] & PART_MASK);
	}
}

/* Enter all leaves; returns how many of them can be found. */
static size_t fill(struct extent_tree *t, struct et_index *ix)
{
	struct et_path p;
	struct et_leaf *l;
	size_t found = 0;
	bool more;

	et_descend(t, 0, &p);
	do {
		const struct et_inner *in = p.inner[0];
		unsigned int slot = p.slot[0] + AHEAD;

		if (!p.slot[0])
			et_pause();
		if (slot < INNER_MAX && in->child[slot])
			prefetch(in->child[slot]);
		l = p.leaf;
		more = et_next_leaf(&p);
		note(ix, l, more ? p.leaf->base : NO_KEY);
		found += et_index_find(ix, leaf_first(l)) == l;
	} while (more);
	return found;
}

/* Where the tree begins and ends. */
static void range_of(struct extent_tree *t, u64 *first, u64 *end)
{
	struct et_path p;
	struct et_leaf *l;

	et_descend(t, 0, &p);
	*first = leaf_first(p.leaf);
	et_descend(t, NO_KEY - 1, &p);
	l = p.leaf;
	*end = end_at(l, last_slot(l));
}

static struct et_index *new_index(struct extent_tree *t, bool behind)
{
	unsigned int order = 7;
	struct et_index *ix;
	u64 first, end, blocks;

	while (order < ORDER_MAX && buckets_of(order) < 2 * t->leaves)
		order++;
	ix = et_alloc_large((size_t)1 << order);
	if (!ix)
		return NULL;
	memset(ix, 0, (size_t)1 << order);
	range_of(t, &first, &end);
	/* files are mostly filled from the start on */
	if (first <= end - first)
		first = 0;
	blocks = end - first;
	blocks += behind ? blocks : blocks / 16;
	ix->origin = first;
	while (blocks >> ix->shift > U32_MAX)
		ix->shift++;
	ix->reach = max_t(u32, blocks >> ix->shift, 1);
	ix->nr = min_t(u32, buckets_of(order), ix->reach);
	ix->scale = et_div((u64)ix->nr << 32, ix->reach);
	ix->order = order;
	t->bytes += (size_t)1 << order;
	return ix;
}

static void free_index(struct extent_tree *t, struct et_index *ix)
{
	t->bytes -= (size_t)1 << ix->order;
	et_free(ix, rcu);
}

void et_index_drop(struct extent_tree *t)
{
	struct et_index *ix = t->index;

	if (!ix)
		return;
	et_publish(t->index, NULL);
	t->index_at = 0;
	free_index(t, ix);
}

void et_index_grow(struct extent_tree *t, bool behind)
{
	struct et_index *old = t->index, *ix;

	if (t->leaves < max_t(size_t, LEAVES_MIN, t->index_at) &&
	    (!old || old->outside <= t->leaves / 8))
		return;
	ix = new_index(t, behind);
	if (!ix) {
		/* not at each leaf */
		t->index_at = t->leaves + t->leaves / 8;
		if (old)
			old->outside = 0;
		return;
	}
	/* not sooner, even if there could not be as many buckets as there should */
	t->index_at = max_t(size_t, ix->nr, t->leaves * 2);
	if (fill(t, ix) < t->leaves / 2) {
		/* most leaves lie together in a small part of the blocks */
		free_index(t, ix);
		et_index_drop(t);
		t->index_at = t->leaves * 2;
		return;
	}
	et_publish(t->index, ix);
	if (old)
		free_index(t, old);
}

void et_index_shrink(struct extent_tree *t)
{
	if (t->index && t->leaves < t->index->nr / 16)
		et_index_drop(t);
}
