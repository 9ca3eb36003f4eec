// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A thread that shares the cache sees what is there, and changes nothing: it gives up where a
 * block would have to be read or changed, and no other thread hears of that.  What it has used
 * stays when others go, as if it had been moved to the hot end.
 */
#include <pthread.h>
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

/* The contents, or an error */
static int get(struct cache *cache, uint64_t blk)
{
	unsigned char block[BS];
	int err = cache_read(cache, blk * BS, block, BS);

	return err ? err : block[0];
}

/* Contents on the device: so it shows whether a block is read again. */
static void poke(const struct device *dev, int c)
{
	static char blocks[BLOCKS * BS];

	memset(blocks, c, sizeof(blocks));
	CHECK(!device_write(dev, blocks, sizeof(blocks), 0));
}

static void fill(struct cache *cache, uint64_t from, uint64_t to)
{
	for (; from < to; from++)
		get(cache, from);
}

static void looks_only(struct cache *cache)
{
	uint64_t blocks, failed = cache_nr_failures(cache), changes = cache_nr_changes(cache);
	const char *text = "x";
	void *data;

	fill(cache, 0, 10);
	blocks = cache_nr_blocks(cache);
	cache_share(cache);
	CHECK(cache_is_shared(cache));
	CHECK(cache_is_trying(cache));
	CHECK(get(cache, 3) == 1);
	cache_want(cache, 4);
	CHECK(!cache_missed(cache));
	CHECK(get(cache, 20) == -CACHE_COLD);
	CHECK(cache_missed(cache));
	cache_share_end(cache);
	CHECK(!cache_missed(cache));
	CHECK(!cache_is_trying(cache));

	cache_share(cache);
	cache_want(cache, 21);
	CHECK(cache_missed(cache));
	cache_share_end(cache);

	for (int what = 0; what < 5; what++) {
		cache_share(cache);
		if (what == 0)
			CHECK(cache_write(cache, 3 * BS, text, 1) == -CACHE_COLD);
		else if (what == 1)
			CHECK(cache_change(cache, 3, &data) == -CACHE_COLD);
		else if (what == 2)
			CHECK(cache_new(cache, 30, &data) == -CACHE_COLD);
		else if (what == 3)
			cache_forget(cache, 3, 1);
		else
			CHECK(cache_give_up(cache));
		CHECK(cache_missed(cache));
		cache_share_end(cache);
	}
	CHECK(!cache_give_up(cache));
	CHECK(!cache_missed(cache));
	CHECK(!cache_is_dirty(cache));
	CHECK(cache_nr_blocks(cache) == blocks);
	CHECK(cache_nr_failures(cache) == failed);
	CHECK(cache_nr_changes(cache) == changes);
}

static void *other_thread(void *cache)
{
	CHECK(!cache_is_shared(cache));
	CHECK(!cache_missed(cache));
	cache_share(cache);
	CHECK(get(cache, 3) == 1);
	CHECK(!cache_missed(cache));
	cache_share_end(cache);
	return NULL;
}

static void concerns_one_thread(struct cache *cache)
{
	pthread_t t;

	cache_share(cache);
	CHECK(get(cache, 40) == -CACHE_COLD);
	if (pthread_create(&t, NULL, other_thread, cache))
		abort();
	pthread_join(t, NULL);
	CHECK(cache_missed(cache));
	cache_share_end(cache);
}

static void keeps_what_is_used(struct cache *cache, const struct device *dev)
{
	cache_shrink(cache, 0);
	/* what is new counts as used once, too: not after this */
	fill(cache, 0, 101);
	cache_shrink(cache, 100);
	poke(dev, 2);
	/* the coldest ones */
	cache_share(cache);
	for (uint64_t i = 1; i <= 10; i++)
		CHECK(get(cache, i) == 1);
	cache_share_end(cache);
	cache_shrink(cache, 50);
	CHECK(cache_nr_blocks(cache) == 50);
	cache_try(cache);
	for (uint64_t i = 1; i <= 10; i++)
		CHECK(get(cache, i) == 1);
	for (uint64_t i = 61; i <= 100; i++)
		CHECK(get(cache, i) == 1);
	CHECK(!cache_try_end(cache));
	CHECK(get(cache, 20) == 2);
	/* a mark is good for once */
	fill(cache, 200, 400);
	cache_shrink(cache, 200);
	CHECK(get(cache, 5) == 2);
	/* and keeps nothing for ever */
	cache_share(cache);
	for (uint64_t i = 200; i < 400; i++)
		get(cache, i);
	cache_share_end(cache);
	cache_shrink(cache, 0);
	CHECK(!cache_nr_blocks(cache));
}

int main(void)
{
	struct cache *cache;
	struct device dev;
	FILE *f = tmpfile();

	if (!f || ftruncate(fileno(f), BLOCKS * BS) || device_init(&dev, fileno(f), false)) {
		perror("tmpfile");
		return 1;
	}
	cache = cache_create(&dev, BS, BLOCKS * BS);
	if (!cache)
		return 1;
	poke(&dev, 1);
	looks_only(cache);
	concerns_one_thread(cache);
	keeps_what_is_used(cache, &dev);
	cache_destroy(cache);
	fclose(f);
	return failures ? 1 : 0;
}
