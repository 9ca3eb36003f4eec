// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The metadata block cache: a hash table of blocks and an LRU list.  See
 * cache.h for the rules.
 *
 * Eviction takes clean blocks from the cold end of the list.  When too many
 * blocks are dirty all of them are written at once, sorted, because one sweep
 * over the device is cheaper than a seek for each.
 *
 * With a journal only commits and checkpoints write.  The cache then grows beyond
 * its bound rather than give up what isn't in its place; whoever decides on
 * commits looks at cache_nr_dirty() and cache_nr_pinned() to prevent that.
 */
#include "store/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* one write of neighbouring dirty blocks is at most this long, bytes */
#define CLUSTER_MAX	(256U * 1024)
/* a bound is at least this, blocks */
#define BLOCKS_MIN	64

struct block {
	uint64_t nr;
	struct block *hash_next;
	struct block *lru_prev, *lru_next;	/* prev: towards the hot end */
	struct block *dirty_prev, *dirty_next;	/* list of the dirty ones */
	char *data;
	bool dirty;
	bool committing, logged;		/* with a journal: see cache.h */
	bool verified;
};

struct cache {
	const struct device *dev;
	uint32_t blocksize;
	uint64_t nr_blocks, max_blocks;
	uint64_t nr_dirty, nr_committing, nr_logged;
	uint64_t nr_buckets;			/* power of two */
	struct block **buckets;
	struct block *hot, *cold;
	struct block *dirty;			/* in no order */
	struct block *revoked;			/* without data, by hash_next */
	uint64_t nr_revoked;
	char *cluster;				/* staging area of write-back */
	int error;				/* of a write-back not reported yet */
	uint64_t nr_failures, nr_changes;
	bool journaled;
	bool compare;				/* also with what is on the device */
};

void cache_set_max_blocks(struct cache *cache, uint64_t blocks)
{
	cache->max_blocks = blocks < BLOCKS_MIN ? BLOCKS_MIN : blocks;
}

