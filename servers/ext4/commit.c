// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commits: see commit.h.
 *
 * A checkpoint writes logged blocks in place, so that their transactions can leave the
 * journal.  Most are done without the lock (checkpoint.c).  Where that isn't fast enough,
 * the commit that would fill half of the journal is done without letting go of the lock, and
 * a checkpoint of everything follows at once: it needs a moment when nothing is dirty, because
 * the cache has only the newest contents of a block.  As a transaction is committed when it
 * has a sixth of the journal, there is room for it and for what one operation adds.
 * Operations that could add any number of blocks do their work in parts (commit_part()).
 *
 * Freed blocks stay marked in the bitmap that allocations look at until the
 * commit that frees them is durable (alloc.c): data that the kernel writes in place
 * can't hit what the last durable state still uses.
 */
#include "commit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bitmaps.h"
#include "journal/inode.h"
#include "journal/journal.h"
#include "log.h"
#include "map.h"
#include "node.h"
#include "server.h"

/*
 * Opening
 */

void commits_set_limit(struct server *s)
{
	uint64_t limit = cache_max_blocks(s->cache) / 4;

	/* three of these before the half is full: time for a checkpoint without the lock */
	if (s->commits.journal && limit > journal_size(s->commits.journal) / 6)
		limit = journal_size(s->commits.journal) / 6;
	s->commits.limit = limit;
}

int commits_open(struct server *s)
{
	struct ext2_super_block *sb = s->fs->super;
	struct journal_wants wants = {
		.wide = ext2fs_has_feature_64bit(sb),
		.checksums = ext2fs_has_feature_metadata_csum(sb),
	};
	struct journal_run *runs = NULL;
	struct replay_refusal no;
	const char *why;
	size_t nr = 0;
	int err;

	if (s->readonly)
		return 0;
	/* backups are for what changes seldom, as in kernel ext4 */
	s->fs->flags |= EXT2_FLAG_MASTER_SB_ONLY;
	if (!ext2fs_has_feature_journal(sb) || s->opt.noload) {
		err = careful_open(s);
		if (err)
			log_err("out of memory");
		commits_set_limit(s);
		return err;
	}
	err = journal_inode_find(s, &runs, &nr, &why);
	if (!err)
		err = journal_open(&s->commits.journal, &s->src.dev, s->fs->blocksize, runs, nr,
				   &wants, &why);
	free(runs);
	if (err)
		s->commits.journal = NULL;
	/* what a crash leaves in it has to be of use */
	if (!err && journal_is_replayable(s->commits.journal, &no)) {
		journal_destroy(s->commits.journal);
		s->commits.journal = NULL;
		why = no.why;
		err = -EOPNOTSUPP;
	}
	if (err == -EOPNOTSUPP)
		return readonly_instead(s, "make a new one with \"tune2fs -O ^has_journal\" and "
					"\"tune2fs -j\"", "the journal of %s can't be written: %s",
					s->opt.source, why);
	if (err) {
		log_err("the journal of %s can't be used: %s; run \"e2fsck -fy %s\"",
			s->opt.source, why, s->opt.source);
		return err;
	}
	err = journal_take_error(s->commits.journal);
	if (err) {
		log_warn("the journal was ended by an error: %s", strerror(err));
		sb->s_state |= EXT2_ERROR_FS;
		ext2fs_mark_super_dirty(s->fs);
	}
	cache_use_journal(s->cache);
	commits_set_limit(s);
	return 0;
}

void commits_close(struct server *s)
{
	checkpoint_cancel(s);
	journal_destroy(s->commits.journal);
	s->commits.journal = NULL;
}

/*
 * Errors
 */

/* The superblock on the device as it is, and that there was an error. */
static int write_error(struct server *s)
{
	const struct ext2_super_block *now = s->fs->super;
	struct ext2_super_block sb;
	int err = device_read(&s->src.dev, &sb, sizeof(sb), SUPERBLOCK_OFFSET);

	if (err)
		return err;
	sb.s_state |= EXT2_ERROR_FS;
	memcpy((char *)&sb + EXT4_S_ERR_START, (const char *)now + EXT4_S_ERR_START,
	       EXT4_S_ERR_END - EXT4_S_ERR_START);
	sb.s_first_error_time_hi = now->s_first_error_time_hi;
	sb.s_last_error_time_hi = now->s_last_error_time_hi;
	err = lib_error(s, ext2fs_superblock_csum_set(s->fs, &sb), 0);
	return err ? err : device_write(&s->src.dev, &sb, sizeof(sb), SUPERBLOCK_OFFSET);
}

