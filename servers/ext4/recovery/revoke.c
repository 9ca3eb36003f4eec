// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The second pass: which copies count.
 *
 * A revoke in transaction N takes away all copies of that block up to N, its own included:
 * the block has become something else since.  Of the copies that are left the last one is
 * what the block will have.  Writing the others first would make no difference.
 *
 * A revoke of a block that has no copy in the log changes nothing, so the table of revokes
 * is no larger than that of copies.
 */
#include <errno.h>
#include <stdlib.h>

#include "recovery/state.h"

static int by_number(const void *a, const void *b, void *arg)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const struct copy *copies = arg;

	if (copies[x].nr != copies[y].nr)
		return copies[x].nr < copies[y].nr ? -1 : 1;
	return (x > y) - (x < y);
}

static int make_index(struct replay *r)
{
	r->by_nr = calloc(r->nr_copies ? r->nr_copies : 1, sizeof(*r->by_nr));
	if (!r->by_nr)
		return -ENOMEM;
	for (size_t i = 0; i < r->nr_copies; i++)
		r->by_nr[i] = i;
	qsort_r(r->by_nr, r->nr_copies, sizeof(*r->by_nr), by_number, r->copies);
	return 0;
}

size_t replay_find(const struct replay *r, uint64_t nr)
{
	size_t low = 0, high = r->nr_copies;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (r->copies[r->by_nr[mid]].nr < nr)
			low = mid + 1;
		else
			high = mid;
	}
	return low < r->nr_copies && r->copies[r->by_nr[low]].nr == nr ? low : r->nr_copies;
}

static void note(struct replay *r, uint64_t nr, uint32_t sequence)
{
	size_t at = replay_find(r, nr);
	struct copy *first;

	if (at == r->nr_copies)
		return;
	first = &r->copies[r->by_nr[at]];
	if (first->has_revoke && sequence_diff(first->revoke, sequence) >= 0)
		return;
	first->has_revoke = true;
	first->revoke = sequence;
}

static int read_block(struct replay *r, const struct revoke_block *rb, struct replay_refusal *no)
{
	const uint8_t *block;
	int nr, err = replay_read_log(r, rb->log, &block, no);

	if (err)
		return err;
	nr = journal_nr_revokes(&r->shape, block);
	if (nr < 0)
		return replay_refuse(no, "the table of revoked blocks in block %u of the journal is "
				     "damaged", rb->log);
	for (int i = 0; i < nr; i++)
		note(r, journal_revoked(&r->shape, block, i), rb->sequence);
	return 0;
}

/* The copies of one block: by_nr[@from, @to) */
static void choose(struct replay *r, size_t from, size_t to)
{
	const struct copy *first = &r->copies[r->by_nr[from]];
	struct copy *last = NULL;

	for (size_t i = from; i < to; i++) {
		struct copy *c = &r->copies[r->by_nr[i]];

		c->dead = first->has_revoke && sequence_diff(c->sequence, first->revoke) <= 0;
		if (!c->dead)
			last = c;
	}
	if (last) {
		last->last = true;
		r->nr_last++;
	}
}

int replay_revoke(struct replay *r, struct replay_refusal *no)
{
	int err = make_index(r);

	for (size_t i = 0; i < r->nr_revokes && !err; i++) {
		err = replay_step(r, "reading what was revoked", i, r->nr_revokes);
		if (!err)
			err = read_block(r, &r->revokes[i], no);
	}
	for (size_t from = 0, to; from < r->nr_copies && !err; from = to) {
		for (to = from + 1; to < r->nr_copies; to++)
			if (r->copies[r->by_nr[to]].nr != r->copies[r->by_nr[from]].nr)
				break;
		choose(r, from, to);
	}
	return err;
}
