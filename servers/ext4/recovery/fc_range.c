// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tags ADD_RANGE and DEL_RANGE: what the blocks of a regular file are.
 *
 * A tag says how a range of the file is, and not what was done to it: what is there goes, and what
 * the tag says comes.  Where the file has the same blocks already, written or not, only that
 * state changes.
 */
#include <errno.h>

#include "recovery/fc_apply.h"

#include <ext2fs/ext3_extents.h>

#define MAP_END		(MAP_MAX_LBLK + 1)

void fc_range_decode(const struct fc_tag *tag, struct fc_range *range)
{
	const uint8_t *extent = tag->value + 4;
	uint32_t len = fc_le16(extent + 4);

	*range = (struct fc_range){
		.ino = fc_le32(tag->value),
		.lblk = fc_le32(extent),
		.len = len,
		.pblk = fc_le32(extent + 8) | (uint64_t)fc_le16(extent + 6) << 32,
	};
	if (len > EXT_INIT_MAX_LEN) {
		range->len = len - EXT_INIT_MAX_LEN;
		range->unwritten = true;
	}
}

/* Blocks that have been written are not any more: only that.  Rare, so block by block. */
static int make_unwritten(struct fc *fc, struct inode *in, uint64_t lblk, uint64_t pblk,
			  uint64_t len)
{
	struct server *s = fc->s;
	ext2_extent_handle_t h;
	errcode_t lerr = ext2fs_extent_open2(s->fs, in->ino, inode_small(in), &h);

	if (lerr)
		return lib_error(s, lerr, in->ino);
	for (uint64_t i = 0; i < len && !lerr; i++)
		lerr = ext2fs_extent_set_bmap(h, lblk + i, pblk + i, EXT2_EXTENT_SET_BMAP_UNINIT);
	ext2fs_extent_free(h);
	return lib_error(s, lerr, in->ino);
}

static int change_state(struct fc *fc, struct inode *in, const struct mapping *m)
{
	int err;

	if (m->type == MAP_MAPPED)
		err = extent_convert(fc->s, in, m->lblk, m->len);
	else
		err = make_unwritten(fc, in, m->lblk, m->pblk, m->len);
	return err ? err : inode_store(fc->s, in);
}

static int insert(struct fc *fc, struct inode *in, const struct mapping *m)
{
	struct space sp = { .pblk = m->pblk, .len = m->len, .start = m->pblk, .taken = m->len };
	int err = fc_blocks_take(fc, m->pblk, m->len);

	if (!err)
		err = extent_insert(fc->s, in, m);
	if (!err)
		err = space_count(fc->s, in, &sp);
	return err ? err : inode_store(fc->s, in);
}

/* Of @want, as much as one mapping of the file covers: *@done blocks */
static int add_part(struct fc *fc, struct inode *in, struct mapping want, uint64_t *done)
{
	struct mapping have;
	uint64_t into;
	int err = map_lookup(fc->s, in, want.lblk, MAP_EXACT, &have);

	if (err)
		return err;
	into = want.lblk - have.lblk;
	if (want.len > have.len - into)
		want.len = have.len - into;
	*done = want.len;
	if (have.type == MAP_HOLE)
		return insert(fc, in, &want);
	if (have.pblk + into == want.pblk)
		return have.type == want.type ? 0 : change_state(fc, in, &want);
	err = map_punch(fc->s, in, want.lblk, want.len);
	return err ? err : insert(fc, in, &want);
}

static int add_range(struct fc *fc, struct inode *in, const struct fc_range *range)
{
	struct mapping want = {
		.type = range->unwritten ? MAP_UNWRITTEN : MAP_MAPPED,
		.lblk = range->lblk, .pblk = range->pblk, .len = range->len,
	};
	uint64_t done = 0;
	int err = 0;

	for (; want.len && !err; want.len -= done, want.lblk += done, want.pblk += done)
		err = add_part(fc, in, want, &done);
	return err;
}

/*
 * Of an inode that gets no name by CREAT, kernel ext4 writes the ranges first and then the inode.
 * If that one is another file than the number stood for before, the ranges are the new file's,
 * so the inode is made before they are.  It can't be completed later: the blocks of its
 * extent tree have checksums that the generation goes into.
 */
static int begin_file(struct fc *fc, const struct fc_tag *tag, const struct fc_inode *fi)
{
	ext2_ino_t ino = fc_le32(tag->value);

	/* they were looked past already: a look for each tag would be quadratic */
	if (tag < fc->range_end)
		return 0;
	while (tag < fc->end && (tag->kind == FC_ADD_RANGE || tag->kind == FC_DEL_RANGE) &&
	       fc_le32(tag->value) == ino)
		tag++;
	fc->range_end = tag;
	if (tag == fc->end || tag->kind != FC_INODE || fc_le32(tag->value) != ino)
		return 0;
	if (fi->state != FC_FREE && fi->generation == fc_inode_generation(tag))
		return 0;
	return fc_inode_tag(fc, tag);
}

/* Does the tag concern a file that is there?  1, 0: nothing is to be done; or -errno */
static int find_file(struct fc *fc, const struct fc_tag *tag, struct inode *in)
{
	ext2_ino_t ino = fc_le32(tag->value);
	struct fc_inode *fi;
	int err = fc_get(fc, ino, &fi);

	if (!err)
		err = begin_file(fc, tag, fi);
	if (err)
		return err;
	switch (fi->state) {
	case FC_FREE:
		return tag->kind == FC_DEL_RANGE ? 0 :
		       fc_refuse(fc, "a fast commit in the journal gives blocks to inode %u, which "
				 "is not in use", ino);
	case FC_DEAD:
	case FC_ORPHAN:
		return 0;
	default:
		break;
	}
	err = inode_load(fc->s, ino, in);
	if (err)
		return err;
	if (!inode_has_extents(in) || inode_is_inline(in) ||
	    !(inode_is_reg(in) || (fi->state == FC_NEW && S_ISLNK(in->raw.i_mode))))
		return fc_refuse(fc, "a fast commit in the journal changes the blocks of inode %u, "
				 "which is no file with extents", ino);
	return 1;
}

int fc_range_tag(struct fc *fc, const struct fc_tag *tag)
{
	ext2_ino_t ino = fc_le32(tag->value);
	struct fc_range range;
	struct inode in;
	int ret;

	if (tag->kind == FC_ADD_RANGE)
		fc_range_decode(tag, &range);
	else
		range = (struct fc_range){
			.lblk = fc_le32(tag->value + 4), .len = fc_le32(tag->value + 8),
		};
	if (!range.len || range.lblk >= MAP_END || range.len > MAP_END - range.lblk)
		return fc_refuse(fc, "a fast commit in the journal has an impossible range of "
				 "inode %u", ino);
	ret = find_file(fc, tag, &in);
	if (ret <= 0)
		return ret;
	if (tag->kind == FC_ADD_RANGE)
		return add_range(fc, &in, &range);
	return map_punch(fc->s, &in, range.lblk, range.len);
}
