/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The nodes of the extent tree: layout, search, and changes of one node.  Only for
 * the tree's own files.
 *
 * A leaf is a header, a base, and records of two words, 31 of them in 512 bytes:
 *
 *	+--------+------+---------------------------------------------------------+
 *	| header | base | rec[0].where .what | rec[1].where .what | ...           |
 *	+--------+------+---------------------------------------------------------+
 *	  where = delta << 32 | length                        offset = base + delta
 *	  what  = address << 22 | device << 11 | kind
 *
 * base is a lower bound only.  The delta leads, so one comparison of words compares
 * offsets.  A leaf of few extents is small; it is replaced by one of twice the size
 * when it is full, up to LEAF_MAX, and then split.
 *
 * Slots may be holes: a bit of h.live says which are not.  A hole has length 0, and a
 * delta that is neither before the end of the extent before it nor behind the start of
 * the one after it; or it is NO_RECORD, with nothing but the same behind it.  So a
 * search need not know about holes: it ends at the last slot that does not begin behind
 * the block, and if that is a hole, no extent covers the block.  Taking an extent out is
 * to make it a hole; a new one uses the hole that is nearest.
 *
 * While the last slot is NO_RECORD, its what is for writers: the key behind the leaf in the
 * nodes above, or less, or 0.  So what is stored behind the last extent and before that
 * is known to belong here without a look at those nodes.
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
 * A search does not ask how much of a node is in use: keys and records that are not
 * are the highest number that there is, and what is not there as a child is NULL.  So
 * it is a fixed number of comparisons, each of which adds something or nothing to the
 * place.  Nothing is guessed about the outcome, so nothing has to be taken back.
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

#define NO_KEY		U64_MAX
#define NO_DELTA	U32_MAX

/* bits of a record's words */
#define DELTA_SHIFT	32
#define ADDR_SHIFT	22
#define DEV_SHIFT	11

/* the first word of a record that is not in use: a hole behind all else */
#define NO_RECORD	((u64)NO_DELTA << DELTA_SHIFT)

struct et_node {
	u8 level;		/* 0: leaf */
	u8 cap;			/* capacity */
	u8 hint;		/* a slot to look at first */
	/* a leaf: made or looked up since eviction came by; the root: lookups use hints */
	u8 hot;
	union {
		u32 live;	/* of a leaf: slots that are not holes */
		u32 nr;		/* of an inner node: children */
	};
};

struct et_record {
	u64 where, what;
};

