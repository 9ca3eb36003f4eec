// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The metadata block cache: a hash table of blocks and an LRU list.  See
 * cache.h for the rules.
 *
 * Eviction takes clean blocks from the cold end of the list.
 *
 * Only commits and checkpoints write.  The cache grows beyond its bound rather than give up
 * what isn't in its place; whoever decides on commits looks at cache_nr_dirty() and
 * cache_nr_pinned() to prevent that.
 */
#include "store/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* one write of neighbouring dirty blocks is at most this long, bytes */
#define CLUSTER_MAX	(256U * 1024)
/* a bound is at least this, blocks */
#define BLOCKS_MIN	64
/* so many are read without the lock at a time */
#define NOTES_MAX	DEVICE_PIECES_MAX

struct block {
	uint64_t nr;
	struct block *hash_next;
	struct block *lru_prev, *lru_next;	/* prev: towards the hot end */
	struct block *dirty_prev, *dirty_next;	/* list of the dirty ones */
	char *data;
	bool used;				/* by somebody who couldn't make it hot */
	bool dirty;
	bool committing, logged;		/* with a journal: see cache.h */
	bool sweeping, placed;			/* what is logged is being put in place, is there */
	uint32_t sequence;			/* of the transaction that logged it last */
	bool verified;
	bool unread;				/* what the device has was never here */
	uint16_t level;				/* without a journal: see cache.h */
	bool awaited, moved;
	char *before;				/* contents when it became dirty, or NULL */
};

/* Of the device, see region_of() */
#define REGION_BITS	12
#define REGIONS		65536U			/* power of two */

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
	uint32_t *regions;			/* cached blocks there, see region_of() */
	uint64_t nr_failures, nr_changes;
	bool revokes;				/* are kept for the next transaction */
	void (*fix)(void *arg, char *data);	/* of block @fix_blk, before it is written */
	void *fix_arg;
	uint64_t fix_blk;
	bool (*keeps)(const void *arg, uint64_t nr);
	const void *keeps_arg;
	bool compare;				/* also with what is on the device */
	bool trying;
	unsigned int nr_notes;
	uint64_t notes[NOTES_MAX];		/* what was missing, the first one first */
	struct cache_fetch *fetches;		/* on their way */
};

struct cache_fetch {
	struct cache_fetch *next;
	const struct device *dev;
	uint32_t blocksize;
	unsigned int nr;
	struct {
		struct block *block;		/* not in the cache yet */
		bool stale;			/* written or dropped meanwhile */
		bool failed;
	} parts[NOTES_MAX];
};

/* This thread shares the cache, and found that it can't do with that. */
static __thread bool sharing, gave_up;

