// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What has to be there before libext2fs changes extended attributes.
 *
 * A change of an attribute has several steps: a value may need an inode of its own, the
 * attribute block may have to be allocated, the old value is freed.  libext2fs 1.47 does them
 * one after the other and doesn't undo the first ones if a later one finds no space.  So the
 * functions here take care that no later step needs space:
 *
 *  - Kernel ext4 lets files with the same attributes share one attribute block, which counts
 *    its users.  libext2fs lowers that count before it looks for a block for the copy.  A file
 *    that is going to be changed gets its own copy here first; that is complete by itself and
 *    nobody sees a difference.
 *  - With the feature ea_inode there is room for the value's inode and the attribute block.
 *
 * The values of a shared block belong to the block, not to each of the files: who copies the
 * block refers to them once more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap_load.h"
#include "map.h"
#include "xattr.h"

/* Blocks of an extent tree or an indirect map that 64 KiB may need */
#define VALUE_TREE_BLOCKS	4

static int refer_once_more(struct server *s, ext2_ino_t ino)
{
	struct ext2_inode_large raw;
	errcode_t err;

	err = ext2fs_read_inode_full(s->fs, ino, (struct ext2_inode *)&raw, sizeof(raw));
	if (err)
		return lib_error(s, err, ino);
	if (!(raw.i_flags & EXT4_EA_INODE_FL))
		return fs_error(s, ino, 0, "an attribute's value is in an inode of another kind");
	ext2fs_set_ea_inode_ref((struct ext2_inode *)&raw,
				ext2fs_get_ea_inode_ref((struct ext2_inode *)&raw) + 1);
	return lib_error(s, ext2fs_write_inode_full(s->fs, ino, (struct ext2_inode *)&raw,
						    sizeof(raw)), ino);
}

/* All values of @block that are inodes */
static int refer_to_values(struct server *s, const char *block)
{
	const char *at = block + sizeof(struct ext2_ext_attr_header);
	const char *end = block + s->fs->blocksize;

	for (;;) {
		const struct ext2_ext_attr_entry *e = (const void *)at;

		if ((size_t)(end - at) < sizeof(*e) || EXT2_EXT_IS_LAST_ENTRY(e) ||
		    (size_t)(end - at) < EXT2_EXT_ATTR_LEN(e->e_name_len))
			return 0;
		if (e->e_value_inum && e->e_value_inum <= s->fs->super->s_inodes_count) {
			int err = refer_once_more(s, e->e_value_inum);

			if (err)
				return err;
		}
		at += EXT2_EXT_ATTR_LEN(e->e_name_len);
	}
}

/* 1: others use the attribute block of @in, *@blk, too; 0: it has none of that kind; -errno */
static int is_shared(struct server *s, struct inode *in, uint64_t *blk)
{
	const struct ext2_ext_attr_header *head;
	const void *data;
	int err;

	*blk = ext2fs_file_acl_block(s->fs, inode_small(in));
	/* libext2fs says what is wrong with the rest */
	if (!*blk || !map_valid_range(s, *blk, 1))
		return 0;
	err = cache_peek(s->cache, *blk, &data, NULL);
	head = data;
	return err ? err : head->h_magic == EXT2_EXT_ATTR_MAGIC && head->h_refcount > 1;
}

/* @buf, the contents of the shared block @old, gets a block of its own for @in. */
static int copy_block(struct server *s, struct inode *in, uint64_t old, char *buf)
{
	struct ext2_ext_attr_header *head = (void *)buf;
	blk64_t goal, new;
	__u32 left;
	int err;

	err = lib_error(s, ext2fs_read_ext_attr3(s->fs, old, buf, in->ino), in->ino);
	if (!err)
		err = alloc_room(s, 1);
	if (err)
		return err;
	goal = ext2fs_find_inode_goal(s->fs, in->ino, inode_small(in), 0);
	err = lib_error(s, ext2fs_alloc_block2(s->fs, goal, NULL, &new), in->ino);
	if (err)
		return err;
	head->h_refcount = 1;
	err = lib_error(s, ext2fs_write_ext_attr3(s->fs, new, buf, in->ino), in->ino);
	if (!err)
		err = refer_to_values(s, buf);
	if (!err)
		err = lib_error(s, ext2fs_adjust_ea_refcount3(s->fs, old, buf, -1, &left, in->ino),
				in->ino);
	if (err)
		return err;
	ext2fs_file_acl_block_set(s->fs, inode_small(in), new);
	return inode_store(s, in);
}

int xattr_unshare(struct server *s, struct inode *in)
{
	uint64_t blk;
	char *buf;
	int ret = is_shared(s, in, &blk);

	if (ret <= 0)
		return ret;
	buf = malloc(s->fs->blocksize);
	if (!buf)
		return -ENOMEM;
	ret = copy_block(s, in, blk, buf);
	free(buf);
	return ret;
}

int xattr_prepare(struct server *s, struct inode *in, size_t size)
{
	uint64_t cluster = (uint64_t)s->fs->blocksize << s->fs->cluster_ratio_bits;
	struct caller root = { 0 };
	uint64_t value = (size + cluster - 1) / cluster;
	int err = xattr_unshare(s, in);

	/* without the feature the only step that needs space is the first one */
	if (err || !ext2fs_has_feature_ea_inode(s->fs->super))
		return err;
	/* a large value is data, which must not take what is promised to other data */
	if (value > 1 && alloc_available(s, &root) < value << s->fs->cluster_ratio_bits)
		return -ENOSPC;
	/* libext2fs takes an inode for a large value */
	err = bitmaps_need_new_inode(s);
	if (err && err != -ENOSPC)
		return err;
	return alloc_room(s, value + VALUE_TREE_BLOCKS + 1);
}

int xattr_leave_shared(struct server *s, struct inode *in)
{
	uint64_t blk;
	int ret = is_shared(s, in, &blk);

	if (ret <= 0)
		return ret;
	ret = lib_error(s, ext2fs_free_ext_attr(s->fs, in->ino, &in->raw), in->ino);
	return ret ? ret : inode_store(s, in);
}
