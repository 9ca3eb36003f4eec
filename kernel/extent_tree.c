// SPDX-License-Identifier: GPL-2.0
/*
 * A B+tree of extents, for many readers and few writers.
 *
 * A leaf keeps its extents as four arrays, so that a search touches nothing but
 * offsets, and those as 32-bit distances from the leaf's base.  18 bytes an extent:
 *
 *	+--------+------+----------+-----------+-----------+----------+
 *	| header | base | place[N] | delta[N]  | length[N] | kind[N]  |
 *	|        | u64  | u64      | u32       | u32       | u16      |
 *	+--------+------+----------+-----------+-----------+----------+
 *	  offset = base + delta		place = device << 48 | address
 *
 * A leaf of few extents is small; it is replaced by one of twice the size when it
 * is full, up to LEAF_MAX, and then split.  Inner nodes have one size:
 *
 *	+--------+-----+---------+-----------+
 *	| header | rcu | key[62] | child[62] |
 *	+--------+-----+---------+-----------+
 *	  key[i] = the lowest offset below child[i]
 *
 * base is a lower bound only: taking the first extent away leaves it.  No leaf is
 * empty, no inner node is.
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
 *  - counts are cut to the capacity before they are used.
 *
 * What freeing writes over a leaf (its rcu head lies over the arrays) is numbers
 * only; in an inner node it has its own place, as pointers there must stay good.
 */
#include "extent_tree.h"

#define LEAF_MAX	ET_LEAF_MAX
#define LEAF_MIN	64
#define LEAF_SOME	(LEAF_MAX > 4 * LEAF_MIN ? LEAF_MAX / 4 : LEAF_MIN)
#define INNER_SIZE	1024
#define INNER_MAX	ET_INNER_MAX
#define DEPTH_MAX	12
#define DEV_SHIFT	48

struct et_node {
	u16 nr;			/* in use */
	u16 cap;		/* capacity */
	u8 level;		/* 0: leaf */
	u8 hot;			/* a leaf that was made or looked up since eviction came by */
	u16 size;		/* bytes allocated */
};

struct et_leaf {
	struct et_node h;
	u64 base;
	union {
		et_head_t rcu;	/* when nobody needs the rest any more */
		u64 place[2];	/* really h.cap of them, then the other arrays */
	};
};

struct et_inner {
	struct et_node h;
	et_head_t rcu;
	u64 key[INNER_MAX];
	struct et_node *child[INNER_MAX];
};

#define LEAF_HEAD	offsetof(struct et_leaf, place)
#define EXTENT_BYTES	(sizeof(u64) + 2 * sizeof(u32) + sizeof(u16))

/* Where a writer is: the nodes from the root (highest level) to the leaf. */
struct path {
	struct et_inner *inner[DEPTH_MAX];	/* by level - 1 */
	unsigned int slot[DEPTH_MAX];
	unsigned int height;			/* levels of inner nodes */
	struct et_leaf *leaf;
};

/* Inner nodes that an insertion will need. */
struct spare {
	struct et_inner *inner[DEPTH_MAX + 1];
	unsigned int nr;
};

static struct et_leaf *to_leaf(struct et_node *n)
{
	return (struct et_leaf *)n;
}

static struct et_inner *to_inner(struct et_node *n)
{
	return (struct et_inner *)n;
}

static u64 *places(const struct et_leaf *l)
{
	return (u64 *)((char *)l + LEAF_HEAD);
}

static u32 *deltas(const struct et_leaf *l)
{
	return (u32 *)(places(l) + l->h.cap);
}

static u32 *lengths(const struct et_leaf *l)
{
	return deltas(l) + l->h.cap;
}

static u16 *kinds(const struct et_leaf *l)
{
	return (u16 *)(lengths(l) + l->h.cap);
}

static u64 to_place(const struct et_extent *e)
{
	return e->addr == ET_NO_ADDR ? U64_MAX : (u64)e->dev << DEV_SHIFT | e->addr;
}

