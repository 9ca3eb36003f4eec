/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Extents read and changed in the leaf that they are in, without libext2fs.
 *
 * For what happens all the time: looking extents up, making unwritten ones written, adding
 * one, as long as the tree's shape stays as it is.  What is not so simple, and all
 * that looks damaged, is LEAF_UNUSUAL: map_extent.c then does it with libext2fs, which says
 * what is wrong.
 */
#ifndef IOMAP4FS_EXTENT_LEAF_H
#define IOMAP4FS_EXTENT_LEAF_H

#include "map.h"

#include <ext2fs/ext3_extents.h>

#define LEAF_UNUSUAL	1

struct leaf {
	uint64_t pblk;			/* 0: in the inode */
	uint64_t begin;			/* the first block that it is for, */
	uint64_t end;			/* and the first behind it that another leaf is for */
	unsigned int nr, max;
	bool first;			/* of the tree */
	int at;				/* see leaf_find(); it is the caller's to move */
	/* valid until something else is read or written */
	const struct ext3_extent *extents;
};

struct leaf_extent {
	uint64_t lblk, len, pblk;	/* blocks */
	bool unwritten;
};

/*
 * The leaf for @lblk, and in it the last extent that does not begin behind it; -1 if all do.
 * 0, LEAF_UNUSUAL, or -errno if it can't be read.
 */
int leaf_find(struct server *s, struct inode *in, uint64_t lblk, struct leaf *l);
/*
 * While the cache is tried: the leaves beside that for @lblk will be needed, so many @before and
 * @behind it, as far as the index block above it names them.
 */
void leaf_want(struct server *s, struct inode *in, uint64_t lblk, unsigned int before,
	       unsigned int behind);

static inline struct leaf_extent leaf_decode(const struct ext3_extent *x)
{
	struct leaf_extent e = {
		.lblk = ext2fs_le32_to_cpu(x->ee_block),
		.len = ext2fs_le16_to_cpu(x->ee_len),
		.pblk = ext2fs_le32_to_cpu(x->ee_start) |
			(uint64_t)ext2fs_le16_to_cpu(x->ee_start_hi) << 32,
	};

	if (e.len > EXT_INIT_MAX_LEN) {
		e.len -= EXT_INIT_MAX_LEN;
		e.unwritten = true;
	}
	return e;
}

/* Extent @i; 0, or LEAF_UNUSUAL if it can't be one or is out of order. */
static inline int leaf_get(const struct server *s, const struct leaf *l, int i,
			   struct leaf_extent *e)
{
	uint64_t limit = i + 1 < (int)l->nr ? ext2fs_le32_to_cpu(l->extents[i + 1].ee_block) :
			 l->end;

	*e = leaf_decode(&l->extents[i]);
	if (!e->len || e->lblk + e->len > limit || !map_valid_range(s, e->pblk, e->len))
		return LEAF_UNUSUAL;
	return 0;
}

/*
 * The extent behind l->at, which moves there, maybe into another leaf.  1: @e is it, 0: there is
 * none; -LEAF_UNUSUAL, which is no errno of ours, if it can't be told.
 */
int leaf_next(struct server *s, struct inode *in, struct leaf *l, struct leaf_extent *e);

/* All of [@lblk, @lblk + @len) is in one unwritten extent: it is written now. */
int leaf_convert(struct server *s, struct inode *in, uint64_t lblk, uint64_t len);
/* Add an extent in a hole.  The inode is not stored by either. */
int leaf_insert(struct server *s, struct inode *in, const struct leaf_extent *new);

#endif
