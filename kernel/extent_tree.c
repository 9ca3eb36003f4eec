// SPDX-License-Identifier: GPL-2.0
/*
 * A B+tree of extents, for many readers and few writers.
 *
 * What its nodes look like is told in extent_tree_node.h; here are the operations on
 * the whole.  No leaf is empty, no inner node is.  extent_tree_evict.c takes out what
 * is not used, extent_tree_index.c leads to leaves without the nodes above them.
 *
 * Readers and writers
 *
 * A writer holds its user's lock, allocates what it will need, and changes the
 * tree between et_write_begin() and et_write_end().  A reader walks down without
 * any lock and starts again if a writer was at work meanwhile; so the numbers that
 * it reads may be a mixture, as long as it survives using them:
 *
 *  - a child pointer is stored and loaded as one word, is a node of the level below
 *    or NULL, and slots that are not in use are NULL; a new node is complete before a
 *    pointer to it is seen (et_publish() pairs with the dependency on the load);
 *  - nodes are freed after an RCU grace period, so one that was ever reachable can
 *    be read until et_read_unlock(), and its level and capacity never change;
 *  - a search gives a slot that is there whatever it compares: it adds up outcomes
 *    of comparisons, which are less than there are slots; and a hint, which takes the
 *    place of a search, is only ever written by who has such a slot, in a leaf with
 *    another slot behind it;
 *  - the index is another way to a leaf: an entry is a word that holds a leaf of the tree
 *    or NULL; it is stored as a child pointer is, and emptied between et_write_begin()
 *    and et_write_end() of the change that takes the leaf out.  So if no writer was at work,
 *    the leaf was in the tree all the time, and what it says of a block is what the way
 *    down would have said.  That it says nothing means nothing: the way down tells.
 *
 * What freeing writes over a node (its rcu head) lies over numbers only.
 *
 * Hints are guesses about the next lookup.  Readers store them without any order, a
 * wrong one costs time.  As they lie in lines that all readers need, they are stored
 * only when a lookup has come right behind another, and looked at only while that goes
 * on (the root's hot): readers that jump about neither write them nor pay for them, but
 * for the few jumps that look like a step.  Writers have the same hints, and their own
 * way to know whether to look at them: where the last one ended.
 *
 * Writers who go on there need no way down either, as long as nothing changes above the
 * leaf: t->last is that leaf until it is freed.  Those who jump ask the index.
 */
#include "extent_tree_index.h"

/* How many blocks behind the last one a writer is going on in order. */
#define NEAR	64

/* Inner nodes that an insertion will need. */
struct spare {
	struct et_inner *inner[DEPTH_MAX + 1];
	unsigned int nr;
};

/* What a reader by hints has found. */
struct answer {
	struct et_leaf *leaf;
	unsigned int slot;
	bool hinted;		/* the hint of the node above the leaf was right */
	struct et_inner *step;	/* the node above the leaf, if its hint should be: */
	unsigned int step_to;
};

/* Does @r of @l cover @block?  Then it is @e. */
static __always_inline bool record_lookup(const struct et_leaf *l, const struct et_record *r,
					  u64 block, struct et_extent *e)
{
	u64 base = READ_ONCE(l->base), where = READ_ONCE(r->where);

	if (!is_covered(where, block - base))
		return false;
	unpack(base, where, READ_ONCE(r->what), e);
	return true;
}

/* Search @l.  The record that covers @block, or NULL. */
static __always_inline struct et_record *leaf_lookup(struct et_leaf *l, u64 block,
						     struct et_extent *e)
{
	unsigned int cap = l->h.cap;
	struct et_record *r;

	/* most leaves: the compiler knows how many comparisons there are */
	if (cap == LEAF_CAP(LEAF_MAX))
		r = leaf_search(l, LEAF_CAP(LEAF_MAX), block);
	else
		r = leaf_search(l, cap, block);
	return r-- != records(l) && record_lookup(l, r, block, e) ? r : NULL;
}

/* @few: @in is not right above leaves; see inner_search(). */
static __always_inline struct et_node *search_child(const struct et_inner *in, u64 block,
						    bool few)
{
	return READ_ONCE(*child_of(in, inner_search(in, block, few)));
}

/* Search from @n on.  The record that covers @block, in *@leaf, or NULL. */
static __always_inline struct et_record *search(struct et_node *n, u64 block,
						struct et_extent *e, struct et_leaf **leaf)
{
	unsigned int level = n->level;

	if (level) {
		while (--level) {
			n = search_child(to_inner(n), block, true);
			if (!n)
				return NULL;
		}
		n = search_child(to_inner(n), block, false);
		if (!n)
			return NULL;
		leaf_prefetch(n);
	}
	*leaf = to_leaf(n);
	return leaf_lookup(*leaf, block, e);
}

/* Go down by hints where they are right or one less, by searching where they are not. */
static noinline bool mixed_lookup(struct et_node *n, u64 block, struct et_extent *e,
				  struct answer *a)
{
	unsigned int level = n->level, hint;
	struct et_record *r;
	struct et_node *next;

