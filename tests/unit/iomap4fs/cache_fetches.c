// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Blocks that are read without the lock: what was read gets into the cache only if it is
 * what is there still.  Between the two halves of a fetch everything can happen that
 * happens under the lock.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/cache.h"

#define BS	1024
#define BLOCKS	1000

static int failures;

#define CHECK(condition) do {							\
	if (!(condition)) {							\
		printf("FAILED: line %d: %s\n", __LINE__, #condition);		\
		failures++;							\
	}									\
} while (0)

static void fill(char *block, int c)
{
	memset(block, c, BS);
}

static void put(struct cache *cache, uint64_t blk, int c)
{
	char block[BS];

	fill(block, c);
	CHECK(!cache_write(cache, blk * BS, block, BS));
}

/* The device's old contents are block number modulo 100. */
static void restore(const struct device *dev)
{
	char block[BS];

	for (uint64_t i = 0; i < BLOCKS; i++) {
		fill(block, i % 100);
		CHECK(!device_write(dev, block, BS, i * BS));
	}
}

/* What nobody but the cache could know to be there */
static void poke(const struct device *dev, uint64_t blk, int c)
{
	char block[BS];

	fill(block, c);
	CHECK(!device_write(dev, block, BS, blk * BS));
}

static int get(struct cache *cache, uint64_t blk)
{
	unsigned char block[BS] = { 0 };
	int err = cache_read(cache, blk * BS, block, BS);

	return err ? err : block[0];
}

/* Begin to read @blk and what else is wanted: the contents of now */
static struct cache_fetch *begin(struct cache *cache, uint64_t blk, unsigned int ahead)
{
	struct cache_fetch *f = NULL;
	uint64_t first = 0;

	cache_try(cache);
	CHECK(get(cache, blk) == -CACHE_COLD);
	for (unsigned int i = 1; i <= ahead; i++)
		cache_want(cache, blk + i);
	CHECK(cache_missed(cache));
	CHECK(cache_try_end(cache));
	CHECK(!cache_missed(cache));
	CHECK(!cache_fetch_begin(cache, &f, &first));
	CHECK(first == blk);
	CHECK(cache_is_fetched(cache, blk));
	CHECK(!cache_fetch_read(f));
	return f;
}

static void gets_in(struct cache *cache, const struct device *dev)
{
	struct cache_fetch *f;

	/* one that is there already needs not be read */
	CHECK(get(cache, 103) == 3);
	f = begin(cache, 101, 5);
	for (uint64_t i = 100; i < 110; i++)
		poke(dev, i, 99);
	cache_fetch_end(cache, f);
	CHECK(!cache_is_fetched(cache, 101));
	cache_try(cache);
	for (uint64_t i = 101; i <= 106; i++)
		CHECK(get(cache, i) == (int)(i % 100));
	CHECK(!cache_try_end(cache));
	CHECK(get(cache, 107) == 99);
	CHECK(!cache_nr_dirty(cache));
}

/* All that is dirty, in place */
static void write_carefully(struct cache *cache, const struct device *dev)
{
	struct journal_content content;

	CHECK(!cache_commit_begin(cache, &content));
	for (size_t i = 0; i < content.nr_blocks; i++)
		CHECK(!device_write(dev, content.blocks[i].data, BS, content.blocks[i].nr * BS));
	cache_written(cache, &content);
	CHECK(!cache_is_dirty(cache));
}

static void is_stale(struct cache *cache, const struct device *dev, bool journal)
{
	struct journal_content content;
	struct cache_fetch *f;

	/* written, put in its place, and dropped from the cache */
	f = begin(cache, 200, 2);
	put(cache, 201, 77);
	if (journal) {
		CHECK(!cache_commit_begin(cache, &content));
		cache_commit_end(cache, &content, true, 1);
		CHECK(!cache_checkpoint(cache));
	} else {
		write_carefully(cache, dev);
	}
	cache_shrink(cache, 0);
	CHECK(!cache_nr_blocks(cache));
	cache_fetch_end(cache, f);
	CHECK(cache_nr_blocks(cache) == 2);
	CHECK(get(cache, 200) == 0);
	CHECK(get(cache, 201) == 77);
	CHECK(get(cache, 202) == 2);

	/* changed, and still there */
	f = begin(cache, 210, 0);
	put(cache, 210, 78);
	cache_fetch_end(cache, f);
	CHECK(get(cache, 210) == 78);
	CHECK(cache_nr_dirty(cache) == 1);

	/* freed, and what is there is somebody's data */
	f = begin(cache, 220, 1);
	cache_forget(cache, 220, 1);
	CHECK(!cache_is_fetched(cache, 220));
	CHECK(cache_is_fetched(cache, 221));
	poke(dev, 220, 79);
	cache_fetch_end(cache, f);
	CHECK(get(cache, 220) == 79);
	CHECK(get(cache, 221) == 21);

	/* freed in a large piece */
	f = begin(cache, 230, 1);
	cache_forget(cache, 0, BLOCKS);
	cache_fetch_end(cache, f);
	CHECK(!cache_nr_blocks(cache));
}

