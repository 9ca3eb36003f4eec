// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who waits until something is durable: see durable.h.
 *
 * A waiter has the number of its question (commit_ask()), so it is known which commit covers
 * it.  Nobody is forgotten: a request is noted only while somebody writes, and the end of that
 * wakes the flusher thread if there are any; that one goes on until there are none.
 */
#include "durable.h"

#include <errno.h>
#include <stdlib.h>

#include "commit.h"
#include "server.h"

struct durable_waiter {
	struct durable_waiter *next;
	uint64_t question;
	void (*done)(void *req, int err);
	void *req;
	int err;
};

/* False if nobody would come back to it, or there is no memory. */
static bool note_waiter(struct server *s, uint64_t question, void (*done)(void *req, int err),
			void *req)
{
	struct durable_waiter *w;

	if (!s->flusher_runs || s->flusher_stop)
		return false;
	w = malloc(sizeof(*w));
	if (!w)
		return false;
	*w = (struct durable_waiter){ s->waiters, question, done, req, 0 };
	s->waiters = w;
	return true;
}

/*
 * What @question is answered after a commit that ended with @err: it may be covered though
 * something behind that failed; and where what was done before is lost, "read-only" would not
 * be all of the truth.
 */
static int seen_by_caller(const struct server *s, uint64_t question, int err)
{
	if (commit_has_covered(s, question))
		return 0;
	return err == -EROFS && s->commits.aborted ? -EIO : err;
}

/*
 * Those that are covered; and if a commit ended with @err, also those that had asked by
 * @failed, when it began.
 */
static struct durable_waiter *take(struct server *s, uint64_t failed, int err)
{
	struct durable_waiter **link = &s->waiters, *w, *taken = NULL;

	while ((w = *link)) {
		bool covered = commit_has_covered(s, w->question);

		if (!covered && (!err || w->question > failed)) {
			link = &w->next;
			continue;
		}
		w->err = seen_by_caller(s, w->question, err);
		*link = w->next;
		w->next = taken;
		taken = w;
	}
	return taken;
}

/* Without the lock.  The oldest are the first now. */
static void answer(struct durable_waiter *w)
{
	while (w) {
		struct durable_waiter *next = w->next;

		w->done(w->req, w->err);
		free(w);
		w = next;
	}
}

static void unlock_and_answer(struct server *s, struct durable_waiter *taken)
{
	if (!taken)
		return;
	server_unlock(s);
	answer(taken);
	server_lock(s);
}

void durable_when(struct server *s, void (*done)(void *req, int err), void *req)
{
	uint64_t question = commit_ask(s), asked;
	struct durable_waiter *others;
	int err;

	server_lock(s);
	if (s->commits.busy && !commit_has_covered(s, question) &&
	    note_waiter(s, question, done, req)) {
		server_unlock(s);
		return;
	}
	asked = commit_asked(s);
	err = seen_by_caller(s, question, commit_cover(s, question));
	others = take(s, asked, err);
	super_wake_flusher(s);
	server_unlock(s);
	done(req, err);
	answer(others);
}

int durable_now(struct server *s)
{
	uint64_t question = commit_ask(s), asked = commit_asked(s);
	struct durable_waiter *others;
	int err = seen_by_caller(s, question, commit_cover(s, question));

	others = take(s, asked, err);
	super_wake_flusher(s);
	unlock_and_answer(s, others);
	return err;
}

bool durable_is_due(const struct server *s)
{
	/* who wants a commit for something else comes first, and covers them */
	return s->waiters && !s->commits.busy && !s->commits.wanting;
}

void durable_serve(struct server *s)
{
	uint64_t asked;
	int err;

	/* of a commit by somebody who didn't do it for them */
	unlock_and_answer(s, take(s, 0, 0));
	if (!durable_is_due(s))
		return;
	asked = commit_asked(s);
	err = commit_cover(s, asked);
	unlock_and_answer(s, take(s, asked, err));
}

void durable_end(struct server *s)
{
	unlock_and_answer(s, take(s, UINT64_MAX, -ENOTCONN));
}
