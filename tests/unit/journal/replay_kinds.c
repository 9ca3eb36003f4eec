// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What recovery/ makes of logs of each kind, and of damaged ones.
 *
 * A log is made block by block, with every size of tags and kind of checksums, in a journal
 * in several pieces, from anywhere in the ring, with numbers of transactions that go around,
 * escaped copies and revokes; the last transaction lacks its commit block.  A model says what
 * each block has to be after the replay.
 *
 * Then single bytes are changed.  In a journal with checksums, whatever is changed that jbd2 takes
 * into account, the replay is refused with nothing changed, or it has the same result as
 * without the damage.  In any journal, it ends.
 */
#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "journal/format.h"
#include "journal/layout.h"
#include "recovery/replay.h"

#define CHECK(cond)	do { if (!(cond)) { \
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); exit(1); } } while (0)

#define BS		1024u
#define NR_BLOCKS	200u	/* of the file system, from block 0 on */
#define LOG_BLOCKS	1100u	/* of the journal */
#define LOG_AT		300u	/* the first piece of it */
#define DEVICE_BLOCKS	2000u

static uint64_t rng = 88172645463325252ULL;

static uint64_t rnd(uint64_t below)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng % below;
}

struct kind {
	const char *name;
	uint32_t compat, incompat;
	unsigned int type;
};

static const struct kind kinds[] = {
	{ "version 1", 0, 0, JOURNAL_SUPER_V1 },
	{ "no checksums", 0, JOURNAL_INCOMPAT_REVOKE, JOURNAL_SUPER_V2 },
	{ "64 bit", 0, JOURNAL_INCOMPAT_REVOKE | JOURNAL_INCOMPAT_64BIT, JOURNAL_SUPER_V2 },
	{ "v1", JOURNAL_COMPAT_CHECKSUM, JOURNAL_INCOMPAT_REVOKE, JOURNAL_SUPER_V2 },
	{ "v1, 64 bit, asynchronous", JOURNAL_COMPAT_CHECKSUM, JOURNAL_INCOMPAT_REVOKE |
	  JOURNAL_INCOMPAT_64BIT | JOURNAL_INCOMPAT_ASYNC_COMMIT, JOURNAL_SUPER_V2 },
	{ "v2", 0, JOURNAL_INCOMPAT_REVOKE | JOURNAL_INCOMPAT_CSUM_V2, JOURNAL_SUPER_V2 },
	{ "v2, 64 bit", 0, JOURNAL_INCOMPAT_REVOKE | JOURNAL_INCOMPAT_CSUM_V2 |
	  JOURNAL_INCOMPAT_64BIT, JOURNAL_SUPER_V2 },
	{ "v3", 0, JOURNAL_INCOMPAT_REVOKE | JOURNAL_INCOMPAT_CSUM_V3, JOURNAL_SUPER_V2 },
	{ "v3, 64 bit", 0, JOURNAL_INCOMPAT_REVOKE | JOURNAL_INCOMPAT_CSUM_V3 |
	  JOURNAL_INCOMPAT_64BIT, JOURNAL_SUPER_V2 },
};

/* pieces that are in no order on the device */
static const struct journal_run runs[] = {
	{ .log = 0, .len = 300, .phys = LOG_AT + 800 },
	{ .log = 300, .len = 301, .phys = LOG_AT },
	{ .log = 601, .len = LOG_BLOCKS - 601, .phys = LOG_AT + 301 },
};

struct log {
	const struct kind *kind;
	struct device dev;
	struct journal_shape shape;
	uint32_t start, at, sequence, first_sequence;
	uint32_t used[LOG_BLOCKS];	/* blocks of complete transactions, in order */
	unsigned int nr_used;
	uint8_t device[DEVICE_BLOCKS][BS];	/* as the crash leaves it */
	uint8_t after[NR_BLOCKS][BS];	/* the model */
	struct {
		uint8_t data[BS];
		bool there;
	} logged[NR_BLOCKS];
};

static uint64_t place(uint32_t log)
{
	for (unsigned int i = 0; i < 3; i++)
		if (log - runs[i].log < runs[i].len)
			return runs[i].phys + log - runs[i].log;
	abort();
}

static uint8_t *block_of(struct log *l, uint32_t log)
{
	return l->device[place(log)];
}

static uint8_t *append(struct log *l)
{
	uint8_t *block = block_of(l, l->at);

	CHECK(l->nr_used < LOG_BLOCKS - 2);
	l->used[l->nr_used++] = l->at;
	l->at = l->at + 1 == LOG_BLOCKS ? 1 : l->at + 1;
	return block;
}

