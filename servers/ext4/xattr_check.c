// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Checks of extended attributes that come from an untrusted image.
 *
 *	inode: ... | i_extra_isize | magic | entry entry ... 0  ...  values |
 *	block: | header | entry entry ... 0  ...  values |
 *
 * libext2fs 1.47 reads and writes attributes, but it trusts them in several places:
 *
 *  - the space that is left in an area wraps below zero after a long name, and a value may then
 *    reach far beyond the buffer;
 *  - values may share bytes.  Written again, each gets its own bytes, and nothing checks that
 *    these still fit;
 *  - looking for the free space of an inode walks over the entries without an end;
 *  - the map of an inode that holds a value is read, and freed, without a bound: a table of
 *    tables that is itself takes 2^30 steps.
 *
 * So everything is checked here first.  An area passes if a terminator ends its entries inside
 * of the area, and if all entries and all values fit into it side by side.  An inode with a
 * value passes if its map is as small as 64 KiB of value can make it.
 */
#include "xattr_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inode_table.h"
#include "map.h"

#define VALUE_MAX	65536U		/* bytes of a value in an inode of its own */
#define INDEX_SYSTEM	7		/* the prefix "system." */
#define TERMINATOR	sizeof(uint32_t)

/* One of the two areas; offsets of values count from @base. */
struct area {
	const char *entries, *end;
	const char *base;
};

static const char bad_list[] = "bad list of extended attributes";
static const char bad_value[] = "bad value of an extended attribute";

/* Where the entries end, at their terminator; NULL: they don't. */
static const char *end_of_entries(const struct area *a)
{
	const char *at = a->entries;

	for (;;) {
		const struct ext2_ext_attr_entry *e = (const void *)at;
		size_t left = a->end - at;

		if (left < TERMINATOR)
			return NULL;
		if (EXT2_EXT_IS_LAST_ENTRY(e))
			return at;
		if (left < sizeof(*e) || left < EXT2_EXT_ATTR_LEN(e->e_name_len) + TERMINATOR ||
		    memchr(at + sizeof(*e), '\0', e->e_name_len))
			return NULL;
		at += EXT2_EXT_ATTR_LEN(e->e_name_len);
	}
}

/*
 * An extent tree with at most one level of leaves, whose blocks are all inside of the file system.
 */
static const char *check_value_extents(struct server *s, const struct ext3_extent_header *eh,
				       size_t bytes, unsigned int depth, int *err)
{
	const struct ext3_extent *e = (const void *)(eh + 1);
	const struct ext3_extent_idx *ix = (const void *)(eh + 1);
	size_t room = (bytes - sizeof(*eh)) / sizeof(*e);

	if (eh->eh_magic != EXT3_EXT_MAGIC || eh->eh_depth != depth || eh->eh_entries > eh->eh_max ||
	    eh->eh_max > room)
		return "bad map of an inode with an attribute's value";
	for (unsigned int i = 0; i < eh->eh_entries; i++) {
		uint64_t pblk = e[i].ee_start | (uint64_t)e[i].ee_start_hi << 32, len = e[i].ee_len;

		if (depth)
			pblk = ix[i].ei_leaf | (uint64_t)ix[i].ei_leaf_hi << 32;
		if (len > EXT_INIT_MAX_LEN)
			len -= EXT_INIT_MAX_LEN;
		if (!map_valid_range(s, pblk, depth ? 1 : len) || (!depth && !len))
			return "bad block of an inode with an attribute's value";
		if (depth) {
			const char *wrong;
			const void *leaf;

			*err = cache_peek(s->cache, pblk, &leaf, NULL);
			if (*err)
				return NULL;
			wrong = check_value_extents(s, leaf, s->fs->blocksize, depth - 1, err);
			if (wrong || *err)
				return wrong;
		}
	}
	return NULL;
}

/* At most one table: 64 KiB are at most 64 blocks. */
static const char *check_value_table(struct server *s, const struct inode *in, int *err)
{
	const uint32_t *table = NULL;
	unsigned int n = s->fs->blocksize / sizeof(*table);
	uint32_t blk = in->raw.i_block[EXT2_IND_BLOCK];

	if (in->raw.i_block[EXT2_DIND_BLOCK] || in->raw.i_block[EXT2_TIND_BLOCK])
		return "bad map of an inode with an attribute's value";
	for (unsigned int i = 0; i <= EXT2_IND_BLOCK; i++)
		if (in->raw.i_block[i] && !map_valid_range(s, in->raw.i_block[i], 1))
			return "bad block of an inode with an attribute's value";
	if (!blk)
		return NULL;
	*err = cache_peek(s->cache, blk, (const void **)&table, NULL);
	for (unsigned int i = 0; !*err && i < n; i++)
		if (table[i] && !map_valid_range(s, table[i], 1))
			return "bad block of an inode with an attribute's value";
	return NULL;
}

/* Inode @ino is said to hold a value of @size bytes. */
static const char *check_value_inode(struct server *s, ext2_ino_t ino, uint32_t size, int *err)
{
	const struct ext3_extent_header *eh;
	struct inode in = { .ino = ino };
	errcode_t lerr;

	if (size > VALUE_MAX || ino < EXT2_FIRST_INO(s->fs->super) ||
	    ino > s->fs->super->s_inodes_count)
		return bad_value;
	lerr = inode_table_read(s, ino, &in.raw, sizeof(in.raw));
	if (lerr) {
		*err = lib_error(s, lerr, ino);
		return NULL;
	}
	if (!inode_is_reg(&in) || !(in.raw.i_flags & EXT4_EA_INODE_FL) || inode_is_inline(&in) ||
	    !in.raw.i_links_count || inode_size(&in) != size)
		return "an attribute's value is in an inode that isn't for that";
	if (!inode_has_extents(&in))
		return check_value_table(s, &in, err);
	eh = (const void *)in.raw.i_block;
	return check_value_extents(s, eh, sizeof(in.raw.i_block), eh->eh_depth ? 1 : 0, err);
}

