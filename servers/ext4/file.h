/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is done with open files: sizes, space, data, attributes. */
#ifndef IOMAP4FS_FILE_H
#define IOMAP4FS_FILE_H

#include "inode.h"
#include "map.h"

/* setattr.c: @valid: FUSE_SET_ATTR_* */
int file_setattr(struct server *s, ext2_ino_t ino, const struct stat *attr, int valid,
		 const struct caller *who, struct inode *in);
/* Cut or extend; in classic mode also zero what must read as zeroes. */
int file_truncate(struct server *s, struct inode *in, uint64_t size);

/* fallocate.c */
int file_fallocate(struct server *s, ext2_ino_t ino, int mode, uint64_t off, uint64_t len,
		   const struct caller *who);

/*
 * data.c: file data in classic mode
 */

/* At most @len bytes; *@done: how many. */
int file_read(struct server *s, ext2_ino_t ino, char *buf, size_t len, uint64_t off,
	      size_t *done);
int file_write(struct server *s, ext2_ino_t ino, const char *buf, size_t len, uint64_t off,
	       const struct caller *who, size_t *done);
/* Zero the file's bytes in [@from, @to) where there are blocks. */
int file_zero(struct server *s, struct inode *in, uint64_t from, uint64_t to);
/*
 * SEEK_DATA, SEEK_HOLE from *@from on.  -EAGAIN: let others have the lock, and go on from *@from,
 * which has moved: a map may have as many pieces as blocks, and a damaged one more than there are
 * blocks.
 */
int file_lseek(struct server *s, ext2_ino_t ino, uint64_t *from, int whence, uint64_t *result);

/*
 * inline.c: files whose data is in the inode
 */

/* All of it; *@buf is to be freed. */
int inline_get(struct server *s, struct inode *in, char **buf, size_t *len);
/* Write in place; -EFBIG when the data must become a block first. */
int inline_write(struct server *s, struct inode *in, const char *buf, size_t len, uint64_t off);
/*
 * The inode has no inline data any more, and an empty map instead: the caller has a copy of the
 * data.  Stores the inode.
 */
int inline_drop(struct server *s, struct inode *in);
/* Move the data of an inline file to a block. */
int inline_expand(struct server *s, struct inode *in, const struct caller *who);

/*
 * ioctl.c: attributes (lsattr, chattr)
 */

uint32_t file_get_flags(const struct inode *in);
int file_set_flags(struct server *s, ext2_ino_t ino, uint32_t flags);

struct fsxattr;
void file_get_fsxattr(const struct inode *in, struct fsxattr *fsx);
int file_set_fsxattr(struct server *s, ext2_ino_t ino, const struct fsxattr *fsx,
		     const struct caller *who);

#endif
