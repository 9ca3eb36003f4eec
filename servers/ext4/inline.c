// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Inline data: small files that live in the inode's block map and in an
 * attribute behind it.  They are served from here as long as they don't grow;
 * what doesn't fit moves them to a block, for good.
 *
 * The bytes are read and written where xattr_check.c finds them, and not by libext2fs: it takes
 * whatever size and place the image claims.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "inode_table.h"
#include "quota.h"
#include "xattr.h"
#include "xattr_check.h"

int inline_get(struct server *s, struct inode *in, char **buf, size_t *len)
{
	const size_t first = sizeof(in->raw.i_block);
	unsigned int offset, more;
	char *raw = NULL;
	int err = xattr_find_inline(s, in, &offset, &more);

	if (err)
		return err;
	*buf = malloc(first + more);
	if (more)
		raw = malloc(EXT2_INODE_SIZE(s->fs->super));
	if (!*buf || (more && !raw))
		err = -ENOMEM;
	if (!err && more)
		err = lib_error(s, inode_table_read(s, in->ino, raw,
						    EXT2_INODE_SIZE(s->fs->super)), in->ino);
	if (!err) {
		memcpy(*buf, in->raw.i_block, first);
		if (more)
			memcpy(*buf + first, raw + offset, more);
		*len = first + more;
	} else {
		free(*buf);
	}
	free(raw);
	return err;
}

/* Write @have bytes, which inline_get() gave, back to where they are.  Stores the inode. */
static int put(struct server *s, struct inode *in, const char *buf, size_t have)
{
	const size_t first = sizeof(in->raw.i_block), size = EXT2_INODE_SIZE(s->fs->super);
	unsigned int offset, more;
	int err = xattr_find_inline(s, in, &offset, &more);
	char *raw;

	if (err)
		return err;
	assert(have == first + more);
	memcpy(in->raw.i_block, buf, first);
	err = inode_store(s, in);
	if (err || !more)
		return err;
	raw = malloc(size);
	if (!raw)
		return -ENOMEM;
	err = lib_error(s, inode_table_read(s, in->ino, raw, size), in->ino);
	if (!err) {
		memcpy(raw + offset, buf + first, more);
		err = lib_error(s, inode_table_write(s, in->ino, raw, size), in->ino);
	}
	free(raw);
	return err;
}

int inline_write(struct server *s, struct inode *in, const char *data, size_t len, uint64_t off)
{
	size_t have;
	char *buf;
	int err;

	err = inline_get(s, in, &buf, &have);
	if (err)
		return err;
	/* growing inside the inode is left to file systems that began it */
	if (off > have || len > have - off) {
		free(buf);
		return -EFBIG;
	}
	memcpy(buf + off, data, len);
	err = put(s, in, buf, have);
	free(buf);
	return err;
}

int inline_drop(struct server *s, struct inode *in)
{
	struct ext3_extent_header *eh = (void *)in->raw.i_block;
	int err = xattr_drop_inline(s, in);

	if (err)
		return err;
	memset(in->raw.i_block, 0, sizeof(in->raw.i_block));
	in->raw.i_flags &= ~EXT4_INLINE_DATA_FL;
	if (ext2fs_has_feature_extents(s->fs->super)) {
		in->raw.i_flags |= EXT4_EXTENTS_FL;
		eh->eh_magic = EXT3_EXT_MAGIC;
		eh->eh_max = (sizeof(in->raw.i_block) - sizeof(*eh)) / sizeof(struct ext3_extent);
	}
	return inode_store(s, in);
}

/* A block with the data, which no file has yet */
static int take_block(struct server *s, struct inode *in, const char *data, size_t len,
		      const struct caller *who, struct space *sp)
{
	uint64_t goal = ext2fs_find_inode_goal(s->fs, in->ino, inode_small(in), 0);
	size_t bs = s->fs->blocksize;
	struct quota_room room;
	char *block;
	int err = quota_room(s, in, who, &room);

	if (err)
		return err;
	if (room.blocks < 1ULL << s->fs->cluster_ratio_bits)
		return -EDQUOT;
	block = calloc(1, bs);
	if (!block)
		return -ENOMEM;
	*sp = (struct space){ .len = 1 };
	err = alloc_blocks(s, goal, 0, 1, 0, who, &sp->start, &sp->taken);
	if (!err) {
		sp->pblk = sp->start;
		memcpy(block, data, len);
		err = device_write(&s->src.dev, block, bs, sp->pblk * bs);
		if (err)
			space_give_back(s, sp);
	}
	free(block);
	return err;
}

/* All that can fail for want of space comes before the data in the inode go. */
int inline_expand(struct server *s, struct inode *in, const struct caller *who)
{
	struct space sp = { 0 };
	size_t len;
	char *buf;
	int err = xattr_unshare(s, in);

	if (!err)
		err = inline_get(s, in, &buf, &len);
	if (err)
		return err;
	if (len > inode_size(in))
		len = inode_size(in);
	if (len)
		err = take_block(s, in, buf, len, who, &sp);
	free(buf);
	if (err)
		return err;
	err = inline_drop(s, in);
	if (!err && sp.len)
		err = map_insert(s, in, 0, &sp);
	if (err && sp.len)
		space_give_back(s, &sp);
	return err;
}