static void note_abort(struct server *s)
{
	int err;

	if (!s->commits.abort_error || s->commits.busy || s->shut_down)
		return;
	err = write_error(s);
	if (!err)
		err = s->commits.journal ?
		      journal_abort(s->commits.journal, s->commits.abort_error) :
		      device_flush(&s->src.dev);
	if (err)
		log_err("can't even note the error on the device: %s", strerror(-err));
	s->commits.abort_error = 0;
}

void commit_abort(struct server *s, int err)
{
	if (s->commits.aborted)
		return;
	s->commits.aborted = true;
	s->commits.abort_error = err;
	s->readonly = true;
	log_err("going read-only; what was not committed is lost");
	/* if somebody is writing, he goes on with this */
	note_abort(s);
	turned_readonly(s);
}

static int may_commit(const struct server *s)
{
	if (s->shut_down)
		return -EIO;
	return s->commits.aborted ? -EROFS : 0;
}

/*
 * Committing
 */

void commit_set_idle(struct server *s)
{
	s->commits.busy = false;
	note_abort(s);
	pthread_cond_broadcast(&s->commits.idle);
	super_wake_flusher(s);
}

/* A checkpoint makes way. */
static void wait_until_idle(struct server *s)
{
	if (!s->commits.busy)
		return;
	s->commits.wanting++;
	while (s->commits.busy)
		server_wait(s, &s->commits.idle);
	s->commits.wanting--;
	super_wake_flusher(s);
}

bool commit_has_content(const struct server *s)
{
	return cache_nr_dirty(s->cache) || cache_nr_revokes(s->cache);
}

/* What libext2fs keeps in memory goes to the cache. */
static int collect(struct server *s)
{
	int err;

	cache_compare_writes(s->cache, true);
	err = super_collect(s);
	cache_compare_writes(s->cache, false);
	return err;
}

static bool wants_checkpoint(const struct server *s, uint64_t need)
{
	return journal_used(s->commits.journal) + need > journal_size(s->commits.journal) / 2 ||
	       cache_nr_pinned(s->cache) > cache_max_blocks(s->cache) / 2;
}

/* Nothing is dirty: put everything in its place. */
static int checkpoint(struct server *s)
{
	int err;

	checkpoint_cancel(s);
	if (!journal_used(s->commits.journal))
		return 0;
	err = cache_checkpoint(s->cache);
	if (!err)
		err = journal_forget(s->commits.journal);
	if (err) {
		log_err("can't write metadata in place: %s", strerror(-err));
		commit_abort(s, err);
	}
	return err;
}

static int flush_only(struct server *s, bool unlock)
{
	int err;

	if (!unlock)
		return device_flush(&s->src.dev);
	s->commits.busy = true;
	server_unlock(s);
	err = device_flush(&s->src.dev);
	server_lock(s);
	commit_set_idle(s);
	return err;
}

/* Write the transaction to the journal: it is taken from the cache already. */
static int log_content(struct server *s, struct journal_content *c, bool unlock)
{
	uint32_t sequence = journal_mark(s->commits.journal).sequence;
	struct journal_record rec = { 0 };
	int err = journal_pack(s->commits.journal, c, &rec);

	if (!err) {
		s->commits.busy = unlock;
		if (unlock)
			server_unlock(s);
		err = journal_write(s->commits.journal, &rec);
		if (unlock)
			server_lock(s);
	}
	journal_record_free(&rec);
	cache_commit_end(s->cache, c, !err, sequence);
	if (!err) {
		alloc_pins_committed(s);
	} else {
		log_err("can't write the journal: %s", strerror(-err));
		commit_abort(s, err);
	}
	commit_set_idle(s);
	return err;
}

static int write_batch(struct server *s, bool unlock)
{
	struct careful_batch *batch;
	int err = careful_take(s, &batch);

	if (err)
		return err;
	s->commits.busy = unlock;
	if (unlock)
		server_unlock(s);
	err = careful_write(s, batch);
	if (unlock)
		server_lock(s);
	careful_done(s, batch, !err);
	/* nobody knows what is there now, so nothing can be in an order with it */
	if (err) {
		log_err("can't write metadata: %s", strerror(-err));
		commit_abort(s, err);
	}
	commit_set_idle(s);
	return err;
}

/* Without a journal */
static int commit_carefully(struct server *s, bool flush, bool unlock)
{
	struct commits *c = &s->commits;
	uint64_t asked;
	int err;

	wait_until_idle(s);
	err = may_commit(s);
	if (err)
		return err;
	asked = commit_asked(s);
	if (!s->careful.on) {
		/* nothing has ever changed */
		c->covered = asked;
		return 0;
	}
	err = collect(s);
	if (!err && cache_nr_dirty(s->cache))
		err = write_batch(s, unlock);
	else if (!err && flush)
		err = flush_only(s, unlock);
	else
		return err;
	if (!err && c->covered < asked)
		c->covered = asked;
	return err;
}

