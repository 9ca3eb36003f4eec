/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does a mount's server answer?
 */
#ifndef FUSEIOMAP_PROBE_H
#define FUSEIOMAP_PROBE_H

#include <sys/types.h>
#include <time.h>

#include "mountinfo.h"

enum probe_result {
	PROBE_UNKNOWN,		/* the mount can't be reached, or this user is not let in */
	PROBE_ANSWERS,
	PROBE_SILENT,		/* no answer in time */
	PROBE_ENDED,		/* the connection has ended: the server is gone */
};

struct probe {
	pid_t pid;
	int fd;			/* the child's result comes from here */
};

/* Ask; does not wait. */
void probe_start(struct probe *p, const struct mount *m);
/* Wait for the answer until @deadline of CLOCK_MONOTONIC.  Each probe needs this once. */
enum probe_result probe_finish(struct probe *p, const struct timespec *deadline);

#endif
