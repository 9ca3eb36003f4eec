// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * INODE tags: what the inode table has for an inode, and which file an inode number stands for.
 *
 * Of the inode in a tag these are not taken over:
 *
 *	i_links_count	the names are counted that the other tags make and remove: the kernel
 *			writes an inode later than the names that it had by then
 *	i_block		says where the kernel's extent tree was; ADD_RANGE and DEL_RANGE say what
 *			was in it.  Devices, short symlinks and inline data have their contents
 *			there, and no tags for them
 *	i_blocks	counted, as the tree may have another shape here
 *	i_dtime		links the orphan list, which is that of the last transaction
 *	i_checksum	is set when the inode is written
 *
 * Attributes behind the fields of the inode are in no tag.  A change of them, or of the block that
 * has more of them, makes the kernel write a transaction instead.  A tag that says otherwise
 * is refused.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap_load.h"
#include "bitmaps.h"
#include "inode_table.h"
#include "recovery/fc_apply.h"

#include <ext2fs/ext3_extents.h>

/* flags that only a transaction can change */
#define FL_FIXED	(EXT4_EXTENTS_FL | EXT4_INLINE_DATA_FL | EXT4_EA_INODE_FL | \
			 EXT4_ENCRYPT_FL | EXT4_VERITY_FL | EXT4_CASEFOLD_FL | \
			 EXT3_JOURNAL_DATA_FL | EXT2_INDEX_FL)
/* flags that a new inode doesn't get by a fast commit alone */
#define FL_NOT_NEW	(EXT4_EA_INODE_FL | EXT4_ENCRYPT_FL | EXT4_VERITY_FL)

#define OFF_BLOCK	offsetof(struct ext2_inode_large, i_block)
#define OFF_BEHIND	offsetof(struct ext2_inode_large, i_generation)

/* An inode of a tag.  Like all that is on the disk, little endian, as this host (server.h). */
struct fc_raw {
	struct ext2_inode_large raw;	/* as much of it as there is */
	const uint8_t *bytes;
	unsigned int len;		/* of @bytes */
};

static struct fc_inode **bucket(struct fc *fc, ext2_ino_t ino)
{
	return &fc->buckets[ino % FC_BUCKETS];
}

void fc_inodes_free(struct fc *fc)
{
	for (unsigned int i = 0; i < FC_BUCKETS; i++) {
		struct fc_inode *fi, *next;

		for (fi = fc->buckets[i]; fi; fi = next) {
			next = fi->next;
			free(fi);
		}
		fc->buckets[i] = NULL;
	}
	block_set_destroy(&fc->orphans);
}

/* What it is before the first fast commit */
static int look_up(struct fc *fc, struct fc_inode *fi)
{
	struct server *s = fc->s;
	struct inode in;
	int err;

	fi->listed = block_set_has(&fc->orphans, fi->ino);
	err = bitmaps_need_inode(s, fi->ino);
	if (err)
		return err;
	if (!ext2fs_test_inode_bitmap2(s->fs->inode_map, fi->ino)) {
		if (fi->listed)
			return fc_refuse(fc, "a free inode is on the orphan list");
		fi->state = FC_FREE;
		return 0;
	}
	err = inode_load(s, fi->ino, &in);
	if (err == -ESTALE)
		return fc_refuse(fc, "a fast commit in the journal names inode %u, which is in use "
				 "and empty", fi->ino);
	if (err)
		return err;
	if (!in.raw.i_links_count && !fi->listed)
		return fc_refuse(fc, "a fast commit in the journal names inode %u, which is in use "
				 "and has no name", fi->ino);
	fi->generation = in.raw.i_generation;
	fi->state = in.raw.i_links_count ? FC_NAMED : FC_ORPHAN;
	return 0;
}

int fc_get(struct fc *fc, ext2_ino_t ino, struct fc_inode **out)
{
	struct fc_inode *fi;
	int err;

	for (fi = *bucket(fc, ino); fi; fi = fi->next) {
		if (fi->ino == ino) {
			*out = fi;
			return 0;
		}
	}
	if (!inode_number_is_valid(fc->s, ino))
		return fc_refuse(fc, "a fast commit in the journal names inode %u, which is no file",
				 ino);
	fi = calloc(1, sizeof(*fi));
	if (!fi)
		return -ENOMEM;
	fi->ino = ino;
	err = look_up(fc, fi);
	if (err) {
		free(fi);
		return err;
	}
	fi->next = *bucket(fc, ino);
	*bucket(fc, ino) = fi;
	*out = fi;
	return 0;
}

