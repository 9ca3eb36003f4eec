// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The format of quota files, "vfsv1".  A file is made of blocks of 1024 bytes, whatever
 * the file system's are:
 *
 *	block 0         header: magic and version, then the info
 *	block 1         root of a radix tree over the id, 8 bits a level:
 *
 *	root --id >> 24--> tree --id >> 16--> tree --id >> 8--> tree --id--> data block
 *
 *	tree block      256 references, 0: none
 *	data block      a head and 14 entries, each with its id; one of zeroes is free
 *
 * Data blocks are shared by ids that came one after the other.  Those that have a free
 * entry are in a list, from info.free_entry on; blocks that are in use for nothing are in
 * another, from info.free_blk on; behind info.blocks the file has none.
 *
 * An entry stays where it is, also when nothing is left to account for: an id that was
 * here will come back.
 *
 * The file is metadata: it is read and written through the cache, and so part of the
 * transaction.  What a new entry needs of space is there before anything is changed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "map.h"
#include "quota.h"

#define QBLOCK_BITS	10
#define QBLOCK		(1U << QBLOCK_BITS)
#define ROOT		1U
#define LEVELS		4
#define VERSION		1
#define INFO_POS	8U
/* blocks that a new entry can need: a tree block on each level below the root, and a data block */
#define NEED_MAX	LEVELS

struct header {
	uint32_t magic, version;
};

struct info {
	uint32_t block_grace, inode_grace, flags;
	uint32_t blocks, free_blk, free_entry;
};

struct data_head {
	uint32_t next, prev;		/* of the list that the block is in */
	uint16_t entries, pad;
	uint32_t pad2;
};

_Static_assert(sizeof(struct data_head) == 16, "as on disk");
_Static_assert(sizeof(struct quota_entry) == 72, "as on disk");

#define ENTRIES		((QBLOCK - sizeof(struct data_head)) / sizeof(struct quota_entry))

struct data_block {
	struct data_head head;
	struct quota_entry entries[ENTRIES];
};

static const uint32_t magics[NR_QUOTAS] = {
	[QUOTA_USER] = 0xd9c01f11, [QUOTA_GROUP] = 0xd9c01927, [QUOTA_PROJECT] = 0xd9c03f14,
};

static int bad(struct server *s, const struct quota_file *f)
{
	return fs_error(s, f->ino, 0, "bad quota file");
}

static int load_inode(struct server *s, const struct quota_file *f, struct inode *in)
{
	memset(in, 0, sizeof(*in));
	in->ino = f->ino;
	return lib_error(s, ext2fs_read_inode_full(s->fs, in->ino, inode_small(in),
						   sizeof(in->raw)), in->ino);
}

/* Device position of block @blk of the file */
static int locate(struct server *s, const struct quota_file *f, struct inode *in, uint32_t blk,
		  uint64_t *pos)
{
	uint64_t off = (uint64_t)blk << QBLOCK_BITS, lblk = off >> block_bits(s);
	struct mapping m;
	int err;

	if (off + QBLOCK > inode_size(in))
		return bad(s, f);
	err = map_lookup(s, in, lblk, 0, &m);
	if (!err && m.type != MAP_MAPPED)
		err = bad(s, f);
	if (!err)
		*pos = ((m.pblk + (lblk - m.lblk)) << block_bits(s)) +
		       (off & (s->fs->blocksize - 1));
	return err;
}

static int read_at(struct server *s, const struct quota_file *f, struct inode *in, uint32_t blk,
		   unsigned int off, void *buf, unsigned int len)
{
	uint64_t pos;
	int err = locate(s, f, in, blk, &pos);

	return err ? err : cache_read(s->cache, pos + off, buf, len);
}

static int write_at(struct server *s, const struct quota_file *f, struct inode *in, uint32_t blk,
		    unsigned int off, const void *buf, unsigned int len)
{
	uint64_t pos;
	int err = locate(s, f, in, blk, &pos);

	s->dirty = true;
	return err ? err : cache_write(s->cache, pos + off, buf, len);
}

