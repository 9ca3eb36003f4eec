// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of broken rules.
 *
 * The mapping rules are those of "Validation of mappings" in the protocol
 * description; each is broken in the read slot and in the write slot, nothing
 * else being wrong with the answer as far as one can be broken alone.  All
 * operations that ask for a mapping must fail alike, also a read when only the
 * write slot is broken.
 *
 * A well-behaved answer about file N is one mapping of the whole file, at byte
 * N * HOSTILE_FILE_SIZE of the device.
 */
#include <errno.h>
#include <stdio.h>
#include "hostile.h"

#define CORRUPT		"EUCLEAN"
#define GOOD		"0"
#define NULL_ADDR	FUSE_IOMAP_NULL_ADDR
#define ANY_OP		(OP_READ | OP_BREAD | OP_WRITE | OP_DWRITE)
#define EVERY_OP	(ANY_OP | OP_FIEMAP | OP_SEEK | OP_TRUNCATE)
#define FINE		.ioend = -1, .end = -1

/* broken in each slot, whatever the operation */
#define MAPPING_RULE(n, fields, ...) {					\
	.name = n, .errors = CORRUPT, .ops = ANY_OP, .slots = SLOT_BOTH, \
	.set = fields, .to = { __VA_ARGS__ }, FINE }

/* a further mapping is broken */
#define MORE_RULE(n, fields, ...) {					\
	.name = n, .errors = CORRUPT, .ops = ANY_OP, .slots = SLOT_READ,	\
	.answer = ANSWER_MORE, .keeping = KEEP_MAPPINGS, .set = fields,		\
	.to = { __VA_ARGS__ }, FINE }

/* a further mapping before the one asked for is broken */
#define BEFORE_RULE(n, fields, ...) {					\
	.name = n, .errors = CORRUPT, .ops = ANY_OP, .slots = SLOT_READ,	\
	.answer = ANSWER_BEFORE, .arg = 1, .keeping = KEEP_BEFORE, .set = fields, \
	.to = { __VA_ARGS__ }, FINE }

