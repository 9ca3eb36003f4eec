// SPDX-License-Identifier: GPL-2.0-or-later
/* Changes of the superblock by others: see super_shared.h. */
#include "super_shared.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "checksum.h"
#include "log.h"
#include "server.h"

/* The device's first bytes, up to the end of the superblock */
#define HEAD_SIZE	(SUPERBLOCK_OFFSET + SUPERBLOCK_SIZE)

#define FIELD(name) \
	{ offsetof(struct ext2_super_block, name), \
	  sizeof(((struct ext2_super_block *)0)->name) }

static const struct {
	size_t off, len;
} fields[] = {
	FIELD(s_r_blocks_count), FIELD(s_r_blocks_count_hi), FIELD(s_mnt_count),
	FIELD(s_max_mnt_count), FIELD(s_errors), FIELD(s_lastcheck), FIELD(s_lastcheck_hi),
	FIELD(s_checkinterval), FIELD(s_def_resuid), FIELD(s_def_resgid), FIELD(s_volume_name),
	FIELD(s_last_mounted), FIELD(s_default_mount_opts), FIELD(s_mount_opts),
	FIELD(s_raid_stride), FIELD(s_raid_stripe_width), FIELD(s_def_hash_version),
	FIELD(s_encrypt_algos), FIELD(s_encrypt_pw_salt), FIELD(s_kbytes_written),
	FIELD(s_reserved),
};

/* Words of which only some bits are for others */
static const struct {
	size_t off, len;
	uint32_t bits;
} words[] = {
	{ offsetof(struct ext2_super_block, s_feature_compat), 4,
	  EXT2_FEATURE_COMPAT_DIR_INDEX | EXT4_FEATURE_COMPAT_STABLE_INODES },
	{ offsetof(struct ext2_super_block, s_feature_incompat), 4,
	  EXT4_FEATURE_INCOMPAT_ENCRYPT | EXT4_FEATURE_INCOMPAT_LARGEDIR },
	{ offsetof(struct ext2_super_block, s_feature_ro_compat), 4,
	  EXT2_FEATURE_RO_COMPAT_LARGE_FILE | EXT4_FEATURE_RO_COMPAT_HUGE_FILE |
	  EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |
	  EXT4_FEATURE_RO_COMPAT_PROJECT | EXT4_FEATURE_RO_COMPAT_READONLY |
	  EXT4_FEATURE_RO_COMPAT_VERITY },
	{ offsetof(struct ext2_super_block, s_flags), 4, EXT2_FLAGS_TEST_FILESYS },
	/* tune2fs -E force_fsck */
	{ offsetof(struct ext2_super_block, s_state), 2, EXT2_ERROR_FS },
};

#define NR(array)	(sizeof(array) / sizeof((array)[0]))

static bool same(const struct ext2_super_block *a, const struct ext2_super_block *b, size_t off,
		 size_t len)
{
	return !memcmp((const char *)a + off, (const char *)b + off, len);
}

static void copy(struct ext2_super_block *to, const struct ext2_super_block *from, size_t off,
		 size_t len)
{
	memcpy((char *)to + off, (const char *)from + off, len);
}

/* Is it the superblock of this file system? */
static bool describes(const struct ext2_super_block *a, const struct ext2_super_block *b)
{
	return a->s_magic == EXT2_SUPER_MAGIC && a->s_inodes_count == b->s_inodes_count &&
	       a->s_blocks_count == b->s_blocks_count &&
	       a->s_blocks_count_hi == b->s_blocks_count_hi &&
	       a->s_first_data_block == b->s_first_data_block &&
	       a->s_log_block_size == b->s_log_block_size &&
	       a->s_log_cluster_size == b->s_log_cluster_size &&
	       a->s_blocks_per_group == b->s_blocks_per_group &&
	       a->s_inodes_per_group == b->s_inodes_per_group &&
	       a->s_inode_size == b->s_inode_size && a->s_rev_level == b->s_rev_level &&
	       a->s_journal_inum == b->s_journal_inum &&
	       a->s_first_ino == b->s_first_ino && a->s_desc_size == b->s_desc_size;
}

/*
 * The UUID is the seed of checksums, unless there is one of its own, which has to be the one
 * that is in use.
 */
static bool seed_stays(const struct server *s, struct ext2_super_block *theirs)
{
	if (ext2fs_has_feature_csum_seed(theirs))
		return theirs->s_checksum_seed == s->fs->csum_seed;
	return !ext2fs_has_feature_metadata_csum(theirs) && !ext2fs_has_feature_gdt_csum(theirs);
}

