// SPDX-License-Identifier: GPL-2.0-or-later
/* What must hold of every tree; see kernel/extent_tree_node.h and extent_tree_index.h. */
#include "extent_tree_index.h"

struct totals {
	u64 end; /* where the last extent seen ends */
	size_t bytes, nr, leaves;
	size_t entries; /* of the index that lead to a leaf seen, from where they may */
};

/* All is to lie between blocks @from and @to. */
static const char *check_leaf(const struct et_leaf *l, u64 from, u64 to, struct totals *sum)
{
	struct et_extent e;
	unsigned int i;

	u64 at = 0; /* where the slot seen last begins */

	if (!l->h.live || l->h.live & ~ALL_SLOTS(l->h.cap))
		return "a leaf's slots";
	if (LEAF_SIZE(l->h.cap) > LEAF_MAX || LEAF_SIZE(l->h.cap) < LEAF_MIN)
		return "a leaf's capacity";
	if (l->h.hint > l->h.cap - 2)
		return "a leaf's hint";
	if (leaf_end(l) > to)
		return "a leaf's end";
	for (i = 0; i < l->h.cap; i++) {
		u64 where = records(l)[i].where;

		if (where == NO_RECORD) {
			at = NO_RECORD;
			if (is_live(l, i))
				return "an extent in a slot that is not in use";
			continue;
		}
		if (at == NO_RECORD)
			return "a slot behind the ones in use";
		if (offset_at(l, i) < at)
			return "slots out of order";
		at = offset_at(l, i);
		if (!length_of(where) != !is_live(l, i))
			return "a hole with a length, or an extent without";
		if (!is_live(l, i)) {
			if (i && slot_before(l, i) != NO_SLOT && at < sum->end)
				return "a hole in an extent";
			continue;
		}
		get(l, i, &e);
		if (!e.length || (sum->nr && e.offset < sum->end))
			return "extents overlap or are empty";
		if (e.offset < from || end_of(&e) > to)
			return "a key";
		sum->end = end_of(&e);
		sum->nr++;
	}
	return NULL;
}

/* Count the entries that forgetting the leaf would find. */
static void count_entries(const struct et_index *ix, const struct et_leaf *l, struct totals *sum)
{
	u64 at, i;

	sum->leaves++;
	if (!ix || !et_index_place(ix, l->base, &at))
		return;
	at >>= 32;
	for (i = at; i < ix->nr && i < at + WINDOW; i++)
		sum->entries += entry_leaf(ix->entry[i]) == l;
}

static const char *check_index(const struct et_index *ix, size_t entries)
{
	u64 last;
	u32 i;

	if (!et_index_place(ix, ix->origin + ((u64)(ix->reach - 1) << ix->shift), &last) ||
	    last >> 32 >= ix->nr)
		return "an index whose last bucket is not there";
	for (i = 0; i < ix->nr; i++)
		entries -= !!entry_leaf(ix->entry[i]);
	if (entries || ix->entry[ix->nr])
		return "an entry of the index leads to what is not a leaf, or from too far";
	return NULL;
}

static const char *check_node(const struct extent_tree *t, struct et_node *n, u64 from, u64 to,
			      struct totals *sum)
{
	const char *wrong;
	struct et_inner *in;
	unsigned int i;

	sum->bytes += node_size(n);
	if (!n->level) {
		count_entries(t->index, to_leaf(n), sum);
		return check_leaf(to_leaf(n), from, to, sum);
	}
	in = to_inner(n);
	if (!n->nr || n->nr > INNER_MAX)
		return "an inner node's count";
	if (n->hint >= INNER_MAX)
		return "an inner node's hint";
	for (i = 0; i < INNER_SLOTS; i++) {
		if (!in->child[i] != (i >= n->nr))
			return "an inner node's empty slots";
		if (i < INNER_SLOTS - 1 && (in->key[i] == NO_KEY) != (i + 1 >= n->nr))
			return "an inner node's unused keys";
		if (i >= n->nr)
			continue;
		if (in->child[i]->level + 1 != n->level)
			return "levels";
		wrong = check_node(t, in->child[i], i ? in->key[i - 1] : from,
				   i + 1 < n->nr ? in->key[i] : to, sum);
		if (wrong)
			return wrong;
	}
	return NULL;
}

const char *et_check(struct extent_tree *t)
{
	struct totals sum = {0};
	const char *wrong = t->root ? check_node(t, t->root, 0, NO_KEY, &sum) : NULL;

	if (!wrong && t->index) {
		sum.bytes += (size_t)1 << t->index->order;
		wrong = check_index(t->index, sum.entries);
	}
	if (wrong)
		return wrong;
	if (sum.nr != t->nr)
		return "the number of extents";
	if (sum.leaves != t->leaves)
		return "the number of leaves";
	if (sum.bytes != t->bytes)
		return "the number of bytes";
	return NULL;
}