	a->step = NULL;
	a->hinted = false;
	while (level--) {
		struct et_inner *in = to_inner(n);

		hint = READ_ONCE(in->h.hint);
		a->hinted = inner_hint_is_right(in, hint, block);
		if (a->hinted) {
			n = READ_ONCE(in->child[hint]);
		} else if (!level && hint + 1 < INNER_MAX &&
			   inner_hint_is_right(in, hint + 1, block)) {
			a->step = in;
			a->step_to = hint + 1;
			n = READ_ONCE(in->child[hint + 1]);
			next = READ_ONCE(in->child[hint + 2]);
			if (next)
				leaf_prefetch(next);
		} else {
			n = search_child(in, block, false);
			if (n && !level)
				leaf_prefetch(n);
		}
		if (!n)
			return false;
	}
	a->leaf = to_leaf(n);
	r = leaf_lookup(a->leaf, block, e);
	if (!r)
		return false;
	a->slot = r - records(a->leaf);
	return true;
}

/* Was there no extent in @l between slot @from and @to?  A guess. */
static inline bool none_between(const struct et_leaf *l, unsigned int from, unsigned int to)
{
	return !(READ_ONCE(l->h.live) & slots_below(to) & ~slots_below(from));
}

/* The hint and the slot behind it can be looked at. */
static inline void set_leaf_hint(struct et_leaf *l, unsigned int slot)
{
	slot = min_t(unsigned int, slot, l->h.cap - 2);
	if (READ_ONCE(l->h.hint) != slot)
		WRITE_ONCE(l->h.hint, slot);
}

static inline void mark(struct et_leaf *l)
{
	/* only a hint, and written seldom: the line stays shared */
	if (!READ_ONCE(l->h.hot))
		WRITE_ONCE(l->h.hot, 1);
}

/*
 * A lookup has found the first extent of leaf @l, where the hints did not lead it.
 * Who goes forward has come from the leaf before: tell the nodes above, as far as
 * their children are entered in front.
 */
static noinline void note_leaf(struct extent_tree *t, struct et_leaf *l, unsigned int first,
			       u64 block)
{
	struct et_node *n = READ_ONCE(t->root);
	struct et_inner *path[DEPTH_MAX];
	unsigned int slot[DEPTH_MAX], depth = 0, hint;

	while (n && n->level) {
		path[depth] = to_inner(n);
		slot[depth] = inner_slot(path[depth], block);
		n = READ_ONCE(path[depth]->child[slot[depth]]);
		depth++;
	}
	if (!depth)
		return;
	n = &path[0]->h;
	while (depth--) {
		hint = READ_ONCE(path[depth]->h.hint);
		if ((slot[depth] != hint + 1 && slot[depth]) || slot[depth] >= INNER_MAX)
			break;
		set_leaf_hint(l, first);
		if (!READ_ONCE(n->hot))
			WRITE_ONCE(n->hot, 1);
		if (slot[depth] != hint)
			WRITE_ONCE(path[depth]->h.hint, slot[depth]);
		if (slot[depth])
			break;
	}
}

/* A lookup that used hints, not all of which were right, has found @a. */
static noinline void correct_hints(struct extent_tree *t, const struct answer *a, u64 block)
{
	struct et_leaf *l = a->leaf;
	unsigned int hint;

	if (a->hinted) {
		hint = READ_ONCE(l->h.hint);
		if (a->slot > hint && none_between(l, hint + 1, a->slot))
			set_leaf_hint(l, a->slot);
	} else if (!none_between(l, 0, a->slot)) {
		struct et_node *root = READ_ONCE(t->root);

		/* it has jumped: no more of that */
		if (root && root->level)
			WRITE_ONCE(root->hot, 0);
	} else if (a->step) {
		WRITE_ONCE(a->step->h.hint, a->step_to);
		set_leaf_hint(l, a->slot);
	} else {
		note_leaf(t, l, a->slot, block);
	}
}

/*
 * Look up @block by hints only, each of which has to be right.  False: they are not, or a
 * writer was at work.
 */
static __always_inline bool step(struct extent_tree *t, u64 block, struct et_extent *e)
{
	unsigned int seq = et_read_begin(&t->seq), level, hint;
	struct et_node *n = READ_ONCE(t->root);
	const struct et_record *r;
	struct et_leaf *l;

	if (!n)
		return false;
	for (level = n->level; level; level--) {
		struct et_inner *in = to_inner(n);

		hint = READ_ONCE(in->h.hint);
		if (!inner_hint_is_right(in, hint, block))
			return false;
		n = READ_ONCE(in->child[hint]);
		if (!n)
			return false;
	}
	l = to_leaf(n);
	hint = READ_ONCE(l->h.hint);
	r = &records(l)[hint];
	if (record_lookup(l, r + 1, block, e)) {
		if (et_read_retry(&t->seq, seq))
			return false;
		if (hint + 2 < l->h.cap)
			WRITE_ONCE(l->h.hint, hint + 1);
	} else if (!record_lookup(l, r, block, e) || et_read_retry(&t->seq, seq)) {
		return false;
	}
	mark(l);
	return true;
}

