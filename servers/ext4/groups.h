/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The descriptors of the groups, before anything believes them.
 */
#ifndef IOMAP4FS_GROUPS_H
#define IOMAP4FS_GROUPS_H

struct server;

/*
 * Have all descriptors the right checksum, and the places that they name room of their own?
 * Then s->zones has these places.  -EUCLEAN, after a message; -ENOMEM
 */
int groups_check(struct server *s);

#endif
