// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Directories: see dir.h; their blocks: dir_block.h; the index of large ones: htree.h.
 *
 * Names are looked for by the index, if there is one that can be used, else in one block
 * after the other.  Removing leaves the index as it is; a directory that outgrows one block
 * gets one.
 */
#include "dir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "casefold.h"
#include "dir_block.h"
#include "htree.h"
#include "inline_dir.h"
#include "nokey.h"
#include "xattr.h"

/* s_encoding_flags: names have been hashed with the tables of today only */
#define ENC_NO_COMPAT_FALLBACK	2

/* Where an entry is */
struct place {
	uint64_t lblk, pblk;
	unsigned int off;
	unsigned int prev;	/* the entry before it in the block, == off (0): none */
	ext2_ino_t ino;
};

/* A name that is looked for, and what makes another one the same */
struct match {
	const struct server *s;
	struct dir_name name;
	enum { MATCH_BYTES, MATCH_FOLDED, MATCH_NOKEY } how;
	struct nokey_wanted nokey;
	ext2_ino_t ino;
};

/* -ENOENT: no entry can have the name. */
static int match_init(const struct server *s, const struct inode *dir, struct dir_name name,
		      struct match *m)
{
	m->s = s;
	m->name = name;
	m->how = MATCH_BYTES;
	if (casefold_is_on(s, dir))
		m->how = MATCH_FOLDED;
	if (!nokey_dir(dir) || is_dots(name))
		return 0;
	m->how = MATCH_NOKEY;
	return nokey_decode(name, &m->nokey) ? 0 : -ENOENT;
}

static bool matches(const struct match *m, struct dir_name name)
{
	if (m->how == MATCH_FOLDED)
		return casefold_same(m->s, name, m->name);
	if (m->how == MATCH_NOKEY)
		return nokey_matches(&m->nokey, name);
	return name.len == m->name.len && !memcmp(name.str, m->name.str, name.len);
}

/*
 * Look for the name in a block, byte by byte: this is most of the work of a lookup, so no
 * more is checked than that what is read is in the block, and all of an entry only where
 * it could be the one.  Returns the offset of it, or the end of the block; @prev: of the
 * one before it.  -1: the chain is broken.  @wide: lengths are written in another way
 */
static inline int scan_bytes(const struct server *s, const char *block, const struct dir_name *name,
			     unsigned int *prev, bool wide)
{
	const unsigned int bs = s->fs->blocksize, want = dirent_needs(name->len);
	const unsigned int last = name->len - 1;
	unsigned int at = 0, before = 0, len;

	/* lengths are multiples of 4, so at may be 4 bytes from the end, where nothing fits */
	for (; at + DIRENT_HEAD <= bs; before = at, at += len) {
		const struct ext2_dir_entry *de = (const void *)(block + at);

		len = wide ? dirent_len(s, de) : de->rec_len;
		/* most names of the same length differ at the end */
		if ((uint8_t)de->name_len == (uint8_t)name->len && at + want <= bs &&
		    de->name[last] == name->str[last] && de->inode && len >= want &&
		    at + len <= bs && !memcmp(de->name, name->str, last))
			break;
		if (len < DIRENT_HEAD || len % 4)
			return -1;
	}
	*prev = before;
	return at == bs || at + DIRENT_HEAD <= bs ? (int)at : -1;
}

/* The same, however names are compared */
static int scan(const struct server *s, const char *block, const struct match *match,
		unsigned int *prev)
{
	unsigned int off = 0, at = 0, before = 0, len;
	const struct ext2_dir_entry *de;
	bool bad;

	if (match->how == MATCH_BYTES)
		return s->fs->blocksize > UINT16_MAX ?
		       scan_bytes(s, block, &match->name, prev, true) :
		       scan_bytes(s, block, &match->name, prev, false);
	for (; (de = next_entry(s, block, &off, &len, &bad)); before = at, at = off)
		if (de->inode && matches(match, dirent_name(de)))
			break;
	*prev = before;
	return bad ? -1 : (int)at;
}

/* Look for the name in the block that @it has loaded.  0, -ENOENT or -errno */
static int find_in_block(struct server *s, struct inode *dir, const struct block_iter *it,
			 const struct match *match, struct place *p)
{
	const struct ext2_dir_entry *de;
	unsigned int prev;
	int at = scan(s, it->data, match, &prev);

	if (at == (int)s->fs->blocksize)
		return -ENOENT;
	de = (const void *)(it->data + at);
	if (at < 0 || de->inode > s->fs->super->s_inodes_count)
		return fs_error(s, dir->ino, it->pblk, "bad directory entry");
	*p = (struct place){ it->lblk, it->pblk, at, prev, de->inode };
	return 0;
}

