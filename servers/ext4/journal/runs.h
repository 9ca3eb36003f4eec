/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The blocks of a journal as a set, by their place on the device. */
#ifndef IOMAP4FS_JOURNAL_RUNS_H
#define IOMAP4FS_JOURNAL_RUNS_H

#include "journal/journal.h"

struct journal_area {
	struct journal_run *runs;	/* sorted by phys */
	size_t nr;
};

/* -ENOMEM; -EUCLEAN: a block is there twice. */
int journal_area_init(struct journal_area *area, const struct journal_run *runs, size_t nr);
void journal_area_free(struct journal_area *area);
/* Is one of the blocks [@first, @first + @len) in it? */
bool journal_area_touches(const struct journal_area *area, uint64_t first, uint64_t len);

#endif