struct et_leaf {
	struct et_node h;
	union {
		et_head_t rcu;	/* when nobody needs the rest any more */
		struct {
			u64 base;
			struct et_record rec[3];	/* really h.cap of them */
		};
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

/* Capacities are one less than a power of 2, and a record is as large as what is no record. */
#define LEAF_CAP(size)	((size) / sizeof(struct et_record) - 1)
#define LEAF_SIZE(cap)	(((cap) + 1) * sizeof(struct et_record))
#define ALL_SLOTS(cap)	(((u32)1 << (cap)) - 1)

static inline struct et_leaf *to_leaf(struct et_node *n)
{
	return (struct et_leaf *)n;
}

static inline struct et_inner *to_inner(struct et_node *n)
{
	return (struct et_inner *)n;
}

static inline size_t node_size(const struct et_node *n)
{
	return n->level ? INNER_SIZE : LEAF_SIZE(n->cap);
}

/*
 * Records
 */

static inline struct et_record *records(const struct et_leaf *l)
{
	return (struct et_record *)((char *)l + offsetof(struct et_leaf, rec));
}

static inline u64 where_at(const struct et_leaf *l, unsigned int i)
{
	return READ_ONCE(records(l)[i].where);
}

static inline u64 length_of(u64 where)
{
	return (u32)where;
}

static inline bool is_covered(u64 where, u64 distance)
{
	return distance - (where >> DELTA_SHIFT) < length_of(where);
}

static __always_inline void unpack(u64 base, u64 where, u64 what, struct et_extent *e)
{
	e->offset = base + (where >> DELTA_SHIFT);
	e->length = length_of(where);
	/* with the sign: no address is all ones here as there */
	e->addr = (u64)((s64)what >> ADDR_SHIFT);
	e->dev = what >> DEV_SHIFT & ET_MAX_DEV;
	e->kind = what & ET_MAX_KIND;
}

static inline bool has_no_addr(u64 what)
{
	return (s64)what < 0;
}

static inline void get(const struct et_leaf *l, unsigned int i, struct et_extent *e)
{
	unpack(READ_ONCE(l->base), where_at(l, i), READ_ONCE(records(l)[i].what), e);
}

static inline u64 to_where(u64 base, const struct et_extent *e)
{
	return (e->offset - base) << DELTA_SHIFT | e->length;
}

static inline u64 to_what(const struct et_extent *e)
{
	u64 dev = e->addr == ET_NO_ADDR ? 0 : e->dev;

	return e->addr << ADDR_SHIFT | dev << DEV_SHIFT | e->kind;
}

/* What a record says of the place @blocks further on. */
static inline u64 what_behind(u64 what, u64 blocks)
{
	return what + (blocks << ADDR_SHIFT);
}

static inline u64 end_of(const struct et_extent *e)
{
	return e->offset + e->length;
}

static inline u64 offset_at(const struct et_leaf *l, unsigned int i)
{
	return l->base + (records(l)[i].where >> DELTA_SHIFT);
}

static inline u64 end_at(const struct et_leaf *l, unsigned int i)
{
	return offset_at(l, i) + length_of(records(l)[i].where);
}

/*
 * Slots
 */

#define NO_SLOT		U8_MAX

static inline u32 slots_below(unsigned int i)
{
	return ((u32)1 << i) - 1;
}

static inline bool is_live(const struct et_leaf *l, unsigned int i)
{
	return l->h.live >> i & 1;
}

static inline unsigned int nr_live(const struct et_leaf *l)
{
	return hweight32(l->h.live);
}

static inline bool is_full(const struct et_leaf *l)
{
	return l->h.live == ALL_SLOTS(l->h.cap);
}

/* A leaf that is in use has a first and a last extent. */
static inline unsigned int first_slot(const struct et_leaf *l)
{
	return __ffs(l->h.live);
}

static inline unsigned int last_slot(const struct et_leaf *l)
{
	return fls(l->h.live) - 1;
}

/* The extent before slot @i, or NO_SLOT. */
static inline unsigned int slot_before(const struct et_leaf *l, unsigned int i)
{
	u32 before = l->h.live & slots_below(i);

	if (i && is_live(l, i - 1))
		return i - 1;
	return before ? fls(before) - 1 : NO_SLOT;
}

/* The extent in slot @i or the first behind it, or NO_SLOT. */
static inline unsigned int slot_from(const struct et_leaf *l, unsigned int i)
{
	u32 from = l->h.live >> i;

	return from ? i + __ffs(from) : NO_SLOT;
}

/* What begins at or behind the extents of @l and ends before this belongs into it. */
static inline u64 leaf_end(const struct et_leaf *l)
{
	const struct et_record *r = &records(l)[l->h.cap - 1];

	return r->where == NO_RECORD ? r->what : 0;
}

static inline void set_leaf_end(struct et_leaf *l, u64 end)
{
	struct et_record *r = &records(l)[l->h.cap - 1];

	if (r->where == NO_RECORD)
		WRITE_ONCE(r->what, end);
}

static inline u64 leaf_first(const struct et_leaf *l)
{
	return offset_at(l, first_slot(l));
}

static inline u64 leaf_last(const struct et_leaf *l)
{
	return offset_at(l, last_slot(l));
}

/* Can offsets from @first to @last be in one leaf? */
static inline bool spans(u64 first, u64 last)
{
	return last - first < NO_DELTA;
}

/*
 * Search
 */

/*
 * The record behind the last one of @l, of capacity @cap, that starts at or before
 * @block: that last one is the only one that can cover it.
 */
static __always_inline struct et_record *leaf_search(const struct et_leaf *l, unsigned int cap,
						     u64 block)
{
	struct et_record *r = records(l);
	u64 base = READ_ONCE(l->base), x;
	unsigned int i;

	/* before the base is as good as far behind it: no extent covers that */
	x = min_t(u64, block - base, NO_DELTA - 1) << DELTA_SHIFT | U32_MAX;
#define LE(j)	((size_t)(READ_ONCE(r[j].where) <= x))
/* hidden, so that no branch is made of it */
#define STEP(n)					\
	do {					\
		r = LE((n) - 1) ? r + (n) : r;	\
		OPTIMIZER_HIDE_VAR(r);		\
	} while (0)
	if (cap == 31) {
		STEP(16);
		STEP(8);
		STEP(4);
		STEP(2);
		return r + LE(0);
	}
	for (i = (cap + 1) / 2; i; i /= 2)
		STEP(i);
#undef STEP
#undef LE
	return r;
}

/*
 * Where @block belongs, for writers: extents before that slot begin at or before it,
 * those from there on behind it.  Files are filled from the front to the back and
 * emptied from the front: who goes on in order (@near) looks at both ends first.
 */
static inline unsigned int leaf_count(const struct et_leaf *l, u64 block, bool near)
{
	unsigned int i;

	if (near) {
		i = last_slot(l);
		if (block >= offset_at(l, i))
			return i + 1;
		i = first_slot(l);
		if (block < end_at(l, i))
			return i + (block >= offset_at(l, i));
	}
	if (block < l->base)
		return 0;
	if (l->h.cap == LEAF_CAP(LEAF_MAX))
		return leaf_search(l, LEAF_CAP(LEAF_MAX), block) - records(l);
	return leaf_search(l, l->h.cap, block) - records(l);
}

/* Is child @hint of @in the one to look for @block in? */
static inline bool inner_hint_is_right(const struct et_inner *in, unsigned int hint, u64 block)
{
	u64 first = hint ? READ_ONCE(in->key[hint - 1]) : 0;

	/* first <= block < key[hint], as one condition: which half fails can't be foreseen */
	return block - first < READ_ONCE(in->key[hint]) - first;
}

/* The child of @in before key @k. */
static __always_inline struct et_node *const *child_of(const struct et_inner *in, const u64 *k)
{
	/* it lies as far behind the key as the first child behind the first key */
	if (sizeof(*in->child) == sizeof(*k))
		return (struct et_node *const *)((const char *)k +
						 offsetof(struct et_inner, child) -
						 offsetof(struct et_inner, key));
	return &in->child[k - in->key];
}

/*
 * The key behind the child of @in to look for @block in.  Nodes right above leaves are many
 * and their lines far: the first numbers compared are one in each of the keys' lines, all
 * asked for at once; after these the line with the child is known and asked for, too.  Of
 * the nodes above these there are @few, whose lines are near: comparisons wait for one
 * another, but are as few as can be.
 */
static __always_inline const u64 *inner_search(const struct et_inner *in, u64 block, bool few)
{
	const u64 *k = in->key;

#define LE(j)	((size_t)(READ_ONCE(k[j]) <= block))
#define STEP(n)					\
	do {					\
		k = LE((n) - 1) ? k + (n) : k;	\
		OPTIMIZER_HIDE_VAR(k);		\
	} while (0)
	if (few) {
		STEP(32);
		STEP(16);
		STEP(8);
	} else {
		k += (LE(7) + LE(15) + LE(23) + LE(31) + LE(39) + LE(47) + LE(55)) * 8;
		(void)READ_ONCE(*child_of(in, k));
	}
	STEP(4);
	STEP(2);
	return k + LE(0);
#undef STEP
#undef LE
}

static inline unsigned int inner_slot(const struct et_inner *in, u64 block)
{
	unsigned int hint = READ_ONCE(in->h.hint);

	return inner_hint_is_right(in, hint, block) ? hint :
	       inner_search(in, block, false) - in->key;
}

/* Ask for all of a leaf's lines: their misses overlap.  What a search compares is first. */
static inline void leaf_prefetch(const struct et_node *n)
{
	const char *p = (const char *)n;

	prefetch(p);
	prefetch(p + 4 * LINE);
	prefetch(p + 2 * LINE);
	prefetch(p + 6 * LINE);
	prefetch(p + LINE);
	prefetch(p + 3 * LINE);
	prefetch(p + 5 * LINE);
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
void et_leaf_insert(struct et_leaf *l, unsigned int i, u64 where, u64 what);
/* Make slot @i a hole. */
void et_leaf_delete(struct et_leaf *l, unsigned int i);
/* @e in the place of the extent in slot @i; until the extents around it nothing is there. */
void et_leaf_change(struct et_leaf *l, unsigned int i, const struct et_extent *e);
/* Lower the base to @base, so that what begins there fits in. */
void et_leaf_rebase(struct et_leaf *l, u64 base);
/* The extents of the full @src from slot @from on become those of the empty @dst. */
void et_leaf_copy(struct et_leaf *dst, const struct et_leaf *src, unsigned int from);
/* Drop what is in slots from @nr on. */
void et_leaf_cut(struct et_leaf *l, unsigned int nr);
/* Move all extents to the front. */
void et_leaf_pack(struct et_leaf *l);
/* The last @nr extents of @left move before those of @right, which can hold them; both packed. */
void et_leaf_move_right(struct et_leaf *left, struct et_leaf *right, unsigned int nr);
/* All extents of @right move behind those of @left, which can hold them; both packed. */
void et_leaf_move_left(struct et_leaf *left, struct et_leaf *right);

static inline void leaf_insert(struct et_leaf *l, unsigned int i, const struct et_extent *e)
{
	et_leaf_insert(l, i, to_where(l->base, e), to_what(e));
}

/* The same where the extent before is in the slot before, and none and no hole from @i on. */
static inline void et_leaf_append(struct et_leaf *l, unsigned int i, u64 where, u64 what)
{
	WRITE_ONCE(l->h.live, l->h.live | (u32)1 << i);
	WRITE_ONCE(records(l)[i].where, where);
	WRITE_ONCE(records(l)[i].what, what);
}

/* Put @child into slot @i > 0, and @key before it. */
void et_inner_insert(struct et_inner *in, unsigned int i, u64 key, struct et_node *child);
/* Take out slot @i, and the key before it; the first takes the key behind it along. */
void et_inner_delete(struct et_inner *in, unsigned int i);
/* Children from @keep on move to the empty @right; returns the key between the two. */
u64 et_inner_split(struct et_inner *in, struct et_inner *right, unsigned int keep);

#endif /* _EXTENT_TREE_NODE_H */
