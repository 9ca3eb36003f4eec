/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of extent_tree.c in tests: what must hold of every tree. */

struct et_totals {
	u64 end; /* where the last extent seen ends */
	size_t bytes, nr;
};

static const char *check_leaf(const struct et_leaf *l, struct et_totals *sum)
{
	struct et_extent e;
	unsigned int i;

	if (!l->h.nr || l->h.nr > l->h.cap)
		return "a leaf's count";
	if (LEAF_HEAD + l->h.cap * EXTENT_BYTES > l->h.size)
		return "a leaf's capacity";
	for (i = 0; i < l->h.nr; i++) {
		get(l, i, &e);
		if (!e.length || (sum->nr && e.offset < sum->end))
			return "extents overlap or are empty";
		sum->end = end_of(&e);
		sum->nr++;
	}
	return NULL;
}

static const char *check_node(struct et_node *n, struct et_totals *sum)
{
	const char *wrong;
	struct et_inner *in;
	unsigned int i;

	sum->bytes += n->size;
	if (!n->level)
		return check_leaf(to_leaf(n), sum);
	in = to_inner(n);
	if (!n->nr || n->nr > INNER_MAX)
		return "an inner node's count";
	for (i = 0; i < INNER_MAX; i++) {
		if (!in->child[i] != (i >= n->nr))
			return "an inner node's empty slots";
		if (i >= n->nr)
			continue;
		if (in->child[i]->level + 1 != n->level)
			return "levels";
		if (in->key[i] != (in->child[i]->level ? to_inner(in->child[i])->key[0]
						       : leaf_first(to_leaf(in->child[i]))))
			return "a key";
		wrong = check_node(in->child[i], sum);
		if (wrong)
			return wrong;
	}
	return NULL;
}

const char *et_check(struct extent_tree *t)
{
	struct et_totals sum = {0};
	const char *wrong = t->root ? check_node(t->root, &sum) : NULL;

	if (wrong)
		return wrong;
	if (sum.nr != t->nr)
		return "the number of extents";
	if (sum.bytes != t->bytes)
		return "the number of bytes";
	return NULL;
}
