// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random operations on an extent tree and on an array with an element a block,
 * compared.  usage: model [OPERATIONS [SEED]]
 *
 * The space is small, so that extents meet; a shift moves all of it far out, and
 * spreads it, so that distances overflow what a leaf can hold.  Now and then memory
 * runs out.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include "extent_tree.h"

#define BLOCKS 4096

struct block {
	bool known, there; /* known: the tree must say so */
	u64 addr;
	u16 dev, kind;
};

static struct block model[BLOCKS];
static struct extent_tree tree;
static u64 rng, seed, op;
static u64 base, spread; /* block i of the model is at base + i * spread */

static u64 rnd(u64 n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng % n;
}

static void fail(const char *what, u64 block)
{
	fprintf(stderr, "model: seed %" PRIu64 ", operation %" PRIu64 ", block %" PRIu64 ": %s\n",
		seed, op, block, what);
	exit(1);
}

/* A range of the model; with a spread, extents are single blocks of the tree. */
static void pick(u64 *first, u64 *nr)
{
	*nr = spread > 1 ? 1 : 1 + rnd(rnd(4) ? 8 : 300);
	*first = rnd(BLOCKS - *nr);
}

static void compare(u64 i)
{
	struct et_extent e;
	bool found = et_lookup(&tree, base + i * spread, &e);

	if (found && !model[i].there)
		fail("an extent that should not be there", i);
	/* what an allocation failed for, or was evicted, may be missing */
	if (!found && model[i].there && model[i].known)
		fail("no extent", i);
	if (!found) {
		model[i].there = false;
		return;
	}
	if (e.kind != model[i].kind)
		fail("the wrong kind", i);
	if (model[i].addr == ET_NO_ADDR
		    ? e.addr != ET_NO_ADDR
		    : e.addr + (base + i * spread - e.offset) != model[i].addr ||
			      e.dev != model[i].dev)
		fail("the wrong place", i);
}

static void compare_walk(void)
{
	struct et_extent e;
	u64 at = 0, end = base, i;

	for (i = 0; et_next(&tree, at, &e); at = e.offset + e.length) {
		if (e.offset < at || e.offset < end)
			fail("a walk goes back", e.offset);
		end = e.offset + e.length;
		if (++i > tree.nr)
			fail("a walk finds more than there is", e.offset);
	}
	if (i != tree.nr)
		fail("a walk finds less than there is", i);
}

/* The gap around a block: as far as blocks are looked at, what lookups say. */
static void compare_gap(void)
{
	u64 i = rnd(BLOCKS), block = base + i * spread, start, end, at;
	bool covered, free = et_gap(&tree, block, &start, &end);
	struct et_extent e;

	covered = et_lookup(&tree, block, &e);
	if (free == covered)
		fail("a gap where something is, or none where nothing is", i);
	if (!free)
		return;
	if (start > block || end <= block)
		fail("a gap beside the block", i);
	if (start && !et_lookup(&tree, start - 1, &e))
		fail("a gap that begins too late", i);
	if (end != U64_MAX && (!et_lookup(&tree, end, &e) || e.offset != end))
		fail("a gap that ends too soon", i);
	for (at = i; at-- && base + at * spread >= start;)
		if (et_lookup(&tree, base + at * spread, &e))
			fail("a gap that begins too soon", at);
	for (at = i + 1; at < BLOCKS && base + at * spread < end; at++)
		if (et_lookup(&tree, base + at * spread, &e))
			fail("a gap that ends too late", at);
}

/* Extents in order into whatever is there, as answers come that tell many. */
static void store_run(void)
{
	u64 i = rnd(BLOCKS), nr = 1 + rnd(100), step = 1 + rnd(2);
	struct et_extent e = { .length = 1, .dev = 1 };

	for (; nr-- && i < BLOCKS; i += step) {
		e.offset = base + i * spread;
		e.addr = rnd(4) ? rnd(1 << 20) : i + 5000;
		model[i].there = !et_store(&tree, &e);
		model[i].known = true;
		model[i].kind = 0;
		model[i].dev = 1;
		model[i].addr = e.addr;
	}
}

