// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading and writing bitmaps: see bitmaps.h.
 *
 * A group has its marks from the change on until its bitmaps are written without an
 * error.  Groups that were never used have no bitmaps on the disk (BLOCK_UNINIT,
 * INODE_UNINIT).  libext2fs takes these flags away when it likes, also only because it
 * looks for a free inode there; the bitmaps have to be written then.
 */
#include "bitmaps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap_check.h"
#include "log.h"
#include "map.h"
#include "server.h"

/* changed, by the server's doing */
#define BLOCKS		1
#define INODES		2
/* there is none on the disk */
#define NO_BLOCKS	4
#define NO_INODES	8

/*
 * libext2fs's bitmaps are arrays of bits, or trees of runs.  An array of a large file system takes
 * long to clear, and memory, though most of it is empty: from so many bytes on it's a tree.
 * Where that would become larger than the array, because there are many short runs on the disk,
 * it's an array all the same: so memory has a bound that the image can't move.
 */
#define ARRAY_MAX	(32ULL << 20)
#define RUN_SIZE	64		/* bytes in memory, with what malloc() adds */

/* bitmaps of so many groups are asked for at once */
#define AHEAD		16

static uint64_t array_size(const struct server *s)
{
	return (ext2fs_blocks_count(s->fs->super) >> s->fs->cluster_ratio_bits) / 8 +
	       s->fs->super->s_inodes_count / 8;
}

void bitmaps_choose(struct server *s)
{
	s->fs->default_bitmap_type = array_size(s) > ARRAY_MAX ? EXT2FS_BMAP64_RBTREE :
				     EXT2FS_BMAP64_BITARRAY;
}

static bool is_tree(const struct server *s)
{
	return s->fs->default_bitmap_type == EXT2FS_BMAP64_RBTREE;
}

/* How often a bit is another one than that before it */
static uint64_t count_changes(const void *bits, uint32_t bytes)
{
	const uint8_t *p = bits;
	uint64_t n = 0;
	unsigned int last = 0;

	for (uint32_t i = 0; i < bytes; i++) {
		n += __builtin_popcount((p[i] ^ (p[i] << 1 | last)) & 0xff);
		last = p[i] >> 7;
	}
	return n;
}

/* What has been loaded is too much for a tree: begin anew with arrays. */
static void make_arrays(struct server *s)
{
	ext2fs_free_block_bitmap(s->fs->block_map);
	ext2fs_free_inode_bitmap(s->fs->inode_map);
	s->fs->block_map = NULL;
	s->fs->inode_map = NULL;
	s->fs->default_bitmap_type = EXT2FS_BMAP64_BITARRAY;
	s->bitmaps_loaded = 0;
}

static void mark(struct server *s, dgrp_t g, uint8_t what)
{
	if (s->changed_groups[g] & what)
		return;
	s->changed_groups[g] |= what;
	s->bitmaps_to_write++;
}

void bitmaps_blocks_changed(struct server *s, uint64_t pblk, uint64_t len)
{
	dgrp_t first = ext2fs_group_of_blk2(s->fs, pblk);
	dgrp_t last = ext2fs_group_of_blk2(s->fs, pblk + len - 1);

	for (dgrp_t g = first; g <= last && g < s->fs->group_desc_count; g++)
		mark(s, g, BLOCKS);
	trim_changed(s, pblk, len);
	s->nr_bitmap_changes++;
}

void bitmaps_inode_changed(struct server *s, ext2_ino_t ino)
{
	mark(s, ext2fs_group_of_ino(s->fs, ino), INODES);
	s->nr_bitmap_changes++;
}

static void pad(uint8_t *buf, uint32_t bits, uint32_t size)
{
	for (; bits % 8; bits++)
		buf[bits / 8] |= 1 << bits % 8;
	memset(buf + bits / 8, 0xff, size - bits / 8);
}

/* What is behind the last cluster of the file system counts as in use. */
static errcode_t get_blocks(ext2_filsys fs, dgrp_t g, uint8_t *buf)
{
	uint32_t per_group = EXT2_CLUSTERS_PER_GROUP(fs->super), bits = per_group;
	uint64_t first = EXT2FS_B2C(fs, fs->super->s_first_data_block) + (uint64_t)g * per_group;
	uint64_t end = EXT2FS_B2C(fs, ext2fs_blocks_count(fs->super) - 1) + 1;
	errcode_t err;

	if (bits > end - first)
		bits = end - first;
	memset(buf, 0, fs->blocksize);
	err = ext2fs_get_block_bitmap_range2(fs->block_map, first, bits, buf);
	pad(buf, bits, fs->blocksize);
	return err ? err : ext2fs_block_bitmap_csum_set(fs, g, (char *)buf, per_group / 8);
}

