// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Looking for names by the index of a directory: see htree.h.
 *
 * Nothing that is read is believed: numbers of blocks are checked when these are
 * loaded, counts against what the format has room for, the depth is bounded.  What is
 * wrong with an index makes it unusable (HTREE_BAD), as in kernel ext4; checksums that
 * don't match and what can't be read are errors.
 */
#include "htree.h"

#include <errno.h>

#include "dir_block.h"
#include "log.h"
#include "nokey.h"

#define HASH_END	0xfffffffeU	/* means the end of a directory; no name has it */

unsigned int htree_max_levels(const struct server *s)
{
	return ext2fs_has_feature_largedir(s->fs->super) ? HTREE_LEVELS : HTREE_LEVELS - 1;
}

static unsigned int limit_after(const struct server *s, unsigned int bytes)
{
	if (ext2fs_has_feature_metadata_csum(s->fs->super))
		bytes += sizeof(struct ext2_dx_tail);
	return (s->fs->blocksize - bytes) / sizeof(struct ext2_dx_entry);
}

unsigned int htree_root_limit(const struct server *s)
{
	return limit_after(s, HTREE_ROOT_ENTRIES);
}

unsigned int htree_node_limit(const struct server *s)
{
	return limit_after(s, HTREE_NODE_ENTRIES);
}

struct ext2_dx_countlimit *htree_limits(const struct server *s, char *data, unsigned int *off)
{
	const struct ext2_dir_entry *dot = (void *)data;
	const struct ext2_dir_entry *dotdot = (void *)(data + dirent_needs(1));
	const struct ext2_dx_root_info *info = (void *)(data + HTREE_ROOT_INFO);
	unsigned int len = dirent_len(s, dot);

	if (len == s->fs->blocksize) {
		*off = HTREE_NODE_ENTRIES;
	} else if (len == dirent_needs(1)) {
		if (dirent_len(s, dotdot) != s->fs->blocksize - dirent_needs(1) ||
		    info->reserved_zero || info->info_length != sizeof(*info))
			return NULL;
		*off = HTREE_ROOT_ENTRIES;
	} else {
		return NULL;
	}
	return (struct ext2_dx_countlimit *)(data + *off);
}

bool htree_is_on(const struct server *s, const struct inode *dir)
{
	return (dir->raw.i_flags & EXT2_INDEX_FL) && !inode_is_inline(dir) && !nokey_dir(dir) &&
	       ext2fs_has_feature_dir_index(s->fs->super);
}

void htree_complain(struct server *s, const struct inode *dir)
{
	if (s->bad_index == dir->ino || cache_missed(s->cache) || server_gives_up(s))
		return;
	s->bad_index = dir->ino;
	log_damage(LOG_WARNING, dir->ino, 0,
		   "the index of the directory is damaged: names are looked for without; e2fsck -D");
}

/*
 * Hashes
 */

bool htree_hash_init(const struct server *s, const struct inode *dir, uint8_t version,
		     struct htree_hash *h)
{
	h->version = version;
	h->flags = (int)dir->raw.i_flags;
	if (version > EXT2_HASH_TEA)
		return false;
	if (s->fs->super->s_flags & EXT2_FLAGS_UNSIGNED_HASH)
		h->version += EXT2_HASH_LEGACY_UNSIGNED - EXT2_HASH_LEGACY;
	return true;
}

static int compute(const struct server *s, const struct htree_hash *h, struct dir_name name,
		   uint32_t *hash, uint32_t *minor)
{
	if (ext2fs_dirhash2(h->version, name.str, (int)name.len, s->fs->encoding, h->flags,
			    s->fs->super->s_hash_seed, hash, minor) &&
	    /* what is no text has no other case: kernel ext4 hashes its bytes */
	    (!(h->flags & EXT4_CASEFOLD_FL) ||
	     ext2fs_dirhash2(h->version, name.str, (int)name.len, NULL, 0,
			     s->fs->super->s_hash_seed, hash, minor)))
		return HTREE_BAD;
	if (*hash == HASH_END)
		*hash -= 2;
	return 0;
}

int htree_hash(const struct server *s, const struct htree_hash *h, struct dir_name name,
	       uint32_t *hash)
{
	return compute(s, h, name, hash, NULL);
}

int htree_order(const struct server *s, const struct htree_hash *h, struct dir_name name,
		uint32_t hash[2])
{
	return compute(s, h, name, &hash[0], &hash[1]);
}

/*
 * Going down
 */

/* Load a block of the index that isn't the root. */
static int load_node(struct server *s, struct inode *dir, struct block_iter *it, uint64_t lblk,
		     struct ext2_dx_entry **entries)
{
	struct ext2_dx_countlimit *cl;
	unsigned int off;
	int err;

	/* a name in block 0 is no part of the tree, and there is no way back to the root */
	if (!lblk || lblk >= dir_blocks(s, dir))
		return HTREE_BAD;
	it->lblk = lblk;
	err = dir_block_load(s, dir, it);
	if (err)
		return err;
	cl = htree_limits(s, (char *)it->data, &off);
	if (!cl || off != HTREE_NODE_ENTRIES || cl->limit != htree_node_limit(s) ||
	    !cl->count || cl->count > cl->limit)
		return HTREE_BAD;
	*entries = (void *)cl;
	return 0;
}

static int load_root(struct server *s, struct inode *dir, struct block_iter *it,
		     struct ext2_dx_entry **entries)
{
	struct ext2_dx_countlimit *cl;
	unsigned int off;
	int err;

