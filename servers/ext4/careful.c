// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Careful writes: see careful.h.
 *
 * What step a block belongs to is told by where it is (bitmaps, inode tables, descriptors), by
 * what the cache knows of it (new blocks, directories and their order), or by what is in it
 * (extent trees).
 */
#include "careful.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ext2fs/ext3_extents.h>

#include "bitmaps.h"
#include "inode_table.h"
#include "map.h"

/* deeper trees are not written (map_extent.c) */
#define DEPTH_MAX	5

enum step {
	STEP_NEW,
	STEP_INODES,
	STEP_MAPS,				/* and of a lower level */
	STEP_OTHERS = STEP_MAPS + DEPTH_MAX,
	STEP_DIRS = STEP_MAPS + DEPTH_MAX + 1,	/* and what is to come behind others */
	STEP_SUPER = STEP_DIRS + UINT16_MAX + 1,
	STEP_LATE,
};

/* Blocks of a kind */
struct careful_range {
	uint64_t begin, end;
	enum step step;
};

struct write {
	uint64_t nr;
	uint32_t step;
	const void *data;			/* only while the batch is being made, */
	const char *before;			/* and what inodes without a name were, or NULL */
};

struct careful_batch {
	struct journal_content content;
	struct write *writes;			/* in their order */
	size_t nr_writes;
	char *data;				/* of them */
};

/*
 * Opening
 */

static int by_begin(const void *a, const void *b)
{
	const struct careful_range *x = a, *y = b;

	return x->begin < y->begin ? -1 : x->begin > y->begin;
}

static void add_range(struct careful *c, uint64_t begin, uint64_t len, enum step step)
{
	struct careful_range *last = c->nr_ranges ? &c->ranges[c->nr_ranges - 1] : NULL;

	/* those of a flex group are side by side */
	if (last && last->step == step && last->end == begin)
		last->end += len;
	else if (len)
		c->ranges[c->nr_ranges++] = (struct careful_range){ begin, begin + len, step };
}

static void find_ranges(struct server *s)
{
	struct careful *c = &s->careful;
	ext2_filsys fs = s->fs;
	uint64_t descs = ext2fs_has_feature_meta_bg(fs->super) ? fs->super->s_first_meta_bg :
							       fs->desc_blocks;

	for (dgrp_t g = 0; g < fs->group_desc_count; g++) {
		blk64_t super = 0, old_desc = 0, new_desc = 0;
		blk_t used = 0;

		if (!ext2fs_super_and_bgd_loc2(fs, g, &super, &old_desc, &new_desc, &used)) {
			/* block 0 is one only in the first group; backups are of no importance */
			if (super || !g)
				add_range(c, super, 1, g ? STEP_NEW : STEP_SUPER);
			/* what they call unused is not looked at, so the inodes come first */
			if (old_desc)
				add_range(c, old_desc, descs, STEP_OTHERS);
			if (new_desc)
				add_range(c, new_desc, 1, STEP_OTHERS);
		}
		add_range(c, ext2fs_block_bitmap_loc(fs, g), 1, STEP_NEW);
		add_range(c, ext2fs_inode_bitmap_loc(fs, g), 1, STEP_NEW);
		add_range(c, ext2fs_inode_table_loc(fs, g), fs->inode_blocks_per_group,
			  STEP_INODES);
	}
	qsort(c->ranges, c->nr_ranges, sizeof(*c->ranges), by_begin);
}

static const struct careful_range *range_of(const struct careful *c, uint64_t blk)
{
	size_t low = 0, high = c->nr_ranges;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (c->ranges[mid].end <= blk)
			low = mid + 1;
		else
			high = mid;
	}
	return low < c->nr_ranges && c->ranges[low].begin <= blk ? &c->ranges[low] : NULL;
}

static bool is_inode_table(const void *arg, uint64_t blk)
{
	const struct careful_range *range = range_of(arg, blk);

	return range && range->step == STEP_INODES;
}