static const char *check_area(struct server *s, const struct area *a, bool values_too, int *err)
{
	const char *terminator = end_of_entries(a);
	size_t need = TERMINATOR;

	if (!terminator)
		return bad_list;
	for (const char *at = a->entries; at < terminator;) {
		const struct ext2_ext_attr_entry *e = (const void *)at;
		size_t len = EXT2_EXT_ATTR_LEN(e->e_name_len), first = terminator - a->base;
		uint32_t size = e->e_value_size, offset = e->e_value_offs;

		need += len;
		at += len;
		if (e->e_value_inum) {
			if (offset || !ext2fs_has_feature_ea_inode(s->fs->super))
				return bad_value;
		} else if (size) {
			size_t room = a->end - a->base;

			if (size > room || offset < first + TERMINATOR || offset > room ||
			    EXT2_EXT_ATTR_SIZE(size) > room - offset)
				return bad_value;
			need += EXT2_EXT_ATTR_SIZE(size);
		}
	}
	if (need > (size_t)(a->end - a->entries))
		return bad_value;
	for (const char *at = a->entries; values_too && at < terminator;) {
		const struct ext2_ext_attr_entry *e = (const void *)at;
		const char *wrong = NULL;

		if (e->e_value_inum)
			wrong = check_value_inode(s, e->e_value_inum, e->e_value_size, err);
		if (wrong || *err)
			return wrong;
		at += EXT2_EXT_ATTR_LEN(e->e_name_len);
	}
	return NULL;
}

/*
 * The attributes in the inode's body.  @raw has all of the inode, EXT2_INODE_SIZE() bytes.  False:
 * there are none.
 */
static bool body_area(const struct server *s, const char *raw, uint16_t extra, struct area *a)
{
	size_t size = EXT2_INODE_SIZE(s->fs->super);
	size_t at = EXT2_GOOD_OLD_INODE_SIZE + extra;
	uint32_t magic;

	/* extra is a multiple of 4, and inside of the inode: inode_load() has looked at it */
	if (size == EXT2_GOOD_OLD_INODE_SIZE || !extra || at + sizeof(magic) >= size)
		return false;
	memcpy(&magic, raw + at, sizeof(magic));
	if (magic != EXT2_EXT_ATTR_MAGIC)
		return false;
	at += sizeof(magic);
	*a = (struct area){ raw + at, raw + size, raw + at };
	return true;
}

/* A copy of the whole inode, as what is checked may need other blocks of the cache. */
static int load_body(struct server *s, struct inode *in, char *raw)
{
	return lib_error(s, inode_table_read(s, in->ino, raw, EXT2_INODE_SIZE(s->fs->super)),
			 in->ino);
}

static int check_block(struct server *s, struct inode *in, char *copy)
{
	blk64_t blk = ext2fs_file_acl_block(s->fs, inode_small(in));
	const struct ext2_ext_attr_header *head = (const void *)copy;
	const char *wrong;
	struct area a = { copy + sizeof(*head), copy + s->fs->blocksize, copy };
	int err = 0;

	if (!blk)
		return 0;
	if (!map_valid_range(s, blk, 1))
		return fs_error(s, in->ino, blk, "bad block of extended attributes");
	err = cache_read(s->cache, blk * s->fs->blocksize, copy, s->fs->blocksize);
	if (err)
		return err;
	if (head->h_magic != EXT2_EXT_ATTR_MAGIC || head->h_blocks != 1)
		return fs_error(s, in->ino, blk, "bad block of extended attributes");
	wrong = check_area(s, &a, true, &err);
	return wrong ? fs_error(s, in->ino, blk, wrong) : err;
}

int xattr_check(struct server *s, struct inode *in)
{
	size_t size = EXT2_INODE_SIZE(s->fs->super);
	char *copy = malloc(size > s->fs->blocksize ? size : s->fs->blocksize);
	const char *wrong = NULL;
	struct area a;
	int err;

	if (!copy)
		return -ENOMEM;
	err = load_body(s, in, copy);
	if (!err && body_area(s, copy, in->raw.i_extra_isize, &a))
		wrong = check_area(s, &a, true, &err);
	if (wrong)
		err = fs_error(s, in->ino, 0, wrong);
	if (!err)
		err = check_block(s, in, copy);
	free(copy);
	return err;
}

int xattr_find_inline(struct server *s, struct inode *in, unsigned int *offset,
		      unsigned int *size)
{
	char *raw = malloc(EXT2_INODE_SIZE(s->fs->super));
	const char *wrong = NULL;
	struct area a;
	int err;

	*offset = *size = 0;
	if (!raw)
		return -ENOMEM;
	err = load_body(s, in, raw);
	if (err || !body_area(s, raw, in->raw.i_extra_isize, &a))
		goto out;
	wrong = check_area(s, &a, false, &err);
	for (const char *at = a.entries; !wrong && *(const uint32_t *)at;) {
		const struct ext2_ext_attr_entry *e = (const void *)at;

		at += EXT2_EXT_ATTR_LEN(e->e_name_len);
		if (e->e_name_index != INDEX_SYSTEM || e->e_name_len != strlen("data") ||
		    memcmp(e + 1, "data", strlen("data")))
			continue;
		if (e->e_value_inum) {
			wrong = bad_value;
			break;
		}
		*offset = (unsigned int)(a.base - raw) + e->e_value_offs;
		*size = e->e_value_size;
		break;
	}
	if (wrong)
		err = fs_error(s, in->ino, 0, wrong);
out:
	free(raw);
	return err;
}