static void get(const struct et_leaf *l, unsigned int i, struct et_extent *e)
{
	u64 place = READ_ONCE(places(l)[i]);

	e->offset = READ_ONCE(l->base) + READ_ONCE(deltas(l)[i]);
	e->length = READ_ONCE(lengths(l)[i]);
	e->kind = READ_ONCE(kinds(l)[i]);
	e->addr = place == U64_MAX ? ET_NO_ADDR : place & ET_MAX_ADDR;
	e->dev = place == U64_MAX ? 0 : place >> DEV_SHIFT;
}

/* @e lies behind the leaf's base and not too far. */
static void set(struct et_leaf *l, unsigned int i, const struct et_extent *e)
{
	WRITE_ONCE(places(l)[i], to_place(e));
	WRITE_ONCE(deltas(l)[i], e->offset - l->base);
	WRITE_ONCE(lengths(l)[i], e->length);
	WRITE_ONCE(kinds(l)[i], e->kind);
}

static u64 end_of(const struct et_extent *e)
{
	return e->offset + e->length;
}

/*
 * How many of @nr sorted numbers are at most @x; both loops without a branch that
 * depends on what is compared.
 */
static unsigned int count_deltas(const u32 *a, unsigned int nr, u32 x)
{
	const u32 *p = a;

	if (!nr)
		return 0;
	while (nr > 1) {
		unsigned int half = nr / 2;

		p += READ_ONCE(p[half]) <= x ? half : 0;
		nr -= half;
	}
	return p - a + (READ_ONCE(*p) <= x);
}

static unsigned int count_keys(const u64 *a, unsigned int nr, u64 x)
{
	const u64 *p = a;

	if (!nr)
		return 0;
	while (nr > 1) {
		unsigned int half = nr / 2;

		p += READ_ONCE(p[half]) <= x ? half : 0;
		nr -= half;
	}
	return p - a + (READ_ONCE(*p) <= x);
}

/* The number of extents of @l that start at or before @block. */
static unsigned int leaf_count(const struct et_leaf *l, u64 block)
{
	u64 base = READ_ONCE(l->base);
	unsigned int nr = min_t(unsigned int, READ_ONCE(l->h.nr), l->h.cap);

	if (block < base)
		return 0;
	return count_deltas(deltas(l), nr, min_t(u64, block - base, U32_MAX));
}

/* The child of @in to look for @block in; the first if all are behind it. */
static unsigned int inner_slot(const struct et_inner *in, u64 block)
{
	unsigned int nr = min_t(unsigned int, READ_ONCE(in->h.nr), INNER_MAX);
	unsigned int n = count_keys(in->key, nr, block);

	return n ? n - 1 : 0;
}

static bool read_lookup(struct extent_tree *t, u64 block, struct et_extent *e,
			struct et_leaf **leaf)
{
	struct et_node *n = READ_ONCE(t->root);
	unsigned int i;

	while (n && n->level) {
		struct et_inner *in = to_inner(n);

		n = READ_ONCE(in->child[inner_slot(in, block)]);
	}
	if (!n)
		return false;
	*leaf = to_leaf(n);
	i = leaf_count(*leaf, block);
	if (!i)
		return false;
	get(*leaf, i - 1, e);
	return block - e->offset < e->length;
}

bool et_lookup(struct extent_tree *t, u64 block, struct et_extent *e)
{
	struct et_leaf *leaf = NULL;
	unsigned int seq;
	bool found;

	et_read_lock();
	do {
		seq = et_read_begin(&t->seq);
		found = read_lookup(t, block, e, &leaf);
	} while (et_read_retry(&t->seq, seq));
	/* only a hint, and written seldom: the line stays shared */
	if (found && !READ_ONCE(leaf->h.hot))
		WRITE_ONCE(leaf->h.hot, 1);
	et_read_unlock();
	return found;
}

/*
 * Nodes
 */

static struct et_leaf *new_leaf(struct extent_tree *t, size_t size, u64 base)
{
	struct et_leaf *l = et_alloc(size);

	if (!l)
		return NULL;
	l->h = (struct et_node){
		.cap = (size - LEAF_HEAD) / EXTENT_BYTES,
		.hot = 1,
		.size = size,
	};
	l->base = base;
	t->bytes += size;
	return l;
}

static struct et_inner *new_inner(struct extent_tree *t)
{
	struct et_inner *in;

