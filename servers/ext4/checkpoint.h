/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checkpoints that hold up nobody: when a part of the journal is in use the flusher thread
 * puts what was logged in its place, a few blocks at a time and without the lock.
 *
 * Locking: all with the server lock.
 */
#ifndef IOMAP4FS_CHECKPOINT_H
#define IOMAP4FS_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/journal.h"

struct server;
struct cache_sweep;

struct checkpoint {
	struct cache_sweep *sweep;	/* NULL: there is none under way */
	struct journal_mark mark;	/* what is before that is to go */
	bool written;			/* all that could be is in its place */
	uint32_t last;			/* the transaction that was running then */
	bool tried;			/* not again before the next commit, */
	uint32_t tried_at;		/* that of this transaction */
};

/* Is there something to do, for the flusher thread? */
bool checkpoint_is_due(const struct server *s);
/* Should it not wait for those who wait for commits? */
bool checkpoint_is_urgent(const struct server *s);
/* Do some of it.  Lets go of the lock. */
void checkpoint_step(struct server *s);
/* All is in its place by other means, or will never be.  Nobody may be writing. */
void checkpoint_cancel(struct server *s);

#endif
