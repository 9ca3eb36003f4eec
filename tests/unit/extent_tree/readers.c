// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Readers without a lock beside a writer: every answer must be one that the tree
 * has given at some moment.  usage: readers [SECONDS]
 *
 * What the writer stores says by itself whether it is whole: of an extent of kind k,
 * every block b lies at address b + k * STRIDE of device k + 1.  An answer put
 * together of two extents, or of one that was just being moved, does not.
 *
 * A grace period here is the moment when the writer holds a lock that each reader
 * holds shared while it is in the tree.
 */
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include "extent_tree.h"

#define READERS		3
#define BLOCKS		20000
#define KINDS		5
#define STRIDE		(1 << 20)

static struct extent_tree tree;
static atomic_bool stop;
static atomic_ulong wrong, found;

static u64 next_random(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static bool is_whole(const struct et_extent *e, u64 block)
{
	return e->kind < KINDS && e->dev == e->kind + 1 && block - e->offset < e->length &&
	       e->addr == e->offset + (u64)e->kind * STRIDE;
}

static void *reader(void *arg)
{
	u64 state = 88172645463325252ULL + (uintptr_t)arg;
	unsigned long nr = 0;
	struct et_extent e;
	u64 block = 0;

	while (!atomic_load(&stop)) {
		/* the first goes in order, as the tree's hints are for */
		block = (arg ? next_random(&state) : block + 1) % BLOCKS;
		if (!et_lookup(&tree, block, &e))
			continue;
		nr++;
		if (!is_whole(&e, block))
			atomic_fetch_add(&wrong, 1);
	}
	atomic_fetch_add(&found, nr);
	return NULL;
}

static void change(u64 *state)
{
	u64 r = next_random(state);
	struct et_extent e = {
		.offset = r % BLOCKS,
		.length = 1 + (r >> 20) % 6,
		.kind = (r >> 30) % KINDS,
	};

	e.dev = e.kind + 1;
	e.addr = e.offset + (u64)e.kind * STRIDE;
	switch ((r >> 40) % 64) {
	case 0:
		et_remove(&tree, e.offset, 500);
		break;
	case 1:
		et_evict(&tree, tree.bytes - tree.bytes / 16, UINT_MAX);
		break;
	case 2 ... 16:
		et_remove(&tree, e.offset, e.length);
		break;
	default:
		et_store(&tree, &e);
		break;
	}
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 3);
	pthread_t threads[READERS];
	unsigned long changes = 0;
	u64 state = 1234567;
	long i;

	et_init(&tree);
	for (i = 0; i < READERS; i++) {
		if (pthread_create(&threads[i], NULL, reader, (void *)i))
			return 2;
	}
	while (time(NULL) < end) {
		for (i = 0; i < 2000; i++)
			change(&state);
		changes += i;
		et_collect_garbage();
	}
	atomic_store(&stop, true);
	for (i = 0; i < READERS; i++)
		pthread_join(threads[i], NULL);
	printf("readers: %lu changes, %lu answers, %lu wrong\n", changes, atomic_load(&found),
	       atomic_load(&wrong));
	if (et_check(&tree)) {
		printf("the tree is broken: %s\n", et_check(&tree));
		return 1;
	}
	et_destroy(&tree);
	et_collect_garbage();
	return atomic_load(&wrong) || !atomic_load(&found);
}
