// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writing the log: see journal.h.
 *
 * The superblock on the device says where recovery begins.  It is behind the
 * truth only in one direction: it may name transactions that are in their place
 * already, which are then replayed for nothing.
 */
#include "journal/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "journal/format.h"

/* a smaller log is no use */
#define LOG_MIN		64
/* what kernel ext4 asks for beside a fast commit area */
#define LOG_MIN_FC	1024

struct journal {
	const struct device *dev;
	struct journal_shape shape;
	struct journal_super sb;
	void *super_block;
	struct journal_run *runs;
	size_t nr_runs;
	uint32_t first, last;		/* the log: [first, last) */
	uint32_t head;			/* where the next transaction goes */
	uint32_t used;			/* blocks from tail to head */
	uint32_t sequence;		/* of the next transaction */
	uint64_t last_sec;		/* time of the last commit */
	bool super_dirty;		/* recovery wouldn't find the next transaction */
	bool wide;			/* the file system has the feature 64bit */
	bool clear_fast_commits;	/* what is in their area doesn't count, and has to go */
};

static const struct journal_run *run_of(const struct journal *j, uint32_t log)
{
	size_t low = 0, high = j->nr_runs;

	while (high - low > 1) {
		size_t mid = (low + high) / 2;

		if (j->runs[mid].log <= log)
			low = mid;
		else
			high = mid;
	}
	return &j->runs[low];
}

static uint64_t device_pos(const struct journal *j, uint32_t log)
{
	const struct journal_run *run = run_of(j, log);

	return (run->phys + (log - run->log)) * j->shape.blocksize;
}

/* Write blocks to the log from @log on, in as many pieces as the ring and its runs want. */
static int write_log(const struct journal *j, uint32_t log, const char *data, uint32_t n)
{
	while (n) {
		const struct journal_run *run = run_of(j, log);
		uint32_t part = run->log + run->len - log;
		int err;

		if (part > j->last - log)
			part = j->last - log;
		if (part > n)
			part = n;
		err = device_write(j->dev, data, (size_t)part * j->shape.blocksize,
				   device_pos(j, log));
		if (err)
			return err;
		data += (size_t)part * j->shape.blocksize;
		n -= part;
		log += part;
		if (log == j->last)
			log = j->first;
	}
	return 0;
}

static int write_super(struct journal *j)
{
	int err;

	journal_super_encode(j->super_block, &j->sb);
	err = device_write(j->dev, j->super_block, JOURNAL_SUPER_SIZE, device_pos(j, 0));
	if (!err)
		j->super_dirty = false;
	return err;
}

/* NULL, or why this superblock can't be used */
static const char *defect(const struct journal_super *sb, uint32_t blocksize, uint64_t have)
{
	if (sb->blocksize != blocksize)
		return "its block size is wrong";
	if (sb->maxlen > have || !sb->first || sb->first >= sb->maxlen)
		return "its size is wrong";
	return NULL;
}

static int set_up_log(struct journal *j, const char **why)
{
	uint32_t fc = 0;

	if (j->sb.incompat & JOURNAL_INCOMPAT_FAST_COMMIT) {
		fc = j->sb.fc_blocks ? j->sb.fc_blocks : JOURNAL_FC_DEFAULT;
		if (j->sb.maxlen < LOG_MIN_FC || fc > j->sb.maxlen - LOG_MIN_FC) {
			*why = "its fast commit area is too large";
			return -EUCLEAN;
		}
	}
	j->first = j->sb.first;
	j->last = j->sb.maxlen - fc;
	if (j->last < j->first + LOG_MIN) {
		*why = "it is too small";
		return -EUCLEAN;
	}
	j->head = j->first;
	j->super_dirty = true;
	return 0;
}

