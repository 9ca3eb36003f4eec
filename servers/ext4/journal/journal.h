/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The journal as a log: transactions go in at the head, and at the tail those go whose
 * blocks are all in their places, or have newer copies; or it is emptied as a whole.
 *
 *	first          tail              head           last
 *	  |  free       |  transactions   |  free        |
 *	  +-------------+-----------------+--------------+
 *
 * Who calls decides what a transaction is and when blocks are written in place;
 * here are order and durability:
 *  - a commit block is written after everything before it is on stable storage,
 *    and journal_write() returns when the commit block is, too;
 *  - blocks of the log are written again only after the superblock on stable
 *    storage says that nothing there is needed.
 *
 * Locking: journal_write() and journal_advance() may run without the server lock,
 * everything else needs it, and none of them may be running.
 */
#ifndef IOMAP4FS_JOURNAL_H
#define IOMAP4FS_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/super_check.h"
#include "store/device.h"

struct journal;

/* Where a part of the journal is: @len blocks of it from @log on are at @phys. */
struct journal_run {
	uint32_t log;
	uint32_t len;
	uint64_t phys;
};

/* What the file system wants of its journal */
struct journal_wants {
	bool wide;		/* block numbers of 64 bits */
	bool checksums;
};

/*
 * A transaction's contents: copies of @nr_blocks blocks, sorted by number, and
 * the numbers of blocks that aren't metadata any more.
 */
struct journal_block {
	uint64_t nr;
	const void *data;
};

struct journal_content {
	struct journal_block *blocks;
	size_t nr_blocks;
	uint64_t *revokes;
	size_t nr_revokes;
};

/* A transaction as it will be in the log */
struct journal_record {
	char *image;
	uint32_t nr_blocks;		/* without the commit block */
};

/*
 * Open the journal at @runs, in order, whose log must be empty.  @why is what to
 * tell when it can't be used.  0 or -errno; -EOPNOTSUPP: nothing is wrong with it.
 */
int journal_open(struct journal **j, const struct device *dev, uint32_t blocksize,
		 const struct journal_run *runs, size_t nr_runs,
		 const struct journal_wants *wants, const char **why);
/*
 * The same where the log has no transaction that counts, and the next one, which goes to its
 * beginning, has the number that the superblock expects: it takes the place of the fast commits
 * with that number.  To be used once, see fc_run.c.
 */
int journal_open_to_replace(struct journal **j, const struct device *dev, uint32_t blocksize,
			    const struct journal_run *runs, size_t nr_runs,
			    const struct journal_wants *wants, const char **why);
/*
 * Would a replay accept the superblock of @j, as it is on the device and as the first transaction
 * will leave it?  0, or -EUCLEAN: @no says why not.
 */
int journal_is_replayable(const struct journal *j, struct replay_refusal *no);
/* Frees; writes nothing. */
void journal_destroy(struct journal *j);

/* errno of the abort that ended the last use, and forget it. */
int journal_take_error(struct journal *j);

/* Blocks of the whole log; in use; and what a transaction would need. */
uint64_t journal_size(const struct journal *j);
uint64_t journal_used(const struct journal *j);
uint64_t journal_need(const struct journal *j, size_t nr_blocks, size_t nr_revokes);
/* Is there room for that many? */
bool journal_has_room(const struct journal *j, uint64_t need);

/* Make a record.  The contents aren't needed any more afterwards. */
int journal_pack(struct journal *j, const struct journal_content *c, struct journal_record *rec);
void journal_record_free(struct journal_record *rec);
/*
 * Write it, for which there must be room.  Flushes the device before the commit
 * block and after it.
 */
int journal_write(struct journal *j, const struct journal_record *rec);

/* Where the next transaction goes, and its number */
struct journal_mark {
	uint32_t head, sequence;
};

struct journal_mark journal_mark(const struct journal *j);
/*
 * No block needs a copy of before @mark any more: it is in its place, on stable storage, or
 * has a newer copy behind the mark, or a revoke.  Forget these transactions.
 */
int journal_advance(struct journal *j, const struct journal_mark *mark);
/* False: the log has to be emptied as a whole. */
bool journal_can_advance(const struct journal *j);

/* All that is in the log is in its place, on stable storage: forget it. */
int journal_forget(struct journal *j);
/* The same, and nothing will follow until journal_write() is called again. */
int journal_mark_empty(struct journal *j);
/* Nothing can be written any more; the next user of the file system should know. */
int journal_abort(struct journal *j, int err);

#endif
