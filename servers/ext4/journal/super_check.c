// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The checks of the journal's superblock are kernel jbd2's: see super_check.h.
 *
 * A superblock without a checksum (without v2 and v3) can be damaged in ways that jbd2 does
 * not notice, and then the end of the log is found too early, without a word.  So there a few
 * more things have to be as all programs that make journals in a file system leave them.
 */
#include "journal/super_check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "checksum.h"
#include "journal/layout.h"

/* a log is at least so long beside its fast commits, blocks; kernel ext4's rule */
#define LOG_MIN_BLOCKS	1024

int replay_refuse(struct replay_refusal *no, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(no->why, sizeof(no->why), fmt, args);
	va_end(args);
	return -EUCLEAN;
}

static bool checksum_is_right(const uint8_t *b)
{
	uint8_t copy[JOURNAL_SUPER_SIZE];

	memcpy(copy, b, sizeof(copy));
	memset(copy + SB_CHECKSUM, 0, 4);
	return checksum_crc32c(~0U, copy, sizeof(copy)) == get32(b + SB_CHECKSUM);
}

static int check_features(const struct journal_super *sb, const uint8_t *b,
			  struct replay_refusal *no)
{
	uint32_t unknown = sb->incompat & ~JOURNAL_INCOMPAT_KNOWN;

	if (unknown || sb->ro_compat)
		return replay_refuse(no, "the journal has an unknown feature (incompat 0x%x, "
				     "ro_compat 0x%x)", unknown, sb->ro_compat);
	if (sb->incompat & JOURNAL_INCOMPAT_CSUM_V2 && sb->incompat & JOURNAL_INCOMPAT_CSUM_V3)
		return replay_refuse(no, "the journal has two kinds of checksums (v2, v3)");
	if (has_csum(sb->incompat) && sb->compat & JOURNAL_COMPAT_CHECKSUM)
		return replay_refuse(no, "the journal has two kinds of checksums (v1 and a newer)");
	if (!has_csum(sb->incompat))
		return 0;
	if (b[SB_CHECKSUM_TYPE] != CHECKSUM_CRC32C)
		return replay_refuse(no, "the journal's checksums are of an unknown type (%u)",
				     b[SB_CHECKSUM_TYPE]);
	if (!checksum_is_right(b))
		return replay_refuse(no, "the journal's superblock has a wrong checksum");
	return 0;
}

/* Journals of the first version have no features; the words are 0. */
static int check_v1(const uint8_t *b, struct replay_refusal *no)
{
	for (unsigned int at = SB_COMPAT; at < SB_UUID; at++)
		if (b[at])
			return replay_refuse(no, "the journal's superblock is of version 1, but "
					     "has features");
	return 0;
}

/* What a checksum would have found */
static int check_unproven(const struct journal_super *sb, const struct journal_limits *limits,
			  struct replay_refusal *no)
{
	if (has_csum(sb->incompat))
		return 0;
	if (sb->first != 1)
		return replay_refuse(no, "the journal's superblock says that its log begins at "
				      "block %u", sb->first);
	if (sb->maxlen != limits->blocks)
		return replay_refuse(no, "the journal's superblock says that it has %u blocks, "
				      "and it has %llu", sb->maxlen,
				      (unsigned long long)limits->blocks);
	/* set by all that write to the log of such a file system, before they do */
	if (sb->start && limits->wide && sb->type == JOURNAL_SUPER_V2 &&
	    !(sb->incompat & JOURNAL_INCOMPAT_64BIT))
		return replay_refuse(no, "the journal lacks the file system's feature 64bit");
	return 0;
}

static int find_log(const struct journal_super *sb, uint32_t *first, uint32_t *last,
		    struct replay_refusal *no)
{
	uint32_t fc = 0;

	if (sb->incompat & JOURNAL_INCOMPAT_FAST_COMMIT)
		fc = sb->fc_blocks ? sb->fc_blocks : JOURNAL_FC_DEFAULT;
	if (sb->maxlen < LOG_MIN_BLOCKS || sb->maxlen - LOG_MIN_BLOCKS < fc)
		return replay_refuse(no, "the journal is too short (%u blocks, %u of them for "
				      "fast commits)", sb->maxlen, fc);
	*first = sb->first;
	*last = sb->maxlen - fc;
	if (*first >= *last)
		return replay_refuse(no, "the journal's superblock says that its log begins at "
				      "block %u", *first);
	if (sb->start && (sb->start < *first || sb->start >= *last))
		return replay_refuse(no, "the journal's superblock says that there is something "
				      "to replay at block %u, which is not in the log", sb->start);
	return 0;
}

int journal_super_check(const void *block, const struct journal_limits *limits,
			struct journal_super *sb, uint32_t *first, uint32_t *last,
			struct replay_refusal *no)
{
	const uint8_t *b = block;
	int err = 0;

	if (get32(b) != JOURNAL_MAGIC)
		return replay_refuse(no, "the journal has no superblock");
	*sb = (struct journal_super){
		.type = get32(b + 4),
		.blocksize = get32(b + SB_BLOCKSIZE),
		.maxlen = get32(b + SB_MAXLEN),
		.first = get32(b + SB_FIRST),
		.sequence = get32(b + SB_SEQUENCE),
		.start = get32(b + SB_START),
		.error = get32(b + SB_ERRNO),
	};
	if (sb->type != JOURNAL_SUPER_V1 && sb->type != JOURNAL_SUPER_V2)
		return replay_refuse(no, "the journal's superblock is of an unknown version (%u)",
				      sb->type);
	if (sb->type == JOURNAL_SUPER_V2) {
		sb->compat = get32(b + SB_COMPAT);
		sb->incompat = get32(b + SB_INCOMPAT);
		sb->ro_compat = get32(b + SB_RO_COMPAT);
		sb->fc_blocks = get32(b + SB_FC_BLOCKS);
		err = check_features(sb, b, no);
	} else {
		err = check_v1(b, no);
	}
	if (err)
		return err;
	if (sb->blocksize != limits->blocksize)
		return replay_refuse(no, "the journal has blocks of %u bytes, the file system of "
				      "%u", sb->blocksize, limits->blocksize);
	if (sb->maxlen > limits->blocks)
		return replay_refuse(no, "the journal's superblock says that it has %u blocks, "
				      "and it has %llu", sb->maxlen,
				      (unsigned long long)limits->blocks);
	if (!sb->first)
		return replay_refuse(no, "the journal's superblock says that its log begins at "
				      "block 0");
	err = check_unproven(sb, limits, no);
	return err ? err : find_log(sb, first, last, no);
}
