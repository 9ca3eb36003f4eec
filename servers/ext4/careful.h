/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Careful writes: how changes become durable without a journal (ext2, or -o noload).
 *
 * All that has changed since the last time is written in place, in steps with a flush of the
 * device between them.  A crash between two steps, or in the middle of one, leaves what
 * e2fsck can put right without a loss: nothing points to what isn't there yet, nothing is used
 * again before the last that points to it is gone, and no name goes before another one has
 * come.
 *
 *	new		new blocks, bitmaps with all that was in use before or is now
 *	inodes		those that have lost their last name as they were before
 *	maps		blocks of extent trees from the root downwards, group descriptors, all
 *			that is not named here
 *	directories	a block that a name was moved to before the one that it came from
 *	superblock	with the first of the orphaned inodes
 *	late		inodes that have lost their last name
 *
 * File data are on the device before that, as far as anything here says so: what is in the
 * device's own cache goes with the flush behind the first step.
 *
 * Freed blocks and inodes count as free at once, but stay marked in the bitmaps (pinned) until
 * what pointed to them is gone from the device; so the bitmaps there say so one time later.
 * Nobody else keeps a name's inode from being freed while the name is on the device: so what was
 * in a block of inodes before is kept as long as it is dirty, and written first where an inode
 * has no name any more.  What that points to is pinned, and as it was.
 *
 * What is not atomic: exchanging two names, moving extents inside a file (collapse and insert
 * range), and replacing attributes whose values are inodes, which libext2fs frees.
 *
 * Locking: with the server lock, but for careful_write().
 */
#ifndef IOMAP4FS_CAREFUL_H
#define IOMAP4FS_CAREFUL_H

#include <ext2fs/ext2fs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;
struct careful_batch;
struct careful_range;

struct careful {
	bool on;
	uint64_t dir_block;		/* of a directory, the last one that was changed */
	struct careful_range *ranges;	/* what is where, in order */
	size_t nr_ranges;
	ext2fs_inode_bitmap fresh;	/* inodes that are new */
	ext2fs_block_bitmap blocks;	/* and blocks: nothing on the device points to them */
	/* inodes that got one more name, and directories that a name was moved from */
	ext2fs_inode_bitmap moved;
	ext2_ino_t *freed;		/* pinned; the oldest first */
	size_t nr_freed, freed_room;
	size_t freed_taken;		/* so many of them, by what is being written */
};

/* The mount writes, and has no journal: from now on write carefully.  0 or -ENOMEM */
int careful_open(struct server *s);
void careful_close(struct server *s);

/* @ino is new: nothing on the device has a name for it. */
void careful_new_inode(struct server *s, ext2_ino_t ino);
/* Blocks have been allocated. */
void careful_new_blocks(struct server *s, uint64_t blk, uint64_t len);
/* @ino has been freed. */
void careful_pin_inode(struct server *s, ext2_ino_t ino);

/* A block of a directory has been changed. */
void careful_dir_changed(struct server *s, uint64_t pblk);
/* @pblk, a new one, has names now that are in another block on the device. */
void careful_names_moved(struct server *s, uint64_t pblk);
/*
 * A name is going to be removed from @pblk after another one of its inode has been added.  True
 * if there is no order for that any more, and all has to be written before.
 */
bool careful_has_no_order(const struct server *s, uint64_t pblk);
/* Nothing on the device has a name for @dir. */
bool careful_is_new(const struct server *s, ext2_ino_t dir);
/*
 * The name of @ino in the block that was changed last, of directory @from, has gone, as there is
 * another one in @added.
 */
void careful_name_moved(struct server *s, ext2_ino_t ino, ext2_ino_t from, uint64_t added);
/* @ino has got one more name. */
void careful_name_added(struct server *s, ext2_ino_t ino);
/*
 * A name of @ino goes, which may have been given another one just now, or is a directory that
 * names were moved from.  True if all has to be written before.
 */
bool careful_waits_for_names(const struct server *s, ext2_ino_t ino);
/*
 * The blocks of a deleted inode are going to be freed, maybe in more than one batch.  True if
 * its name has to be gone from the device before.
 */
bool careful_waits_to_free(const struct server *s, ext2_ino_t ino, uint64_t sectors);

/* Is there something that only the next time can be written, or be free? */
bool careful_has_pins(const struct server *s);

/* Take all that is dirty.  0 or -errno, then nothing has changed. */
int careful_take(struct server *s, struct careful_batch **batch);
/* Without the lock: write it, with flushes before all steps but the first and at the end. */
int careful_write(struct server *s, struct careful_batch *batch);
/* It has been written, or never will be if not @written.  Frees @batch. */
void careful_done(struct server *s, struct careful_batch *batch, bool written);

#endif
