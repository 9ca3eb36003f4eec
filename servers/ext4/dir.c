// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Directory blocks.
 *
 *	| ino rec_len name_len type name... | ino rec_len ... | tail |
 *
 * The rec_len fields chain the entries to the end of the block.  An entry with
 * inode 0 is free space; an entry longer than its name needs has free space at
 * its end.  With metadata_csum the last 12 bytes look like a free entry and hold
 * the checksum.
 *
 * Blocks are read in place in the metadata cache and their checksums verified
 * once as long as they stay there.  Changes are made on a copy, which is
 * checksummed and written to the cache as a whole.
 *
 * Adding to an indexed directory is libext2fs's business (ext2fs_link() keeps
 * the index); everything else, also removing, leaves the index as it is.
 */
#include "dir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "casefold.h"
#include "map.h"
#include "nokey.h"

#define ENTRY_HEAD	8U		/* bytes before the name */

static const uint8_t type_of_mode[16] = {
	[S_IFREG >> 12] = EXT2_FT_REG_FILE, [S_IFDIR >> 12] = EXT2_FT_DIR,
	[S_IFCHR >> 12] = EXT2_FT_CHRDEV, [S_IFBLK >> 12] = EXT2_FT_BLKDEV,
	[S_IFIFO >> 12] = EXT2_FT_FIFO, [S_IFSOCK >> 12] = EXT2_FT_SOCK,
	[S_IFLNK >> 12] = EXT2_FT_SYMLINK,
};

mode_t dir_type_to_mode(uint8_t type)
{
	for (unsigned int i = 0; i < 16; i++)
		if (type && type_of_mode[i] == type)
			return i << 12;
	return 0;
}

static uint8_t file_type(const struct server *s, mode_t mode)
{
	if (!ext2fs_has_feature_filetype(s->fs->super))
		return EXT2_FT_UNKNOWN;
	return type_of_mode[(mode & S_IFMT) >> 12];
}

static unsigned int needed(size_t name_len)
{
	return (ENTRY_HEAD + name_len + 3) & ~3U;
}

/* Bytes of a block that entries may use */
static unsigned int usable(const struct server *s)
{
	return s->fs->blocksize - (ext2fs_has_feature_metadata_csum(s->fs->super) ?
				   sizeof(struct ext2_dir_entry_tail) : 0);
}

/*
 * One entry of a block, as it is read: @off is moved to the next one.  NULL at
 * the end or, with *@bad set, where the chain is broken.
 */
static const struct ext2_dir_entry *next_entry(struct server *s, const char *block,
					       unsigned int *off, unsigned int *len, bool *bad)
{
	const struct ext2_dir_entry *de = (const void *)(block + *off);
	unsigned int bs = s->fs->blocksize;

	*bad = false;
	if (*off >= bs)
		return NULL;
	*bad = true;
	if (bs - *off < ENTRY_HEAD)
		return NULL;
	ext2fs_get_rec_len(s->fs, (struct ext2_dir_entry *)de, len);
	if (*len < ENTRY_HEAD || *len % 4 || *len > bs - *off)
		return NULL;
	if (de->inode && (*len < needed(ext2fs_dirent_name_len(de)) ||
			  !ext2fs_dirent_name_len(de) ||
			  de->inode > s->fs->super->s_inodes_count))
		return NULL;
	*bad = false;
	*off += *len;
	return de;
}

/* A walk over the blocks of a directory */
struct block_iter {
	struct mapping m;
	uint64_t lblk, pblk;
	const char *data;
};

/* Read block it->lblk. */
static int load_block(struct server *s, struct inode *dir, struct block_iter *it)
{
	const void *data;
	bool *verified;
	int err;

	if (!it->m.len || it->lblk < it->m.lblk || it->lblk >= it->m.lblk + it->m.len) {
		err = map_lookup(s, dir, it->lblk, 0, &it->m);
		if (err)
			return err;
	}
	if (it->m.type != MAP_MAPPED)
		return fs_error(s, dir->ino, 0, "hole in a directory");
	it->pblk = it->m.pblk + (it->lblk - it->m.lblk);
	err = cache_peek(s->cache, it->pblk, &data, &verified);
	if (err)
		return err;
	it->data = data;
	if (*verified)
		return 0;
	if (!ext2fs_dir_block_csum_verify(s->fs, dir->ino, (struct ext2_dir_entry *)data))
		return fs_error(s, dir->ino, it->pblk, "directory block has a bad checksum");
	*verified = true;
	return 0;
}

static uint64_t dir_blocks(const struct server *s, const struct inode *dir)
{
	return inode_size(dir) / s->fs->blocksize;
}

