// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading directories.
 *
 * Whoever reads a directory while it changes must see every entry that stays, and once; and a
 * position that telldir(3) or an NFS client keeps must mean the same later, in another handle
 * or after a restart of the server.  So a position doesn't depend on what was read before:
 *
 *	0		the beginning
 *	1, 2		behind "." and ".."
 *	below linear()	behind a hash: 31 bits of its first part, some of the second one
 *	from there on	behind the entry at a byte of the directory, plus 1
 *
 * lseek(2) takes no position behind the largest size of a file of the file system, also in a
 * directory: with 4 KiB blocks and extents there is room for 11 bits of the second part.
 *
 * Hashes are for directories that have an index, or that get one when they grow beyond one block:
 * splitting a block of an index moves entries to another block, but their hashes stay.  Entries of
 * other directories stay where they are.  Kernel ext4 makes the same difference.
 *
 * A handle has a part of the directory as a sorted list.  The list never depends on how large the
 * image claims a directory to be, and the server lock is given up between parts:
 *
 *	small directory		all of it
 *	with an index		some leaves, found by the hash
 *	with a damaged index	the lowest hashes of a walk over all blocks
 *	without an index	some blocks
 *
 * Different names with the same hash share a position.  Their order is that of their bytes, and the
 * handle knows up to which one it has come: only a reader who comes back with another handle
 * misses the rest of these, as with kernel ext4.
 *
 * A walk may be continued after the directory has changed: entries move only to blocks that are
 * new, and so at the end, and what is met twice is dropped.
 */
#include "readdir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dir.h"
#include "dir_block.h"
#include "htree.h"
#include "listing.h"
#include "namei.h"
#include "nokey.h"

#define NO_END		UINT64_MAX

/* Directories up to this are read at once, and so much of others at a time, bytes */
#define WHOLE_MAX	(256U << 10)
#define INDEX_PART	(64U << 10)
/* Leaves whose names have the same hash; whoever makes more has done so on purpose. */
#define SAME_HASH_MAX	64U
/* Blocks of a walk before others get their turn */
#define WALK_PART	256U

struct dir_handle {
	pthread_mutex_t lock;
	ext2_ino_t ino;
	uint64_t whole_max;		/* bytes; 0: the directory is read in parts */
	struct listing list;
	size_t at;			/* the item that comes next, */
	uint64_t pos;			/* for who reads on at this position */
	struct listing_place from, to;	/* what the list covers: behind @from, up to @to */
	bool filled;			/* the list is complete in this */
	uint64_t version;		/* of the directory when filling began */
	/* while the list is being filled */
	bool filling;
	bool by_walk;			/* the index is not used */
	uint64_t lblk;			/* the walk has come to here */
	unsigned int at_once;		/* parts since others had the lock */
	bool again;			/* dir_handle_prepare() is not done */
	uint32_t parts;			/* that have been read */
};

/* Who fills a list, and how positions are made */
struct filler {
	struct server *s;
	struct dir_handle *dh;
	struct inode *dir;
	bool linear;
	struct htree_hash how;
	bool nokey;
	struct nokey_hash nokey_hash;
	/* leaves of an index: hashes from @low on, and up to @high if that is not NO_END */
	bool in_leaf, dots_only;
	uint64_t low, high;
};

struct dir_handle *dir_handle_new(ext2_ino_t ino, uint64_t whole_max)
{
	struct dir_handle *dh = calloc(1, sizeof(*dh));

	if (dh) {
		pthread_mutex_init(&dh->lock, NULL);
		dh->ino = ino;
		dh->whole_max = whole_max < WHOLE_MAX ? whole_max : WHOLE_MAX;
	}
	return dh;
}