	BUILD_BUG_ON(sizeof(*in) > INNER_SIZE);
	in = et_alloc(INNER_SIZE);
	if (!in)
		return NULL;
	memset(in, 0, INNER_SIZE);
	in->h.cap = INNER_MAX;
	in->h.size = INNER_SIZE;
	t->bytes += INNER_SIZE;
	return in;
}

static void free_node(struct extent_tree *t, struct et_node *n)
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

/*
 * Paths
 */

static void descend(struct extent_tree *t, u64 block, struct path *p)
{
	struct et_node *n = t->root;

	p->height = n->level;
	while (n->level) {
		unsigned int level = n->level - 1;

		p->inner[level] = to_inner(n);
		p->slot[level] = inner_slot(to_inner(n), block);
		n = p->inner[level]->child[p->slot[level]];
	}
	p->leaf = to_leaf(n);
}

/* Go to the next leaf; false at the end. */
static bool next_leaf(struct path *p)
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

/* Find the extent that covers @block or the first behind it: its slot in p->leaf. */
static bool find(struct extent_tree *t, u64 block, struct path *p, unsigned int *slot,
		 struct et_extent *e)
{
	unsigned int n;

	if (!t->root)
		return false;
	descend(t, block, p);
	n = leaf_count(p->leaf, block);
	if (n) {
		*slot = n - 1;
		get(p->leaf, *slot, e);
		if (end_of(e) > block)
			return true;
	}
	*slot = n;
	if (n == p->leaf->h.nr) {
		if (!next_leaf(p))
			return false;
		*slot = 0;
	}
	get(p->leaf, *slot, e);
	return true;
}

bool et_next(struct extent_tree *t, u64 block, struct et_extent *e)
{
	unsigned int slot;
	struct path p;

	return find(t, block, &p, &slot, e);
}

/*
 * Changes of one node.  All are made between et_write_begin() and et_write_end().
 */

static void leaf_delete(struct et_leaf *l, unsigned int i)
{
	unsigned int last = l->h.nr - 1;

	for (; i < last; i++) {
		WRITE_ONCE(places(l)[i], places(l)[i + 1]);
		WRITE_ONCE(deltas(l)[i], deltas(l)[i + 1]);
		WRITE_ONCE(lengths(l)[i], lengths(l)[i + 1]);
		WRITE_ONCE(kinds(l)[i], kinds(l)[i + 1]);
	}
	WRITE_ONCE(l->h.nr, last);
}

/* Room in the capacity and in the range of the deltas has been made sure of. */
static void leaf_insert(struct et_leaf *l, unsigned int i, const struct et_extent *e)
{
	unsigned int j;

	for (j = l->h.nr; j > i; j--) {
		WRITE_ONCE(places(l)[j], places(l)[j - 1]);
		WRITE_ONCE(deltas(l)[j], deltas(l)[j - 1]);
		WRITE_ONCE(lengths(l)[j], lengths(l)[j - 1]);
		WRITE_ONCE(kinds(l)[j], kinds(l)[j - 1]);
	}
	set(l, i, e);
	WRITE_ONCE(l->h.nr, l->h.nr + 1);
}

/* Extents [@from, @to) of @src to the end of @dst, whose base is low enough. */
static void leaf_append(struct et_leaf *dst, const struct et_leaf *src, unsigned int from,
			unsigned int to)
{
	struct et_extent e;

	for (; from < to; from++) {
		get(src, from, &e);
		leaf_insert(dst, dst->h.nr, &e);
	}
}

static void leaf_rebase(struct et_leaf *l, u64 base)
{
	u32 change = (u32)(l->base - base);	/* modulo 2^32, as are the sums */
	unsigned int i;

	for (i = 0; i < l->h.nr; i++)
		WRITE_ONCE(deltas(l)[i], deltas(l)[i] + change);
	WRITE_ONCE(l->base, base);
}

/* Can offsets from @first to @last be in one leaf? */
static bool spans(u64 first, u64 last)
{
	return last - first <= U32_MAX;
}

static u64 leaf_first(const struct et_leaf *l)
{
	return l->base + deltas(l)[0];
}

