/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The index of the extent tree: from a block to the leaf that it is probably in,
 * without the nodes above.  Only for the tree's own files.
 *
 * The blocks of the tree are cut into buckets of the same size, as many as there are
 * leaves or twice as many.  An entry says which leaf the start of its bucket is in, and in
 * which 64th of the bucket that leaf ends; what is behind is sought in the leaf of the next
 * entry.  So one line of entries leads to the leaf, unless more than one leaf begins in a
 * bucket.  Where extents are few, a leaf is in the entries of its first buckets only; where
 * they are many, some leaves are in none.  If most are in none, there is no index.
 *
 * An entry is a guess.  Who follows it has to find an extent there that covers the block
 * or (writers) what says that it belongs there, and goes down the tree if not.  What must
 * hold is only that each leaf in an entry is one of the tree.  To keep that without a
 * search, a leaf is only in entries of the WINDOW buckets from that of its base on:
 * et_index_forget() looks no further, and comes before the leaf goes or its base changes.
 *
 * Once there is an index, only its entries change, each a word of its own.  When the leaves
 * have become more than the buckets, or too many lie outside of them, another is made.
 */
#ifndef _EXTENT_TREE_INDEX_H
#define _EXTENT_TREE_INDEX_H

#include "extent_tree_path.h"

#define WINDOW		8	/* buckets that a leaf can be found from */
/* leaves are aligned to their least size, so that an entry has room for a 64th */
#define PARTS		64
#define PART_MASK	((uintptr_t)PARTS - 1)
#define PART_SHIFT	(32 - 6)	/* of the fraction of a bucket */

struct et_index {
	et_head_t rcu;		/* over nothing: readers use the numbers */
	u64 origin;		/* the first block, */
	u64 scale;		/* buckets per unit, times 2^32, */
	u32 reach;		/* and units of the range that has buckets */
	u32 nr;			/* buckets */
	u32 outside;		/* leaves that were made out of reach */
	u8 shift;		/* a unit is so many blocks, as a power of 2 */
	u8 order;		/* size of all this, as a power of 2 */
	uintptr_t entry[];	/* nr and an empty one: leaf | part */
};

/* Where is @block: *@place is bucket << 32 | fraction of it.  False: out of reach. */
static __always_inline bool et_index_place(const struct et_index *ix, u64 block, u64 *place)
{
	u64 x = (block - ix->origin) >> ix->shift;

	*place = x * ix->scale;
	return x < ix->reach;
}

static __always_inline struct et_leaf *entry_leaf(uintptr_t entry)
{
	return (struct et_leaf *)(entry & ~PART_MASK);
}

/* The leaf that @block is probably in, or NULL. */
static __always_inline struct et_leaf *et_index_find(const struct et_index *ix, u64 block)
{
	const uintptr_t *e;
	uintptr_t here, next;
	u64 place;

	if (!et_index_place(ix, block, &place))
		return NULL;
	e = &ix->entry[place >> 32];
	here = READ_ONCE(e[0]);
	next = READ_ONCE(e[1]);
	/* chosen without a branch: nobody can foresee it */
	return entry_leaf((u32)place >> PART_SHIFT > (here & PART_MASK) ? next : here);
}

/* Leaf @l has what lies from its base to @end: enter it. */
void et_index_note(struct extent_tree *t, struct et_leaf *l, u64 end);
/* Leaf @l is about to leave the tree, or to get another base. */
void et_index_forget(struct extent_tree *t, const struct et_leaf *l);
/*
 * A leaf was added: make an index if there are enough, or a larger one if the one that is
 * there does not do any more.  @behind: all others lie before it, and more may follow.
 */
void et_index_grow(struct extent_tree *t, bool behind);
/* Leaves were taken out: do without an index that has become too large for the tree. */
void et_index_shrink(struct extent_tree *t);
void et_index_drop(struct extent_tree *t);

#endif /* _EXTENT_TREE_INDEX_H */