static bool merge_seed(const struct server *s, const struct ext2_super_block *known,
		       struct ext2_super_block *theirs, struct ext2_super_block *ours,
		       struct ext2_super_block *left)
{
	static const size_t uuid = offsetof(struct ext2_super_block, s_uuid);
	const size_t len = sizeof(ours->s_uuid);
	bool changed = false;

	if (!seed_stays(s, theirs))
		return false;
	if (ext2fs_has_feature_csum_seed(theirs) && !ext2fs_has_feature_csum_seed(ours)) {
		ext2fs_set_feature_csum_seed(ours);
		ours->s_checksum_seed = theirs->s_checksum_seed;
		changed = true;
	}
	if (same(known, theirs, uuid, len)) {
		copy(left, ours, uuid, len);
		return changed;
	}
	copy(ours, theirs, uuid, len);
	return true;
}

static bool merge_word(const struct ext2_super_block *known, const struct ext2_super_block *theirs,
		       struct ext2_super_block *ours, struct ext2_super_block *left, size_t i)
{
	uint32_t k = 0, t = 0, o = 0, changed;

	/* little endian, as everywhere here */
	memcpy(&k, (const char *)known + words[i].off, words[i].len);
	memcpy(&t, (const char *)theirs + words[i].off, words[i].len);
	memcpy(&o, (const char *)ours + words[i].off, words[i].len);
	changed = (k ^ t) & words[i].bits;
	/* the state that the server has found stays */
	if (words[i].bits == EXT2_ERROR_FS)
		changed &= t;
	k = (o & ~changed) | (k & changed);
	memcpy((char *)left + words[i].off, &k, words[i].len);
	changed &= o ^ t;
	o ^= changed;
	memcpy((char *)ours + words[i].off, &o, words[i].len);
	return changed;
}

/*
 * What differs between @known and @theirs goes into @ours.  *@left: what is known to be on the
 * device once @ours is written there; what has been taken still differs from it, so that
 * whoever has another version of the superblock takes it, too.  True if @ours has changed.
 */
static bool merge(const struct server *s, const struct ext2_super_block *known,
		  struct ext2_super_block *theirs, struct ext2_super_block *ours,
		  struct ext2_super_block *left)
{
	bool changed = false;

	*left = *known;
	for (size_t i = 0; i < NR(fields); i++) {
		size_t off = fields[i].off, len = fields[i].len;

		if (same(known, theirs, off, len)) {
			copy(left, ours, off, len);
		} else if (!same(ours, theirs, off, len)) {
			copy(ours, theirs, off, len);
			changed = true;
		}
	}
	for (size_t i = 0; i < NR(words); i++)
		changed |= merge_word(known, theirs, ours, left, i);
	return merge_seed(s, known, theirs, ours, left) || changed;
}

/* Is there something that can be made use of?  @ours: to compare with */
static bool is_usable(struct server *s, const struct ext2_super_block *theirs,
		      const struct ext2_super_block *ours)
{
	if (describes(theirs, ours) && !features_unsupported(theirs, s->opt.readonly))
		return true;
	if (!s->shared.complained)
		log_warn("somebody has written another superblock to the device under the mount: "
			 "it is ignored");
	s->shared.complained = true;
	return false;
}

/*
 * In place: @block, which has the superblock in it, is going to be written.  What is before the
 * superblock is never the file system's: a boot loader may have been installed there.
 */
static void fix_block(void *arg, char *block)
{
	struct server *s = arg;
	size_t off = SUPERBLOCK_OFFSET % s->fs->blocksize;
	struct ext2_super_block left, *ours = (void *)(block + off);
	char head[HEAD_SIZE] __attribute__((aligned(8)));
	struct ext2_super_block *theirs = (void *)(head + SUPERBLOCK_OFFSET);

	/* who can't read there will hardly write */
	if (device_read(&s->src.dev, head, sizeof(head), 0))
		return;
	memcpy(block, head, off);
	if (!is_usable(s, theirs, ours))
		return;
	if (merge(s, &s->shared.known, theirs, ours, &left))
		ext2fs_superblock_csum_set(s->fs, ours);
	s->shared.known = left;
}

/* What is before the superblock, in the cache */
static void merge_boot(struct server *s, const char *head)
{
	size_t off = SUPERBLOCK_OFFSET % s->fs->blocksize;
	const void *block;

	if (off && !cache_peek(s->cache, 0, &block, NULL) && memcmp(block, head, off))
		cache_write(s->cache, 0, head, off);
}

