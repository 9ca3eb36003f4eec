// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Recovery at mount: see recovery.h.
 *
 *	open the file system as it is, for the place of the journal; forget that again
 *	replay_read		everything is checked, nothing written
 *	replay_write		blocks go to their places	flush
 *	  adjust_super		  the superblock last: it keeps the errors and the flag
 *	note_errors		in the superblock		flush, if there are any
 *	replay_empty		the journal's superblock	flush
 *	clear_flag		the file system's superblock	flush
 *
 * With fast commits there are two rounds: the first one makes a transaction of them (fc_run.c).
 *
 * A crash before replay_empty() leaves a journal that is replayed again.  One after it leaves
 * a superblock that asks for a replay of an empty journal.
 *
 * The source stays open all the time, and so it stays locked: nobody else can mount it, or
 * replay the same journal.  A mount for reading shares its lock with others, so it opens the
 * source anew before, for itself alone; what it has read until then counts for nothing.
 */
#include "recovery/recovery.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "checksum.h"
#include "groups.h"
#include "interrupt.h"
#include "journal/inode.h"
#include "log.h"
#include "progress.h"
#include "recovery/fc_run.h"
#include "recovery/replay.h"
#include "store/io_manager.h"
#include "super.h"
#include "system_zone.h"

/* for the place of the journal, bytes */
#define CACHE_BYTES	(4U << 20)

struct recovery {
	struct server *s;
	struct progress progress;
	struct ext2_super_block before;
};

static int refuse(const struct server *s, const char *why)
{
	log_err("%s: the journal can't be replayed: %s; run \"e2fsck -f %s\"", s->opt.source, why,
		s->opt.source);
	return -EUCLEAN;
}

int recovery_is_needed(struct server *s, const struct ext2_super_block *sb, bool *needed)
{
	struct ext2_super_block *mutable = (struct ext2_super_block *)sb;

	*needed = false;
	if (!ext2fs_has_feature_journal_needs_recovery(mutable))
		return 0;
	/* a backup of the superblock can't tell; it is for looking at damage */
	if (s->opt.readonly && (s->opt.noload || s->opt.superblock))
		return 0;
	if (s->opt.noload)
		return readonly_instead(s, "leave out noload to have it replayed",
					"%s: the journal needs recovery, and writing without it "
					"would make that impossible", s->opt.source);
	if (ext2fs_has_feature_journal(mutable) && !sb->s_journal_inum) {
		log_err("%s: the journal needs recovery, and it is on another device: run \"e2fsck "
			"-f %s\", or use -o ro,noload to see it without", s->opt.source,
			s->opt.source);
		return -EUCLEAN;
	}
	if (!source_is_writable(&s->src, s->opt.source)) {
		log_err("%s: the journal needs recovery, and nothing can be written here: use "
			"-o ro,noload to see it without", s->opt.source);
		return -EROFS;
	}
	*needed = true;
	return 0;
}

/* How far it is, and whether it is to go on.  mmp.c may have found another machine. */
static int step(void *arg, const struct replay_progress *now)
{
	struct recovery *rc = arg;
	bool lost;

	if (progress_is_due(&rc->progress))
		log_info("replaying the journal since %u s: %s, %llu of %llu blocks",
			 progress_seconds(&rc->progress), now->step,
			 (unsigned long long)now->done, (unsigned long long)now->all);
	if (interrupted())
		return -EINTR;
	server_lock(rc->s);
	lost = rc->s->commits.aborted;
	server_unlock(rc->s);
	return lost ? -EBUSY : 0;
}

void recovery_set_cache(struct server *s, struct cache *cache)
{
	struct cache *old;

	server_lock(s);
	old = s->cache;
	s->cache = cache;
	errors_begin(s);
	server_unlock(s);
	cache_destroy(old);
}

/* Where the journal is.  The file system is opened for that, and closed again. */
static int find_journal(struct server *s, const struct ext2_super_block *sb,
			struct journal_run **runs, size_t *nr)
{
	struct cache *cache = cache_create(&s->src.dev, EXT2_BLOCK_SIZE(sb), CACHE_BYTES);
	bool readonly = s->readonly;
	const char *why = NULL;
	errcode_t lerr;
	int err;

	*runs = NULL;
	if (!cache)
		return -ENOMEM;
	recovery_set_cache(s, cache);
	/* what is damaged is not to be noted anywhere */
	s->readonly = true;
	/* libext2fs takes what is behind a "?" in a name for options; this is not a path */
	lerr = ext2fs_open2("iomap4fs", NULL, EXT2_FLAG_64BITS | EXT2_FLAG_SKIP_MMP |
			    EXT2_FLAG_SOFTSUPP_FEATURES, 0, 0, store_io_manager(s->cache), &s->fs);
	if (lerr) {
		s->fs = NULL;
		err = lerr == EXT2_ET_NO_MEMORY ? -ENOMEM : refuse(s, error_message(lerr));
		goto out;
	}
	err = groups_check(s);
	if (err)
		goto out;
	err = journal_inode_find(s, runs, nr, &why);
	if (err && err != -ENOMEM)
		refuse(s, why);
out:
	if (s->fs)
		ext2fs_free(s->fs);
	s->fs = NULL;
	system_zones_destroy(s->zones);
	s->zones = NULL;
	recovery_set_cache(s, NULL);
	s->readonly = readonly;
	return err;
}