struct cache_sweep {
	const struct cache *cache;		/* for what doesn't change */
	const struct device *dev;
	uint32_t blocksize;
	size_t nr, next;			/* of @all, and the first that wasn't taken */
	size_t nr_taken;
	char *copies;				/* of those taken */
	uint64_t *taken;
	uint64_t all[];				/* numbers, in order */
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
	cache->regions = calloc(REGIONS, sizeof(*cache->regions));
	if (!cache->buckets || !cache->regions ||
	    posix_memalign((void **)&cache->cluster, 4096, CLUSTER_MAX)) {
		free(cache->regions);
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
		free(b->before);
		free(b);
	}
	for (b = cache->revoked; b; b = next) {
		next = b->hash_next;
		free(b);
	}
	free(cache->cluster);
	free(cache->regions);
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

/*
 * Freeing a large file forgets millions of blocks of which next to none is cached.  So the
 * cached blocks of each region of the device are counted; regions that share a counter only
 * make it say more than there are.
 */
static uint32_t *region_of(const struct cache *cache, uint64_t nr)
{
	return &cache->regions[(nr >> REGION_BITS) & (REGIONS - 1)];
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

/* Doesn't make it hot. */
static struct block *look_up(struct cache *cache, uint64_t nr)
{
	struct block *b = *bucket_of(cache, nr);

	while (b && b->nr != nr)
		b = b->hash_next;
	return b;
}

static void make_hot(struct cache *cache, struct block *b)
{
	lru_unlink(cache, b);
	lru_push(cache, b);
}

/*
 * Who shares the cache can't change the list.  He marks what he finds, and where eviction comes
 * to a mark the block goes to the hot end.
 */
static struct block *find(struct cache *cache, uint64_t nr)
{
	struct block *b = look_up(cache, nr);

	if (sharing) {
		/* mostly it is marked already: so its line stays in all processors' caches */
		if (b && !__atomic_load_n(&b->used, __ATOMIC_RELAXED))
			__atomic_store_n(&b->used, true, __ATOMIC_RELAXED);
		return b;
	}
	if (b && b != cache->hot)
		make_hot(cache, b);
	return b;
}

static void unhash(struct cache *cache, struct block *b)
{
	struct block **link = bucket_of(cache, b->nr);

	while (*link != b)
		link = &(*link)->hash_next;
	*link = b->hash_next;
}

static void keep_before(struct cache *cache, struct block *b)
{
	if (b->unread || !cache->keeps(cache->keeps_arg, b->nr))
		return;
	free(b->before);
	b->before = malloc(cache->blocksize);
	if (b->before)
		memcpy(b->before, b->data, cache->blocksize);
}

/* What is in it is going to change. */
static void set_dirty(struct cache *cache, struct block *b)
{
	if (b->dirty)
		return;
	if (cache->keeps)
		keep_before(cache, b);
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

/* What is being read without the lock is not what is there any more. */
static void outdate(struct cache *cache, uint64_t nr, uint64_t count)
{
	for (struct cache_fetch *f = cache->fetches; f; f = f->next)
		for (unsigned int i = 0; i < f->nr; i++)
			if (f->parts[i].block->nr >= nr && f->parts[i].block->nr - nr < count)
				f->parts[i].stale = true;
}

static void drop(struct cache *cache, struct block *b)
{
	unhash(cache, b);
	lru_unlink(cache, b);
	clear_dirty(cache, b);
	cache->nr_blocks--;
	--*region_of(cache, b->nr);
	free(b->data);
	free(b->before);
	cache->nr_committing -= b->committing;
	cache->nr_logged -= b->logged;
	if (!cache->revokes || (!b->committing && !b->logged)) {
		free(b);
		return;
	}
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

static bool is_fixed(const struct cache *cache, uint64_t blk)
{
	return cache->fix && blk == cache->fix_blk;
}

void cache_set_fix(struct cache *cache, uint64_t blk, void (*fix)(void *arg, char *data),
		   void *arg)
{
	cache->fix_blk = blk;
	cache->fix_arg = arg;
	cache->fix = fix;
}

void cache_fix(const struct cache *cache, uint64_t blk, char *data)
{
	if (is_fixed(cache, blk))
		cache->fix(cache->fix_arg, data);
}

/* Write @n blocks with consecutive numbers in place. */
static int write_run(struct cache *cache, struct block **run, size_t n)
{
	const char *data = run[0]->data;
	int err;

	if (n > 1 || is_fixed(cache, run[0]->nr)) {
		for (size_t i = 0; i < n; i++) {
			char *copy = cache->cluster + i * cache->blocksize;

			memcpy(copy, run[i]->data, cache->blocksize);
			cache_fix(cache, run[i]->nr, copy);
		}
		data = cache->cluster;
	}
	/* even if it fails: nobody knows then what is there */
	outdate(cache, run[0]->nr, n);
	err = device_write(cache->dev, data, n * cache->blocksize,
			   run[0]->nr * cache->blocksize);
	if (err)
		return err;
	for (size_t i = 0; i < n; i++) {
		clear_dirty(cache, run[i]);
		cache->nr_logged -= run[i]->logged;
		run[i]->logged = run[i]->placed = false;
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

/*
 * Keep the bound.  Blocks that can't be written stay: losing memory to a
 * failing device is better than losing metadata that may still be read here.
 */
static void make_room(struct cache *cache)
{
	if (cache->nr_blocks - cache_nr_pinned(cache) == 0)
		return;
	cache_shrink(cache, cache->max_blocks - 1);
}

void cache_shrink(struct cache *cache, uint64_t blocks)
{
	struct block *b, *prev;

	for (b = cache->cold; b && cache->nr_blocks > blocks; b = prev) {
		prev = b->lru_prev;
		if (b->used && prev) {
			/* the way to the hot end leads here once more, then without a mark */
			b->used = false;
			make_hot(cache, b);
		} else if (!b->dirty && !b->committing && !b->logged) {
			drop(cache, b);
		}
	}
}

uint64_t cache_nr_blocks(const struct cache *cache)
{
	return cache->nr_blocks;
}

static struct block *new_block(uint32_t blocksize, uint64_t nr)
{
	struct block *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	if (posix_memalign((void **)&b->data, blocksize < 4096 ? blocksize : 4096, blocksize)) {
		free(b);
		return NULL;
	}
	b->nr = nr;
	return b;
}

static void free_block(struct block *b)
{
	free(b->data);
	free(b);
}

static void insert(struct cache *cache, struct block *b)
{
	struct block **bucket = bucket_of(cache, b->nr);

	b->hash_next = *bucket;
	*bucket = b;
	++*region_of(cache, b->nr);
	lru_push(cache, b);
	/* else those that are used all the time would push it out at once */
	b->used = true;
	cache->nr_blocks++;
}

static int note(struct cache *cache, uint64_t nr)
{
	if (sharing)
		gave_up = true;
	else if (cache->nr_notes < NOTES_MAX)
		cache->notes[cache->nr_notes++] = nr;
	return -CACHE_COLD;
}

/* Get @nr into the cache; @fill: its present contents matter. */
static int get(struct cache *cache, uint64_t nr, bool fill, struct block **out)
{
	struct block *b = find(cache, nr);
	int err;

	if (b) {
		*out = b;
		return 0;
	}
	if (nr > UINT64_MAX / cache->blocksize - 1)
		return -EIO;
	if (fill && cache_is_trying(cache))
		return note(cache, nr);
	make_room(cache);

	b = new_block(cache->blocksize, nr);
	if (!b) {
		cache->nr_failures++;
		return -ENOMEM;
	}
	if (fill) {
		err = device_read(cache->dev, b->data, cache->blocksize, nr * cache->blocksize);
		if (!err && cache->dev->replace)
			err = cache->dev->replace(cache->dev->replace_arg, b->data,
						  cache->blocksize, nr * cache->blocksize);
		if (err) {
			cache->nr_failures++;
			free_block(b);
			return err;
		}
	}
	b->unread = !fill;
	insert(cache, b);
	*out = b;
	return 0;
}

/* Something is going to be changed: no way back any more. */
static int stop_trying(struct cache *cache)
{
	if (cache_give_up(cache))
		return -CACHE_COLD;
	if (!cache->trying)
		return 0;
	if (cache->nr_notes)
		return -CACHE_COLD;
	cache->trying = false;
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
	int ret = stop_trying(cache);

	while (len && !ret) {
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
			set_dirty(cache, b);
			memcpy(b->data + in, buf, n);
			cache->nr_changes++;
		}
		buf = (const char *)buf + n;
		off += n;
		len -= n;
	}
	return ret;
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
	int err = stop_trying(cache);

	if (!err)
		err = get(cache, blk, fill, b);
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

	if (cache_give_up(cache))
		return;
	/* who forgets has decided to change something before */
	if (stop_trying(cache))
		cache->nr_failures++;
	outdate(cache, blk, count);
	if (count > cache->nr_blocks) {
		for (b = cache->hot; b; b = next) {
			next = b->lru_next;
			if (b->nr >= blk && b->nr - blk < count)
				drop(cache, b);
		}
		return;
	}
	while (count) {
		uint64_t n = (1ULL << REGION_BITS) - (blk & ((1ULL << REGION_BITS) - 1));

		if (n > count)
			n = count;
		count -= n;
		if (!*region_of(cache, blk)) {
			blk += n;
			continue;
		}
		for (; n; blk++, n--) {
			b = look_up(cache, blk);
			if (b)
				drop(cache, b);
		}
	}
}

void cache_drop_clean(struct cache *cache, uint64_t blk)
{
	struct block *b = sharing ? NULL : look_up(cache, blk);

	if (b && !b->dirty && !b->committing && !b->logged)
		drop(cache, b);
}

uint64_t cache_nr_failures(const struct cache *cache)
{
	return cache->nr_failures;
}

uint64_t cache_nr_changes(const struct cache *cache)
{
	return cache->nr_changes;
}

/*
 * Reading without the lock
 */

void cache_try(struct cache *cache)
{
	cache->trying = true;
	cache->nr_notes = 0;
}

bool cache_try_end(struct cache *cache)
{
	bool missed = cache_missed(cache);

	if (cache->trying)
		cache->trying = false;
	return missed;
}

bool cache_is_trying(const struct cache *cache)
{
	return cache->trying || sharing;
}

bool cache_missed(const struct cache *cache)
{
	return sharing ? gave_up : cache->trying && cache->nr_notes;
}

void cache_want(struct cache *cache, uint64_t blk)
{
	if (cache_is_trying(cache) && blk < cache->dev->size / cache->blocksize && !find(cache, blk))
		note(cache, blk);
}

void cache_share(struct cache *cache)
{
	(void)cache;
	sharing = true;
}

void cache_share_end(struct cache *cache)
{
	(void)cache;
	sharing = gave_up = false;
}

bool cache_is_shared(const struct cache *cache)
{
	(void)cache;
	return sharing;
}

bool cache_give_up(struct cache *cache)
{
	(void)cache;
	gave_up |= sharing;
	return sharing;
}

bool cache_is_fetched(const struct cache *cache, uint64_t blk)
{
	for (const struct cache_fetch *f = cache->fetches; f; f = f->next)
		for (unsigned int i = 0; i < f->nr; i++)
			if (f->parts[i].block->nr == blk && !f->parts[i].stale)
				return true;
	return false;
}

static bool is_part(const struct cache_fetch *f, uint64_t nr)
{
	for (unsigned int i = 0; i < f->nr; i++)
		if (f->parts[i].block->nr == nr)
			return true;
	return false;
}

int cache_fetch_begin(struct cache *cache, struct cache_fetch **out, uint64_t *first)
{
	struct cache_fetch *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->dev = cache->dev;
	f->blocksize = cache->blocksize;
	*first = cache->notes[0];
	for (unsigned int i = 0; i < cache->nr_notes; i++) {
		struct block *b;

		if (is_part(f, cache->notes[i]) || cache_is_fetched(cache, cache->notes[i]))
			continue;
		b = new_block(cache->blocksize, cache->notes[i]);
		if (b)
			f->parts[f->nr++].block = b;
		else if (!i)
			break;
	}
	cache->nr_notes = 0;
	if (!f->nr) {
		free(f);
		return cache_is_fetched(cache, *first) ? -EALREADY : -ENOMEM;
	}
	f->next = cache->fetches;
	cache->fetches = f;
	*out = f;
	return 0;
}

/* Blocks with consecutive numbers at once.  -errno: at least one of them can't be read. */
static int read_run(struct cache_fetch *f, unsigned int i, unsigned int n)
{
	void *bufs[NOTES_MAX];

	for (unsigned int k = 0; k < n; k++)
		bufs[k] = f->parts[i + k].block->data;
	return device_read_pieces(f->dev, bufs, n, f->blocksize,
				  f->parts[i].block->nr * f->blocksize);
}

int cache_fetch_read(struct cache_fetch *f)
{
	int first_err = 0;

	for (unsigned int i = 0, n; i < f->nr; i += n) {
		int err;

		for (n = 1; i + n < f->nr; n++)
			if (f->parts[i + n].block->nr != f->parts[i].block->nr + n)
				break;
		err = read_run(f, i, n);
		/* maybe only one that nobody has asked for */
		if (err && n > 1) {
			n = 1;
			err = read_run(f, i, n);
		}
		for (unsigned int k = i; k < i + n; k++)
			f->parts[k].failed = err;
		if (err && !i)
			first_err = err;
	}
	return first_err;
}

void cache_fetch_end(struct cache *cache, struct cache_fetch *f)
{
	struct cache_fetch **link = &cache->fetches;

	/*
	 * The last first, so that what was noted first is the hottest.  What is left of @f can
	 * still become stale: making room may write blocks.
	 */
	for (; f->nr; f->nr--) {
		struct block *b = f->parts[f->nr - 1].block;

		make_room(cache);
		if (f->parts[f->nr - 1].stale || f->parts[f->nr - 1].failed ||
		    find(cache, b->nr))
			free_block(b);
		else
			insert(cache, b);
	}
	while (*link != f)
		link = &(*link)->next;
	*link = f->next;
	free(f);
}

bool cache_is_dirty(const struct cache *cache)
{
	return cache->nr_dirty || cache->nr_committing;
}

/*
 * With a journal
 */

void cache_use_journal(struct cache *cache)
{
	cache->revokes = true;
}

bool cache_compare_writes(struct cache *cache, bool on)
{
	bool before = cache->compare;

	cache->compare = on;
	return before;
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
		*c = (struct journal_content){ 0 };
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

void cache_commit_end(struct cache *cache, struct journal_content *c, bool logged,
		      uint32_t sequence)
{
	for (size_t i = 0; logged && i < c->nr_blocks; i++) {
		struct block *b = look_up(cache, c->blocks[i].nr);

		/* freed meanwhile? */
		if (!b || !b->committing)
			continue;
		b->committing = false;
		cache->nr_committing--;
		cache->nr_logged += !b->logged;
		b->logged = true;
		b->placed = false;
		b->sequence = sequence;
	}
	free(c->blocks);
	free(c->revokes);
	*c = (struct journal_content){ 0 };
}

uint64_t cache_nr_logged(const struct cache *cache)
{
	return cache->nr_logged;
}

/* Is what is here what was committed last, and not in its place? */
static bool can_sweep(const struct block *b)
{
	return b->logged && !b->placed && !b->dirty && !b->committing;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int cache_sweep_begin(struct cache *cache, struct cache_sweep **out)
{
	size_t max = CLUSTER_MAX / cache->blocksize;
	struct cache_sweep *sweep = malloc(sizeof(*sweep) + cache->nr_logged * sizeof(uint64_t));

	if (!sweep)
		return -ENOMEM;
	*sweep = (struct cache_sweep){
		.cache = cache, .dev = cache->dev, .blocksize = cache->blocksize,
	};
	sweep->taken = calloc(max, sizeof(*sweep->taken));
	if (!sweep->taken || posix_memalign((void **)&sweep->copies, 4096, CLUSTER_MAX)) {
		free(sweep->taken);
		free(sweep);
		return -ENOMEM;
	}
	for (struct block *b = cache->hot; b && sweep->nr < cache->nr_logged; b = b->lru_next)
		if (b->logged)
			sweep->all[sweep->nr++] = b->nr;
	qsort(sweep->all, sweep->nr, sizeof(*sweep->all), by_value);
	*out = sweep;
	return 0;
}

bool cache_sweep_take(struct cache *cache, struct cache_sweep *sweep)
{
	size_t max = CLUSTER_MAX / cache->blocksize;

	for (; sweep->next < sweep->nr && sweep->nr_taken < max; sweep->next++) {
		struct block *b = look_up(cache, sweep->all[sweep->next]);

		if (!b || !can_sweep(b))
			continue;
		memcpy(sweep->copies + sweep->nr_taken * cache->blocksize, b->data,
		       cache->blocksize);
		sweep->taken[sweep->nr_taken++] = b->nr;
		b->sweeping = true;
	}
	return sweep->nr_taken;
}

int cache_sweep_write(struct cache_sweep *sweep)
{
	size_t bs = sweep->blocksize;
	int first_err = 0;

	for (size_t i = 0, len; i < sweep->nr_taken; i += len) {
		int err;

		for (len = 1; i + len < sweep->nr_taken; len++)
			if (sweep->taken[i + len] != sweep->taken[i] + len)
				break;
		for (size_t k = i; k < i + len; k++)
			cache_fix(sweep->cache, sweep->taken[k], sweep->copies + k * bs);
		err = device_write(sweep->dev, sweep->copies + i * bs, len * bs,
				   sweep->taken[i] * bs);
		if (err && !first_err)
			first_err = err;
	}
	return first_err;
}

void cache_sweep_done(struct cache *cache, struct cache_sweep *sweep, bool written)
{
	for (size_t i = 0; i < sweep->nr_taken; i++) {
		struct block *b = look_up(cache, sweep->taken[i]);

		outdate(cache, sweep->taken[i], 1);
		/* maybe changed meanwhile; one that was dropped is another one now */
		if (!b || !b->sweeping)
			continue;
		b->sweeping = false;
		b->placed = written;
	}
	sweep->nr_taken = 0;
}

void cache_sweep_forgotten(struct cache *cache, struct cache_sweep *sweep, uint32_t sequence)
{
	for (size_t i = 0; i < sweep->nr; i++) {
		struct block *b = look_up(cache, sweep->all[i]);

		if (!b || !b->logged || !b->placed || (int32_t)(b->sequence - sequence) >= 0)
			continue;
		b->logged = b->placed = false;
		cache->nr_logged--;
	}
}

void cache_sweep_end(struct cache_sweep *sweep)
{
	if (!sweep)
		return;
	free(sweep->copies);
	free(sweep->taken);
	free(sweep);
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

/*
 * Without a journal
 */

void cache_keep_before(struct cache *cache, bool (*keeps)(const void *arg, uint64_t nr),
		       const void *arg)
{
	cache->keeps = keeps;
	cache->keeps_arg = arg;
}

const char *cache_before(struct cache *cache, uint64_t blk)
{
	const struct block *b = look_up(cache, blk);

	return b ? b->before : NULL;
}

char *cache_take_before(struct cache *cache, uint64_t blk)
{
	struct block *b = look_up(cache, blk);
	char *before = b->before;

	b->before = NULL;
	return before;
}

void cache_order_dir(struct cache *cache, uint64_t blk)
{
	struct block *b = look_up(cache, blk);

	if (b && !b->level)
		b->level = 1;
}

void cache_order_moved(struct cache *cache, uint64_t blk)
{
	struct block *b = look_up(cache, blk);

	if (b)
		b->moved = true;
}

void cache_order_await(struct cache *cache, uint64_t blk)
{
	struct block *b = look_up(cache, blk);

	if (b)
		b->awaited = true;
}

void cache_order_after(struct cache *cache, uint64_t first, uint64_t then)
{
	const struct block *f = look_up(cache, first);
	struct block *t = look_up(cache, then);

	if (f && t && f != t && t->level <= f->level)
		t->level = f->level + 1;
}

bool cache_order_is_fixed(struct cache *cache, uint64_t blk)
{
	const struct block *b = look_up(cache, blk);

	return b && b->dirty && (b->awaited || b->moved || b->level == UINT16_MAX);
}

unsigned int cache_take_order(struct cache *cache, uint64_t blk)
{
	struct block *b = look_up(cache, blk);
	unsigned int level = b->level;

	b->level = 0;
	b->awaited = b->moved = false;
	return level;
}

void cache_written(struct cache *cache, struct journal_content *c)
{
	for (size_t i = 0; i < c->nr_blocks; i++) {
		struct block *b = look_up(cache, c->blocks[i].nr);

		outdate(cache, c->blocks[i].nr, 1);
		/* freed meanwhile? */
		if (!b || !b->committing)
			continue;
		b->committing = false;
		cache->nr_committing--;
	}
	free(c->blocks);
	free(c->revokes);
	*c = (struct journal_content){ 0 };
}