static void store(void)
{
	static const u16 kinds[] = {0, 1, ET_MAX_KIND};
	struct et_extent e;
	u64 first, nr, i;
	int err;

	pick(&first, &nr);
	e.offset = base + first * spread;
	e.length = nr;
	e.kind = kinds[rnd(3)];
	e.dev = rnd(8) ? 1 : ET_MAX_DEV;
	/* often where merging works */
	e.addr = e.kind == kinds[2] ? ET_NO_ADDR : rnd(4) ? first + 5000 : rnd(1 << 20);
	if (e.addr == ET_NO_ADDR)
		e.dev = 0;
	err = et_store(&tree, &e);
	for (i = first; i < first + nr; i++) {
		model[i].there = !err;
		model[i].known = true;
		model[i].kind = e.kind;
		model[i].dev = e.dev;
		model[i].addr = e.addr == ET_NO_ADDR ? e.addr : e.addr + (i - first);
	}
}

static void take_out(void)
{
	u64 first, nr, i;

	pick(&first, &nr);
	if (!rnd(200)) {
		first = 0;
		nr = BLOCKS;
	}
	et_remove(&tree, base + first * spread, (nr - 1) * spread + 1);
	for (i = first; i < first + nr; i++)
		model[i].there = false;
}

static void forget_what_may_be_gone(void)
{
	u64 i;

	for (i = 0; i < BLOCKS; i++)
		model[i].known = false;
}

static void start_over(void)
{
	static const u64 bases[] = {0, 1, 123456789012, ET_MAX_OFFSET - 2 * BLOCKS};

	et_destroy(&tree);
	et_collect_garbage();
	if (tree.bytes || tree.nr)
		fail("an empty tree has something", tree.bytes);
	memset(model, 0, sizeof(model));
	base = bases[rnd(4)];
	spread = 1;
	if (!rnd(4)) {
		base = rnd(1000);
		spread = rnd(2) ? 1 + rnd(100) : (u64)1 << (20 + rnd(20));
	}
}

static void one_operation(void)
{
	bool no_memory = !rnd(50);
	const char *wrong;
	u64 i;

	if (no_memory)
		et_fail_after = rnd(3);
	switch (rnd(16)) {
	default:
		store();
		break;
	case 9:
		store_run();
		break;
	case 10 ... 14:
		take_out();
		break;
	case 15:
		if (!rnd(20)) {
			forget_what_may_be_gone();
			et_evict(&tree, tree.bytes / (1 + rnd(3)), rnd(2) ? UINT_MAX : rnd(100));
		}
		break;
	}
	et_fail_after = -1;
	if (no_memory)
		forget_what_may_be_gone();
	for (i = 0; i < 4; i++)
		compare(rnd(BLOCKS));
	if (!rnd(64)) {
		wrong = et_check(&tree);
		if (wrong)
			fail(wrong, 0);
		for (i = 0; i < BLOCKS; i++)
			compare(i);
		compare_walk();
		compare_gap();
		et_collect_garbage();
	}
	if (!rnd(5000))
		start_over();
}

static void require(bool good, const char *what)
{
	if (!good)
		fail(what, 0);
}

