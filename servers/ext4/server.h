/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The server: one mounted file system.
 *
 * Layers, each calls only downwards:
 *
 *	ops.c ops_fs.c iomap_ops.c  requests in, replies out
 *	cold.c                      reading what they are missing
 *	namei.c rename.c readdir.c  what a request means for the file system
 *	setattr.c fallocate.c data.c xattr.c ioctl.c label.c
 *	node.c orphan.c inode*.c    inodes in use, on disk
 *	dir*.c htree*.c             directories, their indexes
 *	map*.c alloc.c acl.c        block maps, free space
 *	system_zone.c *_check.c	        what the image may not claim
 *	bitmaps.c window.c trim.c   free space on the disk, of files that grow, discarded
 *	quota*.c                    what each user has of it
 *	commit.c checkpoint.c       transactions
 *	careful.c                   what there is instead without a journal
 *	durable.c                   who waits for them
 *	super.c mmp.c error.c       the file system as a whole
 *	journal/                    the log on disk
 *	store/                      blocks
 *
 * Locking: server.lock is for everything below the request handlers.  Handlers take
 * it, do the work, and let go before they reply: a reply can block, and the kernel may
 * need an answer from another thread before it reads this one.  Metadata that is not in
 * the cache is read without the lock (cold.h), and so is the journal written (commit.h).
 * Nothing here opens or touches files of the own mount.
 *
 * Who changes something has the lock alone (server_lock()).  Operations that only read
 * share it (cold_lock()), and run side by side as long as all is there that they need.
 * What is below may not change anything then, but for what says how it is done:
 *
 *	node.c			a node is made, referred to once more, closed
 *	dir.c dir_block.c	what was found in directories is remembered
 *	store/cache.c		a block was of use, its checksum is right
 *	libext2fs		one at a time (library_begin()), short, and only reading
 *
 * Whatever else it would take ends the attempt: a block that has to be read, damage that has
 * to be noted, a bitmap to be loaded.  server_gives_up() says so where it isn't the cache that
 * finds out, which refuses to read and to change anything; cold_again() then has the
 * operation done anew with the lock alone, as if it had never been shared.
 *
 * Errors are negative errno values everywhere below the handlers.
 */
#ifndef IOMAP4FS_SERVER_H
#define IOMAP4FS_SERVER_H

#include <ext2fs/ext2fs.h>
#include <fuse_iomap.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "careful.h"
#include "commit.h"
#include "delayed.h"
#include "lock.h"
#include "mmp.h"
#include "options.h"
#include "source.h"
#include "store/cache.h"
#include "super_shared.h"
#include "trim.h"
#include "window.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "directory blocks and block maps are read in place: a big endian host needs swapping there"
#endif

struct node_table;
struct pressure;
struct quota;
struct system_zones;

/* alloc.c: blocks that are free when a commit is durable */
struct pin {
	uint64_t pblk, len;
};

struct pins {
	struct pin *list;		/* the oldest first */
	size_t nr, room;
	size_t committing;		/* so many of them, by the commit that is on its way */
	uint64_t blocks;
	ext2fs_block_bitmap map;	/* the same blocks; NULL: there have been none yet */
};

/* dir_block.c: where a block of a directory is */
struct dir_place {
	ext2_ino_t ino;
	uint32_t generation;
	uint64_t next, pblk;		/* next: lblk + 1, 0: nothing is known */
	unsigned int room;		/* an entry that has room maybe */
	uint32_t version;		/* odd: somebody is writing the rest beside others */
};

#define DIR_PLACES	1024	/* power of two */

/* dir.c: what was looked for last */
struct dir_hint {
	ext2_ino_t dir, ino;		/* of the directory, 0: none; found, 0: there is none */
	uint64_t lblk, pblk;
	unsigned int off, prev;
	unsigned int len;
	char name[EXT2_NAME_LEN];
};

#define DIR_HINTS	4

/* atime.c: inodes that have been read, whose access time is to be moved when the lock is free */
struct atime_queue {
	pthread_mutex_t mutex;
	unsigned int nr;
	ext2_ino_t inos[64];
};