static void set_features(struct journal *j, const struct journal_wants *wants)
{
	/* as kernel ext4 sets them: the log is empty, so nothing has another shape */
	j->sb.compat &= ~JOURNAL_COMPAT_CHECKSUM;
	j->sb.incompat &= ~(JOURNAL_INCOMPAT_ASYNC_COMMIT | JOURNAL_INCOMPAT_CSUM_V2 |
			    JOURNAL_INCOMPAT_CSUM_V3);
	j->sb.incompat |= JOURNAL_INCOMPAT_REVOKE;
	if (wants->wide)
		j->sb.incompat |= JOURNAL_INCOMPAT_64BIT;
	if (wants->checksums)
		j->sb.incompat |= JOURNAL_INCOMPAT_CSUM_V3;
}

static int open_any(struct journal **out, const struct device *dev, uint32_t blocksize,
		    const struct journal_run *runs, size_t nr_runs,
		    const struct journal_wants *wants, const char **why)
{
	struct journal *j = calloc(1, sizeof(*j));
	uint64_t have = 0;
	int err = -ENOMEM;

	*why = "out of memory";
	if (!j)
		return err;
	j->dev = dev;
	j->nr_runs = nr_runs;
	j->runs = calloc(nr_runs ? nr_runs : 1, sizeof(*runs));
	if (!j->runs || posix_memalign(&j->super_block, 4096, JOURNAL_SUPER_SIZE)) {
		j->super_block = NULL;
		goto fail;
	}
	for (size_t i = 0; i < nr_runs; i++) {
		j->runs[i] = runs[i];
		have += runs[i].len;
	}
	j->shape.blocksize = blocksize;
	err = -EUCLEAN;
	*why = "its size is wrong";
	if (!have)
		goto fail;
	*why = "it can't be read";
	err = device_read(dev, j->super_block, JOURNAL_SUPER_SIZE, device_pos(j, 0));
	if (err)
		goto fail;
	err = journal_super_decode(j->super_block, &j->sb);
	*why = "its superblock is damaged";
	if (err)
		goto fail;
	*why = "it has the old format, without revoke records";
	err = -EOPNOTSUPP;
	if (j->sb.type != JOURNAL_SUPER_V2)
		goto fail;
	*why = "it has an unknown feature";
	if (j->sb.incompat & ~JOURNAL_INCOMPAT_KNOWN || j->sb.ro_compat)
		goto fail;
	*why = defect(&j->sb, blocksize, have);
	err = *why ? -EUCLEAN : set_up_log(j, why);
	if (err)
		goto fail;
	j->wide = wants->wide;
	set_features(j, wants);
	journal_shape_init(&j->shape, j->super_block, blocksize, j->sb.incompat);
	*out = j;
	return 0;
fail:
	journal_destroy(j);
	return err;
}

int journal_is_replayable(const struct journal *j, struct replay_refusal *no)
{
	const struct journal_run *last = &j->runs[j->nr_runs - 1];
	struct journal_limits limits = {
		.blocksize = j->shape.blocksize,
		.blocks = (uint64_t)last->log + last->len,
		.wide = j->wide,
	};
	struct journal_super sb;
	uint32_t from, to;
	uint8_t block[JOURNAL_SUPER_SIZE];
	int err;

	/* a crash before the first transaction finds the superblock as it is */
	err = journal_super_check(j->super_block, &limits, &sb, &from, &to, no);
	if (err)
		return err;
	memcpy(block, j->super_block, sizeof(block));
	sb = j->sb;
	sb.start = j->head;
	journal_super_encode(block, &sb);
	return journal_super_check(block, &limits, &sb, &from, &to, no);
}

int journal_open(struct journal **out, const struct device *dev, uint32_t blocksize,
		 const struct journal_run *runs, size_t nr_runs,
		 const struct journal_wants *wants, const char **why)
{
	struct journal *j;
	int err = open_any(&j, dev, blocksize, runs, nr_runs, wants, why);

	if (err)
		return err;
	if (j->sb.start) {
		*why = "it was not replayed";
		journal_destroy(j);
		return -EUCLEAN;
	}
	/* what a crash left behind its last complete transaction has the number itself */
	j->sequence = j->sb.sequence + 1;
	j->sb.sequence = j->sequence;
	j->clear_fast_commits = j->sb.incompat & JOURNAL_INCOMPAT_FAST_COMMIT;
	*out = j;
	return 0;
}

