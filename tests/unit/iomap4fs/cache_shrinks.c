// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The metadata cache gives up clean blocks only, the coldest first: what isn't in its
 * place, changed or in the journal, stays, and is right, until it is.
 */
#include <stdio.h>
#include <stdlib.h>
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

static void put(struct cache *cache, uint64_t blk, int c)
{
	char block[BS];

	memset(block, c, BS);
	CHECK(!cache_write(cache, blk * BS, block, BS));
}

static int on_device(const struct device *dev, uint64_t blk)
{
	unsigned char block[BS];

	CHECK(!device_read(dev, block, BS, blk * BS));
	return block[0];
}

static int in_cache(struct cache *cache, uint64_t blk)
{
	unsigned char block[BS];

	CHECK(!cache_read(cache, blk * BS, block, BS));
	return block[0];
}

/* Change on the device what is cached: so it shows whether a block is read again. */
static void poke(const struct device *dev, uint64_t blk, int c)
{
	char block[BS];

	memset(block, c, BS);
	CHECK(!device_write(dev, block, BS, blk * BS));
}

static void with_journal(const struct device *dev)
{
	struct cache *cache = cache_create(dev, BS, BLOCKS * BS);
	struct journal_content content;

	CHECK(cache);
	if (!cache)
		return;
	cache_use_journal(cache);
	for (uint64_t i = 0; i < 400; i++)
		CHECK(in_cache(cache, i) == 0);
	/* 0..99 go to the journal, 50..149 are changed */
	for (uint64_t i = 0; i < 100; i++)
		put(cache, i, 1);
	CHECK(!cache_commit_begin(cache, &content));
	CHECK(content.nr_blocks == 100);
	/* being committed: pinned */
	cache_shrink(cache, 0);
	CHECK(cache_nr_blocks(cache) == 100);
	cache_commit_end(cache, &content, true, 1);
	for (uint64_t i = 50; i < 150; i++)
		put(cache, i, 2);
	for (uint64_t i = 150; i < 400; i++)
		CHECK(in_cache(cache, i) == 0);
	CHECK(cache_nr_blocks(cache) == 400);

	/* the coldest of the clean ones */
	cache_shrink(cache, 300);
	CHECK(cache_nr_blocks(cache) == 300);
	poke(dev, 150, 9);
	poke(dev, 399, 9);
	CHECK(in_cache(cache, 150) == 9);
	CHECK(in_cache(cache, 399) == 0);
	cache_shrink(cache, 0);
	CHECK(cache_nr_blocks(cache) == 150);
	CHECK(cache_nr_dirty(cache) == 100);
	for (uint64_t i = 0; i < 150; i++) {
		CHECK(on_device(dev, i) == 0);
		CHECK(in_cache(cache, i) == (i < 50 ? 1 : 2));
	}
	/* a bound below what is pinned hurts nobody */
	cache_set_max_blocks(cache, 10);
	CHECK(cache_max_blocks(cache) == 64);
	CHECK(in_cache(cache, 700) == 0);
	for (uint64_t i = 0; i < 150; i++)
		CHECK(in_cache(cache, i) == (i < 50 ? 1 : 2));
	CHECK(!cache_commit_begin(cache, &content));
	cache_commit_end(cache, &content, true, 1);
	CHECK(!cache_checkpoint(cache));
	for (uint64_t i = 0; i < 150; i++)
		CHECK(on_device(dev, i) == (i < 50 ? 1 : 2));
	cache_shrink(cache, 0);
	CHECK(cache_nr_blocks(cache) == 0);
	cache_destroy(cache);
}

static void without_journal(const struct device *dev)
{
	struct cache *cache = cache_create(dev, BS, BLOCKS * BS);
	struct journal_content content;

	CHECK(cache);
	if (!cache)
		return;
	for (uint64_t i = 500; i < 600; i++)
		CHECK(in_cache(cache, i) == 0);
	for (uint64_t i = 500; i < 520; i++)
		put(cache, i, 3);
	cache_shrink(cache, 0);
	CHECK(cache_nr_blocks(cache) == 20);
	CHECK(on_device(dev, 500) == 0);
	CHECK(!cache_commit_begin(cache, &content) && content.nr_blocks == 20);
	cache_shrink(cache, 0);
	CHECK(cache_nr_blocks(cache) == 20);
	/* freed while they are written: nobody has to be told, and they are not written again */
	cache_forget(cache, 500, 2);
	CHECK(!cache_nr_revokes(cache));
	CHECK(cache_is_dirty(cache));
	cache_written(cache, &content);
	CHECK(!cache_is_dirty(cache));
	cache_shrink(cache, 0);
	CHECK(cache_nr_blocks(cache) == 0);
	cache_destroy(cache);
}

int main(void)
{
	struct device dev;
	FILE *f = tmpfile();

	if (!f || ftruncate(fileno(f), BLOCKS * BS) || device_init(&dev, fileno(f), false)) {
		perror("tmpfile");
		return 1;
	}
	with_journal(&dev);
	without_journal(&dev);
	fclose(f);
	return failures ? 1 : 0;
}
