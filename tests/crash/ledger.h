/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of the crash test tell each other.
 *
 *	record_io.c   preloaded into the server: a log of what it does to the image
 *	workload.c    changes files, and keeps a ledger of what must survive
 *	crash_points.c  makes the image that a crash leaves, for many crashes, and looks
 *	              whether the ledger is kept
 *
 * Times are CLOCK_MONOTONIC in nanoseconds, so that log and ledgers can be put in
 * order.
 */
#ifndef CRASH_LEDGER_H
#define CRASH_LEDGER_H

#include <stdint.h>
#include <time.h>

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* The log: this, and after a write its bytes */
enum record_type { RECORD_WRITE = 1, RECORD_FLUSHED };

struct record {
	uint64_t type;
	uint64_t time;
	uint64_t off;		/* bytes; of RECORD_FLUSHED: records before the flush began */
	uint64_t len;		/* bytes */
};

/*
 * A ledger has lines
 *
 *	made TIME ID PATH
 *	keep TIME ID SIZE WHOLE PATH
 *	over TIME ID SIZE WHOLE PATH
 *	move TIME PATH PATH
 *	drop TIME PATH
 *
 * made: from TIME on there may be PATH, and it has nothing but contents ID or
 * zeroes for all time.  keep: from TIME on it is there and has at least SIZE bytes; if
 * WHOLE is 1, none are zeroes.  over: from TIME on a file with contents ID may be there in
 * place of the one that was, by rename, so that one of them is; of the new one, too, SIZE bytes
 * are durable.  move: from TIME on the first may have become the second, so that what was kept
 * is at one of them.  drop: from TIME on what was kept need not be.
 */

/* Contents of file @id at byte @off; never 0 */
static inline uint8_t content(uint64_t id, uint64_t off)
{
	uint64_t x = (id + 1) * 0x9e3779b97f4a7c15ULL + (off >> 3) * 0xd6e8feb86659fd93ULL;

	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 29;
	return (x >> ((off & 7) * 8)) % 255 + 1;
}

#endif