int careful_open(struct server *s)
{
	struct careful *c = &s->careful;

	/* six of a group at most, see find_ranges() */
	c->ranges = calloc(s->fs->group_desc_count, 6 * sizeof(*c->ranges));
	if (!c->ranges)
		return -ENOMEM;
	if (ext2fs_allocate_inode_bitmap(s->fs, "new inodes", &c->fresh) ||
	    ext2fs_allocate_inode_bitmap(s->fs, "moved names", &c->moved) ||
	    ext2fs_allocate_block_bitmap(s->fs, "new blocks", &c->blocks)) {
		ext2fs_free_inode_bitmap(c->fresh);
		ext2fs_free_inode_bitmap(c->moved);
		free(c->ranges);
		*c = (struct careful){ 0 };
		return -ENOMEM;
	}
	find_ranges(s);
	cache_keep_before(s->cache, is_inode_table, c);
	c->on = true;
	return 0;
}

static void free_batch(struct careful_batch *batch)
{
	free(batch->writes);
	free(batch->data);
	free(batch->content.blocks);
	free(batch->content.revokes);
	free(batch);
}

void careful_close(struct server *s)
{
	struct careful *c = &s->careful;

	if (!c->on)
		return;
	free(c->ranges);
	cache_keep_before(s->cache, NULL, NULL);
	free(c->freed);
	ext2fs_free_inode_bitmap(c->fresh);
	ext2fs_free_inode_bitmap(c->moved);
	ext2fs_free_block_bitmap(c->blocks);
	*c = (struct careful){ 0 };
}

/*
 * Inodes
 */

void careful_new_inode(struct server *s, ext2_ino_t ino)
{
	if (s->careful.on)
		ext2fs_mark_inode_bitmap2(s->careful.fresh, ino);
}

void careful_new_blocks(struct server *s, uint64_t blk, uint64_t len)
{
	if (s->careful.on)
		ext2fs_mark_block_bitmap_range2(s->careful.blocks, blk, len);
}

void careful_pin_inode(struct server *s, ext2_ino_t ino)
{
	struct careful *c = &s->careful;

	if (!c->on)
		return;
	if (c->nr_freed == c->freed_room) {
		size_t room = c->freed_room ? c->freed_room * 2 : 64;
		ext2_ino_t *freed = realloc(c->freed, room * sizeof(*freed));

		/* then it may be used again too early */
		if (!freed)
			return;
		c->freed = freed;
		c->freed_room = room;
	}
	c->freed[c->nr_freed++] = ino;
	ext2fs_mark_inode_bitmap2(s->fs->inode_map, ino);
}

bool careful_has_pins(const struct server *s)
{
	return s->careful.nr_freed;
}

/*
 * Directories
 *
 * A name that is renamed from one block to another has to be in its new one before it goes from
 * the old one.  Each block is written once, so there may be no circles: a block that
 * something waits for can't become one that waits.
 */

void careful_dir_changed(struct server *s, uint64_t pblk)
{
	if (!s->careful.on)
		return;
	s->careful.dir_block = pblk;
	cache_order_dir(s->cache, pblk);
}

void careful_names_moved(struct server *s, uint64_t pblk)
{
	if (s->careful.on)
		cache_order_moved(s->cache, pblk);
}

bool careful_has_no_order(const struct server *s, uint64_t pblk)
{
	return s->careful.on && cache_order_is_fixed(s->cache, pblk);
}

bool careful_is_new(const struct server *s, ext2_ino_t dir)
{
	return s->careful.on && ext2fs_test_inode_bitmap2(s->careful.fresh, dir);
}

/* Of the blocks of directories @first and @then the first one is to be written first. */
static void order_dirs(struct server *s, uint64_t first, uint64_t then)
{
	/* nothing on the device is in a new one; and what was moved there is known (@moved) */
	if (first == then || ext2fs_test_block_bitmap2(s->careful.blocks, then))
		return;
	cache_order_await(s->cache, first);
	if (!ext2fs_test_block_bitmap2(s->careful.blocks, first))
		cache_order_after(s->cache, first, then);
}

