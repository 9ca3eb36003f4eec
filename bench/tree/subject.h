/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tree that is measured.  Each function is a loop that calls the tree's own ones
 * directly, so that what is timed is the tree and not a call through a pointer.
 *
 * Mapping i covers LENGTH blocks of the file from i * LENGTH on and lies at address
 * mapping_addr(i), apart from that of its neighbours: none merge.
 */
#ifndef SUBJECT_H
#define SUBJECT_H

#include <stddef.h>
#include <stdint.h>

#define LENGTH 8

static inline uint64_t mapping_addr(uint64_t i)
{
	return 1000 + i * (2 * LENGTH);
}

/*
 * The next of random numbers below @blocks.  @found: what was found before, if it has
 * to be waited for; or 0.
 */
static inline uint64_t random_block(uint64_t *state, uint64_t blocks, uint64_t found)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u + found;
	return (unsigned __int128)*state * blocks >> 64;
}

struct subject {
	const char *name;
	/* Begin with an empty tree. */
	void (*init)(void);
	/* Look up where it belongs and insert, for each i of @order. */
	void (*insert)(const uint32_t *order, size_t nr);
	/* Look up @times random blocks of @nr mappings; returns a sum of what was found. */
	uint64_t (*lookup_random)(size_t nr, size_t times);
	/* The same, where each block depends on what was found before. */
	uint64_t (*lookup_chained)(size_t nr, size_t times);
	/* Look up the block behind each mapping, from the first to the end. */
	uint64_t (*lookup_ascending)(size_t nr);
	/* Visit each mapping by the cheapest means that there is. */
	uint64_t (*walk)(size_t nr);
	/* Look up and remove each i of @order. */
	void (*remove)(const uint32_t *order, size_t nr);
	/* Bytes that it says it has, or 0 if it does not say. */
	size_t (*bytes)(void);
};

extern const struct subject extent_tree_subject, xfs_iext_tree_subject;

#endif /* SUBJECT_H */
