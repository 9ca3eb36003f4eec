/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block maps: where the blocks of a file are.
 *
 * map.c chooses between the two formats, extent trees (map_extent.c) and
 * indirect blocks (map_indirect.c); map_cluster.c finds space for them.  Units
 * here are file system blocks: lblk counts in the file, pblk on the device.
 *
 * Nothing that is read from the image is believed: physical blocks are checked
 * against the size of the file system and the system zones, tree depths are bounded.
 */
#ifndef IOMAP4FS_MAP_H
#define IOMAP4FS_MAP_H

#include "inode.h"
#include "node.h"
#include "system_zone.h"

struct block_set;

/* A hole with a promise, MAP_DELAYED, is one here: delayed_overlay() makes the difference */
struct space;

enum map_type { MAP_HOLE, MAP_MAPPED, MAP_UNWRITTEN, MAP_DELAYED };

struct mapping {
	enum map_type type;
	uint64_t lblk;
	uint64_t len;		/* > 0 */
	uint64_t pblk;		/* 0 for a hole, promised or not */
	bool fresh;		/* just allocated */
	bool merged;		/* of several on-disk records */
};

/* one file can't have more blocks, in either format */
#define MAP_MAX_LBLK	0xfffffffeULL

/* map_lookup() flags */
#define MAP_EXACT	1	/* one on-disk record: do not merge neighbours */

/* The mapping around @lblk. */
int map_lookup(struct server *s, struct inode *in, uint64_t lblk, unsigned int flags,
	       struct mapping *m);
/* Takes a mapping; false: no more.  It may not read or write metadata. */
typedef bool map_each(void *arg, const struct mapping *m);
/*
 * The mappings of [@lblk, @end) in order, the first one cut at @lblk, until @each gives false or
 * there were @room of them.  What can't be read ends the list; and so does a block of the
 * map, but the first, whose extents there is not room for: who asks for what is between two
 * answers later finds whole blocks there, too, and no small rests.
 */
void map_walk(struct server *s, struct inode *in, uint64_t lblk, uint64_t end, unsigned int room,
	      map_each *each, void *arg);
/* The same of [0, @lblk), the last one, cut at @lblk, first. */
void map_walk_back(struct server *s, struct inode *in, uint64_t lblk, unsigned int room,
		   map_each *each, void *arg);
/*
 * While the cache is tried: blocks of the map that walks from @lblk on will need, @before and
 * @behind it so many mappings.
 */
void map_want(struct server *s, struct inode *in, uint64_t lblk, unsigned int before,
	      unsigned int behind);
/*
 * As map_lookup(), but where there is a hole allocate space for at most @len
 * blocks from @lblk on; it reads as zeroes.  Stores the inode.
 */
int map_alloc(struct server *s, struct inode *in, struct node *node, uint64_t lblk,
	      uint64_t len, const struct caller *who, struct mapping *m);
/*
 * Blocks for a hole of the file at @lblk, which have their contents already and become part of
 * it.  Stores the inode.
 */
int map_insert(struct server *s, struct inode *in, uint64_t lblk, const struct space *sp);
/* Unwritten blocks in [@lblk, @lblk + @len) have been written.  Stores the inode. */
int map_convert(struct server *s, struct inode *in, uint64_t lblk, uint64_t len);
/*
 * Free all blocks in [@lblk, @lblk + @len).  Stores the inode; may commit a part of it and load
 * the inode again: then others may have found it as it was in between.
 */
int map_punch(struct server *s, struct inode *in, uint64_t lblk, uint64_t len);
/*
 * Move all blocks from @lblk on by @distance, @up to higher ones, or down over blocks
 * that nothing is in.  Extents only.  Stores the inode, in parts as map_punch().
 */
int map_shift(struct server *s, struct inode *in, uint64_t lblk, uint64_t distance, bool up);
/*
 * Free all blocks from @lblk on, which is at or behind the end of the file or 0 because it is
 * deleted.  In parts as map_punch(); but the inode is on the orphan list then, so that
 * after a crash between them the rest goes.
 * -EBUSY: the inode had no users (node_put()), and somebody has come who uses it
 */
int map_truncate(struct server *s, struct inode *in, uint64_t lblk);
/*
 * Between parts of a long change, whatever of it is done: commit if it is time for that, and let
 * others have the lock now and then.  The inode is stored and loaded if one of that happens.
 * -EAGAIN: the file system has been frozen meanwhile, -EROFS: or turned read-only.
 */
int map_pause(struct server *s, struct inode *in);
/* Does the inode have a block map at all (and not a fast symlink, device number or data)? */
bool map_exists(struct server *s, struct inode *in);
/*
 * May a file have [@pblk, @pblk + @len): is it inside the file system, and in no system zone?
 * Asked of each extent, so the gap between zones that had the last answer is looked at here.
 */
static inline bool map_valid_range(const struct server *s, uint64_t pblk, uint64_t len)
{
	const struct system_zone *zone = s->zones->list + __atomic_load_n(&s->zones->hint,
									  __ATOMIC_RELAXED);

	if (pblk >= zone[0].end && pblk < zone[1].first && len <= zone[1].first - pblk)
		return true;
	return system_zones_miss(s->zones, pblk, len);
}

/* The formats */
int extent_lookup(struct server *s, struct inode *in, uint64_t lblk, unsigned int flags,
		  struct mapping *m);
void extent_walk(struct server *s, struct inode *in, uint64_t lblk, uint64_t end,
		 unsigned int room, map_each *each, void *arg);
void extent_walk_back(struct server *s, struct inode *in, uint64_t lblk, unsigned int room,
		      map_each *each, void *arg);
