/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block and inode bitmaps on the disk.  When one bit has changed, libext2fs writes those of all
 * groups; here only those of groups that changed are written.  A group's are read when they are
 * needed (bitmap_load.h).
 *
 * Locking: the server lock.
 */
#ifndef IOMAP4FS_BITMAPS_H
#define IOMAP4FS_BITMAPS_H

#include <ext2fs/ext2fs.h>
#include <stdbool.h>
#include <stdint.h>

struct server;

/* Before the first is allocated: what kind of bitmaps the file system gets in memory. */
void bitmaps_choose(struct server *s);
/*
 * Each operation that may take or free something calls this before its first change.  There are
 * bitmaps in memory then, and ext2fs_flush2() writes what changed in them.
 * -EUCLEAN, -EIO or -ENOMEM, after a message; -errno where some have to be read without the
 * lock first (cold.h); nothing has changed then
 */
int bitmaps_load(struct server *s);
/* libext2fs wants to write bitmaps in its own way when it has allocated one: not in that way. */
void bitmaps_take_over(struct server *s);
/* Bitmaps in memory, in which everything is in use.  The file system has none. */
errcode_t bitmaps_allocate(struct server *s);
/* Are they trees? Otherwise arrays, which have so many bytes */
bool bitmaps_are_trees(const struct server *s);
uint64_t bitmaps_array_size(const struct server *s);
/* NO_BLOCKS, NO_INODES (bitmap_load.h): which bitmaps of group @g are not on the device? */
uint8_t bitmaps_missing(ext2_filsys fs, dgrp_t g);

/* Blocks, in file system blocks; an inode: taken or freed. */
void bitmaps_blocks_changed(struct server *s, uint64_t pblk, uint64_t len);
void bitmaps_inode_changed(struct server *s, ext2_ino_t ino);

/* Blocks that a commit has to write because of that, at most: bitmaps and descriptors. */
uint64_t bitmaps_pending(const struct server *s);

#endif
