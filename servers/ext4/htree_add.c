// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Adding to the index of a directory: see htree.h.
 *
 * A name goes into the leaf that its hash leads to.  When that is full, half of its names
 * move to a new one, for which the block above needs a free entry; if it has none it is
 * halved as well, or the highest full block above it, or the root gets one more level
 * below it.  After each such step the directory is as good as before, and the way down
 * is looked for again.
 *
 * Every step reads what it needs, then takes a block at the end of the directory, which
 * may fail for want of space and has changed nothing then, and then writes.
 */
#include "htree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dir_block.h"
#include "log.h"

/* What a new name can need: each level of the index to be halved or added, and the leaf. */
#define STEPS_MAX	(2 * HTREE_LEVELS + 4)

static int grow(struct server *s, struct inode *dir, const struct caller *who, uint64_t *lblk,
		uint64_t *pblk)
{
	if (dir_blocks(s, dir) > EXT4_DX_BLOCK_MASK)
		return -ENOSPC;
	return dir_grow(s, dir, who, lblk, pblk);
}

/*
 * Leaves
 */

struct live {
	const struct ext2_dir_entry *de;
	uint32_t hash;
	unsigned int need;	/* bytes */
};

static int by_hash(const void *a, const void *b)
{
	const struct live *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	/* as they are in the block */
	return x->de < y->de ? -1 : x->de > y->de;
}

/* The names in @block from @off on, *@nr of them.  @how: their hashes are wanted, or NULL */
static int list_names(struct server *s, struct inode *dir, const struct htree_hash *how,
		      const char *block, unsigned int off, struct live *list, size_t *nr)
{
	const struct ext2_dir_entry *de;
	unsigned int len;
	int err = 0;
	bool bad;

	*nr = 0;
	while (!err && (de = next_entry(s, block, &off, &len, &bad))) {
		struct live *l = &list[*nr];

		if (!de->inode)
			continue;
		*l = (struct live){ .de = de, .need = dirent_needs(ext2fs_dirent_name_len(de)) };
		/* not where the checksum is */
		bad = (const char *)de - block + l->need > dir_block_usable(s);
		if (bad)
			break;
		err = how ? htree_hash(s, how, dirent_name(de), &l->hash) : 0;
		(*nr)++;
	}
	if (!err && bad)
		err = fs_error(s, dir->ino, 0, "bad directory entry");
	return err;
}

/* Fill the empty block @to with @nr names. */
static void pack(const struct server *s, char *to, const struct live *list, size_t nr)
{
	unsigned int end = dir_block_usable(s), at = 0;
	struct ext2_dir_entry *de = (struct ext2_dir_entry *)to;

	for (size_t i = 0; i < nr; i++) {
		de = (struct ext2_dir_entry *)(to + at);
		memcpy(de, list[i].de, list[i].need);
		ext2fs_set_rec_len(s->fs, list[i].need, de);
		at += list[i].need;
	}
	ext2fs_set_rec_len(s->fs, end - (unsigned int)((char *)de - to), de);
	dir_block_init_tail(s, to);
}

/* How many names, of the lower hashes, stay when the others are about half of the bytes. */
static size_t halve(const struct live *list, size_t nr, unsigned int bytes)
{
	unsigned int moved = 0;
	size_t stay = nr;

	while (stay > 1 && moved + list[stay - 1].need / 2 <= bytes / 2) {
		stay--;
		moved += list[stay].need;
	}
	return stay;
}

/*
 * The limits in a block of the index that @f says something about: still that?  NULL if not,
 * as where a damaged image has it in use for something else as well, which has been
 * changed since.
 */
static struct ext2_dx_countlimit *same_limits(const struct server *s, char *data,
					      const struct htree_frame *f)
{
	unsigned int off;
	struct ext2_dx_countlimit *cl = htree_limits(s, data, &off);

	if (!cl || off != (f->lblk ? HTREE_NODE_ENTRIES : HTREE_ROOT_ENTRIES) ||
	    cl->count != f->count || cl->limit != f->limit)
		return NULL;
	return cl;
}

