// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Inline data: small files that live in the inode's block map and in an
 * attribute behind it.  They are served from here as long as they don't grow;
 * what doesn't fit moves them to a block, for good.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "xattr.h"

static int get(struct server *s, struct inode *in, char **buf, size_t *len)
{
	size_t size;
	int err = lib_error(s, ext2fs_inline_data_size(s->fs, in->ino, &size), in->ino);

	if (err)
		return err;
	if (size > s->fs->blocksize)
		return fs_error(s, in->ino, 0, "too much inline data");
	/* libext2fs copies whole parts: give it what the inode can hold at most */
	*buf = calloc(1, s->fs->blocksize + sizeof(in->raw.i_block));
	if (!*buf)
		return -ENOMEM;
	err = lib_error(s, ext2fs_inline_data_get(s->fs, in->ino, inode_small(in), *buf, &size),
			in->ino);
	if (err) {
		free(*buf);
		return err;
	}
	*len = size;
	return 0;
}

int inline_get(struct server *s, struct inode *in, char **buf, size_t *len)
{
	int err;

	library_begin(s);
	err = get(s, in, buf, len);
	library_end(s);
	return err;
}

int inline_write(struct server *s, struct inode *in, const char *data, size_t len, uint64_t off)
{
	size_t have;
	char *buf;
	int err, load_err;

	err = inline_get(s, in, &buf, &have);
	if (err)
		return err;
	/* growing inside the inode is left to file systems that began it */
	if (off > have || len > have - off) {
		free(buf);
		return -EFBIG;
	}
	memcpy(buf + off, data, len);
	err = inode_store(s, in);
	if (!err)
		err = xattr_unshare(s, in);
	if (!err)
		err = lib_error(s, ext2fs_inline_data_set(s->fs, in->ino, inode_small(in), buf,
							  have), in->ino);
	free(buf);
	s->dirty = true;
	load_err = inode_load(s, in->ino, in);
	return err ? err : load_err;
}

/* The data's attribute goes, the block map becomes one. */
static int drop_inline(struct server *s, struct inode *in)
{
	struct ext3_extent_header *eh = (void *)in->raw.i_block;
	struct ext2_xattr_handle *h;
	errcode_t lerr;
	int err;

	err = inode_store(s, in);
	if (!err)
		err = xattr_unshare(s, in);
	if (err)
		return err;
	lerr = ext2fs_xattrs_open(s->fs, in->ino, &h);
	if (!lerr) {
		unsigned int raw = XATTR_HANDLE_FLAG_RAW;

		ext2fs_xattrs_flags(h, &raw, NULL);
		lerr = ext2fs_xattrs_read(h);
		if (!lerr)
			lerr = ext2fs_xattr_remove(h, "system.data");
		if (lerr == EXT2_ET_EA_KEY_NOT_FOUND)
			lerr = 0;
		ext2fs_xattrs_close(&h);
	}
	err = lib_error(s, lerr, in->ino);
	if (!err)
		err = inode_load(s, in->ino, in);
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
	char *block = calloc(1, bs);
	int err;

	if (!block)
		return -ENOMEM;
	*sp = (struct space){ .len = 1 };
	err = alloc_blocks(s, goal, 1, 0, who, &sp->start, &sp->taken);
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
	err = drop_inline(s, in);
	if (!err && sp.len)
		err = map_insert(s, in, 0, &sp);
	if (err && sp.len)
		space_give_back(s, &sp);
	return err;
}
