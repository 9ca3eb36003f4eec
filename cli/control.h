/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection's directory in the control file system.
 */
#ifndef FUSEIOMAP_CONTROL_H
#define FUSEIOMAP_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "counters.h"
#include "mountinfo.h"

#define CONTROL_DIR	"/sys/fs/fuseiomap/connections"

struct control {
	bool has_waiting, has_requests, has_mappings;
	uint64_t waiting;		/* requests that have not been answered */
	struct counters requests;	/* by opcode */
	struct counters mappings;	/* of the cache */
	/* why something is missing, a sentence without its full stop; else NULL */
	char *error;
};

/* Read what there is for @m.  Never asks the server.  Followed by control_free(). */
void control_read(const struct mount *m, struct control *control);
void control_free(struct control *control);

#endif