static int changed_meanwhile(struct server *s, const struct inode *dir)
{
	return fs_error(s, dir->ino, 0, "block of a directory's index in use for something else");
}

/* The block of the index that @f says something about, still true, to be changed in place */
static int change_node(struct server *s, struct inode *dir, const struct htree_frame *f,
		       char **data, struct ext2_dx_countlimit **cl)
{
	struct block_iter it = { .lblk = f->lblk };
	int err = dir_block_load(s, dir, &it);

	if (!err)
		err = dir_block_change(s, dir, it.pblk, data);
	if (err)
		return err;
	*cl = same_limits(s, *data, f);
	return *cl ? 0 : changed_meanwhile(s, dir);
}

/* One more entry in a block of the index, behind @at. */
static int insert_entry(struct server *s, struct inode *dir, const struct htree_frame *f,
			uint32_t hash, uint64_t lblk)
{
	struct ext2_dx_countlimit *cl;
	struct ext2_dx_entry *e;
	char *data;
	int err = change_node(s, dir, f, &data, &cl);

	if (err)
		return err;
	e = (struct ext2_dx_entry *)cl + f->at + 1;
	memmove(e + 1, e, (f->count - f->at - 1) * sizeof(*e));
	e->hash = hash;
	e->block = (uint32_t)lblk;
	cl->count = f->count + 1;
	return dir_block_changed(s, dir, data);
}

/* The space of one leaf that is being split */
struct split {
	struct live *list;
	char *low, *high;
};

static void split_end(struct split *sp)
{
	free(sp->list);
	free(sp->low);
	free(sp->high);
}

static int split_begin(const struct server *s, struct split *sp)
{
	size_t bs = s->fs->blocksize;

	sp->list = malloc(bs / dirent_needs(1) * sizeof(*sp->list));
	sp->low = calloc(1, bs);
	sp->high = calloc(1, bs);
	if (sp->list && sp->low && sp->high)
		return 0;
	split_end(sp);
	return -ENOMEM;
}

/*
 * Make room for @want bytes in the leaf: put its free space together if that gives plenty,
 * else move names to a new leaf.
 */
static int split_leaf(struct server *s, struct inode *dir, const struct htree_path *p,
		      unsigned int want, const struct caller *who)
{
	const struct htree_frame *parent = &p->frames[p->levels - 1];
	struct block_iter it = { .lblk = p->leaf };
	uint64_t lblk, pblk;
	unsigned int bytes = 0;
	struct split sp;
	size_t nr, stay;
	bool shared;
	int err = split_begin(s, &sp);

	if (err)
		return err;
	err = dir_block_load(s, dir, &it);
	if (!err)
		err = list_names(s, dir, &p->how, it.data, 0, sp.list, &nr);
	if (err)
		goto out;
	for (size_t i = 0; i < nr; i++)
		bytes += sp.list[i].need;
	dir_block_moved(s, dir, it.lblk);
	if (nr < 2 || bytes + want <= dir_block_usable(s) / 4 * 3) {
		pack(s, sp.low, sp.list, nr);
		err = dir_block_write(s, dir, it.pblk, sp.low);
		goto out;
	}
	qsort(sp.list, nr, sizeof(*sp.list), by_hash);
	stay = halve(sp.list, nr, bytes);
	shared = sp.list[stay].hash == sp.list[stay - 1].hash;
	pack(s, sp.low, sp.list, stay);
	pack(s, sp.high, sp.list + stay, nr - stay);

	err = grow(s, dir, who, &lblk, &pblk);
	if (!err)
		err = dir_block_write(s, dir, pblk, sp.high);
	if (!err)
		careful_names_moved(s, pblk);
	if (!err)
		err = dir_block_write(s, dir, it.pblk, sp.low);
	if (!err)
		err = insert_entry(s, dir, parent, sp.list[stay].hash + shared, lblk);
out:
	split_end(&sp);
	return err;
}

/*
 * The index
 */

