// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The fast-commit area behind the log: what is in it that has to be replayed?
 *
 *	block after the log    never used
 *	the next one ... end   fast commits, each of a whole number of blocks:
 *	                       head, tags, tail; only the first one has a head
 *
 * Kernel ext4 writes there what fsync needs, as changes of inodes and names, on top of the
 * last complete transaction.  They count if they name the transaction that would come next,
 * and end in a tail whose checksum is right.  All of them belong to that one transaction, and
 * each goes on where the one before it ended.
 *
 * What ends the area and what is damage is kernel ext4's decision:
 *
 * - Behind a complete fast commit, whatever is wrong ends the area.  A crash leaves there what was
 *   being written, or what an earlier transaction has left, and neither is a promise to anybody.
 * - If there is no complete one, a wrong checksum or a damaged tag is damage.  But blocks that
 *   were never written, or that name another transaction, are no fast commits.
 */
#include "recovery/fast_commit.h"

#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <stdlib.h>
#include <string.h>

#include "checksum.h"
#include "recovery/state.h"

#define TAG_HEADER	4	/* kind and length, 16 bits each */
#define TAIL_VALUE	8	/* transaction, checksum */
#define HEAD_VALUE	8	/* features, transaction */

struct area {
	struct replay *r;
	struct replay_refusal *no;
	uint32_t crc;
	bool begun;		/* a head was right */
	bool complete;		/* so was a tail */
	size_t nr;		/* tags up to there */
};

enum { GO_ON, END };		/* or a negative errno */

void fc_tags_free(struct fc_tags *tags)
{
	for (size_t i = 0; i < tags->nr_blocks; i++)
		free(tags->blocks[i]);
	free(tags->blocks);
	free(tags->list);
	*tags = (struct fc_tags){ 0 };
}

static bool length_is_possible(const struct area *a, unsigned int kind, unsigned int len)
{
	switch (kind) {
	case FC_ADD_RANGE:
		return len == FC_ADD_SIZE;
	case FC_DEL_RANGE:
		return len == FC_DEL_SIZE;
	case FC_CREAT:
	case FC_LINK:
	case FC_UNLINK:
		return len > FC_NAME_HEADER && len <= FC_NAME_HEADER + EXT2_NAME_LEN;
	case FC_INODE:
		return len >= FC_INODE_HEADER + EXT2_GOOD_OLD_INODE_SIZE &&
		       len <= FC_INODE_HEADER + a->r->place.blocksize;
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

static int add_tag(struct area *a, const uint8_t *tag, unsigned int kind, unsigned int len)
{
	struct fc_tags *fc = &a->r->fc;

	if (fc->nr == fc->room) {
		size_t room = fc->room ? fc->room * 2 : 256;
		struct fc_tag *more = realloc(fc->list, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		fc->list = more;
		fc->room = room;
	}
	fc->list[fc->nr++] = (struct fc_tag){ kind, len, tag + TAG_HEADER };
	return GO_ON;
}

static int head(struct area *a, const uint8_t *tag, unsigned int len)
{
	const uint8_t *value = tag + TAG_HEADER;

	if (fc_le32(value + 4) != a->r->end)
		return END;
	if (fc_le32(value))
		return replay_refuse(a->no, "a fast commit in the journal has unknown features "
				     "(0x%x)", fc_le32(value));
	a->begun = true;
	a->crc = checksum_crc32c(a->crc, tag, TAG_HEADER + len);
	return GO_ON;
}

static int tail(struct area *a, const uint8_t *tag)
{
	const uint8_t *value = tag + TAG_HEADER;

	if (fc_le32(value) != a->r->end)
		return END;
	a->crc = checksum_crc32c(a->crc, tag, TAG_HEADER + 4);
	if (fc_le32(value + 4) != a->crc)
		return a->complete ? END : replay_refuse(a->no, "a fast commit in the journal has "
							 "a wrong checksum");
	a->complete = true;
	a->nr = a->r->fc.nr;
	a->crc = 0;
	return GO_ON;
}

/* @block stays in memory as long as the tags do. */
static int block_of_area(struct area *a, const uint8_t *block)
{
	unsigned int size = a->r->place.blocksize;

	for (unsigned int off = 0, len; off + TAG_HEADER <= size; off += TAG_HEADER + len) {
		const uint8_t *tag = block + off;
		unsigned int kind = fc_le16(tag);
		int ret;

		len = fc_le16(tag + 2);
		if (!a->begun && kind != FC_HEAD)
			return END;
		/* never written */
		if (!kind && !len)
			return END;
		if (len > size - off - TAG_HEADER || !length_is_possible(a, kind, len))
			return a->complete ? END : replay_refuse(a->no, "a fast commit in the "
								 "journal is damaged");
		switch (kind) {
		case FC_HEAD:
			ret = head(a, tag, len);
			break;
		case FC_TAIL:
			ret = tail(a, tag);
			break;
		default:
			a->crc = checksum_crc32c(a->crc, tag, TAG_HEADER + len);
			ret = kind == FC_PAD ? GO_ON : add_tag(a, tag, kind, len);
		}
		if (ret != GO_ON)
			return ret;
	}
	return GO_ON;
}

static int keep_block(struct replay *r, const uint8_t *block, const uint8_t **kept)
{
	struct fc_tags *fc = &r->fc;
	uint8_t *copy;

	if (fc->nr_blocks == fc->room_blocks) {
		size_t room = fc->room_blocks ? fc->room_blocks * 2 : 64;
		uint8_t **more = realloc(fc->blocks, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		fc->blocks = more;
		fc->room_blocks = room;
	}
	copy = malloc(r->place.blocksize);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, block, r->place.blocksize);
	fc->blocks[fc->nr_blocks++] = copy;
	*kept = copy;
	return 0;
}

int replay_scan_fast_commits(struct replay *r, struct replay_refusal *no)
{
	struct area a = { .r = r, .no = no };
	int ret = GO_ON;

	for (uint32_t log = r->last + 1; log < r->sb.maxlen && ret == GO_ON; log++) {
		const uint8_t *block;

		ret = replay_step(r, "reading fast commits", log - r->last, r->sb.maxlen - r->last);
		if (!ret)
			ret = replay_read_log(r, log, &block, no);
		if (!ret)
			ret = keep_block(r, block, &block);
		if (!ret)
			ret = block_of_area(&a, block);
	}
	r->fc.nr = a.nr;
	return ret < 0 ? ret : 0;
}