static void fill(uint8_t *block)
{
	for (unsigned int i = 0; i < BS; i++)
		block[i] = rnd(256);
	if (!rnd(4))
		put32(block, JOURNAL_MAGIC);
}

/* Its contents follow; the copies of one descriptor are consecutive in the log but for its end. */
static uint32_t descriptor(struct log *l, const uint64_t *nrs, unsigned int n, uint32_t crc)
{
	struct journal_tag tags[16];
	uint8_t *block = append(l);

	for (unsigned int i = 0; i < n; i++) {
		uint8_t *copy = append(l), data[BS];

		fill(data);
		tags[i] = (struct journal_tag){ .nr = nrs[i], .copy = copy };
		tags[i].escaped = journal_copy(&l->shape, data, copy);
		memcpy(l->logged[nrs[i]].data, data, BS);
		l->logged[nrs[i]].there = true;
	}
	journal_make_descriptor(&l->shape, l->sequence, tags, n, block);
	crc = ext2fs_crc32_be(crc, block, BS);
	for (unsigned int i = 0; i < n; i++)
		crc = ext2fs_crc32_be(crc, tags[i].copy, BS);
	return crc;
}

static void transaction(struct log *l, bool complete)
{
	uint64_t revokes[8], nrs[16];
	unsigned int n = rnd(3) ? 0 : 1 + rnd(8);
	uint32_t crc = ~0U;
	uint8_t *commit;

	for (unsigned int i = 0; i < n; i++)
		revokes[i] = rnd(NR_BLOCKS);
	if (n)
		journal_make_revoke(&l->shape, l->sequence, revokes, n, append(l));
	for (unsigned int d = 1 + rnd(2); d; d--) {
		unsigned int nr = 1 + rnd(10);

		/* each block once */
		for (unsigned int i = 0; i < nr; i++)
			nrs[i] = i * 20 + rnd(20);
		crc = descriptor(l, nrs, nr, crc);
	}
	/* of its own copies, too */
	for (unsigned int i = 0; i < n; i++)
		l->logged[revokes[i]].there = false;
	commit = append(l);
	if (!complete) {
		memset(commit, 0, BS);
		return;
	}
	journal_make_commit(&l->shape, l->sequence, 1000000 + l->sequence - l->first_sequence, 0,
			    commit);
	if (l->kind->compat & JOURNAL_COMPAT_CHECKSUM) {
		commit[COMMIT_V1_TYPE] = 1;
		commit[COMMIT_V1_SIZE] = 4;
		put32(commit + COMMIT_CHECKSUM, crc);
	}
	l->sequence++;
}

static void make_super(struct log *l)
{
	struct journal_super sb = {
		.sequence = l->first_sequence, .start = l->start,
		.compat = l->kind->compat, .incompat = l->kind->incompat,
	};
	uint8_t *block = block_of(l, 0);

	memset(block, 0, BS);
	put32(block, JOURNAL_MAGIC);
	put32(block + 4, l->kind->type);
	put32(block + SB_BLOCKSIZE, BS);
	put32(block + SB_MAXLEN, LOG_BLOCKS);
	put32(block + SB_FIRST, 1);
	journal_super_encode(block, &sb);
	journal_shape_init(&l->shape, block, BS, sb.incompat);
}

static void make(struct log *l, const struct kind *kind, unsigned int transactions)
{
	unsigned int complete;

	l->kind = kind;
	l->nr_used = 0;
	l->start = l->at = 1 + rnd(LOG_BLOCKS - 1);
	l->first_sequence = l->sequence = rnd(2) ? -(uint32_t)rnd(transactions + 1) : 1 + rnd(1000);
	for (unsigned int i = 0; i < DEVICE_BLOCKS; i++)
		for (unsigned int k = 0; k < BS; k += 8) {
			uint64_t v = rng * (i * BS + k + 1);

			memcpy(l->device[i] + k, &v, 8);
		}
	memset(l->logged, 0, sizeof(l->logged));
	make_super(l);
	for (unsigned int i = 0; i < transactions; i++)
		transaction(l, true);
	for (unsigned int i = 0; i < NR_BLOCKS; i++)
		memcpy(l->after[i], l->logged[i].there ? l->logged[i].data : l->device[i], BS);
	complete = l->nr_used;
	transaction(l, false);
	l->nr_used = complete;
}

static void to_device(const struct log *l)
{
	CHECK(pwrite(l->dev.fd, l->device, sizeof(l->device), 0) == sizeof(l->device));
}

