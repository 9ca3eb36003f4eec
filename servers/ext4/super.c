// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The file system as a whole: opening it with all the checks that an image from
 * anywhere needs, the clean flag, writing it out, statfs.
 *
 * State on disk while it is mounted for writing: with a journal the superblock says
 * that it needs recovery, and nothing else is said.  Without one EXT2_VALID_FS is
 * off, so that e2fsck looks at it after a crash; a clean unmount puts back what was
 * there.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "atime.h"
#include "bitmap_load.h"
#include "bitmaps.h"
#include "casefold.h"
#include "commit.h"
#include "durable.h"
#include "extent_check.h"
#include "groups.h"
#include "inode.h"
#include "log.h"
#include "map.h"
#include "memory.h"
#include "node.h"
#include "options_stored.h"
#include "quota.h"
#include "store/io_manager.h"
#include "stripe.h"
#include "super.h"
#include "system_zone.h"

/* s */
#define COMMIT_INTERVAL	5	/* with a journal, as kernel ext4 */
#define FLUSH_INTERVAL	30

/* what kernel ext4 keeps back for metadata: 2 %, but not more than this, clusters */
#define RESV_MAX	4096

int super_may_write(const struct server *s)
{
	if (s->shut_down)
		return -EIO;
	return s->readonly ? -EROFS : 0;
}

int super_may_allocate(struct server *s)
{
	int err = super_may_write(s);

	return err ? err : bitmaps_load(s);
}

/*
 * Opening
 */

int super_probe(struct server *s, struct ext2_super_block *sb)
{
	const char *path = s->opt.source, *feature;
	uint64_t blocks, have;
	uint64_t sb_off = s->opt.superblock ? s->opt.superblock * 1024 : SUPERBLOCK_OFFSET;
	uint32_t bs;
	int err;

	if (s->src.dev.size < sb_off + SUPERBLOCK_SIZE) {
		log_err("%s is not an ext2, ext3 or ext4 file system: it is too small", path);
		return -EINVAL;
	}
	err = device_read(&s->src.dev, sb, sizeof(*sb), sb_off);
	if (err) {
		log_err("can't read %s: %s", path, strerror(-err));
		return err;
	}
	if (sb->s_magic != EXT2_SUPER_MAGIC) {
		if (s->opt.superblock)
			log_err("%s has no superblock at %llu KiB", path,
				(unsigned long long)s->opt.superblock);
		else
			log_err("%s is not an ext2, ext3 or ext4 file system", path);
		return -EINVAL;
	}
	feature = features_unsupported(sb, true);
	if (feature) {
		log_err("%s has a feature that this program can't handle: %s", path, feature);
		return -EINVAL;
	}
	feature = features_unsupported(sb, s->opt.readonly);
	if (feature)
		return readonly_instead(s, NULL, "%s has a feature that this program can only "
					"read: %s", path, feature);
	/* before somebody replays it: that would be for nothing */
	if (ext2fs_has_feature_journal(sb) && !sb->s_journal_inum && !s->opt.readonly &&
	    !s->opt.noload)
		return readonly_instead(s, "use -o noload to do without it",
					"%s has its journal on another device", path);
	/*
	 * tune2fs makes such a journal on a mounted ext2 file system, and e2fsck moves it.  One that
	 * has to be replayed recovery refuses.
	 */
	if (ext2fs_has_feature_journal(sb) && sb->s_journal_inum &&
	    sb->s_journal_inum != EXT2_JOURNAL_INO && !s->opt.readonly &&
	    !ext2fs_has_feature_journal_needs_recovery(sb))
		return readonly_instead(s, "run e2fsck, which moves it", "the journal of %s is in "
					"inode %u, where files are", path, sb->s_journal_inum);
	if (ext2fs_has_feature_casefold(sb) && !casefold_encoding_known(sb)) {
		log_err("%s has a feature that this program can't handle: casefold with encoding %u",
			path, sb->s_encoding);
		return -EINVAL;
	}
	if (ext2fs_has_feature_encrypt(sb) && sb->s_encryption_level) {
		log_err("%s has a feature that this program can't handle: encrypt of level %u",
			path, sb->s_encryption_level);
		return -EINVAL;
	}
	if (sb->s_log_block_size > EXT2_MAX_BLOCK_LOG_SIZE - EXT2_MIN_BLOCK_LOG_SIZE) {
		log_err("%s: the superblock is corrupt: impossible block size", path);
		return -EUCLEAN;
	}
	bs = EXT2_BLOCK_SIZE(sb);
	if (s->opt.superblock && sb_off % bs) {
		log_err("%s: a backup of the superblock is at the beginning of a block of %u bytes",
			path, bs);
		return -EINVAL;
	}
	blocks = ext2fs_blocks_count(sb);
	have = s->src.dev.size / bs;
	if (!blocks || blocks > have) {
		log_err("%s is truncated: the file system has %llu blocks, there are %llu", path,
			(unsigned long long)blocks, (unsigned long long)have);
		return -EINVAL;
	}
	if (s->src.dev.align > bs) {
		log_err("%s has sectors of %u bytes, larger than the file system's blocks", path,
			s->src.dev.align);
		return -EINVAL;
	}
	return 0;
}