void extent_want(struct server *s, struct inode *in, uint64_t lblk, unsigned int before,
		 unsigned int behind);
int extent_insert(struct server *s, struct inode *in, const struct mapping *m);
int extent_convert(struct server *s, struct inode *in, uint64_t lblk, uint64_t len);
/*
 * Free blocks of [@lblk, *@end), the last ones first, and move *@end to where that is done.
 * As long as it isn't at @lblk, it is time for map_pause().
 */
int extent_punch(struct server *s, struct inode *in, uint64_t lblk, uint64_t *end);
int extent_shift(struct server *s, struct inode *in, uint64_t lblk, uint64_t distance, bool up);

int indirect_lookup(struct server *s, struct inode *in, uint64_t lblk, struct mapping *m);
int indirect_insert(struct server *s, struct inode *in, const struct mapping *m,
		    uint64_t *inserted);
/*
 * The same, in parts of some thousand blocks.  @tables: what has been freed of the map;
 * empty at first, and after others have had the lock.
 */
int indirect_punch(struct server *s, struct inode *in, uint64_t lblk, uint64_t *end,
		   struct block_set *tables);
/* The tables that there are know no blocks from here on. */
uint64_t indirect_end(const struct server *s, const struct inode *in);

/*
 * map_cluster.c: what a file needs of new space
 */

struct space {
	uint64_t pblk, len;	/* blocks for the file */
	uint64_t start, taken;	/* new clusters that these are in, blocks; 0: none were needed */
};

/*
 * Blocks for a hole of the file: as many as there are in one piece of [@lblk, @lblk + @len),
 * nothing of which is mapped.  New ones are near @goal, or where there are @ahead more.
 */
int space_take(struct server *s, struct inode *in, uint64_t goal, uint64_t lblk, uint64_t len,
	       uint64_t ahead, const struct caller *who, struct space *sp);
/* They are not used after all. */
void space_give_back(struct server *s, const struct space *sp);
/* They are: i_blocks says so.  The inode is not stored. */
int space_count(struct server *s, struct inode *in, const struct space *sp);
/*
 * Does the file have the cluster that @lblk, in a hole, is in?  1 and where @lblk is on the
 * device, 0 or -errno.
 */
int cluster_owned(struct server *s, struct inode *in, uint64_t lblk, uint64_t *pblk);
/* Blocks in clusters that [@lblk, @lblk + @len), in a hole, would take. */
uint64_t cluster_need(struct server *s, struct inode *in, uint64_t lblk, uint64_t len);
/* Is a block in its place in the cluster?  -EUCLEAN if not. */
int cluster_check(struct server *s, struct inode *in, uint64_t lblk, uint64_t pblk);
/* What statfs() doesn't count with clusters, blocks; @journal: blocks of the journal. */
int cluster_overhead(struct server *s, uint64_t journal, uint64_t *blocks);

/*
 * alloc.c
 */

/*
 * Take up to @want contiguous blocks, near @goal, for a file's data from its block @lblk on: whole
 * clusters; if not at @goal, then where @ahead more are free behind them, if there is such a
 * place. If so many are nowhere in one piece, the largest piece that there is.
 * -ENOSPC when there are none for @who.
 */
int alloc_blocks(struct server *s, uint64_t goal, uint64_t lblk, uint64_t want, uint64_t ahead,
		 const struct caller *who, uint64_t *pblk, uint64_t *len);
/*
 * Take [@pblk, @pblk + @len), of which the caller knows that it is free, whatever the bitmap in
 * memory says.  Whole clusters.  -EUCLEAN, without a message: no file may have it
 */
int alloc_take(struct server *s, uint64_t pblk, uint64_t len);
/* Could these blocks be had now? */
bool alloc_is_free(struct server *s, uint64_t pblk, uint64_t len);
/*
 * Where @len blocks are free in one piece, at @goal or not far behind it; they stay free.  0:
 * nowhere, or others would be short of space then.
 */
uint64_t alloc_find_room(struct server *s, uint64_t goal, uint64_t len);
/* A block for metadata, near @goal; it is not taken yet.  0 or what lib_error() takes */
errcode_t alloc_new_block(struct server *s, uint64_t goal, blk64_t *ret);
/*
 * What is free and can be had without reading a bitmap, blocks; and is that enough to begin with?
 */
uint64_t alloc_free_in_read(const struct server *s);
bool alloc_has_reserve(const struct server *s);
/* Would there be enough for everything else if @more blocks were kept for something? */
bool alloc_has_plenty(const struct server *s, uint64_t more);
/*
 * Free blocks, whole clusters.  Those that are not in use, or that no file may have, stay as they
 * are, and that is noted as damage (free_check.h).
 */
void alloc_free(struct server *s, uint64_t pblk, uint64_t len);
/* libext2fs is going to take @clusters, reserves or not: they are there.  0 or -ENOSPC */
int alloc_room(struct server *s, uint64_t clusters);

/*
 * Pins: blocks that are free, but only when the running transaction is durable.
 */

bool alloc_has_pins(const struct server *s);
/* Is what could be allocated now next to nothing because of pins? */
bool alloc_is_short(const struct server *s);
/* Take pins and windows out of libext2fs's bitmap, for writing it; and put them in again. */
void alloc_unpin(struct server *s);
void alloc_repin(struct server *s);
/* The pins there are belong to a transaction that is being committed now; */
void alloc_pins_commit(struct server *s);
/* and it is durable: they can be allocated. */
void alloc_pins_committed(struct server *s);
void alloc_destroy(struct server *s);
/* Free blocks that @who may use for data. */
uint64_t alloc_available(const struct server *s, const struct caller *who);
/* libext2fs tells about each block that it takes or frees. */
void alloc_init(struct server *s);

#endif
