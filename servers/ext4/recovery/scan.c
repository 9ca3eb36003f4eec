// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The first pass over a log: which transactions are complete, and what is in them.
 *
 * The log is followed from where the superblock says, with the number of the transaction
 * that is expected there.  It ends at the first block that is not the journal's, has another
 * number, or is of an unknown kind; a transaction without a commit block doesn't count.
 *
 * A checksum that is wrong can mean two things, and jbd2 tells them apart like this:
 *
 * - Before a commit block is written, all before it is on stable storage.  So a commit block
 *   that is there, and younger than the last one, with something wrong before it or in it,
 *   is damage.  Nothing is replayed then.
 * - What has no commit block behind it, or one that is older than the last one, is what an
 *   earlier round, or another file system in the same place, has left: the log has ended.
 * - A journal with asynchronous commits has no such order.  There a commit block with a wrong
 *   checksum ends the log, unless another commit follows: that is damage.
 *
 * Without checksums nothing tells that a descriptor is torn, and the tags in it can lead to the
 * log's own beginning and past it.  jbd2 goes on reading there: it finds the number of an older
 * transaction, or no header, and the log has ended.  A header with the number of the transaction
 * that is being read means that this one fills the ring.  jbd2 goes around in such a ring for
 * ever; here that is damage.
 */
#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <stdlib.h>
#include <string.h>

#include "recovery/state.h"

struct scan {
	struct replay_refusal *no;
	uint32_t log;			/* the next block */
	uint32_t sequence;		/* the transaction that is expected there */
	uint64_t walked;		/* blocks so far */
	uint64_t time;			/* of the last commit */
	bool doubtful;			/* a checksum is wrong in this transaction */
	bool odd;			/* a tag is impossible in this transaction */
	bool torn;			/* asynchronous commits: a commit block is wrong; r->end */
	uint32_t crc;			/* v1: of this transaction, so far */
	size_t copies, revokes;		/* of complete transactions */
	uint32_t end_log;		/* where these end, */
	uint64_t end_walked;		/* and how many blocks they have */
};

enum { GO_ON, END };			/* or a negative errno */