static void needs_one_reader(struct cache *cache)
{
	struct cache_fetch *f = begin(cache, 500, 0), *second = NULL;
	uint64_t first = 0;

	cache_try(cache);
	CHECK(get(cache, 500) == -CACHE_COLD);
	CHECK(cache_try_end(cache));
	CHECK(cache_fetch_begin(cache, &second, &first) == -EALREADY);
	CHECK(first == 500 && !second);
	/* who doesn't try doesn't wait */
	CHECK(get(cache, 500) == 0);
	cache_fetch_end(cache, f);
	CHECK(get(cache, 500) == 0);
}

static void ends_at_changes(struct cache *cache)
{
	uint64_t failed = cache_nr_failures(cache);
	void *data;

	/* nothing missed: the first change ends it, and what it needs is read */
	cache_try(cache);
	CHECK(!cache_change(cache, 600, &data));
	CHECK(get(cache, 601) == 1);
	CHECK(!cache_try_end(cache));
	/* something missed: nothing can be changed */
	cache_try(cache);
	CHECK(get(cache, 602) == -CACHE_COLD);
	CHECK(cache_change(cache, 603, &data) == -CACHE_COLD);
	CHECK(cache_change(cache, 600, &data) == -CACHE_COLD);
	CHECK(cache_new(cache, 604, &data) == -CACHE_COLD);
	CHECK(cache_write(cache, 604 * BS, "x", 1) == -CACHE_COLD);
	CHECK(cache_nr_dirty(cache) == 1);
	CHECK(cache_try_end(cache));
	CHECK(cache_nr_failures(cache) == failed);
}

static void fails(struct cache *cache, struct device *dev)
{
	struct cache_fetch *f = NULL;
	uint64_t first = 0;

	cache_try(cache);
	CHECK(get(cache, 700) == -CACHE_COLD);
	cache_want(cache, 702);
	/* not on the device: nobody reads that in advance */
	cache_want(cache, BLOCKS);
	CHECK(cache_try_end(cache));
	CHECK(!cache_fetch_begin(cache, &f, &first));
	dev->size = 701 * BS;
	/* what was noted first is what counts */
	CHECK(!cache_fetch_read(f));
	cache_fetch_end(cache, f);
	CHECK(get(cache, 700) == 0);
	CHECK(get(cache, 702) == -EIO);
	cache_try(cache);
	CHECK(get(cache, 702) == -CACHE_COLD);
	CHECK(cache_try_end(cache));
	CHECK(!cache_fetch_begin(cache, &f, &first));
	CHECK(cache_fetch_read(f) == -EIO);
	cache_fetch_end(cache, f);
	dev->size = BLOCKS * BS;
	CHECK(get(cache, 702) == 2);
}

int main(void)
{
	struct device dev;
	FILE *f = tmpfile();

	if (!f || ftruncate(fileno(f), BLOCKS * BS) || device_init(&dev, fileno(f), false)) {
		perror("tmpfile");
		return 1;
	}
	for (int journal = 0; journal < 2; journal++) {
		struct cache *cache = cache_create(&dev, BS, BLOCKS * BS);

		CHECK(cache);
		if (!cache)
			break;
		restore(&dev);
		if (journal)
			cache_use_journal(cache);
		gets_in(cache, &dev);
		cache_shrink(cache, 0);
		is_stale(cache, &dev, journal);
		needs_one_reader(cache);
		ends_at_changes(cache);
		fails(cache, &dev);
		cache_destroy(cache);
	}
	restore(&dev);
	fclose(f);
	return failures ? 1 : 0;
}
