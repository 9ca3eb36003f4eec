// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Replaying fast commits.
 *
 * A fast commit says what has changed since the last complete transaction, in terms of inodes,
 * names and ranges.  Which blocks change because of that, directories, extent trees, bitmaps,
 * is found out here, by the server's own code for directories and maps, with all its checks.
 *
 *	fc_open		the file system as it will be when the log is replayed is opened in
 *			memory: blocks that have a copy in the log are taken from there.  All
 *			fast commits are applied to it.  Nothing is written
 *	replay_write	the blocks of the log go to their places		flush
 *	replay_keep_fast_commits	the log is empty but for the fast commits	flush
 *	fc_log		all blocks that have changed in memory go into the log as a transaction,
 *			with the number that the fast commits have	flush, commit block, flush
 *	replay_forget_fast_commits	the first block of their area
 *	then the replay begins anew: the log has one transaction, and no fast commit counts
 *
 * Whatever can't be applied is found before the first write.
 *
 * A crash at any moment leaves either the fast commits, on top of the same transactions as
 * before, or a transaction that has all of their outcome: the commit block decides.  So nothing is
 * ever applied to what has been applied in part.  Kernel ext4 and e2fsck can replay both.
 *
 * The transaction begins at the first block of the log and doesn't go around, because e2fsck
 * (1.47) and old kernels turn around at another block if there is a fast-commit area.
 */
#include "recovery/fc_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap_load.h"
#include "bitmaps.h"
#include "extent_check.h"
#include "groups.h"
#include "map.h"
#include "node.h"
#include "recovery/fc_apply.h"
#include "recovery/recovery.h"
#include "recovery/state.h"
#include "store/io_manager.h"
#include "super.h"
#include "system_zone.h"

/* in memory; what has changed stays there beyond that */
#define CACHE_BYTES	(32U << 20)

struct fc_run {
	struct server *s;
	struct device view;		/* the device, as if the log were replayed */
	const struct journal_run *runs;
	size_t nr_runs;
	struct journal_content content;
	bool taken;			/* ... which is to be given back */
	/* what @s had before */
	bool readonly, keeps_lock;
	enum errors_policy errors;
};

/* Blocks that the log has are as they are there. */
static int from_log(void *arg, void *buf, size_t len, uint64_t off)
{
	struct replay *r = arg;
	uint32_t bs = r->place.blocksize;

	for (size_t at = 0; at < len; at += bs) {
		int err = replay_outcome(r, (off + at) / bs, (char *)buf + at);

		if (err && err != -ENOENT)
			return err;
	}
	return 0;
}

static int check_features(struct ext2_super_block *sb, struct replay_refusal *no)
{
	const char *feature = features_unsupported(sb, false);

	if (!feature && ext2fs_has_feature_bigalloc(sb))
		feature = "bigalloc";
	if (!feature && ext2fs_has_feature_quota(sb))
		feature = "quota";
	if (feature)
		return replay_refuse(no, "it has fast commits, which this program can't replay in "
				     "a file system with the feature %s", feature);
	return 0;
}

static int open_in_memory(struct fc_run *run, struct replay *r, struct replay_refusal *no)
{
	struct server *s = run->s;
	struct cache *cache = cache_create(&run->view, r->place.blocksize, CACHE_BYTES);
	errcode_t lerr;
	int err;

	if (!cache)
		return -ENOMEM;
	/* so nothing is written in its place */
	cache_use_journal(cache);
	recovery_set_cache(s, cache);
	lerr = ext2fs_open2("iomap4fs", NULL, EXT2_FLAG_64BITS | EXT2_FLAG_SKIP_MMP | EXT2_FLAG_RW |
			    EXT2_FLAG_MASTER_SB_ONLY, 0, 0, store_io_manager(s->cache), &s->fs);
	if (lerr) {
		s->fs = NULL;
		return lerr == EXT2_ET_NO_MEMORY ? -ENOMEM :
		       replay_refuse(no, "%s", error_message(lerr));
	}
	s->fs->flags |= EXT2_FLAG_MASTER_SB_ONLY;
	err = check_features(s->fs->super, no);
	if (err)
		return err;
	alloc_init(s);
	bitmaps_choose(s);
	err = groups_check(s);
	if (err)
		return err;
	extent_check_begin(s);
	super_count_free(s);
	if (ext2fs_create_inode_cache(s->fs, 32))
		return -ENOMEM;
	err = nodes_init(s);
	return err ? err : system_zones_add_journal(s);
}