static u64 leaf_last(const struct et_leaf *l)
{
	return l->base + deltas(l)[l->h.nr - 1];
}

/* Make the deltas fit for an extent at @offset, if they can be. */
static bool leaf_reach(struct extent_tree *t, struct et_leaf *l, u64 offset)
{
	if (offset >= l->base && spans(l->base, offset))
		return true;
	if (!spans(min_t(u64, leaf_first(l), offset), max_t(u64, leaf_last(l), offset)))
		return false;
	et_write_begin(&t->seq);
	leaf_rebase(l, min_t(u64, leaf_first(l), offset));
	et_write_end(&t->seq);
	return true;
}

static void inner_insert(struct et_inner *in, unsigned int i, u64 key, struct et_node *child)
{
	unsigned int j;

	for (j = in->h.nr; j > i; j--) {
		WRITE_ONCE(in->key[j], in->key[j - 1]);
		et_publish(in->child[j], in->child[j - 1]);
	}
	WRITE_ONCE(in->key[i], key);
	et_publish(in->child[i], child);
	WRITE_ONCE(in->h.nr, in->h.nr + 1);
}

static void inner_delete(struct et_inner *in, unsigned int i)
{
	unsigned int last = in->h.nr - 1;

	for (; i < last; i++) {
		WRITE_ONCE(in->key[i], in->key[i + 1]);
		et_publish(in->child[i], in->child[i + 1]);
	}
	WRITE_ONCE(in->child[last], NULL);
	WRITE_ONCE(in->h.nr, last);
}

/*
 * Changes of the tree
 */

static struct et_node *path_node(const struct path *p, unsigned int level)
{
	return level ? &p->inner[level - 1]->h : &p->leaf->h;
}

/* Replace the node of @level in @p. */
static void replace(struct extent_tree *t, struct path *p, unsigned int level,
		    struct et_node *n)
{
	if (level == p->height)
		et_publish(t->root, n);
	else
		et_publish(p->inner[level]->child[p->slot[level]], n);
}

/*
 * What is below slot[@level] of @p starts at @offset now: tell the key there, and
 * those above as far as this is the first below them.
 */
static void set_keys(struct path *p, unsigned int level, u64 offset)
{
	for (; level < p->height; level++) {
		WRITE_ONCE(p->inner[level]->key[p->slot[level]], offset);
		if (p->slot[level])
			break;
	}
}

/* Take the node of @level out of the tree, and what is empty above it. */
static void unlink_node(struct extent_tree *t, struct path *p, unsigned int level)
{
	struct et_node *n = path_node(p, level);
	struct et_inner *in;

	for (; level < p->height; level++) {
		in = p->inner[level];
		inner_delete(in, p->slot[level]);
		free_node(t, n);
		if (in->h.nr) {
			if (!p->slot[level])
				set_keys(p, level + 1, in->key[0]);
			break;
		}
		n = &in->h;
	}
	if (level == p->height) {
		WRITE_ONCE(t->root, NULL);
		free_node(t, n);
		return;
	}
	/* a root with one child is not needed */
	while (t->root->level && t->root->nr == 1) {
		in = to_inner(t->root);
		et_publish(t->root, in->child[0]);
		free_node(t, &in->h);
	}
}

/* Allocate what inserting a child beside p->leaf takes. */
static int prepare_split(struct extent_tree *t, const struct path *p, struct spare *spare)
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
		struct et_inner *in = new_inner(t);

		if (!in) {
			while (spare->nr)
				free_node(t, &spare->inner[--spare->nr]->h);
			return -ENOMEM;
		}
		spare->inner[spare->nr++] = in;
	}
	return 0;
}

/* Split inner node @in; its upper half, or nothing of it when @append, goes to @right. */
static void split_inner(struct et_inner *in, struct et_inner *right, bool append)
{
	unsigned int keep = append ? in->h.nr : in->h.nr / 2, i;

	right->h.level = in->h.level;
	for (i = keep; i < in->h.nr; i++) {
		right->key[i - keep] = in->key[i];
		right->child[i - keep] = in->child[i];
	}
	right->h.nr = in->h.nr - keep;
	for (i = keep; i < in->h.nr; i++)
		WRITE_ONCE(in->child[i], NULL);
	WRITE_ONCE(in->h.nr, keep);
}