/*
 * The superblock's counts of what is free: kernel ext4 brings them up to date when it
 * unmounts, so after a crash of it only the groups' are right.
 */
void super_count_free(struct server *s)
{
	uint64_t clusters = 0, inodes = 0;

	for (dgrp_t g = 0; g < s->fs->group_desc_count; g++) {
		clusters += ext2fs_bg_free_blocks_count(s->fs, g);
		inodes += ext2fs_bg_free_inodes_count(s->fs, g);
	}
	ext2fs_free_blocks_count_set(s->fs->super, EXT2FS_C2B(s->fs, clusters));
	s->fs->super->s_free_inodes_count = inodes;
}

/* Largest sizes of files, as kernel ext4 computes them. */
static void set_limits(struct server *s)
{
	bool huge = ext2fs_has_feature_huge_file(s->fs->super);
	unsigned int bits = block_bits(s), per_table_bits = bits - 2;
	int64_t i_blocks_limit, tree, tables, blocks;

	/* without huge_file the inode counts 512 byte units in 32 bits */
	s->maxbytes_extent = 0xffffffffLL << bits;
	if (!huge && s->maxbytes_extent > (0xffffffffLL >> (bits - 9)) << bits)
		s->maxbytes_extent = (0xffffffffLL >> (bits - 9)) << bits;

	i_blocks_limit = huge ? (1LL << 48) - 1 : 0xffffffffLL >> (bits - 9);
	tree = EXT2_NDIR_BLOCKS + (1LL << per_table_bits) + (1LL << 2 * per_table_bits) +
	       (1LL << 3 * per_table_bits);
	tables = 1 + 1 + (1LL << per_table_bits) + 1 + (1LL << per_table_bits) +
		 (1LL << 2 * per_table_bits);
	blocks = tree;
	if (tree + tables > i_blocks_limit) {
		int64_t direct = EXT2_NDIR_BLOCKS, per = 1LL << per_table_bits;
		int64_t left = i_blocks_limit - direct;

		/* single and double indirect trees fit; the rest with its tables */
		left -= 1 + per + 1 + per + per * per + 1;
		blocks = direct + per + per * per +
			 (left - (left / (per + 1) + left / (per * per)) - 2);
	}
	s->maxbytes_indirect = blocks > INT64_MAX >> bits ? INT64_MAX : blocks << bits;
	/* logical blocks have 32 bits in this format too */
	if (s->maxbytes_indirect > 0xffffffffLL << bits)
		s->maxbytes_indirect = 0xffffffffLL << bits;
}

/* Blocks of the journal in the file system */
static uint64_t journal_blocks(struct server *s)
{
	struct ext2_super_block *sb = s->fs->super;
	struct ext2_inode journal;

	if (!ext2fs_has_feature_journal(sb) || !sb->s_journal_inum ||
	    ext2fs_read_inode(s->fs, sb->s_journal_inum, &journal))
		return 0;
	return EXT2_I_SIZE(&journal) >> block_bits(s);
}

