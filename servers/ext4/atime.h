/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Access times that the server keeps: of directories and links, and in classic mode of files, too.
 * With iomap the kernel keeps those of files.
 *
 * The mount options say when reading moves them: relatime (what the kernel does by default),
 * strictatime, noatime, nodiratime; and the file's own flag (chattr +A).  The server hears of
 * reading by READ, READDIR and READLINK.  What the kernel has in its caches it reads without a
 * request.  With relatime such a read moves no access time, as it was moved when the cache was
 * filled; not even if that was more than a day ago, or if the time has been set back since.  With
 * strictatime the kernel caches neither listings nor links.  A file in classic mode that is opened
 * while its time is due to be moved is read anew.
 */
#ifndef IOMAP4FS_ATIME_H
#define IOMAP4FS_ATIME_H

#include <stdbool.h>

#include "server.h"

struct inode;

/* Has each read to be a request, because it moves an access time? */
bool atime_is_strict(const struct server *s);

/* Would reading inode @in, which is loaded, move its access time?  With the lock, or sharing it. */
bool atime_is_due(struct server *s, const struct inode *in);

/*
 * Inode @ino has been read: move its access time if that is due, now if the lock is free, else at
 * the flusher's next round.  Without the lock; may take it, and commit.  What fails is no error of
 * the reader.
 */
void atime_was_read(struct server *s, ext2_ino_t ino);

/* The flusher's part.  With the lock alone; may let go of it meanwhile. */
void atime_move_queued(struct server *s);

#endif
