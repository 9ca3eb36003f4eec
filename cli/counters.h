/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The counters in the files of a connection: lines "NAME COUNT".
 */
#ifndef FUSEIOMAP_COUNTERS_H
#define FUSEIOMAP_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct counter {
	char name[32];		/* printable, without blanks */
	uint32_t opcode;	/* of counters by opcode, else 0 */
	uint64_t count;
};

struct counters {
	struct counter *counter;
	size_t nr;
};

/*
 * Parse @len bytes at @text: each line a name, a blank and a number.  The name is an
 * opcode (@by_opcode), which gets its name if it is known, or a word of lower case
 * letters, digits and underscores; none may come twice.  Returns 0, -ENOMEM, or
 * -EINVAL with the number of the line in *@bad_line.  The caller calls counters_free()
 * in either case.
 */
int counters_parse(const char *text, size_t len, bool by_opcode, struct counters *counters,
		   size_t *bad_line);
void counters_free(struct counters *counters);

/* The count of an opcode; 0 if it is not there. */
uint64_t counters_of_opcode(const struct counters *counters, uint32_t opcode);

#endif
