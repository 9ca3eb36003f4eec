// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Indirect block maps, the format of ext2 and ext3:
 *
 *	i_block[0..11]    the first 12 blocks
 *	i_block[12]       table of blocks
 *	i_block[13]       table of tables
 *	i_block[14]       table of tables of tables
 *
 * A table has blocksize / 4 entries of 32 bits; 0 is a hole, of as many blocks
 * as the entry stands for.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "block_set.h"
#include "free_check.h"
#include "map.h"

#define MAX_LEVELS	4

/* Where a block's entry is: an index for each level, the first one in i_block. */
struct path {
	int levels;
	uint32_t index[MAX_LEVELS];
};

static unsigned int table_bits(const struct server *s)
{
	return block_bits(s) - 2;
}

static int find_path(const struct server *s, uint64_t lblk, struct path *p)
{
	unsigned int bits = table_bits(s);
	uint64_t mask = (1ULL << bits) - 1;

	if (lblk < EXT2_NDIR_BLOCKS) {
		*p = (struct path){ 1, { lblk } };
		return 0;
	}
	lblk -= EXT2_NDIR_BLOCKS;
	for (int depth = 1; depth < MAX_LEVELS; depth++) {
		if (lblk < 1ULL << (bits * depth)) {
			p->levels = depth + 1;
			p->index[0] = EXT2_NDIR_BLOCKS + depth - 1;
			for (int i = 1; i <= depth; i++)
				p->index[i] = lblk >> (bits * (depth - i)) & mask;
			return 0;
		}
		lblk -= 1ULL << (bits * depth);
	}
	return -EFBIG;
}

/* File blocks that an entry at @level of the path stands for. */
static uint64_t span(const struct server *s, const struct path *p, int level)
{
	return 1ULL << (table_bits(s) * (p->levels - 1 - level));
}

/* First file block below the same entry of i_block. */
static uint64_t tree_start(const struct server *s, const struct path *p)
{
	uint64_t first = EXT2_NDIR_BLOCKS;

	if (p->levels == 1)
		return 0;
	for (int depth = 1; depth < p->levels - 1; depth++)
		first += 1ULL << (table_bits(s) * depth);
	return first;
}

static int peek_table(struct server *s, struct inode *in, uint32_t blk, const uint32_t **table)
{
	if (!map_valid_range(s, blk, 1))
		return fs_error(s, in->ino, blk, "bad indirect block");
	return cache_peek(s->cache, blk, (const void **)table, NULL);
}

/*
 * Follow the path.  *@blk is the entry at *@level, either the data block or the
 * 0 that ends the walk early; *@table is where it is, with *@entries entries.
 */
static int walk(struct server *s, struct inode *in, const struct path *p, uint32_t *blk,
		int *level, const uint32_t **table, uint32_t *entries)
{
	*table = in->raw.i_block;
	*entries = EXT2_NDIR_BLOCKS;
	for (*level = 0;; (*level)++) {
		int err;

		*blk = (*table)[p->index[*level]];
		if (!*blk || *level == p->levels - 1)
			return 0;
		err = peek_table(s, in, *blk, table);
		if (err)
			return err;
		*entries = s->fs->blocksize / 4;
	}
}

int indirect_lookup(struct server *s, struct inode *in, uint64_t lblk, struct mapping *m)
{
	const uint32_t *table;
	uint32_t blk, entries, i;
	struct path p;
	int level, err;

	if (find_path(s, lblk, &p)) {
		/* beyond what the format reaches: nothing can be there */
		*m = (struct mapping){ .type = MAP_HOLE, .lblk = lblk,
				       .len = MAP_MAX_LBLK + 1 - lblk };
		return 0;
	}
	err = walk(s, in, &p, &blk, &level, &table, &entries);
	if (err)
		return err;

	i = p.index[level];
	m->lblk = lblk;
	if (!blk) {
		uint64_t size = span(s, &p, level);

		m->type = MAP_HOLE;
		m->len = size - (lblk - tree_start(s, &p)) % size;
		for (i++; i < entries && !table[i] && (level || p.levels == 1); i++)
			m->len += size;
		return 0;
	}
	m->type = MAP_MAPPED;
	m->pblk = blk;
	for (m->len = 1; i + m->len < entries && table[i + m->len] == blk + m->len;)
		m->len++;
	if (!map_valid_range(s, m->pblk, m->len))
		return fs_error(s, in->ino, blk, "bad block number");
	return 0;
}