/* 0, -ENOENT, HTREE_BAD or -errno */
static int find_by_index(struct server *s, struct inode *dir, const struct match *match,
			 struct place *p)
{
	struct block_iter it = { .lblk = 0 };
	uint64_t leaves = dir_blocks(s, dir);
	struct htree_path path;
	int err = htree_find(s, dir, match->name, &path);

	while (!err) {
		it.lblk = path.leaf;
		err = dir_block_load(s, dir, &it);
		if (!err)
			err = find_in_block(s, dir, &it, match, p);
		if (err != -ENOENT)
			return err;
		/* leaves that are there more than once have been made to keep us here */
		if (!--leaves)
			return HTREE_BAD;
		err = htree_next(s, dir, &path);
	}
	return err;
}

static int find_in_blocks(struct server *s, struct inode *dir, const struct match *match,
			  uint64_t blocks, struct place *p)
{
	struct block_iter it = { .lblk = 0 };

	for (; it.lblk < blocks; it.lblk++) {
		int err = dir_block_load(s, dir, &it);

		if (!err)
			err = find_in_block(s, dir, &it, match, p);
		else if (cache_missed(s->cache))
			dir_blocks_want(s, dir, it.lblk + 1);
		if (err != -ENOENT)
			return err;
	}
	return -ENOENT;
}

/*
 * A kernel with other tables for casefolding may have put the name somewhere else: unless
 * the superblock says that there is none, kernel ext4 reads the whole directory, too.
 */
static bool index_may_miss(const struct server *s, const struct match *match)
{
	return match->how == MATCH_FOLDED &&
	       !(s->fs->super->s_encoding_flags & ENC_NO_COMPAT_FALLBACK);
}

/*
 * The kernel looks for a name before it asks to make or remove it, and each operation does
 * so again: the last results are kept until something in the directory changes.
 */
static bool find_hint(const struct server *s, const struct inode *dir, struct dir_name name,
		      struct place *p)
{
	/* somebody may be writing one; and it is for changes that they are kept */
	if (cache_is_shared(s->cache))
		return false;
	for (unsigned int i = 0; i < DIR_HINTS; i++) {
		const struct dir_hint *h = &s->dir_hints[i];

		if (h->dir != dir->ino || h->len != name.len ||
		    memcmp(h->name, name.str, name.len))
			continue;
		*p = (struct place){ h->lblk, h->pblk, h->off, h->prev, h->ino };
		return true;
	}
	return false;
}

/* @p: where the name is; its inode is 0 if it is nowhere. */
static void keep_hint(struct server *s, const struct inode *dir, struct dir_name name,
		      const struct place *p)
{
	struct dir_hint *h;

	/* without a block that is missing nothing is known */
	if (name.len > sizeof(h->name) || cache_missed(s->cache))
		return;
	/* one of those who do this at the same time is enough */
	if (__atomic_exchange_n(&s->hint_changes, true, __ATOMIC_ACQUIRE))
		return;
	h = &s->dir_hints[s->next_hint];
	s->next_hint = (s->next_hint + 1) % DIR_HINTS;
	h->dir = dir->ino;
	h->ino = p->ino;
	h->lblk = p->lblk;
	h->pblk = p->pblk;
	h->off = p->off;
	h->prev = p->prev;
	h->len = name.len;
	memcpy(h->name, name.str, name.len);
	__atomic_store_n(&s->hint_changes, false, __ATOMIC_RELEASE);
}

static int search(struct server *s, struct inode *dir, const struct match *match,
		  struct place *p)
{
	uint64_t blocks = dir_blocks(s, dir);
	int err;

	if (is_dots(match->name)) {
		blocks = blocks ? 1 : 0;
	} else if (htree_is_on(s, dir)) {
		err = find_by_index(s, dir, match, p);
		if (err == HTREE_BAD)
			htree_complain(s, dir);
		else if (err != -ENOENT || !index_may_miss(s, match))
			return err;
	}
	return find_in_blocks(s, dir, match, blocks, p);
}

