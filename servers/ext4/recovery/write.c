// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The last pass: the copies go to their places.
 *
 * They are read in the order of the log, some MiB of them, and written in the order of the
 * device, neighbours together.
 *
 * The block with the file system's superblock comes last, after a flush: what it says of the
 * file system must not be on the device before all the rest is.
 */
#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <stdlib.h>
#include <string.h>

#include "recovery/state.h"

#define BATCH_BYTES	(4U << 20)
#define PIECE_BYTES	(256U << 10)

struct slot {
	uint64_t nr;
	const uint8_t *data;
};

struct batch {
	struct replay *r;
	uint8_t *data, *piece;
	struct slot *slots;
	size_t nr, room;
	uint64_t written;
};

static int by_number(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	return (x->nr > y->nr) - (x->nr < y->nr);
}

/* Slots [@from, ...) that are neighbours, as many as go into one piece.  Returns how many. */
static size_t gather(struct batch *b, size_t from)
{
	size_t bs = b->r->place.blocksize, max = PIECE_BYTES > bs ? PIECE_BYTES / bs : 1, n = 0;

	do {
		memcpy(b->piece + n * bs, b->slots[from + n].data, bs);
		n++;
	} while (n < max && from + n < b->nr &&
		 b->slots[from + n].nr == b->slots[from].nr + n);
	return n;
}

static int write_batch(struct batch *b)
{
	size_t bs = b->r->place.blocksize;

	qsort(b->slots, b->nr, sizeof(*b->slots), by_number);
	for (size_t i = 0, n; i < b->nr; i += n) {
		int err = replay_step(b->r, "writing", b->written + i, b->r->nr_last);

		if (err)
			return err;
		n = gather(b, i);
		err = device_write(b->r->place.dev, b->piece, n * bs, b->slots[i].nr * bs);
		if (err)
			return err;
	}
	b->written += b->nr;
	b->nr = 0;
	return 0;
}

static int fetch(struct replay *r, const struct copy *c, void *to)
{
	struct replay_refusal no;
	const uint8_t *block;
	int err = replay_read_log(r, c->log, &block, &no);

	if (err)
		return err;
	memcpy(to, block, r->place.blocksize);
	if (c->escaped)
		journal_unescape(to);
	return 0;
}

static int add(struct batch *b, const struct copy *c)
{
	uint8_t *to = b->data + b->nr * b->r->place.blocksize;
	int err = fetch(b->r, c, to);

	if (err)
		return err;
	b->slots[b->nr++] = (struct slot){ c->nr, to };
	return b->nr == b->room ? write_batch(b) : 0;
}

static int write_super(struct batch *b, const struct copy *c)
{
	struct replay *r = b->r;
	int err = device_flush(r->place.dev);

	if (!err)
		err = fetch(r, c, b->piece);
	if (!err && r->place.super)
		r->place.super(r->place.arg, b->piece);
	if (!err)
		err = device_write(r->place.dev, b->piece, r->place.blocksize,
				   c->nr * r->place.blocksize);
	return err;
}

static int write_all(struct batch *b)
{
	struct replay *r = b->r;
	uint64_t super_nr = SUPERBLOCK_OFFSET / r->place.blocksize;
	const struct copy *super = NULL;
	int err = 0;

	for (size_t i = 0; i < r->nr_copies && !err; i++) {
		const struct copy *c = &r->copies[i];

		if (!c->last)
			continue;
		if (c->nr == super_nr)
			super = c;
		else
			err = add(b, c);
	}
	if (!err)
		err = write_batch(b);
	if (!err && super)
		err = write_super(b, super);
	return err ? err : device_flush(r->place.dev);
}

int replay_write(struct replay *r)
{
	struct batch b = { .r = r };
	size_t bs = r->place.blocksize;
	int err = -ENOMEM;

	b.room = BATCH_BYTES > bs ? BATCH_BYTES / bs : 1;
	b.slots = calloc(b.room, sizeof(*b.slots));
	b.data = malloc(b.room * bs);
	if (posix_memalign((void **)&b.piece, 4096, PIECE_BYTES > bs ? PIECE_BYTES : bs))
		b.piece = NULL;
	if (b.slots && b.data && b.piece)
		err = write_all(&b);
	free(b.piece);
	free(b.data);
	free(b.slots);
	return err;
}

int replay_outcome(struct replay *r, uint64_t nr, void *buf)
{
	for (size_t at = replay_find(r, nr); at < r->nr_copies; at++) {
		const struct copy *c = &r->copies[r->by_nr[at]];

		if (c->nr != nr)
			break;
		if (c->last)
			return fetch(r, c, buf);
	}
	return -ENOENT;
}
