/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The nodes of the extent tree: layout, search, and changes of one node.  Only for
 * the tree's own files.
 *
 * A leaf keeps its extents as four arrays, so that a search touches nothing but
 * offsets, and those as 32-bit distances from the leaf's base.  18 bytes an extent:
 *
 *	+--------+------+------------+-----------+---------+----------+
 *	| header | base | delta[N+1] | length[N] | kind[N] | place[N] |
 *	|        | u64  | u32        | u32       | u16     | u64      |
 *	+--------+------+------------+-----------+---------+----------+
 *	  offset = base + delta		place = device << 48 | address
 *
 * base is a lower bound only.  A leaf of few extents is small; it is replaced by one
 * of twice the size when it is full, up to LEAF_MAX, and then split.  27 extents fill
 * a leaf of 512 bytes, of which a lookup needs two cache lines for the search and one
 * for each part of the answer, all of which it can ask for at once.
 *
 * Inner nodes have one size, 64 words of header and keys and 64 of children:
 *
 *	+--------+---------+-----------+
 *	| header | key[63] | child[64] |
 *	+--------+---------+-----------+
 *
 * key[i] parts child[i] from child[i + 1]: all that is below the one lies before it
 * with all of its blocks, all that is below the other begins there or behind it.
 * What is between it and the extents on either side is not told, so most changes of
 * a leaf are no change of a key.
 *
 * A search does not ask how much of a node is in use: keys and deltas that are not
 * are the highest number that there is, and what is not there as a child is NULL.  So
 * it is a fixed number of comparisons, each of which adds 0 or 1 to the place: first
 * with numbers far apart, all at the same time, then with those between two of them.
 * Nothing is guessed about the outcome, so nothing has to be taken back.
 *
 * Each node has a hint: a slot that was right for the lookup before, if lookups come in
 * order (see note_leaf() in extent_tree.c).  Whoever goes through a file finds what it
 * looks for there or one slot further.
 */
#ifndef _EXTENT_TREE_NODE_H
#define _EXTENT_TREE_NODE_H

#include "extent_tree.h"

#define LEAF_MAX	ET_LEAF_MAX
#define LEAF_MIN	64
#define LEAF_SOME	(LEAF_MAX > 4 * LEAF_MIN ? LEAF_MAX / 4 : LEAF_MIN)
#define INNER_SIZE	1024
#define INNER_SLOTS	64
#define INNER_MAX	ET_INNER_MAX
#define LINE		64	/* bytes; nothing but speed depends on it */
#define DEV_SHIFT	48

#define NO_KEY		U64_MAX
#define NO_DELTA	U32_MAX

struct et_node {
	u16 size;		/* bytes allocated */
	u8 level;		/* 0: leaf */
	u8 cap;			/* capacity */
	u8 nr;			/* in use */
	u8 hint;		/* a slot to look at first */
	/* a leaf: made or looked up since eviction came by; the root: lookups use hints */
	u8 hot;
};

struct et_leaf {
	struct et_node h;
	u64 base;
	union {
		et_head_t rcu;	/* when nobody needs the rest any more */
		u32 delta[2];	/* really h.cap + 1 of them, then the other arrays */
	};
};

struct et_inner {
	struct et_node h;
	union {
		et_head_t rcu;	/* over numbers: pointers have to stay good */
		u64 key[INNER_SLOTS - 1];
	};
	struct et_node *child[INNER_SLOTS];
};

#define LEAF_HEAD	(offsetof(struct et_leaf, delta) + sizeof(u32))
#define EXTENT_BYTES	(sizeof(u64) + 2 * sizeof(u32) + sizeof(u16))
#define LEAF_CAP(size)	(((size) - LEAF_HEAD) / EXTENT_BYTES)

static inline struct et_leaf *to_leaf(struct et_node *n)
{
	return (struct et_leaf *)n;
}

static inline struct et_inner *to_inner(struct et_node *n)
{
	return (struct et_inner *)n;
}

/* Where the arrays of a leaf of capacity @cap and @size bytes are. */
static inline u32 *deltas(const struct et_leaf *l)
{
	return (u32 *)((char *)l + offsetof(struct et_leaf, delta));
}

static inline u32 *lengths_in(const struct et_leaf *l, unsigned int cap)
{
	return deltas(l) + cap + 1;
}

