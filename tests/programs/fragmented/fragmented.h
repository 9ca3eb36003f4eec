/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the maker of fragmented files and their reader agree on: a file has one extent
 * per block, blocks of even number are written, odd ones are unwritten. Of the written
 * ones every MARK_EVERY-th carries a mark that says whose block it is; all other bytes
 * are zeroes.
 */
#ifndef _FRAGMENTED_H
#define _FRAGMENTED_H

#include <stdint.h>

#define BLOCK_SIZE	4096
#define MARK_EVERY	1000	/* even */

/* The first bytes of a marked block; @file counts from 0. */
static inline uint64_t mark_of(uint64_t file, uint64_t block)
{
	return (file << 32 | block) * 0x9e3779b97f4a7c15ULL + 1;
}

#endif /* _FRAGMENTED_H */
