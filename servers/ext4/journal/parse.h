/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the blocks of a jbd2 log (format.h shows them).  Only bytes here, no I/O and no state.
 * The blocks may hold anything: no function reads beyond the block, and each loop over a block
 * ends.
 */
#ifndef IOMAP4FS_JOURNAL_PARSE_H
#define IOMAP4FS_JOURNAL_PARSE_H

#include "journal/format.h"

/* All functions get a whole block of shape->blocksize bytes. */

/* False: the block has no header of the journal. */
bool journal_parse_header(const void *block, uint32_t *type, uint32_t *sequence);

/* The checksum at the end of a descriptor or revoke block.  True without checksums v2 or v3. */
bool journal_block_is_right(const struct journal_shape *shape, const void *block);
/*
 * The checksum of a commit block, over the whole block, or over its fields alone if a part of
 * the rest was not written.  True without checksums v2 or v3.
 */
bool journal_commit_is_right(const struct journal_shape *shape, const void *block);
/*
 * Does the commit block confirm @crc, the transaction's checksum (v1, JOURNAL_COMPAT_CHECKSUM)?
 * A commit block without such a checksum confirms everything.
 */
bool journal_commit_confirms(const void *block, uint32_t crc);
/* Seconds since 1970 */
uint64_t journal_commit_time(const void *block);

/* A tag of a descriptor block: a copy of a block follows in the log. */
struct journal_logged {
	uint64_t nr;		/* of the block in the file system */
	uint32_t checksum;	/* of the copy; v2: the lower half.  0 without */
	bool escaped;
};

/* Position in a descriptor block; begins as { .block = ... } */
struct journal_tags {
	const void *block;
	unsigned int off;	/* of the next tag; 0: the first one */
	bool ended;		/* the tag with the mark of the last one has been seen */
	bool odd;		/* a tag has what no writer of journals makes */
};

/* The next tag.  False: there is none. */
bool journal_next_tag(const struct journal_shape *shape, struct journal_tags *tags,
		      struct journal_logged *out);
/* Is @copy, of transaction @sequence, what its tag says?  True without checksums v2 or v3. */
bool journal_copy_is_right(const struct journal_shape *shape, uint32_t sequence,
			   uint32_t checksum, const void *copy);
/* Put back what an escaped copy lacks. */
void journal_unescape(void *copy);

/* How many numbers a revoke block has; -1: that is impossible. */
int journal_nr_revokes(const struct journal_shape *shape, const void *block);
uint64_t journal_revoked(const struct journal_shape *shape, const void *block, unsigned int i);

#endif
