/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bitmaps by group: which ones are in memory.
 *
 * libext2fs has one bitmap of all blocks and one of all inodes in memory.  The bitmap of a group is
 * read into them when an allocation, a free or a check needs that group for the first time.  All
 * blocks and inodes of a group that has not been read count as used there, so that no search of
 * libext2fs finds one.
 *
 *	s->fs->block_map   |1111111111|0110100111|1111111111|0000000011|
 *	                      unread      read      damaged      read
 *
 * So each function that looks at a bit, or changes one, first calls bitmaps_need_blocks() or
 * bitmaps_need_inodes() for its group.  An allocation chooses groups by the free counts in their
 * descriptors, and reads only the bitmaps of groups that are worth it.
 *
 * libext2fs itself looks at bits or changes them in these functions:
 *
 *	ext2fs_alloc_block2() and so the extent code, ext2fs_new_block2()
 *				they ask get_block() of alloc.c, which reads the groups that it searches
 *	ext2fs_block_alloc_stats2(), where the extent code, ext2fs_punch() and
 *	ext2fs_free_ext_attr() free blocks
 *				it calls block_changed_hands() of alloc.c behind its change, which reads
 *				the group, and takes the change back where the bitmap forbids it
 *	ext2fs_block_alloc_stats_range()
 *				only alloc.c calls it, for groups that have been read
 *	ext2fs_inode_alloc_stats2()
 *				inode.c calls it for groups that have been read; for values of
 *				attributes that are inodes, ea_inode.c reads the groups before
 *	ext2fs_new_inode()	only the code of such values calls it, see bitmaps_need_new_inode()
 *	ext2fs_flush2()		it calls write_changed() of bitmaps.c
 *
 * A bitmap that can't be read, has a bad checksum or contradicts what is known from elsewhere
 * (bitmap_check.h) is damage: fs_error() notes it, once.  Where errors= lets the mount go on,
 * nothing is allocated or freed in that group any more, as in kernel ext4.
 *
 * Memory: bitmaps that are arrays of bits (bitmaps.c) have their full size from the start.  Trees
 * of runs grow with each group that is read.  Above BITMAPS_MAX bytes the groups that were used
 * least recently are dropped again, if nothing in them waits for a commit.
 *
 * Locking: the server lock, alone.  With the lock shared everything here gives up (cold.h).
 */
#ifndef IOMAP4FS_BITMAP_LOAD_H
#define IOMAP4FS_BITMAP_LOAD_H

#include <ext2fs/ext2fs.h>
#include <stdbool.h>
#include <stdint.h>

#include "server.h"

/* s->changed_groups[g]: what the server has changed since the bitmap was written */
#define BLOCKS		1
#define INODES		2
/* there is no bitmap on the device: the flags of the descriptor when that was read or written */
#define NO_BLOCKS	4
#define NO_INODES	8
#define TO_WRITE	(BLOCKS | INODES | NO_BLOCKS | NO_INODES)
/* the bitmap is in memory */
#define HAVE_BLOCKS	16
#define HAVE_INODES	32
/* the bitmap is damaged */
#define BAD_BLOCKS	64
#define BAD_INODES	128

/* A run in a tree takes so many bytes of memory, with what malloc() adds. */
#define RUN_SIZE	64
/* Bytes of trees in memory, beyond which bitmaps are dropped. */
#define BITMAPS_MAX	(64ULL << 20)

/* Of each group, if bitmaps are trees */
struct bitmap_use {
	uint32_t used;			/* s->bitmaps_clock of the last use */
	uint32_t runs[2];		/* of blocks, of inodes */
};

/* Allocate bitmaps without any group in them.  0 or -errno */
int bitmaps_begin(struct server *s);
void bitmaps_end(struct server *s);

int bitmap_read_blocks(struct server *s, dgrp_t g);
int bitmap_read_inodes(struct server *s, dgrp_t g);

static inline void bitmap_touch(struct server *s, dgrp_t g)
{
	if (s->bitmap_uses)
		s->bitmap_uses[g].used = s->bitmaps_clock;
}

/*
 * Have the bitmap of group @g in memory, until the lock is let go of.  -EUCLEAN or -EIO: it can't
 * be used, which has been noted; -ENOMEM; -CACHE_COLD (cold.h)
 */
static inline int bitmaps_need_blocks(struct server *s, dgrp_t g)
{
	if (!(s->changed_groups[g] & HAVE_BLOCKS))
		return bitmap_read_blocks(s, g);
	bitmap_touch(s, g);
	return 0;
}

static inline int bitmaps_need_inodes(struct server *s, dgrp_t g)
{
	if (!(s->changed_groups[g] & HAVE_INODES))
		return bitmap_read_inodes(s, g);
	bitmap_touch(s, g);
	return 0;
}

/* That of @ino.  -EUCLEAN also if there is no such inode */
int bitmaps_need_inode(struct server *s, ext2_ino_t ino);
/* Those of all groups of the blocks [@pblk, @pblk + @len).  As above; what can be read is read. */
int bitmaps_need_range(struct server *s, uint64_t pblk, uint64_t len);
/*
 * libext2fs is going to look for a free inode from the first one on: have the group in memory in
 * which it finds one.  As above, or -ENOSPC
 */
int bitmaps_need_new_inode(struct server *s);

/* Has group @g free clusters, as far as is known without reading, that may be allocated? */
bool bitmaps_may_have_room(struct server *s, dgrp_t g);

/*
 * Before an operation that may allocate: as many free blocks as must never be missing (alloc.c) are
 * in groups that have been read, or all that can be read have been.  As bitmaps_need_blocks(),
 * -EUCLEAN only if no group's bitmap of blocks can be used
 */
int bitmaps_keep_reserve(struct server *s);

#endif