static int set_overhead(struct server *s)
{
	struct ext2_super_block *sb = s->fs->super;
	int err = 0;

	if (ext2fs_has_feature_bigalloc(sb)) {
		err = cluster_overhead(s, journal_blocks(s), &s->overhead);
	} else {
		s->overhead = sb->s_first_data_block;
		for (dgrp_t g = 0; g < s->fs->group_desc_count; g++) {
			blk_t used;

			if (ext2fs_super_and_bgd_loc2(s->fs, g, NULL, NULL, NULL, &used))
				used = 0;
			s->overhead += used + s->fs->inode_blocks_per_group + 2;
		}
		s->overhead += journal_blocks(s);
	}
	if (s->overhead > ext2fs_blocks_count(sb))
		s->overhead = 0;

	s->resv_blocks = 0;
	if (ext2fs_has_feature_extents(sb)) {
		s->resv_blocks = (ext2fs_blocks_count(sb) >> s->fs->cluster_ratio_bits) / 50;
		if (s->resv_blocks > RESV_MAX)
			s->resv_blocks = RESV_MAX;
		s->resv_blocks <<= s->fs->cluster_ratio_bits;
	}
	return err;
}

/*
 * From here on no file may have the journal's blocks, and map_lookup() doesn't find them for the
 * journal either.  A mount that only reads does without: it neither allocates nor frees.
 */
static int protect_journal(struct server *s)
{
	int err;

	if (s->readonly || !ext2fs_has_feature_journal(s->fs->super) ||
	    !s->fs->super->s_journal_inum)
		return 0;
	err = system_zones_add_journal(s);
	if (err == -EUCLEAN)
		log_err("the journal of %s can't be used: its inode is damaged; run \"e2fsck -fy %s\"",
			s->opt.source, s->opt.source);
	else if (err)
		log_err("can't find the journal of %s: %s", s->opt.source, strerror(-err));
	return err;
}

int super_open(struct server *s)
{
	struct ext2_super_block sb;
	/* libext2fs needs no part in multi-mount protection: mmp.c has it */
	int flags = EXT2_FLAG_64BITS | EXT2_FLAG_SKIP_MMP |
		    (s->opt.readonly ? 0 : EXT2_FLAG_RW);
	errcode_t lerr;
	int err;

	err = super_probe(s, &sb);
	if (err)
		return err;
	if (s->opt.readonly)
		/* of no consequence for readers, and libext2fs may not know it */
		flags |= EXT2_FLAG_SOFTSUPP_FEATURES;
	s->readonly = s->opt.readonly;
	s->cache = cache_create(&s->src.dev, EXT2_BLOCK_SIZE(&sb),
				s->opt.cache_size ? s->opt.cache_size : memory_cache_size(""));
	if (!s->cache) {
		log_err("out of memory");
		return -ENOMEM;
	}
	/* libext2fs wants to know the size of blocks if it's not the first superblock */
	/* libext2fs takes what is behind a "?" in a name for options; this is not a path */
	lerr = ext2fs_open2("iomap4fs", NULL, flags,
			    s->opt.superblock * 1024 / EXT2_BLOCK_SIZE(&sb),
			    s->opt.superblock ? EXT2_BLOCK_SIZE(&sb) : 0,
			    store_io_manager(s->cache), &s->fs);
	if (lerr) {
		s->fs = NULL;
		log_err("can't open the file system on %s: %s", s->opt.source,
			error_message(lerr));
		return -EUCLEAN;
	}
	alloc_init(s);
	bitmaps_choose(s);
	err = groups_check(s);
	if (err)
		return err;
	extent_check_begin(s);
	super_count_free(s);
	lerr = ext2fs_create_inode_cache(s->fs, 32);
	if (lerr) {
		log_err("out of memory");
		return -ENOMEM;
	}
	super_shared_open(s, &sb);
	options_stored(&s->opt, s->fs->super);
	stripe_open(s);
	set_limits(s);
	err = set_overhead(s);
	if (!err)
		err = commits_open(s);
	if (!err)
		err = protect_journal(s);
	return err ? err : quota_open(s);
}

/*
 * The superblock alone, in place.  Nothing else may have changed.  Doesn't flush.
 */
static int write_super(struct server *s)
{
	errcode_t lerr;
	int err;

	super_shared_merge(s, true);
	ext2fs_mark_super_dirty(s->fs);
	s->fs->flags |= EXT2_FLAG_SUPER_ONLY;
	lerr = ext2fs_flush2(s->fs, EXT2_FLAG_FLUSH_NO_SYNC);
	s->fs->flags &= ~EXT2_FLAG_SUPER_ONLY;
	err = lib_error(s, lerr, 0);
	return err ? err : cache_write_through(s->cache, SUPERBLOCK_OFFSET / s->fs->blocksize);
}