/* Look up @block as one that comes right behind another, where not all hints were right. */
static noinline bool lookup_in_order(struct extent_tree *t, u64 block, struct et_extent *e)
{
	struct et_node *root;
	struct answer a;
	unsigned int seq;
	bool found;

	do {
		seq = et_read_begin(&t->seq);
		root = READ_ONCE(t->root);
		found = root && mixed_lookup(root, block, e, &a);
	} while (et_read_retry(&t->seq, seq));
	if (found) {
		mark(a.leaf);
		correct_hints(t, &a, block);
	}
	return found;
}

/* A lookup that may be anywhere has found @e in record @r of @l. */
static __always_inline void have_jumped(struct extent_tree *t, struct et_leaf *l,
					const struct et_record *r, u64 block,
					const struct et_extent *e)
{
	mark(l);
	/* who comes from the leaf before looks at the start of an extent, who jumps seldom */
	if (r == records(l) && e->offset == block)
		note_leaf(t, l, 0, block);
}

/* Look up @block as one that may be anywhere. */
static noinline bool lookup_anywhere(struct extent_tree *t, u64 block, struct et_extent *e)
{
	struct et_record *r;
	struct et_node *root;
	struct et_leaf *l;
	unsigned int seq;

	do {
		seq = et_read_begin(&t->seq);
		root = READ_ONCE(t->root);
		r = root ? search(root, block, e, &l) : NULL;
	} while (et_read_retry(&t->seq, seq));
	if (!r)
		return false;
	have_jumped(t, l, r, block, e);
	return true;
}

/* The same by the index alone.  False: it does not lead there, or a writer was at work. */
static __always_inline bool lookup_by_index(struct extent_tree *t, u64 block,
					    struct et_extent *e)
{
	unsigned int seq = et_read_begin(&t->seq);
	struct et_index *ix = READ_ONCE(t->index);
	struct et_record *r;
	struct et_leaf *l;

	if (!ix)
		return false;
	l = et_index_find(ix, block);
	if (!l)
		return false;
	leaf_prefetch(&l->h);
	r = leaf_lookup(l, block, e);
	if (!r || et_read_retry(&t->seq, seq))
		return false;
	have_jumped(t, l, r, block, e);
	return true;
}

bool et_lookup(struct extent_tree *t, u64 block, struct et_extent *e)
{
	struct et_node *root;
	bool found;

	et_read_lock();
	root = READ_ONCE(t->root);
	if (root && root->level && READ_ONCE(root->hot))
		found = step(t, block, e) || lookup_in_order(t, block, e);
	else
		found = lookup_by_index(t, block, e) || lookup_anywhere(t, block, e);
	et_read_unlock();
	return found;
}

/*
 * Paths
 */

void et_descend(struct extent_tree *t, u64 block, struct et_path *p)
{
	unsigned int level = t->root->level, slot;
	bool near = block - t->near < NEAR;
	struct et_node *n = t->root;

	p->height = level;
	p->end = NO_KEY;
	p->near = near;
	while (level--) {
		struct et_inner *in = to_inner(n);

		slot = near ? READ_ONCE(in->h.hint) : 0;
		if (near && inner_hint_is_right(in, slot, block)) {
			n = in->child[slot];
		} else {
			slot = (level ? inner_search(in, block, true) :
					inner_search(in, block, false)) - in->key;
			n = in->child[slot];
			if (!level)
				leaf_prefetch(n);
			if (near)
				WRITE_ONCE(in->h.hint, slot);
		}
		p->inner[level] = in;
		p->slot[level] = slot;
		/* keys that are not there are the highest */
		p->end = min_t(u64, p->end, in->key[slot]);
	}
	p->leaf = to_leaf(n);
}

bool et_next_leaf(struct et_path *p)
{
	unsigned int level = 0;
	struct et_node *n;

	while (level < p->height && p->slot[level] + 1 >= p->inner[level]->h.nr)
		level++;
	if (level == p->height)
		return false;
	n = p->inner[level]->child[++p->slot[level]];
	while (n->level) {
		level = n->level - 1;
		p->inner[level] = to_inner(n);
		p->slot[level] = 0;
		n = p->inner[level]->child[0];
	}
	p->leaf = to_leaf(n);
	return true;
}

bool et_prev_leaf(struct et_path *p)
{
	unsigned int level = 0;
	struct et_node *n;

	while (level < p->height && !p->slot[level])
		level++;
	if (level == p->height)
		return false;
	n = p->inner[level]->child[--p->slot[level]];
	while (n->level) {
		level = n->level - 1;
		p->inner[level] = to_inner(n);
		p->slot[level] = n->nr - 1;
		n = p->inner[level]->child[n->nr - 1];
	}
	p->leaf = to_leaf(n);
	return true;
}

