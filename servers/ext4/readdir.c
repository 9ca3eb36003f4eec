// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading directories.
 *
 * Whoever reads a directory while it changes must see every entry that stays,
 * and once.  Positions in the blocks don't give that: splitting a block of an
 * indexed directory moves entries.  So the names are listed when reading starts
 * at the beginning, in one pass, and telldir offsets count in that list.
 *
 * The pass goes on where a block was missing (cold.h), if nothing in the directory has
 * changed since.
 */
#include "readdir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dir.h"
#include "namei.h"
#include "nokey.h"

struct item {
	uint32_t name;		/* offset in the text */
	ext2_ino_t ino;
	uint8_t type;
};

struct dir_handle {
	pthread_mutex_t lock;
	ext2_ino_t ino;
	uint64_t max;		/* bytes of the directory: a larger one is not listed */
	uint64_t version;	/* of the directory when the list was made */
	uint64_t lblk;		/* the list is complete up to this block */
	bool listed;
	struct item *items;
	size_t nr, cap;
	char *text;
	size_t text_len, text_cap;
};

struct dir_handle *dir_handle_new(ext2_ino_t ino, uint64_t max)
{
	struct dir_handle *dh = calloc(1, sizeof(*dh));

	if (dh) {
		pthread_mutex_init(&dh->lock, NULL);
		dh->ino = ino;
		dh->max = max;
	}
	return dh;
}

void dir_handle_free(struct dir_handle *dh)
{
	if (!dh)
		return;
	pthread_mutex_destroy(&dh->lock);
	free(dh->items);
	free(dh->text);
	free(dh);
}

void dir_handle_lock(struct dir_handle *dh)
{
	pthread_mutex_lock(&dh->lock);
}

void dir_handle_unlock(struct dir_handle *dh)
{
	pthread_mutex_unlock(&dh->lock);
}

static int add(void *arg, const struct dir_entry *e)
{
	struct dir_handle *dh = arg;

	/* what no path can name would make the kernel refuse the whole directory */
	if (memchr(e->name.str, '/', e->name.len) || memchr(e->name.str, '\0', e->name.len))
		return 0;
	if (dh->nr == dh->cap) {
		size_t cap = dh->cap ? dh->cap * 2 : 64;
		struct item *items = realloc(dh->items, cap * sizeof(*items));

		if (!items)
			return -ENOMEM;
		dh->items = items;
		dh->cap = cap;
	}
	if (dh->text_len + e->name.len + 1 > dh->text_cap) {
		size_t cap = dh->text_cap ? dh->text_cap * 2 : 4096;
		char *text = realloc(dh->text, cap);

		if (!text || cap > UINT32_MAX)
			return -ENOMEM;
		dh->text = text;
		dh->text_cap = cap;
	}
	dh->items[dh->nr++] = (struct item){ dh->text_len, e->ino, e->type };
	memcpy(dh->text + dh->text_len, e->name.str, e->name.len);
	dh->text[dh->text_len + e->name.len] = '\0';
	dh->text_len += e->name.len + 1;
	return 0;
}

/* The entries of an encrypted directory */
struct nokey_list {
	struct server *s;
	struct dir_handle *dh;
	struct nokey_hash hash;
};

static int add_nokey(void *arg, const struct dir_entry *e)
{
	struct nokey_list *list = arg;
	struct dir_entry shown = *e;
	char text[NOKEY_NAME_MAX];
	int len = nokey_show(list->s, &list->hash, e, text);

	if (len < 0)
		return len;
	shown.name = (struct dir_name){ text, len };
	return add(list->dh, &shown);
}

static int list_nokey(struct server *s, struct dir_handle *dh, struct inode *dir)
{
	struct nokey_list list = { .s = s, .dh = dh };
	int err = nokey_hash_init(s, dir, &list.hash);

	return err ? err : dir_walk(s, dir, &dh->lblk, add_nokey, &list);
}

static int make_list(struct server *s, struct dir_handle *dh, struct node *node)
{
	struct inode dir;
	int err = inode_load(s, dh->ino, &dir);

	if (err)
		return err;
	if (inode_size(&dir) > dh->max)
		return -EOVERFLOW;
	if (dh->listed || dh->version != node->dir_version)
		dh->lblk = 0;
	dh->listed = false;
	if (!dh->lblk)
		dh->nr = dh->text_len = 0;
	dh->version = node->dir_version;
	/* a removed directory is empty, even of "." */
	if (dir.raw.i_links_count && nokey_dir(&dir))
		err = list_nokey(s, dh, &dir);
	else if (dir.raw.i_links_count)
		err = dir_walk(s, &dir, &dh->lblk, add, dh);
	if (err && cache_missed(s->cache))
		return err;
	dh->lblk = 0;
	dh->listed = !err && !cache_missed(s->cache);
	return err;
}

int dir_handle_prepare(struct server *s, struct dir_handle *dh, off_t off, bool *fresh)
{
	struct node *node = node_get(s, dh->ino);
	int err = 0;

	if (!node)
		return -ENOMEM;
	if (!off || !dh->listed)
		err = make_list(s, dh, node);
	*fresh = dh->version == node->dir_version;
	return err;
}

bool dir_handle_is_fresh(struct server *s, const struct dir_handle *dh)
{
	const struct node *node = node_find(s, dh->ino);

	return node && dh->version == node->dir_version;
}

uint64_t dir_handle_progress(const struct dir_handle *dh)
{
	return dh->lblk;
}

bool dir_handle_entry(struct dir_handle *dh, off_t off, struct listed *l)
{
	if (off < 0 || (uint64_t)off >= dh->nr)
		return false;
	*l = (struct listed){
		.name = dh->text + dh->items[off].name,
		.ino = dh->items[off].ino,
		.type = dir_type_to_mode(dh->items[off].type),
		.off = off + 1,
	};
	return true;
}