static int read_info(struct server *s, const struct quota_file *f, struct inode *in,
		     struct info *info)
{
	int err = read_at(s, f, in, 0, INFO_POS, info, sizeof(*info));

	if (!err && (info->blocks <= ROOT || info->free_blk >= info->blocks ||
		     info->free_entry >= info->blocks ||
		     (uint64_t)info->blocks << QBLOCK_BITS > inode_size(in)))
		err = bad(s, f);
	return err;
}

int quota_tree_check(struct server *s, struct quota_file *f)
{
	struct header header;
	struct info info;
	struct inode in;
	int err = load_inode(s, f, &in);

	if (err)
		return err;
	if (!LINUX_S_ISREG(in.raw.i_mode) || inode_is_inline(&in) || !map_exists(s, &in))
		return bad(s, f);
	err = read_at(s, f, &in, 0, 0, &header, sizeof(header));
	if (!err && (header.magic != magics[f->type] || header.version != VERSION))
		err = bad(s, f);
	if (!err)
		err = read_info(s, f, &in, &info);
	if (!err) {
		f->space_grace = info.block_grace;
		f->inode_grace = info.inode_grace;
	}
	return err;
}

/* The reference on @level of the tree, from block @blk; which is checked. */
static int follow(struct server *s, const struct quota_file *f, struct inode *in,
		  const struct info *info, uint32_t id, int level, uint32_t blk, uint32_t *ref)
{
	unsigned int index = id >> (8 * (LEVELS - 1 - level)) & 0xff;
	int err = read_at(s, f, in, blk, index * 4, ref, 4);

	if (!err && *ref && (*ref <= ROOT || *ref >= info->blocks))
		err = bad(s, f);
	return err;
}

static bool is_free(const struct quota_entry *e)
{
	static const struct quota_entry none;

	return !memcmp(e, &none, sizeof(none));
}

/* Position in the data block, -1: not there */
static int index_of(const struct data_block *d, uint32_t id)
{
	for (unsigned int i = 0; i < ENTRIES; i++)
		if (d->entries[i].id == id && !is_free(&d->entries[i]))
			return i;
	return -1;
}

static int position(struct server *s, const struct quota_file *f, struct inode *in, uint32_t blk,
		    unsigned int index, uint64_t *pos)
{
	int err = locate(s, f, in, blk, pos);

	*pos += offsetof(struct data_block, entries) + index * sizeof(struct quota_entry);
	return err;
}

/*
 * New entries
 */

/* The part behind the end of the last block: it is as new. */
static int use_last_block(struct server *s, const struct quota_file *f, struct inode *in)
{
	uint64_t bs = s->fs->blocksize, size = inode_size(in), end = (size + bs - 1) & ~(bs - 1);
	static const char zeroes[QBLOCK];
	int err = inode_set_size(s, in, end);

	for (uint64_t blk = (size + QBLOCK - 1) >> QBLOCK_BITS; !err && blk < end >> QBLOCK_BITS;
	     blk++)
		err = write_at(s, f, in, blk, 0, zeroes, QBLOCK);
	return err ? err : inode_store(s, in);
}

/* There are blocks behind the last one, so many, of zeroes or not in use. */
static int make_room(struct server *s, const struct quota_file *f, struct inode *in,
		     const struct info *info)
{
	uint64_t bs = s->fs->blocksize, want = ((uint64_t)info->blocks + NEED_MAX) << QBLOCK_BITS;
	const struct caller root = { 0 };
	int err = 0;

	while (!err && inode_size(in) < want) {
		uint64_t lblk = inode_size(in) >> block_bits(s);
		struct mapping m;
		void *zeroes;

		if (inode_size(in) & (bs - 1)) {
			err = use_last_block(s, f, in);
			continue;
		}
		err = map_alloc(s, in, NULL, lblk, 1, &root, &m);
		if (!err)
			err = map_convert(s, in, lblk, 1);
		if (err)
			break;
		zeroes = calloc(1, bs);
		if (!zeroes)
			return -ENOMEM;
		err = cache_write(s->cache, (m.pblk + (lblk - m.lblk)) * bs, zeroes, bs);
		free(zeroes);
		if (!err)
			err = inode_set_size(s, in, (lblk + 1) * bs);
		if (!err)
			err = inode_store(s, in);
	}
	return err;
}