static const struct hostile_rule rules[] = {
	/* nothing wrong: proves that the server and the client work */
	{ .name = "good", .errors = GOOD, .ops = EVERY_OP & ~OP_TRUNCATE, .slots = SLOT_READ,
	  .set = 0, FINE },
	{ .name = "good-sync", .errors = GOOD, .ops = OP_SYNC, .slots = SLOT_READ, FINE },
	{ .name = "good-out-of-place", .errors = GOOD, .ops = ANY_OP, .slots = SLOT_WRITE,
	  .set = SET_FLAGS, .to = { .flags = FUSE_IOMAP_F_SHARED }, FINE },
	{ .name = "good-unwritten", .errors = GOOD, .ops = ANY_OP | OP_SYNC, .slots = SLOT_READ,
	  .set = SET_TYPE, .to = { .type = FUSE_IOMAP_TYPE_UNWRITTEN }, FINE },
	{ .name = "good-hole", .errors = GOOD, .ops = OP_READ | OP_BREAD | OP_FIEMAP,
	  .slots = SLOT_READ, .set = NO_SPACE,
	  .to = { .addr = NULL_ADDR, .type = FUSE_IOMAP_TYPE_HOLE }, FINE },
	{ .name = "good-flags", .errors = GOOD, .ops = EVERY_OP & ~OP_TRUNCATE, .slots = SLOT_READ,
	  .set = SET_FLAGS,
	  .to = { .flags = FUSE_IOMAP_F_DIRTY | FUSE_IOMAP_F_MERGED | FUSE_IOMAP_F_ATOMIC_BIO },
	  FINE },
	{ .name = "good-readonly-device", .errors = GOOD, .ops = OP_READ | OP_BREAD,
	  .slots = SLOT_READ, .set = SET_DEV, .to = { .dev = HOSTILE_DEV_RO }, FINE },

	/* 1: type known, flags only of the server's */
	MAPPING_RULE("unknown-type", SET_TYPE, .type = 5),
	MAPPING_RULE("unknown-high-type", SET_TYPE, .type = 65530),
	MAPPING_RULE("stripe-type", SET_TYPE, .type = FUSE_IOMAP_TYPE_MAPPED_STRIPE),
	MAPPING_RULE("kernel-flag-size-changed", SET_FLAGS, .flags = FUSE_IOMAP_F_SIZE_CHANGED),
	MAPPING_RULE("kernel-flag-stale", SET_FLAGS, .flags = FUSE_IOMAP_F_STALE),
	MAPPING_RULE("unknown-flag", SET_FLAGS, .flags = 1 << 15),
	MAPPING_RULE("boundary-flag", SET_FLAGS, .flags = FUSE_IOMAP_F_BOUNDARY),
	MAPPING_RULE("anon-write-flag", SET_FLAGS, .flags = FUSE_IOMAP_F_ANON_WRITE),
	/* 2 */
	MAPPING_RULE("length-zero", SET_LENGTH, .length = 0),
	/* 3: HOSTILE_POS lies inside all of these */
	MAPPING_RULE("offset-unaligned", SET_OFFSET, .offset = 512),
	MAPPING_RULE("length-unaligned", SET_LENGTH, .length = HOSTILE_FILE_SIZE - 512),
	/* 4: a hole, because an address would overflow as well */
	MAPPING_RULE("overflow", NO_SPACE | SET_OFFSET | SET_LENGTH,
		     .offset = HOSTILE_POS, .length = ~0ULL - (HOSTILE_BLOCK - 1),
		     .addr = NULL_ADDR, .type = FUSE_IOMAP_TYPE_HOLE),
	/* 5: can't be broken without "starts-after-pos" */
	MAPPING_RULE("beyond-maxbytes", SET_OFFSET, .offset = HOSTILE_MAXBYTES),
	/* 6 */
	MAPPING_RULE("mapped-nodev", SET_DEV, .dev = FUSE_IOMAP_DEV_NULL),
	MAPPING_RULE("mapped-noaddr", SET_ADDR, .addr = NULL_ADDR),
	MAPPING_RULE("unwritten-nodev", SET_TYPE | SET_DEV, .type = FUSE_IOMAP_TYPE_UNWRITTEN),
	MAPPING_RULE("unwritten-noaddr", SET_TYPE | SET_ADDR, .addr = NULL_ADDR,
		     .type = FUSE_IOMAP_TYPE_UNWRITTEN),
	/* 7 */
	MAPPING_RULE("hole-dev", SET_TYPE | SET_ADDR, .addr = NULL_ADDR,
		     .type = FUSE_IOMAP_TYPE_HOLE),
	MAPPING_RULE("hole-addr", SET_TYPE | SET_DEV, .type = FUSE_IOMAP_TYPE_HOLE),
	MAPPING_RULE("delalloc-dev", SET_TYPE | SET_ADDR, .addr = NULL_ADDR,
		     .type = FUSE_IOMAP_TYPE_DELALLOC),
	MAPPING_RULE("delalloc-addr", SET_TYPE | SET_DEV, .type = FUSE_IOMAP_TYPE_DELALLOC),
	MAPPING_RULE("inline-dev", SET_TYPE | SET_ADDR | SET_LENGTH | SET_OFFSET,
		     .offset = HOSTILE_POS, .length = HOSTILE_BLOCK, .addr = NULL_ADDR,
		     .type = FUSE_IOMAP_TYPE_INLINE),
	MAPPING_RULE("inline-addr", SET_TYPE | SET_DEV | SET_LENGTH | SET_OFFSET,
		     .offset = HOSTILE_POS, .length = HOSTILE_BLOCK,
		     .type = FUSE_IOMAP_TYPE_INLINE),
	/* 8 */
	{ .name = "overwrite-in-read-slot", .errors = CORRUPT, .ops = EVERY_OP,
	  .slots = SLOT_READ, .set = NO_SPACE,
	  .to = { .addr = NULL_ADDR, .type = FUSE_IOMAP_TYPE_PURE_OVERWRITE }, FINE },
	{ .name = "overwrite-flags", .errors = CORRUPT, .ops = ANY_OP, .slots = SLOT_WRITE,
	  .set = NO_SPACE | SET_FLAGS,
	  .to = { .addr = NULL_ADDR, .type = FUSE_IOMAP_TYPE_PURE_OVERWRITE,
		  .flags = FUSE_IOMAP_F_DIRTY }, FINE },
	{ .name = "overwrite-dev", .errors = CORRUPT, .ops = ANY_OP, .slots = SLOT_WRITE,
	  .set = SET_TYPE | SET_ADDR,
	  .to = { .addr = NULL_ADDR, .type = FUSE_IOMAP_TYPE_PURE_OVERWRITE }, FINE },
	{ .name = "overwrite-addr", .errors = CORRUPT, .ops = ANY_OP, .slots = SLOT_WRITE,
	  .set = SET_TYPE | SET_DEV, .to = { .type = FUSE_IOMAP_TYPE_PURE_OVERWRITE }, FINE },
	/* 9: nothing has been put into a cache, and the rest of it is spoilt, too */
	MAPPING_RULE("retry-nocache", NO_SPACE, .addr = NULL_ADDR,
		     .type = FUSE_IOMAP_TYPE_RETRY_CACHE),
	MAPPING_RULE("retry-flags", NO_SPACE | SET_FLAGS, .addr = NULL_ADDR,
		     .type = FUSE_IOMAP_TYPE_RETRY_CACHE, .flags = FUSE_IOMAP_F_DIRTY),
	MAPPING_RULE("retry-dev", SET_TYPE | SET_ADDR, .addr = NULL_ADDR,
		     .type = FUSE_IOMAP_TYPE_RETRY_CACHE),
	MAPPING_RULE("retry-addr", SET_TYPE | SET_DEV, .type = FUSE_IOMAP_TYPE_RETRY_CACHE),
	/* 10 */
	MAPPING_RULE("nocache-type", NO_SPACE, .addr = NULL_ADDR,
		     .type = FUSE_IOMAP_TYPE_NOCACHE),
	/* 11: one block below the top, which is not the null address */
	MAPPING_RULE("addr-overflow", SET_ADDR, .addr = ~0ULL - (HOSTILE_BLOCK - 1)),
	/* 12 */
	MAPPING_RULE("starts-after-pos", SET_OFFSET, .offset = HOSTILE_POS + HOSTILE_BLOCK),
	MAPPING_RULE("ends-before-pos", SET_LENGTH, .length = HOSTILE_POS),
	/* 13: only reports; all else is well */
	{ .name = "retry-report", .errors = CORRUPT, .ops = OP_FIEMAP | OP_SEEK,
	  .slots = SLOT_BOTH, .when = FUSE_IOMAP_OP_REPORT, .set = NO_SPACE,
	  .to = { .addr = NULL_ADDR, .type = FUSE_IOMAP_TYPE_RETRY_CACHE }, FINE },
	/* 15 */
	MAPPING_RULE("unknown-dev", SET_DEV, .dev = 999),
	MAPPING_RULE("huge-dev", SET_DEV, .dev = 0xffffffff),
	{ .name = "readonly-dev", .errors = "EACCES", .ops = OP_WRITE | OP_DWRITE,
	  .slots = SLOT_BOTH, .set = SET_DEV, .to = { .dev = HOSTILE_DEV_RO }, FINE },
	{ .name = "writeonly-dev", .errors = "EACCES", .ops = OP_READ | OP_BREAD,
	  .slots = SLOT_READ, .set = SET_DEV, .to = { .dev = HOSTILE_DEV_WO }, FINE },

	/* the rules hold on each of the other ways in */
	{ .name = "unknown-type-elsewhere", .errors = CORRUPT,
	  .ops = OP_FIEMAP | OP_SEEK | OP_TRUNCATE, .slots = SLOT_BOTH,
	  .size = HOSTILE_FILE_SIZE - 100, .set = SET_TYPE, .to = { .type = 5 }, FINE },
	{ .name = "unknown-type-fault", .errors = "SIGBUS", .ops = OP_FAULT, .slots = SLOT_BOTH,
	  .set = SET_TYPE, .to = { .type = 5 }, FINE },
	{ .name = "unknown-type-writeback", .errors = "EUCLEAN|EIO", .ops = OP_SYNC,
	  .slots = SLOT_BOTH, .when = FUSE_IOMAP_OP_WRITEBACK,
	  .set = SET_TYPE, .to = { .type = 5 }, FINE },

	/* legal mappings that the operation can't use */
	{ .name = "behind-device", .errors = "EIO|EUCLEAN", .ops = OP_READ | OP_BREAD | OP_DWRITE,
	  .slots = SLOT_READ, .set = SET_ADDR, .to = { .addr = 1ULL << 50 }, FINE },
	{ .name = "direct-write-to-hole", .errors = "EIO|EUCLEAN", .ops = OP_DWRITE,
	  .slots = SLOT_SAME, .set = NO_SPACE,
	  .to = { .addr = NULL_ADDR, .type = FUSE_IOMAP_TYPE_HOLE }, FINE },
	{ .name = "direct-delalloc", .errors = "EIO|EUCLEAN", .ops = OP_READ | OP_DWRITE,
	  .slots = SLOT_SAME, .set = NO_SPACE,
	  .to = { .addr = NULL_ADDR, .type = FUSE_IOMAP_TYPE_DELALLOC }, FINE },
	{ .name = "writeback-hole", .errors = "EIO|EUCLEAN", .ops = OP_SYNC, .slots = SLOT_SAME,
	  .when = FUSE_IOMAP_OP_WRITEBACK, .set = NO_SPACE,
	  .to = { .addr = NULL_ADDR, .type = FUSE_IOMAP_TYPE_HOLE }, FINE },
	{ .name = "writeback-delalloc", .errors = "EIO|EUCLEAN", .ops = OP_SYNC,
	  .slots = SLOT_SAME, .when = FUSE_IOMAP_OP_WRITEBACK, .set = NO_SPACE,
	  .to = { .addr = NULL_ADDR, .type = FUSE_IOMAP_TYPE_DELALLOC }, FINE },
	{ .name = "writeback-inline", .errors = "EIO|EUCLEAN", .ops = OP_SYNC,
	  .slots = SLOT_SAME, .when = FUSE_IOMAP_OP_WRITEBACK,
	  .set = NO_SPACE | SET_OFFSET | SET_LENGTH,
	  .to = { .offset = HOSTILE_POS, .length = HOSTILE_BLOCK, .addr = NULL_ADDR,
		  .type = FUSE_IOMAP_TYPE_INLINE }, FINE },
	/* only one of the two places of an out-of-place write has an address */
	{ .name = "inline-source", .errors = CORRUPT, .ops = OP_WRITE | OP_DWRITE,
	  .slots = SLOT_SOURCE, .set = NO_SPACE | SET_OFFSET | SET_LENGTH,
	  .to = { .offset = HOSTILE_POS, .length = HOSTILE_BLOCK, .addr = NULL_ADDR,
		  .type = FUSE_IOMAP_TYPE_INLINE }, FINE },
	{ .name = "inline-target", .errors = CORRUPT, .ops = OP_WRITE | OP_DWRITE,
	  .slots = SLOT_WRITE, .set = NO_SPACE | SET_OFFSET | SET_LENGTH,
	  .to = { .offset = HOSTILE_POS, .length = HOSTILE_BLOCK, .addr = NULL_ADDR,
		  .type = FUSE_IOMAP_TYPE_INLINE }, FINE },
	/* longer than a block */
	{ .name = "inline-too-long", .errors = "ENOMEM|EIO|EUCLEAN", .ops = OP_READ | OP_BREAD,
	  .slots = SLOT_READ, .set = NO_SPACE,
	  .to = { .addr = NULL_ADDR, .type = FUSE_IOMAP_TYPE_INLINE }, FINE },
	/* a block of inline data is less than the file: all of it has to be inline */
	{ .name = "inline-too-short", .errors = CORRUPT, .ops = OP_READ | OP_BREAD,
	  .slots = SLOT_READ, .set = NO_SPACE | SET_LENGTH | SET_OFFSET,
	  .to = { .offset = HOSTILE_POS, .length = HOSTILE_BLOCK, .addr = NULL_ADDR,
		  .type = FUSE_IOMAP_TYPE_INLINE }, FINE },
	/* READ of inline data fails */
	{ .name = "inline-read-fails", .errors = "EIO", .ops = OP_BREAD, .slots = SLOT_READ,
	  .size = 1000, .set = NO_SPACE | SET_LENGTH,
	  .to = { .length = HOSTILE_BLOCK, .addr = NULL_ADDR,
		  .type = FUSE_IOMAP_TYPE_INLINE }, FINE },

	/* replies that are none */
	{ .name = "empty-reply", .errors = "EIO", .ops = ANY_OP, .slots = SLOT_READ,
	  .answer = ANSWER_SIZE, .arg = 0, FINE },
	{ .name = "short-reply", .errors = "EIO", .ops = ANY_OP, .slots = SLOT_READ,
	  .answer = ANSWER_SIZE, .arg = sizeof(struct fuse_iomap_begin_out) - 1, FINE },
	{ .name = "long-reply", .errors = "EIO", .ops = ANY_OP, .slots = SLOT_READ,
	  .answer = ANSWER_SIZE, .arg = sizeof(struct fuse_iomap_begin_out) + 8, FINE },
	{ .name = "eio", .errors = "EIO", .ops = EVERY_OP, .slots = SLOT_READ,
	  .answer = ANSWER_ERRNO, .arg = EIO, FINE },
	{ .name = "enospc", .errors = "ENOSPC", .ops = OP_WRITE | OP_DWRITE, .slots = SLOT_READ,
	  .answer = ANSWER_ERRNO, .arg = ENOSPC, FINE },
	{ .name = "writeback-eio", .errors = "EIO", .ops = OP_SYNC, .slots = SLOT_READ,
	  .when = FUSE_IOMAP_OP_WRITEBACK, .answer = ANSWER_ERRNO, .arg = EIO, FINE },
	{ .name = "writeback-enospc", .errors = "ENOSPC", .ops = OP_SYNC, .slots = SLOT_READ,
	  .when = FUSE_IOMAP_OP_WRITEBACK, .answer = ANSWER_ERRNO, .arg = ENOSPC, FINE },
	/* direct I/O takes these for "please buffered", which works here */
	{ .name = "direct-enosys", .errors = GOOD, .ops = OP_READ | OP_DWRITE, .slots = SLOT_READ,
	  .when = FUSE_IOMAP_OP_DIRECT, .answer = ANSWER_ERRNO, .arg = ENOSYS, FINE },
	{ .name = "direct-enotblk", .errors = GOOD, .ops = OP_READ | OP_DWRITE,
	  .slots = SLOT_READ,
	  .when = FUSE_IOMAP_OP_DIRECT, .answer = ANSWER_ERRNO, .arg = ENOTBLK, FINE },

	/* completions that fail: unwritten space always has one */
	{ .name = "ioend-eio", .errors = "EIO", .ops = OP_DWRITE | OP_SYNC, .slots = SLOT_READ,
	  .set = SET_TYPE, .to = { .type = FUSE_IOMAP_TYPE_UNWRITTEN }, .ioend = EIO, .end = -1 },
	{ .name = "ioend-enospc", .errors = "ENOSPC", .ops = OP_DWRITE | OP_SYNC,
	  .slots = SLOT_READ, .set = SET_TYPE, .to = { .type = FUSE_IOMAP_TYPE_UNWRITTEN },
	  .ioend = ENOSPC, .end = -1 },
	{ .name = "ioend-short", .errors = "EIO", .ops = OP_DWRITE | OP_SYNC, .slots = SLOT_READ,
	  .set = SET_TYPE, .to = { .type = FUSE_IOMAP_TYPE_UNWRITTEN },
	  .ioend = RAW | 4, .end = -1 },
	{ .name = "ioend-long", .errors = "EIO", .ops = OP_DWRITE | OP_SYNC, .slots = SLOT_READ,
	  .set = SET_TYPE, .to = { .type = FUSE_IOMAP_TYPE_UNWRITTEN },
	  .ioend = RAW | 16, .end = -1 },
	/* whatever the kernel makes of it, the file's size is not for it to change */
	{ .name = "ioend-huge-size", .errors = "0|EIO|EUCLEAN", .ops = OP_DWRITE | OP_SYNC,
	  .slots = SLOT_READ, .set = SET_TYPE, .to = { .type = FUSE_IOMAP_TYPE_UNWRITTEN },
	  .huge_newsize = true, FINE },

	/* the data has been moved by then: callers may or may not be told */
	{ .name = "end-eio", .errors = "0|EIO", .ops = ANY_OP, .slots = SLOT_READ,
	  .set = SET_FLAGS, .to = { .flags = FUSE_IOMAP_F_WANT_IOMAP_END },
	  .ioend = -1, .end = EIO },
	{ .name = "end-long", .errors = "0|EIO", .ops = ANY_OP, .slots = SLOT_READ,
	  .set = SET_FLAGS, .to = { .flags = FUSE_IOMAP_F_WANT_IOMAP_END },
	  .ioend = -1, .end = RAW | 8 },

	/* further mappings behind a good one; nothing of the answer is believed */
	{ .name = "more-good", .errors = GOOD, .ops = ANY_OP | OP_SYNC, .slots = SLOT_READ,
	  .answer = ANSWER_MORE, .keeping = KEEP_MAPPINGS, FINE },
	MORE_RULE("more-unknown-type", SET_TYPE, .type = 5),
	MORE_RULE("more-inline", NO_SPACE, .addr = NULL_ADDR, .type = FUSE_IOMAP_TYPE_INLINE),
	MORE_RULE("more-overwrite", NO_SPACE, .addr = NULL_ADDR,
		  .type = FUSE_IOMAP_TYPE_PURE_OVERWRITE),
	MORE_RULE("more-retry", NO_SPACE, .addr = NULL_ADDR,
		  .type = FUSE_IOMAP_TYPE_RETRY_CACHE),
	MORE_RULE("more-kernel-flag", SET_FLAGS, .flags = FUSE_IOMAP_F_SIZE_CHANGED),
	MORE_RULE("more-boundary-flag", SET_FLAGS, .flags = FUSE_IOMAP_F_BOUNDARY),
	MORE_RULE("more-anon-write-flag", SET_FLAGS, .flags = FUSE_IOMAP_F_ANON_WRITE),
	MORE_RULE("more-length-zero", SET_LENGTH, .length = 0),
	MORE_RULE("more-unaligned", SET_OFFSET, .offset = HOSTILE_FILE_SIZE / 2 + 512),
	MORE_RULE("more-overlaps", SET_OFFSET, .offset = HOSTILE_FILE_SIZE / 2 - HOSTILE_BLOCK),
	MORE_RULE("more-before", SET_OFFSET, .offset = 0),
	MORE_RULE("more-overflow", NO_SPACE | SET_LENGTH, .length = ~0ULL - (HOSTILE_BLOCK - 1),
		  .addr = NULL_ADDR, .type = FUSE_IOMAP_TYPE_HOLE),
	MORE_RULE("more-beyond-maxbytes", SET_OFFSET, .offset = HOSTILE_MAXBYTES),
	MORE_RULE("more-nodev", SET_DEV, .dev = FUSE_IOMAP_DEV_NULL),
	MORE_RULE("more-noaddr", SET_ADDR, .addr = NULL_ADDR),
	MORE_RULE("more-hole-addr", SET_TYPE | SET_DEV, .type = FUSE_IOMAP_TYPE_HOLE),
	MORE_RULE("more-addr-overflow", SET_ADDR, .addr = ~0ULL - (HOSTILE_BLOCK - 1)),
	MORE_RULE("more-behind-device", SET_ADDR, .addr = 1ULL << 50),
	MORE_RULE("more-unknown-dev", SET_DEV, .dev = 999),
	{ .name = "more-odd-size", .errors = "EIO", .ops = ANY_OP, .slots = SLOT_READ,
	  .answer = ANSWER_SIZE, .arg = sizeof(struct fuse_iomap_begin_out) + 16,
	  .keeping = KEEP_MAPPINGS, FINE },
	{ .name = "more-than-room", .errors = "EIO", .ops = ANY_OP, .slots = SLOT_READ,
	  .answer = ANSWER_SIZE,
	  .arg = sizeof(struct fuse_iomap_begin_out) + 9 * sizeof(struct fuse_iomap_io),
	  .keeping = KEEP_MAPPINGS, FINE },

	/* further mappings on both sides */
	{ .name = "before-good", .errors = GOOD, .ops = ANY_OP | OP_SYNC, .slots = SLOT_READ,
	  .answer = ANSWER_BEFORE, .arg = 1, .keeping = KEEP_BEFORE, FINE },
	{ .name = "before-unasked", .errors = CORRUPT, .ops = ANY_OP, .slots = SLOT_READ,
	  .answer = ANSWER_BEFORE, .arg = 1, .keeping = KEEP_MAPPINGS, FINE },
	{ .name = "before-unordered", .errors = CORRUPT, .ops = ANY_OP, .slots = SLOT_READ,
	  .answer = ANSWER_BEFORE_LAST, .arg = 1, .keeping = KEEP_BEFORE, FINE },
	BEFORE_RULE("before-overlaps-another", SET_OFFSET, .offset = 0),
	BEFORE_RULE("before-overlaps-asked", SET_LENGTH, .length = 2 * HOSTILE_BLOCK),
	BEFORE_RULE("before-is-asked", SET_OFFSET, .offset = HOSTILE_POS),
	BEFORE_RULE("before-unknown-type", SET_TYPE, .type = 5),
	BEFORE_RULE("before-inline", NO_SPACE, .addr = NULL_ADDR, .type = FUSE_IOMAP_TYPE_INLINE),
	BEFORE_RULE("before-retry", NO_SPACE, .addr = NULL_ADDR,
		    .type = FUSE_IOMAP_TYPE_RETRY_CACHE),
	BEFORE_RULE("before-kernel-flag", SET_FLAGS, .flags = FUSE_IOMAP_F_SIZE_CHANGED),
	BEFORE_RULE("before-length-zero", SET_LENGTH, .length = 0),
	BEFORE_RULE("before-unaligned", SET_OFFSET, .offset = HOSTILE_BLOCK - 512),
	BEFORE_RULE("before-overflow", NO_SPACE | SET_LENGTH,
		    .length = ~0ULL - (HOSTILE_BLOCK - 1), .addr = NULL_ADDR,
		    .type = FUSE_IOMAP_TYPE_HOLE),
	BEFORE_RULE("before-nodev", SET_DEV, .dev = FUSE_IOMAP_DEV_NULL),
	BEFORE_RULE("before-unknown-dev", SET_DEV, .dev = 999),
	BEFORE_RULE("before-behind-device", SET_ADDR, .addr = 1ULL << 50),
	/* in all as many as there is room for, but nine of them behind */
	{ .name = "before-room-used-behind", .errors = CORRUPT, .ops = ANY_OP, .slots = SLOT_READ,
	  .answer = ANSWER_BEFORE_LAST, .arg = 8, .keeping = KEEP_BEFORE, .set = SET_OFFSET,
	  .to = { .offset = HOSTILE_FILE_SIZE }, FINE },
	{ .name = "before-more-than-room", .errors = "EIO", .ops = ANY_OP, .slots = SLOT_READ,
	  .answer = ANSWER_BEFORE, .arg = 9, .keeping = KEEP_BEFORE, FINE },

	/* only a signal or the end of the connection helps */
	{ .name = "never-answers", .errors = "SIGKILL", .ops = OP_READ | OP_WRITE,
	  .slots = SLOT_READ, .answer = ANSWER_NEVER, .by_name_only = true, FINE },
};

