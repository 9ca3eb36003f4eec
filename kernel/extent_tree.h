/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A tree of extents: where ranges of a file lie on a device.  See extent_tree.c.
 *
 * All numbers of blocks are in one unit that the user chooses per tree.  Writers
 * exclude each other by a lock of the user's; et_lookup() needs none.
 */
#ifndef _EXTENT_TREE_H
#define _EXTENT_TREE_H

#include "extent_tree_env.h"

/* the limits of an extent, blocks */
#define ET_MAX_OFFSET	((u64)1 << 54)
#define ET_MAX_LENGTH	(((u64)1 << 27) - 1)
#define ET_MAX_ADDR	(((u64)1 << 41) - 1)

/* and of its names */
#define ET_MAX_DEV	2047
#define ET_MAX_KIND	2047

/* what extents without a place have as their address */
#define ET_NO_ADDR	((u64)-1)

/* A test may want small nodes, to have many of them. */
#ifndef ET_LEAF_MAX
#define ET_LEAF_MAX	512	/* bytes, a power of 2 */
#define ET_INNER_MAX	63	/* children */
#endif

struct et_extent {
	u64 offset;		/* in the file, blocks */
	u64 length;		/* blocks */
	u64 addr;		/* on the device, blocks, or ET_NO_ADDR */
	u16 dev;		/* the user's name for the device */
	u16 kind;		/* the user's; equal kinds may be merged */
};

struct et_node;
struct et_leaf;
struct et_index;

struct extent_tree {
	struct et_node *root;	/* NULL: empty */
	struct et_index *index;	/* leads to leaves without the nodes above, or NULL */
	et_seq_t seq;		/* writers move it, readers check it */
	u64 near;		/* where the last writer's walk or change ended, blocks */
	struct et_leaf *last;	/* the leaf that was in, or NULL */
	u64 clock;		/* where eviction goes on, blocks */
	size_t bytes;		/* of all nodes and the index, as allocated */
	size_t nr;		/* extents */
	size_t leaves;
	size_t index_at;	/* so many leaves need another index */
};

void et_init(struct extent_tree *t);
/* Free all.  No reader may come any more. */
void et_destroy(struct extent_tree *t);

/*
 * Look up the extent that covers @block.  True and *@e, or false.  Marks what it
 * found as in use, for et_evict().  Any context, no lock.
 */
bool et_lookup(struct extent_tree *t, u64 block, struct et_extent *e);

/*
 * The extent that covers @block or the first one behind it.  Caller holds the
 * writers' lock.
 */
bool et_next(struct extent_tree *t, u64 block, struct et_extent *e);

/*
 * No extent covers @block, and none is between *@start and *@end around it; 0 and U64_MAX
 * if none is before or behind it at all.  False: one covers it.  Caller holds the writers'
 * lock.
 */
bool et_gap(struct extent_tree *t, u64 block, u64 *start, u64 *end);

/*
 * Put @e in the place of whatever is there, merged with its neighbours where that
 * gives the same answers.  Returns 0; -ERANGE if it is beyond the limits above;
 * -ENOMEM: then its range is empty.  Caller holds the writers' lock.
 */
int et_store(struct extent_tree *t, const struct et_extent *e);

/*
 * Take [@block, @block + @length) out.  Never fails: without memory to split an
 * extent it takes more.  Caller holds the writers' lock.
 */
void et_remove(struct extent_tree *t, u64 block, u64 length);

/*
 * Take out leaves that were neither made nor looked up since the last time they were come
 * by, until the tree has at most @bytes or @leaves have been looked at.  Returns the
 * bytes given back.  Caller holds the writers' lock.
 */
size_t et_evict(struct extent_tree *t, size_t bytes, unsigned int leaves);

/*
 * The same, but only as far as the end of the tree, where t->clock becomes 0.  *@leaves
 * counts down the leaves that are looked at.
 */
size_t et_sweep(struct extent_tree *t, size_t bytes, unsigned int *leaves);

/* Is the tree what it should be?  For tests: NULL or what is wrong. */
const char *et_check(struct extent_tree *t);

#endif /* _EXTENT_TREE_H */