/* Put leaf @n, whose offsets start at @key, behind (or before) the leaf of @p. */
static void link_node(struct extent_tree *t, struct path *p, struct spare *spare, u64 key,
		      struct et_node *n, bool before)
{
	struct et_inner *root;
	struct et_node *old;
	unsigned int level;

	if (before && p->height && !p->slot[0])
		set_keys(p, 1, key);
	for (level = 0; level < p->height; level++) {
		struct et_inner *in = p->inner[level], *right;
		unsigned int i = p->slot[level] + !before;

		if (in->h.nr < INNER_MAX) {
			inner_insert(in, i, key, n);
			return;
		}
		right = spare->inner[--spare->nr];
		split_inner(in, right, i == in->h.nr);
		if (i > in->h.nr || !right->h.nr)
			inner_insert(right, i - in->h.nr, key, n);
		else
			inner_insert(in, i, key, n);
		key = right->key[0];
		n = &right->h;
		before = false;
	}
	/* the root has been split, or was the leaf */
	old = t->root;
	root = spare->inner[--spare->nr];
	root->h.level = old->level + 1;
	inner_insert(root, 0, old->level ? to_inner(old)->key[0] : leaf_first(to_leaf(old)), old);
	inner_insert(root, !before, key, n);
	et_publish(t->root, &root->h);
}

static bool merges(const struct et_extent *a, const struct et_extent *b)
{
	return end_of(a) == b->offset && a->kind == b->kind && a->dev == b->dev &&
	       a->length + b->length <= ET_MAX_LENGTH &&
	       (a->addr == ET_NO_ADDR ? b->addr == ET_NO_ADDR : a->addr + a->length == b->addr);
}

/* Merge @e with the extents around slot @i of the leaf, if they are of one piece. */
static bool merge(struct extent_tree *t, struct path *p, unsigned int i,
		  const struct et_extent *e)
{
	struct et_leaf *l = p->leaf;
	bool left = false, right = false;
	struct et_extent a, b, sum = *e;

	if (i) {
		get(l, i - 1, &a);
		left = merges(&a, e);
		if (left) {
			sum = a;
			sum.length += e->length;
		}
	}
	if (i < l->h.nr) {
		get(l, i, &b);
		right = merges(&sum, &b);
	}
	if (!left && !right)
		return false;
	if (right)
		sum.length += b.length;

	et_write_begin(&t->seq);
	set(l, left ? i - 1 : i, &sum);
	if (left && right)
		leaf_delete(l, i);
	if (!left && !i)
		set_keys(p, 0, sum.offset);
	et_write_end(&t->seq);
	t->nr -= left && right;
	return true;
}

/* The full leaf of @p becomes one of the next size, with @e in slot @i. */
static int grow_leaf(struct extent_tree *t, struct path *p, unsigned int i,
		     const struct et_extent *e)
{
	struct et_leaf *old = p->leaf, *l;

	l = new_leaf(t, old->h.size * 2, min_t(u64, leaf_first(old), e->offset));
	if (!l)
		return -ENOMEM;
	leaf_append(l, old, 0, i);
	leaf_insert(l, i, e);
	leaf_append(l, old, i, old->h.nr);
	l->h.hot = READ_ONCE(old->h.hot);
	et_write_begin(&t->seq);
	replace(t, p, 0, &l->h);
	if (!i)
		set_keys(p, 0, e->offset);
	et_write_end(&t->seq);
	free_node(t, &old->h);
	return 0;
}

/* A new leaf for @e alone, behind or @before that of @p. */
static int add_leaf(struct extent_tree *t, struct path *p, const struct et_extent *e,
		    bool before, size_t size)
{
	struct spare spare;
	struct et_leaf *l = new_leaf(t, size, e->offset);

	if (!l)
		return -ENOMEM;
	if (prepare_split(t, p, &spare)) {
		free_node(t, &l->h);
		return -ENOMEM;
	}
	leaf_insert(l, 0, e);
	et_write_begin(&t->seq);
	link_node(t, p, &spare, e->offset, &l->h, before);
	et_write_end(&t->seq);
	return 0;
}