	it->lblk = 0;
	err = dir_block_load(s, dir, it);
	if (err)
		return err;
	cl = htree_limits(s, (char *)it->data, &off);
	if (!cl || off != HTREE_ROOT_ENTRIES || cl->limit != htree_root_limit(s) ||
	    !cl->count || cl->count > cl->limit)
		return HTREE_BAD;
	*entries = (void *)cl;
	return 0;
}

static void enter(struct htree_frame *f, uint64_t lblk, const struct ext2_dx_entry *entries)
{
	const struct ext2_dx_countlimit *cl = (const void *)entries;

	f->lblk = lblk;
	f->count = cl->count;
	f->limit = cl->limit;
	f->at = 0;
}

static uint32_t child(const struct ext2_dx_entry *entries, unsigned int at)
{
	return entries[at].block & EXT4_DX_BLOCK_MASK;
}

/* The last entry that is not above the hash.  The first one counts as 0. */
static unsigned int search(const struct ext2_dx_entry *entries, unsigned int count, uint32_t hash)
{
	unsigned int low = 0, high = count;

	while (high - low > 1) {
		unsigned int mid = low + (high - low) / 2;

		if (entries[mid].hash > hash)
			high = mid;
		else
			low = mid;
	}
	return low;
}

/* From the root, in @it, down to a leaf. */
static int descend(struct server *s, struct inode *dir, struct htree_path *p,
		   struct block_iter *it, struct ext2_dx_entry *entries)
{
	int err = 0;

	enter(&p->frames[0], 0, entries);
	for (unsigned int level = 0; !err; level++) {
		struct htree_frame *f = &p->frames[level];

		f->at = search(entries, f->count, p->hash);
		p->leaf = child(entries, f->at);
		if (level + 1 == p->levels)
			break;
		err = load_node(s, dir, it, p->leaf, &entries);
		if (!err)
			enter(f + 1, p->leaf, entries);
	}
	if (!err && (!p->leaf || p->leaf >= dir_blocks(s, dir)))
		err = HTREE_BAD;
	return err;
}

/* The root, and what it says of the index */
static int begin(struct server *s, struct inode *dir, struct htree_path *p,
		 struct block_iter *it, struct ext2_dx_entry **entries)
{
	const struct ext2_dx_root_info *info;
	int err = load_root(s, dir, it, entries);

	if (err)
		return err;
	info = (const void *)(it->data + HTREE_ROOT_INFO);
	if (info->indirect_levels >= htree_max_levels(s) ||
	    info->unused_flags & EXT2_HASH_FLAG_INCOMPAT ||
	    !htree_hash_init(s, dir, info->hash_version, &p->how))
		return HTREE_BAD;
	p->levels = info->indirect_levels + 1;
	return 0;
}

int htree_find(struct server *s, struct inode *dir, struct dir_name name, struct htree_path *p)
{
	struct block_iter it = { .lblk = 0 };
	struct ext2_dx_entry *entries;
	int err = begin(s, dir, p, &it, &entries);

	if (!err)
		err = htree_hash(s, &p->how, name, &p->hash);
	return err ? err : descend(s, dir, p, &it, entries);
}

int htree_find_hash(struct server *s, struct inode *dir, uint32_t hash, struct htree_path *p)
{
	struct block_iter it = { .lblk = 0 };
	struct ext2_dx_entry *entries;
	int err = begin(s, dir, p, &it, &entries);

	p->hash = hash;
	return err ? err : descend(s, dir, p, &it, entries);
}

/*
 * Up to where there is a way to the right, and one step on it: *@first is the hash there.
 * go_down() has to follow.
 */
static int step_right(struct server *s, struct inode *dir, struct htree_path *p,
		      unsigned int *level, struct ext2_dx_entry **entries, uint32_t *first)
{
	struct block_iter it = { .lblk = 0 };
	int err;

	*level = p->levels;
	do {
		if (!*level)
			return -ENOENT;
		--*level;
	} while (p->frames[*level].at + 1 >= p->frames[*level].count);
	err = *level ? load_node(s, dir, &it, p->frames[*level].lblk, entries) :
		       load_root(s, dir, &it, entries);
	if (err)
		return err;
	/* a damaged image may have the block in use for something else, too */
	if (((const struct ext2_dx_countlimit *)*entries)->count != p->frames[*level].count)
		return HTREE_BAD;
	p->frames[*level].at++;
	*first = (*entries)[p->frames[*level].at].hash;
	return 0;
}

/* To the leftmost leaf below an entry */
static int go_down(struct server *s, struct inode *dir, struct htree_path *p, unsigned int level,
		   struct ext2_dx_entry *entries)
{
	struct block_iter it = { .lblk = 0 };

	for (;;) {
		int err;

		p->leaf = child(entries, p->frames[level].at);
		if (++level == p->levels)
			break;
		err = load_node(s, dir, &it, p->leaf, &entries);
		if (err)
			return err;
		enter(&p->frames[level], p->leaf, entries);
	}
	return p->leaf && p->leaf < dir_blocks(s, dir) ? 0 : HTREE_BAD;
}

int htree_next(struct server *s, struct inode *dir, struct htree_path *p)
{
	struct ext2_dx_entry *entries;
	unsigned int level;
	uint32_t first;
	int err = step_right(s, dir, p, &level, &entries, &first);

	if (!err && (first & ~1U) != p->hash)
		err = -ENOENT;
	return err ? err : go_down(s, dir, p, level, entries);
}

int htree_next_leaf(struct server *s, struct inode *dir, struct htree_path *p, uint32_t *first)
{
	struct ext2_dx_entry *entries;
	unsigned int level;
	int err = step_right(s, dir, p, &level, &entries, first);

	return err ? err : go_down(s, dir, p, level, entries);
}
