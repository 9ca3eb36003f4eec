// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading the blocks of a jbd2 log: see parse.h.
 */
#include "journal/parse.h"

#include <string.h>

#include "checksum.h"
#include "journal/layout.h"

/* the transaction's own checksum in a commit block (v1) */
#define V1_CRC32	1
#define V1_CRC32_SIZE	4

bool journal_parse_header(const void *block, uint32_t *type, uint32_t *sequence)
{
	const uint8_t *b = block;

	if (get32(b) != JOURNAL_MAGIC)
		return false;
	*type = get32(b + 4);
	*sequence = get32(b + 8);
	return true;
}

/* The checksum of the first @len bytes followed by zeroes, with a 0 in place of itself at @at */
static uint32_t sum_without(const struct journal_shape *shape, const uint8_t *block, size_t len,
			    size_t at)
{
	static const uint8_t zeroes[64];
	uint32_t crc = checksum_crc32c(shape->seed, block, at);

	crc = checksum_crc32c(crc, zeroes, 4);
	crc = checksum_crc32c(crc, block + at + 4, len - at - 4);
	for (size_t n; len < shape->blocksize; len += n) {
		n = shape->blocksize - len;
		if (n > sizeof(zeroes))
			n = sizeof(zeroes);
		crc = checksum_crc32c(crc, zeroes, n);
	}
	return crc;
}

bool journal_block_is_right(const struct journal_shape *shape, const void *block)
{
	const uint8_t *b = block;
	size_t at = shape->blocksize - TAIL_SIZE;

	return !tail_size(shape) || get32(b + at) == sum_without(shape, b, shape->blocksize, at);
}

bool journal_commit_is_right(const struct journal_shape *shape, const void *block)
{
	const uint8_t *b = block;
	uint32_t sum = get32(b + COMMIT_CHECKSUM);

	return !has_csum(shape->incompat) ||
	       sum == sum_without(shape, b, shape->blocksize, COMMIT_CHECKSUM) ||
	       sum == sum_without(shape, b, COMMIT_SIZE, COMMIT_CHECKSUM);
}

bool journal_commit_confirms(const void *block, uint32_t crc)
{
	const uint8_t *b = block;
	uint32_t sum = get32(b + COMMIT_CHECKSUM);
	uint8_t type = b[COMMIT_V1_TYPE], size = b[COMMIT_V1_SIZE];

	if (!type && !size && !sum)
		return true;
	return type == V1_CRC32 && size == V1_CRC32_SIZE && sum == crc;
}

uint64_t journal_commit_time(const void *block)
{
	return get64((const uint8_t *)block + COMMIT_SEC);
}

bool journal_next_tag(const struct journal_shape *shape, struct journal_tags *tags,
		      struct journal_logged *out)
{
	unsigned int size = tag_size(shape), end = shape->blocksize - tail_size(shape);
	bool first = !tags->off;
	const uint8_t *p;
	uint16_t flags;

	if (first)
		tags->off = HEADER_SIZE;
	if (tags->ended || tags->off + size > end)
		return false;
	p = (const uint8_t *)tags->block + tags->off;
	/* the same place in all kinds: a tag v3 has 32 bits of flags, of which the upper are 0 */
	flags = get16(p + 6);
	*out = (struct journal_logged){ .nr = get32(p), .escaped = flags & TAG_ESCAPED };
	if (shape->incompat & JOURNAL_INCOMPAT_64BIT)
		out->nr |= (uint64_t)get32(p + 8) << 32;
	if (shape->incompat & JOURNAL_INCOMPAT_CSUM_V3)
		out->checksum = get32(p + 12);
	else if (shape->incompat & JOURNAL_INCOMPAT_CSUM_V2)
		out->checksum = get16(p + 4);
	tags->off += size;
	if (!(flags & TAG_SAME_UUID))
		tags->off += TAG_UUID_SIZE;
	if (flags & ~TAG_KNOWN || first == !!(flags & TAG_SAME_UUID))
		tags->odd = true;
	tags->ended = flags & TAG_LAST;
	return true;
}

bool journal_copy_is_right(const struct journal_shape *shape, uint32_t sequence,
			   uint32_t checksum, const void *copy)
{
	uint8_t seq[4];
	uint32_t crc;

	if (!has_csum(shape->incompat))
		return true;
	put32(seq, sequence);
	crc = checksum_crc32c(shape->seed, seq, sizeof(seq));
	crc = checksum_crc32c(crc, copy, shape->blocksize);
	if (!(shape->incompat & JOURNAL_INCOMPAT_CSUM_V3))
		crc &= 0xffff;
	return crc == checksum;
}

void journal_unescape(void *copy)
{
	put32(copy, JOURNAL_MAGIC);
}

int journal_nr_revokes(const struct journal_shape *shape, const void *block)
{
	uint32_t bytes = get32((const uint8_t *)block + HEADER_SIZE);

	if (bytes < REVOKE_HEADER || bytes > shape->blocksize - tail_size(shape))
		return -1;
	return (bytes - REVOKE_HEADER) / revoke_size(shape);
}

uint64_t journal_revoked(const struct journal_shape *shape, const void *block, unsigned int i)
{
	const uint8_t *p = (const uint8_t *)block + REVOKE_HEADER + i * revoke_size(shape);

	return revoke_size(shape) == 8 ? get64(p) : get32(p);
}