/* @flush: even if no metadata changed; @unlock: the lock may be let go of */
static int commit(struct server *s, bool flush, bool unlock)
{
	struct commits *c = &s->commits;
	struct journal_content content;
	uint64_t asked, need;
	int err;

	if (!c->journal)
		return commit_carefully(s, flush, unlock);
	wait_until_idle(s);
	err = may_commit(s);
	if (err)
		return err;
	/* who asked until now finds its changes in what is taken here */
	asked = commit_asked(s);
	err = collect(s);
	if (err)
		return err;
	if (!commit_has_content(s)) {
		err = flush ? flush_only(s, unlock) : 0;
		if (!err && flush && c->covered < asked)
			c->covered = asked;
		return err;
	}
	need = journal_need(c->journal, cache_nr_dirty(s->cache), cache_nr_revokes(s->cache));
	if (!journal_has_room(c->journal, need)) {
		log_err("a transaction of %llu blocks is too large for the journal",
			(unsigned long long)need);
		commit_abort(s, -EFBIG);
		return -EROFS;
	}
	if (wants_checkpoint(s, need))
		unlock = false;
	err = cache_commit_begin(s->cache, &content);
	if (err)
		return err;
	alloc_pins_commit(s);
	err = log_content(s, &content, unlock);
	if (err)
		return err;
	if (c->covered < asked)
		c->covered = asked;
	return !unlock && wants_checkpoint(s, 0) ? checkpoint(s) : 0;
}

int commit_now(struct server *s)
{
	return commit(s, true, false);
}

int commit_and_empty(struct server *s)
{
	int err = commit_now(s);

	/* what was pinned is free in the bitmaps now, but not on the device */
	while (!err && !s->commits.journal && !s->readonly && s->dirty)
		err = commit_now(s);
	if (err || !s->commits.journal)
		return err;
	checkpoint_cancel(s);
	err = cache_checkpoint(s->cache);
	if (!err)
		err = journal_mark_empty(s->commits.journal);
	if (err) {
		log_err("can't write metadata in place: %s", strerror(-err));
		commit_abort(s, err);
	}
	return err;
}

int commit_and_unpin(struct server *s)
{
	int err;

	err = commit(s, false, false);
	return err || !s->commits.journal ? err : checkpoint(s);
}

bool commit_is_due(const struct server *s)
{
	const struct commits *c = &s->commits;

	return !c->aborted && !s->readonly &&
	       cache_nr_dirty(s->cache) + cache_nr_revokes(s->cache) / 16 + bitmaps_pending(s) >
	       c->limit;
}

static bool is_large(const struct server *s)
{
	return commit_is_due(s) || (!s->commits.aborted && !s->readonly && alloc_is_short(s));
}

int commit_part(struct server *s)
{
	return commit(s, false, false);
}

void commit_wait_idle(struct server *s)
{
	wait_until_idle(s);
}

void commit_if_large(struct server *s)
{
	if (is_large(s))
		commit(s, false, true);
}

void commit_if_large_locked(struct server *s)
{
	if (is_large(s) && !s->commits.busy)
		commit(s, false, false);
}

void commit_in_background(struct server *s)
{
	commit(s, false, true);
}

bool commit_frees_space(struct server *s, int err, unsigned int *tries)
{
	bool more = false;

	if (err != -ENOSPC || s->readonly)
		return false;
	/* an operation that fails may free what it took: one more try is enough */
	if (!(*tries)++ && (alloc_has_pins(s) || careful_has_pins(s)))
		more = !commit(s, false, true);
	/* as often as something is being trimmed, which comes to an end */
	return trim_wait(s) || more;
}

uint64_t commit_ask(struct server *s)
{
	return __atomic_add_fetch(&s->commits.asked, 1, __ATOMIC_ACQ_REL);
}

uint64_t commit_asked(const struct server *s)
{
	return __atomic_load_n(&s->commits.asked, __ATOMIC_ACQUIRE);
}

bool commit_has_covered(const struct server *s, uint64_t question)
{
	return s->commits.covered >= question;
}

int commit_cover(struct server *s, uint64_t question)
{
	int err = 0;

	while (!err && !commit_has_covered(s, question)) {
		if (s->commits.busy)
			wait_until_idle(s);
		else
			err = commit(s, true, true);
	}
	return err;
}

int commit_wait(struct server *s)
{
	uint64_t question = commit_ask(s);
	int err;

	server_lock(s);
	err = commit_cover(s, question);
	server_unlock(s);
	return err;
}