int journal_open_to_replace(struct journal **out, const struct device *dev, uint32_t blocksize,
			    const struct journal_run *runs, size_t nr_runs,
			    const struct journal_wants *wants, const char **why)
{
	int err = open_any(out, dev, blocksize, runs, nr_runs, wants, why);

	if (!err)
		(*out)->sequence = (*out)->sb.sequence;
	return err;
}

void journal_destroy(struct journal *j)
{
	if (!j)
		return;
	free(j->super_block);
	free(j->runs);
	free(j);
}

int journal_take_error(struct journal *j)
{
	int err = j->sb.error;

	j->sb.error = 0;
	return err;
}

uint64_t journal_size(const struct journal *j)
{
	return j->last - j->first;
}

uint64_t journal_used(const struct journal *j)
{
	return j->used;
}

static size_t blocks_for(size_t n, unsigned int per_block)
{
	return (n + per_block - 1) / per_block;
}

uint64_t journal_need(const struct journal *j, size_t nr_blocks, size_t nr_revokes)
{
	return blocks_for(nr_revokes, journal_revokes_per_block(&j->shape)) +
	       blocks_for(nr_blocks, journal_tags_per_block(&j->shape)) + nr_blocks + 1;
}

/* One block stays free, so that the head never comes to stand at the tail. */
bool journal_has_room(const struct journal *j, uint64_t need)
{
	return need < journal_size(j) - j->used;
}

static char *pack_revokes(const struct journal *j, const struct journal_content *c, char *p)
{
	unsigned int per_block = journal_revokes_per_block(&j->shape);

	for (size_t i = 0; i < c->nr_revokes; i += per_block) {
		size_t n = c->nr_revokes - i < per_block ? c->nr_revokes - i : per_block;

		journal_make_revoke(&j->shape, j->sequence, c->revokes + i, n, p);
		p += j->shape.blocksize;
	}
	return p;
}

static char *pack_blocks(const struct journal *j, const struct journal_content *c,
			 struct journal_tag *tags, char *p)
{
	unsigned int per_block = journal_tags_per_block(&j->shape);

	for (size_t i = 0; i < c->nr_blocks;) {
		char *descriptor = p;
		unsigned int n;

		p += j->shape.blocksize;
		for (n = 0; n < per_block && i < c->nr_blocks; n++, i++) {
			tags[n] = (struct journal_tag){ .nr = c->blocks[i].nr, .copy = p };
			tags[n].escaped = journal_copy(&j->shape, c->blocks[i].data, p);
			p += j->shape.blocksize;
		}
		journal_make_descriptor(&j->shape, j->sequence, tags, n, descriptor);
	}
	return p;
}

static uint32_t advanced(const struct journal *j, uint32_t log, uint64_t n)
{
	return j->first + (log - j->first + n) % journal_size(j);
}

int journal_pack(struct journal *j, const struct journal_content *c, struct journal_record *rec)
{
	uint64_t need = journal_need(j, c->nr_blocks, c->nr_revokes);
	struct journal_tag *tags;
	struct timespec now;
	char *p;

	*rec = (struct journal_record){ .nr_blocks = need - 1 };
	tags = calloc(journal_tags_per_block(&j->shape), sizeof(*tags));
	if (!tags)
		return -ENOMEM;
	if (posix_memalign((void **)&rec->image, 4096, need * j->shape.blocksize)) {
		rec->image = NULL;
		free(tags);
		return -ENOMEM;
	}
	p = pack_revokes(j, c, rec->image);
	p = pack_blocks(j, c, tags, p);
	free(tags);

	/* recovery takes a time that goes back for the mark of an old block */
	clock_gettime(CLOCK_REALTIME, &now);
	if ((uint64_t)now.tv_sec < j->last_sec)
		now = (struct timespec){ .tv_sec = j->last_sec };
	j->last_sec = now.tv_sec;
	journal_make_commit(&j->shape, j->sequence, now.tv_sec, now.tv_nsec, p);
	return 0;
}

