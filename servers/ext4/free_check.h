/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks of what is freed.
 *
 * Two files of a damaged image can name the same block; one file can name it twice.  Freed twice,
 * it would be counted twice, and could have been given to a third file in between.  So a range is
 * freed only if all of it is in use, and is no system zone.
 *
 * "In use" is more than a bit in libext2fs's bitmap: blocks that were freed since the last commit
 * (pins, alloc.c), those that are kept for growing files (window.h) and those that are being
 * discarded (trim.h) have their bits set, so that nobody allocates them, and are free.
 *
 * What fails the check stays in use: that leaks blocks, until e2fsck has looked at the file
 * system.
 *
 * Bitmaps that are not in memory are read (bitmap_load.h).  In a group whose bitmap is damaged
 * everything counts as in use, and nothing is freed.
 *
 * Locking: the server lock.  bitmaps_load() has been called.
 */
#ifndef IOMAP4FS_FREE_CHECK_H
#define IOMAP4FS_FREE_CHECK_H

#include <ext2fs/ext2fs.h>
#include <stdbool.h>
#include <stdint.h>

struct server;
struct inode;

/* Are all blocks of [@pblk, @pblk + @len) inside the file system and in use?  No message. */
bool free_check_in_use(struct server *s, uint64_t pblk, uint64_t len);
/* May they be freed?  If not, that is noted as damage. */
bool free_check(struct server *s, uint64_t pblk, uint64_t len);
/*
 * libext2fs has just freed @blk, of one cluster, and has taken its bit away: may it have done so?
 * If not, the block is in use again, and the damage is noted.
 */
bool free_check_freed(struct server *s, uint64_t blk);
/* That it has freed the cluster of @blk is taken back; or is done again. */
void free_undo(struct server *s, uint64_t blk);
void free_redo(struct server *s, uint64_t blk);
/*
 * May the attribute block of @in, if it has one, be changed or freed: is it in use, and does it
 * count its users?  0, -EUCLEAN after fs_error(), or -errno of reading it
 */
int free_check_attributes(struct server *s, const struct inode *in);
/* May @ino, a directory or not, be freed?  If not, that is noted as damage. */
bool free_check_inode(struct server *s, ext2_ino_t ino, bool dir);

#endif