/*
 * The leaf that @block probably belongs to, without a way down to it; or NULL.  Writers
 * know that it does if it has extents before and behind the block, or the block is between
 * its last extent and its end.
 */
static __always_inline struct et_leaf *probable_leaf(const struct extent_tree *t, u64 block,
						     bool near)
{
	struct et_leaf *l;

	if (near)
		return t->last;
	if (!t->index)
		return NULL;
	l = et_index_find(t->index, block);
	if (l)
		leaf_prefetch(&l->h);
	return l;
}

/* The next writer that goes on in order need not go down to the leaf of @p. */
static inline void keep_leaf(struct extent_tree *t, const struct et_path *p)
{
	t->last = p->leaf;
	set_leaf_end(p->leaf, p->end);
}

/* Find the extent that covers @block or the first behind it: its slot in p->leaf. */
static bool find(struct extent_tree *t, u64 block, struct et_path *p, unsigned int *slot,
		 struct et_extent *e)
{
	unsigned int n;

	if (!t->root || block == NO_KEY)
		return false;
	et_descend(t, block, p);
	n = leaf_count(p->leaf, block, p->near);
	*slot = slot_before(p->leaf, n);
	if (*slot != NO_SLOT) {
		get(p->leaf, *slot, e);
		if (end_of(e) > block)
			return true;
	}
	*slot = slot_from(p->leaf, n);
	if (*slot == NO_SLOT) {
		if (!et_next_leaf(p))
			return false;
		*slot = first_slot(p->leaf);
	}
	get(p->leaf, *slot, e);
	return true;
}

bool et_next(struct extent_tree *t, u64 block, struct et_extent *e)
{
	unsigned int slot;
	struct et_path p;

	if (!find(t, block, &p, &slot, e))
		return false;
	t->near = end_of(e);
	return true;
}

/*
 * Changes of the tree
 */

/* Replace the node of @level in @p. */
static void replace(struct extent_tree *t, struct et_path *p, unsigned int level,
		    struct et_node *n)
{
	if (level == p->height)
		et_publish(t->root, n);
	else
		et_publish(p->inner[level]->child[p->slot[level]], n);
}

void et_unlink_leaf(struct extent_tree *t, struct et_path *p)
{
	struct et_node *n = &p->leaf->h;
	struct et_inner *in;
	unsigned int level;

	for (level = 0; level < p->height; level++) {
		in = p->inner[level];
		et_inner_delete(in, p->slot[level]);
		et_free_node(t, n);
		if (in->h.nr)
			break;
		n = &in->h;
	}
	if (level == p->height) {
		WRITE_ONCE(t->root, NULL);
		et_free_node(t, n);
		et_index_drop(t);
		return;
	}
	/* a root with one child is not needed */
	while (t->root->level && t->root->nr == 1) {
		in = to_inner(t->root);
		et_publish(t->root, in->child[0]);
		et_free_node(t, &in->h);
	}
	et_index_shrink(t);
}

/* Allocate what inserting a child beside p->leaf takes. */
static int prepare_split(struct extent_tree *t, const struct et_path *p, struct spare *spare)
{
	unsigned int level = 0;

	spare->nr = 0;
	while (level < p->height && p->inner[level]->h.nr == INNER_MAX)
		level++;
	/* one for each full node, and one for a new root above it */
	if (level == p->height)
		level++;
	if (level > DEPTH_MAX)
		return -ENOMEM;
	while (spare->nr < level) {
		struct et_inner *in = et_new_inner(t);

		if (!in) {
			while (spare->nr)
				et_free_node(t, &spare->inner[--spare->nr]->h);
			return -ENOMEM;
		}
		spare->inner[spare->nr++] = in;
	}
	return 0;
}

/* Put leaf @n behind the leaf of @p, and @key between them. */
static void link_leaf(struct extent_tree *t, struct et_path *p, struct spare *spare, u64 key,
		      struct et_node *n)
{
	struct et_inner *root;
	unsigned int level;

	/* it ends sooner now */
	set_leaf_end(p->leaf, 0);
	for (level = 0; level < p->height; level++) {
		struct et_inner *in = p->inner[level], *right;
		unsigned int i = p->slot[level] + 1, keep = in->h.nr / 2;

		if (in->h.nr < INNER_MAX) {
			et_inner_insert(in, i, key, n);
			return;
		}
		right = spare->inner[--spare->nr];
		if (i == in->h.nr) {
			/* filling in order: the node stays full */
			right->h.level = in->h.level;
			right->h.nr = 1;
			right->child[0] = n;
		} else {
			u64 between = et_inner_split(in, right, keep);

			if (i <= keep)
				et_inner_insert(in, i, key, n);
			else
				et_inner_insert(right, i - keep, key, n);
			key = between;
		}
		n = &right->h;
	}
	/* the root has been split, or was the leaf */
	root = spare->inner[--spare->nr];
	root->h.level = t->root->level + 1;
	root->h.nr = 2;
	root->child[0] = t->root;
	root->key[0] = key;
	root->child[1] = n;
	et_publish(t->root, &root->h);
}