static int find_entry(struct server *s, struct inode *dir, struct dir_name name, struct place *p)
{
	struct match match;
	int err;

	if (find_hint(s, dir, name, p))
		return p->ino ? 0 : -ENOENT;
	if (match_init(s, dir, name, &match))
		return -ENOENT;
	err = search(s, dir, &match, p);
	if (err == -ENOENT)
		*p = (struct place){ 0 };
	if (!err || err == -ENOENT)
		keep_hint(s, dir, name, p);
	return err;
}

/* @len: of the whole entry, bytes */
static void describe(const struct ext2_dir_entry *de, unsigned int len, struct dir_entry *e)
{
	unsigned int at = dirent_needs(ext2fs_dirent_name_len(de));

	*e = (struct dir_entry){
		.name = dirent_name(de),
		.ino = de->inode,
		.type = ext2fs_dirent_file_type(de),
	};
	/* or something else, where the directory has none */
	if (len >= at + sizeof(e->hash))
		memcpy(e->hash, (const char *)de + at, sizeof(e->hash));
}

/* All entries of a block: until @fn returns something other than 0, which is returned. */
static int walk_block(struct server *s, struct inode *dir, const struct block_iter *it,
		      int (*fn)(void *arg, const struct dir_entry *e), void *arg)
{
	const struct ext2_dir_entry *de;
	unsigned int off = 0, len;
	bool bad;

	while ((de = next_entry(s, it->data, &off, &len, &bad))) {
		struct dir_entry e;
		int ret;

		if (!de->inode)
			continue;
		describe(de, len, &e);
		e.pos = (it->lblk << block_bits(s)) + (off - len);
		ret = fn(arg, &e);
		if (ret)
			return ret;
	}
	return bad ? fs_error(s, dir->ino, it->pblk, "bad directory entry") : 0;
}

static int walk_inline(struct server *s, struct inode *dir,
		       int (*fn)(void *arg, const struct dir_entry *e), void *arg)
{
	struct block_iter it = { .lblk = 0 };
	char *block;
	int ret = inline_dir_block(s, dir, &block);

	if (ret)
		return ret;
	it.data = block;
	ret = walk_block(s, dir, &it, fn, arg);
	free(block);
	return ret;
}

int dir_walk_some(struct server *s, struct inode *dir, uint64_t *lblk, uint64_t end,
		  int (*fn)(void *arg, const struct dir_entry *e), void *arg)
{
	struct block_iter it = { .lblk = *lblk };
	uint64_t blocks = dir_blocks(s, dir);

	if (inode_is_inline(dir)) {
		*lblk = end;
		return it.lblk ? 0 : walk_inline(s, dir, fn, arg);
	}
	for (; it.lblk < blocks && it.lblk < end; it.lblk++) {
		int err = dir_block_load(s, dir, &it);

		*lblk = it.lblk;
		if (err && cache_missed(s->cache))
			dir_blocks_want(s, dir, it.lblk + 1);
		if (!err)
			err = walk_block(s, dir, &it, fn, arg);
		if (err)
			return err;
	}
	*lblk = end;
	return 0;
}

int dir_walk(struct server *s, struct inode *dir, uint64_t *lblk,
	     int (*fn)(void *arg, const struct dir_entry *e), void *arg)
{
	return dir_walk_some(s, dir, lblk, UINT64_MAX, fn, arg);
}

static int match_entry(void *arg, const struct dir_entry *e)
{
	struct match *m = arg;

	if (!matches(m, e->name))
		return 0;
	m->ino = e->ino;
	return 1;
}

int dir_lookup(struct server *s, struct inode *dir, struct dir_name name, ext2_ino_t *ino)
{
	struct match m = { 0 };
	struct place p;
	int ret;

	if (inode_is_inline(dir)) {
		if (match_init(s, dir, name, &m))
			return -ENOENT;
		ret = walk_inline(s, dir, match_entry, &m);
		if (ret < 0)
			return ret;
		*ino = m.ino;
		return ret ? 0 : -ENOENT;
	}
	ret = find_entry(s, dir, name, &p);
	if (!ret)
		*ino = p.ino;
	return ret;
}

struct emptiness {
	unsigned int seen;	/* entries */
	bool dots[2];		/* "." and "..", in these places */
};

static int other_entry(void *arg, const struct dir_entry *e)
{
	struct emptiness *empty = arg;
	unsigned int nr = empty->seen++;

	if (!is_dots(e->name))
		return 1;
	if (nr < 2)
		empty->dots[nr] = e->name.len == nr + 1;
	return 0;
}

