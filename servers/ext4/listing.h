/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bounded list of names of a directory in the order of their positions.
 *
 * The list is filled in any order and then sorted.  When it becomes too large it keeps the names
 * with the lowest positions, and says up to where it is complete.
 */
#ifndef IOMAP4FS_LISTING_H
#define IOMAP4FS_LISTING_H

#include <ext2fs/ext2fs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dir.h"

struct listing_item {
	uint64_t key;		/* position */
	uint32_t text;		/* offset of type and name in the text */
	ext2_ino_t ino;
};

/* A place in the order of names: behind @key, and of the names with that behind @name. */
struct listing_place {
	uint64_t key;
	unsigned int len;	/* of the name, bytes; 0: behind all names with this key */
	char name[EXT2_NAME_LEN];
};

/* All zero: empty. */
struct listing {
	struct listing_item *items;
	size_t nr, cap;
	char *text;		/* for each item: type, length, name, NUL */
	size_t text_len, text_cap;
	bool cut;		/* names behind the following place have been left out */
	struct listing_place limit;
};

/* 0 or -ENOMEM */
int listing_add(struct listing *l, uint64_t key, struct dir_name name, ext2_ino_t ino,
		uint8_t type);
/* Names were added: sort them, each once.  0 or -ENOMEM */
int listing_sort(struct listing *l);
/* It is empty again and keeps its memory; or gives it back, too. */
void listing_clear(struct listing *l);
void listing_destroy(struct listing *l);

static inline uint8_t listing_type(const struct listing *l, size_t i)
{
	return l->text[l->items[i].text];
}

/* With a NUL behind it */
static inline struct dir_name listing_name(const struct listing *l, size_t i)
{
	const char *text = l->text + l->items[i].text;

	return (struct dir_name){ text + 2, (uint8_t)text[1] };
}

/* Is a name with @key behind @place? */
bool listing_is_behind(const struct listing_place *place, uint64_t key, struct dir_name name);
/* The first item whose key is higher than @key; l->nr: there is none. */
size_t listing_find(const struct listing *l, uint64_t key);

#endif
