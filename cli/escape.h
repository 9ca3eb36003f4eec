/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names that somebody else chose, made fit for a terminal or for JSON.
 */
#ifndef FUSEIOMAP_ESCAPE_H
#define FUSEIOMAP_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * @name with every byte that is not part of a harmless character as \ooo, as
 * /proc/self/mountinfo has it; a backslash, too, so that it can be undone.  @utf8:
 * what reads it understands UTF-8; else all but ASCII is escaped.  The caller frees
 * it; NULL: no memory.
 */
char *escape_name(const char *name, bool utf8);

/* Is @name UTF-8 from end to end? */
bool is_utf8(const char *name);

/*
 * @name with each byte that is not UTF-8 replaced by U+FFFD: what JSON can hold.
 * The caller frees it; NULL: no memory.
 */
char *force_utf8(const char *name);

#endif
