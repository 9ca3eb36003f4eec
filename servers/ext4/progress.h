/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When to say how far a long job is: every ten seconds, so that short ones say nothing. */
#ifndef IOMAP4FS_PROGRESS_H
#define IOMAP4FS_PROGRESS_H

#include <stdbool.h>
#include <time.h>

#define PROGRESS_INTERVAL	10	/* s */

struct progress {
	time_t start, next;
};

static inline time_t progress_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return ts.tv_sec;
}

static inline void progress_start(struct progress *p)
{
	p->start = progress_now();
	p->next = p->start + PROGRESS_INTERVAL;
}

static inline unsigned int progress_seconds(const struct progress *p)
{
	return progress_now() - p->start;
}

static inline bool progress_is_due(struct progress *p)
{
	if (progress_now() < p->next)
		return false;
	p->next = progress_now() + PROGRESS_INTERVAL;
	return true;
}

#endif
