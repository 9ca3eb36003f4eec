/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replaying fast commits: see fc_run.c. */
#ifndef IOMAP4FS_FC_RUN_H
#define IOMAP4FS_FC_RUN_H

#include "recovery/replay.h"
#include "server.h"

struct fc_run;

/*
 * Apply the fast commits that @r has read to the file system of @s in memory.  @runs: the journal.
 * Nothing is written.  -EUCLEAN: @no says what is wrong; another errno may have no reason there.
 * 0: *@run is to be given to fc_close(), until which the file system of @s is open.
 */
int fc_open(struct server *s, struct replay *r, const struct journal_run *runs, size_t nr_runs,
	    struct replay_refusal *no, struct fc_run **run);
/*
 * After replay_write() and replay_keep_fast_commits(): put the outcome into the log, as the
 * transaction that the fast commits are a part of.  They don't count any more when this returns,
 * and the log has to be replayed.
 */
int fc_log(struct fc_run *run);
/* NULL is fine. */
void fc_close(struct fc_run *run);

#endif
