// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bounded lists of names: see listing.h.
 */
#include "listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * A directory of 256 KiB has at most 21,845 names, in 256 KiB.  The bounds leave room for it, and
 * a list of half of that is still worth a walk over a large directory.
 */
#define ITEMS_MAX	32768U
#define TEXT_MAX	(1U << 20)

/* Runs that are sorted by insertion before they are merged */
#define RUN		8U

static int compare_names(struct dir_name a, struct dir_name b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = memcmp(a.str, b.str, len);

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool listing_is_behind(const struct listing_place *place, uint64_t key, struct dir_name name)
{
	struct dir_name last = { place->name, place->len };

	if (key != place->key)
		return key > place->key;
	return place->len && compare_names(name, last) > 0;
}

static bool is_before(const struct listing *l, const struct listing_item *a,
		      const struct listing_item *b)
{
	const char *x = l->text + a->text, *y = l->text + b->text;

	if (a->key != b->key)
		return a->key < b->key;
	return compare_names((struct dir_name){ x + 2, (uint8_t)x[1] },
			     (struct dir_name){ y + 2, (uint8_t)y[1] }) < 0;
}

static void insertion_sort(const struct listing *l, struct listing_item *items, size_t nr)
{
	for (size_t i = 1; i < nr; i++) {
		struct listing_item item = items[i];
		size_t k = i;

		for (; k && is_before(l, &item, &items[k - 1]); k--)
			items[k] = items[k - 1];
		items[k] = item;
	}
}

static void merge(const struct listing *l, const struct listing_item *a,
		  const struct listing_item *a_end, const struct listing_item *b,
		  const struct listing_item *b_end, struct listing_item *to)
{
	while (a < a_end && b < b_end)
		*to++ = is_before(l, b, a) ? *b++ : *a++;
	memcpy(to, a, (a_end - a) * sizeof(*a));
	memcpy(to + (a_end - a), b, (b_end - b) * sizeof(*b));
}

static bool is_sorted(const struct listing *l)
{
	for (size_t i = 1; i < l->nr; i++)
		if (l->items[i].key <= l->items[i - 1].key)
			return false;
	return true;
}

/* The same name twice is damage; shown once it can be removed. */
static void drop_doubles(struct listing *l)
{
	size_t n = 1;

	for (size_t i = 1; i < l->nr; i++)
		if (is_before(l, &l->items[n - 1], &l->items[i]))
			l->items[n++] = l->items[i];
	l->nr = n;
}

int listing_sort(struct listing *l)
{
	struct listing_item *from = l->items, *to, *space;

	if (l->nr < 2 || is_sorted(l))
		return 0;
	for (size_t i = 0; i < l->nr; i += RUN)
		insertion_sort(l, from + i, l->nr - i < RUN ? l->nr - i : RUN);
	if (l->nr > RUN) {
		space = malloc(l->cap * sizeof(*space));
		if (!space)
			return -ENOMEM;
		to = space;
		for (size_t run = RUN; run < l->nr; run *= 2) {
			struct listing_item *swap = from;

			for (size_t i = 0; i < l->nr; i += 2 * run) {
				size_t mid = l->nr - i < run ? l->nr : i + run;
				size_t end = l->nr - i < 2 * run ? l->nr : i + 2 * run;

				merge(l, from + i, from + mid, from + mid, from + end, to + i);
			}
			from = to;
			to = swap;
		}
		l->items = from;
		free(to);
	}
	drop_doubles(l);
	return 0;
}

/* Keep about half, the names with the lowest positions. */
static int halve(struct listing *l)
{
	struct listing half = { .nr = 0 };
	struct dir_name last;
	size_t n = 0;
	int err = listing_sort(l);

	while (!err && n < l->nr && n < ITEMS_MAX / 2 && half.text_len < TEXT_MAX / 2) {
		err = listing_add(&half, l->items[n].key, listing_name(l, n), l->items[n].ino,
				  listing_type(l, n));
		n++;
	}
	if (err) {
		listing_destroy(&half);
		return err;
	}
	listing_destroy(l);
	*l = half;
	last = listing_name(l, n - 1);
	l->cut = true;
	l->limit.key = l->items[n - 1].key;
	l->limit.len = last.len;
	memcpy(l->limit.name, last.str, last.len);
	return 0;
}

static int need_item(struct listing *l)
{
	size_t cap = l->cap ? l->cap * 2 : 64;
	struct listing_item *items;

	if (l->nr < l->cap)
		return 0;
	items = realloc(l->items, cap * sizeof(*items));
	if (!items)
		return -ENOMEM;
	l->items = items;
	l->cap = cap;
	return 0;
}

static int need_text(struct listing *l, size_t len)
{
	size_t cap = l->text_cap ? l->text_cap * 2 : 4096;
	char *text;

	if (l->text_len + len <= l->text_cap)
		return 0;
	text = realloc(l->text, cap);
	if (!text)
		return -ENOMEM;
	l->text = text;
	l->text_cap = cap;
	return 0;
}

int listing_add(struct listing *l, uint64_t key, struct dir_name name, ext2_ino_t ino,
		uint8_t type)
{
	size_t len = name.len + 3;
	char *text;
	int err = 0;

	if (l->nr >= ITEMS_MAX || l->text_len + len > TEXT_MAX)
		err = halve(l);
	if (!err && l->cut && listing_is_behind(&l->limit, key, name))
		return 0;
	if (!err)
		err = need_item(l);
	if (!err)
		err = need_text(l, len);
	if (err)
		return err;
	text = l->text + l->text_len;
	text[0] = (char)type;
	text[1] = (char)name.len;
	memcpy(text + 2, name.str, name.len);
	text[2 + name.len] = '\0';
	l->items[l->nr++] = (struct listing_item){ key, (uint32_t)l->text_len, ino };
	l->text_len += len;
	return 0;
}

size_t listing_find(const struct listing *l, uint64_t key)
{
	size_t low = 0, high = l->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (l->items[mid].key <= key)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void listing_clear(struct listing *l)
{
	l->nr = l->text_len = 0;
	l->cut = false;
}

void listing_destroy(struct listing *l)
{
	free(l->items);
	free(l->text);
	*l = (struct listing){ 0 };
}