/*
 * The last extent of p->leaf is to end at @end, behind p->end; until there nothing is
 * in the next leaf.  The key between the two is in one place: where the ways to them
 * part.
 */
static void move_end(struct extent_tree *t, struct et_path *p, u64 end)
{
	unsigned int level = 0;

	while (level < p->height && p->slot[level] + 1 >= p->inner[level]->h.nr)
		level++;
	if (level < p->height) {
		et_write_begin(&t->seq);
		WRITE_ONCE(p->inner[level]->key[p->slot[level]], end);
		et_write_end(&t->seq);
	}
	p->end = end;
}

/* Does @what say the same as the record @before, for what is behind that? */
static __always_inline bool goes_on(u64 before_where, u64 before_what, u64 what)
{
	bool placed = what_behind(before_what, length_of(before_where)) == what;

	return (placed || before_what == what) && placed != has_no_addr(before_what);
}

/*
 * An extent lies between those in slots @before and @after of the leaf.  Is it of one
 * piece with one of them?  The place is looked at first: it mostly tells the same for all
 * that is stored, while how extents lie in the file does not.
 */
static __always_inline bool joins_before(const struct et_leaf *l, unsigned int before,
					 u64 where, u64 what)
{
	const struct et_record *r = &records(l)[before];

	return before != NO_SLOT && goes_on(r->where, r->what, what) &&
	       (r->where >> DELTA_SHIFT) + length_of(r->where) == where >> DELTA_SHIFT &&
	       length_of(r->where) + length_of(where) <= ET_MAX_LENGTH;
}

static __always_inline bool joins_after(const struct et_leaf *l, unsigned int after,
					u64 where, u64 what)
{
	const struct et_record *r = &records(l)[after];

	return after != NO_SLOT && goes_on(where, what, r->what) &&
	       (where >> DELTA_SHIFT) + length_of(where) == r->where >> DELTA_SHIFT &&
	       length_of(r->where) + length_of(where) <= ET_MAX_LENGTH;
}

/* Merge @e with the one, the other or both of its neighbours. */
static noinline void merge(struct extent_tree *t, struct et_leaf *l, unsigned int before,
			   unsigned int after, const struct et_extent *e)
{
	struct et_extent sum = *e, other;
	bool left, right;

	left = joins_before(l, before, to_where(l->base, e), to_what(e));
	if (left) {
		get(l, before, &sum);
		sum.length += e->length;
	}
	right = joins_after(l, after, to_where(l->base, &sum), to_what(&sum));
	if (right) {
		get(l, after, &other);
		sum.length += other.length;
	}
	et_write_begin(&t->seq);
	if (left && right)
		et_leaf_delete(l, after);
	et_leaf_change(l, left ? before : after, &sum);
	et_write_end(&t->seq);
	t->nr -= left && right;
}

/* Make the deltas fit for an extent at @offset, if they can be; slots may change. */
static bool leaf_reach(struct extent_tree *t, struct et_path *p, u64 offset)
{
	struct et_leaf *l = p->leaf;
	u64 first = min_t(u64, leaf_first(l), offset);

	if (!spans(first, max_t(u64, leaf_last(l), offset)))
		return false;
	et_write_begin(&t->seq);
	et_index_forget(t, l);
	et_leaf_rebase(l, first);
	et_index_note(t, l, p->end);
	et_write_end(&t->seq);
	return true;
}

/* The full leaf of @p becomes one of the next size, with @e in slot @i. */
static int grow_leaf(struct extent_tree *t, struct et_path *p, unsigned int i,
		     const struct et_extent *e)
{
	struct et_leaf *old = p->leaf, *l;

	l = et_new_leaf(t, LEAF_SIZE(old->h.cap) * 2, old->base);
	if (!l)
		return -ENOMEM;
	et_leaf_copy(l, old, 0);
	leaf_insert(l, i, e);
	l->h.hot = READ_ONCE(old->h.hot);
	set_leaf_end(l, p->end);
	et_write_begin(&t->seq);
	replace(t, p, 0, &l->h);
	et_free_node(t, &old->h);
	t->last = l;
	et_index_note(t, l, p->end);
	et_write_end(&t->seq);
	return 0;
}

/* A new leaf for @e alone, behind or @before that of @p. */
static int add_leaf(struct extent_tree *t, struct et_path *p, const struct et_extent *e,
		    bool before, size_t size)
{
	struct et_leaf *old = p->leaf, *l = et_new_leaf(t, size, e->offset);
	struct spare spare;

	if (!l)
		return -ENOMEM;
	if (prepare_split(t, p, &spare)) {
		et_free_node(t, &l->h);
		return -ENOMEM;
	}
	leaf_insert(l, 0, e);
	et_write_begin(&t->seq);
	if (before) {
		replace(t, p, 0, &l->h);
		link_leaf(t, p, &spare, leaf_first(old), &old->h);
		et_index_note(t, l, leaf_first(old));
	} else {
		link_leaf(t, p, &spare, e->offset, &l->h);
		et_index_note(t, l, p->end);
		set_leaf_end(l, p->end);
		t->last = l;
	}
	et_write_end(&t->seq);
	et_index_grow(t, p->end == NO_KEY);
	return 0;
}