static inline u16 *kinds_in(const struct et_leaf *l, unsigned int cap)
{
	return (u16 *)(lengths_in(l, cap) + cap);
}

static inline u64 *places_in(const struct et_leaf *l, unsigned int cap, unsigned int size)
{
	return (u64 *)((char *)l + size) - cap;
}

static inline u32 *lengths(const struct et_leaf *l)
{
	return lengths_in(l, l->h.cap);
}

static inline u16 *kinds(const struct et_leaf *l)
{
	return kinds_in(l, l->h.cap);
}

static inline u64 *places(const struct et_leaf *l)
{
	return places_in(l, l->h.cap, l->h.size);
}

static inline u64 to_place(const struct et_extent *e)
{
	return e->addr == ET_NO_ADDR ? U64_MAX : (u64)e->dev << DEV_SHIFT | e->addr;
}

static __always_inline void get_in(const struct et_leaf *l, unsigned int cap, unsigned int size,
			  unsigned int i, struct et_extent *e)
{
	u64 place = READ_ONCE(places_in(l, cap, size)[i]);

	e->offset = READ_ONCE(l->base) + READ_ONCE(deltas(l)[i]);
	e->length = READ_ONCE(lengths_in(l, cap)[i]);
	e->kind = READ_ONCE(kinds_in(l, cap)[i]);
	e->addr = place == U64_MAX ? ET_NO_ADDR : place & ET_MAX_ADDR;
	e->dev = place == U64_MAX ? 0 : place >> DEV_SHIFT;
}

static inline void get(const struct et_leaf *l, unsigned int i, struct et_extent *e)
{
	get_in(l, l->h.cap, l->h.size, i, e);
}

/* @e lies behind the leaf's base and not too far. */
static inline void set(struct et_leaf *l, unsigned int i, const struct et_extent *e)
{
	WRITE_ONCE(places(l)[i], to_place(e));
	WRITE_ONCE(deltas(l)[i], e->offset - l->base);
	WRITE_ONCE(lengths(l)[i], e->length);
	WRITE_ONCE(kinds(l)[i], e->kind);
}

static inline u64 end_of(const struct et_extent *e)
{
	return e->offset + e->length;
}

static inline u64 offset_at(const struct et_leaf *l, unsigned int i)
{
	return l->base + deltas(l)[i];
}

static inline u64 end_at(const struct et_leaf *l, unsigned int i)
{
	return offset_at(l, i) + lengths(l)[i];
}

static inline u64 leaf_first(const struct et_leaf *l)
{
	return offset_at(l, 0);
}

static inline u64 leaf_last(const struct et_leaf *l)
{
	return offset_at(l, l->h.nr - 1);
}

/* Can offsets from @first to @last be in one leaf? */
static inline bool spans(u64 first, u64 last)
{
	return last - first < NO_DELTA;
}

/*
 * Search
 */

/* How many of the @nr >= 8 sorted numbers at @d are at most @x. */
static __always_inline unsigned int count_deltas(const u32 *d, unsigned int nr, u32 x)
{
	unsigned int n = 0, i;

#define LE(j) (READ_ONCE(d[j]) <= x)
	if (nr == 3 * 3 * 3) {
		n = (LE(8) + LE(17)) * 9;
		d += n;
		i = (LE(2) + LE(5)) * 3;
		d += i;
		return n + i + LE(0) + LE(1) + LE(2);
	}
	for (i = 8; i < nr; i += 8)
		n += LE(i) ? 8 : 0;
	n = min_t(unsigned int, n, nr - 8);
	d += n;
	return n + LE(0) + LE(1) + LE(2) + LE(3) + LE(4) + LE(5) + LE(6) + LE(7);
#undef LE
}

/*
 * The number of extents of @l, of capacity @cap, that start at or before @block.
 * @hinted: it is worth looking at the hint first.
 */
static __always_inline unsigned int leaf_count_in(const struct et_leaf *l, unsigned int cap,
						  bool hinted, u64 block)
{
	u64 base = READ_ONCE(l->base);
	const u32 *d = deltas(l);
	unsigned int n = 0;
	u32 x;

	if (block < base)
		return 0;
	x = min_t(u64, block - base, NO_DELTA - 1);
	if (cap < 8) {
		while (n < cap && READ_ONCE(d[n]) <= x)
			n++;
		return n;
	}
	if (hinted) {
		unsigned int hint = READ_ONCE(l->h.hint);
		u32 first = READ_ONCE(d[hint]);

		/* first <= x < d[hint + 2], as one condition: they fail together */
		if (x - first < READ_ONCE(d[hint + 2]) - first)
			return hint + 1 + (READ_ONCE(d[hint + 1]) <= x);
	}
	return count_deltas(d, cap, x);
}