static struct replay *open_replay(const struct log *l, struct replay_refusal *no, int *err)
{
	struct replay_place where = {
		.dev = &l->dev, .blocksize = BS, .runs = runs, .nr_runs = 3,
		.wide = l->kind->incompat & JOURNAL_INCOMPAT_64BIT,
	};
	struct replay *r = NULL;

	no->why[0] = '\0';
	*err = replay_open(&r, &where, no);
	if (!*err)
		*err = replay_read(r, no);
	if (!*err)
		return r;
	replay_close(r);
	return NULL;
}

static bool is_as_expected(const struct log *l)
{
	static uint8_t now[DEVICE_BLOCKS][BS];

	CHECK(pread(l->dev.fd, now, sizeof(now), 0) == sizeof(now));
	return !memcmp(now, l->after, sizeof(l->after)) &&
	       !memcmp(now[NR_BLOCKS], l->device[NR_BLOCKS], (LOG_AT - NR_BLOCKS) * BS);
}

static bool is_unchanged(const struct log *l)
{
	static uint8_t now[DEVICE_BLOCKS][BS];

	CHECK(pread(l->dev.fd, now, sizeof(now), 0) == sizeof(now));
	return !memcmp(now, l->device, sizeof(now));
}

static void replay_all(const struct log *l)
{
	struct replay_refusal no;
	struct replay *r;
	int err;

	/* a crash before the journal is marked as empty: it is replayed again */
	for (int again = 0; again < 2; again++) {
		r = open_replay(l, &no, &err);
		if (err)
			fprintf(stderr, "%s: %s\n", l->kind->name, no.why);
		CHECK(!err);
		CHECK(replay_nr_transactions(r) == l->sequence - l->first_sequence);
		CHECK(!replay_write(r));
		CHECK(is_as_expected(l));
		if (again)
			CHECK(!replay_empty(r));
		replay_close(r);
	}
	/* what is left of the last transaction stays where it is */
	r = open_replay(l, &no, &err);
	CHECK(!err && !replay_nr_blocks(r) && !replay_nr_transactions(r));
	replay_close(r);
}

/*
 * Anything but the header and the time of the last commit: without these it is what a crash
 * leaves.
 */
static unsigned int somewhere(const struct log *l, uint32_t log)
{
	bool last = l->nr_used && log == l->used[l->nr_used - 1];
	unsigned int at;

	do
		at = rnd(8) ? rnd(BS) : rnd(80);
	while (last && (at < HEADER_SIZE || (at >= COMMIT_SEC && at < COMMIT_NSEC)));
	return at;
}

static void damage(struct log *l)
{
	bool sums = l->kind->incompat & (JOURNAL_INCOMPAT_CSUM_V2 | JOURNAL_INCOMPAT_CSUM_V3);
	/* v2 has 16 bits of the copies' checksums: one byte is still always found */
	uint32_t log = l->nr_used && rnd(8) ? l->used[rnd(l->nr_used)] : 0;
	unsigned int at = sums ? somewhere(l, log) : rnd(BS);
	uint8_t *byte = block_of(l, log) + at, old = *byte;
	struct replay_refusal no;
	struct replay *r;
	int err;

	do
		*byte = rnd(256);
	while (*byte == old);
	to_device(l);
	r = open_replay(l, &no, &err);
	if (err) {
		CHECK(err == -EUCLEAN && no.why[0] && is_unchanged(l));
	} else {
		CHECK(!replay_write(r));
		replay_close(r);
		if (sums && !is_as_expected(l)) {
			fprintf(stderr, "%s: byte %u of block %u, %08x %08x, %u instead of %u\n",
				l->kind->name, at, log, get32(block_of(l, log)),
				get32(block_of(l, log) + 4), *byte, old);
			CHECK(false);
		}
	}
	*byte = old;
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 1 ? atoi(argv[1]) : 6, damages = argc > 2 ? atoi(argv[2]) : 60;
	static struct log l;
	int fd = memfd_create("replay", MFD_CLOEXEC);

	CHECK(fd >= 0 && !ftruncate(fd, sizeof(l.device)));
	CHECK(!device_init(&l.dev, fd, false));
	for (unsigned int k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		for (unsigned int round = 0; round < rounds; round++) {
			make(&l, &kinds[k], round ? 1 + rnd(40) : 0);
			to_device(&l);
			replay_all(&l);
			for (unsigned int i = 0; i < damages; i++)
				damage(&l);
		}
	}
	return 0;
}