struct server {
	struct options opt;
	struct source src;
	struct cache *cache;
	struct commits commits;
	struct careful careful;
	struct mmp mmp;
	struct pins pins;
	struct windows windows;
	struct spread spread;		/* of the file that is being allocated for */
	uint32_t stripe;		/* stripe.h, blocks; 0: none */
	struct trim trim;
	struct atime_queue atimes;
	struct delayed_total delayed;
	struct quota *quota;		/* NULL: the image has no accounts */
	ext2_filsys fs;
	struct system_zones *zones;	/* system_zone.h; from super_open() to super_close() */
	uint8_t *changed_groups;	/* bitmap_load.h; NULL: there are no bitmaps in memory, */
	int bitmaps_error;		/* and can't be */
	struct bitmap_use *bitmap_uses;	/* NULL: bitmaps are not trees */
	uint64_t bitmaps_loaded;	/* how often a group's was read; cold.c */
	uint32_t bitmaps_clock;
	uint64_t bitmaps_unread_free;	/* free blocks in groups that are not read, */
	uint64_t bitmaps_bad_free;	/* and in those of them whose bitmap is damaged */
	uint32_t *longest_runs;		/* alloc_search.h; of each group, blocks */
	dgrp_t bitmaps_nr_bad;		/* groups with a damaged bitmap of blocks */
	uint64_t bitmap_runs;		/* in what is in memory */
	uint64_t bitmap_runs_max;	/* more are too many */
	uint64_t nr_bitmap_changes;
	uint64_t bitmaps_to_write;	/* at most */
	bool changing_range;		/* alloc.c */
	struct {
		uint64_t failures, changes;
	} seen;				/* error.c */
	struct fuse_iomap_session *session;
	bool iomap_offered;		/* the kernel may move this process's data */
	int iomap_dev;			/* id of the registered device, 0: none */

	struct lock lock;		/* all below, and libext2fs */
	pthread_mutex_t library;	/* ... of which those who share the lock take turns */
	pthread_cond_t fetched;		/* cold.c: a block has been read without the lock */
	uint64_t held_since;		/* map.c: the lock, by one thread, ns; 0: not looked at */
	bool keeps_lock;		/* map.c: a long change may not let others have it */
	ext2_ino_t unnamed;		/* has lost its last name; ops.c takes it with the lock kept */
	unsigned int nr_leaving;	/* node.c: inodes that are being deleted, maybe without it */
	pthread_cond_t left;		/* ... there are none of these any more */
	uint64_t refused_at;		/* node.c: the last OPEN with ESTALE, s, CLOCK_MONOTONIC; 0: none */
	bool readonly;			/* mounted so, or after an error */
	bool shut_down;			/* by the kernel: the device is not touched any more */
	bool frozen;			/* the device stays as it is until the thaw */
	bool dirty;			/* something changed since the last flush */
	bool began;			/* super_begin() has changed the image */
	uint32_t sync_flags;		/* sync.h: EXT2_SYNC_FL, EXT2_DIRSYNC_FL of all inodes */
	bool was_valid;			/* the superblock said "clean" at mount; no journal */
	struct super_shared shared;	/* the superblock, with others */
	uint64_t overhead;		/* blocks that statfs doesn't count */
	uint64_t resv_blocks;		/* kept back for metadata */
	int64_t maxbytes_extent, maxbytes_indirect;
	struct node_table *nodes;
	struct dir_place dir_places[DIR_PLACES];
	struct dir_hint dir_hints[DIR_HINTS];
	unsigned int next_hint;
	bool hint_changes;		/* somebody is writing one */
	ext2_ino_t bad_index;		/* htree.c: the directory that was complained of last */

	pthread_t flusher;
	pthread_cond_t flusher_wake;
	bool flusher_runs, flusher_stop;
	struct durable_waiter *waiters;	/* durable.c; the youngest first */
	struct pressure *pressure;	/* pressure.c; NULL: nothing is watched */

	void (*ready)(struct server *s);	/* tell who waits that the mount works */
};

/* Who asks, for what depends on it */
struct caller {
	uid_t uid;
	gid_t gid;
	mode_t umask;
	uint64_t promised;	/* blocks kept back for what is being allocated (delayed.h) */
	bool unlimited;		/* by quotas: it can't be refused any more */
};

/*
 * error.c: what is done between both is done wholly, not at all, or has ended the use of
 * the file system.
 */