static errcode_t get_inodes(ext2_filsys fs, dgrp_t g, uint8_t *buf)
{
	uint32_t per_group = EXT2_INODES_PER_GROUP(fs->super);
	errcode_t err;

	memset(buf, 0, fs->blocksize);
	err = ext2fs_get_inode_bitmap_range2(fs->inode_map, (uint64_t)g * per_group + 1, per_group,
					     buf);
	pad(buf, per_group, fs->blocksize);
	return err ? err : ext2fs_inode_bitmap_csum_set(fs, g, (char *)buf, (per_group + 7) / 8);
}

static uint8_t missing(ext2_filsys fs, dgrp_t g)
{
	uint8_t what = 0;

	if (!ext2fs_has_group_desc_csum(fs))
		return 0;
	if (ext2fs_bg_flags_test(fs, g, EXT2_BG_BLOCK_UNINIT))
		what |= NO_BLOCKS;
	if (ext2fs_bg_flags_test(fs, g, EXT2_BG_INODE_UNINIT))
		what |= NO_INODES;
	return what;
}

static errcode_t write_group(ext2_filsys fs, dgrp_t g, uint8_t *what, uint8_t *buf)
{
	uint8_t none = missing(fs, g);
	errcode_t err = 0;

	if (!(none & NO_BLOCKS) && *what & (BLOCKS | NO_BLOCKS)) {
		err = get_blocks(fs, g, buf);
		if (!err)
			err = io_channel_write_blk64(fs->io, ext2fs_block_bitmap_loc(fs, g), 1, buf);
	}
	if (!err && !(none & NO_INODES) && *what & (INODES | NO_INODES)) {
		err = get_inodes(fs, g, buf);
		if (!err)
			err = io_channel_write_blk64(fs->io, ext2fs_inode_bitmap_loc(fs, g), 1, buf);
	}
	if (err)
		return err;
	*what = none;
	/* it has the checksums of the bitmaps */
	ext2fs_group_desc_csum_set(fs, g);
	ext2fs_mark_super_dirty(fs);
	return 0;
}

static errcode_t write_changed(ext2_filsys fs)
{
	struct server *s = fs->priv_data;
	errcode_t err = 0;
	bool compare;
	uint8_t *buf;

	if (!ext2fs_test_bb_dirty(fs) && !ext2fs_test_ib_dirty(fs))
		return 0;
	buf = malloc(fs->blocksize);
	if (!buf)
		return EXT2_ET_NO_MEMORY;
	/* whoever asks for this: what is only kept back in memory is free on the disk */
	alloc_unpin(s);
	/* what has changed is not what is on the device: where it isn't kept it needs no reading */
	compare = cache_compare_writes(s->cache, false);
	if (!is_tree(s))
		cache_compare_writes(s->cache, compare);
	for (dgrp_t g = 0; !err && g < fs->group_desc_count; g++)
		if (s->changed_groups[g] != missing(fs, g))
			err = write_group(fs, g, &s->changed_groups[g], buf);
	cache_compare_writes(s->cache, compare);
	alloc_repin(s);
	free(buf);
	if (err)
		return err;
	s->bitmaps_to_write = 0;
	fs->flags &= ~(EXT2_FLAG_BB_DIRTY | EXT2_FLAG_IB_DIRTY);
	return 0;
}

uint64_t bitmaps_pending(const struct server *s)
{
	uint64_t n = s->bitmaps_to_write;

	return n + (n < s->fs->desc_blocks ? n : s->fs->desc_blocks);
}

/* Have what follows group @g read with it, if that is tried without the lock (cold.h). */
static void want_ahead(struct server *s, dgrp_t g)
{
	dgrp_t end = s->fs->group_desc_count - g > AHEAD ? g + AHEAD : s->fs->group_desc_count;

	for (; g < end; g++) {
		uint8_t none = missing(s->fs, g);

		if (!(none & NO_BLOCKS))
			cache_want(s->cache, ext2fs_block_bitmap_loc(s->fs, g));
		if (!(none & NO_INODES))
			cache_want(s->cache, ext2fs_inode_bitmap_loc(s->fs, g));
	}
}

