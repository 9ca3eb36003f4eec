// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The metadata block cache: a hash table of blocks and an LRU list.  See
 * cache.h for the rules.
 *
 * Eviction takes clean blocks from the cold end of the list.  When too many
 * blocks are dirty all of them are written at once, sorted, because one sweep
 * over the device is cheaper than a seek for each.
 */
#include "store/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* one write of neighbouring dirty blocks is at most this long, bytes */
#define CLUSTER_MAX	(256U * 1024)

struct block {
	uint64_t nr;
	struct block *hash_next;
	struct block *lru_prev, *lru_next;	/* prev: towards the hot end */
	char *data;
	bool dirty;
	bool verified;
};

struct cache {
	const struct device *dev;
	uint32_t blocksize;
	uint64_t nr_blocks, max_blocks;
	uint64_t nr_dirty;
	uint64_t nr_buckets;			/* power of two */
	struct block **buckets;
	struct block *hot, *cold;
	char *cluster;				/* staging area of write-back */
	int error;				/* of a write-back not reported yet */
};

struct cache *cache_create(const struct device *dev, uint32_t blocksize, uint64_t size)
{
	struct cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	cache->dev = dev;
	cache->blocksize = blocksize;
	cache->max_blocks = size / blocksize;
	if (cache->max_blocks < 64)
		cache->max_blocks = 64;
	for (cache->nr_buckets = 64; cache->nr_buckets < cache->max_blocks;)
		cache->nr_buckets *= 2;
	cache->buckets = calloc(cache->nr_buckets, sizeof(*cache->buckets));
	if (!cache->buckets || posix_memalign((void **)&cache->cluster, 4096, CLUSTER_MAX)) {
		free(cache->buckets);
		free(cache);
		return NULL;
	}
	return cache;
}

void cache_destroy(struct cache *cache)
{
	struct block *b, *next;

	if (!cache)
		return;
	for (b = cache->hot; b; b = next) {
		next = b->lru_next;
		free(b->data);
		free(b);
	}
	free(cache->cluster);
	free(cache->buckets);
	free(cache);
}

uint32_t cache_blocksize(const struct cache *cache)
{
	return cache->blocksize;
}

static struct block **bucket_of(struct cache *cache, uint64_t nr)
{
	return &cache->buckets[(nr * 0x9e3779b97f4a7c15ULL >> 32) & (cache->nr_buckets - 1)];
}

static void lru_unlink(struct cache *cache, struct block *b)
{
	if (b->lru_prev)
		b->lru_prev->lru_next = b->lru_next;
	else
		cache->hot = b->lru_next;
	if (b->lru_next)
		b->lru_next->lru_prev = b->lru_prev;
	else
		cache->cold = b->lru_prev;
}

static void lru_push(struct cache *cache, struct block *b)
{
	b->lru_prev = NULL;
	b->lru_next = cache->hot;
	if (cache->hot)
		cache->hot->lru_prev = b;
	else
		cache->cold = b;
	cache->hot = b;
}

static struct block *find(struct cache *cache, uint64_t nr)
{
	struct block *b = *bucket_of(cache, nr);

	while (b && b->nr != nr)
		b = b->hash_next;
	if (b && b != cache->hot) {
		lru_unlink(cache, b);
		lru_push(cache, b);
	}
	return b;
}

static void unhash(struct cache *cache, struct block *b)
{
	struct block **link = bucket_of(cache, b->nr);

	while (*link != b)
		link = &(*link)->hash_next;
	*link = b->hash_next;
}

static void drop(struct cache *cache, struct block *b)
{
	unhash(cache, b);
	lru_unlink(cache, b);
	if (b->dirty)
		cache->nr_dirty--;
	cache->nr_blocks--;
	free(b->data);
	free(b);
}

static int by_number(const void *a, const void *b)
{
	const struct block *x = *(struct block *const *)a;
	const struct block *y = *(struct block *const *)b;

	return x->nr < y->nr ? -1 : x->nr > y->nr;
}

/* Write @n blocks with consecutive numbers. */
static int write_run(struct cache *cache, struct block **run, size_t n)
{
	const char *data = run[0]->data;
	int err;

	if (n > 1) {
		for (size_t i = 0; i < n; i++)
			memcpy(cache->cluster + i * cache->blocksize, run[i]->data,
			       cache->blocksize);
		data = cache->cluster;
	}
	err = device_write(cache->dev, data, n * cache->blocksize,
			   run[0]->nr * cache->blocksize);
	if (err)
		return err;
	for (size_t i = 0; i < n; i++)
		run[i]->dirty = false;
	cache->nr_dirty -= n;
	return 0;
}

