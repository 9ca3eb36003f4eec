/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where things are in the blocks of a jbd2 journal, for the files that make them (format.c)
 * and that read them (parse.c, recovery/).
 */
#ifndef IOMAP4FS_JOURNAL_LAYOUT_H
#define IOMAP4FS_JOURNAL_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/format.h"

#define CHECKSUM_CRC32C		4

/* the superblock's fields */
enum {
	SB_BLOCKSIZE = 12, SB_MAXLEN = 16, SB_FIRST = 20, SB_SEQUENCE = 24, SB_START = 28,
	SB_ERRNO = 32, SB_COMPAT = 36, SB_INCOMPAT = 40, SB_RO_COMPAT = 44, SB_UUID = 48,
	SB_CHECKSUM_TYPE = 80, SB_FC_BLOCKS = 84, SB_CHECKSUM = 252,
};

#define HEADER_SIZE	12
#define REVOKE_HEADER	16		/* and the number of bytes in use */
#define TAIL_SIZE	4		/* checksum at the end of descriptors and revokes */

/* of the commit block */
#define COMMIT_V1_TYPE	12		/* of the transaction's checksum; one byte, as the next */
#define COMMIT_V1_SIZE	13
#define COMMIT_CHECKSUM	16
#define COMMIT_SEC	48
#define COMMIT_NSEC	56
#define COMMIT_SIZE	64		/* of the fields, padding included */

/* of a tag */
#define TAG_ESCAPED	1
#define TAG_SAME_UUID	2
#define TAG_DELETED	4
#define TAG_LAST	8
#define TAG_KNOWN	15
#define TAG_UUID_SIZE	16

static inline void put16(void *p, uint16_t v)
{
	uint8_t *b = p;

	b[0] = v >> 8;
	b[1] = v;
}

static inline void put32(void *p, uint32_t v)
{
	put16(p, v >> 16);
	put16((uint8_t *)p + 2, v);
}

static inline void put64(void *p, uint64_t v)
{
	put32(p, v >> 32);
	put32((uint8_t *)p + 4, v);
}

static inline uint16_t get16(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)(b[0] << 8 | b[1]);
}

static inline uint32_t get32(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
}

static inline uint64_t get64(const void *p)
{
	return (uint64_t)get32(p) << 32 | get32((const uint8_t *)p + 4);
}

static inline bool has_csum(uint32_t incompat)
{
	return incompat & (JOURNAL_INCOMPAT_CSUM_V2 | JOURNAL_INCOMPAT_CSUM_V3);
}

static inline unsigned int tag_size(const struct journal_shape *shape)
{
	unsigned int size = 8;

	if (shape->incompat & JOURNAL_INCOMPAT_CSUM_V3)
		return 16;
	if (shape->incompat & JOURNAL_INCOMPAT_CSUM_V2)
		size += 2;
	if (shape->incompat & JOURNAL_INCOMPAT_64BIT)
		size += 4;
	return size;
}

static inline unsigned int tail_size(const struct journal_shape *shape)
{
	return has_csum(shape->incompat) ? TAIL_SIZE : 0;
}

static inline unsigned int revoke_size(const struct journal_shape *shape)
{
	return shape->incompat & JOURNAL_INCOMPAT_64BIT ? 8 : 4;
}

#endif
