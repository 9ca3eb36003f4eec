// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sets of block numbers: see block_set.h.  Open addressing, at most half full.
 */
#include "block_set.h"

#include <errno.h>
#include <stdlib.h>

#define ROOM_MIN	64

/* Where @blk is, or where it would go */
static size_t slot_of(const struct block_set *set, uint64_t blk)
{
	size_t mask = set->room - 1, i = (blk * 0x9e3779b97f4a7c15ULL) >> 20 & mask;

	while (set->slots[i] && set->slots[i] != blk)
		i = (i + 1) & mask;
	return i;
}

static int grow(struct block_set *set)
{
	struct block_set bigger = { .nr = set->nr, .room = set->room ? set->room * 2 : ROOM_MIN };

	bigger.slots = calloc(bigger.room, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < set->room; i++)
		if (set->slots[i])
			bigger.slots[slot_of(&bigger, set->slots[i])] = set->slots[i];
	free(set->slots);
	*set = bigger;
	return 0;
}

int block_set_reserve(struct block_set *set, size_t n)
{
	int err = 0;

	while (!err && set->nr + n > set->room / 2)
		err = grow(set);
	return err;
}

int block_set_add(struct block_set *set, uint64_t blk)
{
	int err = block_set_reserve(set, 1);
	size_t i;

	if (err)
		return err;
	i = slot_of(set, blk);
	if (set->slots[i])
		return 0;
	set->slots[i] = blk;
	set->nr++;
	return 1;
}

bool block_set_has(const struct block_set *set, uint64_t blk)
{
	return set->room && set->slots[slot_of(set, blk)];
}

void block_set_destroy(struct block_set *set)
{
	free(set->slots);
	*set = (struct block_set){ 0 };
}
