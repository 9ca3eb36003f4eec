// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Making the blocks of a jbd2 log: see format.h.
 *
 * Checksums are crc32c without a final inversion.  They start from the seed, the
 * checksum of the journal's UUID, so that blocks of another journal that was in
 * the same place don't match.
 */
#include "journal/format.h"

#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <string.h>

#include "checksum.h"
#include "journal/layout.h"

static uint32_t super_checksum(const void *block)
{
	uint8_t copy[JOURNAL_SUPER_SIZE];

	memcpy(copy, block, sizeof(copy));
	put32(copy + SB_CHECKSUM, 0);
	return checksum_crc32c(~0U, copy, sizeof(copy));
}

int journal_super_decode(const void *block, struct journal_super *sb)
{
	const uint8_t *b = block;

	if (get32(b) != JOURNAL_MAGIC)
		return -EUCLEAN;
	*sb = (struct journal_super){
		.type = get32(b + 4),
		.blocksize = get32(b + SB_BLOCKSIZE),
		.maxlen = get32(b + SB_MAXLEN),
		.first = get32(b + SB_FIRST),
		.sequence = get32(b + SB_SEQUENCE),
		.start = get32(b + SB_START),
		.error = get32(b + SB_ERRNO),
	};
	if (sb->type == JOURNAL_SUPER_V1)
		return 0;
	if (sb->type != JOURNAL_SUPER_V2)
		return -EUCLEAN;
	sb->compat = get32(b + SB_COMPAT);
	sb->incompat = get32(b + SB_INCOMPAT);
	sb->ro_compat = get32(b + SB_RO_COMPAT);
	sb->fc_blocks = get32(b + SB_FC_BLOCKS);
	if (has_csum(sb->incompat) && (b[SB_CHECKSUM_TYPE] != CHECKSUM_CRC32C ||
				       get32(b + SB_CHECKSUM) != super_checksum(b)))
		return -EUCLEAN;
	return 0;
}

void journal_super_encode(void *block, const struct journal_super *sb)
{
	uint8_t *b = block;

	put32(b + SB_SEQUENCE, sb->sequence);
	put32(b + SB_START, sb->start);
	put32(b + SB_ERRNO, sb->error);
	put32(b + SB_COMPAT, sb->compat);
	put32(b + SB_INCOMPAT, sb->incompat);
	b[SB_CHECKSUM_TYPE] = has_csum(sb->incompat) ? CHECKSUM_CRC32C : 0;
	put32(b + SB_CHECKSUM, has_csum(sb->incompat) ? super_checksum(b) : 0);
}

void journal_shape_init(struct journal_shape *shape, const void *block, uint32_t blocksize,
			uint32_t incompat)
{
	shape->blocksize = blocksize;
	shape->incompat = incompat;
	memcpy(shape->uuid, (const uint8_t *)block + SB_UUID, sizeof(shape->uuid));
	shape->seed = checksum_crc32c(~0U, shape->uuid, sizeof(shape->uuid));
}

unsigned int journal_tags_per_block(const struct journal_shape *shape)
{
	unsigned int room = shape->blocksize - HEADER_SIZE - tail_size(shape);

	/* behind the first tag there is the UUID */
	return (room - sizeof(shape->uuid)) / tag_size(shape);
}

unsigned int journal_revokes_per_block(const struct journal_shape *shape)
{
	return (shape->blocksize - REVOKE_HEADER - tail_size(shape)) / revoke_size(shape);
}

static void put_header(const struct journal_shape *shape, uint32_t type, uint32_t sequence,
		       uint8_t *out)
{
	memset(out, 0, shape->blocksize);
	put32(out, JOURNAL_MAGIC);
	put32(out + 4, type);
	put32(out + 8, sequence);
}

/* The checksum of the block, with a 0 where it will be */
static uint32_t block_checksum(const struct journal_shape *shape, const void *block)
{
	return checksum_crc32c(shape->seed, block, shape->blocksize);
}

static void put_tail(const struct journal_shape *shape, uint8_t *out)
{
	if (tail_size(shape))
		put32(out + shape->blocksize - TAIL_SIZE, block_checksum(shape, out));
}

static uint32_t copy_checksum(const struct journal_shape *shape, uint32_t sequence,
			      const void *copy)
{
	uint8_t seq[4];

	put32(seq, sequence);
	return checksum_crc32c(checksum_crc32c(shape->seed, seq, sizeof(seq)), copy,
				shape->blocksize);
}

void journal_make_descriptor(const struct journal_shape *shape, uint32_t sequence,
			     const struct journal_tag *tags, unsigned int n, void *out)
{
	uint8_t *p = (uint8_t *)out + HEADER_SIZE;

	put_header(shape, JOURNAL_DESCRIPTOR, sequence, out);
	for (unsigned int i = 0; i < n; i++) {
		unsigned int flags = 0;

		if (tags[i].escaped)
			flags |= TAG_ESCAPED;
		if (i)
			flags |= TAG_SAME_UUID;
		if (i == n - 1)
			flags |= TAG_LAST;
		put32(p, tags[i].nr);
		if (shape->incompat & JOURNAL_INCOMPAT_CSUM_V3) {
			put32(p + 4, flags);
			put32(p + 8, tags[i].nr >> 32);
			put32(p + 12, copy_checksum(shape, sequence, tags[i].copy));
		} else {
			if (shape->incompat & JOURNAL_INCOMPAT_CSUM_V2)
				put16(p + 4, copy_checksum(shape, sequence, tags[i].copy));
			put16(p + 6, flags);
			if (shape->incompat & JOURNAL_INCOMPAT_64BIT)
				put32(p + 8, tags[i].nr >> 32);
		}
		p += tag_size(shape);
		if (!i) {
			memcpy(p, shape->uuid, sizeof(shape->uuid));
			p += sizeof(shape->uuid);
		}
	}
	put_tail(shape, out);
}

void journal_make_revoke(const struct journal_shape *shape, uint32_t sequence,
			 const uint64_t *nrs, unsigned int n, void *out)
{
	uint8_t *p = (uint8_t *)out + REVOKE_HEADER;

	put_header(shape, JOURNAL_REVOKE, sequence, out);
	put32((uint8_t *)out + HEADER_SIZE, REVOKE_HEADER + n * revoke_size(shape));
	for (unsigned int i = 0; i < n; i++, p += revoke_size(shape)) {
		if (revoke_size(shape) == 8)
			put64(p, nrs[i]);
		else
			put32(p, nrs[i]);
	}
	put_tail(shape, out);
}

void journal_make_commit(const struct journal_shape *shape, uint32_t sequence, uint64_t sec,
			 uint32_t nsec, void *out)
{
	uint8_t *b = out;

	put_header(shape, JOURNAL_COMMIT, sequence, out);
	put64(b + COMMIT_SEC, sec);
	put32(b + COMMIT_NSEC, nsec);
	if (has_csum(shape->incompat))
		put32(b + COMMIT_CHECKSUM, block_checksum(shape, out));
}

bool journal_copy(const struct journal_shape *shape, const void *data, void *out)
{
	memcpy(out, data, shape->blocksize);
	if (get32(data) != JOURNAL_MAGIC)
		return false;
	put32(out, 0);
	return true;
}
