// SPDX-License-Identifier: GPL-2.0-or-later
/* The module's extent tree, as it is measured. */
#include "extent_tree.h"
#include "subject.h"

static struct extent_tree tree;

static void init(void)
{
	et_init(&tree);
}

static void insert(const uint32_t *order, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		struct et_extent e = {
			.offset = (u64)order[i] * LENGTH,
			.length = LENGTH,
			.addr = mapping_addr(order[i]),
			.dev = 1,
			.kind = 2,
		};

		et_store(&tree, &e);
	}
}

static uint64_t lookup_random(size_t nr, size_t times)
{
	struct et_extent e;
	u64 state = 1, sum = 0;

	while (times--) {
		if (!et_lookup(&tree, random_block(&state, (u64)nr * LENGTH, 0), &e))
			return 0;
		sum += e.addr;
	}
	return sum;
}

static uint64_t lookup_chained(size_t nr, size_t times)
{
	struct et_extent e = { .addr = 0 };
	u64 state = 1, sum = 0;

	while (times--) {
		if (!et_lookup(&tree, random_block(&state, (u64)nr * LENGTH, e.addr), &e))
			return 0;
		sum += e.addr;
	}
	return sum;
}

static uint64_t lookup_ascending(size_t nr)
{
	struct et_extent e;
	u64 block = 0, sum = 0;

	while (et_lookup(&tree, block, &e)) {
		sum += e.addr;
		block = e.offset + e.length;
	}
	return sum;
}

static uint64_t walk(size_t nr)
{
	struct et_extent e;
	u64 block = 0, sum = 0;

	while (et_next(&tree, block, &e)) {
		sum += e.addr;
		block = e.offset + e.length;
	}
	return sum;
}

static void remove_all(const uint32_t *order, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		et_remove(&tree, (u64)order[i] * LENGTH, LENGTH);
}

static size_t bytes(void)
{
	return tree.bytes;
}

const struct subject extent_tree_subject = {
	.name = "extent_tree",
	.init = init,
	.insert = insert,
	.lookup_random = lookup_random,
	.lookup_chained = lookup_chained,
	.lookup_ascending = lookup_ascending,
	.walk = walk,
	.remove = remove_all,
	.bytes = bytes,
};