void careful_name_moved(struct server *s, ext2_ino_t ino, ext2_ino_t from, uint64_t added)
{
	if (!s->careful.on)
		return;
	order_dirs(s, added, s->careful.dir_block);
	ext2fs_mark_inode_bitmap2(s->careful.moved, ino);
	ext2fs_mark_inode_bitmap2(s->careful.moved, from);
}

void careful_name_added(struct server *s, ext2_ino_t ino)
{
	if (s->careful.on)
		ext2fs_mark_inode_bitmap2(s->careful.moved, ino);
}

bool careful_waits_for_names(const struct server *s, ext2_ino_t ino)
{
	return s->careful.on && ext2fs_test_inode_bitmap2(s->careful.moved, ino);
}

bool careful_waits_to_free(const struct server *s, ext2_ino_t ino, uint64_t sectors)
{
	const char *before;
	unsigned int off;
	uint64_t blk;

	if (!s->careful.on || inode_table_find(s, ino, &blk, &off))
		return false;
	before = cache_before(s->cache, blk);
	if (!before || !((const struct ext2_inode *)(before + off))->i_links_count)
		return false;
	/* what can't be done in one batch, and what may not be because others are in it */
	return sectors >> (30 - 9) || cache_nr_dirty(s->cache) > s->commits.limit / 2;
}

static void unpin_inodes(struct server *s)
{
	struct careful *c = &s->careful;

	for (size_t i = 0; i < c->freed_taken; i++) {
		ext2fs_unmark_inode_bitmap2(s->fs->inode_map, c->freed[i]);
		bitmaps_inode_changed(s, c->freed[i]);
	}
	if (c->freed_taken) {
		ext2fs_mark_ib_dirty(s->fs);
		s->dirty = true;
	}
	c->nr_freed -= c->freed_taken;
	/* without any there is no list yet, and adding to a null pointer is undefined */
	if (c->nr_freed)
		memmove(c->freed, c->freed + c->freed_taken, c->nr_freed * sizeof(*c->freed));
	c->freed_taken = 0;
}

/*
 * Batches
 */

/* Something else may look like one: then it is only written in another step of the same kind. */
static unsigned int depth_of(const void *block)
{
	const struct ext3_extent_header *eh = block;
	unsigned int depth = ext2fs_le16_to_cpu(eh->eh_depth);

	return ext2fs_le16_to_cpu(eh->eh_magic) == EXT3_EXT_MAGIC && depth <= DEPTH_MAX ? depth : 0;
}

static uint32_t step_of(const struct careful *c, const struct journal_block *b,
			unsigned int level)
{
	const struct careful_range *range = range_of(c, b->nr);

	if (range)
		return range->step;
	if (ext2fs_test_block_bitmap2(c->blocks, b->nr))
		return STEP_NEW;
	if (level)
		return STEP_DIRS + level;
	return STEP_OTHERS - depth_of(b->data);
}

/* Is there an inode that has no name any more, and isn't what it was? */
static bool has_deleted(const struct server *s, const char *now, const char *before)
{
	const size_t size = EXT2_INODE_SIZE(s->fs->super);

	for (size_t at = 0; at < s->fs->blocksize; at += size)
		if (!((const struct ext2_inode *)(now + at))->i_links_count &&
		    memcmp(now + at, before + at, size))
			return true;
	return false;
}

static void put_deleted(const struct server *s, char *now, const char *before)
{
	const size_t size = EXT2_INODE_SIZE(s->fs->super);

	for (size_t at = 0; at < s->fs->blocksize; at += size)
		if (!((const struct ext2_inode *)(now + at))->i_links_count)
			memcpy(now + at, before + at, size);
}

static int by_step(const void *a, const void *b)
{
	const struct write *x = a, *y = b;

	if (x->step != y->step)
		return x->step < y->step ? -1 : 1;
	return x->nr < y->nr ? -1 : x->nr > y->nr;
}

