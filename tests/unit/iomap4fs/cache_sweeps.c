// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Blocks that are put in place without the lock: what gets there is what was committed, never
 * what has changed since; and as long as the journal has a copy of a block, dropping it
 * revokes it.  Between two halves of a sweep everything happens that may happen under the
 * lock meanwhile.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/cache.h"

#define BS	1024
#define BLOCKS	4000
/* so many are written at once */
#define AT_ONCE	(256 * 1024 / BS)

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
	unsigned char block[BS] = { 0 };

	CHECK(!device_read(dev, block, BS, blk * BS));
	return block[0];
}

static int in_cache(struct cache *cache, uint64_t blk)
{
	unsigned char block[BS] = { 0 };

	CHECK(!cache_read(cache, blk * BS, block, BS));
	return block[0];
}

/* How many blocks and revokes it had */
static void commit(struct cache *cache, uint32_t sequence, size_t blocks, size_t revokes)
{
	struct journal_content content;

	CHECK(!cache_commit_begin(cache, &content));
	CHECK(content.nr_blocks == blocks);
	CHECK(content.nr_revokes == revokes);
	cache_commit_end(cache, &content, true, sequence);
}

static void step(struct cache *cache, struct cache_sweep *sweep)
{
	CHECK(cache_sweep_take(cache, sweep));
	CHECK(!cache_sweep_write(sweep));
	cache_sweep_done(cache, sweep, true);
}

static void run(const struct device *dev)
{
	struct cache *cache = cache_create(dev, BS, BLOCKS * BS);
	struct cache_sweep *sweep;

	CHECK(cache);
	if (!cache)
		return;
	cache_use_journal(cache);

	/* 1: blocks 0 ..., in three parts */
	for (uint64_t i = 0; i < 3 * AT_ONCE; i++)
		put(cache, i, 1);
	put(cache, 2000, 1);
	commit(cache, 1, 3 * AT_ONCE + 1, 0);
	/* changed before it begins, dropped before it begins */
	put(cache, 1, 2);
	cache_forget(cache, 2, 1);
	CHECK(cache_nr_revokes(cache) == 1);
	CHECK(!cache_sweep_begin(cache, &sweep));

	/* changed, and dropped, while they are being written */
	CHECK(cache_sweep_take(cache, sweep));
	put(cache, 3, 2);
	cache_forget(cache, 4, 1);
	put(cache, 4, 2);
	CHECK(!cache_sweep_write(sweep));
	cache_sweep_done(cache, sweep, true);
	CHECK(on_device(dev, 0) == 1);
	CHECK(on_device(dev, 1) == 0);
	CHECK(on_device(dev, 2) == 0);
	CHECK(on_device(dev, 3) == 1);
	CHECK(in_cache(cache, 3) == 2);
	CHECK(in_cache(cache, 4) == 2);

	/* between two parts: in its place, but the journal has it still */
	CHECK(cache_nr_revokes(cache) == 2);
	cache_forget(cache, 5, 1);
	CHECK(cache_nr_revokes(cache) == 3);
	cache_shrink(cache, 0);
	CHECK(cache_nr_blocks(cache) == 3 * AT_ONCE + 1 - 2);
	/* those that come now: changed; changed and committed */
	put(cache, AT_ONCE + 10, 2);
	commit(cache, 2, 4, 3);
	put(cache, AT_ONCE + 11, 3);
	step(cache, sweep);
	CHECK(on_device(dev, AT_ONCE + 9) == 1);
	CHECK(on_device(dev, AT_ONCE + 10) == 2);
	CHECK(on_device(dev, AT_ONCE + 11) == 0);
	/* one that couldn't be written is tried another time */
	CHECK(cache_sweep_take(cache, sweep));
	cache_sweep_done(cache, sweep, false);
	while (cache_sweep_take(cache, sweep)) {
		CHECK(!cache_sweep_write(sweep));
		cache_sweep_done(cache, sweep, true);
	}
	cache_sweep_end(sweep);
	CHECK(!cache_sweep_begin(cache, &sweep));
	while (cache_sweep_take(cache, sweep)) {
		CHECK(!cache_sweep_write(sweep));
		cache_sweep_done(cache, sweep, true);
	}
	CHECK(on_device(dev, 2000) == 1);
	CHECK(on_device(dev, 2 * AT_ONCE + 20) == 1);
	CHECK(on_device(dev, 3) == 2);
	CHECK(on_device(dev, AT_ONCE + 11) == 0);
	commit(cache, 3, 1, 0);

	/* transactions 1 and 2 go: what only they have can leave the cache, and needs no revoke */
	cache_sweep_forgotten(cache, sweep, 3);
	cache_sweep_end(sweep);
	CHECK(cache_nr_logged(cache) == 1);
	cache_forget(cache, 3, 1);
	CHECK(cache_nr_revokes(cache) == 0);
	cache_shrink(cache, 0);
	CHECK(cache_nr_blocks(cache) == 1);
	cache_forget(cache, AT_ONCE + 11, 1);
	CHECK(cache_nr_revokes(cache) == 1);
	CHECK(on_device(dev, AT_ONCE + 11) == 0);
	cache_destroy(cache);
}

int main(void)
{
	struct device dev;
	FILE *f = tmpfile();

	CHECK(f && !ftruncate(fileno(f), (off_t)BLOCKS * BS));
	if (failures || device_init(&dev, fileno(f), false))
		return 1;
	run(&dev);
	fclose(f);
	return failures != 0;
}
