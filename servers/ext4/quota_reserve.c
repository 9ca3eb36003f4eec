// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Space that is promised to dirty pages (delayed.h), by user, group and project.
 *
 * It counts as used from the promise on, so that writeback never finds a limit reached. It is in
 * memory only: after a crash there are no dirty pages. The table has an entry for each id that has
 * had delayed blocks since it had none; the entry goes when they are down to none.
 *
 * Each node remembers whose its delayed blocks are (struct delayed): the sums are always
 * those of all nodes.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "node.h"
#include "quota.h"
#include "server.h"

struct quota_reserved {
	struct quota_reserved *next;
	uint32_t id;
	uint64_t bytes;
};

/* Where the entry of @id is, or the end of its chain. */
static struct quota_reserved **chain(struct quota_file *f, uint32_t id)
{
	struct quota_reserved **at = &f->reserved[id & (QUOTA_CHAINS - 1)];

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

uint64_t quota_reserved(const struct quota_file *f, uint32_t id)
{
	const struct quota_reserved *r = *chain((struct quota_file *)f, id);

	return r ? r->bytes : 0;
}

int quota_reserve_prepare(struct server *s, const uint32_t ids[NR_QUOTAS])
{
	for (int t = 0; s->quota && t < NR_QUOTAS; t++) {
		struct quota_file *f = &s->quota->files[t];
		struct quota_reserved **at = chain(f, ids[t]);

		if (!f->ino || *at)
			continue;
		*at = calloc(1, sizeof(**at));
		if (!*at)
			return -ENOMEM;
		(*at)->id = ids[t];
	}
	return 0;
}

void quota_reserve(struct server *s, const uint32_t ids[NR_QUOTAS], int64_t diff)
{
	uint64_t bytes = (uint64_t)(diff < 0 ? -diff : diff);

	if (!s->quota || !diff)
		return;
	bytes <<= block_bits(s);
	for (int t = 0; t < NR_QUOTAS; t++) {
		struct quota_file *f = &s->quota->files[t];
		struct quota_reserved **at = chain(f, ids[t]), *r = *at;

		if (!f->ino)
			continue;
		assert(r && (diff > 0 || r->bytes >= bytes));
		if (diff > 0) {
			r->bytes += bytes;
			continue;
		}
		r->bytes -= bytes;
		if (!r->bytes) {
			*at = r->next;
			free(r);
		}
	}
}

/* @space: more or less than nothing, as it has become more or less */
static int set_timers(struct server *s, const uint32_t ids[NR_QUOTAS], int space)
{
	for (int t = 0; t < NR_QUOTAS; t++) {
		struct quota_file *f = &s->quota->files[t];
		struct quota_entry e;
		uint64_t pos, timer;
		int err;

		if (!f->enforced)
			continue;
		err = quota_load(s, f, ids[t], &e, &pos);
		if (err)
			return err;
		timer = e.block_time;
		quota_timers(f, &e, space, 0);
		err = e.block_time == timer ? 0 : quota_tree_write(s, pos, &e);
		if (err)
			return err;
	}
	return 0;
}

int quota_reserve_timers(struct server *s, const uint32_t ids[NR_QUOTAS])
{
	return set_timers(s, ids, 1);
}

void quota_reserve_released(struct server *s, const uint32_t ids[NR_QUOTAS])
{
	/* an error is harmless: quota_room() and quota_may_give() stop the timer, too */
	if (s->quota && s->quota->enforced && !s->readonly && !s->frozen)
		set_timers(s, ids, -1);
}

void quota_reserve_give(struct server *s, const struct inode *in, const uint32_t ids[NR_QUOTAS])
{
	struct node *node = s->nodes ? node_find(s, in->ino) : NULL;
	struct delayed *d = node ? &node->delayed : NULL;
	uint32_t old[NR_QUOTAS];

	if (!s->quota || !d || !d->blocks)
		return;
	/* the new one first: if it is the same id the entry stays */
	quota_reserve(s, ids, (int64_t)d->blocks);
	quota_reserve(s, d->owner, -(int64_t)d->blocks);
	for (int t = 0; t < NR_QUOTAS; t++) {
		old[t] = d->owner[t];
		d->owner[t] = ids[t];
	}
	/* an error is harmless: booking starts the timer, too, and quota_room() stops it */
	set_timers(s, ids, 1);
	set_timers(s, old, -1);
}

void quota_reserve_close(struct quota_file *f)
{
	for (int i = 0; i < QUOTA_CHAINS; i++) {
		struct quota_reserved *r;

		while ((r = f->reserved[i])) {
			f->reserved[i] = r->next;
			free(r);
		}
	}
}