/* A block of inodes, once or twice */
static void add_inodes(struct server *s, struct careful_batch *batch, const struct journal_block *b)
{
	char *before = cache_take_before(s->cache, b->nr);

	if (before && !has_deleted(s, b->data, before)) {
		free(before);
		before = NULL;
	}
	batch->writes[batch->nr_writes++] = (struct write){ b->nr, STEP_INODES, b->data, before };
	if (before)
		batch->writes[batch->nr_writes++] = (struct write){ b->nr, STEP_LATE, b->data, NULL };
}

static void order_writes(struct server *s, struct careful_batch *batch)
{
	for (size_t i = 0; i < batch->content.nr_blocks; i++) {
		const struct journal_block *b = &batch->content.blocks[i];
		unsigned int level = cache_take_order(s->cache, b->nr);
		uint32_t step = step_of(&s->careful, b, level);

		if (step == STEP_INODES)
			add_inodes(s, batch, b);
		else
			batch->writes[batch->nr_writes++] =
				(struct write){ b->nr, step, b->data, NULL };
	}
	qsort(batch->writes, batch->nr_writes, sizeof(*batch->writes), by_step);
}

static void copy_data(const struct server *s, struct careful_batch *batch)
{
	const size_t bs = s->fs->blocksize;

	for (size_t i = 0; i < batch->nr_writes; i++) {
		struct write *w = &batch->writes[i];
		char *data = batch->data + i * bs;

		memcpy(data, w->data, bs);
		if (w->before)
			put_deleted(s, data, w->before);
		free((char *)w->before);
		w->data = w->before = NULL;
	}
}

int careful_take(struct server *s, struct careful_batch **out)
{
	struct careful *c = &s->careful;
	struct careful_batch *batch = calloc(1, sizeof(*batch));
	/* blocks of inodes may be written twice; what isn't needed is not touched */
	size_t max = 2 * cache_nr_dirty(s->cache);

	if (!batch)
		return -ENOMEM;
	batch->writes = calloc(max, sizeof(*batch->writes));
	if (!batch->writes ||
	    posix_memalign((void **)&batch->data, 4096, max * s->fs->blocksize) ||
	    cache_commit_begin(s->cache, &batch->content)) {
		free_batch(batch);
		return -ENOMEM;
	}
	ext2fs_clear_inode_bitmap(c->fresh);
	ext2fs_clear_inode_bitmap(c->moved);
	order_writes(s, batch);
	ext2fs_clear_block_bitmap(c->blocks);
	copy_data(s, batch);
	c->freed_taken = c->nr_freed;
	alloc_pins_commit(s);
	*out = batch;
	return 0;
}

/* Blocks of one step that are side by side */
static size_t run_length(const struct careful_batch *batch, size_t i)
{
	const struct write *w = batch->writes;
	size_t n = 1;

	while (i + n < batch->nr_writes && w[i + n].step == w[i].step &&
	       w[i + n].nr == w[i].nr + n)
		n++;
	return n;
}

int careful_write(struct server *s, struct careful_batch *batch)
{
	const struct device *dev = &s->src.dev;
	const size_t bs = s->fs->blocksize;
	uint32_t step = STEP_NEW;
	int err = 0;

	for (size_t i = 0, n; !err && i < batch->nr_writes; i += n) {
		const struct write *w = &batch->writes[i];

		n = run_length(batch, i);
		/* also before the first step, if that is none for new blocks: for the data */
		if (w->step != step)
			err = device_flush(dev);
		step = w->step;
		for (size_t k = i; k < i + n; k++)
			cache_fix(s->cache, batch->writes[k].nr, batch->data + k * bs);
		if (!err)
			err = device_write(dev, batch->data + i * bs, n * bs, w->nr * bs);
	}
	return err ? err : device_flush(dev);
}

void careful_done(struct server *s, struct careful_batch *batch, bool written)
{
	if (written) {
		cache_written(s->cache, &batch->content);
		unpin_inodes(s);
		alloc_pins_committed(s);
	}
	free_batch(batch);
}
