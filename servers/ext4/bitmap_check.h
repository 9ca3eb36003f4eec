/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bitmaps as they are on the device, before anything is allocated or freed because of them.
 *
 * A checksum shows that a bitmap is what somebody wrote; an image without checksums, or one that
 * was made to do harm, needs more.  A bitmap has to agree with what is known from elsewhere:
 *
 *	- system zones (system_zone.h) are in use;
 *	- so are the inodes that are reserved, or that the superblock names;
 *	- as many are free as the descriptor of the group says.  So a count can't go below
 *	  zero, nor above what the group has.
 *
 * Without a journal, or with noload, a crash may come between the write of a bitmap and that of the
 * descriptor.  The file system is marked as not clean then.  The mount recommends e2fsck, and goes on with
 * the bitmap's number.
 *
 * Locking: the server lock.
 */
#ifndef IOMAP4FS_BITMAP_CHECK_H
#define IOMAP4FS_BITMAP_CHECK_H

#include <ext2fs/ext2fs.h>

struct server;

/*
 * @bitmap, of one block, is that of the clusters or inodes of group @g; NULL: the group has no
 * inode bitmap on the device, as none of its inodes is in use.  0, or -EUCLEAN after fs_error()
 */
int bitmap_check_blocks(struct server *s, dgrp_t g, const void *bitmap);
int bitmap_check_inodes(struct server *s, dgrp_t g, const void *bitmap);
/*
 * Group @g has no block bitmap on the device.  In s->fs->block_map what is in use there is the
 * system zones; they are marked.  As above
 */
int bitmap_check_uninit_blocks(struct server *s, dgrp_t g);

#endif
