/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests that are answered when what was done before them is durable: fsync, syncfs.
 *
 * A commit waits for the device, and whoever asks while it does waits for the next one.
 * There are few worker threads, so they don't: the request is noted, and answered by the
 * thread that ends the commit it needs.
 *
 *	nobody commits     the worker does it itself, as nothing is faster for one alone
 *	somebody commits   the request is noted; when that has ended the flusher thread
 *	                   commits for all that were noted meanwhile, at once
 *
 * Locking: the list is under the server lock; who is answered is so without it.
 */
#ifndef IOMAP4FS_DURABLE_H
#define IOMAP4FS_DURABLE_H

#include <stdbool.h>

struct server;

/*
 * Without the lock: call @done with @req and 0 when all that was done before is durable, or
 * with -errno when it can't be.  That is without the lock, by any thread, and maybe before this
 * returns.  Needs no memory that there has to be: without any this waits itself.
 */
void durable_when(struct server *s, void (*done)(void *req, int err), void *req);

/*
 * With the lock, which is let go of meanwhile: wait until all that was done before is durable.
 * 0 or -errno.
 */
int durable_now(struct server *s);

/*
 * For the flusher thread, with the lock
 */

/* Is there something to do? */
bool durable_is_due(const struct server *s);
/* Commit, and answer.  Lets go of the lock. */
void durable_serve(struct server *s);
/* It has ended, and the connection too, if there is somebody left. */
void durable_end(struct server *s);

#endif