/*
 * The superblock that comes out of the journal must be this file system's.  What else is in it
 * is checked as that of any superblock, after the replay.
 */
static int check_outcome(struct recovery *rc, struct replay *r)
{
	const struct ext2_super_block *before = &rc->before, *sb;
	uint32_t bs = EXT2_BLOCK_SIZE(before);
	char *buf = malloc(bs);
	int err;

	if (!buf)
		return -ENOMEM;
	err = replay_outcome(r, SUPERBLOCK_OFFSET / bs, buf);
	sb = (struct ext2_super_block *)(buf + SUPERBLOCK_OFFSET % bs);
	if (err == -ENOENT)
		err = 0;
	else if (!err && (sb->s_magic != EXT2_SUPER_MAGIC ||
			  sb->s_log_block_size != before->s_log_block_size ||
			  sb->s_inodes_per_group != before->s_inodes_per_group ||
			  sb->s_blocks_per_group != before->s_blocks_per_group ||
			  sb->s_inode_size != before->s_inode_size ||
			  sb->s_journal_inum != before->s_journal_inum))
		err = refuse(rc->s, "the superblock in it is not this file system's");
	free(buf);
	return err;
}

static void set_checksum(struct ext2_super_block *sb)
{
	if (ext2fs_has_feature_metadata_csum(sb))
		sb->s_checksum = checksum_crc32c(~0U, sb, offsetof(struct ext2_super_block,
								   s_checksum));
}

static int write_super(struct server *s, struct ext2_super_block *sb)
{
	int err;

	set_checksum(sb);
	err = device_write(&s->src.dev, sb, sizeof(*sb), SUPERBLOCK_OFFSET);
	return err ? err : device_flush(&s->src.dev);
}

/*
 * Errors are noted in the superblock on the device, past the journal.  An older copy of the
 * superblock in the journal must not make them unsaid; the journal has its own note.
 */
static void keep_errors(const struct recovery *rc, struct ext2_super_block *sb)
{
	const struct ext2_super_block *before = &rc->before;

	sb->s_state |= before->s_state & EXT2_ERROR_FS;
	if (before->s_error_count) {
		memcpy((char *)sb + EXT4_S_ERR_START, (const char *)before + EXT4_S_ERR_START,
		       EXT4_S_ERR_END - EXT4_S_ERR_START);
		sb->s_first_error_time_hi = before->s_first_error_time_hi;
		sb->s_last_error_time_hi = before->s_last_error_time_hi;
	}
}

/*
 * The superblock that comes out of the journal is changed before it is written, so that a crash
 * behind it loses nothing: the next replay takes the errors from it, and would not take place
 * if the copy did not ask for it.
 */
static void adjust_super(void *arg, void *block)
{
	const struct recovery *rc = arg;
	uint32_t bs = EXT2_BLOCK_SIZE(&rc->before);
	struct ext2_super_block *sb, was;

	sb = (struct ext2_super_block *)((char *)block + SUPERBLOCK_OFFSET % bs);
	was = *sb;
	keep_errors(rc, sb);
	ext2fs_set_feature_journal_needs_recovery(sb);
	if (memcmp(sb, &was, sizeof(was)))
		set_checksum(sb);
}

/* What the journal itself has noted */
static int note_errors(struct recovery *rc, int noted)
{
	struct ext2_super_block sb, now;
	int err = device_read(&rc->s->src.dev, &now, sizeof(now), SUPERBLOCK_OFFSET);

	if (err)
		return err;
	sb = now;
	if (noted) {
		log_warn("the journal was ended by an error: %s", strerror(noted));
		sb.s_state |= EXT2_ERROR_FS;
	}
	return memcmp(&sb, &now, sizeof(sb)) ? write_super(rc->s, &sb) : 0;
}

static int clear_flag(struct server *s)
{
	struct ext2_super_block sb;
	int err = device_read(&s->src.dev, &sb, sizeof(sb), SUPERBLOCK_OFFSET);

	if (err)
		return err;
	ext2fs_clear_feature_journal_needs_recovery(&sb);
	return write_super(s, &sb);
}

static int write_it(struct recovery *rc, struct replay *r)
{
	int err = replay_write(r);

	if (!err)
		err = note_errors(rc, replay_noted_error(r));
	if (!err)
		err = replay_empty(r);
	return err ? err : clear_flag(rc->s);
}

