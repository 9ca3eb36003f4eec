// SPDX-License-Identifier: GPL-2.0
/*
 * Making and changing the nodes of the extent tree.  Their layout and what holds of
 * them is at the head of extent_tree_node.h.
 *
 * Readers may be in a node that is being changed.  What they make of the mixture is
 * thrown away; but a slot for a child holds NULL or a node at all times.
 */
#include "extent_tree_index.h"

struct et_leaf *et_new_leaf(struct extent_tree *t, size_t size, u64 base)
{
	struct et_leaf *l = et_alloc(size);
	unsigned int i;

	BUILD_BUG_ON(LEAF_CAP(LEAF_MAX) > 31);
	BUILD_BUG_ON(sizeof(*l) > LEAF_MIN);
	BUILD_BUG_ON(LEAF_MIN < PARTS);
	BUILD_BUG_ON(ET_MAX_LENGTH >= (u64)1 << DELTA_SHIFT);
	BUILD_BUG_ON(ET_MAX_ADDR >= (u64)1 << (63 - ADDR_SHIFT));
	BUILD_BUG_ON(ET_MAX_KIND >= (u64)1 << DEV_SHIFT);
	BUILD_BUG_ON(ET_MAX_DEV >= (u64)1 << (ADDR_SHIFT - DEV_SHIFT));
	/* masks, too */
	BUILD_BUG_ON(ET_MAX_KIND & (ET_MAX_KIND + 1) || ET_MAX_DEV & (ET_MAX_DEV + 1));
	if (!l)
		return NULL;
	l->h = (struct et_node){
		.cap = LEAF_CAP(size),
		.hot = 1,
	};
	l->base = base;
	for (i = 0; i < l->h.cap; i++)
		records(l)[i].where = NO_RECORD;
	set_leaf_end(l, 0);
	t->bytes += size;
	t->leaves++;
	return l;
}

struct et_inner *et_new_inner(struct extent_tree *t)
{
	struct et_inner *in;
	unsigned int i;

	BUILD_BUG_ON(sizeof(*in) > INNER_SIZE);
	/* the last key stays unused, so that there is one behind each child's slot */
	BUILD_BUG_ON(INNER_MAX >= INNER_SLOTS);
	in = et_alloc(INNER_SIZE);
	if (!in)
		return NULL;
	memset(in, 0, INNER_SIZE);
	in->h.level = 1;	/* or higher: where it is put tells */
	in->h.cap = INNER_MAX;
	for (i = 0; i < INNER_SLOTS - 1; i++)
		in->key[i] = NO_KEY;
	t->bytes += INNER_SIZE;
	return in;
}

void et_free_node(struct extent_tree *t, struct et_node *n)
{
	t->bytes -= node_size(n);
	if (n->level) {
		struct et_inner *in = to_inner(n);

		et_free(in, rcu);
	} else {
		struct et_leaf *l = to_leaf(n);

		t->leaves--;
		et_index_forget(t, l);
		if (t->last == l)
			t->last = NULL;
		et_free(l, rcu);
	}
}

static inline void put_record(struct et_record *r, u64 where, u64 what)
{
	WRITE_ONCE(r->where, where);
	WRITE_ONCE(r->what, what);
}

/* Copy a record from a leaf to one whose base is @change less, modulo 2^32 as are deltas. */
static inline void copy(struct et_record *dst, const struct et_record *src, u64 change)
{
	put_record(dst, src->where + (change << DELTA_SHIFT), src->what);
}

/*
 * Slot @i of @l was changed: move the holes around it to where its extent is not.  What
 * is too far for a delta is beyond all that can be in the leaf.
 */
static inline void push_holes(struct et_leaf *l, unsigned int i)
{
	struct et_record *r = records(l), *last = r + l->h.cap, *hole;
	u64 start = r[i].where >> DELTA_SHIFT, end = start + length_of(r[i].where);
	u64 first = start << DELTA_SHIFT;
	u64 next = end < NO_DELTA ? end << DELTA_SHIFT : NO_RECORD;

	/* extents around it are not in between */
	for (hole = r + i; hole-- > r && hole->where > first;)
		WRITE_ONCE(hole->where, first);
	for (hole = r + i + 1; hole < last && hole->where < next; hole++)
		WRITE_ONCE(hole->where, next);
	/* it may have become one that says something */
	if (next == NO_RECORD)
		set_leaf_end(l, 0);
}

/*
 * Move the hole that is nearest to slot @i there, or before it if it comes from there.
 * Returns its slot.
 */
static unsigned int bring_hole(struct et_leaf *l, unsigned int i)
{
	u32 holes = ~l->h.live & ALL_SLOTS(l->h.cap), before = holes & slots_below(i);
	unsigned int hole = before == holes ? l->h.cap : __ffs(holes - before);
	struct et_record *r = records(l), *to, *from;

	if (before && (hole == l->h.cap || hole - i > i - fls(before))) {
		hole = fls(before) - 1;
		WRITE_ONCE(l->h.live, l->h.live | (u32)1 << hole);
		for (to = r + hole; to < r + i - 1; to++)
			put_record(to, to[1].where, to[1].what);
		return i - 1;
	}
	WRITE_ONCE(l->h.live, l->h.live | (u32)1 << hole);
	/* two at a time while that does not go too far */
	for (to = r + hole; to > r + i + 1; to -= 2) {
		put_record(to, to[-1].where, to[-1].what);
		put_record(to - 1, to[-2].where, to[-2].what);
	}
	/* one may be left; if none is, what has come to its place stays: no branch to foresee */
	from = r + i + (~(hole - i) & 1);
	put_record(&r[i + 1], from->where, from->what);
	return i;
}