/* Has somebody the superblock in the device's page cache?  Then it may have been changed. */
static bool may_have_changed(const struct server *s)
{
	unsigned char in_memory[2] = { 0 };

	if (!s->shared.page)
		return true;
	if (mincore(s->shared.page, s->shared.page_len, in_memory))
		return true;
	return (in_memory[0] | in_memory[1]) & 1;
}

static bool can_merge(const struct server *s)
{
	/* the thaw looks at the device before it writes anything */
	return s->shared.on && !s->commits.busy && !s->shut_down && !s->frozen;
}

/* With the lock alone: @head has been read from the device, and nobody has written it since. */
static void merge_head(struct server *s, char *head)
{
	struct ext2_super_block left, *theirs = (void *)(head + SUPERBLOCK_OFFSET);

	if (!is_usable(s, theirs, s->fs->super))
		return;
	if (merge(s, &s->shared.known, theirs, s->fs->super, &left) && !s->readonly) {
		log_debug("somebody has changed the superblock: that is taken over");
		ext2fs_mark_super_dirty(s->fs);
		s->dirty = true;
	}
	s->shared.known = *theirs;
	if (!s->readonly)
		merge_boot(s, head);
}

void super_shared_merge(struct server *s, bool force)
{
	char head[HEAD_SIZE] __attribute__((aligned(8)));

	if (can_merge(s) && (force || may_have_changed(s)) &&
	    !device_read(&s->src.dev, head, sizeof(head), 0))
		merge_head(s, head);
}

/*
 * The device is read without the lock, so that nobody else waits for it.  Most often the fields
 * are those that were seen last.  Only if they aren't, the lock is taken and they are read again:
 * the server may have written them meanwhile.
 */
static bool looks_changed(struct server *s)
{
	char head[HEAD_SIZE] __attribute__((aligned(8)));
	const struct ext2_super_block *theirs = (void *)(head + SUPERBLOCK_OFFSET);
	uint32_t sum = 1;

	if (device_read(&s->src.dev, head, sizeof(head), 0))
		return false;
	for (size_t i = 0; i < NR(fields); i++)
		sum = checksum_crc32c(sum, (const char *)theirs + fields[i].off, fields[i].len);
	for (size_t i = 0; i < NR(words); i++)
		sum = checksum_crc32c(sum, (const char *)theirs + words[i].off, words[i].len);
	return __atomic_exchange_n(&s->shared.seen, sum, __ATOMIC_RELAXED) != sum;
}

void super_shared_ask(struct server *s)
{
	struct timespec now;
	bool merged = false;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (__atomic_exchange_n(&s->shared.looked, now.tv_sec, __ATOMIC_RELAXED) == now.tv_sec ||
	    !s->shared.on || !may_have_changed(s) || !looks_changed(s))
		return;
	/* those who only read are not to wait for each other, nor for a commit */
	if (server_try_lock(s)) {
		merged = can_merge(s);
		super_shared_merge(s, true);
		server_unlock(s);
	}
	/* the next one asks again */
	if (!merged) {
		__atomic_store_n(&s->shared.seen, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&s->shared.looked, 0, __ATOMIC_RELAXED);
	}
}

/*
 * Whether a page is in memory can be asked without reading it only through a mapping.  An image
 * file is in the page cache anyway.
 */
static void map_page(struct server *s)
{
	const struct device *dev = &s->src.dev;
	uint64_t page = sysconf(_SC_PAGESIZE);
	uint64_t from = (dev->base + SUPERBLOCK_OFFSET) & ~(page - 1);
	uint64_t end = dev->base + HEAD_SIZE;
	void *at;

	if (!dev->block || !dev->direct)
		return;
	at = mmap(NULL, end - from, PROT_READ, MAP_SHARED, dev->fd, from);
	if (at == MAP_FAILED)
		return;
	s->shared.page = at;
	s->shared.page_len = end - from;
}

void super_shared_open(struct server *s, const struct ext2_super_block *sb)
{
	s->shared = (struct super_shared){ .on = !s->opt.superblock, .known = *sb };
	if (!s->shared.on)
		return;
	map_page(s);
	if (!s->readonly)
		cache_set_fix(s->cache, SUPERBLOCK_OFFSET / s->fs->blocksize, fix_block, s);
}

static void unmap_page(struct server *s)
{
	if (s->shared.page)
		munmap(s->shared.page, s->shared.page_len);
	s->shared.page = NULL;
}

void super_shared_reopen(struct server *s)
{
	unmap_page(s);
	if (s->shared.on)
		map_page(s);
}

void super_shared_close(struct server *s)
{
	unmap_page(s);
	s->shared.on = false;
}
