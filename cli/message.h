/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the command says to people.
 */
#ifndef FUSEIOMAP_MESSAGE_H
#define FUSEIOMAP_MESSAGE_H

#include <stdio.h>

/* Print a name that may hold any byte; see escape_name(). */
void print_name(FILE *to, const char *name);

/* "fuseiomap: NAME: ..." and a line end, to stderr. */
void complain(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* There is no memory: says so and exits with 1. */
_Noreturn void no_memory(void);

/* Write out stdout; returns 0, or 1 after having said why it can't be written. */
int finish_output(void);

#endif
