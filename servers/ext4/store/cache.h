/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The metadata store: a write-back cache of file system blocks over a device.
 *
 * All metadata goes through here, file data never does.  A block is one file
 * system block, so that writing a cached block back can't touch a neighbour
 * that the kernel is writing file data to.
 *
 *	libext2fs --> io_manager.c --> cache --> device (O_DIRECT)
 *	dir.c -------------------------^
 *
 * A block goes through these states:
 *
 *	clean --> dirty --> committing --> logged --> clean
 *	            ^            |            |
 *	            +------------+------------+    changed again
 *
 * Without one, but written carefully, there is no "logged".
 *
 * dirty: part of the running transaction; committing: of the one that is being
 * written to the journal; logged: a copy is in the journal; it may be in its place, too,
 * but recovery would write it once more.  Dirty may come together with either of the others;
 * then the contents to put in place are gone until the next commit.
 *
 * Invariants:
 *  - a block that isn't in use by metadata has no cached copy: whoever frees a
 *    metadata block or takes blocks for data calls cache_forget(), so that no
 *    stale dirty copy can be written over data;
 *  - a write error is remembered until cache_write_back() has reported it; the block
 *    stays dirty;
 *  - with a journal only clean blocks leave the cache, and only cache_checkpoint(),
 *    cache_sweep_write() and cache_write_through() write in place;
 *  - a block that is dropped while a copy of it may be in the journal is revoked by
 *    the running transaction;
 *  - what is read without the lock gets in only if nothing was written to its place, and
 *    nobody has dropped it, since the reading began.
 *
 * Locking: none here.  The server lock is held for all calls but cache_fetch_read() and
 * cache_sweep_write(): alone, or shared with others who all have called cache_share().
 */
#ifndef IOMAP4FS_CACHE_H
#define IOMAP4FS_CACHE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "journal/journal.h"
#include "store/device.h"

struct cache;

/* @size: bound of the cached bytes.  NULL when out of memory. */
struct cache *cache_create(const struct device *dev, uint32_t blocksize, uint64_t size);
/* Frees, unwritten blocks are lost. */
void cache_destroy(struct cache *cache);

uint32_t cache_blocksize(const struct cache *cache);

/* Byte ranges of any alignment.  0 or -errno. */
int cache_read(struct cache *cache, uint64_t off, void *buf, uint64_t len);
int cache_write(struct cache *cache, uint64_t off, const void *buf, uint64_t len);

/*
 * The block itself, to read in place.  The pointer is valid until the next
 * call of any cache function, or shared until cache_share_end().  *@verified is a mark that
 * callers may set when they have checked the block's checksum; it is cleared when the block
 * comes from the device.  @verified may be NULL.
 */
int cache_peek(struct cache *cache, uint64_t blk, const void **data, bool **verified);

static inline bool cache_is_verified(const bool *verified)
{
	return __atomic_load_n(verified, __ATOMIC_RELAXED);
}

/* Maybe two at once do */
static inline void cache_set_verified(bool *verified)
{
	__atomic_store_n(verified, true, __ATOMIC_RELAXED);
}

/*
 * The block itself, to change in place: it counts as changed from now on.  The pointer
 * is valid as long as that of cache_peek(), and what is done has to be done by then.
 */
int cache_change(struct cache *cache, uint64_t blk, void **data);
/* The same of a block that is all zero from now on, whatever is on the device. */
int cache_new(struct cache *cache, uint64_t blk, void **data);

/* Drop blocks, dirty or not: they are not metadata any more. */
void cache_forget(struct cache *cache, uint64_t blk, uint64_t count);

/* @blk won't be needed soon: a copy that is the same as on the device goes. */
void cache_drop_clean(struct cache *cache, uint64_t blk);

/* How often a block could not be brought in; and how often contents were changed */
uint64_t cache_nr_failures(const struct cache *cache);
uint64_t cache_nr_changes(const struct cache *cache);

/*
 * How many blocks there are; and another bound, of which nothing comes but by
 * cache_shrink(), or when the next blocks are read.
 */
uint64_t cache_nr_blocks(const struct cache *cache);
void cache_set_max_blocks(struct cache *cache, uint64_t blocks);
/* Drop clean blocks, the coldest first, until there are @blocks or none is clean. */
void cache_shrink(struct cache *cache, uint64_t blocks);

/* Anything dirty? */
bool cache_is_dirty(const struct cache *cache);

/*
 * Reading without the lock (cold.c)
 *
 * While the cache is tried, a block that would have to be read is noted instead, and
 * -CACHE_COLD is returned. From then on nothing can be changed: whatever the caller makes of
 * that error, it has to begin again when the block is there. The first change without
 * anything noted ends the trying.
 */

/* Nothing else returns this, but who wants to know looks at cache_missed(). */
#define CACHE_COLD	EINPROGRESS

void cache_try(struct cache *cache);
/* Stop trying.  True if something was noted */
bool cache_try_end(struct cache *cache);
/* Was something noted?  False if the cache isn't being tried */
bool cache_is_trying(const struct cache *cache);
bool cache_missed(const struct cache *cache);
/* While trying: @blk will be needed, too. */
void cache_want(struct cache *cache, uint64_t blk);

/*
 * Looking side by side (cold.h)
 *
 * While a thread shares the cache it can look at what is there, and at nothing else: where a
 * block would have to be read or changed it gives up, which is -CACHE_COLD and counts as
 * missed, but nothing is noted.  All this is of the calling thread only.
 */
