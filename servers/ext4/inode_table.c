// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Inodes where they lie: see inode_table.h.
 *
 * libext2fs does the same by copying the block that an inode is in out of the cache and,
 * to write it, into the cache again, with checksums by tables: ten times the work, several
 * times in each operation.
 *
 * It has copies of some inodes and of the last block, which are dropped whenever something
 * is written here.  It writes to the cache at once, so what is read here is never old.
 * With quotas it has to be asked to write, because that is when they are booked.
 */
#include "inode_table.h"

#include <stddef.h>
#include <string.h>

#include "checksum.h"

/* an inode with the upper half of its checksum has so many bytes after the first 128 */
#define EXTRA_OF_SUM_HI	(offsetof(struct ext2_inode_large, i_checksum_hi) + sizeof(uint16_t) - \
			 EXT2_GOOD_OLD_INODE_SIZE)

errcode_t inode_table_find(const struct server *s, ext2_ino_t ino, uint64_t *blk,
			   unsigned int *off)
{
	const struct ext2_super_block *sb = s->fs->super;
	uint64_t at, table;

	if (!ino || ino > sb->s_inodes_count)
		return EXT2_ET_BAD_INODE_NUM;
	at = (uint64_t)((ino - 1) % sb->s_inodes_per_group) * EXT2_INODE_SIZE(sb);
	table = ext2fs_inode_table_loc(s->fs, (ino - 1) / sb->s_inodes_per_group);
	if (!table)
		return EXT2_ET_MISSING_INODE_TABLE;
	if (table < sb->s_first_data_block ||
	    table + s->fs->inode_blocks_per_group > ext2fs_blocks_count(s->fs->super))
		return EXT2_ET_GDESC_BAD_INODE_TABLE;
	*blk = table + (at >> block_bits(s));
	*off = at & (s->fs->blocksize - 1);
	return 0;
}

static bool has_sum_hi(const struct server *s, const struct ext2_inode_large *raw)
{
	return EXT2_INODE_SIZE(s->fs->super) > EXT2_GOOD_OLD_INODE_SIZE &&
	       raw->i_extra_isize >= EXTRA_OF_SUM_HI;
}

/* Its own fields count as 0. */
static uint32_t compute_sum(const struct server *s, ext2_ino_t ino,
			    const struct ext2_inode_large *raw, bool hi)
{
	const size_t size = EXT2_INODE_SIZE(s->fs->super);
	struct {
		uint32_t ino, generation;
		struct ext2_inode_large raw;
	} first = { .ino = ino, .generation = raw->i_generation };
	const size_t n = size < sizeof(first.raw) ? size : sizeof(first.raw);
	const size_t before = sizeof(first) - sizeof(first.raw);
	uint32_t crc;

	_Static_assert(sizeof(first) == 2 * sizeof(uint32_t) + sizeof(first.raw), "no padding");
	memcpy(&first.raw, raw, n);
	first.raw.i_checksum_lo = 0;
	if (hi)
		first.raw.i_checksum_hi = 0;
	crc = checksum_crc32c(s->fs->csum_seed, &first, before + n);
	return checksum_crc32c(crc, (const char *)raw + n, size - n);
}

static bool is_zero(const void *p, size_t len)
{
	const char *c = p;

	return !c[0] && !memcmp(c, c + 1, len - 1);
}

static bool sum_is_right(const struct server *s, ext2_ino_t ino,
			 const struct ext2_inode_large *raw)
{
	uint32_t crc, sum = raw->i_checksum_lo;
	bool hi = has_sum_hi(s, raw);

	if (!ext2fs_has_feature_metadata_csum(s->fs->super))
		return true;
	crc = compute_sum(s, ino, raw, hi);
	if (hi)
		sum |= (uint32_t)raw->i_checksum_hi << 16;
	else
		crc &= 0xffff;
	/* one that was never used has none */
	return crc == sum || is_zero(raw, EXT2_GOOD_OLD_INODE_SIZE);
}

static void set_sum(const struct server *s, ext2_ino_t ino, struct ext2_inode_large *raw)
{
	bool hi = has_sum_hi(s, raw);
	uint32_t crc;

	if (!ext2fs_has_feature_metadata_csum(s->fs->super))
		return;
	crc = compute_sum(s, ino, raw, hi);
	raw->i_checksum_lo = crc;
	if (hi)
		raw->i_checksum_hi = crc >> 16;
}

errcode_t inode_table_read(struct server *s, ext2_ino_t ino, void *buf, size_t len)
{
	const size_t size = EXT2_INODE_SIZE(s->fs->super);
	unsigned int off;
	const void *data;
	uint64_t blk;
	errcode_t err = inode_table_find(s, ino, &blk, &off);

	if (!err)
		err = -cache_peek(s->cache, blk, &data, NULL);
	if (err)
		return err;
	data = (const char *)data + off;
	if (!sum_is_right(s, ino, data))
		return EXT2_ET_INODE_CSUM_INVALID;
	memcpy(buf, data, len < size ? len : size);
	return 0;
}

errcode_t inode_table_write(struct server *s, ext2_ino_t ino, const void *buf, size_t len)
{
	const size_t size = EXT2_INODE_SIZE(s->fs->super);
	unsigned int off;
	uint64_t blk;
	errcode_t err;
	void *data;

	if (len > size)
		len = size;
	if (s->fs->write_inode)
		return ext2fs_write_inode_full(s->fs, ino, (struct ext2_inode *)buf, (int)len);
	err = inode_table_find(s, ino, &blk, &off);
	if (!err && !(s->fs->flags & EXT2_FLAG_RW))
		err = EXT2_ET_RO_FILSYS;
	if (!err)
		err = -cache_change(s->cache, blk, &data);
	if (err)
		return err;
	data = (char *)data + off;
	memcpy(data, buf, len);
	set_sum(s, ino, data);
	ext2fs_flush_icache(s->fs);
	s->fs->flags |= EXT2_FLAG_CHANGED;
	return 0;
}

bool inode_table_has_xattrs(struct server *s, const struct inode *in)
{
	size_t at = EXT2_GOOD_OLD_INODE_SIZE + in->raw.i_extra_isize;
	unsigned int off;
	const void *data;
	uint32_t magic;
	uint64_t blk;

	if (EXT2_INODE_SIZE(s->fs->super) == EXT2_GOOD_OLD_INODE_SIZE ||
	    at + sizeof(magic) > EXT2_INODE_SIZE(s->fs->super))
		return false;
	/* who can't read it finds out why */
	if (inode_table_find(s, in->ino, &blk, &off) || cache_peek(s->cache, blk, &data, NULL))
		return true;
	memcpy(&magic, (const char *)data + off + at, sizeof(magic));
	return magic == EXT2_EXT_ATTR_MAGIC;
}