int dir_is_empty(struct server *s, struct inode *dir)
{
	struct emptiness empty = { 0 };
	uint64_t lblk = 0;
	int ret = dir_walk(s, dir, &lblk, other_entry, &empty);

	if (ret)
		return ret < 0 ? ret : 0;
	/* a size that is too small hides the names */
	if (!empty.dots[0] || !empty.dots[1])
		return fs_error(s, dir->ino, 0, "directory without \".\" and \"..\"");
	return 1;
}

/*
 * Changing
 */

/*
 * Out of the inode, into a block.  The block may be one of those reserved for root: removing a
 * name needs it, too.
 */
static int move_to_block(struct server *s, struct inode *dir)
{
	const struct caller root = { 0 };

	return inode_is_inline(dir) ? inline_dir_expand(s, dir, &root) : 0;
}

static int add_in_new_block(struct server *s, struct inode *dir, struct dir_name name,
			    ext2_ino_t ino, mode_t mode, const struct caller *who)
{
	uint64_t lblk, pblk;
	char *buf;
	int err;

	buf = calloc(1, s->fs->blocksize);
	if (!buf)
		return -ENOMEM;
	dirent_fill(s, (struct ext2_dir_entry *)buf, dir_block_usable(s), name, ino, mode);
	dir_block_init_tail(s, buf);
	err = dir_grow(s, dir, who, &lblk, &pblk);
	if (!err)
		err = dir_block_write(s, dir, pblk, buf);
	free(buf);
	return err;
}

/* @may_index: the directory may get an index, if it is just one block yet. */
static int add_linear(struct server *s, struct inode *dir, struct dir_name name, ext2_ino_t ino,
		      mode_t mode, const struct caller *who, bool may_index)
{
	struct node *node = node_find(s, dir->ino);
	uint64_t blocks = dir_blocks(s, dir);
	struct block_iter it = { .lblk = node ? node->room_hint : 0 };

	for (; it.lblk < blocks; it.lblk++) {
		int at, err = dir_block_load(s, dir, &it);

		if (err)
			return err;
		at = dir_block_find_room(s, dir, &it, dirent_needs(name.len));
		if (at == -2)
			return fs_error(s, dir->ino, it.pblk, "bad directory entry");
		if (at < 0)
			continue;
		/* what a long name can't use before here is lost until a removal */
		if (node)
			node->room_hint = it.lblk;
		return dir_block_put(s, dir, &it, at, name, ino, mode);
	}
	if (may_index && blocks == 1) {
		int err = htree_make(s, dir, who);

		if (!err) {
			err = htree_add(s, dir, name, ino, mode, who);
			if (err == HTREE_BAD)
				err = fs_error(s, dir->ino, 0, "bad index of a directory");
			return err;
		}
		if (err < 0)
			return err;
	}
	if (node)
		node->room_hint = blocks;
	return add_in_new_block(s, dir, name, ino, mode, who);
}

/* 1: the index is gone, to be added without. */
static int add_indexed(struct server *s, struct inode *dir, struct dir_name name,
		       ext2_ino_t ino, mode_t mode, const struct caller *who)
{
	int err;

	/* without the feature nobody may rely on the index */
	if (ext2fs_has_feature_dir_index(s->fs->super)) {
		err = htree_add(s, dir, name, ino, mode, who);
		if (err != HTREE_BAD)
			return err;
	}
	/* its blocks don't have the checksums of others */
	if (ext2fs_has_feature_metadata_csum(s->fs->super))
		return fs_error(s, dir->ino, 0, "index of a directory that can't be used");
	htree_complain(s, dir);
	dir->raw.i_flags &= ~EXT2_INDEX_FL;
	err = inode_store(s, dir);
	return err ? err : 1;
}

int dir_add(struct server *s, struct inode *dir, struct dir_name name, ext2_ino_t ino,
	    mode_t mode, const struct caller *who)
{
	bool may_index = ext2fs_has_feature_dir_index(s->fs->super);
	int ret;

	if (!name.len || name.len > EXT2_NAME_LEN)
		return -ENAMETOOLONG;
	ret = move_to_block(s, dir);
	if (!ret && !dir_blocks(s, dir))
		ret = fs_error(s, dir->ino, 0, "directory without blocks");
	if (ret)
		return ret;
	if (dir->raw.i_flags & EXT2_INDEX_FL) {
		ret = add_indexed(s, dir, name, ino, mode, who);
		if (ret <= 0)
			return ret;
		may_index = false;
	}
	return add_linear(s, dir, name, ino, mode, who, may_index);
}