/* The leaf of @p is as large as they get and full: half of it moves away. */
static int split_leaf(struct extent_tree *t, struct path *p, unsigned int i,
		      const struct et_extent *e)
{
	struct et_leaf *l = p->leaf, *right;
	unsigned int keep = l->h.nr / 2;
	struct spare spare;

	right = new_leaf(t, LEAF_MAX, l->base + deltas(l)[keep]);
	if (!right)
		return -ENOMEM;
	if (prepare_split(t, p, &spare)) {
		free_node(t, &right->h);
		return -ENOMEM;
	}
	leaf_append(right, l, keep, l->h.nr);
	right->h.hot = READ_ONCE(l->h.hot);
	et_write_begin(&t->seq);
	WRITE_ONCE(l->h.nr, keep);
	if (i > keep) {
		leaf_insert(right, i - keep, e);
	} else {
		leaf_insert(l, i, e);
		if (!i)
			set_keys(p, 0, e->offset);
	}
	link_node(t, p, &spare, leaf_first(right), &right->h, false);
	et_write_end(&t->seq);
	return 0;
}

static bool at_end(const struct path *p)
{
	unsigned int level;

	for (level = 0; level < p->height; level++) {
		if (p->slot[level] + 1 < p->inner[level]->h.nr)
			return false;
	}
	return true;
}

/* Put @e where nothing is. */
static int insert(struct extent_tree *t, const struct et_extent *e)
{
	struct et_leaf *l;
	struct path p;
	unsigned int i;
	bool reach;
	int err = 0;

	if (!t->root) {
		l = new_leaf(t, LEAF_MIN, e->offset);
		if (!l)
			return -ENOMEM;
		leaf_insert(l, 0, e);
		et_write_begin(&t->seq);
		et_publish(t->root, &l->h);
		et_write_end(&t->seq);
		t->nr++;
		return 0;
	}

	descend(t, e->offset, &p);
	l = p.leaf;
	i = leaf_count(l, e->offset);
	reach = leaf_reach(t, l, e->offset);
	if (reach && merge(t, &p, i, e))
		return 0;

	if (!reach) {
		/* in the middle everything is in reach */
		err = add_leaf(t, &p, e, i == 0, LEAF_MIN);
	} else if (l->h.nr < l->h.cap) {
		et_write_begin(&t->seq);
		leaf_insert(l, i, e);
		if (!i)
			set_keys(&p, 0, e->offset);
		et_write_end(&t->seq);
	} else if (l->h.size < LEAF_MAX) {
		err = grow_leaf(t, &p, i, e);
	} else if (i == l->h.nr) {
		/* filling in order: the leaf stays full */
		err = add_leaf(t, &p, e, false, at_end(&p) ? LEAF_MAX : LEAF_SOME);
	} else {
		err = split_leaf(t, &p, i, e);
	}
	if (!err)
		t->nr++;
	return err;
}

/* The leaf of @p has lost extents: make one of it and the next if there is room. */
static void join_leaf(struct extent_tree *t, struct path *p)
{
	struct et_leaf *l = p->leaf, *right;
	struct path q = *p;
	unsigned int nr;

	if (!p->height || l->h.nr > l->h.cap / 4 ||
	    p->slot[0] + 1 >= p->inner[0]->h.nr)
		return;
	q.slot[0]++;
	right = q.leaf = to_leaf(p->inner[0]->child[q.slot[0]]);
	nr = l->h.nr + right->h.nr;
	if (nr > max_t(unsigned int, l->h.cap, right->h.cap) || !spans(l->base, leaf_last(right)))
		return;
	et_write_begin(&t->seq);
	if (nr <= l->h.cap) {
		leaf_append(l, right, 0, right->h.nr);
		WRITE_ONCE(l->h.hot, l->h.hot | right->h.hot);
		unlink_node(t, &q, 0);
	} else {
		struct et_extent e;

		leaf_rebase(right, min_t(u64, leaf_first(l), right->base));
		while (l->h.nr) {
			get(l, l->h.nr - 1, &e);
			leaf_delete(l, l->h.nr - 1);
			leaf_insert(right, 0, &e);
		}
		WRITE_ONCE(p->inner[0]->key[q.slot[0]], p->inner[0]->key[p->slot[0]]);
		/* empty, but its key is right for what follows */
		unlink_node(t, p, 0);
	}
	et_write_end(&t->seq);
}

