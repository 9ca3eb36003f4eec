/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is the journal's superblock one that a replay can trust?
 *
 * The replay asks before it reads the log.  The mount asks before it writes to the log: it
 * accepts the same journals, because one that can be written and not be replayed would make a
 * file system that no crash may hit.
 */
#ifndef IOMAP4FS_JOURNAL_SUPER_CHECK_H
#define IOMAP4FS_JOURNAL_SUPER_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/format.h"

/* Why a journal can't be replayed: a clause, for a person */
struct replay_refusal {
	char why[200];
};

/* What the file system says of its journal */
struct journal_limits {
	uint32_t blocksize;	/* bytes */
	uint64_t blocks;	/* that the journal's inode has */
	bool wide;		/* the file system has the feature 64bit */
};

/* Returns -EUCLEAN after it has written down why. */
int replay_refuse(struct replay_refusal *no, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/*
 * @block: the superblock, JOURNAL_SUPER_SIZE bytes.  Fills @sb, and @first and @last: the log is
 * [first, last) in blocks of the journal.  0, or -EUCLEAN: @no says why.
 */
int journal_super_check(const void *block, const struct journal_limits *limits,
			struct journal_super *sb, uint32_t *first, uint32_t *last,
			struct replay_refusal *no);

#endif
