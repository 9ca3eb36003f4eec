/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operations that need blocks which are not in the cache.
 *
 * Reading one takes as long as thousands of operations that have all they need.  So nobody
 * reads with the server lock held, if it can be avoided: an operation that has changed
 * nothing yet and doesn't find a block gives up.  The block is read without the lock, and
 * the operation begins again.
 *
 *	struct cold cold = { 0 };
 *
 *	server_lock(s);
 *	do {
 *		cold_begin(s, &cold);
 *		err = ...;
 *	} while (cold_again(s, &cold));
 *	server_unlock(s);
 *
 * What it made of the error that the cache gave it, and what it found by then, doesn't
 * matter: it is thrown away.  It must not have left anything behind but what is true
 * anyway; fs_error() and log messages keep quiet.
 *
 * An operation that changes something calls cold_settle() when it has looked at what it
 * needs, and before its first change: from there on blocks are read with the lock held, as
 * there is no way back.  The cache ends the trying at its first change if nobody does.
 *
 * After some attempts blocks are read with the lock held, too: so it ends, even if the cache
 * is too small to keep what is read.
 */
#ifndef IOMAP4FS_COLD_H
#define IOMAP4FS_COLD_H

#include "server.h"

struct cold {
	unsigned int tries;
	dgrp_t bitmaps;		/* so many groups' were loaded */
};

#define COLD_TRIES	16

static inline void cold_begin(struct server *s, const struct cold *c)
{
	if (c->tries < COLD_TRIES)
		cache_try(s->cache);
}

/* Read what was missing; lets go of the lock for that. */
void cold_read(struct server *s, struct cold *c);

/* True: something was missing, and now it may be there. */
static inline bool cold_again(struct server *s, struct cold *c)
{
	if (!cache_try_end(s->cache))
		return false;
	cold_read(s, c);
	return true;
}

/* Something will be changed.  0, or -errno if something was missing: change nothing. */
static inline int cold_settle(struct server *s)
{
	if (cache_missed(s->cache))
		return -CACHE_COLD;
	cache_try_end(s->cache);
	return 0;
}

#endif
