/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The name of the file system, as e2label(8) shows it. */
#ifndef IOMAP4FS_LABEL_H
#define IOMAP4FS_LABEL_H

#include <stddef.h>

#define LABEL_MAX	16	/* bytes; a label of that length has no 0 at its end */

struct server;

/* With a 0 behind it */
void label_get(const struct server *s, char label[LABEL_MAX + 1]);
/*
 * @label: ends with a 0 or at @size.  In the superblock and its backups; durable with the
 * next commit.  -EINVAL: too long.
 */
int label_set(struct server *s, const char *label, size_t size);

#endif
