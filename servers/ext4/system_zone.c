// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The list of system zones: see system_zone.h.
 */
#include "system_zone.h"

#include <errno.h>
#include <stdlib.h>

struct system_zones *system_zones_create(void)
{
	return calloc(1, sizeof(struct system_zones));
}

void system_zones_destroy(struct system_zones *z)
{
	if (!z)
		return;
	free(z->list);
	free(z);
}

bool system_zones_add(struct system_zones *z, uint64_t first, uint64_t len)
{
	struct system_zone *last = z->nr ? &z->list[z->nr - 1] : NULL;

	if (!len)
		return true;
	if (last && last->end == first) {
		last->end += len;
		return true;
	}
	if (z->nr == z->room) {
		size_t room = z->room ? z->room * 2 : 256;
		struct system_zone *list = realloc(z->list, room * sizeof(*list));

		if (!list)
			return false;
		z->list = list;
		z->room = room;
	}
	z->list[z->nr++] = (struct system_zone){ first, first + len };
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct system_zone *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

static void sort(struct system_zones *z)
{
	qsort(z->list, z->nr, sizeof(*z->list), compare);
}

/* Zones that touch or overlap become one. */
static void merge(struct system_zones *z)
{
	size_t nr = 0;

	for (size_t i = 1; i < z->nr; i++) {
		const struct system_zone *next = &z->list[i];
		struct system_zone *last = &z->list[nr];

		if (next->first > last->end)
			z->list[++nr] = *next;
		else if (next->end > last->end)
			last->end = next->end;
	}
	z->nr = nr + 1;
}

int system_zones_finish(struct system_zones *z, ext2_filsys fs)
{
	uint64_t mask = EXT2FS_CLUSTER_MASK(fs), blocks = ext2fs_blocks_count(fs->super);
	struct system_zone *list;

	sort(z);
	for (size_t i = 1; i < z->nr; i++)
		if (z->list[i].first < z->list[i - 1].end)
			return -EUCLEAN;
	for (size_t i = 0; i < z->nr; i++) {
		z->list[i].first &= ~mask;
		if (z->list[i].end <= UINT64_MAX - mask)
			z->list[i].end = (z->list[i].end + mask) & ~mask;
	}
	/* block 0 is nobody's, also where the first superblock is in block 1 */
	if (!system_zones_add(z, 0, fs->super->s_first_data_block + 1ULL) ||
	    !system_zones_add(z, blocks, UINT64_MAX - blocks))
		return -ENOMEM;
	sort(z);
	merge(z);
	/* the list stays for as long as the mount does; map_valid_range() looks at two zones */
	list = realloc(z->list, (z->nr + 1) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	list[z->nr] = (struct system_zone){ UINT64_MAX, UINT64_MAX };
	z->list = list;
	z->room = z->nr + 1;
	z->hint = 0;
	return 0;
}

/* The last zone that begins at or before @pblk.  The first one begins at 0. */
static size_t find(const struct system_zones *z, uint64_t pblk)
{
	size_t low = 0, high = z->nr;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (z->list[mid].first <= pblk)
			low = mid;
		else
			high = mid;
	}
	return low;
}

bool system_zones_miss(struct system_zones *z, uint64_t pblk, uint64_t len)
{
	size_t i = find(z, pblk);

	/* the last zone reaches to the end of all numbers, so there is one behind any other */
	if (pblk < z->list[i].end || i + 1 == z->nr || len > z->list[i + 1].first - pblk)
		return false;
	__atomic_store_n(&z->hint, i, __ATOMIC_RELAXED);
	return true;
}

bool system_zones_next(const struct system_zones *z, uint64_t from, uint64_t to, uint64_t *first,
		       uint64_t *end)
{
	size_t i = find(z, from);

	if (z->list[i].end <= from)
		i++;
	if (from >= to || i == z->nr || z->list[i].first >= to)
		return false;
	*first = z->list[i].first > from ? z->list[i].first : from;
	*end = z->list[i].end < to ? z->list[i].end : to;
	return true;
}