#define NR_RULES	(sizeof(rules) / sizeof(rules[0]))

unsigned int hostile_files(const struct hostile_file **list)
{
	static struct hostile_file files[2 * NR_RULES];
	static unsigned int nr;
	const struct hostile_rule *rule;

	if (!nr) {
		for (rule = rules; rule < rules + NR_RULES; rule++) {
			/* the plain name is the read slot's, or the only file's */
			snprintf(files[nr].name, sizeof(files[nr].name), "%s", rule->name);
			files[nr].slot = rule->slots == SLOT_BOTH ? SLOT_READ : rule->slots;
			files[nr++].rule = rule;
			if (rule->slots != SLOT_BOTH)
				continue;
			snprintf(files[nr].name, sizeof(files[nr].name), "write-slot-%s",
				 rule->name);
			files[nr].slot = SLOT_WRITE;
			files[nr++].rule = rule;
		}
	}
	*list = files;
	return nr;
}

#define CONFIG_RULE(n, ...)	{ .name = n, .out = { __VA_ARGS__ } }

const struct hostile_config hostile_configs[] = {
	{ .name = "good", .works = true },
	{ .name = "good-v1", .works = true, .size = FUSE_IOMAP_CONFIG_OUT_V1_SIZE },
	{ .name = "good-v2", .works = true, .size = FUSE_IOMAP_CONFIG_OUT_V2_SIZE },
	{ .name = "good-whole", .works = true, .size = sizeof(struct fuse_iomap_config_out) },
	{ .name = "keeps", .works = true, .out = { .flags = FUSE_IOMAP_CONFIG_MAPPINGS } },
	{ .name = "keeps-before", .works = true,
	  .out = { .flags = FUSE_IOMAP_CONFIG_MAPPINGS | FUSE_IOMAP_CONFIG_BEFORE } },
	CONFIG_RULE("before-without-keeping", .flags = FUSE_IOMAP_CONFIG_BEFORE),
	{ .name = "dirs", .works = true, .out = { .flags = FUSE_IOMAP_CONFIG_DIRS } },
	{ .name = "no-open", .works = true, .out = { .flags = FUSE_IOMAP_CONFIG_NO_OPEN } },
	{ .name = "read-only", .works = true, .out = { .flags = FUSE_IOMAP_CONFIG_READ_ONLY } },
	{ .name = "replace", .works = true, .out = { .flags = FUSE_IOMAP_CONFIG_REPLACE } },
	{ .name = "forget", .works = true, .out = { .flags = FUSE_IOMAP_CONFIG_FORGET } },
	CONFIG_RULE("unknown-extension", .flags = FUSE_IOMAP_CONFIG_FORGET << 1),
	CONFIG_RULE("unknown-flag", .flags = 1ULL << 63),
	CONFIG_RULE("next-flag", .flags = FUSE_IOMAP_CONFIG_ALL + 1),
	CONFIG_RULE("uuid-too-long", .flags = FUSE_IOMAP_CONFIG_UUID, .s_uuid_len = 17),
	CONFIG_RULE("pad-not-zero", .s_pad = { 0, 0, 1 }),
	CONFIG_RULE("blocksize-zero", .flags = FUSE_IOMAP_CONFIG_BLOCKSIZE, .s_blocksize = 0),
	CONFIG_RULE("blocksize-small", .flags = FUSE_IOMAP_CONFIG_BLOCKSIZE, .s_blocksize = 256),
	CONFIG_RULE("blocksize-odd", .flags = FUSE_IOMAP_CONFIG_BLOCKSIZE, .s_blocksize = 3000),
	CONFIG_RULE("blocksize-huge", .flags = FUSE_IOMAP_CONFIG_BLOCKSIZE,
		    .s_blocksize = 1U << 30),
	CONFIG_RULE("time-gran-zero", .flags = FUSE_IOMAP_CONFIG_TIME, .s_time_gran = 0),
	CONFIG_RULE("time-gran-huge", .flags = FUSE_IOMAP_CONFIG_TIME,
		    .s_time_gran = 1000000001),
	CONFIG_RULE("time-backwards", .flags = FUSE_IOMAP_CONFIG_TIME, .s_time_gran = 1,
		    .s_time_min = 2, .s_time_max = 1),
	{ .name = "good-time", .works = true,
	  .out = { .flags = FUSE_IOMAP_CONFIG_TIME, .s_time_gran = 1, .s_time_min = 1,
		   .s_time_max = 1 } },
	CONFIG_RULE("maxbytes-negative", .flags = FUSE_IOMAP_CONFIG_MAXBYTES, .s_maxbytes = -1),
	{ .name = "empty", .size = UINT32_MAX },
	{ .name = "short", .size = FUSE_IOMAP_CONFIG_OUT_V1_SIZE - 1 },
	{ .name = "between", .size = FUSE_IOMAP_CONFIG_OUT_V1_SIZE + 1 },
	{ .name = "long", .size = sizeof(struct fuse_iomap_config_out) + 8 },
	{ .name = "eio", .error = EIO },
	{ .name = NULL }
};
