// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where do the next blocks of a file go?  See search_place() in alloc_search.h.
 */
#include "alloc_search.h"
#include "stripe.h"

/* So often a run is looked for that a group was said to have before allocations took from it. */
#define TRIES	8

/* A run of @want blocks, or length 0; behind them @ahead more are free if possible. */
static struct run find_aligned(struct server *s, uint64_t goal, uint64_t lblk, uint64_t want,
			       uint64_t ahead)
{
	struct search q = search_for(s, want + ahead);

	q.align = s->stripe;
	q.phase = lblk % s->stripe;
	if (!search_around(s, &q, goal) && q.longest.len < want) {
		if (!ahead)
			return (struct run){ 0 };
		return find_aligned(s, goal, lblk, want, 0);
	}
	q.longest.len = want;
	return q.longest;
}

/* @want blocks, or the longest run that is known */
static struct run find_longest(struct server *s, uint64_t goal, uint64_t want)
{
	struct search q = search_for(s, want);

	for (int i = 0; i < TRIES; i++) {
		struct search next;

		if (search_around(s, &q, goal) || q.left_out <= q.longest.len)
			break;
		next = search_for(s, q.left_out);
		next.longest = q.longest;
		q = next;
	}
	return q.longest;
}

struct run search_place(struct server *s, uint64_t goal, uint64_t lblk, uint64_t want,
			uint64_t ahead)
{
	struct run run = { 0 };

	if (stripe_wanted(s, goal, lblk, want))
		run = find_aligned(s, goal, lblk, want, ahead);
	if (!run.len)
		run = (struct run){ .start = goal, .len = search_at(s, goal, want) };
	if (!run.len && stripe_is_worth(s, want))
		run = find_aligned(s, goal, lblk, want, ahead);
	if (!run.len && ahead) {
		struct search q = search_for(s, want + ahead);

		if (search_around(s, &q, goal))
			run = (struct run){ .start = q.longest.start, .len = want };
	}
	if (!run.len)
		run = find_longest(s, goal, want);
	if (!run.len)
		run.len = search_any(s, goal, want, &run.start);
	if (s->stripe && run.len < want)
		run.len = stripe_cut(s, lblk, run.len);
	return run;
}