static int read_tag(struct fc *fc, const struct fc_tag *tag, struct fc_raw *r)
{
	unsigned int size = EXT2_INODE_SIZE(fc->s->fs->super);
	ext2_ino_t ino = fc_le32(tag->value);

	memset(r, 0, sizeof(*r));
	r->bytes = tag->value + FC_INODE_HEADER;
	r->len = tag->len - FC_INODE_HEADER;
	memcpy(&r->raw, r->bytes, r->len < sizeof(r->raw) ? r->len : sizeof(r->raw));
	if (r->raw.i_flags & EXT4_INLINE_DATA_FL ? r->len != size :
	    size == EXT2_GOOD_OLD_INODE_SIZE ? r->len != size :
	    r->len > size || r->len < EXT2_GOOD_OLD_INODE_SIZE + 4 ||
	    r->len != EXT2_GOOD_OLD_INODE_SIZE + (unsigned int)r->raw.i_extra_isize || r->len % 4)
		return fc_refuse(fc, "a fast commit in the journal has an inode of the wrong size "
				 "(%u, of %u bytes)", ino, r->len);
	return 0;
}

/* Take over what is to be taken over into @buf, the whole inode as it is in the table. */
static void merge(struct fc_raw *r, uint8_t *buf)
{
	struct ext2_inode_large *to = (struct ext2_inode_large *)buf, before = { 0 };

	memcpy(&before, buf, EXT2_GOOD_OLD_INODE_SIZE);
	memcpy(buf, r->bytes, OFF_BLOCK);
	memcpy(buf + OFF_BEHIND, r->bytes + OFF_BEHIND, r->len - OFF_BEHIND);
	if (r->raw.i_flags & EXT4_INLINE_DATA_FL)
		memcpy(buf + OFF_BLOCK, r->bytes + OFF_BLOCK, OFF_BEHIND - OFF_BLOCK);
	to->i_links_count = before.i_links_count;
	to->i_dtime = before.i_dtime;
	to->i_blocks = before.i_blocks;
	to->osd2.linux2.l_i_blocks_hi = before.osd2.linux2.l_i_blocks_hi;
	to->i_flags = (to->i_flags & ~EXT4_HUGE_FILE_FL) | (before.i_flags & EXT4_HUGE_FILE_FL);
}

/* The superblock tells of files of this size. */
static int note_size(struct fc *fc, ext2_ino_t ino)
{
	struct inode in;
	int err = inode_load(fc->s, ino, &in);

	if (!err && inode_is_reg(&in)) {
		err = inode_set_size(fc->s, &in, inode_size(&in));
		if (!err)
			err = inode_store(fc->s, &in);
	}
	return err;
}

static int update(struct fc *fc, struct fc_inode *fi, struct fc_raw *r)
{
	struct server *s = fc->s;
	unsigned int size = EXT2_INODE_SIZE(s->fs->super);
	struct ext2_inode_large *now;
	uint8_t *buf = calloc(1, size > sizeof(*now) ? size : sizeof(*now));
	int err;

	if (!buf)
		return -ENOMEM;
	now = (struct ext2_inode_large *)buf;
	err = lib_error(s, inode_table_read(s, fi->ino, buf, size), fi->ino);
	if (err)
		goto out;
	if (LINUX_S_ISDIR(now->i_mode) || (now->i_mode ^ r->raw.i_mode) & LINUX_S_IFMT ||
	    (now->i_flags ^ r->raw.i_flags) & FL_FIXED || now->i_file_acl != r->raw.i_file_acl ||
	    now->osd2.linux2.l_i_file_acl_high != r->raw.osd2.linux2.l_i_file_acl_high ||
	    (size > EXT2_GOOD_OLD_INODE_SIZE && now->i_extra_isize != r->raw.i_extra_isize)) {
		err = fc_refuse(fc, "a fast commit in the journal changes inode %u in a way that "
				"fast commits can't", fi->ino);
		goto out;
	}
	merge(r, buf);
	s->dirty = true;
	err = lib_error(s, inode_table_write(s, fi->ino, buf, size), fi->ino);
	if (!err)
		err = note_size(fc, fi->ino);
out:
	free(buf);
	return err;
}

