// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The third pass: each copy that counts is intact, and belongs to a block that may be written.
 *
 * A file system that was growing when the machine crashed has copies of blocks behind its
 * end; only the device's end is a limit.  No file system has copies of its journal's blocks.
 */
#include "recovery/state.h"

static int check_place(const struct replay *r, const struct copy *c, struct replay_refusal *no)
{
	if (c->nr >= r->device_blocks)
		return replay_refuse(no, "transaction %u of the journal writes to block %llu, which "
				     "is beyond the end of the device", c->sequence,
				     (unsigned long long)c->nr);
	if (journal_area_touches(&r->area, c->nr, 1))
		return replay_refuse(no, "transaction %u of the journal writes to block %llu, which "
				     "is the journal's own", c->sequence,
				     (unsigned long long)c->nr);
	return 0;
}

static int check_contents(struct replay *r, const struct copy *c, struct replay_refusal *no)
{
	const uint8_t *block;
	int err = replay_read_log(r, c->log, &block, no);

	if (err)
		return err;
	if (!journal_copy_is_right(&r->shape, c->sequence, c->checksum, block))
		return replay_refuse(no, "the copy of block %llu in transaction %u of the journal "
				     "(block %u there) has a wrong checksum",
				     (unsigned long long)c->nr, c->sequence, c->log);
	return 0;
}

int replay_verify(struct replay *r, struct replay_refusal *no)
{
	int err = 0;

	for (size_t i = 0; i < r->nr_copies && !err; i++) {
		const struct copy *c = &r->copies[i];

		if (c->dead)
			continue;
		err = replay_step(r, "checking the journal", i, r->nr_copies);
		if (!err)
			err = check_place(r, c, no);
		if (!err)
			err = check_contents(r, c, no);
	}
	return err;
}