/*
 * The same for writers.  Files are filled from the front to the back and emptied from
 * the front: both ends are looked at first.
 */
static inline unsigned int leaf_count(const struct et_leaf *l, u64 block)
{
	if (block >= leaf_last(l))
		return l->h.nr;
	if (block < offset_at(l, 1))
		return block >= leaf_first(l);
	if (l->h.size == LEAF_MAX)
		return leaf_count_in(l, LEAF_CAP(LEAF_MAX), false, block);
	return leaf_count_in(l, l->h.cap, false, block);
}

/* Is child @hint of @in the one to look for @block in? */
static inline bool inner_hint_is_right(const struct et_inner *in, unsigned int hint, u64 block)
{
	u64 first = hint ? READ_ONCE(in->key[hint - 1]) : 0;

	/* first <= block < key[hint], as one condition: which half fails can't be foreseen */
	return block - first < READ_ONCE(in->key[hint]) - first;
}

/* The child of @in to look for @block in. */
static inline unsigned int inner_search(const struct et_inner *in, u64 block)
{
	const u64 *k = in->key;
	unsigned int n;

#define LE(j) (READ_ONCE(k[j]) <= block)
	n = LE(7) + LE(15) + LE(23) + LE(31) + LE(39) + LE(47) + LE(55);
	k += n * 8;
	return n * 8 + LE(0) + LE(1) + LE(2) + LE(3) + LE(4) + LE(5) + LE(6);
#undef LE
}

static inline unsigned int inner_slot(const struct et_inner *in, u64 block)
{
	unsigned int hint = READ_ONCE(in->h.hint);

	return inner_hint_is_right(in, hint, block) ? hint : inner_search(in, block);
}

/* Ask for all of a leaf's lines: their misses overlap. */
static inline void leaf_prefetch(const struct et_node *n)
{
	const char *p = (const char *)n;

	prefetch(p);
	prefetch(p + LINE);
	prefetch(p + 2 * LINE);
	prefetch(p + 3 * LINE);
	prefetch(p + 4 * LINE);
	prefetch(p + 5 * LINE);
	prefetch(p + 6 * LINE);
	prefetch(p + 7 * LINE);
}

/*
 * Changes of one node, in extent_tree_node.c.  Nodes that readers can come upon are
 * changed between et_write_begin() and et_write_end().
 */

struct et_leaf *et_new_leaf(struct extent_tree *t, size_t size, u64 base);
struct et_inner *et_new_inner(struct extent_tree *t);
void et_free_node(struct extent_tree *t, struct et_node *n);

/* Room in the capacity and in the range of the deltas has been made sure of. */
void et_leaf_insert(struct et_leaf *l, unsigned int i, const struct et_extent *e);
void et_leaf_delete(struct et_leaf *l, unsigned int i);
/* The extents of @src from slot @from on become those of the empty @dst. */
void et_leaf_copy(struct et_leaf *dst, const struct et_leaf *src, unsigned int from);
/* Drop the extents from slot @nr on. */
void et_leaf_cut(struct et_leaf *l, unsigned int nr);
/* Lower the base, so that what begins there fits in. */
void et_leaf_rebase(struct et_leaf *l, u64 base);
/* The last @nr extents of @left move before those of @right, which can hold them. */
void et_leaf_move_right(struct et_leaf *left, struct et_leaf *right, unsigned int nr);
/* The first @nr extents of @right move behind those of @left, which can hold them. */
void et_leaf_move_left(struct et_leaf *left, struct et_leaf *right, unsigned int nr);

/* Put @child into slot @i > 0, and @key before it. */
void et_inner_insert(struct et_inner *in, unsigned int i, u64 key, struct et_node *child);
/* Take out slot @i, and the key before it; the first takes the key behind it along. */
void et_inner_delete(struct et_inner *in, unsigned int i);
/* Children from @keep on move to the empty @right; returns the key between the two. */
u64 et_inner_split(struct et_inner *in, struct et_inner *right, unsigned int keep);

#endif /* _EXTENT_TREE_NODE_H */
