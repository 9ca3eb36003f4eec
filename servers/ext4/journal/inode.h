/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inode of the journal, in the file system itself. */
#ifndef IOMAP4FS_JOURNAL_INODE_H
#define IOMAP4FS_JOURNAL_INODE_H

#include "journal/journal.h"

struct server;

/*
 * Where the blocks of the journal are, in order.  All of them are in the file system, none is
 * there twice, and none is one of the file system's own (superblocks, descriptors, bitmaps,
 * inode tables).  Needs s->fs with checked descriptors, and s->cache.
 * *@runs: to be freed.  *@why: what is wrong.  0 or -errno.
 */
int journal_inode_find(struct server *s, struct journal_run **runs, size_t *nr,
		       const char **why);

#endif