void dir_handle_free(struct dir_handle *dh)
{
	if (!dh)
		return;
	pthread_mutex_destroy(&dh->lock);
	listing_destroy(&dh->list);
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

/*
 * Positions
 */

/* Bits of the second part of a hash.  This runs for each name of a listing. */
static unsigned int minor_bits(const struct server *s)
{
	/* the limit that the kernel is given (fill_config()) */
	int64_t max = ext2fs_has_feature_extents(s->fs->super) ? s->maxbytes_extent :
								 s->maxbytes_indirect;
	unsigned int bits = max > 0 ? 63 - __builtin_clzll(max) : 0;

	/* A position with this many bits is a legal offset; 31 of them are the first part. */
	bits = bits > 62 ? 31 : bits > 31 ? bits - 31 : 0;
	/* as much room again for bytes of a directory */
	if (bits)
		bits--;
	return bits;
}

/* Positions from here on are bytes of a directory. */
static uint64_t linear(const struct server *s)
{
	return 1ULL << (31 + minor_bits(s));
}

static uint64_t hash_key(const struct server *s, const uint32_t hash[2])
{
	unsigned int bits = minor_bits(s);
	uint64_t key = (uint64_t)(hash[0] >> 1) << bits | (uint64_t)hash[1] >> (32 - bits);

	/* 1 and 2 are the dots */
	return key > 2 ? key : 3;
}

/* The first part of the lowest hash behind a position */
static uint32_t major_behind(const struct server *s, uint64_t key)
{
	return (uint32_t)((key + 1) >> minor_bits(s)) << 1;
}

/* 0, HTREE_BAD: that is no place for the name; or -errno */
static int key_of(struct filler *f, const struct dir_entry *e, uint64_t *key)
{
	uint32_t hash[2];

	if (f->linear) {
		*key = linear(f->s) + e->pos + 1;
		return 0;
	}
	if (is_dots(e->name)) {
		*key = e->name.len;
		return 0;
	}
	if (htree_order(f->s, &f->how, e->name, hash))
		return fs_error(f->s, f->dir->ino, 0, "a name that can't be hashed");
	if (f->in_leaf && (hash[0] < f->low || hash[0] > f->high))
		return HTREE_BAD;
	*key = hash_key(f->s, hash);
	return 0;
}

static int add(void *arg, const struct dir_entry *e)
{
	struct filler *f = arg;
	char text[NOKEY_NAME_MAX];
	struct dir_name name = e->name;
	uint64_t key = 0;
	int err;

	if (f->dots_only && !is_dots(e->name))
		return 0;
	if (f->nokey) {
		int len = nokey_show(f->s, &f->nokey_hash, e, text);

		if (len < 0)
			return len;
		name = (struct dir_name){ text, len };
	}
	/* what no path can name would make the kernel refuse the whole directory */
	if (memchr(name.str, '/', name.len) || memchr(name.str, '\0', name.len))
		return 0;
	err = key_of(f, e, &key);
	if (err || !listing_is_behind(&f->dh->from, key, name))
		return err;
	return listing_add(&f->dh->list, key, name, e->ino, e->type);
}

/* Does the directory have positions that are hashes?  1, 0 or -errno */
static int has_hashes(struct server *s, struct inode *dir)
{
	if (!ext2fs_has_feature_dir_index(s->fs->super) || nokey_dir(dir))
		return 0;
	if (inode_is_inline(dir) || dir_blocks(s, dir) == 1)
		return dir->raw.i_flags & EXT2_INDEX_FL ? 1 : htree_can_be(s, dir);
	return !!(dir->raw.i_flags & EXT2_INDEX_FL);
}

/*
 * Filling
 */

/* All blocks, one part after the other */
static int walk_all(struct filler *f)
{
	struct dir_handle *dh = f->dh;
	uint64_t end = dh->lblk + WALK_PART;
	int err = dir_walk_some(f->s, f->dir, &dh->lblk, end, add, f);

	if (!err && !inode_is_inline(f->dir) && end < dir_blocks(f->s, f->dir))
		err = -EAGAIN;
	if (!err)
		dh->to = (struct listing_place){ .key = NO_END };
	return err;
}

/* Some blocks without an index, from the position on */
static int walk_part(struct filler *f)
{
	struct dir_handle *dh = f->dh;
	unsigned int bits = block_bits(f->s);
	uint64_t base = linear(f->s), byte = dh->from.key > base ? dh->from.key - base : 0;
	uint64_t first = byte >> bits, end = first + (WHOLE_MAX >> bits ? WHOLE_MAX >> bits : 1);
	bool last = inode_is_inline(f->dir) || end >= dir_blocks(f->s, f->dir);
	int err;

	if (dh->lblk < first)
		dh->lblk = first;
	err = dir_walk_some(f->s, f->dir, &dh->lblk, end, add, f);
	dh->to = (struct listing_place){ .key = last ? NO_END : base + (end << bits) };
	return err;
}

/* While the cache is tried: the next leaves will be needed, too. */
static void want_leaves(struct filler *f, const struct htree_path *path)
{
	struct htree_path p = *path;
	uint32_t first;

	for (unsigned int i = 0; i < INDEX_PART >> block_bits(f->s); i++) {
		if (htree_next_leaf(f->s, f->dir, &p, &first))
			break;
		dir_block_want(f->s, f->dir, p.leaf);
	}
}

/* One leaf, whose hashes are below those of the next one.  HTREE_BAD: they are not. */
static int walk_leaf(struct filler *f, struct htree_path *path, struct htree_path *next)
{
	uint64_t lblk = path->leaf;
	uint32_t first = 0;
	int end = htree_next_leaf(f->s, f->dir, next, &first), err;

	if (end && end != -ENOENT)
		return end;
	/* names with the first hash of the next leaf are here, too, if its lowest bit says so */
	f->high = end ? NO_END : first & 1 ? first & ~1U : (uint64_t)(first & ~1U) - 1;
	if (!end && !first)
		return HTREE_BAD;
	f->in_leaf = true;
	err = dir_walk_some(f->s, f->dir, &lblk, lblk + 1, add, f);
	f->in_leaf = false;
	if (err && cache_missed(f->s->cache))
		want_leaves(f, path);
	f->low = end ? NO_END : first & ~1U;
	return err;
}

/* Leaves from the position on.  HTREE_BAD: the index is of no use. */
static int walk_index(struct filler *f)
{
	struct dir_handle *dh = f->dh;
	struct htree_path p, next;
	uint64_t zero = 0;
	int err;

	/* it begins anew if a block was missing */
	listing_clear(&dh->list);
	if (dh->from.key < 2) {
		f->dots_only = true;
		err = dir_walk_some(f->s, f->dir, &zero, 1, add, f);
		f->dots_only = false;
		if (err)
			return err;
	}
	err = htree_find_hash(f->s, f->dir, major_behind(f->s, dh->from.key), &p);
	if (err)
		return err;
	f->how = p.how;
	f->low = 0;
	for (unsigned int leaves = 1; !err; leaves++) {
		next = p;
		err = walk_leaf(f, &p, &next);
		if (err || f->low == NO_END)
			break;
		/* a hash in both leaves: they have to be sorted together */
		if (f->high < f->low && leaves << block_bits(f->s) >= INDEX_PART) {
			dh->to = (struct listing_place){
				.key = ((f->low >> 1) << minor_bits(f->s)) - 1,
			};
			return 0;
		}
		if (leaves >= SAME_HASH_MAX + (INDEX_PART >> block_bits(f->s)))
			return HTREE_BAD;
		p = next;
	}
	if (!err)
		dh->to = (struct listing_place){ .key = NO_END };
	return err;
}

static int fill_indexed(struct filler *f, struct node *node)
{
	int err = 1;

	if (!__atomic_load_n(&node->index_is_complete, __ATOMIC_RELAXED)) {
		err = htree_is_complete(f->s, f->dir);
		if (err == 1)
			__atomic_store_n(&node->index_is_complete, true, __ATOMIC_RELAXED);
	}
	err = err == 1 ? walk_index(f) : err ? err : HTREE_BAD;
	if (err != HTREE_BAD)
		return err;
	htree_complain(f->s, f->dir);
	listing_clear(&f->dh->list);
	f->dh->by_walk = true;
	return walk_all(f);
}

static int fill(struct server *s, struct dir_handle *dh, struct inode *dir, struct node *node)
{
	struct filler f = { .s = s, .dh = dh, .dir = dir, .nokey = nokey_dir(dir) };
	int ret = 0;

	/* a removed directory is empty, even of "." */
	if (!dir->raw.i_links_count) {
		dh->to = (struct listing_place){ .key = NO_END };
		return 0;
	}
	f.linear = dh->from.key >= linear(s);
	if (dh->from.key <= 2) {
		ret = has_hashes(s, dir);
		f.linear = !ret;
	}
	if (ret >= 0 && f.nokey)
		ret = nokey_hash_init(s, dir, &f.nokey_hash);
	if (ret < 0)
		return ret;
	if (f.linear)
		return walk_part(&f);
	if (!htree_order_init(s, dir, &f.how))
		return fs_error(s, dir->ino, 0, "unknown hash of names");
	if (dh->by_walk || inode_size(dir) <= WHOLE_MAX || !htree_is_on(s, dir))
		return walk_all(&f);
	return fill_indexed(&f, node);
}

/* The list is to begin behind @place. */
static void begin(struct dir_handle *dh, const struct listing_place *place,
		  const struct node *node)
{
	listing_clear(&dh->list);
	dh->from = *place;
	dh->filled = false;
	dh->filling = true;
	dh->lblk = 0;
	dh->at = 0;
	dh->version = node->dir_version;
}

/* All that was met is in the list. */
static int finish(struct dir_handle *dh)
{
	int err = listing_sort(&dh->list);

	if (err)
		return err;
	if (dh->list.cut)
		dh->to = dh->list.limit;
	dh->filling = false;
	dh->filled = true;
	dh->at = 0;
	dh->parts++;
	if (dh->whole_max && dh->to.key != NO_END)
		return -EOVERFLOW;
	return 0;
}

static bool is_at_end(const struct dir_handle *dh)
{
	return dh->filled && dh->at == dh->list.nr;
}

/* Go to the position in the list, if it is there; else the list has to be filled. */
static void seek(struct dir_handle *dh, uint64_t pos, const struct node *node)
{
	const struct listing_place place = { .key = pos };

	/* reading on; only the handle itself knows where it is between names with one hash */
	if (pos && dh->filled && pos == dh->pos)
		return;
	if (pos && dh->filled && pos >= dh->from.key && !dh->from.len && pos < dh->to.key)
		dh->at = listing_find(&dh->list, pos);
	else
		begin(dh, &place, node);
	dh->pos = pos;
}

/* Fill lists until there is a name, or no more. */
static int read_parts(struct server *s, struct dir_handle *dh, struct node *node)
{
	struct inode dir;
	int err = inode_load(s, dh->ino, &dir);

	if (!err && dh->whole_max && inode_size(&dir) > dh->whole_max)
		err = -EOVERFLOW;
	while (!err && (dh->filling || (is_at_end(dh) && dh->to.key != NO_END))) {
		const struct listing_place to = dh->to;

		if (!dh->filling) {
			begin(dh, &to, node);
			/* nothing was left in this part; others may be waiting */
			if (dh->at_once++)
				return -EAGAIN;
		}
		err = fill(s, dh, &dir, node);
		if (!err && cache_missed(s->cache))
			err = -CACHE_COLD;
		if (!err)
			err = finish(dh);
	}
	return err;
}

int dir_handle_prepare(struct server *s, struct dir_handle *dh, off_t off, bool *fresh)
{
	struct node *node = node_get(s, dh->ino);
	int err;

	if (!node)
		return -ENOMEM;
	if (off < 0)
		return -EINVAL;
	if (!dh->again)
		seek(dh, off, node);
	dh->at_once = 0;
	err = read_parts(s, dh, node);
	dh->again = err && (err == -EAGAIN || cache_missed(s->cache));
	if (err && !dh->again)
		dh->filling = dh->filled = false;
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
	return (uint64_t)dh->parts << 32 | dh->lblk;
}

bool dir_handle_entry(const struct dir_handle *dh, size_t ahead, struct listed *l)
{
	size_t i = dh->at + ahead;

	if (!dh->filled || i >= dh->list.nr)
		return false;
	*l = (struct listed){
		.name = listing_name(&dh->list, i).str,
		.ino = dh->list.items[i].ino,
		.type = dir_type_to_mode(listing_type(&dh->list, i)),
		.off = (off_t)dh->list.items[i].key,
	};
	return true;
}

void dir_handle_next(struct dir_handle *dh)
{
	dh->pos = dh->list.items[dh->at].key;
	dh->at++;
}

void dir_handle_rest(struct dir_handle *dh)
{
	/* an empty list that covers nothing but its end */
	if (is_at_end(dh) && dh->to.key == NO_END) {
		listing_destroy(&dh->list);
		dh->from.key = NO_END;
		dh->at = 0;
	}
}
