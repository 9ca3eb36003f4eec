// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading what operations were missing: see cold.h.
 *
 * Each block is read by one thread; others that miss it wait for that one, without the
 * lock.  What can't be read is left to the next attempt, which reads it with the lock held
 * and finds out why.
 */
#include "cold.h"

#include <errno.h>

void cold_read(struct server *s, struct cold *c)
{
	struct cache_fetch *f;
	uint64_t first;
	int err = cache_fetch_begin(s->cache, &f, &first);

	/* many, and whoever began with them others go on with: that comes to an end */
	if (s->bitmaps_loaded != c->bitmaps)
		c->tries = 0;
	c->bitmaps = s->bitmaps_loaded;
	c->tries++;
	if (err == -EALREADY) {
		while (cache_is_fetched(s->cache, first))
			server_wait(s, &s->fetched);
		return;
	}
	if (!err) {
		server_unlock(s);
		err = cache_fetch_read(f);
		server_lock(s);
		cache_fetch_end(s->cache, f);
		pthread_cond_broadcast(&s->fetched);
	}
	if (err)
		c->tries = COLD_TRIES;
}

void cold_stop_sharing(struct server *s, struct cold *c)
{
	server_unlock_shared(s);
	server_lock(s);
	c->shared = false;
}
