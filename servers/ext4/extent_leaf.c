// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Extents in their leaves.
 *
 *	inode: | header | up to 4 |
 *	block: | header | up to (block - header) / 12 | checksum |
 *
 * The way down is by binary search in blocks that are read in place in the metadata
 * cache; a block's checksum is verified once as long as it stays there.  Nothing
 * read is believed: counts are checked against the block, the depth goes down by one each
 * time, blocks are inside the file system.  Entries that are not in order may make a search
 * find another one than the right one; what is found is checked against its
 * neighbours, and libext2fs searches in its own way then.
 *
 * A change is made on a copy of the leaf, which is checksummed and written to the cache as a
 * whole; keys in the blocks above stay right, as no leaf gets another first block.
 */
#include "extent_leaf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "checksum.h"

#define MAX_DEPTH	5
#define NO_END		(MAP_MAX_LBLK + 1)

static bool has_sane_header(const struct ext3_extent_header *eh, unsigned int bytes)
{
	unsigned int max = ext2fs_le16_to_cpu(eh->eh_max), nr = ext2fs_le16_to_cpu(eh->eh_entries);

	return ext2fs_le16_to_cpu(eh->eh_magic) == EXT3_EXT_MAGIC && nr <= max &&
	       max <= (bytes - sizeof(*eh)) / sizeof(struct ext3_extent);
}

/* Behind as many entries as there could be; NULL if that is behind the block */
static uint32_t *find_sum(const struct server *s, const struct ext3_extent_header *eh)
{
	size_t at = sizeof(*eh) + ext2fs_le16_to_cpu(eh->eh_max) * sizeof(struct ext3_extent);

	if (at + sizeof(uint32_t) > s->fs->blocksize)
		return NULL;
	return (uint32_t *)((char *)eh + at);
}

/*
 * libext2fs's function for this reads the inode, and with it may push the block out of the
 * cache.
 */
static uint32_t compute_sum(const struct server *s, const struct inode *in,
			    const struct ext3_extent_header *eh, const uint32_t *sum)
{
	uint32_t ino = ext2fs_cpu_to_le32(in->ino);
	uint32_t generation = ext2fs_cpu_to_le32(in->raw.i_generation);
	uint32_t crc = checksum_crc32c(s->fs->csum_seed, &ino, sizeof(ino));

	crc = checksum_crc32c(crc, &generation, sizeof(generation));
	return checksum_crc32c(crc, eh, (const char *)sum - (const char *)eh);
}

static bool sum_is_right(const struct server *s, const struct inode *in,
			 const struct ext3_extent_header *eh)
{
	const uint32_t *sum;

	if (!ext2fs_has_feature_metadata_csum(s->fs->super))
		return true;
	sum = find_sum(s, eh);
	return sum && ext2fs_le32_to_cpu(*sum) == compute_sum(s, in, eh, sum);
}

static void set_sum(const struct server *s, const struct inode *in, struct ext3_extent_header *eh)
{
	uint32_t *sum = find_sum(s, eh);

	/* where there is no place for one, none was right */
	if (ext2fs_has_feature_metadata_csum(s->fs->super) && sum)
		*sum = ext2fs_cpu_to_le32(compute_sum(s, in, eh, sum));
}

static int peek_block(struct server *s, struct inode *in, uint64_t pblk, unsigned int depth,
		      const struct ext3_extent_header **eh)
{
	const void *data;
	bool *verified;
	int err;

	if (!map_valid_range(s, pblk, 1))
		return LEAF_UNUSUAL;
	err = cache_peek(s->cache, pblk, &data, &verified);
	if (err)
		return err;
	*eh = data;
	/* what is in the cache may have been changed by others, but is right then */
	if (!has_sane_header(*eh, s->fs->blocksize) ||
	    ext2fs_le16_to_cpu((*eh)->eh_depth) != depth)
		return LEAF_UNUSUAL;
	if (cache_is_verified(verified))
		return 0;
	if (!sum_is_right(s, in, *eh))
		return LEAF_UNUSUAL;
	cache_set_verified(verified);
	return 0;
}

/* The number of entries whose first block is not behind @lblk */
static unsigned int count_before(const void *entries, unsigned int nr, uint64_t lblk)
{
	/* extents and indexes both begin with it */
	const struct ext3_extent *e = entries;
	unsigned int low = 0;

	while (low < nr) {
		unsigned int mid = (low + nr) / 2;

		if (ext2fs_le32_to_cpu(e[mid].ee_block) <= lblk)
			low = mid + 1;
		else
			nr = mid;
	}
	return low;
}