static int load_blocks(struct server *s, dgrp_t g)
{
	ext2_filsys fs = s->fs;
	uint32_t per_group = EXT2_CLUSTERS_PER_GROUP(fs->super);
	uint64_t first = EXT2FS_B2C(fs, fs->super->s_first_data_block) + (uint64_t)g * per_group;
	const void *data;
	int err = cache_peek(s->cache, ext2fs_block_bitmap_loc(fs, g), &data, NULL);

	if (err)
		return err;
	if (!ext2fs_block_bitmap_csum_verify(fs, g, (char *)data, per_group / 8))
		return lib_error(s, EXT2_ET_BLOCK_BITMAP_CSUM_INVALID, 0);
	err = bitmap_check_blocks(s, g, data);
	if (err)
		return err;
	s->bitmap_runs += count_changes(data, per_group / 8) / 2 + 1;
	return lib_error(s, ext2fs_set_block_bitmap_range2(fs->block_map, first, per_group,
							   (void *)data), 0);
}

static int load_inodes(struct server *s, dgrp_t g)
{
	ext2_filsys fs = s->fs;
	uint32_t per_group = EXT2_INODES_PER_GROUP(fs->super);
	const void *data;
	int err = cache_peek(s->cache, ext2fs_inode_bitmap_loc(fs, g), &data, NULL);

	if (err)
		return err;
	if (!ext2fs_inode_bitmap_csum_verify(fs, g, (char *)data, (per_group + 7) / 8))
		return lib_error(s, EXT2_ET_INODE_BITMAP_CSUM_INVALID, 0);
	err = bitmap_check_inodes(s, g, data);
	if (err)
		return err;
	s->bitmap_runs += count_changes(data, per_group / 8) / 2 + 1;
	return lib_error(s, ext2fs_set_inode_bitmap_range2(fs->inode_map,
							   (uint64_t)g * per_group + 1,
							   per_group, (void *)data), 0);
}

/* Those of all groups, from where the last attempt ended. */
static int load(struct server *s)
{
	ext2_filsys fs = s->fs;
	errcode_t lerr = 0;
	int err = 0;

	if (EXT2_CLUSTERS_PER_GROUP(fs->super) / 8 > fs->blocksize ||
	    EXT2_INODES_PER_GROUP(fs->super) / 8 > fs->blocksize)
		return lib_error(s, EXT2_ET_CORRUPT_SUPERBLOCK, 0);
	if (!fs->block_map)
		lerr = ext2fs_allocate_block_bitmap(fs, "blocks", &fs->block_map);
	if (!lerr && !fs->inode_map)
		lerr = ext2fs_allocate_inode_bitmap(fs, "inodes", &fs->inode_map);
	if (lerr)
		return lib_error(s, lerr, 0);
	while (s->bitmaps_loaded < fs->group_desc_count) {
		dgrp_t g = s->bitmaps_loaded;
		uint8_t none = missing(fs, g);

		if (!(none & NO_BLOCKS))
			err = load_blocks(s, g);
		else
			err = bitmap_check_uninit_blocks(s, g);
		if (!err && !(none & NO_INODES))
			err = load_inodes(s, g);
		else if (!err)
			err = bitmap_check_inodes(s, g, NULL);
		if (err) {
			want_ahead(s, g);
			return err;
		}
		s->bitmaps_loaded++;
		if (!is_tree(s))
			continue;
		/* most of them are never looked at again */
		cache_drop_clean(s->cache, ext2fs_block_bitmap_loc(fs, g));
		cache_drop_clean(s->cache, ext2fs_inode_bitmap_loc(fs, g));
		if (s->bitmap_runs * RUN_SIZE > array_size(s)) {
			make_arrays(s);
			return load(s);
		}
	}
	return 0;
}

int bitmaps_load(struct server *s)
{
	uint8_t *groups;
	int err;

	if (s->changed_groups)
		return 0;
	if (s->bitmaps_error)
		return s->bitmaps_error;
	if (server_gives_up(s))
		return -CACHE_COLD;
	groups = calloc(s->fs->group_desc_count, 1);
	if (!groups)
		return -ENOMEM;
	err = load(s);
	if (err) {
		free(groups);
		if (cache_missed(s->cache))
			return -CACHE_COLD;
		log_err("can't read the bitmaps: run \"e2fsck -fy %s\"", s->opt.source);
		/* damage stays; whatever else it is may pass */
		if (err == -EUCLEAN)
			s->bitmaps_error = err;
		return err;
	}
	for (dgrp_t g = 0; g < s->fs->group_desc_count; g++)
		groups[g] = missing(s->fs, g);
	s->changed_groups = groups;
	s->fs->write_bitmaps = write_changed;
	return 0;
}

void bitmaps_destroy(struct server *s)
{
	free(s->changed_groups);
	s->changed_groups = NULL;
}
