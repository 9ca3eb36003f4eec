/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inodes where they lie: read and written in place in the metadata cache.
 */
#ifndef IOMAP4FS_INODE_TABLE_H
#define IOMAP4FS_INODE_TABLE_H

#include "inode.h"

/*
 * The first @len bytes of an inode, or all it has on the disk.  libext2fs's errors, for
 * lib_error().
 */
errcode_t inode_table_read(struct server *s, ext2_ino_t ino, void *buf, size_t len);
errcode_t inode_table_write(struct server *s, ext2_ino_t ino, const void *buf, size_t len);
/* Where it is: the block, and the offset there in bytes */
errcode_t inode_table_find(const struct server *s, ext2_ino_t ino, uint64_t *blk,
			   unsigned int *off);
/* Are there extended attributes behind the inode?  Asking libext2fs takes much longer. */
bool inode_table_has_xattrs(struct server *s, const struct inode *in);

#endif
