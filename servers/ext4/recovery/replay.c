// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The passes of a replay, one after the other: see replay.h.
 */
#include "recovery/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "recovery/state.h"

int replay_step(const struct replay *r, const char *step, uint64_t done, uint64_t all)
{
	struct replay_progress now = { .step = step, .done = done, .all = all };

	return r->place.step ? r->place.step(r->place.arg, &now) : 0;
}

static int allocate(struct replay *r, const struct replay_place *place)
{
	struct journal_run *runs = calloc(place->nr_runs, sizeof(*runs));

	r->place.runs = runs;
	if (!runs)
		return -ENOMEM;
	memcpy(runs, place->runs, place->nr_runs * sizeof(*runs));
	r->scratch = malloc(place->blocksize);
	if (!r->scratch || posix_memalign(&r->super_block, 4096, JOURNAL_SUPER_SIZE)) {
		r->super_block = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int check_super(struct replay *r, struct replay_refusal *no)
{
	struct journal_limits limits = { .blocksize = r->place.blocksize, .wide = r->place.wide };
	int err;

	for (size_t i = 0; i < r->place.nr_runs; i++)
		limits.blocks += r->place.runs[i].len;
	err = journal_super_check(r->super_block, &limits, &r->sb, &r->first, &r->last, no);
	if (!err)
		journal_shape_init(&r->shape, r->super_block, r->sb.blocksize, r->sb.incompat);
	return err;
}

static uint64_t super_offset(const struct replay *r)
{
	return r->place.runs[0].phys * r->place.blocksize;
}

int replay_open(struct replay **out, const struct replay_place *place, struct replay_refusal *no)
{
	struct replay *r;
	int err;

	*out = NULL;
	if (!place->nr_runs)
		return replay_refuse(no, "the journal has no blocks");
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->place = *place;
	r->device_blocks = place->dev->size / place->blocksize;
	err = allocate(r, place);
	if (!err)
		err = journal_area_init(&r->area, place->runs, place->nr_runs);
	if (err == -EUCLEAN)
		replay_refuse(no, "the journal has a block twice");
	if (!err) {
		err = device_read(place->dev, r->super_block, JOURNAL_SUPER_SIZE, super_offset(r));
		if (err)
			replay_refuse(no, "the journal's superblock can't be read: %s",
				      strerror(-err));
	}
	if (!err)
		err = check_super(r, no);
	if (err) {
		replay_close(r);
		return err;
	}
	r->end = r->sb.sequence;
	*out = r;
	return 0;
}

int replay_read(struct replay *r, struct replay_refusal *no)
{
	int err = 0;

	if (r->sb.start)
		err = replay_scan(r, no);
	if (!err && r->sb.start && r->sb.incompat & JOURNAL_INCOMPAT_FAST_COMMIT)
		err = replay_scan_fast_commits(r, no);
	if (!err)
		err = replay_revoke(r, no);
	return err ? err : replay_verify(r, no);
}

uint32_t replay_nr_transactions(const struct replay *r)
{
	return r->end - r->sb.sequence;
}

uint64_t replay_nr_blocks(const struct replay *r)
{
	return r->nr_last;
}

const struct fc_tags *replay_fast_commits(const struct replay *r)
{
	return &r->fc;
}

int replay_noted_error(const struct replay *r)
{
	uint32_t err = r->sb.error;

	/* the field holds an errno of either sign */
	err = err >> 31 ? -err : err;
	return err > INT32_MAX ? INT32_MAX : (int)err;
}

static int write_super(struct replay *r)
{
	int err;

	journal_super_encode(r->super_block, &r->sb);
	err = device_write(r->place.dev, r->super_block, JOURNAL_SUPER_SIZE, super_offset(r));
	return err ? err : device_flush(r->place.dev);
}

int replay_keep_fast_commits(struct replay *r)
{
	r->sb.start = r->end_log;
	r->sb.sequence = r->end;
	return write_super(r);
}

int replay_forget_fast_commits(struct replay *r)
{
	memset(r->scratch, 0, r->place.blocksize);
	return replay_write_log(r, r->last + 1, r->scratch);
}

int replay_empty(struct replay *r)
{
	if (!r->sb.start && !r->sb.error)
		return 0;
	if (r->sb.start) {
		r->sb.start = 0;
		/* as jbd2: blocks that an incomplete transaction has left don't fit any more */
		r->sb.sequence = r->end + 1;
	}
	r->sb.error = 0;
	return write_super(r);
}

void replay_close(struct replay *r)
{
	if (!r)
		return;
	journal_area_free(&r->area);
	free((void *)r->place.runs);
	free(r->super_block);
	free(r->scratch);
	free(r->copies);
	free(r->by_nr);
	free(r->revokes);
	free(r->ahead);
	fc_tags_free(&r->fc);
	free(r);
}
