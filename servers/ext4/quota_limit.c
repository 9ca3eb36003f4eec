// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Limits of quotas, as the kernel's fs/quota/dquot.c has them.
 *
 * A hard limit is never exceeded. The first excess of a soft limit starts a timer, which runs for
 * the grace period; when it has run out the soft limit is a hard one, until the usage is at or
 * below it again. Root is not limited, but what root does starts timers, too.
 *
 * Usage is what is booked and what is reserved for dirty pages. An operation asks here before it
 * changes anything, and takes no more than it was allowed. All of it holds the server lock, so
 * nobody else can take the room in between.
 *
 * What can't be refused any more is booked whatever the limits say: writeback of pages that were
 * reserved, and the blocks of maps (extent trees, indirect blocks). Kernel ext4 books the blocks
 * of maps of delayed data in the same way. The booking of those may exceed a hard limit by
 * a small part of the data; then nothing more is allowed.
 *
 * When reserved space is given back the timer can't always be stopped: the device may be frozen,
 * or the entry can't be read just then. Whoever looks at the limits next sees that the usage is
 * not above the soft limit, and stops the timer.
 */
#include <errno.h>
#include <sys/statvfs.h>
#include <time.h>

#include "node.h"
#include "quota.h"
#include "server.h"

static uint64_t sum(uint64_t a, uint64_t b)
{
	return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

/* Limits of space, bytes. A limit of the disk may be anything. */
static uint64_t in_bytes(uint64_t kib)
{
	return kib > UINT64_MAX >> 10 ? UINT64_MAX : kib << 10;
}

static uint64_t now(void)
{
	return (uint64_t)time(NULL);
}

static bool is_exempt(const struct caller *who)
{
	return !who->uid || who->unlimited;
}

/* How much more is allowed to one that uses @used? */
static uint64_t left(uint64_t used, uint64_t hard, uint64_t soft, uint64_t timer)
{
	uint64_t max = hard ? hard : UINT64_MAX;

	if (soft && soft < max && timer && now() >= timer)
		max = soft;
	if (max == UINT64_MAX)
		return max;
	return used < max ? max - used : 0;
}

static uint64_t space_used(const struct quota_file *f, const struct quota_entry *e)
{
	return sum(e->space, quota_reserved(f, e->id));
}

static uint64_t space_left(const struct quota_file *f, const struct quota_entry *e)
{
	return left(space_used(f, e), in_bytes(e->block_hard), in_bytes(e->block_soft),
		    e->block_time);
}

static uint64_t inodes_left(const struct quota_entry *e)
{
	return left(e->inodes, e->inode_hard, e->inode_soft, e->inode_time);
}

/* The entry of @id, with a timer that is right. */
static int look(struct server *s, struct quota_file *f, uint32_t id, struct quota_entry *e)
{
	uint64_t pos;
	int err = quota_load(s, f, id, e, &pos);

	if (err || !e->block_time || space_used(f, e) > in_bytes(e->block_soft))
		return err;
	e->block_time = 0;
	return quota_tree_write(s, pos, e);
}

int quota_room(struct server *s, const struct inode *in, const struct caller *who,
	       struct quota_room *room)
{
	uint32_t ids[NR_QUOTAS];
	struct quota_entry e;

	*room = (struct quota_room){ .blocks = UINT64_MAX };
	if (!s->quota || !s->quota->enforced || !quota_counts(s, in->ino))
		return 0;
	quota_ids(s, in, ids);
	for (int t = 0; t < NR_QUOTAS; t++) {
		struct quota_file *f = &s->quota->files[t];
		uint64_t bytes;
		int err;

		if (!f->enforced)
			continue;
		err = look(s, f, ids[t], &e);
		if (err)
			return err;
		if (!e.block_hard && !e.block_soft)
			continue;
		room->limited = true;
		bytes = is_exempt(who) ? UINT64_MAX : space_left(f, &e);
		if (bytes != UINT64_MAX && bytes >> block_bits(s) < room->blocks)
			room->blocks = bytes >> block_bits(s);
	}
	return 0;
}

int quota_may_create(struct server *s, const uint32_t ids[NR_QUOTAS], const struct caller *who)
{
	struct quota_entry e;

	if (!s->quota || !s->quota->enforced || is_exempt(who))
		return 0;
	for (int t = 0; t < NR_QUOTAS; t++) {
		struct quota_file *f = &s->quota->files[t];
		int err = f->enforced ? look(s, f, ids[t], &e) : 0;

		if (err)
			return err;
		if (f->enforced && !inodes_left(&e))
			return -EDQUOT;
	}
	return 0;
}

int quota_may_give(struct server *s, const struct inode *in, const uint32_t ids[NR_QUOTAS],
		   const struct caller *who)
{
	uint64_t bytes = ext2fs_get_stat_i_blocks(s->fs, (struct ext2_inode *)&in->raw) << 9;
	uint64_t delayed = delayed_blocks(s, in->ino);
	uint32_t old[NR_QUOTAS];
	struct quota_entry e;
	int err;

	if (!s->quota || !quota_counts(s, in->ino))
		return 0;
	bytes = sum(bytes, delayed << block_bits(s));
	quota_ids(s, in, old);
	for (int t = 0; s->quota->enforced && t < NR_QUOTAS; t++) {
		struct quota_file *f = &s->quota->files[t];

		if (!f->enforced || ids[t] == old[t])
			continue;
		err = look(s, f, ids[t], &e);
		if (err)
			return err;
		if (!is_exempt(who) && (!inodes_left(&e) || space_left(f, &e) < bytes))
			return -EDQUOT;
	}
	/* they go with it */
	return delayed ? quota_reserve_prepare(s, ids) : 0;
}

bool quota_limits_projects(const struct server *s)
{
	return s->quota && s->quota->files[QUOTA_PROJECT].enforced;
}

static uint64_t lower_limit(uint64_t soft, uint64_t hard)
{
	return soft && (!hard || soft < hard) ? soft : hard;
}

int quota_statfs(struct server *s, ext2_ino_t ino, struct statvfs *st)
{
	struct quota_file *f = &s->quota->files[QUOTA_PROJECT];
	uint32_t ids[NR_QUOTAS];
	struct quota_entry e;
	uint64_t limit, used;
	struct inode in;
	uint64_t pos;
	int err = inode_load(s, ino, &in);

	/* what has no entry yet would get one */
	if (err || s->readonly || s->frozen || !(in.raw.i_flags & EXT4_PROJINHERIT_FL))
		return err;
	quota_ids(s, &in, ids);
	err = quota_load(s, f, ids[QUOTA_PROJECT], &e, &pos);
	if (err)
		return err;
	limit = in_bytes(lower_limit(e.block_soft, e.block_hard)) >> block_bits(s);
	used = space_used(f, &e) >> block_bits(s);
	if (limit && st->f_blocks > limit) {
		st->f_blocks = limit;
		st->f_bfree = st->f_bavail = limit > used ? limit - used : 0;
	}
	limit = lower_limit(e.inode_soft, e.inode_hard);
	if (limit && st->f_files > limit) {
		st->f_files = limit;
		st->f_ffree = st->f_favail = limit > e.inodes ? limit - e.inodes : 0;
	}
	return 0;
}

void quota_timers(const struct quota_file *f, struct quota_entry *e, int64_t space,
		  int64_t inodes)
{
	uint64_t used = space_used(f, e), soft = in_bytes(e->block_soft);

	if (space < 0 && used <= soft)
		e->block_time = 0;
	if (space > 0 && f->enforced && soft && used > soft && !e->block_time)
		e->block_time = now() + f->space_grace;
	if (inodes < 0 && e->inodes <= e->inode_soft)
		e->inode_time = 0;
	if (inodes > 0 && f->enforced && e->inode_soft && e->inodes > e->inode_soft &&
	    !e->inode_time)
		e->inode_time = now() + f->inode_grace;
}

void quota_limits_set(const struct quota_file *f, struct quota_entry *e, bool space, bool inodes)
{
	uint64_t soft = in_bytes(e->block_soft);

	if (space && (!soft || space_used(f, e) <= soft))
		e->block_time = 0;
	else if (space && !e->block_time)
		e->block_time = now() + f->space_grace;
	if (inodes && (!e->inode_soft || e->inodes <= e->inode_soft))
		e->inode_time = 0;
	else if (inodes && !e->inode_time)
		e->inode_time = now() + f->inode_grace;
}

int quota_attributes_begin(struct server *s, const struct inode *in, const struct caller *who)
{
	struct quota_room room;
	int err = quota_room(s, in, who, &room);

	if (!err && s->quota)
		s->quota->no_block = room.blocks < 1ULL << s->fs->cluster_ratio_bits;
	return err;
}

void quota_attributes_end(struct server *s)
{
	if (s->quota)
		s->quota->no_block = false;
}

bool quota_refuses_block(const struct server *s)
{
	return s->quota && s->quota->no_block;
}
