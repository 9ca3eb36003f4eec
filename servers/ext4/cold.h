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
 * An operation that only reads takes the lock by cold_lock(), and lets go of it by
 * cold_unlock(): so it runs beside others of its kind.  If something is missing then, or it would
 * have to change something after all, it is begun again with the lock alone; from there on it
 * is as above.
 *
 *	cold_lock(s, &cold);
 *	do {
 *		cold_begin(s, &cold);
 *		err = ...;
 *	} while (cold_again(s, &cold));
 *	cold_unlock(s, &cold);
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
	uint64_t bitmaps;	/* so many have been read */
	bool shared;		/* the lock */
};

#define COLD_TRIES	16

static inline void cold_lock(struct server *s, struct cold *c)
{
	server_lock_shared(s);
	c->shared = true;
}

static inline void cold_unlock(struct server *s, struct cold *c)
{
	if (c->shared)
		server_unlock_shared(s);
	else
		server_unlock(s);
}

static inline void cold_begin(struct server *s, const struct cold *c)
{
	if (!c->shared && c->tries < COLD_TRIES)
		cache_try(s->cache);
}

/* Between parts of an operation that only reads, each of which is right by itself */
static inline void cold_give_way(struct server *s, struct cold *c)
{
	cold_unlock(s, c);
	c->tries = 0;
	cold_lock(s, c);
}

/* Read what was missing; lets go of the lock for that. */
void cold_read(struct server *s, struct cold *c);

/* The next attempt has the lock alone. */
void cold_stop_sharing(struct server *s, struct cold *c);

/*
 * True: something was missing, and now it may be there; or the lock was shared, and isn't any
 * more.
 */
static inline bool cold_again(struct server *s, struct cold *c)
{
	if (c->shared ? !cache_missed(s->cache) : !cache_try_end(s->cache))
		return false;
	if (c->shared)
		cold_stop_sharing(s, c);
	else
		cold_read(s, c);
	return true;
}

/*
 * For what is done once, at the end of an attempt that only reads: 0, or -errno if there will be
 * another attempt.
 */
static inline int cold_check(struct server *s)
{
	return cache_missed(s->cache) ? -CACHE_COLD : 0;
}

/*
 * Something will be changed.  0, or -errno if something was missing, or the lock is shared: change
 * nothing.
 */
static inline int cold_settle(struct server *s)
{
	if (cache_missed(s->cache) || server_gives_up(s))
		return -CACHE_COLD;
	cache_try_end(s->cache);
	return 0;
}

#endif