/* Everything that has changed, as blocks */
static int take_blocks(struct fc_run *run)
{
	struct server *s = run->s;
	int err;

	/* the log has to be replayed when it has this superblock, too */
	ext2fs_set_feature_journal_needs_recovery(s->fs->super);
	ext2fs_mark_super_dirty(s->fs);
	cache_compare_writes(s->cache, true);
	err = lib_error(s, ext2fs_flush2(s->fs, EXT2_FLAG_FLUSH_NO_SYNC), 0);
	cache_compare_writes(s->cache, false);
	if (!err)
		err = cache_commit_begin(s->cache, &run->content);
	run->taken = !err;
	return err;
}

static int open_log(struct fc_run *run, struct journal **j, struct replay_refusal *no)
{
	struct ext2_super_block *sb = run->s->fs->super;
	struct journal_wants wants = {
		.wide = ext2fs_has_feature_64bit(sb),
		.checksums = ext2fs_has_feature_metadata_csum(sb),
	};
	const char *why = NULL;
	int err = journal_open_to_replace(j, &run->s->src.dev, run->s->fs->blocksize, run->runs,
					  run->nr_runs, &wants, &why);

	return err && err != -ENOMEM ? replay_refuse(no, "it can't be written: %s", why) : err;
}

static bool fits(const struct fc_run *run, const struct journal *j)
{
	return journal_has_room(j, journal_need(j, run->content.nr_blocks,
						run->content.nr_revokes));
}

/* Before anything is written: could the outcome be? */
static int check_log(struct fc_run *run, struct replay_refusal *no)
{
	struct journal *j;
	int err = open_log(run, &j, no);

	if (err)
		return err;
	if (!fits(run, j))
		err = replay_refuse(no, "what its fast commits change is too much for one "
				    "transaction");
	journal_destroy(j);
	return err;
}

static int apply_all(struct fc_run *run, struct replay *r, struct replay_refusal *no)
{
	struct fc fc = { .s = run->s, .r = r, .no = no };
	int err = open_in_memory(run, r, no);

	if (!err)
		err = fc_apply(&fc, replay_fast_commits(r));
	/* no memory for a list of free blocks */
	if (!err && run->s->commits.aborted)
		err = -ENOMEM;
	if (!err)
		err = take_blocks(run);
	return err ? err : check_log(run, no);
}

int fc_open(struct server *s, struct replay *r, const struct journal_run *runs, size_t nr_runs,
	    struct replay_refusal *no, struct fc_run **out)
{
	struct fc_run *run = calloc(1, sizeof(*run));
	int err;

	*out = NULL;
	if (!run)
		return -ENOMEM;
	*run = (struct fc_run){
		.s = s, .view = s->src.dev, .runs = runs, .nr_runs = nr_runs,
		.readonly = s->readonly, .keeps_lock = s->keeps_lock, .errors = s->opt.errors,
	};
	run->view.replace = from_log;
	run->view.replace_arg = r;
	s->readonly = false;
	/* nobody else is there yet, and the lock is not held */
	s->keeps_lock = true;
	/* damage is a reason to refuse the mount, and is not noted on the device */
	s->opt.errors = ERRORS_CONTINUE;
	s->commits.busy = true;
	s->commits.limit = UINT64_MAX;
	err = apply_all(run, r, no);
	/* interruptions and want of memory have no reason */
	if (err && err != -ENOMEM && err != -EINTR && err != -EBUSY && !no->why[0])
		replay_refuse(no, "its fast commits can't be applied: %s", strerror(-err));
	if (err) {
		fc_close(run);
		return err;
	}
	*out = run;
	return 0;
}

int fc_log(struct fc_run *run)
{
	struct replay_refusal no = { .why = "" };
	struct journal_record rec = { 0 };
	struct journal *j;
	int err = open_log(run, &j, &no);

	if (err)
		return err;
	err = fits(run, j) ? journal_pack(j, &run->content, &rec) : -EFBIG;
	if (!err)
		err = journal_write(j, &rec);
	journal_record_free(&rec);
	journal_destroy(j);
	return err;
}

void fc_close(struct fc_run *run)
{
	struct server *s;

	if (!run)
		return;
	s = run->s;
	if (run->taken)
		cache_commit_end(s->cache, &run->content, false, 0);
	nodes_destroy(s);
	if (s->fs) {
		alloc_destroy(s);
		bitmaps_end(s);
		ext2fs_free(s->fs);
	}
	s->fs = NULL;
	system_zones_destroy(s->zones);
	s->zones = NULL;
	recovery_set_cache(s, NULL);
	/* of places in a file system that was only in memory */
	memset(s->dir_places, 0, sizeof(s->dir_places));
	memset(s->dir_hints, 0, sizeof(s->dir_hints));
	s->dirty = false;
	s->commits.busy = false;
	s->commits.limit = 0;
	s->readonly = run->readonly;
	s->keeps_lock = run->keeps_lock;
	s->opt.errors = run->errors;
	free(run);
}