void et_leaf_insert(struct et_leaf *l, unsigned int i, u64 where, u64 what)
{
	struct et_record *r = records(l);
	unsigned int at = i;
	bool pushes;

	if (i == l->h.cap || is_live(l, i)) {
		at = bring_hole(l, i);
		/* from behind: those before and behind it are extents */
		pushes = at != i;
	} else {
		/* mostly there are no other holes but behind it, that were never used */
		pushes = r[i].where != NO_RECORD || !i || !is_live(l, i - 1);
		WRITE_ONCE(l->h.live, l->h.live | (u32)1 << i);
	}
	put_record(&r[at], where, what);
	if (pushes)
		push_holes(l, at);
}

void et_leaf_delete(struct et_leaf *l, unsigned int i)
{
	u64 *where = &records(l)[i].where;

	WRITE_ONCE(*where, *where >> DELTA_SHIFT << DELTA_SHIFT);
	WRITE_ONCE(l->h.live, l->h.live & ~((u32)1 << i));
}

void et_leaf_change(struct et_leaf *l, unsigned int i, const struct et_extent *e)
{
	put_record(&records(l)[i], to_where(l->base, e), to_what(e));
	push_holes(l, i);
}

void et_leaf_cut(struct et_leaf *l, unsigned int nr)
{
	unsigned int i;

	for (i = nr; i < l->h.cap; i++)
		WRITE_ONCE(records(l)[i].where, NO_RECORD);
	set_leaf_end(l, 0);
	WRITE_ONCE(l->h.live, l->h.live & slots_below(nr));
}

void et_leaf_pack(struct et_leaf *l)
{
	struct et_record *r = records(l);
	unsigned int i, nr = 0;
	u32 live;

	/* which slots are holes can't be foreseen: no branch for each */
	for (live = l->h.live; live; live &= live - 1) {
		i = __ffs(live);
		put_record(&r[nr++], r[i].where, r[i].what);
	}
	WRITE_ONCE(l->h.live, slots_below(nr));
	et_leaf_cut(l, nr);
}

void et_leaf_rebase(struct et_leaf *l, u64 base)
{
	struct et_record *r = records(l);
	u64 change = l->base - base;
	unsigned int i, nr;

	if (!change)
		return;
	/* a hole may be too far off for the new base */
	et_leaf_pack(l);
	nr = nr_live(l);
	for (i = 0; i < nr; i++)
		WRITE_ONCE(r[i].where, r[i].where + (change << DELTA_SHIFT));
	WRITE_ONCE(l->base, base);
}

void et_leaf_copy(struct et_leaf *dst, const struct et_leaf *src, unsigned int from)
{
	unsigned int nr = src->h.cap - from, i;

	for (i = 0; i < nr; i++)
		copy(&records(dst)[i], &records(src)[from + i], src->base - dst->base);
	dst->h.live = slots_below(nr);
}

void et_leaf_move_right(struct et_leaf *left, struct et_leaf *right, unsigned int nr)
{
	unsigned int keep = nr_live(left) - nr, there = nr_live(right), i;
	struct et_record *r = records(right);

	if (offset_at(left, keep) < right->base)
		et_leaf_rebase(right, offset_at(left, keep));
	for (i = there; i--;)
		put_record(&r[i + nr], r[i].where, r[i].what);
	for (i = 0; i < nr; i++)
		copy(&r[i], &records(left)[keep + i], left->base - right->base);
	WRITE_ONCE(right->h.live, slots_below(there + nr));
	et_leaf_cut(left, keep);
}

void et_leaf_move_left(struct et_leaf *left, struct et_leaf *right)
{
	unsigned int there = nr_live(left), nr = nr_live(right), i;

	for (i = 0; i < nr; i++)
		copy(&records(left)[there + i], &records(right)[i], right->base - left->base);
	WRITE_ONCE(left->h.live, slots_below(there + nr));
}

void et_inner_insert(struct et_inner *in, unsigned int i, u64 key, struct et_node *child)
{
	unsigned int j;

	for (j = in->h.nr; j > i; j--) {
		WRITE_ONCE(in->key[j - 1], in->key[j - 2]);
		et_publish(in->child[j], in->child[j - 1]);
	}
	WRITE_ONCE(in->key[i - 1], key);
	et_publish(in->child[i], child);
	WRITE_ONCE(in->h.nr, in->h.nr + 1);
}

void et_inner_delete(struct et_inner *in, unsigned int i)
{
	unsigned int last = in->h.nr - 1, j;

	for (j = i ? i - 1 : 0; j < last; j++)
		WRITE_ONCE(in->key[j], in->key[j + 1]);
	for (; i < last; i++)
		et_publish(in->child[i], in->child[i + 1]);
	WRITE_ONCE(in->child[last], NULL);
	WRITE_ONCE(in->h.nr, last);
}

u64 et_inner_split(struct et_inner *in, struct et_inner *right, unsigned int keep)
{
	unsigned int nr = in->h.nr, i;
	u64 key = in->key[keep - 1];

	right->h.level = in->h.level;
	right->h.nr = nr - keep;
	for (i = keep; i < nr; i++) {
		right->child[i - keep] = in->child[i];
		right->key[i - keep] = in->key[i];
	}
	for (i = keep; i < nr; i++) {
		WRITE_ONCE(in->child[i], NULL);
		WRITE_ONCE(in->key[i - 1], NO_KEY);
	}
	WRITE_ONCE(in->h.nr, keep);
	return key;
}
