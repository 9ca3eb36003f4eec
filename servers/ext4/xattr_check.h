/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is checked of an inode's extended attributes before libext2fs parses them.
 */
#ifndef IOMAP4FS_XATTR_CHECK_H
#define IOMAP4FS_XATTR_CHECK_H

#include "inode.h"

/*
 * Check every attribute of @in, in the inode and in its attribute block, and every inode that
 * holds a value.  0, or -EUCLEAN after fs_error(), or -errno.  The caller holds the server lock,
 * alone or shared.
 */
int xattr_check(struct server *s, struct inode *in);

/*
 * The inline data behind i_block (the attribute "system.data" in the inode's body): *@offset is
 * where it begins in the on-disk inode, *@size its length, both in bytes.  There may be none,
 * then *@size is 0.  The same results as xattr_check(), which this includes for the body.
 */
int xattr_find_inline(struct server *s, struct inode *in, unsigned int *offset,
		      unsigned int *size);

#endif