/*
 * The state on disk from now on until it is said to be clean again.  It is there
 * before anything else changes.
 */
static int mark_in_use(struct server *s)
{
	int err;

	if (!s->commits.journal) {
		s->fs->super->s_state &= ~EXT2_VALID_FS;
		ext2fs_mark_super_dirty(s->fs);
		s->dirty = true;
		return commit_now(s);
	}
	ext2fs_set_feature_journal_needs_recovery(s->fs->super);
	err = write_super(s);
	return err ? err : device_flush(&s->src.dev);
}

/* Everything in its place, and the superblock says so. */
static int mark_clean(struct server *s)
{
	int err = commit_and_empty(s);

	if (err)
		return err;
	if (!s->commits.journal) {
		if (!s->was_valid)
			return 0;
		super_shared_merge(s, true);
		s->fs->super->s_state |= EXT2_VALID_FS;
		ext2fs_mark_super_dirty(s->fs);
		s->dirty = true;
		return commit_now(s);
	}
	ext2fs_clear_feature_journal_needs_recovery(s->fs->super);
	err = write_super(s);
	return err ? err : device_flush(&s->src.dev);
}

int super_begin(struct server *s)
{
	struct ext2_super_block *sb = s->fs->super;
	time_t now = time(NULL);
	int err;

	if (sb->s_state & EXT2_ERROR_FS)
		log_warn("the file system has errors: running e2fsck is recommended");
	else if (!(sb->s_state & EXT2_VALID_FS) && !s->opt.superblock)
		log_warn("the file system was not unmounted cleanly: running e2fsck is "
			 "recommended");
	if (s->readonly)
		return 0;
	/* the list would be lost if it were found only later that it can't be worked on */
	if (orphans_are_left(s)) {
		err = bitmaps_load(s);
		if (err)
			return err;
	}

	s->began = true;
	s->was_valid = sb->s_state & EXT2_VALID_FS;
	sb->s_mnt_count++;
	sb->s_mtime = (uint32_t)now;
	sb->s_mtime_hi = (uint64_t)now >> 32;
	memset(sb->s_last_mounted, 0, sizeof(sb->s_last_mounted));
	memcpy(sb->s_last_mounted, s->opt.mountpoint,
	       strnlen(s->opt.mountpoint, sizeof(sb->s_last_mounted) - 1));
	err = mark_in_use(s);
	if (err)
		return err;
	err = orphans_process(s);
	if (err && err != -EUCLEAN)
		log_err("can't process the orphaned inodes: %s", strerror(-err));
	return s->readonly ? 0 : commit_now(s);
}

/*
 * Writing
 */

int super_collect(struct server *s)
{
	int err = 0;

	if (!s->dirty)
		return 0;
	super_shared_merge(s, false);
	bitmaps_take_over(s);
	/* group descriptors only matter if bitmaps or counts changed */
	if (ext2fs_test_bb_dirty(s->fs) || ext2fs_test_ib_dirty(s->fs) ||
	    s->fs->flags & EXT2_FLAG_DIRTY)
		err = lib_error(s, ext2fs_flush2(s->fs, EXT2_FLAG_FLUSH_NO_SYNC), 0);
	if (!err)
		s->dirty = false;
	return err;
}

int super_close(struct server *s)
{
	int err = 0;

	if (!s->fs)
		goto out;
	if (!s->readonly)
		err = mark_clean(s);
	super_shared_close(s);
	commits_close(s);
	careful_close(s);
	alloc_destroy(s);
	bitmaps_end(s);
	quota_close(s);
	ext2fs_free(s->fs);
	s->fs = NULL;
	system_zones_destroy(s->zones);
	s->zones = NULL;
out:
	log_damage_end();
	cache_destroy(s->cache);
	s->cache = NULL;
	return err;
}

/*
 * Frozen means that a copy of the device is a clean file system; with deleted files
 * in use it is one that e2fsck or the next mount has work with.
 */
int super_freeze(struct server *s)
{
	bool was_valid = s->was_valid;
	int err;

	if (s->readonly)
		return 0;
	trim_pause(s, true);
	if (s->fs->super->s_last_orphan)
		s->was_valid = false;
	err = mark_clean(s);
	s->was_valid = was_valid;
	s->frozen = !err;
	trim_pause(s, false);
	if (s->frozen)
		mmp_pause(s, true);
	if (err && !s->readonly)
		mark_in_use(s);
	return err;
}