/* A block for anything, filled with zeroes; @info is changed. */
static int take_block(struct server *s, const struct quota_file *f, struct inode *in,
		      struct info *info, uint32_t *blk)
{
	static const char zeroes[QBLOCK];
	struct data_head head;
	int err;

	if (info->free_blk) {
		*blk = info->free_blk;
		err = read_at(s, f, in, *blk, 0, &head, sizeof(head));
		if (!err && (*blk <= ROOT || head.next >= info->blocks))
			err = bad(s, f);
		if (err)
			return err;
		info->free_blk = head.next;
	} else {
		*blk = info->blocks++;
	}
	return write_at(s, f, in, *blk, 0, zeroes, QBLOCK);
}

/* The first block of the list of those with a free entry is full. */
static int drop_full(struct server *s, const struct quota_file *f, struct inode *in,
		     struct info *info, struct data_head *head)
{
	static const uint32_t none;

	if (head->next >= info->blocks)
		return bad(s, f);
	info->free_entry = head->next;
	head->next = head->prev = 0;
	if (!info->free_entry)
		return 0;
	return write_at(s, f, in, info->free_entry, offsetof(struct data_head, prev), &none,
			sizeof(none));
}

/* An entry in a data block; @info is changed. */
static int take_entry(struct server *s, const struct quota_file *f, struct inode *in,
		      struct info *info, uint32_t id, uint32_t *blk, unsigned int *index)
{
	struct data_block d = { 0 };
	int err = 0;

	*blk = info->free_entry;
	if (!*blk) {
		err = take_block(s, f, in, info, blk);
		info->free_entry = *blk;
	} else {
		err = read_at(s, f, in, *blk, 0, &d, sizeof(d));
	}
	if (err)
		return err;
	for (*index = 0; *index < ENTRIES && !is_free(&d.entries[*index]);)
		++*index;
	if (*blk <= ROOT || *index == ENTRIES || d.head.entries >= ENTRIES)
		return bad(s, f);
	d.entries[*index].id = id;
	/* or it would look free */
	if (!id)
		d.entries[*index].inode_time = 1;
	if (++d.head.entries == ENTRIES)
		err = drop_full(s, f, in, info, &d.head);
	return err ? err : write_at(s, f, in, *blk, 0, &d, sizeof(d));
}

/* Its path ends at @level, at block @blk. */
static int insert(struct server *s, const struct quota_file *f, struct inode *in,
		  struct info *info, uint32_t id, int level, uint32_t blk, uint64_t *pos)
{
	unsigned int index = 0;
	uint32_t data = 0;
	int err = make_room(s, f, in, info);

	if (!err)
		err = take_entry(s, f, in, info, id, &data, &index);
	for (; !err && level < LEVELS; level++) {
		uint32_t next = data;

		if (level < LEVELS - 1)
			err = take_block(s, f, in, info, &next);
		if (!err)
			err = write_at(s, f, in, blk, (id >> (8 * (LEVELS - 1 - level)) & 0xff) * 4,
				       &next, sizeof(next));
		blk = next;
	}
	if (!err)
		err = write_at(s, f, in, 0, INFO_POS, info, sizeof(*info));
	return err ? err : position(s, f, in, data, index, pos);
}

int quota_tree_find(struct server *s, struct quota_file *f, uint32_t id, uint64_t *pos)
{
	uint32_t blk = ROOT, next;
	struct data_block d;
	struct info info;
	struct inode in;
	int index, err = load_inode(s, f, &in);

	if (!err)
		err = read_info(s, f, &in, &info);
	for (int level = 0; !err && level < LEVELS; level++) {
		err = follow(s, f, &in, &info, id, level, blk, &next);
		if (!err && !next)
			return insert(s, f, &in, &info, id, level, blk, pos);
		blk = next;
	}
	if (!err)
		err = read_at(s, f, &in, blk, 0, &d, sizeof(d));
	if (err)
		return err;
	index = index_of(&d, id);
	return index < 0 ? bad(s, f) : position(s, f, &in, blk, index, pos);
}

