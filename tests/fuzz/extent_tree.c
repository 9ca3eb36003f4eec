// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A fuzz target: bytes are operations on an extent tree, which is compared with an
 * array that has an element a block.  Small nodes, so that few operations make many.
 *
 * An operation is four bytes: what, where (two), how long.  The first byte of all
 * says where block 0 of the array lies in the tree, and how far the blocks are apart.
 */
#include <limits.h>
#include <stdio.h>
#include "extent_tree.h"

#define BLOCKS 2048

struct block {
	bool there, evicted; /* evicted: it may be gone */
	u64 addr;
	u16 kind;
};

static struct block model[BLOCKS];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good, const char *what)
{
	if (!good) {
		fprintf(stderr, "extent tree: %s\n", what);
		abort();
	}
}

static void compare(struct extent_tree *t, u64 base, u64 spread)
{
	const char *wrong = et_check(t);
	struct et_extent e;
	unsigned int i;

	require(!wrong, wrong);
	for (i = 0; i < BLOCKS; i++) {
		u64 block = base + i * spread;

		if (!et_lookup(t, block, &e)) {
			require(!model[i].there || model[i].evicted, "an extent is missing");
			model[i].there = false;
			continue;
		}
		require(model[i].there, "an extent is there that should not be");
		require(e.kind == model[i].kind, "the wrong kind");
		require(e.addr == ET_NO_ADDR ? model[i].addr == ET_NO_ADDR :
					       e.addr + (block - e.offset) == model[i].addr,
			"the wrong address");
		model[i].evicted = false;
	}
}

static void operate(struct extent_tree *t, u64 base, u64 spread, const uint8_t *op)
{
	unsigned int first = (op[1] | op[2] << 8) % BLOCKS, length = 1 + op[3] % 32, i;
	struct et_extent e = {.offset = base + first * spread, .kind = op[0] >> 6};

	if (op[3] >= 0xf8)
		length = BLOCKS;
	if (length > BLOCKS - first)
		length = BLOCKS - first;
	if (spread > 1 && (op[0] & 7) < 5)
		length = 1;
	et_fail_after = (op[0] & 0x38) == 0x38 ? op[3] % 3 : -1;
	switch (op[0] & 7) {
	case 0 ... 4:
		e.length = length;
		e.addr = e.kind == 3 ? ET_NO_ADDR : 10000 + (op[0] & 1 ? first : op[3] * 4096u);
		i = et_store(t, &e);
		for (; length--; first++) {
			model[first] = (struct block){.there = !i, .kind = e.kind, .addr = e.addr};
			if (e.addr != ET_NO_ADDR)
				e.addr++;
		}
		break;
	case 5 ... 6:
		et_remove(t, e.offset, (length - 1) * spread + 1);
		for (; length--; first++)
			model[first].there = false;
		break;
	default:
		et_evict(t, t->bytes * op[1] / 256, op[2]);
		for (i = 0; i < BLOCKS; i++)
			model[i].evicted = true;
	}
	/* who has no memory takes more out than was asked for */
	if ((op[0] & 0x38) == 0x38) {
		for (i = 0; i < BLOCKS; i++)
			model[i].evicted = true;
	}
	et_fail_after = -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const u64 bases[] = {0, 1, 123456789012, ET_MAX_OFFSET - 2 * BLOCKS};
	u64 base, spread = 1;
	struct extent_tree t;
	size_t i;

	if (!size)
		return 0;
	base = bases[data[0] & 3];
	if (data[0] & 4) {
		base = data[0];
		spread = (u64)1 << (data[0] >> 3);
	}
	memset(model, 0, sizeof(model));
	et_init(&t);
	for (i = 1; i + 4 <= size; i += 4) {
		operate(&t, base, spread, data + i);
		if (i % 64 == 1)
			compare(&t, base, spread);
	}
	compare(&t, base, spread);
	et_destroy(&t);
	et_collect_garbage();
	require(!t.bytes && !t.nr, "an empty tree has something");
	return 0;
}
