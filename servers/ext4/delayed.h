/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Delayed allocation: blocks that are promised to dirty pages in the kernel and get their
 * place when these are written.
 *
 * Promises are ranges of file blocks that nothing is mapped in, in memory only.  Each
 * promised block is kept back from the free ones; and what the extent trees could need for
 * them at worst is too, as far as the reserve for metadata isn't enough.  So an allocation
 * that a promise stands behind finds space.  A range shrinks when blocks are allocated in
 * it, cut off, punched out, or given back by the kernel.
 *
 * Only files with extents, and without clusters.  Locking: the server lock.
 */
#ifndef IOMAP4FS_DELAYED_H
#define IOMAP4FS_DELAYED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quota_type.h"

struct caller;
struct inode;
struct mapping;
struct node;
struct server;

struct delayed_range {
	uint64_t start, end;	/* file blocks */
};

/* Of one file */
struct delayed {
	struct delayed_range *list;	/* ascending, with gaps between them */
	size_t nr, room;
	uint64_t blocks;
	uint64_t tree_blocks;		/* kept back for the extent tree */
	uint64_t root_room;		/* extents that the inode itself has room for */
	uint32_t owner[NR_QUOTAS];	/* whose quotas the blocks count for, if there are any */
};

/* Of all files */
struct delayed_total {
	uint64_t blocks, tree_blocks;
};

/* May blocks of this file be delayed?  @node is its node, or NULL. */
bool delayed_is_possible(const struct server *s, const struct inode *in, const struct node *node);
/*
 * A buffered write to the hole @m of a file wants the blocks [@lblk, @end): promise them, and
 * more behind them if @grow and the file is being written on.  True: @lblk is promised, and @m says where
 * that is so.  False: it has to be allocated, at most up to *@stop.
 */
bool delayed_write(struct server *s, struct inode *in, uint64_t lblk, uint64_t end, bool grow,
		   const struct caller *who, struct mapping *m, uint64_t *stop);
/* The promised range that @lblk is in, or false. */
bool delayed_find(const struct node *node, uint64_t lblk, struct delayed_range *r);
/* How many blocks of [@lblk, @lblk + @len) are promised? */
uint64_t delayed_in(const struct node *node, uint64_t lblk, uint64_t len);
/* @m is a hole or a part of one: say what of it, around @lblk in it, is promised or isn't. */
void delayed_overlay(const struct node *node, uint64_t lblk, struct mapping *m);
/* Nothing of [@start, @end) is promised from now on.  @node may be NULL. */
void delayed_cut(struct server *s, struct node *node, uint64_t start, uint64_t end);
/* The blocks that are promised to an inode */
uint64_t delayed_blocks(struct server *s, uint32_t ino);

#endif