static uint64_t child_of(const struct ext3_extent_idx *ix)
{
	return ext2fs_le32_to_cpu(ix->ei_leaf) | (uint64_t)ext2fs_le16_to_cpu(ix->ei_leaf_hi) << 32;
}

/* Noting a block leaves the one that @ix is in where it is. */
static void want_children(struct server *s, const struct ext3_extent_idx *ix, unsigned int first,
			  unsigned int end)
{
	for (; first < end; first++)
		if (map_valid_range(s, child_of(&ix[first]), 1))
			cache_want(s->cache, child_of(&ix[first]));
}

/* leaf_find() for a walk that will need so many leaves @before and @behind, too */
static int find_leaf(struct server *s, struct inode *in, uint64_t lblk, unsigned int before,
		     unsigned int behind, struct leaf *l)
{
	const struct ext3_extent_header *eh = (const void *)in->raw.i_block;
	unsigned int depth = ext2fs_le16_to_cpu(eh->eh_depth);

	if (!has_sane_header(eh, sizeof(in->raw.i_block)) || depth > MAX_DEPTH)
		return LEAF_UNUSUAL;
	*l = (struct leaf){ .end = NO_END, .first = true };
	while (depth--) {
		const struct ext3_extent_idx *ix = (const void *)(eh + 1);
		unsigned int nr = ext2fs_le16_to_cpu(eh->eh_entries);
		unsigned int i = count_before(ix, nr, lblk);
		int err;

		if (!nr)
			return LEAF_UNUSUAL;
		/* what is before the first one goes into the first one */
		if (i)
			i--;
		l->first &= !i;
		l->begin = ext2fs_le32_to_cpu(ix[i].ei_block);
		if (i + 1 < nr)
			l->end = ext2fs_le32_to_cpu(ix[i + 1].ei_block);
		l->pblk = child_of(&ix[i]);
		if (!depth) {
			want_children(s, ix, i - (before < i ? before : i), i);
			want_children(s, ix, i + 1, behind < nr - i - 1 ? i + 1 + behind : nr);
		}
		err = peek_block(s, in, l->pblk, depth, &eh);
		if (err)
			return err;
	}
	l->nr = ext2fs_le16_to_cpu(eh->eh_entries);
	l->max = ext2fs_le16_to_cpu(eh->eh_max);
	l->extents = (const void *)(eh + 1);
	l->at = (int)count_before(l->extents, l->nr, lblk) - 1;
	/* libext2fs leaves no such leaf, but other programs may */
	if (!l->nr && l->pblk)
		return LEAF_UNUSUAL;
	return 0;
}

int leaf_find(struct server *s, struct inode *in, uint64_t lblk, struct leaf *l)
{
	return find_leaf(s, in, lblk, 0, 0, l);
}

void leaf_want(struct server *s, struct inode *in, uint64_t lblk, unsigned int before,
	       unsigned int behind)
{
	struct leaf l;

	/* what is wrong the walk itself will find */
	(void)find_leaf(s, in, lblk, before, behind, &l);
}

static struct ext3_extent encode(const struct leaf_extent *e)
{
	return (struct ext3_extent){
		.ee_block = ext2fs_cpu_to_le32(e->lblk),
		.ee_len = ext2fs_cpu_to_le16(e->len + (e->unwritten ? EXT_INIT_MAX_LEN : 0)),
		.ee_start = ext2fs_cpu_to_le32(e->pblk),
		.ee_start_hi = ext2fs_cpu_to_le16(e->pblk >> 32),
	};
}

static uint64_t end_of(const struct leaf_extent *e)
{
	return e->lblk + e->len;
}

static uint64_t max_len(const struct leaf_extent *e)
{
	return e->unwritten ? EXT_UNINIT_MAX_LEN : EXT_INIT_MAX_LEN;
}

int leaf_next(struct server *s, struct inode *in, struct leaf *l, struct leaf_extent *e)
{
	uint64_t end = l->end;

	if (++l->at < (int)l->nr)
		return leaf_get(s, l, l->at, e) ? -LEAF_UNUSUAL : 1;
	if (end == NO_END)
		return 0;
	/* the next leaf's first extent may begin behind its key */
	if (leaf_find(s, in, end, l) || !l->nr)
		return -LEAF_UNUSUAL;
	l->at = 0;
	if (leaf_get(s, l, 0, e) || e->lblk < end)
		return -LEAF_UNUSUAL;
	return 1;
}

