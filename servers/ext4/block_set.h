/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A set of numbers of blocks: what has been met on a walk over structures that should be a tree.
 *
 * Memory grows with the number of blocks in the set, and not with their values.
 */
#ifndef IOMAP4FS_BLOCK_SET_H
#define IOMAP4FS_BLOCK_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero: empty. */
struct block_set {
	uint64_t *slots;	/* a hash table; 0: free */
	size_t nr, room;	/* room: a power of two, or 0 */
};

/* Add @blk, which is not 0.  1: done, 0: it is there already, -ENOMEM */
int block_set_add(struct block_set *set, uint64_t blk);
/* The next @n additions don't fail.  0 or -ENOMEM */
int block_set_reserve(struct block_set *set, size_t n);
bool block_set_has(const struct block_set *set, uint64_t blk);
/* It is empty again, and has no memory. */
void block_set_destroy(struct block_set *set);

#endif