/* Write a whole new inode, which gets @raw and has no blocks. */
static int create(struct fc *fc, struct fc_inode *fi, struct fc_raw *r)
{
	struct server *s = fc->s;
	unsigned int size = EXT2_INODE_SIZE(s->fs->super);
	struct ext2_inode_large *raw;
	uint8_t *buf = calloc(1, size > sizeof(*raw) ? size : sizeof(*raw));
	struct ext3_extent_header *eh;
	bool dir = LINUX_S_ISDIR(r->raw.i_mode);
	int err;

	if (!buf)
		return -ENOMEM;
	raw = (struct ext2_inode_large *)buf;
	merge(r, buf);
	if (dir) {
		raw->i_size = raw->i_size_high = 0;
		raw->i_flags &= ~EXT2_INDEX_FL;
	}
	if (raw->i_flags & EXT4_EXTENTS_FL) {
		eh = (struct ext3_extent_header *)raw->i_block;
		eh->eh_magic = EXT3_EXT_MAGIC;
		eh->eh_max = (sizeof(raw->i_block) - sizeof(*eh)) / sizeof(struct ext3_extent);
	} else if (!dir && !LINUX_S_ISREG(raw->i_mode)) {
		memcpy(raw->i_block, r->raw.i_block, sizeof(raw->i_block));
	}
	s->dirty = true;
	err = lib_error(s, inode_table_write(s, fi->ino, buf, size), fi->ino);
	free(buf);
	if (err)
		return err;
	ext2fs_inode_alloc_stats2(s->fs, fi->ino, 1, dir);
	bitmaps_inode_changed(s, fi->ino);
	fi->state = FC_NEW;
	fi->generation = r->raw.i_generation;
	/* the kernel has the block of a long target for metadata, and no fast commit writes it */
	fi->lacks_data = LINUX_S_ISLNK(r->raw.i_mode) && r->raw.i_flags & EXT4_EXTENTS_FL;
	return note_size(fc, fi->ino);
}

uint32_t fc_inode_generation(const struct fc_tag *tag)
{
	return fc_le32(tag->value + FC_INODE_HEADER + OFF_BEHIND);
}

/* The number is given to another file. */
static int forget_file(struct fc *fc, struct fc_inode *fi)
{
	struct inode in;
	int err;

	if (fi->listed)
		return fc_refuse(fc, "a fast commit in the journal uses the number of inode %u "
				 "again, which is on the orphan list", fi->ino);
	err = inode_load(fc->s, fi->ino, &in);
	if (!err && in.raw.i_links_count)
		err = fc_refuse(fc, "a fast commit in the journal makes inode %u another file, "
				"which is still in use", fi->ino);
	if (!err)
		err = inode_free(fc->s, &in);
	if (!err)
		fi->state = FC_FREE;
	return err;
}

static int create_checked(struct fc *fc, struct fc_inode *fi, struct fc_raw *r)
{
	bool dir = LINUX_S_ISDIR(r->raw.i_mode);

	if (r->raw.i_flags & FL_NOT_NEW || r->raw.i_file_acl ||
	    r->raw.osd2.linux2.l_i_file_acl_high ||
	    (dir && r->raw.i_flags & EXT4_INLINE_DATA_FL))
		return fc_refuse(fc, "a fast commit in the journal makes inode %u in a way that "
				 "fast commits can't, or that this program can't replay", fi->ino);
	return create(fc, fi, r);
}

int fc_inode_tag(struct fc *fc, const struct fc_tag *tag)
{
	struct fc_inode *fi;
	struct fc_raw r;
	bool same;
	int err = fc_get(fc, fc_le32(tag->value), &fi);

	if (!err)
		err = read_tag(fc, tag, &r);
	if (err)
		return err;
	same = fi->generation == r.raw.i_generation;
	switch (fi->state) {
	case FC_FREE:
		return create_checked(fc, fi, &r);
	case FC_DEAD:
	case FC_ORPHAN:
		/* it goes, whatever is in it */
		if (same)
			return 0;
		break;
	case FC_NEW:
		if (same)
			return update(fc, fi, &r);
		/* one that has never had a name */
		break;
	case FC_NAMED:
		if (same)
			return update(fc, fi, &r);
		return fc_refuse(fc, "a fast commit in the journal makes inode %u another file, "
				 "which is still in use", fi->ino);
	}
	err = forget_file(fc, fi);
	return err ? err : create_checked(fc, fi, &r);
}

int fc_inode_finish(struct fc *fc, struct fc_inode *fi)
{
	struct inode in;
	int err;

	if (fi->state != FC_NEW && fi->state != FC_DEAD)
		return 0;
	err = inode_load(fc->s, fi->ino, &in);
	if (err)
		return err;
	if (!in.raw.i_links_count)
		/* if it's on the orphan list, orphan.c frees it */
		return fi->listed ? 0 : inode_free(fc->s, &in);
	if (fi->state == FC_NEW && fi->lacks_data)
		return fc_refuse(fc, "a fast commit in the journal names inode %u, and its contents "
				 "are missing", fi->ino);
	return 0;
}
