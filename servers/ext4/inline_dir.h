/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Directories inside of their inode.
 */
#ifndef IOMAP4FS_INLINE_DIR_H
#define IOMAP4FS_INLINE_DIR_H

#include "dir_block.h"

/*
 * The directory as the block that it becomes when it leaves the inode: *@block has
 * fs->blocksize bytes and is to be freed by the caller.  Entries have the same offsets there
 * before and after that move.  0, -EUCLEAN after fs_error(), or -errno.
 */
int inline_dir_block(struct server *s, struct inode *dir, char **block);

/* Move the directory out of the inode, into a block.  Stores the inode. */
int inline_dir_expand(struct server *s, struct inode *dir, const struct caller *who);

#endif