/* Take the extent in slot @i of the leaf of @p out. */
static void delete(struct extent_tree *t, struct path *p, unsigned int i)
{
	struct et_leaf *l = p->leaf;
	bool alone = l->h.nr == 1;

	et_write_begin(&t->seq);
	if (alone) {
		unlink_node(t, p, 0);
	} else {
		leaf_delete(l, i);
		if (!i)
			set_keys(p, 0, leaf_first(l));
	}
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

void et_remove(struct extent_tree *t, u64 block, u64 length)
{
	u64 end = block + length < block ? U64_MAX : block + length;
	struct et_extent e, rest;
	unsigned int i;
	struct path p;

	while (block < end && find(t, block, &p, &i, &e) && e.offset < end) {
		struct et_leaf *l = p.leaf;

		if (e.offset < block) {
			/* keep the head, and the tail if there is one */
			rest = e;
			e.length = block - e.offset;
			et_write_begin(&t->seq);
			set(l, i, &e);
			et_write_end(&t->seq);
			if (end_of(&rest) > end) {
				move_start(&rest, end);
				/* no memory: the tail goes, too */
				(void)insert(t, &rest);
				return;
			}
			continue;
		}
		if (end_of(&e) > end) {
			move_start(&e, end);
			if (spans(l->base, e.offset)) {
				et_write_begin(&t->seq);
				set(l, i, &e);
				if (!i)
					set_keys(&p, 0, e.offset);
				et_write_end(&t->seq);
			} else {
				delete(t, &p, i);
				(void)insert(t, &e);
			}
			return;
		}
		if (!i && leaf_last(l) + lengths(l)[l->h.nr - 1] <= end) {
			/* all of the leaf */
			t->nr -= l->h.nr;
			et_write_begin(&t->seq);
			unlink_node(t, &p, 0);
			et_write_end(&t->seq);
			continue;
		}
		delete(t, &p, i);
	}
}

int et_store(struct extent_tree *t, const struct et_extent *e)
{
	if (!e->length || e->length > ET_MAX_LENGTH || e->offset > ET_MAX_OFFSET ||
	    (e->addr != ET_NO_ADDR && (e->addr > ET_MAX_ADDR - e->length || e->dev == U16_MAX)))
		return -ERANGE;
	et_remove(t, e->offset, e->length);
	return insert(t, e);
}

size_t et_evict(struct extent_tree *t, size_t bytes, unsigned int leaves)
{
	size_t before = t->bytes;
	unsigned int rounds = 0;
	struct path p;

	/* the first round may find all of it in use */
	while (t->root && t->bytes > bytes && rounds < 3 && leaves--) {
		struct et_leaf *l;
		u64 next;

		descend(t, t->clock, &p);
		l = p.leaf;
		next = leaf_last(l) + 1;
		if (next <= t->clock) {
			/* what the clock points to lies behind this leaf */
			if (!next_leaf(&p)) {
				t->clock = 0;
				rounds++;
				continue;
			}
			l = p.leaf;
			next = leaf_last(l) + 1;
		}
		t->clock = next;
		if (READ_ONCE(l->h.hot)) {
			WRITE_ONCE(l->h.hot, 0);
			continue;
		}
		t->nr -= l->h.nr;
		et_write_begin(&t->seq);
		unlink_node(t, &p, 0);
		et_write_end(&t->seq);
	}
	return before - t->bytes;
}

void et_init(struct extent_tree *t)
{
	memset(t, 0, sizeof(*t));
	et_seq_init(&t->seq);
}

void et_destroy(struct extent_tree *t)
{
	struct path p;

	while (t->root) {
		descend(t, 0, &p);
		et_write_begin(&t->seq);
		unlink_node(t, &p, 0);
		et_write_end(&t->seq);
	}
	t->nr = 0;
}

#ifndef __KERNEL__
#include "extent_tree_check.h"
#endif
