/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ways through the extent tree, for writers.  Only for the tree's own files; the
 * functions are in extent_tree.c.
 */
#ifndef _EXTENT_TREE_PATH_H
#define _EXTENT_TREE_PATH_H

#include "extent_tree_node.h"

#define DEPTH_MAX	12

/* Where a writer is: the nodes from the root (highest level) to the leaf. */
struct et_path {
	struct et_inner *inner[DEPTH_MAX];	/* by level - 1 */
	unsigned int slot[DEPTH_MAX];
	unsigned int height;			/* levels of inner nodes */
	struct et_leaf *leaf;
	bool near;		/* it goes on where the last one ended */
	u64 end;		/* the key behind the leaf; not kept up by the two below */
};

/* Go to the leaf that @block belongs to.  The tree is not empty. */
void et_descend(struct extent_tree *t, u64 block, struct et_path *p);

/* Go to the next leaf, or to the one before; false at the end. */
bool et_next_leaf(struct et_path *p);
bool et_prev_leaf(struct et_path *p);

/*
 * Take the leaf out of the tree, and what is empty above it.  Between et_write_begin()
 * and et_write_end().
 */
void et_unlink_leaf(struct extent_tree *t, struct et_path *p);

#endif /* _EXTENT_TREE_PATH_H */
