/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Classic mounts of block devices, which the kernel holds as those of its own file systems. */
#ifndef IOMAP4FS_BLOCKMOUNT_H
#define IOMAP4FS_BLOCKMOUNT_H

#include "server.h"

struct blockmount {
	struct server *s;	/* NULL: not begun */
	char super[1024];	/* the superblock as it was */
};

/*
 * A mount of s->src is about to be made, in classic mode.  Returns the block size to mount it
 * with as a block device, in bytes, or 0: it is to be mounted as plain FUSE.
 */
uint32_t blockmount_begin(struct blockmount *b, struct server *s);
/*
 * The mount has been made, as that of a block device if @is_block, or has failed with @err.
 * Does nothing if blockmount_begin() has returned 0.  Returns 0, @err, or a negative errno after
 * a message: then the mount must not be used.
 */
int blockmount_end(struct blockmount *b, bool is_block, int err);

#endif
