/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The superblock before the file system is open. */
#ifndef IOMAP4FS_SUPER_H
#define IOMAP4FS_SUPER_H

#include "server.h"

/*
 * Read the superblock of s->src and see whether it can be mounted as s->opt
 * says.  Says why not.
 */
int super_probe(struct server *s, struct ext2_super_block *sb);
/* s->fs is open: the superblock in memory gets the counts of free blocks and inodes right. */
void super_count_free(struct server *s);

#endif