static int write_dirty(struct cache *cache)
{
	size_t n = 0, total = cache->nr_dirty;
	size_t run_max = CLUSTER_MAX / cache->blocksize;
	struct block **list;
	int first_err = 0;

	if (!total)
		return 0;
	list = malloc(total * sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (struct block *b = cache->hot; b && n < total; b = b->lru_next)
		if (b->dirty)
			list[n++] = b;
	qsort(list, n, sizeof(*list), by_number);

	for (size_t i = 0, len; i < n; i += len) {
		int err;

		len = 1;
		while (i + len < n && len < run_max && list[i + len]->nr == list[i]->nr + len)
			len++;
		err = write_run(cache, list + i, len);
		if (err && !first_err)
			first_err = err;
	}
	free(list);
	if (first_err && !cache->error)
		cache->error = first_err;
	return first_err;
}

/*
 * Keep the bound.  Blocks that can't be written stay: losing memory to a
 * failing device is better than losing metadata that may still be read here.
 */
static void make_room(struct cache *cache)
{
	struct block *b, *prev;

	if (cache->nr_dirty > cache->max_blocks / 2)
		write_dirty(cache);
	for (b = cache->cold; b && cache->nr_blocks >= cache->max_blocks; b = prev) {
		prev = b->lru_prev;
		if (!b->dirty)
			drop(cache, b);
	}
}

/* Get @nr into the cache; @fill: its present contents matter. */
static int get(struct cache *cache, uint64_t nr, bool fill, struct block **out)
{
	struct block *b = find(cache, nr);
	struct block **bucket;
	int err;

	if (b) {
		*out = b;
		return 0;
	}
	if (nr > UINT64_MAX / cache->blocksize - 1)
		return -EIO;
	make_room(cache);

	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	if (posix_memalign((void **)&b->data, cache->blocksize < 4096 ? cache->blocksize : 4096,
			   cache->blocksize)) {
		free(b);
		return -ENOMEM;
	}
	b->nr = nr;
	if (fill) {
		err = device_read(cache->dev, b->data, cache->blocksize, nr * cache->blocksize);
		if (err) {
			free(b->data);
			free(b);
			return err;
		}
	}
	bucket = bucket_of(cache, nr);
	b->hash_next = *bucket;
	*bucket = b;
	lru_push(cache, b);
	cache->nr_blocks++;
	*out = b;
	return 0;
}

int cache_read(struct cache *cache, uint64_t off, void *buf, uint64_t len)
{
	while (len) {
		uint64_t in = off % cache->blocksize;
		uint64_t n = cache->blocksize - in;
		struct block *b;
		int err;

		if (n > len)
			n = len;
		err = get(cache, off / cache->blocksize, true, &b);
		if (err)
			return err;
		memcpy(buf, b->data + in, n);
		buf = (char *)buf + n;
		off += n;
		len -= n;
	}
	return 0;
}

int cache_write(struct cache *cache, uint64_t off, const void *buf, uint64_t len)
{
	while (len) {
		uint64_t in = off % cache->blocksize;
		uint64_t n = cache->blocksize - in;
		struct block *b;
		bool cached;
		int err;

		if (n > len)
			n = len;
		if (off > cache->dev->size || n > cache->dev->size - off)
			return -EIO;
		cached = find(cache, off / cache->blocksize);
		err = get(cache, off / cache->blocksize, n < cache->blocksize, &b);
		if (err)
			return err;
		/*
		 * libext2fs rewrites all bitmaps when one bit has changed;
		 * what is the same needs no I/O.
		 */
		if ((!cached && n == cache->blocksize) || memcmp(b->data + in, buf, n)) {
			memcpy(b->data + in, buf, n);
			if (!b->dirty) {
				b->dirty = true;
				cache->nr_dirty++;
			}
		}
		buf = (const char *)buf + n;
		off += n;
		len -= n;
	}
	return 0;
}

int cache_peek(struct cache *cache, uint64_t blk, const void **data, bool **verified)
{
	struct block *b;
	int err = get(cache, blk, true, &b);

	if (err)
		return err;
	*data = b->data;
	if (verified)
		*verified = &b->verified;
	return 0;
}

void cache_forget(struct cache *cache, uint64_t blk, uint64_t count)
{
	struct block *b, *next;

	if (count > cache->nr_blocks) {
		for (b = cache->hot; b; b = next) {
			next = b->lru_next;
			if (b->nr >= blk && b->nr - blk < count)
				drop(cache, b);
		}
		return;
	}
	for (; count; blk++, count--) {
		b = find(cache, blk);
		if (b)
			drop(cache, b);
	}
}

int cache_flush(struct cache *cache)
{
	int err = write_dirty(cache);
	int flush_err = device_flush(cache->dev);

	if (!err)
		err = cache->error;
	cache->error = 0;
	return err ? err : flush_err;
}

bool cache_is_dirty(const struct cache *cache)
{
	return cache->nr_dirty || cache->error;
}