/*
 * Whatever is in the log is younger: a mount for writing begins with an empty log, and notes its
 * time in place.  What e2fsck has thrown away with a damaged log is older, and it lets numbers of
 * transactions begin anew where that log began.
 */
static uint64_t begin_of_log(const struct ext2_super_block *sb)
{
	uint64_t mounted = sb->s_mtime | (uint64_t)sb->s_mtime_hi << 32;

	return mounted > sb->s_mkfs_time ? mounted : sb->s_mkfs_time;
}

/* The first round, if there are fast commits: a transaction takes their place. */
static int write_fast_commits(struct recovery *rc, struct replay *r, struct fc_run *fc)
{
	int err = replay_write(r);

	/* the journal's own note stays there for the second round */
	if (!err)
		err = note_errors(rc, 0);
	if (!err)
		err = replay_keep_fast_commits(r);
	if (!err)
		err = fc_log(fc);
	/* e2fsck (1.47) takes a head of another transaction for a reason to drop the log */
	return err ? err : replay_forget_fast_commits(r);
}

static int replay(struct recovery *rc, const struct journal_run *runs, size_t nr, bool *again)
{
	struct server *s = rc->s;
	struct replay_place place = {
		.dev = &s->src.dev,
		.blocksize = EXT2_BLOCK_SIZE(&rc->before),
		.runs = runs,
		.nr_runs = nr,
		.wide = ext2fs_has_feature_64bit(&rc->before),
		.since = begin_of_log(&rc->before),
		.step = step,
		.super = adjust_super,
		.arg = rc,
	};
	struct replay_refusal no = { .why = "" };
	struct fc_run *fc = NULL;
	struct replay *r = NULL;
	int err = replay_open(&r, &place, &no);

	if (!err)
		err = replay_read(r, &no);
	if (!err)
		err = check_outcome(rc, r);
	if (!err && replay_fast_commits(r)->nr)
		err = fc_open(s, r, runs, nr, &no, &fc);
	/* interruptions and want of memory have no reason */
	if (err && no.why[0]) {
		refuse(s, no.why);
		goto out;
	}
	if (err)
		goto out;
	*again = fc;
	log_debug("%u transactions in the journal, %llu blocks to write", replay_nr_transactions(r),
		  (unsigned long long)replay_nr_blocks(r));
	err = fc ? write_fast_commits(rc, r, fc) : write_it(rc, r);
	if (err && err != -EINTR && err != -EBUSY)
		log_err("%s: the journal could not be replayed: %s", s->opt.source,
			strerror(-err));
out:
	fc_close(fc);
	replay_close(r);
	return err;
}

static int one_round(struct recovery *rc, bool *again)
{
	struct journal_run *runs;
	size_t nr = 0;
	int err = find_journal(rc->s, &rc->before, &runs, &nr);

	*again = false;
	if (!err)
		err = replay(rc, runs, nr, again);
	free(runs);
	return err;
}

int recovery_run(struct server *s, struct ext2_super_block *sb)
{
	struct recovery rc = { .s = s, .before = *sb };
	bool again;
	int err;

	log_info("the journal needs recovery: replaying it");
	progress_start(&rc.progress);
	err = one_round(&rc, &again);
	if (!err && again) {
		err = device_read(&s->src.dev, &rc.before, sizeof(rc.before), SUPERBLOCK_OFFSET);
		if (!err)
			err = one_round(&rc, &again);
	}
	if (err == -EINTR)
		log_err("interrupted: the journal is not replayed yet");
	if (err == -ENOMEM)
		log_err("out of memory");
	return err ? err : super_probe(s, sb);
}

int recovery_run_for_reading(struct server *s, struct ext2_super_block *sb)
{
	bool needed;
	int err;

	source_close(&s->src);
	err = source_open(&s->src, s->opt.source, s->opt.offset, false);
	if (err == -EBUSY)
		log_err("%s: the journal needs recovery, and another mount is using it: use "
			"-o ro,noload to see it without", s->opt.source);
	if (!err)
		err = super_probe(s, sb);
	if (!err)
		err = recovery_is_needed(s, sb, &needed);
	if (err || !needed)
		goto reopen;
	err = mmp_take(s, sb);
	if (!err)
		err = mmp_keep(s);
	if (!err)
		err = recovery_run(s, sb);
	mmp_release(s);
reopen:
	if (err)
		return err;
	source_close(&s->src);
	err = source_open(&s->src, s->opt.source, s->opt.offset, true);
	if (!err)
		err = super_probe(s, sb);
	/* somebody else has had it for a moment */
	if (!err && ext2fs_has_feature_journal_needs_recovery(sb)) {
		log_err("%s: the journal needs recovery again", s->opt.source);
		err = -EBUSY;
	}
	return err;
}
