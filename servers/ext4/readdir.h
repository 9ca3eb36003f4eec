/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Open directories. */
#ifndef IOMAP4FS_READDIR_H
#define IOMAP4FS_READDIR_H

#include "node.h"

struct dir_handle;

/* For a directory of at most @max bytes: a larger one gives EOVERFLOW.  NULL: out of memory. */
struct dir_handle *dir_handle_new(ext2_ino_t ino, uint64_t max);
void dir_handle_free(struct dir_handle *dh);
/*
 * Around all that follows, outside of the server lock: the kernel lets one thread at a time read
 * an open directory, but what is here must not depend on that.
 */
void dir_handle_lock(struct dir_handle *dh);
void dir_handle_unlock(struct dir_handle *dh);

/* An entry of the listing; @off: where the next one is. */
struct listed {
	const char *name;
	ext2_ino_t ino;
	mode_t type;
	off_t off;
};

/*
 * Make sure that the listing is there and fit for reading at @off; at 0 it is
 * made anew.  *@fresh: nothing has been removed since it was made.
 */
int dir_handle_prepare(struct server *s, struct dir_handle *dh, off_t off, bool *fresh);
/* The same question again */
bool dir_handle_is_fresh(struct server *s, const struct dir_handle *dh);
/* How far has the listing come for which a block was missing?  Blocks */
uint64_t dir_handle_progress(const struct dir_handle *dh);
/* The entry at @off; false at the end. */
bool dir_handle_entry(struct dir_handle *dh, off_t off, struct listed *l);

#endif
