/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fast commits: what kernel ext4 writes behind the log so that fsync needs no transaction.
 *
 * A fast commit is a list of tags, each of which says what has become of an inode or of a name
 * since the last complete transaction.  All numbers are little endian.
 */
#ifndef IOMAP4FS_FAST_COMMIT_H
#define IOMAP4FS_FAST_COMMIT_H

#include <stddef.h>
#include <stdint.h>

enum fc_kind {
	FC_ADD_RANGE = 1,	/* inode, extent as in a tree: these blocks are the file's */
	FC_DEL_RANGE,		/* inode, first block, number of blocks: there is a hole */
	FC_CREAT,		/* directory, inode, name: the inode has its first name */
	FC_LINK,		/* the same: it has one more name */
	FC_UNLINK,		/* the same: it has lost this name */
	FC_INODE,		/* inode, and what the inode table has for it, but no attributes */
	FC_PAD,			/* nothing, up to the end of the block */
	FC_TAIL,		/* transaction, checksum: a fast commit ends here */
	FC_HEAD,		/* features, transaction: they begin here */
};

/* Sizes of values, bytes */
#define FC_ADD_SIZE	16
#define FC_DEL_SIZE	12
#define FC_NAME_HEADER	8	/* the name follows */
#define FC_INODE_HEADER	4	/* the inode follows */

struct fc_tag {
	uint16_t kind;		/* enum fc_kind, but none of PAD, TAIL and HEAD */
	uint16_t len;		/* of the value, bytes; possible for the kind */
	const uint8_t *value;	/* not aligned */
};

/* All zero: none. */
struct fc_tags {
	struct fc_tag *list;	/* in the order of the journal */
	size_t nr, room;
	uint8_t **blocks;	/* memory that the values are in */
	size_t nr_blocks, room_blocks;
};

static inline uint32_t fc_le16(const uint8_t *p)
{
	return p[0] | p[1] << 8;
}

static inline uint32_t fc_le32(const uint8_t *p)
{
	return fc_le16(p) | fc_le16(p + 2) << 16;
}

void fc_tags_free(struct fc_tags *tags);

#endif