/*
 * The leaf of @p is as large as they get and full: half of it moves away.  Who fills a gap in
 * order goes on before slot @i: then it is what is behind that, and he goes on at the end.
 */
static int split_leaf(struct extent_tree *t, struct et_path *p, unsigned int i,
		      const struct et_extent *e)
{
	struct et_leaf *l = p->leaf, *right;
	unsigned int keep = p->near && i ? i : l->h.cap / 2;
	struct spare spare;
	u64 key = offset_at(l, keep);
	size_t size = LEAF_MAX;

	while (size > LEAF_MIN && LEAF_CAP(size / 2) >= l->h.cap - keep)
		size /= 2;
	right = et_new_leaf(t, size, key);
	if (!right)
		return -ENOMEM;
	if (prepare_split(t, p, &spare)) {
		et_free_node(t, &right->h);
		return -ENOMEM;
	}
	et_leaf_copy(right, l, keep);
	right->h.hot = READ_ONCE(l->h.hot);
	if (i > keep)
		leaf_insert(right, i - keep, e);
	et_write_begin(&t->seq);
	et_leaf_cut(l, keep);
	if (i <= keep)
		leaf_insert(l, i, e);
	link_leaf(t, p, &spare, key, &right->h);
	set_leaf_end(l, key);
	set_leaf_end(right, p->end);
	et_index_note(t, right, p->end);
	et_write_end(&t->seq);
	et_index_grow(t, false);
	return 0;
}

/* A place for an extent in a leaf: between slots @before and @after, before slot @i. */
struct gap {
	unsigned int i, before, after;
};

static inline struct gap find_gap(const struct et_leaf *l, u64 offset, bool near)
{
	unsigned int i = leaf_count(l, offset, near);

	return (struct gap){ i, slot_before(l, i), slot_from(l, i) };
}

bool et_gap(struct extent_tree *t, u64 block, u64 *start, u64 *end)
{
	struct et_path p, q;
	struct gap g;

	*start = 0;
	*end = U64_MAX;
	if (!t->root)
		return true;
	et_descend(t, block, &p);
	g = find_gap(p.leaf, block, p.near);
	q = p;
	if (g.before != NO_SLOT)
		*start = end_at(p.leaf, g.before);
	else if (et_prev_leaf(&q))
		*start = end_at(q.leaf, last_slot(q.leaf));
	if (g.after != NO_SLOT)
		*end = offset_at(p.leaf, g.after);
	else if (et_next_leaf(&p))
		*end = leaf_first(p.leaf);
	return *start <= block;
}

/* The leaf of @p has no room or no reach for @e, which belongs before slot @i. */
static noinline int make_room(struct extent_tree *t, struct et_path *p, unsigned int i,
			      const struct et_extent *e)
{
	struct et_leaf *l = p->leaf;

	if (l->h.cap < LEAF_CAP(LEAF_MAX))
		return grow_leaf(t, p, i, e);
	/* filling in order: the leaf stays full */
	if (i == l->h.cap)
		return add_leaf(t, p, e, false, p->end == NO_KEY ? LEAF_MAX : LEAF_SOME);
	return split_leaf(t, p, i, e);
}

/*
 * Put @e where nothing is, in the reach of leaf @l: into gap @g, or make it one with what
 * is beside that.  False: the leaf is full.
 */
static __always_inline bool put_in_leaf(struct extent_tree *t, struct et_leaf *l, struct gap g,
					const struct et_extent *e)
{
	u64 where = to_where(l->base, e), what = to_what(e);

	if (joins_before(l, g.before, where, what) || joins_after(l, g.after, where, what)) {
		merge(t, l, g.before, g.after, e);
		return true;
	}
	if (is_full(l))
		return false;
	et_write_begin(&t->seq);
	et_leaf_insert(l, g.i, where, what);
	et_write_end(&t->seq);
	t->nr++;
	return true;
}

/* Put @e where nothing is: into gap @g of the leaf of @p. */
static __always_inline int put(struct extent_tree *t, struct et_path *p, struct gap g,
			       const struct et_extent *e)
{
	struct et_leaf *l = p->leaf;
	int err;

	if (end_of(e) > p->end)
		move_end(t, p, end_of(e));
	if (e->offset < l->base || !spans(l->base, e->offset)) {
		if (!leaf_reach(t, p, e->offset)) {
			/* in the middle everything is in reach */
			err = add_leaf(t, p, e, e->offset < leaf_first(l), LEAF_MIN);
			goto out;
		}
		g = find_gap(l, e->offset, true);
	}
	keep_leaf(t, p);
	if (put_in_leaf(t, l, g, e))
		return 0;
	err = make_room(t, p, g.i, e);
out:
	if (!err)
		t->nr++;
	return err;
}