/* Put @nr extents in the place of the @old from @i on. */
static int replace(struct server *s, struct inode *in, const struct leaf *l, int i,
		   unsigned int old, const struct leaf_extent *new, unsigned int nr)
{
	unsigned int count = l->nr - old + nr;
	struct ext3_extent_header *eh = (void *)in->raw.i_block;
	struct ext3_extent *x;
	int err = 0;

	if (count > l->max)
		return LEAF_UNUSUAL;
	if (l->pblk) {
		eh = malloc(s->fs->blocksize);
		if (!eh)
			return -ENOMEM;
		memcpy(eh, (const char *)l->extents - sizeof(*eh), s->fs->blocksize);
	}
	x = (struct ext3_extent *)(eh + 1) + i;
	memmove(x + nr, x + old, (l->nr - i - old) * sizeof(*x));
	for (unsigned int k = 0; k < nr; k++)
		x[k] = encode(&new[k]);
	/* nothing old behind the last one */
	if (count < l->nr)
		memset((struct ext3_extent *)(eh + 1) + count, 0, (l->nr - count) * sizeof(*x));
	eh->eh_entries = ext2fs_cpu_to_le16(count);
	if (l->pblk) {
		set_sum(s, in, eh);
		err = cache_write(s->cache, l->pblk * s->fs->blocksize, eh, s->fs->blocksize);
		free(eh);
		s->dirty = true;
	}
	return err;
}

/* Does @b go on where @a ends, in one extent with it? */
static bool joins(const struct leaf_extent *a, const struct leaf_extent *b)
{
	return a->unwritten == b->unwritten && end_of(a) == b->lblk &&
	       a->pblk + a->len == b->pblk && a->len + b->len <= max_len(a);
}

/* Add @e to the @nr of @list, in the last one if it can be. */
static unsigned int append(struct leaf_extent *list, unsigned int nr, const struct leaf_extent *e)
{
	if (!e->len)
		return nr;
	if (nr && joins(&list[nr - 1], e)) {
		list[nr - 1].len += e->len;
		return nr;
	}
	list[nr] = *e;
	return nr + 1;
}

static struct leaf_extent part_of(const struct leaf_extent *e, uint64_t start, uint64_t end)
{
	return (struct leaf_extent){
		.lblk = start, .len = end - start, .pblk = e->pblk + (start - e->lblk),
		.unwritten = e->unwritten,
	};
}

int leaf_convert(struct server *s, struct inode *in, uint64_t lblk, uint64_t len)
{
	struct leaf_extent e, part, list[5];
	unsigned int nr = 0, old = 1;
	struct leaf l;
	int err, i;

	err = leaf_find(s, in, lblk, &l);
	if (err)
		return err;
	if (l.at < 0 || leaf_get(s, &l, l.at, &e) || !e.unwritten || lblk + len > end_of(&e))
		return LEAF_UNUSUAL;
	i = l.at;
	/* the neighbours, as the new piece may become part of them */
	if (i && !leaf_get(s, &l, i - 1, &part)) {
		nr = append(list, nr, &part);
		i--;
		old++;
	}
	part = part_of(&e, e.lblk, lblk);
	nr = append(list, nr, &part);
	part = part_of(&e, lblk, lblk + len);
	part.unwritten = false;
	nr = append(list, nr, &part);
	part = part_of(&e, lblk + len, end_of(&e));
	nr = append(list, nr, &part);
	if (l.at + 1 < (int)l.nr && !leaf_get(s, &l, l.at + 1, &part)) {
		nr = append(list, nr, &part);
		old++;
	}
	return replace(s, in, &l, i, old, list, nr);
}

int leaf_insert(struct server *s, struct inode *in, const struct leaf_extent *new)
{
	struct leaf_extent list[3], e;
	unsigned int nr = 0, old = 0;
	struct leaf l;
	int err, i;

	err = leaf_find(s, in, new->lblk, &l);
	if (err)
		return err;
	/* in front of a leaf: its key in the block above would have to move */
	if (new->len > max_len(new) || end_of(new) > l.end || (l.at < 0 && l.pblk))
		return LEAF_UNUSUAL;
	i = l.at + 1;
	if (l.at >= 0) {
		if (leaf_get(s, &l, l.at, &e) || end_of(&e) > new->lblk)
			return LEAF_UNUSUAL;
		nr = append(list, nr, &e);
		i--;
		old++;
	}
	nr = append(list, nr, new);
	if (l.at + 1 < (int)l.nr) {
		if (leaf_get(s, &l, l.at + 1, &e) || end_of(new) > e.lblk)
			return LEAF_UNUSUAL;
		nr = append(list, nr, &e);
		old++;
	}
	return replace(s, in, &l, i, old, list, nr);
}
