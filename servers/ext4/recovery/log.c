// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading the log of a journal: mostly one block after the other, so some more are read at
 * once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "recovery/state.h"

#define AHEAD_BYTES	(256U << 10)

uint32_t replay_next(const struct replay *r, uint32_t log)
{
	return log + 1 == r->last ? r->first : log + 1;
}

static const struct journal_run *run_of(const struct replay *r, uint32_t log)
{
	size_t low = 0, high = r->place.nr_runs;

	while (high - low > 1) {
		size_t mid = (low + high) / 2;

		if (r->place.runs[mid].log <= log)
			low = mid;
		else
			high = mid;
	}
	return &r->place.runs[low];
}

static int read_ahead(struct replay *r, uint32_t log)
{
	const struct journal_run *run = run_of(r, log);
	uint32_t in_run = log - run->log, n = AHEAD_BYTES / r->place.blocksize;
	uint64_t at = run->phys + in_run;
	int err;

	if (!n)
		n = 1;
	if (n > run->len - in_run)
		n = run->len - in_run;
	r->ahead_nr = 0;
	err = device_read(r->place.dev, r->ahead, (size_t)n * r->place.blocksize,
			  at * r->place.blocksize);
	/* maybe only one that nobody needs can't be read */
	if (err && n > 1) {
		n = 1;
		err = device_read(r->place.dev, r->ahead, r->place.blocksize,
				  at * r->place.blocksize);
	}
	if (err)
		return err;
	r->ahead_at = log;
	r->ahead_nr = n;
	return 0;
}

int replay_read_log(struct replay *r, uint32_t log, const uint8_t **block,
		    struct replay_refusal *no)
{
	int err;

	/* superblock and runs are checked: maxlen blocks are there */
	if (log >= r->sb.maxlen)
		return replay_refuse(no, "the journal has no block %u", log);
	if (!r->ahead && posix_memalign((void **)&r->ahead, 4096,
					AHEAD_BYTES > r->place.blocksize ? AHEAD_BYTES :
									   r->place.blocksize)) {
		r->ahead = NULL;
		return -ENOMEM;
	}
	if (log < r->ahead_at || log - r->ahead_at >= r->ahead_nr) {
		err = read_ahead(r, log);
		if (err) {
			replay_refuse(no, "block %u of the journal can't be read: %s", log,
				      strerror(-err));
			return err;
		}
	}
	*block = r->ahead + (size_t)(log - r->ahead_at) * r->place.blocksize;
	return 0;
}

int replay_write_log(struct replay *r, uint32_t log, const void *block)
{
	const struct journal_run *run = run_of(r, log);

	r->ahead_nr = 0;
	return device_write(r->place.dev, block, r->place.blocksize,
			    (run->phys + (log - run->log)) * r->place.blocksize);
}