/* A new, empty table at *@blk. */
static int new_table(struct server *s, struct inode *in, uint64_t goal, uint32_t *blk)
{
	uint64_t bs = s->fs->blocksize;
	blk64_t p;
	void *zeroes;
	int err;

	err = lib_error(s, alloc_new_block(s, goal, &p), in->ino);
	if (err)
		return err;
	if (p > UINT32_MAX)
		return -ENOSPC;
	zeroes = calloc(1, bs);
	if (!zeroes)
		return -ENOMEM;
	err = cache_write(s->cache, p * bs, zeroes, bs);
	free(zeroes);
	if (err)
		return err;
	ext2fs_block_alloc_stats2(s->fs, p, 1);
	*blk = p;
	return lib_error(s, ext2fs_iblk_add_blocks(s->fs, inode_small(in), 1), in->ino);
}

/* Write entries [@i, @i + @n) of the table in block @table (0: i_block). */
static int set_entries(struct server *s, struct inode *in, uint32_t table, uint32_t i,
		       uint32_t n, uint32_t first, bool clear)
{
	for (; n; n--, i++) {
		int err;

		if (!table) {
			in->raw.i_block[i] = clear ? 0 : first++;
			continue;
		}
		err = cache_write(s->cache, (uint64_t)table * s->fs->blocksize + i * 4ULL,
				  &(uint32_t){ clear ? 0 : first++ }, 4);
		if (err)
			return err;
	}
	return 0;
}

int indirect_insert(struct server *s, struct inode *in, const struct mapping *m,
		    uint64_t *inserted)
{
	uint32_t per_table = s->fs->blocksize / 4;

	*inserted = 0;
	if (m->pblk + m->len - 1 > UINT32_MAX)
		return -ENOSPC;
	while (*inserted < m->len) {
		uint64_t lblk = m->lblk + *inserted, n;
		uint32_t table = 0, next;
		const uint32_t *data;
		struct path p;
		int err = find_path(s, lblk, &p);

		if (err)
			return err;
		/* the tables on the way, made where they are missing */
		for (int level = 0; level < p.levels - 1; level++) {
			if (table) {
				err = peek_table(s, in, table, &data);
				if (err)
					return err;
				next = data[p.index[level]];
			} else {
				next = in->raw.i_block[p.index[level]];
			}
			if (!next) {
				err = new_table(s, in, m->pblk + m->len, &next);
				if (!err)
					err = set_entries(s, in, table, p.index[level], 1, next,
							  false);
				if (err)
					return err;
			}
			table = next;
		}
		if (table && !map_valid_range(s, table, 1))
			return fs_error(s, in->ino, table, "bad indirect block");
		n = (table ? per_table : EXT2_NDIR_BLOCKS) - p.index[p.levels - 1];
		if (n > m->len - *inserted)
			n = m->len - *inserted;
		err = set_entries(s, in, table, p.index[p.levels - 1], n, m->pblk + *inserted,
				  false);
		if (err)
			return err;
		*inserted += n;
	}
	return 0;
}

/*
 * Freeing
 *
 * The walk goes from the end of the range to its beginning, and frees each table when nothing is
 * left in it.  In a damaged map a table may be below itself, or in several places: then a walk
 * that believes the map takes up to 2^30 steps in a file system of a few blocks.  So a table
 * must not be on the way down already, nor be one that the same operation has freed.  Then no
 * table is gone through twice as a whole, and the work is bounded by the tables that are there.
 *
 * Between two parts of an operation others have the lock.  Then a freed table can become durable
 * and be taken again, by a write to the same file, too: it's a table like any other.  As long as it
 * is not taken again it's free, and that is seen by free_check.c.
 */

/* Steps of the walk, of which freeing a block is one, before others get their turn */
#define STEPS		4096
#define TABLE_STEPS	16	/* for going through a table */

struct punch {
	uint64_t lblk, end;	/* what goes; end: behind it all is done */
	uint64_t freed;
	int steps;		/* that are left */
	struct block_set *tables;	/* that have been freed */
	uint32_t way[MAX_LEVELS];	/* tables, from the inode down */
	int depth;
};

static int enter_table(struct server *s, struct inode *in, struct punch *p, uint32_t blk)
{
	if (!map_valid_range(s, blk, 1))
		return fs_error(s, in->ino, blk, "bad indirect block");
	for (int i = 0; i < p->depth; i++)
		if (p->way[i] == blk)
			return fs_error(s, in->ino, blk, "an indirect block is below itself");
	if (block_set_has(p->tables, blk))
		return fs_error(s, in->ino, blk, "an indirect block is in the map twice");
	if (!free_check_in_use(s, blk, 1))
		return fs_error(s, in->ino, blk, "an indirect block is free");
	assert(p->depth < MAX_LEVELS);
	p->way[p->depth++] = blk;
	p->steps -= TABLE_STEPS;
	/* when this table and those above it are free there is no way back */
	return block_set_reserve(p->tables, MAX_LEVELS);
}

