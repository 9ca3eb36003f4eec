// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Attributes whose values are inodes (ea_inode): what they count.
 *
 * A file is charged for its values as if nobody shared them: its i_blocks include
 * them, rounded up to clusters.  libext2fs makes and frees these inodes, but
 * leaves that to its caller.
 *
 *	inode: ... | i_extra_isize | magic | entry entry ... 0  ...  values |
 *	block: | header | entry entry ... 0  ...  values |
 *
 * An entry with e_value_inum has its value elsewhere.  Before a change and behind it all these
 * are looked at: so the bitmap of each that has been taken or freed meanwhile will be written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap_load.h"
#include "bitmaps.h"
#include "xattr.h"

/* Blocks of the values of the entries in [@at, @end) are added to *@blocks. */
static int count_entries(struct server *s, const char *at, const char *end, uint64_t *blocks)
{
	uint64_t cluster = (uint64_t)s->fs->blocksize << s->fs->cluster_ratio_bits;
	uint64_t clusters = 0;
	int err;

	for (;;) {
		const struct ext2_ext_attr_entry *e = (const void *)at;

		if ((size_t)(end - at) < sizeof(*e) || EXT2_EXT_IS_LAST_ENTRY(e) ||
		    (size_t)(end - at) < EXT2_EXT_ATTR_LEN(e->e_name_len))
			break;
		if (e->e_value_inum)
			clusters += (e->e_value_size + cluster - 1) / cluster;
		if (e->e_value_inum && e->e_value_inum <= s->fs->super->s_inodes_count &&
		    s->changed_groups) {
			err = bitmaps_need_inode(s, e->e_value_inum);
			if (err)
				return err;
			bitmaps_inode_changed(s, e->e_value_inum);
		}
		at += EXT2_EXT_ATTR_LEN(e->e_name_len);
	}
	*blocks += clusters << s->fs->cluster_ratio_bits;
	return 0;
}

static int count_in_inode(struct server *s, struct inode *in, uint64_t *blocks)
{
	size_t size = EXT2_INODE_SIZE(s->fs->super), begin;
	uint32_t magic;
	char *raw;
	int err;

	begin = EXT2_GOOD_OLD_INODE_SIZE + in->raw.i_extra_isize;
	if (size <= EXT2_GOOD_OLD_INODE_SIZE || begin + sizeof(magic) > size)
		return 0;
	raw = malloc(size);
	if (!raw)
		return -ENOMEM;
	err = lib_error(s, ext2fs_read_inode_full(s->fs, in->ino, (struct ext2_inode *)raw, size),
			in->ino);
	if (!err) {
		memcpy(&magic, raw + begin, sizeof(magic));
		if (magic == EXT2_EXT_ATTR_MAGIC)
			err = count_entries(s, raw + begin + sizeof(magic), raw + size, blocks);
	}
	free(raw);
	return err;
}

static int count_in_block(struct server *s, struct inode *in, uint64_t *blocks)
{
	blk64_t pblk = ext2fs_file_acl_block(s->fs, inode_small(in));
	size_t bs = s->fs->blocksize;
	char *buf;
	int err;

	if (!pblk)
		return 0;
	/* a copy, as bitmaps are read meanwhile */
	buf = malloc(bs);
	if (!buf)
		return -ENOMEM;
	err = cache_read(s->cache, pblk * bs, buf, bs);
	if (!err && ((struct ext2_ext_attr_header *)buf)->h_magic == EXT2_EXT_ATTR_MAGIC)
		err = count_entries(s, buf + sizeof(struct ext2_ext_attr_header), buf + bs, blocks);
	free(buf);
	return err;
}

int ea_inode_blocks(struct server *s, struct inode *in, uint64_t *blocks)
{
	int err;

	*blocks = 0;
	if (!ext2fs_has_feature_ea_inode(s->fs->super))
		return 0;
	err = count_in_inode(s, in, blocks);
	return err ? err : count_in_block(s, in, blocks);
}

int ea_inode_charge(struct server *s, struct inode *in, uint64_t before)
{
	/* libext2fs counts clusters */
	unsigned int bits = s->fs->cluster_ratio_bits;
	uint64_t now;
	errcode_t lerr;
	int err = ea_inode_blocks(s, in, &now);

	if (err || now == before)
		return err;
	if (now > before)
		lerr = ext2fs_iblk_add_blocks(s->fs, inode_small(in), (now - before) >> bits);
	else
		lerr = ext2fs_iblk_sub_blocks(s->fs, inode_small(in), (before - now) >> bits);
	err = lib_error(s, lerr, in->ino);
	return err ? err : inode_store(s, in);
}