void errors_begin(struct server *s);
void errors_end(struct server *s);

static inline void server_lock(struct server *s)
{
	lock_alone(&s->lock);
	s->held_since = 0;
	errors_begin(s);
}

/* False: it would have to wait. */
static inline bool server_try_lock(struct server *s)
{
	if (!lock_try_alone(&s->lock))
		return false;
	errors_begin(s);
	return true;
}

static inline void server_unlock(struct server *s)
{
	errors_end(s);
	unlock_alone(&s->lock);
}

/* In the middle of what holds the lock, which others have meanwhile. */
static inline void server_wait(struct server *s, pthread_cond_t *cond)
{
	errors_end(s);
	lock_wait(&s->lock, cond);
	errors_begin(s);
}

/* Beside others: who may have to give up takes it by cold_lock(). */
static inline void server_lock_shared(struct server *s)
{
	lock_shared(&s->lock);
	cache_share(s->cache);
}

static inline void server_unlock_shared(struct server *s)
{
	cache_share_end(s->cache);
	unlock_shared(&s->lock);
}

/*
 * What can't be done beside others, or isn't worth it.  True: it has to be given up, with
 * whatever error, and is done anew with the lock alone.
 */
static inline bool server_gives_up(struct server *s)
{
	return s->cache && cache_give_up(s->cache);
}

/* Around calls of libext2fs that only read, in what may run beside others */
static inline void library_begin(struct server *s)
{
	if (cache_is_shared(s->cache))
		pthread_mutex_lock(&s->library);
}

static inline void library_end(struct server *s)
{
	if (cache_is_shared(s->cache))
		pthread_mutex_unlock(&s->library);
}

static inline unsigned int block_bits(const struct server *s)
{
	return EXT2_BLOCK_SIZE_BITS(s->fs->super);
}

/*
 * error.c
 */

/*
 * What a libext2fs error means to a caller of the file system.  Corruption is
 * reported and handled as fs_error() does; @ino (or 0) is where it was.
 */
int lib_error(struct server *s, errcode_t err, ext2_ino_t ino);
/* The file system is corrupt at inode @ino, block @blk (0: unknown).  Returns -EUCLEAN. */
int fs_error(struct server *s, ext2_ino_t ino, uint64_t blk, const char *what);

/*
 * readonly.c: the mount can't be for writing, as @fmt says, and can be for reading.
 * Returns -EROFS; if s->opt.readonly is set then, preparing the mount has to begin anew.
 * @else_how: NULL, or what to do to have it for writing
 */
int readonly_instead(struct server *s, const char *else_how, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * readonly.c: s->readonly has been set because of an error.  The kernel is told: it asks for
 * each write from now on, and if it can the mount is read-only for everybody to see.
 */
void turned_readonly(struct server *s);

/*
 * super.c
 */

/* Read, check and open the file system on s->src.dev.  Says why it can't. */
int super_open(struct server *s);
/* The mount is going to succeed: mark the superblock mounted. */
int super_begin(struct server *s);
/* Write everything and mark it clean.  The file system is closed afterwards. */
int super_close(struct server *s);
/* What libext2fs keeps in memory, superblock, descriptors and bitmaps, goes to the cache. */
int super_collect(struct server *s);
/* Put the file system into a state that needs no recovery; and be ready for changes again. */
int super_freeze(struct server *s);
int super_thaw(struct server *s);
void super_statfs(struct server *s, struct statvfs *st);
/*
 * The flusher thread commits what has changed every few seconds (-o commit), and does what
 * is due of durable.h and checkpoint.h.
 */
int super_start_flusher(struct server *s);
void super_stop_flusher(struct server *s);
/* With the lock: something may be due. */
void super_wake_flusher(struct server *s);
/* -EROFS when nothing may change, -EIO after a shutdown. */
int super_may_write(const struct server *s);
/*
 * The same before what takes or frees blocks or inodes, and the bitmaps are in memory.
 * -EUCLEAN, -EIO, -ENOMEM: they can't be
 */
int super_may_allocate(struct server *s);

/* features.c: NULL, or the name of a feature of @super that a mount can't do. */
const char *features_unsupported(const struct ext2_super_block *super, bool readonly);

#endif