static int put_first(struct extent_tree *t, const struct et_extent *e)
{
	struct et_leaf *l = et_new_leaf(t, LEAF_MIN, e->offset);

	if (!l)
		return -ENOMEM;
	leaf_insert(l, 0, e);
	et_write_begin(&t->seq);
	et_publish(t->root, &l->h);
	et_write_end(&t->seq);
	t->nr++;
	return 0;
}

/* Put @e where nothing is. */
static noinline int insert(struct extent_tree *t, const struct et_extent *e)
{
	struct et_path p;

	if (!t->root)
		return put_first(t, e);
	et_descend(t, e->offset, &p);
	return put(t, &p, find_gap(p.leaf, e->offset, p.near), e);
}

/* Is a leaf with @nr extents left to be joined?  Not each time: the next one is far. */
static inline bool may_join(const struct et_leaf *l, unsigned int nr)
{
	return nr <= l->h.cap / 4 && !(nr & (nr + 1));
}

/* The leaf of @p has lost extents: make one of it and the next if there is room. */
static void join_leaf(struct extent_tree *t, struct et_path *p)
{
	struct et_leaf *l = p->leaf, *right;
	struct et_inner *in = p->inner[0];
	struct et_path q;
	unsigned int nr = nr_live(l);
	u64 end;
	u8 hot;

	if (!may_join(l, nr) || !p->height || p->slot[0] + 1 >= in->h.nr)
		return;
	right = to_leaf(in->child[p->slot[0] + 1]);
	nr += nr_live(right);
	if (nr > max_t(unsigned int, l->h.cap, right->h.cap) || !spans(l->base, leaf_last(right)))
		return;
	/* one of them goes away from the slot behind the leaf's, with the key between them */
	q = *p;
	q.slot[0]++;
	et_write_begin(&t->seq);
	/* readers set it at any time; one that gets lost is found again */
	hot = READ_ONCE(l->h.hot) | READ_ONCE(right->h.hot);
	et_leaf_pack(l);
	et_leaf_pack(right);
	if (nr <= l->h.cap) {
		WRITE_ONCE(l->h.hot, hot);
		et_leaf_move_left(l, right);
		q.leaf = right;
	} else {
		WRITE_ONCE(right->h.hot, hot);
		et_index_forget(t, right);
		et_leaf_move_right(l, right, nr_live(l));
		replace(t, p, 0, &right->h);
		q.leaf = l;
		l = right;
	}
	end = in->key[q.slot[0]];
	et_unlink_leaf(t, &q);
	et_index_note(t, l, end);
	et_write_end(&t->seq);
}

/* Take the extent in slot @i of the leaf of @p out. */
static void delete(struct extent_tree *t, struct et_path *p, unsigned int i)
{
	struct et_leaf *l = p->leaf;
	bool alone = l->h.live == (u32)1 << i;

	et_write_begin(&t->seq);
	if (alone)
		et_unlink_leaf(t, p);
	else
		et_leaf_delete(l, i);
	et_write_end(&t->seq);
	t->nr--;
	if (!alone)
		join_leaf(t, p);
}

static void move_start(struct et_extent *e, u64 to)
{
	if (e->addr != ET_NO_ADDR)
		e->addr += to - e->offset;
	e->length -= to - e->offset;
	e->offset = to;
}

/* The same as remove_one(), without the nodes above the leaf where they don't change. */
static __always_inline bool remove_directly(struct extent_tree *t, u64 block, u64 end)
{
	bool near = block - t->near < NEAR;
	struct et_leaf *l = probable_leaf(t, block, near);
	unsigned int n;

	if (!l)
		return false;
	n = leaf_count(l, block, near);
	if (!n || !is_live(l, n - 1) || offset_at(l, n - 1) != block || end_at(l, n - 1) != end ||
	    may_join(l, nr_live(l) - 1))
		return false;
	t->near = end;
	et_write_begin(&t->seq);
	et_leaf_delete(l, n - 1);
	et_write_end(&t->seq);
	t->nr--;
	return true;
}

/* Mostly it is an extent as it was stored that goes.  False: it was something else. */
static bool remove_one(struct extent_tree *t, u64 block, u64 end)
{
	struct et_path p;
	unsigned int n;

	if (!t->root || block == NO_KEY)
		return false;
	et_descend(t, block, &p);
	t->near = end;
	n = leaf_count(p.leaf, block, p.near);
	if (!n || !is_live(p.leaf, n - 1) || offset_at(p.leaf, n - 1) != block ||
	    end_at(p.leaf, n - 1) != end)
		return false;
	keep_leaf(t, &p);
	delete(t, &p, n - 1);
	return true;
}