void cache_share(struct cache *cache);
void cache_share_end(struct cache *cache);
bool cache_is_shared(const struct cache *cache);
/* For who can't go on for reasons of his own: true if the thread shares the cache */
bool cache_give_up(struct cache *cache);

struct cache_fetch;

/*
 * Take what was noted, to be read.  -EALREADY if somebody else is reading all that.  @first:
 * what was noted first
 */
int cache_fetch_begin(struct cache *cache, struct cache_fetch **f, uint64_t *first);
/* Without the lock.  0 or -errno: what was noted first can't be read. */
int cache_fetch_read(struct cache_fetch *f);
/* What can be used goes into the cache.  Frees @f. */
void cache_fetch_end(struct cache *cache, struct cache_fetch *f);
/* Is somebody reading it? */
bool cache_is_fetched(const struct cache *cache, uint64_t blk);

/*
 * With a journal
 */

/* From now on nothing is written but through the functions below.  Nothing may be dirty. */
void cache_use_journal(struct cache *cache);
/*
 * While @on, blocks that are not cached are read before they are written, and
 * stay clean if they are the same.  Returns what it was before.
 */
bool cache_compare_writes(struct cache *cache, bool on);

/* Blocks and revokes of the running transaction */
uint64_t cache_nr_dirty(const struct cache *cache);
uint64_t cache_nr_revokes(const struct cache *cache);
/* Blocks that the cache can't give up before a checkpoint, of how many it should hold */
uint64_t cache_nr_pinned(const struct cache *cache);
uint64_t cache_max_blocks(const struct cache *cache);

/*
 * Take the running transaction, sorted, for a commit; the next one begins.  The
 * data stays as it is until the cache is written to.  0 or -ENOMEM; @c is to be
 * given back with cache_commit_end().
 */
int cache_commit_begin(struct cache *cache, struct journal_content *c);
/*
 * It is in the journal, as transaction @sequence; or nothing will ever be written again if
 * not @logged.
 */
void cache_commit_end(struct cache *cache, struct journal_content *c, bool logged,
		      uint32_t sequence);
/*
 * Write logged blocks in place a few at a time, without the lock.  What is written is a copy
 * of what was committed last: a block that has changed since then is left out, it will be
 * in the journal again.  Nothing may be committed, nor be put in place by other means, between
 * cache_sweep_take() and cache_sweep_done(): so nothing that is on its way can become free
 * for something else meanwhile.
 */
struct cache_sweep;

/* Blocks that are logged */
uint64_t cache_nr_logged(const struct cache *cache);
/* All that is logged now.  0 or -ENOMEM */
int cache_sweep_begin(struct cache *cache, struct cache_sweep **sweep);
/* The next ones.  False: there are none left. */
bool cache_sweep_take(struct cache *cache, struct cache_sweep *sweep);
/* Without the lock.  Doesn't flush. */
int cache_sweep_write(struct cache_sweep *sweep);
/*
 * They are in their places if @written.  They stay logged: as long as there is a copy in the
 * journal, they have to be revoked when they are dropped.
 */
void cache_sweep_done(struct cache *cache, struct cache_sweep *sweep, bool written);
/* The journal has no transaction before @sequence any more. */
void cache_sweep_forgotten(struct cache *cache, struct cache_sweep *sweep, uint32_t sequence);
void cache_sweep_end(struct cache_sweep *sweep);

/*
 * Whoever writes block @blk in place gives what is going to be written to @fix, which may change
 * it.  The cached copy stays as it is.  With or without the lock, but one writer at a time.
 */
void cache_set_fix(struct cache *cache, uint64_t blk, void (*fix)(void *arg, char *data),
		   void *arg);
/* For who writes by himself: @data are going to be written to @blk. */
void cache_fix(const struct cache *cache, uint64_t blk, char *data);
/*
 * Write all logged blocks in place and flush the device.  Nothing may be dirty or
 * being committed.
 */
int cache_checkpoint(struct cache *cache);
/* Write a block that is dirty, and the only one that is, in place.  Doesn't flush. */
int cache_write_through(struct cache *cache, uint64_t blk);

/*
 * Without a journal: what was taken is written in place by who has taken it, in an order that
 * takes the following into account (careful.h).
 */

/*
 * Of the blocks that @keeps says so of, what was in them when they became dirty is kept, if there
 * is memory for it.
 */
void cache_keep_before(struct cache *cache, bool (*keeps)(const void *arg, uint64_t nr),
		       const void *arg);
/* That of a dirty block, or NULL; valid as the pointer of cache_peek() */
const char *cache_before(struct cache *cache, uint64_t blk);
/* That of a block that was taken, to be freed by the caller */
char *cache_take_before(struct cache *cache, uint64_t blk);
/* A dirty block is one of a directory. */
void cache_order_dir(struct cache *cache, uint64_t blk);
/* Names that are somewhere else on the device have come to @blk, a new block. */
void cache_order_moved(struct cache *cache, uint64_t blk);
/* Something will be written later because of what was put into @blk. */
void cache_order_await(struct cache *cache, uint64_t blk);
/* @then is to be written later than @first, which is awaited. */
void cache_order_after(struct cache *cache, uint64_t first, uint64_t then);
/* Can @blk no longer become the one that is written later? */
bool cache_order_is_fixed(struct cache *cache, uint64_t blk);
/*
 * The level of a block that was taken: it comes behind those with lower ones; 0: it's none of a
 * directory.  The next transaction begins with none.
 */
unsigned int cache_take_order(struct cache *cache, uint64_t blk);
/* What cache_commit_begin() has taken has been written. */
void cache_written(struct cache *cache, struct journal_content *c);

#endif
