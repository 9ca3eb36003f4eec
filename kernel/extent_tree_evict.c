// SPDX-License-Identifier: GPL-2.0
/*
 * Eviction: the tree gives memory back, leaf by leaf, by a clock.  Lookups mark the
 * leaves that they find something in; the hand takes a leaf that is not marked since
 * it came by last, and takes the mark of one that is.  The hand is a block number, so
 * that it does not mind what becomes of the nodes.
 */
#include "extent_tree_path.h"

size_t et_sweep(struct extent_tree *t, size_t bytes, unsigned int *leaves)
{
	size_t before = t->bytes;
	struct et_path p;

	while (t->root && t->bytes > bytes && *leaves) {
		struct et_leaf *l;
		u64 next;

		et_descend(t, t->clock, &p);
		l = p.leaf;
		next = leaf_last(l) + 1;
		if (next <= t->clock) {
			/* what the clock points to lies behind this leaf */
			if (!et_next_leaf(&p)) {
				t->clock = 0;
				break;
			}
			l = p.leaf;
			next = leaf_last(l) + 1;
		}
		--*leaves;
		t->clock = next;
		if (READ_ONCE(l->h.hot)) {
			WRITE_ONCE(l->h.hot, 0);
			continue;
		}
		t->nr -= nr_live(l);
		et_write_begin(&t->seq);
		et_unlink_leaf(t, &p);
		et_write_end(&t->seq);
	}
	if (!t->root)
		t->clock = 0;
	return before - t->bytes;
}

size_t et_evict(struct extent_tree *t, size_t bytes, unsigned int leaves)
{
	size_t before = t->bytes;
	unsigned int rounds = 0;

	/* the first round may find all of it in use */
	while (t->root && t->bytes > bytes && leaves && rounds < 3) {
		et_sweep(t, bytes, &leaves);
		if (!t->clock)
			rounds++;
	}
	return before - t->bytes;
}
