/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much memory bitmaps take: see bitmap_load.h.
 *
 * A tree is counted in runs, of each group as it was when its bitmap was read or written last.
 *
 * A group is held, and is not dropped, as long as the bitmap in memory says something that can't be
 * read again: changes that have not been written, and blocks and inodes that are marked in memory
 * only (pins of alloc.c, window.h, trim.h, careful.h).
 *
 * Locking: the server lock, alone.
 */
#ifndef IOMAP4FS_BITMAP_DROP_H
#define IOMAP4FS_BITMAP_DROP_H

#include <ext2fs/ext2fs.h>
#include <stdbool.h>
#include <stdint.h>

#include "server.h"

/* Runs of set bits in @bytes of a bitmap, rounded up */
uint32_t bitmap_count_runs(const void *bits, uint32_t bytes);
/* The bitmap of blocks (@kind 0) or inodes (1) of group @g has so many runs now. */
void bitmap_set_runs(struct server *s, dgrp_t g, int kind, uint32_t runs);

/* Do trees take more than they should? */
static inline bool bitmaps_are_large(const struct server *s)
{
	return s->bitmap_runs > s->bitmap_runs_max;
}

/*
 * Drop groups that are not held, those that were used least recently first, until trees take three
 * quarters of BITMAPS_MAX.  Where held ones alone take more memory than arrays of all groups would,
 * the bitmaps become arrays.  Called where the lock has just been taken or is about to be let go of
 * (errors_begin()), so that nobody relies on what bitmaps_need_blocks() has read.
 */
void bitmaps_drop(struct server *s);

/* bitmap_load.c: group @g is not read any more; what it has free was not counted as that. */
void bitmap_count_unread(struct server *s, dgrp_t g);
void bitmap_fill_blocks(struct server *s, dgrp_t g, bool used);
void bitmap_fill_inodes(struct server *s, dgrp_t g, bool used);

#endif