void et_remove(struct extent_tree *t, u64 block, u64 length)
{
	u64 end = block + length < block ? U64_MAX : block + length;
	struct et_extent e, rest;
	unsigned int i;
	struct et_path p;

	if (remove_directly(t, block, end) || remove_one(t, block, end))
		return;
	while (block < end && find(t, block, &p, &i, &e) && e.offset < end) {
		struct et_leaf *l = p.leaf;

		if (e.offset < block) {
			/* keep the head, and the tail if there is one */
			rest = e;
			e.length = block - e.offset;
			et_write_begin(&t->seq);
			et_leaf_change(l, i, &e);
			et_write_end(&t->seq);
			if (end_of(&rest) > end) {
				move_start(&rest, end);
				/* no memory: the tail goes, too */
				(void)insert(t, &rest);
				return;
			}
			block = end_of(&rest);
			continue;
		}
		if (end_of(&e) > end) {
			move_start(&e, end);
			if (spans(l->base, e.offset)) {
				et_write_begin(&t->seq);
				et_leaf_change(l, i, &e);
				et_write_end(&t->seq);
			} else {
				delete(t, &p, i);
				(void)insert(t, &e);
			}
			return;
		}
		block = end_of(&e);
		if (i == first_slot(l) && end_at(l, last_slot(l)) <= end) {
			/* all of the leaf */
			block = end_at(l, last_slot(l));
			t->nr -= nr_live(l);
			et_write_begin(&t->seq);
			et_unlink_leaf(t, &p);
			et_write_end(&t->seq);
			continue;
		}
		delete(t, &p, i);
	}
}

/*
 * Put @e into the leaf that it probably belongs to, if it does, and there is room and
 * nothing where it is to be.
 */
static __always_inline bool store_directly(struct extent_tree *t, const struct et_extent *e)
{
	bool near = e->offset - t->near < NEAR;
	struct et_leaf *l = probable_leaf(t, e->offset, near);
	struct gap g;
	u64 limit;

	if (!l)
		return false;
	g = find_gap(l, e->offset, near);
	if (g.before == NO_SLOT || end_at(l, g.before) > e->offset)
		return false;
	if (g.after != NO_SLOT)
		limit = offset_at(l, g.after);
	else if (spans(l->base, e->offset))
		limit = leaf_end(l);
	else
		return false;
	if (end_of(e) > limit || !put_in_leaf(t, l, g, e))
		return false;
	t->near = end_of(e);
	return true;
}

/* The same behind all else in the leaf of the last one, as a file is mostly filled. */
static __always_inline bool append_directly(struct extent_tree *t, const struct et_extent *e)
{
	struct et_leaf *l = t->last;
	unsigned int last;
	u64 where, what;

	if (!l || e->offset - t->near >= NEAR)
		return false;
	last = last_slot(l);
	/* no holes, so nothing to push away */
	if (last + 1 == l->h.cap || where_at(l, last + 1) != NO_RECORD)
		return false;
	where = to_where(l->base, e);
	what = to_what(e);
	if (e->offset < end_at(l, last) || end_of(e) > leaf_end(l) ||
	    !spans(l->base, e->offset) || joins_before(l, last, where, what))
		return false;
	et_write_begin(&t->seq);
	et_leaf_append(l, last + 1, where, what);
	et_write_end(&t->seq);
	t->nr++;
	t->near = end_of(e);
	return true;
}

/* The same by the way down: apart, as kernels may clear a path before it is used. */
static noinline int store_by_path(struct extent_tree *t, const struct et_extent *e)
{
	struct et_path p;
	struct gap g;

	et_descend(t, e->offset, &p);
	t->near = end_of(e);
	g = find_gap(p.leaf, e->offset, p.near);
	/* mostly nothing is there, and one way down is enough */
	if ((g.before == NO_SLOT || end_at(p.leaf, g.before) <= e->offset) &&
	    end_of(e) <= (g.after == NO_SLOT ? p.end : offset_at(p.leaf, g.after)))
		return put(t, &p, g, e);
	et_remove(t, e->offset, e->length);
	return insert(t, e);
}

int et_store(struct extent_tree *t, const struct et_extent *e)
{
	if (!e->length || e->length > ET_MAX_LENGTH || e->offset > ET_MAX_OFFSET ||
	    e->kind > ET_MAX_KIND ||
	    (e->addr != ET_NO_ADDR && (e->addr > ET_MAX_ADDR - e->length || e->dev > ET_MAX_DEV)))
		return -ERANGE;
	if (!t->root)
		return put_first(t, e);
	if (append_directly(t, e) || store_directly(t, e))
		return 0;
	return store_by_path(t, e);
}

void et_init(struct extent_tree *t)
{
	memset(t, 0, sizeof(*t));
	et_seq_init(&t->seq);
}

void et_destroy(struct extent_tree *t)
{
	struct et_path p;

	et_index_drop(t);
	while (t->root) {
		et_descend(t, 0, &p);
		et_write_begin(&t->seq);
		et_unlink_leaf(t, &p);
		et_write_end(&t->seq);
	}
	t->nr = 0;
}