/*
 * Is what find_entry() found there still?  It is but where a damaged image has the block in
 * use for something else as well, which has been changed since.
 */
static bool is_there(const struct server *s, const char *data, const struct place *p)
{
	const struct ext2_dir_entry *de = (const void *)(data + p->off);
	unsigned int bs = s->fs->blocksize, len;

	if (p->off > bs - DIRENT_HEAD || p->prev > p->off)
		return false;
	len = dirent_len(s, de);
	if (de->inode != p->ino || len % 4 || len > bs - p->off ||
	    len < dirent_needs(ext2fs_dirent_name_len(de)))
		return false;
	return p->prev == p->off ||
	       p->prev + dirent_len(s, (const void *)(data + p->prev)) == p->off;
}

/* The block with the entry, to be changed in place */
static int change_entry(struct server *s, struct inode *dir, struct dir_name name,
			struct place *p, char **data)
{
	int err = find_entry(s, dir, name, p);

	if (!err)
		err = dir_block_change(s, dir, p->pblk, data);
	if (!err && !is_there(s, *data, p))
		err = fs_error(s, dir->ino, p->pblk, "directory block in use for something else");
	return err;
}

int dir_remove(struct server *s, struct inode *dir, struct dir_name name)
{
	struct ext2_dir_entry *de, *prev;
	struct node *node;
	unsigned int len;
	struct place p;
	char *data;
	int err;

	err = move_to_block(s, dir);
	if (!err)
		err = change_entry(s, dir, name, &p, &data);
	if (err)
		return err;
	dir_block_moved(s, dir, p.lblk);
	de = (struct ext2_dir_entry *)(data + p.off);
	len = dirent_len(s, de);
	memset(de, 0, len);
	if (p.prev != p.off) {
		prev = (struct ext2_dir_entry *)(data + p.prev);
		ext2fs_set_rec_len(s->fs, dirent_len(s, prev) + len, prev);
	} else {
		ext2fs_set_rec_len(s->fs, len, de);
	}
	node = node_find(s, dir->ino);
	if (node && p.lblk < node->room_hint)
		node->room_hint = p.lblk;
	return dir_block_changed(s, dir, data);
}

int dir_replace(struct server *s, struct inode *dir, struct dir_name name, ext2_ino_t ino,
		mode_t mode)
{
	struct ext2_dir_entry *de;
	struct place p;
	char *data;
	int err;

	err = move_to_block(s, dir);
	if (!err)
		err = change_entry(s, dir, name, &p, &data);
	if (err)
		return err;
	de = (struct ext2_dir_entry *)(data + p.off);
	de->inode = ino;
	ext2fs_dirent_set_file_type(de, dirent_type(s, mode));
	return dir_block_changed(s, dir, data);
}

int dir_may_move(struct server *s, struct inode *dir, struct dir_name name, bool *may)
{
	struct place p;
	int err;

	*may = true;
	if (!s->careful.on)
		return 0;
	err = move_to_block(s, dir);
	if (!err)
		err = find_entry(s, dir, name, &p);
	if (!err)
		*may = !careful_has_no_order(s, p.pblk);
	return err;
}

int dir_set_parent(struct server *s, struct inode *dir, ext2_ino_t parent)
{
	if (inode_is_inline(dir)) {
		dir->raw.i_block[0] = parent;
		return inode_store(s, dir);
	}
	return dir_replace(s, dir, dir_name(".."), parent, S_IFDIR);
}

int dir_init(struct server *s, struct inode *dir, ext2_ino_t parent, const struct caller *who)
{
	const unsigned int dot = dirent_needs(1);
	uint64_t lblk, pblk;
	char *data;
	int err;

	err = dir_grow(s, dir, who, &lblk, &pblk);
	if (!err)
		err = dir_block_new(s, pblk, &data);
	if (err)
		return err;
	dirent_fill(s, (struct ext2_dir_entry *)data, dot, dir_name("."), dir->ino, S_IFDIR);
	dirent_fill(s, (struct ext2_dir_entry *)(data + dot), dir_block_usable(s) - dot,
		    dir_name(".."), parent, S_IFDIR);
	dir_block_init_tail(s, data);
	return dir_block_changed(s, dir, data);
}