/* Write a new block of the index with @count entries from @from on. */
static int write_node(struct server *s, struct inode *dir, uint64_t pblk, char *buf,
		      const struct ext2_dx_entry *from, unsigned int count)
{
	struct ext2_dx_countlimit *cl = (void *)(buf + HTREE_NODE_ENTRIES);

	ext2fs_set_rec_len(s->fs, s->fs->blocksize, (struct ext2_dir_entry *)buf);
	memcpy(cl, from, count * sizeof(*from));
	cl->limit = htree_node_limit(s);
	cl->count = count;
	return dir_block_write(s, dir, pblk, buf);
}

/* All entries of the root go to a new block below it. */
static int add_level(struct server *s, struct inode *dir, const struct htree_path *p,
		     const struct ext2_dx_entry *entries, char *buf, const struct caller *who)
{
	struct ext2_dx_root_info *info;
	struct ext2_dx_countlimit *root;
	uint64_t lblk, pblk;
	char *data;
	int err;

	if (p->levels >= htree_max_levels(s)) {
		log_inode(LOG_WARNING, dir->ino, 0, "the index of the directory is full");
		return -ENOSPC;
	}
	err = grow(s, dir, who, &lblk, &pblk);
	if (!err)
		err = write_node(s, dir, pblk, buf, entries, p->frames[0].count);
	if (!err)
		err = change_node(s, dir, &p->frames[0], &data, &root);
	if (err)
		return err;
	info = (void *)(data + HTREE_ROOT_INFO);
	info->indirect_levels++;
	root->count = 1;
	((struct ext2_dx_entry *)root)->block = (uint32_t)lblk;
	return dir_block_changed(s, dir, data);
}

/* The upper half of the entries goes to a new block beside it. */
static int halve_node(struct server *s, struct inode *dir, const struct htree_frame *parent,
		      const struct htree_frame *f, const struct ext2_dx_entry *entries, char *buf,
		      const struct caller *who)
{
	struct ext2_dx_countlimit *cl;
	unsigned int stay = f->count / 2;
	uint64_t lblk, pblk;
	char *data;
	int err = grow(s, dir, who, &lblk, &pblk);

	if (!err)
		err = write_node(s, dir, pblk, buf, entries + stay, f->count - stay);
	if (!err)
		err = change_node(s, dir, f, &data, &cl);
	if (err)
		return err;
	cl->count = stay;
	err = dir_block_changed(s, dir, data);
	return err ? err : insert_entry(s, dir, parent, entries[stay].hash, lblk);
}

static bool is_full(const struct htree_frame *f)
{
	return f->count == f->limit;
}

/* One step towards a free entry in the lowest block of the index. */
static int make_room_in_index(struct server *s, struct inode *dir, const struct htree_path *p,
			      const struct caller *who)
{
	unsigned int level = p->levels - 1;
	struct block_iter it = { .lblk = 0 };
	size_t bs = s->fs->blocksize;
	struct ext2_dx_entry *entries;
	char *old, *new;
	int err;

	while (level && is_full(&p->frames[level - 1]))
		level--;
	it.lblk = p->frames[level].lblk;
	err = dir_block_load(s, dir, &it);
	if (err)
		return err;
	old = malloc(bs);
	new = calloc(1, bs);
	if (old && new) {
		memcpy(old, it.data, bs);
		entries = (void *)same_limits(s, old, &p->frames[level]);
		err = !entries ? changed_meanwhile(s, dir) :
		      level ? halve_node(s, dir, &p->frames[level - 1], &p->frames[level],
					 entries, new, who) :
			      add_level(s, dir, p, entries, new, who);
	} else {
		err = -ENOMEM;
	}
	free(old);
	free(new);
	return err;
}

