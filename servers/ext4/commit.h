/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commits: how changes become durable, all of some or none.
 *
 * With a journal a transaction is everything that changed since the last commit.
 * Operations are done under the server lock from beginning to end, so whoever
 * takes the lock finds a consistent file system; a commit takes the blocks as
 * they are then, and lets go of the lock while it writes them to the journal.
 * Meanwhile the next transaction grows.
 *
 * Without a journal (ext2, or -o noload) it is written in place, in an order that lets e2fsck
 * put right what a crash leaves (careful.h), and the superblock says that the file system is
 * not clean.
 */
#ifndef IOMAP4FS_COMMIT_H
#define IOMAP4FS_COMMIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "checkpoint.h"

struct server;
struct journal;

struct commits {
	struct journal *journal;	/* NULL: none */
	pthread_cond_t idle;		/* a commit ended */
	bool busy;			/* one is writing, or a checkpoint, without the lock */
	unsigned int wanting;		/* so many wait until it isn't */
	struct checkpoint checkpoint;
	bool aborted;			/* nothing is committed any more */
	int abort_error;		/* why, as long as the device doesn't tell it */
	uint64_t asked;			/* for durability, so often; atomic, not under the lock */
	uint64_t covered;		/* what was there at that question is durable */
	uint64_t limit;			/* blocks of a transaction, about */
};

/*
 * Find the image's journal.  Says why it can't be used.
 */
int commits_open(struct server *s);
void commits_close(struct server *s);

/*
 * With the lock, between operations
 */

/*
 * Commit and keep the lock all the time, but for waiting until a commit by
 * somebody else has ended.
 */
int commit_now(struct server *s);
/* Commit everything and put it in its place: the journal is empty afterwards. */
int commit_and_empty(struct server *s);
/*
 * An operation begins that changes something.  Commits if there is much to
 * commit, and may let go of the lock for it: call it before anything is looked at.
 */
void commit_if_large(struct server *s);
/* The same without letting go of the lock. */
void commit_if_large_locked(struct server *s);
/*
 * In the middle of an operation that may be too long for one transaction, where the file
 * system is as consistent as between operations: is it time for a commit?  Then
 * call the other one, which lets go of the lock only to wait for a commit by somebody
 * else; but then inodes have to be loaded again.
 */
bool commit_is_due(const struct server *s);
int commit_part(struct server *s);
/* Until somebody lets go of the lock, nobody is committing.  May do that itself. */
void commit_wait_idle(struct server *s);
/*
 * An operation ended with @err.  True if it was for want of space, and there may be
 * some now that a commit has set it free, or that isn't being trimmed any more: then
 * it's worth another try.  May let go of the lock.  @tries: 0 before the first call
 */
bool commit_frees_space(struct server *s, int err, unsigned int *tries);

/*
 * Commit and put everything in its place, so that the cache can give up what it has,
 * and go on.  Lets go of the lock only to wait for a commit by somebody else.
 */
int commit_and_unpin(struct server *s);
/* The cache's bound has changed. */
void commits_set_limit(struct server *s);
/* Commit what there is.  May let go of the lock. */
void commit_in_background(struct server *s);
/* Has the cache something for a commit? */
bool commit_has_content(const struct server *s);
/* Writing without the lock, as @busy says, is over. */
void commit_set_idle(struct server *s);

/*
 * Making things durable for those who ask for that.  A question has a number; what was
 * done before it was asked is in a commit that begins later.
 */
/* Without the lock: ask. */
uint64_t commit_ask(struct server *s);
/* The number of the last question */
uint64_t commit_asked(const struct server *s);
bool commit_has_covered(const struct server *s, uint64_t question);
/* Commit until @question is covered.  Lets go of the lock. */
int commit_cover(struct server *s, uint64_t question);
/* Without the lock: wait until all that was done before is durable. */
int commit_wait(struct server *s);

/*
 * With the lock, at any time: nothing is committed any more, the file system is
 * read-only from here on.  @err: -errno
 */
void commit_abort(struct server *s, int err);

#endif