int super_thaw(struct server *s)
{
	int err;

	if (!s->frozen || s->readonly)
		return 0;
	s->frozen = false;
	mmp_pause(s, false);
	err = mark_in_use(s);
	if (err)
		return err;
	nodes_put_unused(s);
	return commit_now(s);
}

void super_wake_flusher(struct server *s)
{
	if (s->flusher_runs && (durable_is_due(s) || checkpoint_is_due(s)))
		pthread_cond_signal(&s->flusher_wake);
}

static bool is_past(const struct timespec *t)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > t->tv_sec || (now.tv_sec == t->tv_sec && now.tv_nsec >= t->tv_nsec);
}

/* Wait for what is to do.  False: that's what has always to be done at @until. */
static bool wait_for_work(struct server *s, const struct timespec *until)
{
	while (!s->flusher_stop && !durable_is_due(s) && !checkpoint_is_due(s))
		if (lock_timedwait(&s->lock, &s->flusher_wake, until) == ETIMEDOUT)
			return false;
	return durable_is_due(s) || !is_past(until);
}

static void *flusher(void *arg)
{
	struct server *s = arg;
	unsigned int interval = s->opt.commit_interval;
	struct timespec until;

	if (!interval)
		interval = s->commits.journal ? COMMIT_INTERVAL : FLUSH_INTERVAL;
	server_lock(s);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += interval;
	while (!s->flusher_stop) {
		bool early = wait_for_work(s, &until);

		if (s->flusher_stop)
			break;
		if (!early) {
			if (s->fs && !s->readonly)
				atime_move_queued(s);
			if (s->fs && !s->readonly && !s->frozen &&
			    (s->dirty || cache_is_dirty(s->cache)))
				commit_in_background(s);
			clock_gettime(CLOCK_MONOTONIC, &until);
			until.tv_sec += interval;
		} else if (durable_is_due(s)) {
			durable_serve(s);
			/* those who call fsync all the time are not to fill the journal */
			if (checkpoint_is_due(s) && checkpoint_is_urgent(s))
				checkpoint_step(s);
		} else {
			checkpoint_step(s);
		}
	}
	if (s->fs && !s->readonly)
		atime_move_queued(s);
	server_unlock(s);
	return NULL;
}

int super_start_flusher(struct server *s)
{
	pthread_condattr_t attr;
	sigset_t all, old;
	int err;

	if (s->readonly)
		return 0;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->flusher_wake, &attr);
	pthread_condattr_destroy(&attr);
	/* signals are for the main thread */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&s->flusher, NULL, flusher, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	server_lock(s);
	s->flusher_runs = !err;
	server_unlock(s);
	return -err;
}

void super_stop_flusher(struct server *s)
{
	if (!s->flusher_runs)
		return;
	server_lock(s);
	s->flusher_stop = true;
	pthread_cond_signal(&s->flusher_wake);
	server_unlock(s);
	pthread_join(s->flusher, NULL);
	server_lock(s);
	s->flusher_runs = false;
	durable_end(s);
	server_unlock(s);
	pthread_cond_destroy(&s->flusher_wake);
}

void super_statfs(struct server *s, struct statvfs *st)
{
	const struct ext2_super_block *sb = s->fs->super;
	uint64_t reserved = ext2fs_r_blocks_count(s->fs->super) + s->resv_blocks;

	memset(st, 0, sizeof(*st));
	st->f_bsize = st->f_frsize = s->fs->blocksize;
	st->f_blocks = ext2fs_blocks_count(s->fs->super) - (s->opt.minixdf ? 0 : s->overhead);
	st->f_bfree = ext2fs_free_blocks_count(s->fs->super);
	/* promised is as good as used */
	st->f_bfree -= st->f_bfree < s->delayed.blocks ? st->f_bfree : s->delayed.blocks;
	st->f_bavail = st->f_bfree > reserved ? st->f_bfree - reserved : 0;
	st->f_files = sb->s_inodes_count;
	st->f_ffree = st->f_favail = sb->s_free_inodes_count;
	st->f_namemax = EXT2_NAME_LEN;
}
