/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of a replay share: see replay.h. */
#ifndef IOMAP4FS_REPLAY_STATE_H
#define IOMAP4FS_REPLAY_STATE_H

#include "journal/format.h"
#include "journal/parse.h"
#include "journal/runs.h"
#include "recovery/fast_commit.h"
#include "recovery/replay.h"

/* A copy of a block in the log */
struct copy {
	uint64_t nr;		/* where it belongs, block of the file system */
	uint32_t sequence;	/* of its transaction */
	uint32_t log;		/* where it is, block of the journal */
	uint32_t checksum;
	uint32_t revoke;	/* the last transaction that revokes the block, if has_revoke; */
	bool has_revoke;	/* both in the first copy of each block only */
	bool escaped;
	bool dead;		/* revoked: it doesn't count, whatever is in it */
	bool last;		/* it is what the block will have */
};

/* A revoke block in the log */
struct revoke_block {
	uint32_t log, sequence;
};

struct replay {
	struct replay_place place;
	struct journal_area area;	/* where the journal is */
	struct journal_super sb;
	struct journal_shape shape;
	void *super_block;		/* JOURNAL_SUPER_SIZE bytes */
	uint8_t *scratch;		/* a block */
	uint32_t first, last;		/* the log: [first, last) */
	uint64_t device_blocks;
	uint32_t end;			/* the first transaction that is not complete, */
	uint32_t end_log;		/* and where it would begin; 0: the log is empty */

	struct copy *copies;		/* in the order of the log */
	size_t nr_copies, room_copies;
	uint32_t *by_nr;		/* indexes of copies, by number and then order */
	struct revoke_block *revokes;
	size_t nr_revokes, room_revokes;
	uint64_t nr_last;		/* copies with .last */

	struct fc_tags fc;		/* of complete fast commits */

	uint8_t *ahead;			/* log.c: blocks [ahead_at, ahead_at + ahead_nr) */
	uint32_t ahead_at, ahead_nr;
};

/* a - b, of numbers of transactions, which go around */
static inline int32_t sequence_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

/* The caller's step function */
int replay_step(const struct replay *r, const char *step, uint64_t done, uint64_t all);

/*
 * log.c: block @log of the journal, to read in place.  The pointer is valid until the next
 * call.  -EIO or another errno; -EUCLEAN: there is no such block.
 */
int replay_read_log(struct replay *r, uint32_t log, const uint8_t **block,
		    struct replay_refusal *no);
/* Write block @log of the journal, which must be there.  What was read ahead is forgotten. */
int replay_write_log(struct replay *r, uint32_t log, const void *block);
/* The block of the log that follows @log */
uint32_t replay_next(const struct replay *r, uint32_t log);

/* scan.c: find the end of the log; fills r->copies, r->revokes and r->end */
int replay_scan(struct replay *r, struct replay_refusal *no);
/* fast_commit.c: read the fast commits on top of the last complete transaction into r->fc. */
int replay_scan_fast_commits(struct replay *r, struct replay_refusal *no);
/* revoke.c: fills r->by_nr, and marks which copies are dead and which are the last ones */
int replay_revoke(struct replay *r, struct replay_refusal *no);
/* verify.c: all copies that aren't dead are intact and belong where they may be written */
int replay_verify(struct replay *r, struct replay_refusal *no);
/* revoke.c: the index in r->by_nr of the first copy of @nr; r->nr_copies: there is none. */
size_t replay_find(const struct replay *r, uint64_t nr);

#endif