int htree_add(struct server *s, struct inode *dir, struct dir_name name, ext2_ino_t ino,
	      mode_t mode, const struct caller *who)
{
	for (int step = 0; step < STEPS_MAX; step++) {
		struct block_iter it = { .lblk = 0 };
		struct htree_path p;
		int at, err = htree_find(s, dir, name, &p);

		if (err)
			return err;
		it.lblk = p.leaf;
		err = dir_block_load(s, dir, &it);
		if (err)
			return err;
		at = dir_block_find_room(s, dir, &it, dirent_needs(name.len));
		if (at == -2)
			return fs_error(s, dir->ino, it.pblk, "bad directory entry");
		if (at >= 0)
			return dir_block_put(s, dir, &it, at, name, ino, mode);
		err = is_full(&p.frames[p.levels - 1]) ?
		      make_room_in_index(s, dir, &p, who) :
		      split_leaf(s, dir, &p, dirent_needs(name.len), who);
		if (err)
			return err;
	}
	return fs_error(s, dir->ino, 0, "no room in a directory block that was split");
}

/*
 * Making an index
 */

/* Are "." and ".." where an index has them?  The names behind them begin at *@rest. */
static bool has_dots(const struct server *s, const char *block, unsigned int *rest)
{
	const struct ext2_dir_entry *de;
	unsigned int off = 0, len;
	bool bad;

	de = next_entry(s, block, &off, &len, &bad);
	if (!de || !de->inode || len != dirent_needs(1) || ext2fs_dirent_name_len(de) != 1 ||
	    de->name[0] != '.')
		return false;
	de = next_entry(s, block, &off, &len, &bad);
	*rest = off;
	return de && de->inode && ext2fs_dirent_name_len(de) == 2 && !memcmp(de->name, "..", 2);
}

int htree_can_be(struct server *s, struct inode *dir)
{
	struct block_iter it = { .lblk = 0 };
	struct htree_hash how;
	unsigned int rest;
	int err;

	if (!htree_hash_init(s, dir, s->fs->super->s_def_hash_version, &how))
		return 0;
	if (inode_is_inline(dir))
		return 1;
	err = dir_block_load(s, dir, &it);
	return err ? err : has_dots(s, it.data, &rest);
}

/* What was block 0 becomes the root, with one leaf. */
static int write_root(struct server *s, struct inode *dir, uint64_t pblk, uint64_t leaf)
{
	const unsigned int dots = dirent_needs(1) + dirent_needs(2);
	struct ext2_dx_countlimit *cl;
	struct ext2_dx_root_info *info;
	struct ext2_dx_entry *entries;
	char *data;
	int err = dir_block_change(s, dir, pblk, &data);

	if (err)
		return err;
	ext2fs_set_rec_len(s->fs, s->fs->blocksize - dirent_needs(1),
			   (struct ext2_dir_entry *)(data + dirent_needs(1)));
	memset(data + dots, 0, s->fs->blocksize - dots);
	info = (void *)(data + HTREE_ROOT_INFO);
	info->hash_version = s->fs->super->s_def_hash_version;
	info->info_length = sizeof(*info);
	entries = (void *)(data + HTREE_ROOT_ENTRIES);
	entries->block = (uint32_t)leaf;
	cl = (void *)entries;
	cl->limit = htree_root_limit(s);
	cl->count = 1;
	return dir_block_changed(s, dir, data);
}

int htree_make(struct server *s, struct inode *dir, const struct caller *who)
{
	struct block_iter it = { .lblk = 0 };
	struct htree_hash how;
	uint64_t lblk, pblk;
	unsigned int rest;
	struct split sp;
	size_t nr;
	int err = dir_block_load(s, dir, &it);

	if (err)
		return err;
	if (!htree_hash_init(s, dir, s->fs->super->s_def_hash_version, &how) ||
	    !has_dots(s, it.data, &rest))
		return 1;
	err = split_begin(s, &sp);
	if (err)
		return err;
	err = list_names(s, dir, NULL, it.data, rest, sp.list, &nr);
	if (!err) {
		pack(s, sp.low, sp.list, nr);
		err = dir_grow(s, dir, who, &lblk, &pblk);
	}
	if (!err)
		err = dir_block_write(s, dir, pblk, sp.low);
	if (!err)
		careful_names_moved(s, pblk);
	dir_block_moved(s, dir, 0);
	if (!err)
		err = write_root(s, dir, it.pblk, lblk);
	if (!err) {
		dir->raw.i_flags |= EXT2_INDEX_FL;
		err = inode_store(s, dir);
	}
	split_end(&sp);
	return err;
}