static int add_copy(struct replay *r, const struct journal_logged *tag, const struct scan *sc)
{
	if (r->nr_copies == r->room_copies) {
		size_t room = r->room_copies ? r->room_copies * 2 : 1024;
		struct copy *more = realloc(r->copies, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		r->copies = more;
		r->room_copies = room;
	}
	r->copies[r->nr_copies++] = (struct copy){
		.nr = tag->nr, .sequence = sc->sequence, .log = sc->log,
		.checksum = tag->checksum, .escaped = tag->escaped,
	};
	return 0;
}

static int add_revoke(struct replay *r, uint32_t log, uint32_t sequence)
{
	if (r->nr_revokes == r->room_revokes) {
		size_t room = r->room_revokes ? r->room_revokes * 2 : 64;
		struct revoke_block *more = realloc(r->revokes, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		r->revokes = more;
		r->room_revokes = room;
	}
	r->revokes[r->nr_revokes++] = (struct revoke_block){ .log = log, .sequence = sequence };
	return 0;
}

/* One block further */
static void walk(struct replay *r, struct scan *sc)
{
	sc->log = replay_next(r, sc->log);
	sc->walked++;
}

static int descriptor(struct replay *r, struct scan *sc, const uint8_t *block)
{
	struct journal_tags tags = { .block = r->scratch };
	struct journal_logged tag;
	bool v1;
	int err = 0;

	if (!journal_block_is_right(&r->shape, block))
		sc->doubtful = true;
	v1 = r->sb.compat & JOURNAL_COMPAT_CHECKSUM && !sc->doubtful && !sc->torn;
	/* @block goes when the next one is read */
	memcpy(r->scratch, block, r->place.blocksize);
	if (v1)
		sc->crc = ext2fs_crc32_be(sc->crc, r->scratch, r->place.blocksize);
	while (!err && journal_next_tag(&r->shape, &tags, &tag)) {
		if (v1) {
			err = replay_read_log(r, sc->log, &block, sc->no);
			if (!err)
				sc->crc = ext2fs_crc32_be(sc->crc, block, r->place.blocksize);
		}
		if (!err && !sc->doubtful && !sc->torn)
			err = add_copy(r, &tag, sc);
		if (!err)
			walk(r, sc);
	}
	/* a full one needs no mark at its last tag: debugfs leaves it out, and jbd2 takes it so */
	if (tags.odd)
		sc->odd = true;
	return err ? err : GO_ON;
}

static bool commit_is_right(const struct replay *r, struct scan *sc, const uint8_t *block)
{
	if (r->sb.compat & JOURNAL_COMPAT_CHECKSUM && !journal_commit_confirms(block, sc->crc))
		return false;
	return journal_commit_is_right(&r->shape, block);
}

static int commit(struct replay *r, struct scan *sc, const uint8_t *block)
{
	uint64_t time = journal_commit_time(block);
	bool right;

	/* a stale block */
	if (sc->doubtful && time < sc->time)
		return END;
	right = !sc->doubtful && (sc->torn || commit_is_right(r, sc, block));
	if (!sc->doubtful && !right && time < sc->time)
		return END;
	if (sc->torn)
		return replay_refuse(sc->no, "transaction %u of the journal is damaged, and "
				     "transaction %u follows", r->end, sc->sequence);
	if (!right && (sc->doubtful || !(r->sb.incompat & JOURNAL_INCOMPAT_ASYNC_COMMIT)))
		return replay_refuse(sc->no, "transaction %u of the journal has a wrong checksum",
				     sc->sequence);
	if (right && sc->odd)
		return replay_refuse(sc->no, "a descriptor in transaction %u of the journal is "
				     "damaged", sc->sequence);
	if (right) {
		sc->copies = r->nr_copies;
		sc->revokes = r->nr_revokes;
		sc->end_log = sc->log;
		sc->end_walked = sc->walked;
	} else {
		sc->torn = true;
		r->end = sc->sequence;
	}
	sc->time = time;
	sc->crc = ~0U;
	sc->odd = false;
	sc->sequence++;
	return GO_ON;
}

static int revoke(struct replay *r, struct scan *sc, const uint8_t *block, uint32_t log)
{
	int err = 0;

	if (!journal_block_is_right(&r->shape, block))
		sc->doubtful = true;
	else if (!sc->torn)
		err = add_revoke(r, log, sc->sequence);
	return err ? err : GO_ON;
}

/*
 * What follows the end of the log is older: jbd2 writes a commit block when all before it is
 * on stable storage, and numbers grow.  So a commit block of the transaction that isn't
 * complete, or of one that would follow, means that the log is damaged where it seems to end.
 * jbd2 doesn't look, and goes on without what has been committed.
 *
 * Blocks of an earlier file system in the same place are older than this one, and so are those of
 * a log that e2fsck has thrown away: see begin_of_log() in run.c.
 */
static int check_behind_end(struct replay *r, const struct scan *sc)
{
	uint64_t time = sc->time > r->place.since ? sc->time : r->place.since;
	uint32_t ring = r->last - r->first, log = sc->end_log;

	if (r->sb.incompat & JOURNAL_INCOMPAT_ASYNC_COMMIT)
		return 0;
	for (uint64_t n = sc->end_walked; n < ring; n++, log = replay_next(r, log)) {
		uint32_t type, sequence;
		const uint8_t *block;
		int err = replay_step(r, "looking behind the end of the journal", n, ring);

		if (!err)
			err = replay_read_log(r, log, &block, sc->no);
		/* jbd2 doesn't read what is here, so what can't be read keeps nobody from mounting */
		if (err == -EIO) {
			sc->no->why[0] = '\0';
			continue;
		}
		if (err)
			return err;
		if (journal_parse_header(block, &type, &sequence) && type == JOURNAL_COMMIT &&
		    sequence - sc->sequence < ring && journal_commit_time(block) >= time &&
		    journal_commit_is_right(&r->shape, block))
			return replay_refuse(sc->no, "transaction %u of the journal is damaged or "
					     "can't be found, but transaction %u was committed",
					     sc->sequence, sequence);
	}
	return 0;
}

static int block_of_log(struct replay *r, struct scan *sc)
{
	uint32_t type, sequence, log = sc->log;
	const uint8_t *block;
	bool around = sc->walked >= r->last - r->first;
	int err = replay_read_log(r, log, &block, sc->no);

	if (err)
		return err;
	walk(r, sc);
	if (!journal_parse_header(block, &type, &sequence))
		return END;
	if (sequence != sc->sequence)
		return END;
	if (around)
		return replay_refuse(sc->no, "transaction %u of the journal is longer than the "
				     "journal", sc->sequence);
	switch (type) {
	case JOURNAL_DESCRIPTOR:
		return descriptor(r, sc, block);
	case JOURNAL_COMMIT:
		return commit(r, sc, block);
	case JOURNAL_REVOKE:
		return revoke(r, sc, block, log);
	default:
		return END;
	}
}

int replay_scan(struct replay *r, struct replay_refusal *no)
{
	struct scan sc = {
		.no = no, .log = r->sb.start, .sequence = r->sb.sequence, .crc = ~0U,
		.end_log = r->sb.start,
	};
	int ret = GO_ON;

	/* it ends: each block takes it further, and beyond the ring one of them at most is read */
	while (ret == GO_ON) {
		ret = replay_step(r, "reading the journal", sc.walked, r->last - r->first);
		if (!ret)
			ret = block_of_log(r, &sc);
	}
	if (ret >= 0)
		ret = check_behind_end(r, &sc);
	if (ret < 0)
		return ret;
	if (!sc.torn)
		r->end = sc.sequence;
	r->end_log = sc.end_log;
	/* the rest is of a transaction that isn't complete */
	r->nr_copies = sc.copies;
	r->nr_revokes = sc.revokes;
	return 0;
}
