// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Checkpoints without the lock: see checkpoint.h.
 *
 *	mark: the next transaction's place in the log
 *	write what is logged and has not changed since, from copies
 *	commit what is running, if there is something
 *	forget what is before the mark
 *
 * Why nothing is lost then.  Take a block with a copy before the mark, the newest one there.
 *
 *  - It was written: with that copy, or a newer one that was committed, too.
 *  - It had changed when the mark was set, or before its turn: it was in a transaction that
 *    began behind the mark, so it has a newer copy there now.
 *  - It was freed: it has a revoke, before the mark or behind it.
 *
 * Each commit that begins when the last block has been written makes the second and the third
 * true, and flushes the device before it ends, which makes the first one durable.  If there
 * is nothing to commit there are no such blocks, and it takes a flush.  A flush of somebody
 * else that has failed meanwhile makes these fail, too (device_flush()).
 *
 * A block stays logged until its last copy is before the mark and that has been forgotten, also
 * when it is in its place: if it is freed before, recovery has to be told not to write it over
 * what is there then.
 *
 * While blocks are on their way nobody commits (commits.busy): a block that is freed
 * meanwhile is nobody's before a commit has ended, so nothing old gets over what is new there.
 * Between two steps others may commit, and they come first.
 *
 * Half of the journal is never used up so: when the operations are faster than this, the
 * commit that would puts everything in its place itself (commit.c).
 */
#include "checkpoint.h"

#include <string.h>

#include "commit.h"
#include "log.h"
#include "server.h"

/* This part of the log, or of the cache, is enough to begin. */
#define PART	6

static bool is_worth_it(const struct server *s)
{
	const struct journal *j = s->commits.journal;

	return cache_nr_logged(s->cache) &&
	       (journal_used(j) > journal_size(j) / PART ||
		cache_nr_logged(s->cache) > cache_max_blocks(s->cache) / PART);
}

bool checkpoint_is_due(const struct server *s)
{
	const struct commits *c = &s->commits;
	const struct checkpoint *cp = &c->checkpoint;

	if (!c->journal || c->busy || c->wanting || c->aborted || s->shut_down || s->readonly ||
	    s->frozen)
		return false;
	if (cp->sweep)
		return true;
	return journal_can_advance(c->journal) && is_worth_it(s) &&
	       !(cp->tried && cp->tried_at == journal_mark(c->journal).sequence);
}

bool checkpoint_is_urgent(const struct server *s)
{
	return journal_used(s->commits.journal) > journal_size(s->commits.journal) / 4;
}

void checkpoint_cancel(struct server *s)
{
	cache_sweep_end(s->commits.checkpoint.sweep);
	s->commits.checkpoint.sweep = NULL;
}

static void stop(struct server *s)
{
	struct checkpoint *cp = &s->commits.checkpoint;

	checkpoint_cancel(s);
	cp->tried = true;
	cp->tried_at = journal_mark(s->commits.journal).sequence;
}

static void begin(struct server *s)
{
	struct checkpoint *cp = &s->commits.checkpoint;

	*cp = (struct checkpoint){ .mark = journal_mark(s->commits.journal) };
	if (cache_sweep_begin(s->cache, &cp->sweep))
		stop(s);
}

/* Nothing is changed by @io that needs the lock. */
static int without_lock(struct server *s, int (*io)(struct server *s))
{
	int err;

	s->commits.busy = true;
	server_unlock(s);
	err = io(s);
	server_lock(s);
	if (err) {
		log_err("can't write metadata in place: %s", strerror(-err));
		commit_abort(s, err);
	}
	return err;
}

static int write_blocks(struct server *s)
{
	return cache_sweep_write(s->commits.checkpoint.sweep);
}

static int flush_and_forget(struct server *s)
{
	int err = device_flush(&s->src.dev);

	return err ? err : journal_advance(s->commits.journal, &s->commits.checkpoint.mark);
}

static int forget(struct server *s)
{
	return journal_advance(s->commits.journal, &s->commits.checkpoint.mark);
}

static void write_some(struct server *s)
{
	struct checkpoint *cp = &s->commits.checkpoint;

	if (cache_sweep_take(s->cache, cp->sweep)) {
		int err = without_lock(s, write_blocks);

		cache_sweep_done(s->cache, cp->sweep, !err);
		if (err)
			stop(s);
		commit_set_idle(s);
		return;
	}
	cp->written = true;
	cp->last = journal_mark(s->commits.journal).sequence;
}

static void finish(struct server *s)
{
	struct checkpoint *cp = &s->commits.checkpoint;
	bool committed = journal_mark(s->commits.journal).sequence != cp->last;

	if (!committed && commit_has_content(s)) {
		commit_in_background(s);
		/* somebody may have put everything in its place; or it can't be done */
		if (cp->sweep && journal_mark(s->commits.journal).sequence == cp->last &&
		    commit_has_content(s))
			stop(s);
		return;
	}
	if (!without_lock(s, committed ? forget : flush_and_forget))
		cache_sweep_forgotten(s->cache, cp->sweep, cp->mark.sequence);
	stop(s);
	commit_set_idle(s);
}

void checkpoint_step(struct server *s)
{
	struct checkpoint *cp = &s->commits.checkpoint;

	if (!cp->sweep)
		begin(s);
	else if (!cp->written)
		write_some(s);
	else
		finish(s);
}