static void free_table(struct server *s, struct punch *p, uint32_t *entry)
{
	int added = block_set_add(p->tables, *entry);

	assert(added == 1);
	(void)added;
	alloc_free(s, *entry, 1);
	p->freed++;
	*entry = 0;
}

static bool is_empty(const uint32_t *table, uint32_t entries)
{
	for (uint32_t i = 0; i < entries; i++)
		if (table[i])
			return false;
	return true;
}

static int punch_table(struct server *s, struct inode *in, struct punch *p, uint32_t blk,
		       uint64_t base, uint64_t size, bool *empty);

/* *@entry, at file block @start, stands for @size blocks.  It is 0 afterwards if all is gone. */
static int punch_entry(struct server *s, struct inode *in, struct punch *p, uint32_t *entry,
		       uint64_t start, uint64_t size)
{
	bool empty = false;
	int err;

	if (size == 1) {
		if (!map_valid_range(s, *entry, 1))
			return fs_error(s, in->ino, *entry, "bad block number");
		alloc_free(s, *entry, 1);
		p->freed++;
		*entry = 0;
		return 0;
	}
	err = punch_table(s, in, p, *entry, start, size >> table_bits(s), &empty);
	if (!err && empty)
		free_table(s, p, entry);
	return err;
}

/*
 * Free what is in [p->lblk, p->end) under @blk, a table whose entries stand for @size blocks
 * each from file block @base on, until there are no steps left.  *@empty: nothing is left in it.
 */
static int punch_table(struct server *s, struct inode *in, struct punch *p, uint32_t blk,
		       uint64_t base, uint64_t size, bool *empty)
{
	const size_t bs = s->fs->blocksize;
	uint32_t entries = bs / sizeof(uint32_t), i = entries, *table;
	bool changed = false;
	int err = enter_table(s, in, p, blk), write_err = 0;

	if (err)
		return err;
	table = malloc(bs);
	if (!table)
		return -ENOMEM;
	/* an error ends the whole walk: the depth doesn't matter then */
	err = cache_read(s->cache, blk * bs, table, bs);
	if (p->end < base + entries * size)
		i = p->end > base ? (p->end - base + size - 1) / size : 0;
	while (!err && i-- && p->steps > 0) {
		uint64_t start = base + i * size;

		if (start + size <= p->lblk)
			break;
		if (!table[i])
			continue;
		err = punch_entry(s, in, p, &table[i], start, size);
		changed |= !table[i];
		/* a table below may have used up the steps, and said how far it came */
		if (!err && (size == 1 || p->steps > 0) && p->end > start)
			p->end = start;
		p->steps--;
	}
	*empty = !err && is_empty(table, entries);
	if (changed && !*empty)
		write_err = cache_write(s->cache, blk * bs, table, bs);
	free(table);
	p->depth--;
	return err ? err : write_err;
}

uint64_t indirect_end(const struct server *s, const struct inode *in)
{
	uint64_t base = EXT2_NDIR_BLOCKS, end = base;

	for (int depth = 1; depth < MAX_LEVELS; depth++) {
		base += 1ULL << (table_bits(s) * depth);
		if (in->raw.i_block[EXT2_NDIR_BLOCKS + depth - 1])
			end = base;
	}
	return end;
}

/* The entries of the inode, the last one first */
static int punch_root(struct server *s, struct inode *in, struct punch *p)
{
	uint64_t base = indirect_end(s, in), size;
	int err = 0;

	if (p->end > base)
		p->end = base;
	base = EXT2_NDIR_BLOCKS;
	for (int depth = 1; depth < MAX_LEVELS; depth++)
		base += 1ULL << (table_bits(s) * depth);
	for (int i = EXT2_N_BLOCKS - 1; !err && i >= 0 && p->steps > 0; i--) {
		uint32_t *entry = &in->raw.i_block[i];

		size = i < EXT2_NDIR_BLOCKS ? 1 :
		       1ULL << (table_bits(s) * (i - EXT2_NDIR_BLOCKS + 1));
		base -= size;
		if (base + size <= p->lblk)
			break;
		if (base >= p->end)
			continue;
		if (*entry)
			err = punch_entry(s, in, p, entry, base, size);
		if (!err && p->steps > 0)
			p->end = base;
	}
	return err;
}

int indirect_punch(struct server *s, struct inode *in, uint64_t lblk, uint64_t *end,
		   struct block_set *tables)
{
	struct punch p = { .lblk = lblk, .end = *end, .steps = STEPS, .tables = tables };
	int err = punch_root(s, in, &p);

	*end = p.end > lblk ? p.end : lblk;
	if (p.freed) {
		errcode_t lerr = ext2fs_iblk_sub_blocks(s->fs, inode_small(in), p.freed);

		if (!err && lerr != EOVERFLOW)
			err = lib_error(s, lerr, in->ino);
	}
	return err;
}
