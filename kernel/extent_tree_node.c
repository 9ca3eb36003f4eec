// SPDX-License-Identifier: GPL-2.0
/*
 * Making and changing the nodes of the extent tree.  Their layout and what holds of
 * them is at the head of extent_tree_node.h.
 *
 * Readers may be in a node that is being changed.  What they make of the mixture is
 * thrown away; but a slot for a child holds NULL or a node at all times.
 */
#include "extent_tree_node.h"

struct et_leaf *et_new_leaf(struct extent_tree *t, size_t size, u64 base)
{
	struct et_leaf *l = et_alloc(size);
	unsigned int i;

	BUILD_BUG_ON(LEAF_CAP(LEAF_MAX) > U8_MAX);
	BUILD_BUG_ON(sizeof(*l) > LEAF_MIN);
	if (!l)
		return NULL;
	l->h = (struct et_node){
		.cap = LEAF_CAP(size),
		.hot = 1,
		.hint = 1,	/* not 0: entering a leaf is noticed */
		.size = size,
	};
	l->base = base;
	for (i = 0; i <= l->h.cap; i++)
		deltas(l)[i] = NO_DELTA;
	t->bytes += size;
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
	in->h.cap = INNER_MAX;
	in->h.size = INNER_SIZE;
	for (i = 0; i < INNER_SLOTS - 1; i++)
		in->key[i] = NO_KEY;
	t->bytes += INNER_SIZE;
	return in;
}

void et_free_node(struct extent_tree *t, struct et_node *n)
{
	t->bytes -= n->size;
	if (n->level) {
		struct et_inner *in = to_inner(n);

		et_free(in, rcu);
	} else {
		struct et_leaf *l = to_leaf(n);

		et_free(l, rcu);
	}
}

static void copy(struct et_leaf *dst, unsigned int to, const struct et_leaf *src,
		 unsigned int from, unsigned int nr)
{
	u32 change = (u32)(src->base - dst->base);	/* modulo 2^32, as are the sums */
	unsigned int i;

	for (i = 0; i < nr; i++) {
		WRITE_ONCE(deltas(dst)[to + i], deltas(src)[from + i] + change);
		WRITE_ONCE(lengths(dst)[to + i], lengths(src)[from + i]);
		WRITE_ONCE(kinds(dst)[to + i], kinds(src)[from + i]);
		WRITE_ONCE(places(dst)[to + i], places(src)[from + i]);
	}
}

/* Make room for @nr extents from slot @i on. */
static __always_inline void open_up(struct et_leaf *l, unsigned int i, unsigned int nr)
{
	u32 *d = deltas(l), *n = lengths(l);
	u64 *p = places(l);
	u16 *k = kinds(l);
	unsigned int j;

	for (j = l->h.nr; j-- > i;) {
		WRITE_ONCE(d[j + nr], d[j]);
		WRITE_ONCE(n[j + nr], n[j]);
		WRITE_ONCE(k[j + nr], k[j]);
		WRITE_ONCE(p[j + nr], p[j]);
	}
	WRITE_ONCE(l->h.nr, l->h.nr + nr);
}

/* Close the gap that is left by @nr extents from slot @i on. */
static __always_inline void close_up(struct et_leaf *l, unsigned int i, unsigned int nr)
{
	u32 *d = deltas(l), *n = lengths(l);
	u64 *p = places(l);
	u16 *k = kinds(l);
	unsigned int left = l->h.nr - nr;

	for (; i < left; i++) {
		WRITE_ONCE(d[i], d[i + nr]);
		WRITE_ONCE(n[i], n[i + nr]);
		WRITE_ONCE(k[i], k[i + nr]);
		WRITE_ONCE(p[i], p[i + nr]);
	}
	for (; i < left + nr; i++)
		WRITE_ONCE(d[i], NO_DELTA);
	WRITE_ONCE(l->h.nr, left);
}

void et_leaf_insert(struct et_leaf *l, unsigned int i, const struct et_extent *e)
{
	open_up(l, i, 1);
	set(l, i, e);
}

void et_leaf_delete(struct et_leaf *l, unsigned int i)
{
	close_up(l, i, 1);
}

void et_leaf_copy(struct et_leaf *dst, const struct et_leaf *src, unsigned int from)
{
	dst->h.nr = src->h.nr - from;
	copy(dst, 0, src, from, dst->h.nr);
}

void et_leaf_cut(struct et_leaf *l, unsigned int nr)
{
	unsigned int i;

	for (i = nr; i < l->h.nr; i++)
		WRITE_ONCE(deltas(l)[i], NO_DELTA);
	WRITE_ONCE(l->h.nr, nr);
}

void et_leaf_rebase(struct et_leaf *l, u64 base)
{
	u32 change = (u32)(l->base - base);
	unsigned int i;

	if (!change)
		return;
	for (i = 0; i < l->h.nr; i++)
		WRITE_ONCE(deltas(l)[i], deltas(l)[i] + change);
	WRITE_ONCE(l->base, base);
}

void et_leaf_move_right(struct et_leaf *left, struct et_leaf *right, unsigned int nr)
{
	unsigned int keep = left->h.nr - nr;

	if (offset_at(left, keep) < right->base)
		et_leaf_rebase(right, offset_at(left, keep));
	open_up(right, 0, nr);
	copy(right, 0, left, keep, nr);
	close_up(left, keep, nr);
}

void et_leaf_move_left(struct et_leaf *left, struct et_leaf *right, unsigned int nr)
{
	copy(left, left->h.nr, right, 0, nr);
	WRITE_ONCE(left->h.nr, left->h.nr + nr);
	close_up(right, 0, nr);
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
