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

/* An inode as it was */
struct careful_image {
	uint64_t blk;
	unsigned int off;			/* bytes */
	ext2_ino_t ino;
	char *raw;
};

struct write {
	uint64_t nr;
	uint32_t step;
	const void *data;			/* only while the batch is being made */
};

struct careful_batch {
	struct journal_content content;
	struct careful_image *images;
	size_t nr_images;
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

int careful_open(struct server *s)
{
	struct careful *c = &s->careful;

	/* six of a group at most, see find_ranges() */
	c->ranges = calloc(s->fs->group_desc_count, 6 * sizeof(*c->ranges));
	if (!c->ranges)
		return -ENOMEM;
	if (ext2fs_allocate_inode_bitmap(s->fs, "inodes known to careful writes", &c->known)) {
		free(c->ranges);
		c->ranges = NULL;
		return -ENOMEM;
	}
	find_ranges(s);
	c->on = true;
	return 0;
}

static void free_images(struct careful_image *images, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		free(images[i].raw);
	free(images);
}

static void free_batch(struct careful_batch *batch)
{
	free_images(batch->images, batch->nr_images);
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
	if (c->failed)
		free_batch(c->failed);
	free_images(c->images, c->nr_images);
	free(c->freed);
	ext2fs_free_inode_bitmap(c->known);
	*c = (struct careful){ 0 };
}

/*
 * Inodes
 */

void careful_new_inode(struct server *s, ext2_ino_t ino)
{
	if (s->careful.on)
		ext2fs_mark_inode_bitmap2(s->careful.known, ino);
}

static bool add_image(struct careful *c, const struct careful_image *image)
{
	if (c->nr_images == c->images_room) {
		size_t room = c->images_room ? c->images_room * 2 : 64;
		struct careful_image *images = realloc(c->images, room * sizeof(*images));

		if (!images)
			return false;
		c->images = images;
		c->images_room = room;
	}
	c->images[c->nr_images++] = *image;
	return true;
}

/* Without memory, or the inode, the step before is what is missing after a crash. */
void careful_lose_name(struct server *s, ext2_ino_t ino)
{
	struct careful *c = &s->careful;
	struct careful_image image = { .ino = ino };
	const size_t size = EXT2_INODE_SIZE(s->fs->super);
	const void *data;

	if (!c->on || ext2fs_test_inode_bitmap2(c->known, ino))
		return;
	if (inode_table_find(s, ino, &image.blk, &image.off) ||
	    cache_peek(s->cache, image.blk, &data, NULL))
		return;
	image.raw = malloc(size);
	if (!image.raw)
		return;
	memcpy(image.raw, (const char *)data + image.off, size);
	if (add_image(c, &image))
		ext2fs_mark_inode_bitmap2(c->known, ino);
	else
		free(image.raw);
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

uint64_t careful_nr_blocks(const struct server *s)
{
	return s->careful.nr_images * EXT2_INODE_SIZE(s->fs->super) / s->fs->blocksize;
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
	return s->careful.on && ext2fs_test_inode_bitmap2(s->careful.known, dir);
}

void careful_name_moved(struct server *s, uint64_t added)
{
	if (s->careful.on)
		cache_order_after(s->cache, added, s->careful.dir_block);
	careful_name_added(s);
}

void careful_name_added(struct server *s)
{
	s->careful.moved = s->careful.on;
}

bool careful_waits_for_names(const struct server *s)
{
	return s->careful.moved;
}

bool careful_waits_to_free(const struct server *s, ext2_ino_t ino, uint64_t sectors)
{
	/* what can't be done in one batch, and what may not be because others are in it */
	return careful_is_new(s, ino) && (sectors >> (30 - 9) ||
					  cache_nr_dirty(s->cache) > s->commits.limit / 2);
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
	memmove(c->freed, c->freed + c->freed_taken, c->nr_freed * sizeof(*c->freed));
	c->freed_taken = 0;
}

/*
 * Batches
 */

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

/* Something else may look like one: then it is only written in another step of the same kind. */
static unsigned int depth_of(const void *block)
{
	const struct ext3_extent_header *eh = block;
	unsigned int depth = ext2fs_le16_to_cpu(eh->eh_depth);

	return ext2fs_le16_to_cpu(eh->eh_magic) == EXT3_EXT_MAGIC && depth <= DEPTH_MAX ? depth : 0;
}

static uint32_t step_of(const struct careful *c, const struct journal_block *b,
			const struct cache_order *order)
{
	const struct careful_range *range = range_of(c, b->nr);

	if (range)
		return range->step;
	if (order->fresh)
		return STEP_NEW;
	if (order->level)
		return STEP_DIRS + order->level;
	return STEP_OTHERS - depth_of(b->data);
}

static int by_blk(const void *a, const void *b)
{
	const struct careful_image *x = a, *y = b;

	return x->blk < y->blk ? -1 : x->blk > y->blk;
}

/* The first image that is in block @blk or behind it */
static size_t first_image(const struct careful_batch *batch, uint64_t blk)
{
	size_t low = 0, high = batch->nr_images;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (batch->images[mid].blk < blk)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool has_image(const struct careful_batch *batch, uint64_t blk)
{
	size_t i = first_image(batch, blk);

	return i < batch->nr_images && batch->images[i].blk == blk;
}

static int by_step(const void *a, const void *b)
{
	const struct write *x = a, *y = b;

	if (x->step != y->step)
		return x->step < y->step ? -1 : 1;
	return x->nr < y->nr ? -1 : x->nr > y->nr;
}

static void order_writes(struct server *s, struct careful_batch *batch)
{
	for (size_t i = 0; i < batch->content.nr_blocks; i++) {
		const struct journal_block *b = &batch->content.blocks[i];
		struct cache_order order = cache_take_order(s->cache, b->nr);
		uint32_t step = step_of(&s->careful, b, &order);

		batch->writes[batch->nr_writes++] = (struct write){ b->nr, step, b->data };
		if (step == STEP_INODES && has_image(batch, b->nr))
			batch->writes[batch->nr_writes++] =
				(struct write){ b->nr, STEP_LATE, b->data };
	}
	qsort(batch->writes, batch->nr_writes, sizeof(*batch->writes), by_step);
}

/* The inodes of a block that have lost a name, as they were */
static void put_images(const struct server *s, const struct careful_batch *batch, uint64_t blk,
		       char *data)
{
	for (size_t i = first_image(batch, blk);
	     i < batch->nr_images && batch->images[i].blk == blk; i++)
		memcpy(data + batch->images[i].off, batch->images[i].raw,
		       EXT2_INODE_SIZE(s->fs->super));
}

static void copy_data(const struct server *s, struct careful_batch *batch)
{
	const size_t bs = s->fs->blocksize;

	for (size_t i = 0; i < batch->nr_writes; i++) {
		struct write *w = &batch->writes[i];
		char *data = batch->data + i * bs;

		memcpy(data, w->data, bs);
		w->data = NULL;
		if (w->step == STEP_INODES)
			put_images(s, batch, w->nr, data);
	}
}

/*
 * Has the inode no name any more?  One that has is written as it is, with the map that belongs
 * to the blocks of it; the number of its names e2fsck can count.
 */
static bool is_deleted(struct server *s, const struct careful_image *image)
{
	const struct ext2_inode *now;
	const void *data;

	if (cache_peek(s->cache, image->blk, &data, NULL))
		return true;
	now = (const void *)((const char *)data + image->off);
	return !now->i_links_count;
}

static void take_images(struct server *s, struct careful_batch *batch)
{
	struct careful *c = &s->careful;

	batch->images = c->images;
	for (size_t i = 0; i < c->nr_images; i++) {
		if (is_deleted(s, &c->images[i]))
			batch->images[batch->nr_images++] = c->images[i];
		else
			free(c->images[i].raw);
	}
	c->images = NULL;
	c->nr_images = c->images_room = 0;
	if (batch->nr_images)
		qsort(batch->images, batch->nr_images, sizeof(*batch->images), by_blk);
}

int careful_take(struct server *s, struct careful_batch **out)
{
	struct careful *c = &s->careful;
	/* inode tables with images are written twice */
	size_t max = cache_nr_dirty(s->cache);
	struct careful_batch *batch = c->failed;

	if (batch) {
		*out = batch;
		c->failed = NULL;
		return 0;
	}
	max += c->nr_images < max ? c->nr_images : max;
	batch = calloc(1, sizeof(*batch));
	if (!batch)
		return -ENOMEM;
	batch->writes = calloc(max, sizeof(*batch->writes));
	if (!batch->writes ||
	    posix_memalign((void **)&batch->data, 4096, max * s->fs->blocksize) ||
	    cache_commit_begin(s->cache, &batch->content)) {
		free_batch(batch);
		return -ENOMEM;
	}
	take_images(s, batch);
	ext2fs_clear_inode_bitmap(c->known);
	c->moved = false;
	order_writes(s, batch);
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
		if (!err)
			err = device_write(dev, batch->data + i * bs, n * bs, w->nr * bs);
	}
	return err ? err : device_flush(dev);
}

void careful_done(struct server *s, struct careful_batch *batch, int err)
{
	/*
	 * Nobody knows what is there now.  What has changed since then comes in a batch of its
	 * own, when all of this one has been written: its order would not be that of both.
	 */
	if (err) {
		s->careful.failed = batch;
		return;
	}
	cache_written(s->cache, &batch->content);
	unpin_inodes(s);
	alloc_pins_committed(s);
	free_batch(batch);
}
