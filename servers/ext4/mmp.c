// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Multi-mount protection: see mmp.h.
 *
 * The block has a sequence number.  CLEAN: not mounted; FSCK: e2fsck is at work;
 * any other: mounted, or a machine crashed.  Which one shows when it is looked at
 * again after longer than its owner takes to change it.  Then a random number is
 * written, and if it is still there after the same time the file system is ours:
 *
 *	CLEAN ------------------> random --- read back ---> 1, 2, 3 ... --> CLEAN
 *	other --wait, the same?-> random --- wait, same? -> 1, 2, 3 ... --> CLEAN
 *
 * These are kernel ext4's times.  Unlike there every update looks first whether the
 * block is as it was left: two machines that found CLEAN in the same moment, or one
 * that stood still for too long, are found after one interval.
 *
 * The block is read and written on the device, past the metadata cache and the
 * journal.
 */
#include "mmp.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "node.h"
#include "server.h"

/* s */
#define CHECK_MIN		5U	/* time that an owner may take, at least */
#define CHECK_MAX		300U
#define CHECK_MULT		2U	/* ... in intervals of its updates */
#define INTERVAL_DEFAULT	5U
#define WAIT_TO_TELL		(4 * CHECK_MIN)

static unsigned int min_uint(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

static unsigned int max_uint(unsigned int a, unsigned int b)
{
	return a > b ? a : b;
}

static uint32_t checksum(const struct mmp *m, const struct mmp_struct *block)
{
	return ext2fs_crc32c_le(m->seed, (const unsigned char *)block,
				offsetof(struct mmp_struct, mmp_checksum));
}

static int read_block(struct server *s, struct mmp_struct *block)
{
	int err = device_read(&s->src.dev, block, sizeof(*block), s->mmp.off);

	if (err)
		return err;
	if (block->mmp_magic != EXT4_MMP_MAGIC)
		return -EUCLEAN;
	if (s->mmp.checksums && block->mmp_checksum != checksum(&s->mmp, block))
		return -EUCLEAN;
	return 0;
}

static int write_block(struct server *s, struct mmp_struct *block)
{
	int err;

	block->mmp_time = time(NULL);
	if (s->mmp.checksums)
		block->mmp_checksum = checksum(&s->mmp, block);
	err = device_write(&s->src.dev, block, sizeof(*block), s->mmp.off);
	return err ? err : device_flush(&s->src.dev);
}

static void sign(struct server *s, struct mmp_struct *block)
{
	char node[sizeof(block->mmp_nodename) + 1] = "";

	memset(block->mmp_nodename, 0, sizeof(block->mmp_nodename));
	if (!gethostname(node, sizeof(node) - 1))
		memcpy(block->mmp_nodename, node, strnlen(node, sizeof(block->mmp_nodename)));
	memset(block->mmp_bdevname, 0, sizeof(block->mmp_bdevname));
	memcpy(block->mmp_bdevname, s->src.name,
	       strnlen(s->src.name, sizeof(block->mmp_bdevname)));
}

static bool is_mine(const struct server *s, const struct mmp_struct *block)
{
	return block->mmp_seq == s->mmp.mine->mmp_seq &&
	       !memcmp(block->mmp_nodename, s->mmp.mine->mmp_nodename,
		       sizeof(block->mmp_nodename));
}

/* A text of a stranger, without what a terminal could take for a command */
static const char *printable(char *to, const void *from, size_t len)
{
	const unsigned char *text = from;
	size_t i;

	for (i = 0; i < len && text[i]; i++)
		to[i] = text[i] > ' ' && text[i] < 0x7f ? text[i] : '?';
	to[i] = '\0';
	return to;
}

static void tell_user(const struct server *s, const struct mmp_struct *block)
{
	char node[sizeof(block->mmp_nodename) + 1], dev[sizeof(block->mmp_bdevname) + 1];

	log_err("%s is in use: the machine \"%s\" has it mounted as \"%s\" (mmp)", s->opt.source,
		printable(node, block->mmp_nodename, sizeof(block->mmp_nodename)),
		printable(dev, block->mmp_bdevname, sizeof(block->mmp_bdevname)));
}

static int tell_unreadable(const struct server *s, int err)
{
	if (err == -EUCLEAN)
		log_err("the block for multi-mount protection (mmp) is corrupt: run \"e2fsck -fy "
			"%s\"", s->opt.source);
	else
		log_err("can't access the block for multi-mount protection (mmp): %s",
			strerror(-err));
	return err;
}

/* How long it takes to see whether there is an owner */
static unsigned int wait_time(const struct ext2_super_block *sb, const struct mmp_struct *block)
{
	unsigned int check = max_uint(max_uint(sb->s_mmp_update_interval, CHECK_MIN),
				      block->mmp_check_interval);

	return min_uint(check * 2 + 1, check + 60);
}

/* Wait and see whether the sequence number stays @seq. */
static int watch(struct server *s, struct mmp_struct *block, uint32_t seq, unsigned int seconds)
{
	struct timespec left = { .tv_sec = seconds };
	int err;

	while (nanosleep(&left, &left) && errno == EINTR)
		;
	err = read_block(s, block);
	if (err)
		return tell_unreadable(s, err);
	if (block->mmp_seq == seq)
		return 0;
	tell_user(s, block);
	return -EBUSY;
}

static int find_block(struct server *s, const struct ext2_super_block *sb)
{
	if (sb->s_mmp_block < sb->s_first_data_block ||
	    sb->s_mmp_block >= ext2fs_blocks_count((struct ext2_super_block *)sb)) {
		log_err("%s: the superblock is corrupt: impossible mmp block", s->opt.source);
		return -EUCLEAN;
	}
	s->mmp.off = sb->s_mmp_block * EXT2_BLOCK_SIZE(sb);
	s->mmp.checksums = ext2fs_has_feature_metadata_csum((struct ext2_super_block *)sb);
	s->mmp.seed = sb->s_checksum_seed;
	if (!ext2fs_has_feature_csum_seed((struct ext2_super_block *)sb))
		s->mmp.seed = ext2fs_crc32c_le(~0U, sb->s_uuid, sizeof(sb->s_uuid));
	s->mmp.interval = sb->s_mmp_update_interval ? sb->s_mmp_update_interval :
						      INTERVAL_DEFAULT;
	return 0;
}

/* @waited: whether there was somebody to wait for, for that long */
static int check(struct server *s, const struct ext2_super_block *sb, struct mmp_struct *block,
		 unsigned int *waited)
{
	int err = find_block(s, sb);

	*waited = 0;
	if (err)
		return err;
	err = read_block(s, block);
	if (err)
		return tell_unreadable(s, err);
	if (block->mmp_seq == EXT4_MMP_SEQ_CLEAN)
		return 0;
	if (block->mmp_seq == EXT4_MMP_SEQ_FSCK) {
		log_err("%s is in use by e2fsck (mmp); if none is running, \"tune2fs -f -E "
			"clear_mmp %s\" says so", s->opt.source, s->opt.source);
		return -EBUSY;
	}
	*waited = wait_time(sb, block);
	if (*waited > WAIT_TO_TELL)
		log_warn("waiting up to %u s to see whether %s is in use (mmp)", 2 * *waited,
			 s->opt.source);
	return watch(s, block, block->mmp_seq, *waited);
}

/*
 * Keeping
 */

/* Somebody else writes to the device: what is here must not get there any more. */
static void lost(struct server *s, const struct mmp_struct *block)
{
	tell_user(s, block);
	server_lock(s);
	s->readonly = true;
	s->commits.aborted = true;
	turned_readonly(s);
	server_unlock(s);
	log_err("going read-only; what was not committed is lost");
}

static int update(struct server *s, uint32_t seq, unsigned int took)
{
	struct mmp *m = &s->mmp;
	struct mmp_struct now;
	int err = read_block(s, &now);

	if (err && err != -EUCLEAN)
		return err;
	if (err || !is_mine(s, &now)) {
		m->owned = false;
		pthread_mutex_unlock(&m->lock);
		lost(s, &now);
		pthread_mutex_lock(&m->lock);
		return 0;
	}
	m->mine->mmp_seq = seq;
	m->mine->mmp_check_interval = max_uint(min_uint(took, CHECK_MAX), CHECK_MIN);
	return write_block(s, m->mine);
}

static void *keep(void *arg)
{
	struct server *s = arg;
	struct mmp *m = &s->mmp;
	unsigned int took = CHECK_MULT * m->interval;
	struct timespec now, until;
	bool failing = false;
	uint32_t seq = 0;

	pthread_mutex_lock(&m->lock);
	clock_gettime(CLOCK_MONOTONIC, &until);
	while (!m->stop && m->owned) {
		time_t begin = until.tv_sec;

		if (!m->paused) {
			int err = update(s, ++seq > EXT4_MMP_SEQ_MAX ? seq = 1 : seq, took);

			if (err && !failing)
				log_err("can't update the block for multi-mount protection (mmp): "
					"%s", strerror(-err));
			failing = err;
		}
		until.tv_sec += m->interval;
		while (!m->stop &&
		       pthread_cond_timedwait(&m->wake, &m->lock, &until) != ETIMEDOUT)
			;
		/* what it really takes from one to the next */
		clock_gettime(CLOCK_MONOTONIC, &now);
		took = CHECK_MULT * (now.tv_sec - begin);
		until = now;
	}
	pthread_mutex_unlock(&m->lock);
	return NULL;
}

int mmp_keep(struct server *s)
{
	struct mmp *m = &s->mmp;
	pthread_condattr_t attr;
	sigset_t all, old;
	int err;

	if (!m->mine)
		return 0;
	pthread_mutex_init(&m->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&m->wake, &attr);
	pthread_condattr_destroy(&attr);
	m->stop = m->paused = false;
	/* signals are for the main thread */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&m->keeper, NULL, keep, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	m->kept = !err;
	if (!err)
		return 0;
	pthread_cond_destroy(&m->wake);
	pthread_mutex_destroy(&m->lock);
	log_err("no thread for multi-mount protection (mmp): %s", strerror(err));
	return -err;
}

static int claim(struct server *s, const struct ext2_super_block *sb)
{
	struct mmp_struct block;
	unsigned int waited;
	uint32_t seq;
	int err = check(s, sb, &block, &waited);

	if (err)
		return err;
	if (getrandom(&seq, sizeof(seq), 0) < 0)
		seq = time(NULL);
	block.mmp_seq = seq % EXT4_MMP_SEQ_MAX + 1;
	sign(s, &block);
	err = write_block(s, &block);
	if (err)
		return tell_unreadable(s, err);
	err = watch(s, s->mmp.mine, block.mmp_seq, waited);
	if (!err && memcmp(block.mmp_nodename, s->mmp.mine->mmp_nodename,
			   sizeof(block.mmp_nodename))) {
		tell_user(s, s->mmp.mine);
		err = -EBUSY;
	}
	return err;
}

int mmp_take(struct server *s, const struct ext2_super_block *sb)
{
	int err;

	if (!ext2fs_has_feature_mmp((struct ext2_super_block *)sb))
		return 0;
	s->mmp.mine = calloc(1, sizeof(*s->mmp.mine));
	if (!s->mmp.mine) {
		log_err("out of memory");
		return -ENOMEM;
	}
	err = claim(s, sb);
	s->mmp.owned = !err;
	if (err) {
		free(s->mmp.mine);
		s->mmp.mine = NULL;
	}
	return err;
}

void mmp_release(struct server *s)
{
	struct mmp *m = &s->mmp;
	struct mmp_struct now;
	int err = 0;

	if (!m->mine)
		return;
	if (m->kept) {
		pthread_mutex_lock(&m->lock);
		m->stop = true;
		pthread_cond_signal(&m->wake);
		pthread_mutex_unlock(&m->lock);
		pthread_join(m->keeper, NULL);
		pthread_cond_destroy(&m->wake);
		pthread_mutex_destroy(&m->lock);
		m->kept = false;
	}
	if (m->owned && !s->shut_down && !read_block(s, &now) && is_mine(s, &now)) {
		m->mine->mmp_seq = EXT4_MMP_SEQ_CLEAN;
		err = write_block(s, m->mine);
	}
	if (err)
		log_err("can't clear the block for multi-mount protection (mmp): %s",
			strerror(-err));
	m->owned = false;
	free(m->mine);
	m->mine = NULL;
}

void mmp_pause(struct server *s, bool pause)
{
	if (!s->mmp.kept)
		return;
	pthread_mutex_lock(&s->mmp.lock);
	s->mmp.paused = pause;
	pthread_mutex_unlock(&s->mmp.lock);
}
