// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The journal as a system zone: all blocks that its inode maps, and those that the map itself
 * is in.
 *
 * The map is followed here by hand, as the checks in map*.c need the zones.  Nothing in it is
 * believed.  Each block is outside of the zones so far; the depth is bounded by the formats; and
 * as no journal is in a million pieces, a map that goes round in circles ends after a million.
 * A block that is named twice overlaps itself when the list is sorted.
 */
#include <errno.h>
#include <stdlib.h>

#include "extent_leaf.h"
#include "map.h"

#define PIECES_MAX	(1U << 20)
#define DEPTH_MAX	5

struct walk {
	struct server *s;
	struct system_zones *zones;
	uint32_t visits;
};

static int add(struct walk *w, uint64_t pblk, uint64_t len)
{
	if (!len || !map_valid_range(w->s, pblk, len) || ++w->visits > PIECES_MAX)
		return -EUCLEAN;
	return system_zones_add(w->zones, pblk, len) ? 0 : -ENOMEM;
}

static int read_block(struct walk *w, uint64_t pblk, void **block)
{
	uint64_t bs = w->s->fs->blocksize;
	int err;

	*block = malloc(bs);
	if (!*block)
		return -ENOMEM;
	err = cache_read(w->s->cache, pblk * bs, *block, bs);
	if (err)
		free(*block);
	return err;
}

/* A node of the extent tree, @bytes long, @depth levels above the leaves */
static int add_node(struct walk *w, const struct ext3_extent_header *eh, size_t bytes,
		    unsigned int depth)
{
	unsigned int nr = ext2fs_le16_to_cpu(eh->eh_entries);
	const struct ext3_extent_idx *ix = (const void *)(eh + 1);
	const struct ext3_extent *x = (const void *)(eh + 1);
	int err = 0;

	if (ext2fs_le16_to_cpu(eh->eh_magic) != EXT3_EXT_MAGIC ||
	    ext2fs_le16_to_cpu(eh->eh_depth) != depth ||
	    nr > (bytes - sizeof(*eh)) / sizeof(*x))
		return -EUCLEAN;
	for (unsigned int i = 0; i < nr && !err; i++) {
		uint64_t child;
		void *block;

		if (!depth) {
			struct leaf_extent e = leaf_decode(&x[i]);

			err = add(w, e.pblk, e.len);
			continue;
		}
		child = ext2fs_le32_to_cpu(ix[i].ei_leaf) |
			(uint64_t)ext2fs_le16_to_cpu(ix[i].ei_leaf_hi) << 32;
		err = add(w, child, 1);
		if (!err)
			err = read_block(w, child, &block);
		if (!err) {
			err = add_node(w, block, w->s->fs->blocksize, depth - 1);
			free(block);
		}
	}
	return err;
}

/* What @blk, an entry of a table, is for: data, or a table with @levels of them below */
static int add_entry(struct walk *w, uint32_t blk, unsigned int levels)
{
	uint32_t nr = w->s->fs->blocksize / sizeof(uint32_t);
	void *block;
	int err;

	if (!blk)
		return 0;
	err = add(w, blk, 1);
	if (err || !levels)
		return err;
	err = read_block(w, blk, &block);
	if (err)
		return err;
	for (uint32_t i = 0; i < nr && !err; i++)
		err = add_entry(w, ((const uint32_t *)block)[i], levels - 1);
	free(block);
	return err;
}

static int add_map(struct walk *w, const struct inode *in)
{
	const struct ext3_extent_header *eh = (const void *)in->raw.i_block;
	int err = 0;

	if (inode_has_extents(in)) {
		if (ext2fs_le16_to_cpu(eh->eh_depth) > DEPTH_MAX)
			return -EUCLEAN;
		return add_node(w, eh, sizeof(in->raw.i_block), ext2fs_le16_to_cpu(eh->eh_depth));
	}
	for (unsigned int i = 0; i < EXT2_N_BLOCKS && !err; i++)
		err = add_entry(w, in->raw.i_block[i],
				i < EXT2_NDIR_BLOCKS ? 0 : i - EXT2_NDIR_BLOCKS + 1);
	return err;
}

int system_zones_add_journal(struct server *s)
{
	struct inode in = { .ino = s->fs->super->s_journal_inum };
	struct walk w = { .s = s, .zones = system_zones_create() };
	errcode_t lerr;
	int err = 0;

	if (!w.zones)
		return -ENOMEM;
	lerr = ext2fs_read_inode_full(s->fs, in.ino, inode_small(&in), sizeof(in.raw));
	if (lerr)
		err = lerr == EXT2_ET_NO_MEMORY ? -ENOMEM : lerr == EIO ? -EIO : -EUCLEAN;
	else if (!inode_is_reg(&in) || !in.raw.i_links_count || inode_is_inline(&in))
		err = -EUCLEAN;
	for (size_t i = 0; i < s->zones->nr && !err; i++)
		if (!system_zones_add(w.zones, s->zones->list[i].first,
				      s->zones->list[i].end - s->zones->list[i].first))
			err = -ENOMEM;
	if (!err)
		err = add_map(&w, &in);
	if (!err)
		err = system_zones_finish(w.zones, s->fs);
	if (err) {
		system_zones_destroy(w.zones);
		return err;
	}
	system_zones_destroy(s->zones);
	s->zones = w.zones;
	return 0;
}