/* Where an entry is */
struct place {
	uint64_t lblk, pblk;
	unsigned int off;
	unsigned int prev;	/* the entry before it in the block, == off: none */
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

static bool is_dots(struct dir_name name)
{
	return name.str[0] == '.' && (name.len == 1 || (name.len == 2 && name.str[1] == '.'));
}

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

static struct dir_name name_of(const struct ext2_dir_entry *de)
{
	return (struct dir_name){ de->name, ext2fs_dirent_name_len(de) };
}

static int find_entry(struct server *s, struct inode *dir, struct dir_name name, struct place *p)
{
	struct block_iter it = { .lblk = 0 };
	uint64_t blocks = dir_blocks(s, dir);
	struct match match;

	if (match_init(s, dir, name, &match))
		return -ENOENT;
	for (; it.lblk < blocks; it.lblk++) {
		unsigned int off = 0, len, at = 0, prev;
		const struct ext2_dir_entry *de;
		bool bad;
		int err = load_block(s, dir, &it);

		if (err)
			return err;
		for (;;) {
			prev = at;
			at = off;
			de = next_entry(s, it.data, &off, &len, &bad);
			if (!de)
				break;
			if (de->inode && matches(&match, name_of(de))) {
				*p = (struct place){ it.lblk, it.pblk, at, at ? prev : at,
						     de->inode };
				return 0;
			}
		}
		if (bad)
			return fs_error(s, dir->ino, it.pblk, "bad directory entry");
	}
	return -ENOENT;
}

/* @len: of the whole entry, bytes */
static void describe(const struct ext2_dir_entry *de, unsigned int len, struct dir_entry *e)
{
	unsigned int at = needed(ext2fs_dirent_name_len(de));

	*e = (struct dir_entry){
		.name = name_of(de),
		.ino = de->inode,
		.type = ext2fs_dirent_file_type(de),
	};
	/* or something else, where the directory has none */
	if (len >= at + sizeof(e->hash))
		memcpy(e->hash, (const char *)de + at, sizeof(e->hash));
}

/*
 * Inline directories, read through libext2fs.
 */
struct inline_walk {
	int (*fn)(void *arg, const struct dir_entry *e);
	void *arg;
	int ret;
};

static int inline_entry(ext2_ino_t dir, int entry, struct ext2_dir_entry *de, int offset,
			int blocksize, char *buf, void *priv)
{
	struct inline_walk *w = priv;
	unsigned int len = de->rec_len;
	struct dir_entry e;

	(void)dir; (void)entry; (void)offset; (void)blocksize; (void)buf;
	describe(de, len, &e);
	if (!de->inode || !e.name.len)
		return 0;
	w->ret = w->fn(w->arg, &e);
	return w->ret ? DIRENT_ABORT : 0;
}

static int walk_inline(struct server *s, struct inode *dir,
		       int (*fn)(void *arg, const struct dir_entry *e), void *arg)
{
	struct inline_walk w = { .fn = fn, .arg = arg };
	errcode_t err = ext2fs_dir_iterate2(s->fs, dir->ino, 0, NULL, inline_entry, &w);

	return err ? lib_error(s, err, dir->ino) : w.ret;
}

int dir_walk(struct server *s, struct inode *dir,
	     int (*fn)(void *arg, const struct dir_entry *e), void *arg)
{
	struct block_iter it = { .lblk = 0 };
	uint64_t blocks = dir_blocks(s, dir);

	if (inode_is_inline(dir))
		return walk_inline(s, dir, fn, arg);
	for (; it.lblk < blocks; it.lblk++) {
		const struct ext2_dir_entry *de;
		unsigned int off = 0, len;
		bool bad;
		int err = load_block(s, dir, &it);

		if (err)
			return err;
		while ((de = next_entry(s, it.data, &off, &len, &bad))) {
			struct dir_entry e;

			if (!de->inode)
				continue;
			describe(de, len, &e);
			err = fn(arg, &e);
			if (err)
				return err;
		}
		if (bad)
			return fs_error(s, dir->ino, it.pblk, "bad directory entry");
	}
	return 0;
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

static int other_entry(void *arg, const struct dir_entry *e)
{
	(void)arg;
	return !is_dots(e->name);
}

int dir_is_empty(struct server *s, struct inode *dir)
{
	int ret = dir_walk(s, dir, other_entry, NULL);

	return ret < 0 ? ret : !ret;
}

/*
 * Changing
 */

static char *copy_block(struct server *s, uint64_t pblk, int *err)
{
	char *buf = malloc(s->fs->blocksize);

	if (!buf) {
		*err = -ENOMEM;
		return NULL;
	}
	*err = cache_read(s->cache, pblk * s->fs->blocksize, buf, s->fs->blocksize);
	if (*err) {
		free(buf);
		return NULL;
	}
	return buf;
}

/* Checksum and write; frees @buf. */
static int commit_block(struct server *s, struct inode *dir, uint64_t pblk, char *buf)
{
	int err = lib_error(s, ext2fs_dir_block_csum_set(s->fs, dir->ino,
							 (struct ext2_dir_entry *)buf), dir->ino);

	if (!err)
		err = cache_write(s->cache, pblk * s->fs->blocksize, buf, s->fs->blocksize);
	free(buf);
	s->dirty = true;
	if (!err)
		node_dir_changed(s, dir->ino);
	return err;
}

/* Out of the inode, into a block. */
static int move_to_block(struct server *s, struct inode *dir)
{
	int err;

	if (!inode_is_inline(dir))
		return 0;
	err = lib_error(s, ext2fs_expand_dir(s->fs, dir->ino), dir->ino);
	s->dirty = true;
	return err ? err : inode_load(s, dir->ino, dir);
}

static void fill_entry(struct server *s, struct ext2_dir_entry *de, unsigned int len,
		       struct dir_name name, ext2_ino_t ino, mode_t mode)
{
	de->inode = ino;
	ext2fs_set_rec_len(s->fs, len, de);
	ext2fs_dirent_set_name_len(de, name.len);
	ext2fs_dirent_set_file_type(de, file_type(s, mode));
	memcpy(de->name, name.str, name.len);
}

/*
 * Room for @want bytes in a block?  Returns the offset of the entry to use: a
 * free one, or one to be shortened.  -1: none, -2: broken.
 */
static int find_room(struct server *s, const char *block, unsigned int want)
{
	const struct ext2_dir_entry *de;
	unsigned int off = 0, at = 0, len;
	bool bad;

	for (; (de = next_entry(s, block, &off, &len, &bad)); at = off) {
		unsigned int used = de->inode ? needed(ext2fs_dirent_name_len(de)) : 0;

		if (at + len > usable(s))
			continue;
		if (len - used >= want)
			return at;
	}
	return bad ? -2 : -1;
}

static int put_entry(struct server *s, struct inode *dir, uint64_t pblk, unsigned int at,
		     struct dir_name name, ext2_ino_t ino, mode_t mode)
{
	struct ext2_dir_entry *de;
	unsigned int len, used;
	char *buf;
	int err;

	buf = copy_block(s, pblk, &err);
	if (!buf)
		return err;
	de = (struct ext2_dir_entry *)(buf + at);
	ext2fs_get_rec_len(s->fs, de, &len);
	if (de->inode) {
		used = needed(ext2fs_dirent_name_len(de));
		ext2fs_set_rec_len(s->fs, used, de);
		de = (struct ext2_dir_entry *)(buf + at + used);
		len -= used;
	}
	fill_entry(s, de, len, name, ino, mode);
	return commit_block(s, dir, pblk, buf);
}

/* One more block at the end, contents to be written by the caller. */
static int grow(struct server *s, struct inode *dir, const struct caller *who, uint64_t *pblk)
{
	struct mapping m = { .type = MAP_MAPPED, .lblk = dir_blocks(s, dir), .len = 1 };
	uint64_t inserted = 0;
	struct mapping last;
	struct space sp;
	uint64_t goal = 0;
	int err;

	if (!ext2fs_has_feature_largedir(s->fs->super) &&
	    inode_size(dir) + s->fs->blocksize > INT32_MAX)
		return -ENOSPC;
	if (m.lblk && !map_lookup(s, dir, m.lblk - 1, MAP_EXACT, &last) && last.pblk)
		goal = last.pblk + (m.lblk - last.lblk);
	if (!goal)
		goal = ext2fs_find_inode_goal(s->fs, dir->ino, inode_small(dir), m.lblk);
	err = space_take(s, dir, goal, m.lblk, 1, 0, who, &sp);
	if (err)
		return err;
	m.pblk = sp.pblk;
	err = inode_has_extents(dir) ? extent_insert(s, dir, &m) :
				       indirect_insert(s, dir, &m, &inserted);
	if (err) {
		space_give_back(s, &sp);
		inode_store(s, dir);
		return err;
	}
	err = space_count(s, dir, &sp);
	if (!err)
		err = inode_set_size(s, dir, inode_size(dir) + s->fs->blocksize);
	if (!err)
		err = inode_store(s, dir);
	*pblk = m.pblk;
	return err;
}

static int add_in_new_block(struct server *s, struct inode *dir, struct dir_name name,
			    ext2_ino_t ino, mode_t mode, const struct caller *who)
{
	unsigned int bs = s->fs->blocksize;
	uint64_t pblk;
	char *buf;
	int err;

	buf = calloc(1, bs);
	if (!buf)
		return -ENOMEM;
	err = grow(s, dir, who, &pblk);
	if (err) {
		free(buf);
		return err;
	}
	fill_entry(s, (struct ext2_dir_entry *)buf, usable(s), name, ino, mode);
	if (usable(s) != bs)
		ext2fs_initialize_dirent_tail(s->fs, EXT2_DIRENT_TAIL(buf, bs));
	return commit_block(s, dir, pblk, buf);
}

static int add_linear(struct server *s, struct inode *dir, struct dir_name name, ext2_ino_t ino,
		      mode_t mode, const struct caller *who)
{
	struct node *node = node_find(s, dir->ino);
	uint64_t blocks = dir_blocks(s, dir);
	struct block_iter it = { .lblk = node ? node->room_hint : 0 };

	for (; it.lblk < blocks; it.lblk++) {
		int at, err = load_block(s, dir, &it);

		if (err)
			return err;
		at = find_room(s, it.data, needed(name.len));
		if (at == -2)
			return fs_error(s, dir->ino, it.pblk, "bad directory entry");
		if (at < 0)
			continue;
		/* what a long name can't use before here is lost until a removal */
		if (node)
			node->room_hint = it.lblk;
		return put_entry(s, dir, it.pblk, at, name, ino, mode);
	}
	if (node)
		node->room_hint = blocks;
	return add_in_new_block(s, dir, name, ino, mode, who);
}

static int add_indexed(struct server *s, struct inode *dir, struct dir_name name,
		       ext2_ino_t ino, mode_t mode)
{
	char text[EXT2_NAME_LEN + 1];
	errcode_t lerr;
	int err;

	memcpy(text, name.str, name.len);
	text[name.len] = '\0';
	lerr = ext2fs_link(s->fs, dir->ino, text, ino, file_type(s, mode));
	s->dirty = true;
	node_dir_changed(s, dir->ino);
	err = inode_load(s, dir->ino, dir);
	return lerr ? lib_error(s, lerr, dir->ino) : err;
}

int dir_add(struct server *s, struct inode *dir, struct dir_name name, ext2_ino_t ino,
	    mode_t mode, const struct caller *who)
{
	int err;

	if (!name.len || name.len > EXT2_NAME_LEN)
		return -ENAMETOOLONG;
	err = move_to_block(s, dir);
	if (err)
		return err;
	if (dir->raw.i_flags & EXT2_INDEX_FL) {
		if (ext2fs_has_feature_dir_index(s->fs->super)) {
			/* libext2fs starts from the inode on disk */
			err = inode_store(s, dir);
			return err ? err : add_indexed(s, dir, name, ino, mode);
		}
		/* without the feature nobody may rely on the index */
		dir->raw.i_flags &= ~EXT2_INDEX_FL;
		err = inode_store(s, dir);
		if (err)
			return err;
	}
	return add_linear(s, dir, name, ino, mode, who);
}

int dir_remove(struct server *s, struct inode *dir, struct dir_name name)
{
	struct ext2_dir_entry *de, *prev;
	unsigned int len, prev_len;
	struct node *node;
	struct place p;
	char *buf;
	int err;

	err = move_to_block(s, dir);
	if (!err)
		err = find_entry(s, dir, name, &p);
	if (err)
		return err;
	buf = copy_block(s, p.pblk, &err);
	if (!buf)
		return err;
	de = (struct ext2_dir_entry *)(buf + p.off);
	ext2fs_get_rec_len(s->fs, de, &len);
	if (p.prev != p.off) {
		prev = (struct ext2_dir_entry *)(buf + p.prev);
		ext2fs_get_rec_len(s->fs, prev, &prev_len);
		ext2fs_set_rec_len(s->fs, prev_len + len, prev);
		memset(de, 0, len);
	} else {
		memset(de, 0, len);
		ext2fs_set_rec_len(s->fs, len, de);
	}
	node = node_find(s, dir->ino);
	if (node && p.lblk < node->room_hint)
		node->room_hint = p.lblk;
	return commit_block(s, dir, p.pblk, buf);
}

int dir_replace(struct server *s, struct inode *dir, struct dir_name name, ext2_ino_t ino,
		mode_t mode)
{
	struct ext2_dir_entry *de;
	struct place p;
	char *buf;
	int err;

	err = move_to_block(s, dir);
	if (!err)
		err = find_entry(s, dir, name, &p);
	if (err)
		return err;
	buf = copy_block(s, p.pblk, &err);
	if (!buf)
		return err;
	de = (struct ext2_dir_entry *)(buf + p.off);
	de->inode = ino;
	ext2fs_dirent_set_file_type(de, file_type(s, mode));
	return commit_block(s, dir, p.pblk, buf);
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
	uint64_t pblk;
	char *buf;
	int err;

	err = grow(s, dir, who, &pblk);
	if (err)
		return err;
	err = lib_error(s, ext2fs_new_dir_block(s->fs, dir->ino, parent, &buf), dir->ino);
	return err ? err : commit_block(s, dir, pblk, buf);
}
