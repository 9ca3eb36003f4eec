// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading a directory in the order of hashes, which its index has: how names are hashed, and
 * whether an index that comes from an untrusted image leads everywhere.
 *
 * A name that the index doesn't lead to can't be found by it, but it can still be listed.  So
 * before the index of a directory is used for listing, it has to lead to each block once: then
 * every name is in a leaf that is visited.  Hashes that a leaf shouldn't have show when it is read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "block_set.h"
#include "dir_block.h"
#include "htree.h"

bool htree_order_init(struct server *s, struct inode *dir, struct htree_hash *h)
{
	const struct ext2_dx_root_info *info;
	struct block_iter it = { .lblk = 0 };
	unsigned int off;

	if (dir->raw.i_flags & EXT2_INDEX_FL && !inode_is_inline(dir) && dir_blocks(s, dir) &&
	    !dir_block_load(s, dir, &it) && htree_limits(s, (char *)it.data, &off) &&
	    off == HTREE_ROOT_ENTRIES) {
		info = (const void *)(it.data + HTREE_ROOT_INFO);
		if (htree_hash_init(s, dir, info->hash_version, h))
			return true;
	}
	return htree_hash_init(s, dir, s->fs->super->s_def_hash_version, h);
}

struct check {
	struct block_set seen;		/* blocks below the root, by their numbers in the directory */
	uint32_t last;			/* hash that was met last */
	unsigned int levels;
};

static int check_node(struct server *s, struct inode *dir, struct check *c, uint64_t lblk,
		      unsigned int level);

static int check_entries(struct server *s, struct inode *dir, struct check *c,
			 const struct ext2_dx_entry *entries, unsigned int count,
			 unsigned int level)
{
	for (unsigned int i = 0; i < count; i++) {
		uint64_t lblk = entries[i].block & EXT4_DX_BLOCK_MASK;
		uint32_t first = entries[i].hash & ~1U;
		int ret;

		if (!lblk || lblk >= dir_blocks(s, dir))
			return 0;
		/* the same hash again has the lowest bit, or the search would begin there */
		if (i && (first < c->last || (first == c->last && !(entries[i].hash & 1))))
			return 0;
		if (i)
			c->last = first;
		ret = block_set_add(&c->seen, lblk);
		if (ret == 1 && level + 1 < c->levels)
			ret = check_node(s, dir, c, lblk, level + 1);
		if (ret != 1)
			return ret;
	}
	return 1;
}

/* A copy of the block's entries is checked: what is below them may push it out of the cache. */
static int check_node(struct server *s, struct inode *dir, struct check *c, uint64_t lblk,
		      unsigned int level)
{
	struct block_iter it = { .lblk = lblk };
	struct ext2_dx_countlimit *cl;
	struct ext2_dx_entry *copy;
	unsigned int off;
	int ret = dir_block_load(s, dir, &it);

	if (ret)
		return ret;
	cl = htree_limits(s, (char *)it.data, &off);
	if (!cl || off != (lblk ? HTREE_NODE_ENTRIES : HTREE_ROOT_ENTRIES) || !cl->count ||
	    cl->count > cl->limit ||
	    cl->limit != (lblk ? htree_node_limit(s) : htree_root_limit(s)))
		return 0;
	if (!lblk)
		c->levels = ((const struct ext2_dx_root_info *)(it.data + HTREE_ROOT_INFO))
			    ->indirect_levels + 1;
	if (c->levels > htree_max_levels(s))
		return 0;
	copy = malloc(cl->count * sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	memcpy(copy, cl, cl->count * sizeof(*copy));
	ret = check_entries(s, dir, c, copy, ((struct ext2_dx_countlimit *)copy)->count, level);
	free(copy);
	return ret;
}

int htree_is_complete(struct server *s, struct inode *dir)
{
	struct check c = { .levels = 1 };
	int ret = check_node(s, dir, &c, 0, 0);

	if (ret == 1)
		ret = c.seen.nr + 1 == dir_blocks(s, dir);
	block_set_destroy(&c.seen);
	return ret;
}
