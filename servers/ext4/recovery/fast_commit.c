// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The fast-commit area behind the log: is there something in it that has to be replayed?
 *
 *	block after the log    never used
 *	the next one ... end   fast commits, each of a whole number of blocks:
 *	                       head, tags, tail; all numbers are little endian
 *
 * Kernel ext4 writes there what fsync needs, as changes of inodes and names, on top of the
 * last complete transaction.  They count if they name the transaction that would come next,
 * and end in a tail whose checksum is right.  This program writes none, and doesn't replay
 * them: a file system that has some is refused.
 *
 * What a crash has left of a fast commit that was being written is no promise to anybody:
 * blocks that were never written, or that name another transaction.
 */
#include <ext2fs/ext2fs.h>
#include <string.h>

#include "checksum.h"
#include "recovery/state.h"

enum {
	FC_ADD_RANGE = 1, FC_DEL_RANGE, FC_CREAT, FC_LINK, FC_UNLINK, FC_INODE, FC_PAD, FC_TAIL,
	FC_HEAD,
};

#define TAG_HEADER	4	/* kind and length, 16 bits each */
#define RANGE_SIZE	16	/* inode and extent */
#define DEL_SIZE	12	/* inode, first block, number of blocks */
#define NAME_HEADER	8	/* two inodes; the name follows */
#define INODE_HEADER	4
#define TAIL_VALUE	8	/* transaction, checksum */
#define HEAD_VALUE	8	/* features, transaction */

struct area {
	struct replay *r;
	struct replay_refusal *no;
	uint32_t crc;
	bool begun;		/* a head was right */
};

enum { GO_ON, END };		/* or a negative errno */

static uint32_t le16(const uint8_t *p)
{
	return p[0] | p[1] << 8;
}

static uint32_t le32(const uint8_t *p)
{
	return le16(p) | le16(p + 2) << 16;
}

static bool length_is_possible(const struct area *a, unsigned int kind, unsigned int len)
{
	switch (kind) {
	case FC_ADD_RANGE:
		return len == RANGE_SIZE;
	case FC_DEL_RANGE:
		return len == DEL_SIZE;
	case FC_CREAT:
	case FC_LINK:
	case FC_UNLINK:
		return len > NAME_HEADER && len <= NAME_HEADER + EXT2_NAME_LEN;
	case FC_INODE:
		return len >= INODE_HEADER + EXT2_GOOD_OLD_INODE_SIZE &&
		       len <= INODE_HEADER + a->r->place.blocksize;
	case FC_PAD:
		return true;
	case FC_TAIL:
		return len >= TAIL_VALUE;
	case FC_HEAD:
		return len == HEAD_VALUE;
	default:
		return false;
	}
}

static int head(struct area *a, const uint8_t *tag, unsigned int len)
{
	const uint8_t *value = tag + TAG_HEADER;

	if (le32(value + 4) != a->r->end)
		return END;
	if (le32(value))
		return replay_refuse(a->no, "a fast commit in the journal has unknown features "
				     "(0x%x)", le32(value));
	a->begun = true;
	a->crc = checksum_crc32c(a->crc, tag, TAG_HEADER + len);
	return GO_ON;
}

static int tail(struct area *a, const uint8_t *tag)
{
	const uint8_t *value = tag + TAG_HEADER;

	if (le32(value) != a->r->end)
		return END;
	a->crc = checksum_crc32c(a->crc, tag, TAG_HEADER + 4);
	if (le32(value + 4) != a->crc)
		return replay_refuse(a->no, "a fast commit in the journal has a wrong checksum");
	return replay_refuse(a->no, "the journal has fast commits of kernel ext4, which this "
			     "program can't replay");
}

static int block_of_area(struct area *a, const uint8_t *block)
{
	unsigned int size = a->r->place.blocksize;

	for (unsigned int off = 0, len; off + TAG_HEADER <= size; off += TAG_HEADER + len) {
		const uint8_t *tag = block + off;
		unsigned int kind = le16(tag);
		int ret;

		len = le16(tag + 2);
		if (!a->begun && kind != FC_HEAD)
			return END;
		/* never written */
		if (!kind && !len)
			return END;
		if (len > size - off - TAG_HEADER || !length_is_possible(a, kind, len))
			return replay_refuse(a->no, "a fast commit in the journal is damaged");
		switch (kind) {
		case FC_HEAD:
			ret = head(a, tag, len);
			break;
		case FC_TAIL:
			ret = tail(a, tag);
			break;
		default:
			a->crc = checksum_crc32c(a->crc, tag, TAG_HEADER + len);
			ret = GO_ON;
		}
		if (ret != GO_ON)
			return ret;
	}
	return GO_ON;
}

int replay_check_fast_commits(struct replay *r, struct replay_refusal *no)
{
	struct area a = { .r = r, .no = no };
	int ret = GO_ON;

	for (uint32_t log = r->last + 1; log < r->sb.maxlen && ret == GO_ON; log++) {
		const uint8_t *block;

		ret = replay_read_log(r, log, &block, no);
		if (!ret)
			ret = block_of_area(&a, block);
	}
	return ret < 0 ? ret : 0;
}
