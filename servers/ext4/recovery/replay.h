/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replaying a jbd2 journal: the copies of blocks in its log go to their places.
 *
 *	replay_open	the superblock of the journal is what it has to be
 *	replay_read	scan.c	which transactions are complete, and what is in them
 *			revoke.c which copies count
 *			verify.c whether these are intact, and where they go
 *	replay_write	write.c	each block's last copy goes to its place, on stable storage
 *	replay_empty	the superblock of the journal says that nothing is in it
 *
 * Fast commits are read as well, and checked as far as the journal alone can tell.  What they
 * mean for the file system is for fc_run.c.
 *
 * Only replay_write() and what is below it write.  Whatever is wrong is found before them, and then
 * nothing has changed: the caller refuses the mount.  A crash at any moment leaves a journal that
 * can be replayed again, because it stays as it is until all the copies are in their places, and
 * a copy that is written twice does no harm.
 *
 * What counts as the end of the log and what as damage is kernel jbd2's decision: see scan.c.
 *
 * Work and memory are bounded by the size of the journal, whatever its blocks say: each pass
 * reads a block of the log once, and there is an entry in memory for each block of the log
 * at most, but for the tags of one descriptor that lead beyond it.
 */
#ifndef IOMAP4FS_REPLAY_H
#define IOMAP4FS_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/journal.h"
#include "journal/super_check.h"
#include "recovery/fast_commit.h"
#include "store/device.h"

struct replay;

/* What a replay does at the moment */
struct replay_progress {
	const char *step;
	uint64_t done, all;	/* blocks */
};

struct replay_place {
	const struct device *dev;
	uint32_t blocksize;			/* bytes */
	const struct journal_run *runs;		/* of the journal, in order; copied */
	size_t nr_runs;
	bool wide;				/* the file system has the feature 64bit */
	/* No transaction in the log is older, seconds since 1970 */
	uint64_t since;
	/*
	 * Called again and again.  Anything but 0 ends the replay with that value, which is a
	 * negative errno.  NULL: nobody is called.
	 */
	int (*step)(void *arg, const struct replay_progress *now);
	/*
	 * Called with the block that has the file system's superblock, as it comes out of the
	 * journal, before it goes to its place.  NULL: it goes there as it is.
	 */
	void (*super)(void *arg, void *block);
	void *arg;
};

/* -ENOMEM, -EIO or another errno of reading, -EUCLEAN: @no says what is wrong. */
int replay_open(struct replay **r, const struct replay_place *place, struct replay_refusal *no);
int replay_read(struct replay *r, struct replay_refusal *no);

/*
 * After replay_read(): what block @nr will have.  -ENOENT: what it has now.
 * @buf: a block
 */
int replay_outcome(struct replay *r, uint64_t nr, void *buf);
/* How many transactions are complete, and how many blocks will be written */
uint32_t replay_nr_transactions(const struct replay *r);
uint64_t replay_nr_blocks(const struct replay *r);
/* What has to be done after these transactions.  Valid until replay_close() */
const struct fc_tags *replay_fast_commits(const struct replay *r);
/* The errno of an abort that the journal's superblock has noted, positive; 0: none */
int replay_noted_error(const struct replay *r);

/* An errno, or what @step has said.  Then the replay can begin again, from the start. */
int replay_write(struct replay *r);
/*
 * After replay_write(): the transactions in the log aren't needed any more, but the fast commits
 * are.  Then anything may be written to the log.  Durable when it returns.
 */
int replay_keep_fast_commits(struct replay *r);
/* The fast commits don't count any more, and nothing is to look for some.  Doesn't flush. */
int replay_forget_fast_commits(struct replay *r);
/* Durable when it returns. */
int replay_empty(struct replay *r);
void replay_close(struct replay *r);

#endif
