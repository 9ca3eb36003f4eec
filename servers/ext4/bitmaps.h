/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block and inode bitmaps on the disk.  libext2fs keeps all in memory and, when one
 * bit has changed, writes those of all groups; here only those of groups that
 * changed are written.  And they are read when something is to be taken or freed for the
 * first time: who only reads files does not need them, and a large disk has many.
 *
 * Locking: the server lock.
 */
#ifndef IOMAP4FS_BITMAPS_H
#define IOMAP4FS_BITMAPS_H

#include <ext2fs/ext2fs.h>
#include <stdint.h>

struct server;

/* Before the first is allocated: what kind of bitmaps the file system gets in memory. */
void bitmaps_choose(struct server *s);
/*
 * Read them, if they have not been yet; from then on ext2fs_flush2() writes what changed.
 * -EUCLEAN, -EIO or -ENOMEM, after a message; -errno where some have to be read without the
 * lock first (cold.h); nothing has changed then
 */
int bitmaps_load(struct server *s);
void bitmaps_destroy(struct server *s);

/* Blocks, in file system blocks; an inode: taken or freed. */
void bitmaps_blocks_changed(struct server *s, uint64_t pblk, uint64_t len);
void bitmaps_inode_changed(struct server *s, ext2_ino_t ino);

/* Blocks that a commit has to write because of that, at most: bitmaps and descriptors. */
uint64_t bitmaps_pending(const struct server *s);

#endif