struct cache *cache_create(const struct device *dev, uint32_t blocksize, uint64_t size)
{
	struct cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	cache->dev = dev;
	cache->blocksize = blocksize;
	cache_set_max_blocks(cache, size / blocksize);
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
	for (b = cache->revoked; b; b = next) {
		next = b->hash_next;
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

static void set_dirty(struct cache *cache, struct block *b)
{
	if (b->dirty)
		return;
	b->dirty = true;
	b->dirty_prev = NULL;
	b->dirty_next = cache->dirty;
	if (cache->dirty)
		cache->dirty->dirty_prev = b;
	cache->dirty = b;
	cache->nr_dirty++;
}

static void clear_dirty(struct cache *cache, struct block *b)
{
	if (!b->dirty)
		return;
	b->dirty = false;
	if (b->dirty_prev)
		b->dirty_prev->dirty_next = b->dirty_next;
	else
		cache->dirty = b->dirty_next;
	if (b->dirty_next)
		b->dirty_next->dirty_prev = b->dirty_prev;
	cache->nr_dirty--;
}

static void drop(struct cache *cache, struct block *b)
{
	unhash(cache, b);
	lru_unlink(cache, b);
	clear_dirty(cache, b);
	cache->nr_blocks--;
	free(b->data);
	if (!b->committing && !b->logged) {
		free(b);
		return;
	}
	cache->nr_committing -= b->committing;
	cache->nr_logged -= b->logged;
	b->hash_next = cache->revoked;
	cache->revoked = b;
	cache->nr_revoked++;
}

static int by_number(const void *a, const void *b)
{
	const struct block *x = *(struct block *const *)a;
	const struct block *y = *(struct block *const *)b;

	return x->nr < y->nr ? -1 : x->nr > y->nr;
}

/* Write @n blocks with consecutive numbers in place. */
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
	for (size_t i = 0; i < n; i++) {
		clear_dirty(cache, run[i]);
		cache->nr_logged -= run[i]->logged;
		run[i]->logged = false;
	}
	return 0;
}

/* Write blocks in place, in the order of their numbers.  The first error. */
static int write_list(struct cache *cache, struct block **list, size_t n)
{
	size_t run_max = CLUSTER_MAX / cache->blocksize;
	int first_err = 0;

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
	return first_err;
}

static int write_dirty(struct cache *cache)
{
	struct block **list;
	size_t n = 0;
	int err;

	if (!cache->nr_dirty)
		return 0;
	list = malloc(cache->nr_dirty * sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (struct block *b = cache->dirty; b; b = b->dirty_next)
		list[n++] = b;
	err = write_list(cache, list, n);
	free(list);
	if (err && !cache->error)
		cache->error = err;
	return err;
}

/*
 * Keep the bound.  Blocks that can't be written stay: losing memory to a
 * failing device is better than losing metadata that may still be read here.
 */
static void make_room(struct cache *cache)
{
	if (cache->nr_dirty > cache->max_blocks / 2 && !cache->journaled)
		write_dirty(cache);
	if (cache->nr_blocks - cache_nr_pinned(cache) == 0)
		return;
	cache_shrink(cache, cache->max_blocks - 1);
}

void cache_shrink(struct cache *cache, uint64_t blocks)
{
	struct block *b, *prev;

	for (b = cache->cold; b && cache->nr_blocks > blocks; b = prev) {
		prev = b->lru_prev;
		if (!b->dirty && !b->committing && !b->logged)
			drop(cache, b);
	}
}

uint64_t cache_nr_blocks(const struct cache *cache)
{
	return cache->nr_blocks;
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
	if (!b) {
		cache->nr_failures++;
		return -ENOMEM;
	}
	if (posix_memalign((void **)&b->data, cache->blocksize < 4096 ? cache->blocksize : 4096,
			   cache->blocksize)) {
		cache->nr_failures++;
		free(b);
		return -ENOMEM;
	}
	b->nr = nr;
	if (fill) {
		err = device_read(cache->dev, b->data, cache->blocksize, nr * cache->blocksize);
		if (err) {
			cache->nr_failures++;
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
		err = get(cache, off / cache->blocksize,
			  n < cache->blocksize || cache->compare, &b);
		if (err)
			return err;
		/*
		 * libext2fs rewrites all bitmaps when one bit has changed;
		 * what is the same needs no I/O.
		 */
		if ((!cached && n == cache->blocksize && !cache->compare) ||
		    memcmp(b->data + in, buf, n)) {
			memcpy(b->data + in, buf, n);
			set_dirty(cache, b);
			cache->nr_changes++;
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

static int get_to_change(struct cache *cache, uint64_t blk, bool fill, struct block **b)
{
	int err = get(cache, blk, fill, b);

	if (err)
		return err;
	set_dirty(cache, *b);
	cache->nr_changes++;
	return 0;
}

int cache_change(struct cache *cache, uint64_t blk, void **data)
{
	struct block *b;
	int err = get_to_change(cache, blk, true, &b);

	if (!err)
		*data = b->data;
	return err;
}

int cache_new(struct cache *cache, uint64_t blk, void **data)
{
	struct block *b;
	int err;

	if (blk >= cache->dev->size / cache->blocksize)
		return -EIO;
	err = get_to_change(cache, blk, false, &b);
	if (err)
		return err;
	memset(b->data, 0, cache->blocksize);
	*data = b->data;
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

uint64_t cache_nr_failures(const struct cache *cache)
{
	return cache->nr_failures;
}

uint64_t cache_nr_changes(const struct cache *cache)
{
	return cache->nr_changes;
}

bool cache_is_dirty(const struct cache *cache)
{
	return cache->nr_dirty || cache->nr_committing || cache->error;
}

/*
 * With a journal
 */

void cache_use_journal(struct cache *cache)
{
	cache->journaled = true;
}

void cache_compare_writes(struct cache *cache, bool on)
{
	cache->compare = on;
}

uint64_t cache_nr_dirty(const struct cache *cache)
{
	return cache->nr_dirty;
}

uint64_t cache_nr_revokes(const struct cache *cache)
{
	return cache->nr_revoked;
}

/* A block in two states counts twice: good enough for a decision. */
uint64_t cache_nr_pinned(const struct cache *cache)
{
	uint64_t n = cache->nr_dirty + cache->nr_committing + cache->nr_logged;

	return n < cache->nr_blocks ? n : cache->nr_blocks;
}

uint64_t cache_max_blocks(const struct cache *cache)
{
	return cache->max_blocks;
}

static int by_block_number(const void *a, const void *b)
{
	const struct journal_block *x = a, *y = b;

	return x->nr < y->nr ? -1 : x->nr > y->nr;
}

int cache_commit_begin(struct cache *cache, struct journal_content *c)
{
	struct block *b, *next;

	*c = (struct journal_content){
		.blocks = calloc(cache->nr_dirty + 1, sizeof(*c->blocks)),
		.revokes = calloc(cache->nr_revoked + 1, sizeof(*c->revokes)),
	};
	if (!c->blocks || !c->revokes) {
		free(c->blocks);
		free(c->revokes);
		return -ENOMEM;
	}
	for (b = cache->dirty; b; b = next) {
		next = b->dirty_next;
		c->blocks[c->nr_blocks++] = (struct journal_block){ b->nr, b->data };
		clear_dirty(cache, b);
		b->committing = true;
		cache->nr_committing++;
	}
	for (b = cache->revoked; b; b = next) {
		next = b->hash_next;
		c->revokes[c->nr_revokes++] = b->nr;
		free(b);
	}
	cache->revoked = NULL;
	cache->nr_revoked = 0;
	qsort(c->blocks, c->nr_blocks, sizeof(*c->blocks), by_block_number);
	return 0;
}

void cache_commit_end(struct cache *cache, struct journal_content *c, bool logged)
{
	for (size_t i = 0; logged && i < c->nr_blocks; i++) {
		struct block *b = *bucket_of(cache, c->blocks[i].nr);

		while (b && b->nr != c->blocks[i].nr)
			b = b->hash_next;
		/* freed meanwhile? */
		if (!b || !b->committing)
			continue;
		b->committing = false;
		cache->nr_committing--;
		cache->nr_logged += !b->logged;
		b->logged = true;
	}
	free(c->blocks);
	free(c->revokes);
	*c = (struct journal_content){ 0 };
}

int cache_checkpoint(struct cache *cache)
{
	struct block **list;
	size_t n = 0;
	int err;

	if (cache->nr_dirty || cache->nr_committing)
		return -EBUSY;
	if (!cache->nr_logged)
		return device_flush(cache->dev);
	list = malloc(cache->nr_logged * sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (struct block *b = cache->hot; b && n < cache->nr_logged; b = b->lru_next)
		if (b->logged)
			list[n++] = b;
	err = write_list(cache, list, n);
	free(list);
	return err ? err : device_flush(cache->dev);
}

int cache_write_through(struct cache *cache, uint64_t blk)
{
	struct block *b = find(cache, blk);

	if (!b || !b->dirty)
		return 0;
	if (cache->nr_dirty > 1 || cache->nr_committing)
		return -EBUSY;
	return write_run(cache, &b, 1);
}