void journal_record_free(struct journal_record *rec)
{
	free(rec->image);
	rec->image = NULL;
}

/*
 * Kernel ext4 leaves its fast commits when they don't count any more.  It passes over those of
 * another transaction, but e2fsck (1.47) then gives up, and drops the whole log.  So before
 * there is something in the log, the first block of the area is cleared: nothing is behind it then.
 */
static int clear_fast_commits(struct journal *j)
{
	uint64_t size = j->shape.blocksize;
	int err = 0;

	if (j->clear_fast_commits && j->last + 1 < j->sb.maxlen)
		err = device_zero(j->dev, device_pos(j, j->last + 1), size);
	if (!err)
		j->clear_fast_commits = false;
	return err;
}

int journal_write(struct journal *j, const struct journal_record *rec)
{
	uint32_t n = rec->nr_blocks;
	int err;

	err = clear_fast_commits(j);
	if (!err)
		err = write_log(j, j->head, rec->image, n);
	if (!err && j->super_dirty) {
		j->sb.start = j->head;
		j->sb.sequence = j->sequence;
		err = write_super(j);
	}
	if (!err)
		err = device_flush(j->dev);
	if (!err)
		err = write_log(j, advanced(j, j->head, n),
				rec->image + (size_t)n * j->shape.blocksize, 1);
	/* RWF_DSYNC would be no better: behind such a write to a device Linux flushes it, too */
	if (!err)
		err = device_flush(j->dev);
	if (err)
		return err;
	j->head = advanced(j, j->head, n + 1ULL);
	j->used += n + 1;
	j->sequence++;
	return 0;
}

struct journal_mark journal_mark(const struct journal *j)
{
	return (struct journal_mark){ .head = j->head, .sequence = j->sequence };
}

/* With a fast commit area it must not come around: see empty_log(). */
bool journal_can_advance(const struct journal *j)
{
	return !(j->sb.incompat & JOURNAL_INCOMPAT_FAST_COMMIT);
}

int journal_advance(struct journal *j, const struct journal_mark *mark)
{
	uint32_t size = journal_size(j);
	/* less than the whole log is in use, so the distances are what they seem to be */
	uint32_t left = (j->head - mark->head + size) % size;
	int err;

	if (left >= j->used)
		return 0;
	j->sb.start = mark->head;
	j->sb.sequence = mark->sequence;
	err = write_super(j);
	if (!err)
		err = device_flush(j->dev);
	if (!err)
		j->used = left;
	return err;
}

static int empty_log(struct journal *j, uint32_t start)
{
	int err;

	j->sb.start = start;
	j->sb.sequence = j->sequence;
	err = write_super(j);
	if (!err)
		err = device_flush(j->dev);
	if (err)
		return err;
	j->used = 0;
	/*
	 * With a fast commit area e2fsck (1.47) and old kernels turn around behind it
	 * instead of before it: there the log always begins at its first block, and as it
	 * is emptied before it is full it never comes to its end.
	 */
	if (j->sb.incompat & JOURNAL_INCOMPAT_FAST_COMMIT)
		j->head = j->first;
	return 0;
}

int journal_forget(struct journal *j)
{
	bool restart = j->sb.incompat & JOURNAL_INCOMPAT_FAST_COMMIT;

	return j->used ? empty_log(j, restart ? j->first : j->head) : 0;
}

int journal_mark_empty(struct journal *j)
{
	int err = empty_log(j, 0);

	/* recovery has to be told before it can find anything again */
	j->super_dirty = true;
	return err;
}

int journal_abort(struct journal *j, int err)
{
	int write_err;

	j->sb.error = err < 0 ? -err : err;
	write_err = write_super(j);
	return write_err ? write_err : device_flush(j->dev);
}