/*
 * Entries and grace periods
 */

int quota_tree_read(struct server *s, const struct quota_file *f, uint32_t id, uint64_t pos,
		    struct quota_entry *e)
{
	int err = cache_read(s->cache, pos, e, sizeof(*e));

	if (err)
		return err;
	if (e->id != id)
		return bad(s, f);
	/* see quota_tree_write() */
	if (e->inode_time == 1) {
		e->inode_time = 0;
		if (!is_free(e))
			e->inode_time = 1;
	}
	return 0;
}

int quota_tree_write(struct server *s, uint64_t pos, const struct quota_entry *e)
{
	struct quota_entry raw = *e;

	/* that of id 0 would look free; kernel ext4 writes and reads it the same way */
	if (is_free(&raw))
		raw.inode_time = 1;
	s->dirty = true;
	return cache_write(s->cache, pos, &raw, sizeof(raw));
}

int quota_tree_set_grace(struct server *s, struct quota_file *f, uint32_t space, uint32_t inodes)
{
	struct info info;
	struct inode in;
	int err = load_inode(s, f, &in);

	if (!err)
		err = read_info(s, f, &in, &info);
	if (err)
		return err;
	info.block_grace = space;
	info.inode_grace = inodes;
	err = write_at(s, f, &in, 0, INFO_POS, &info, sizeof(info));
	if (!err) {
		f->space_grace = space;
		f->inode_grace = inodes;
	}
	return err;
}

/* What a search through the tree needs on each level */
struct search {
	struct info info;
	struct inode in;
	unsigned int steps;	/* blocks that may still be looked at */
};

/*
 * Find the first id, from *@id on, that block @blk on @level of the tree leads to.  1: found; 0:
 * there is none below @blk, and *@id is the first id behind it; -EAGAIN: no steps are left, and
 * *@id is where to go on.  *@id has 64 bits, so that it can be behind the last id.
 */
static int search(struct server *s, struct quota_file *f, struct search *a, int level,
		  uint32_t blk, uint64_t *id, uint64_t *pos)
{
	unsigned int shift = 8 * (LEVELS - 1 - level);
	uint64_t end = (*id >> (shift + 8)) + 1;
	uint32_t refs[QBLOCK / sizeof(uint32_t)];
	struct data_block d;
	int ret;

	if (!a->steps)
		return -EAGAIN;
	a->steps--;
	ret = read_at(s, f, &a->in, blk, 0, refs, sizeof(refs));
	if (ret)
		return ret;
	while (*id >> (shift + 8) < end) {
		uint32_t ref = refs[*id >> shift & 0xff];
		int index;

		if (ref && (ref <= ROOT || ref >= a->info.blocks))
			return bad(s, f);
		if (!ref) {
			*id = ((*id >> shift) + 1) << shift;
			continue;
		}
		if (level < LEVELS - 1) {
			ret = search(s, f, a, level + 1, ref, id, pos);
			if (ret)
				return ret;
			continue;
		}
		ret = read_at(s, f, &a->in, ref, 0, &d, sizeof(d));
		if (ret)
			return ret;
		index = index_of(&d, *id);
		if (index < 0)
			return bad(s, f);
		ret = position(s, f, &a->in, ref, index, pos);
		return ret ? ret : 1;
	}
	return 0;
}

int quota_tree_next(struct server *s, struct quota_file *f, uint64_t *id, unsigned int *steps,
		    uint64_t *pos)
{
	struct search a = { .steps = *steps };
	int ret = load_inode(s, f, &a.in);

	if (!ret)
		ret = read_info(s, f, &a.in, &a.info);
	if (!ret && *id <= UINT32_MAX)
		ret = search(s, f, &a, 0, ROOT, id, pos);
	*steps = a.steps;
	return ret;
}
