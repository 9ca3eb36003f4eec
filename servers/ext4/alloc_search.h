/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking for free blocks, group by group.
 *
 * A search goes through the groups in order.  It skips those that have nothing free by their
 * descriptor, without reading their bitmap.  A bitmap that is not in memory is read only where the
 * group has enough free blocks to be worth it, and one search for a long run reads SEARCH_READS
 * bitmaps at most; kernel ext4, too, looks for long runs in groups that it knows first.
 *
 * What a search has found out is kept: s->longest_runs[g] is one more than the longest free run of
 * group g, 0: unknown.  Blocks that are taken leave it an upper bound; search_freed() forgets it. 
 * Groups whose longest run is too short are neither read nor looked through again.
 *
 * All functions take and return file system blocks, of whole clusters.
 *
 * Locking: the server lock, alone.
 */
#ifndef IOMAP4FS_ALLOC_SEARCH_H
#define IOMAP4FS_ALLOC_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "server.h"

#define SEARCH_READS	16

struct run {
	uint64_t start, len;	/* blocks */
};

struct search {
	uint64_t want;		/* a run of so many blocks */
	/* the run starts at a multiple of @align, plus @phase, blocks; 0: anywhere */
	uint64_t align, phase;
	/* groups with fewer free blocks in a row, as far as is known, are left out */
	uint64_t least;
	unsigned int reads;	/* so many bitmaps may be read */
	struct run longest;	/* of those that were seen */
	uint64_t left_out;	/* the longest run, blocks, in groups that were left out */
	bool cold;		/* a bitmap has to be read without the lock first (cold.h) */
};

/*
 * For @want blocks in a row: groups with at least so many free ones, or half a group, are looked
 * at.
 */
struct search search_for(const struct server *s, uint64_t want);
/* The first run in [@from, @to): true, it is @q->longest. */
bool search_range(struct server *s, struct search *q, uint64_t from, uint64_t to);
/* From @goal on, and then before it */
bool search_around(struct server *s, struct search *q, uint64_t goal);
/* How many blocks from @pblk on are free, at most @want?  Reads the bitmaps for that. */
uint64_t search_at(struct server *s, uint64_t pblk, uint64_t want);
/* Any run near @goal, at most @want long, wherever it takes reading; its length, 0: none */
uint64_t search_any(struct server *s, uint64_t goal, uint64_t want, uint64_t *pblk);

/*
 * alloc_place.c: a place for @want blocks of a file from its block @lblk on, near @goal: where
 * there are stripes (stripe.h), at the right place of one; right at the goal; a run with @ahead
 * more free blocks; a run of @want blocks; the longest run that is known; any run.  Length 0:
 * nothing is free
 */
struct run search_place(struct server *s, uint64_t goal, uint64_t lblk, uint64_t want,
			uint64_t ahead);
/* [@pblk, @pblk + @len) can be allocated from now on. */
void search_freed(struct server *s, uint64_t pblk, uint64_t len);

/* The end of the last whole cluster */
uint64_t search_end(const struct server *s);

#endif
