/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Open directories. */
#ifndef IOMAP4FS_READDIR_H
#define IOMAP4FS_READDIR_H

#include "node.h"

struct dir_handle;

/*
 * @whole_max: 0, or all of the directory has to be listed at once, and EOVERFLOW says that it is
 * too large for that, which more than so many bytes are.  NULL: out of memory.
 */
struct dir_handle *dir_handle_new(ext2_ino_t ino, uint64_t whole_max);
void dir_handle_free(struct dir_handle *dh);
/*
 * Around all that follows, outside of the server lock: the kernel lets one thread at a time read
 * an open directory, but what is here must not depend on that.
 */
void dir_handle_lock(struct dir_handle *dh);
void dir_handle_unlock(struct dir_handle *dh);

/* An entry of the listing; @off: its position, behind which the next one is. */
struct listed {
	const char *name;
	ext2_ino_t ino;
	mode_t type;
	off_t off;
};

/*
 * Make sure that what is behind the position @off is there to be read, or that nothing is; at 0
 * the listing is made anew.  *@fresh: nothing has been removed since it was made.  -EAGAIN: let
 * others have the server lock, and call this again.
 */
int dir_handle_prepare(struct server *s, struct dir_handle *dh, off_t off, bool *fresh);
/* The same question again */
bool dir_handle_is_fresh(struct server *s, const struct dir_handle *dh);
/* A number that grows when blocks have been read that need not be read again */
uint64_t dir_handle_progress(const struct dir_handle *dh);
/*
 * The entry that comes next, or the one @ahead of it; false: there is none, and if
 * dir_handle_prepare() has just been called the end is reached.
 */
bool dir_handle_entry(const struct dir_handle *dh, size_t ahead, struct listed *l);
/* It has been read. */
void dir_handle_next(struct dir_handle *dh);
/* A request ends: give back memory that is of no use any more. */
void dir_handle_rest(struct dir_handle *dh);

#endif
