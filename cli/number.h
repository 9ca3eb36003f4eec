/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers in files that a kernel wrote: digits and nothing else.
 */
#ifndef FUSEIOMAP_NUMBER_H
#define FUSEIOMAP_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The @len bytes at @text as a decimal number of at most @max.  No sign, blank or
 * needless zero: strtoull() takes all of them.  *@out is untouched on failure.
 */
bool parse_number(const char *text, size_t len, uint64_t max, uint64_t *out);

#endif
