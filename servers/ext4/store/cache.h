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
 * Invariants:
 *  - a block that isn't in use by metadata has no cached copy: whoever frees a
 *    metadata block or takes blocks for data calls cache_forget(), so that no
 *    stale dirty copy can be written over data;
 *  - a write error is remembered until cache_flush() has reported it; the block
 *    stays dirty.
 *
 * Locking: none here, the server lock serialises all calls.
 */
#ifndef IOMAP4FS_CACHE_H
#define IOMAP4FS_CACHE_H

#include <stdbool.h>
#include <stdint.h>

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
 * call of any cache function.  *@verified is a mark that callers may set when
 * they have checked the block's checksum; it is cleared when the block comes
 * from the device.  @verified may be NULL.
 */
int cache_peek(struct cache *cache, uint64_t blk, const void **data, bool **verified);

/* Drop blocks, dirty or not: they are not metadata any more. */
void cache_forget(struct cache *cache, uint64_t blk, uint64_t count);

/*
 * Write all dirty blocks, in order of their number, and flush the device.
 * Returns the first error, also one of an earlier write-back.
 */
int cache_flush(struct cache *cache);

/* Anything dirty? */
bool cache_is_dirty(const struct cache *cache);

#endif
