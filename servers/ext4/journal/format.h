/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The jbd2 journal on disk: what the blocks of the log look like.  Only bytes
 * here, no I/O and no state.  All numbers are big endian.
 *
 *	block 0            superblock
 *	first .. last - 1  the log, a ring
 *	last .. maxlen - 1 fast commits of kernel ext4
 *
 * A transaction in the log:
 *
 *	revoke blocks      numbers of blocks that older copies must not be
 *	                   replayed of
 *	descriptor block   tags: where the blocks that follow belong
 *	  copy, copy ...   a copy that begins with the magic number has a 0 there,
 *	                   and its tag says so (escape)
 *	descriptor block   ...
 *	commit block       all before it counts
 */
#ifndef IOMAP4FS_JOURNAL_FORMAT_H
#define IOMAP4FS_JOURNAL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_MAGIC		0xc03b3998U
#define JOURNAL_SUPER_SIZE	1024

/* kinds of blocks */
#define JOURNAL_DESCRIPTOR	1
#define JOURNAL_COMMIT		2
#define JOURNAL_SUPER_V1	3
#define JOURNAL_SUPER_V2	4
#define JOURNAL_REVOKE		5

/* features of the superblock */
#define JOURNAL_COMPAT_CHECKSUM		0x01
#define JOURNAL_INCOMPAT_REVOKE		0x01
#define JOURNAL_INCOMPAT_64BIT		0x02
#define JOURNAL_INCOMPAT_ASYNC_COMMIT	0x04
#define JOURNAL_INCOMPAT_CSUM_V2	0x08
#define JOURNAL_INCOMPAT_CSUM_V3	0x10
#define JOURNAL_INCOMPAT_FAST_COMMIT	0x20
#define JOURNAL_INCOMPAT_KNOWN		0x3f

/* blocks of the fast commit area if the superblock doesn't say */
#define JOURNAL_FC_DEFAULT	256

/* The superblock's fields that matter here, in the host's byte order */
struct journal_super {
	uint32_t type;			/* JOURNAL_SUPER_V1, JOURNAL_SUPER_V2 */
	uint32_t blocksize;		/* bytes */
	uint32_t maxlen;		/* blocks */
	uint32_t first;
	uint32_t sequence;		/* of the oldest transaction in the log */
	uint32_t start;			/* where that begins; 0: the log is empty */
	uint32_t error;			/* errno of an abort */
	uint32_t compat, incompat, ro_compat;
	uint32_t fc_blocks;
};

/* What shapes the blocks of one journal */
struct journal_shape {
	uint32_t blocksize;
	uint32_t incompat;
	uint8_t uuid[16];
	uint32_t seed;			/* of the checksums */
};

/* Read a superblock of JOURNAL_SUPER_SIZE bytes.  -EUCLEAN if it isn't one or is damaged. */
int journal_super_decode(const void *block, struct journal_super *sb);
/* Change the fields in an existing one. */
void journal_super_encode(void *block, const struct journal_super *sb);

/* @block: the superblock, for the UUID */
void journal_shape_init(struct journal_shape *shape, const void *block, uint32_t blocksize,
			uint32_t incompat);

/* How many tags, or revoked numbers, fit into a block */
unsigned int journal_tags_per_block(const struct journal_shape *shape);
unsigned int journal_revokes_per_block(const struct journal_shape *shape);

/*
 * One block of the log each.  @out has a block's size.
 */

struct journal_tag {
	uint64_t nr;			/* where the copy belongs */
	const void *copy;		/* as it is in the log: escaped if it had to be */
	bool escaped;
};

void journal_make_descriptor(const struct journal_shape *shape, uint32_t sequence,
			     const struct journal_tag *tags, unsigned int n, void *out);
void journal_make_revoke(const struct journal_shape *shape, uint32_t sequence,
			 const uint64_t *nrs, unsigned int n, void *out);
/* @sec, @nsec: time of the commit */
void journal_make_commit(const struct journal_shape *shape, uint32_t sequence, uint64_t sec,
			 uint32_t nsec, void *out);
/* Copy a block to the log.  True if it was escaped. */
bool journal_copy(const struct journal_shape *shape, const void *data, void *out);

#endif
