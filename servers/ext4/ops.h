/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of request handlers. */
#ifndef IOMAP4FS_OPS_H
#define IOMAP4FS_OPS_H

#include <fuse_iomap.h>

/*
 * Nobody else changes the file system: the kernel may believe what it knows for
 * as long as it likes, s.
 */
#define ATTR_TIMEOUT	86400.0

extern const struct fuse_lowlevel_ops fuse_operations;		/* ops.c */
extern const struct fuse_iomap_ops iomap_operations;		/* iomap_ops.c */

/* In ops.c, for that table: it makes a file as create() does. */
void op_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, struct fuse_file_info *fi);

/* In ops.c, for CONFIG: OPEN and RELEASE need not be sent. */
bool waives_open(const struct server *s);

/*
 * ops_fs.c: ioctls about the whole file system.  False: @cmd isn't one, and nothing was
 * replied.
 */
bool fs_ioctl(fuse_req_t req, unsigned int cmd, const void *in, size_t in_size, size_t out_size);

#endif