/* The largest of all is kept as it is, and what is larger is not taken. */
static void check_limits(void)
{
	const struct et_extent largest = {
		.offset = ET_MAX_OFFSET,
		.length = ET_MAX_LENGTH,
		.addr = ET_MAX_ADDR - ET_MAX_LENGTH,
		.dev = ET_MAX_DEV,
		.kind = ET_MAX_KIND,
	};
	struct et_extent e = largest;

	require(!et_store(&tree, &e) && et_lookup(&tree, e.offset + e.length - 1, &e),
		"the largest extent");
	require(e.offset == largest.offset && e.length == largest.length &&
			e.addr == largest.addr && e.dev == largest.dev && e.kind == largest.kind,
		"the largest extent is another one");
	require(!et_lookup(&tree, e.offset + e.length, &e), "a block behind the largest extent");

	et_remove(&tree, 0, U64_MAX);
	require(!tree.nr, "something is left");

	/* no address is not what comes behind the last address */
	e = largest;
	e.offset = 0;
	e.dev = 0;
	require(!et_store(&tree, &e), "the last address");
	e.offset = e.length;
	e.addr = ET_NO_ADDR;
	require(!et_store(&tree, &e) && tree.nr == 2, "no address behind the last");
	et_remove(&tree, 0, U64_MAX);
	require(!tree.nr, "something is left");

	e = largest;
	e.kind++;
	require(et_store(&tree, &e) == -ERANGE, "too large a kind");
	e = largest;
	e.dev++;
	require(et_store(&tree, &e) == -ERANGE, "too large a device");
	e = largest;
	e.addr++;
	require(et_store(&tree, &e) == -ERANGE, "too large an address");
	e = largest;
	e.offset++;
	require(et_store(&tree, &e) == -ERANGE, "too large an offset");
	e = largest;
	e.length++;
	require(et_store(&tree, &e) == -ERANGE, "too large a length");
	require(!tree.root, "something was taken");
}

#define MANY 6000

/* One of extents that lie @distance apart, and none of which continues another. */
static struct et_extent one_of_many(u64 i, u64 distance)
{
	return (struct et_extent){.offset = i * distance, .length = 1, .addr = 3 * i, .dev = 1};
}

static void require_many(u64 distance)
{
	const char *wrong = et_check(&tree);
	struct et_extent e;
	u64 i;

	require(!wrong, wrong);
	for (i = 0; i < MANY; i++)
		require(et_lookup(&tree, i * 7919 % MANY * distance, &e) &&
				e.addr == i * 7919 % MANY * 3 && e.length == 1,
			"one of many");
}

/*
 * Many extents have an index, whatever their order; few have none, nor have many that lie
 * in a small part of the blocks.
 */
static void check_index(void)
{
	static const u64 distances[] = {1, 2, 1000003, (u64)1 << 40};
	struct et_extent e;
	unsigned int d, order;
	u64 i;

	for (order = 0; order < 3; order++) {
		for (d = 0; d < 4; d++) {
			for (i = 0; i < MANY; i++) {
				e = one_of_many(order == 0 ? i :
						order == 1 ? MANY - 1 - i : i * 7919 % MANY,
						distances[d]);
				require(!et_store(&tree, &e), "no room for one of many");
			}
			require(tree.index, "no index for many");
			require_many(distances[d]);
			for (i = 10; i < MANY; i++)
				et_remove(&tree, i * distances[d], 1);
			require(!tree.index && tree.nr == 10, "an index for few");
			et_remove(&tree, 0, U64_MAX);
			require(!tree.bytes, "memory for nothing");
			et_collect_garbage();
		}
	}
	for (i = 0; i < MANY; i++) {
		e = one_of_many(MANY - 1 - i, 1);
		require(!et_store(&tree, &e), "no room for one of many");
		e.offset = ET_MAX_OFFSET;
		require(i || !et_store(&tree, &e), "no room far away");
	}
	require(!tree.index, "an index that leads nowhere");
	require_many(1);
	et_remove(&tree, 0, U64_MAX);
	et_collect_garbage();
}

int main(int argc, char **argv)
{
	u64 nr = argc > 1 ? strtoull(argv[1], NULL, 0) : 300000;

	seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (u64)time(NULL);
	rng = seed * 2654435761u + 1;
	printf("model: %" PRIu64 " operations, seed %" PRIu64 "\n", nr, seed);
	et_init(&tree);
	check_limits();
	check_index();
	spread = 1;
	for (op = 0; op < nr; op++)
		one_operation();
	et_destroy(&tree);
	et_collect_garbage();
	return 0;
}
