// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What journal/ writes is what e2fsck replays.
 *
 * In fresh images transactions go into the journal with copies of blocks that nobody
 * uses, among them copies that begin with the journal's magic number, and with
 * revokes.  Some are put in place and the log emptied, or cut at its tail, so that the ring
 * comes around.  Then comes a crash: e2fsck replays, and each block has the contents of its
 * last copy that was not revoked, or what it had before.  The last transaction lacks its
 * commit block: nothing of it may be seen.
 */
#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal/format.h"
#include "journal/journal.h"

#define CHECK(cond)	do { if (!(cond)) { \
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); exit(1); } } while (0)

#define NR_BLOCKS	600	/* that take part */
#define MAX_BS		4096

static uint64_t rng = 88172645463325252ULL;

static uint64_t rnd(uint64_t below)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng % below;
}

static int run(const char *command)
{
	int status = system(command);

	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

struct image {
	const char *path;
	int fd;
	uint32_t bs;
	uint64_t first;			/* of the blocks that take part */
	struct device dev;
	struct journal_run runs[64];
	size_t nr_runs;
	bool wide, csum;
};

static int add_block(ext2_filsys fs, blk64_t *blk, e2_blkcnt_t lblk, blk64_t ref, int off,
		     void *arg)
{
	struct image *im = arg;
	struct journal_run *r = &im->runs[im->nr_runs];

	if (lblk < 0)
		return 0;
	if (im->nr_runs && r[-1].phys + r[-1].len == *blk) {
		r[-1].len++;
		return 0;
	}
	CHECK(im->nr_runs < 64);
	*r = (struct journal_run){ .log = lblk, .len = 1, .phys = *blk };
	im->nr_runs++;
	return 0;
}

/* The journal's place, and "needs recovery" in the superblock, which the writer leaves alone */
static void open_image(struct image *im)
{
	ext2_filsys fs;

	CHECK(!ext2fs_open(im->path, EXT2_FLAG_RW | EXT2_FLAG_64BITS, 0, 0, unix_io_manager,
			   &fs));
	im->bs = fs->blocksize;
	im->first = ext2fs_blocks_count(fs->super) - NR_BLOCKS;
	im->wide = ext2fs_has_feature_64bit(fs->super);
	im->csum = ext2fs_has_feature_metadata_csum(fs->super);
	im->nr_runs = 0;
	CHECK(!ext2fs_block_iterate3(fs, EXT2_JOURNAL_INO, BLOCK_FLAG_READ_ONLY, NULL, add_block,
				     im));
	ext2fs_set_feature_journal_needs_recovery(fs->super);
	ext2fs_mark_super_dirty(fs);
	CHECK(!ext2fs_close(fs));

	im->fd = open(im->path, O_RDWR | O_CLOEXEC);
	CHECK(im->fd >= 0);
	CHECK(!device_init(&im->dev, im->fd, false));
}

static void read_block(const struct image *im, uint64_t nr, void *buf)
{
	CHECK(!device_read(&im->dev, buf, im->bs, nr * im->bs));
}

static void fill(const struct image *im, uint8_t *data)
{
	for (uint32_t i = 0; i < im->bs; i++)
		data[i] = rnd(256);
	/* what the log has to escape */
	if (!rnd(4))
		memcpy(data, "\xc0\x3b\x39\x98", 4);
}

/* As kernel ext4 does when it mounts a file system with the feature */
static void reserve_fast_commits(const struct image *im)
{
	uint64_t pos = im->runs[0].phys * im->bs;
	uint8_t incompat[4];

	CHECK(!device_read(&im->dev, incompat, 4, pos + 40));
	/* a checksum would have to follow */
	CHECK(!(incompat[3] & (JOURNAL_INCOMPAT_CSUM_V2 | JOURNAL_INCOMPAT_CSUM_V3)));
	incompat[3] |= JOURNAL_INCOMPAT_FAST_COMMIT;
	CHECK(!device_write(&im->dev, incompat, 4, pos + 40));
}

/* What replay should make of it, and what is logged so far */
struct model {
	uint8_t now[NR_BLOCKS][MAX_BS];		/* after replay */
	bool logged[NR_BLOCKS];
	uint32_t sequence[NR_BLOCKS];		/* where the last copy is */
	unsigned int nr_logged;
};

/*
 * One transaction.  @m: is to know of it.  Blocks that are revoked go back to what is
 * on the device.
 */
static void make(struct image *im, struct journal *j, struct model *m, bool complete)
{
	static uint8_t data[NR_BLOCKS][MAX_BS];
	struct journal_block blocks[NR_BLOCKS];
	uint64_t revokes[NR_BLOCKS];
	struct journal_content c = { .blocks = blocks, .revokes = revokes };
	struct journal_record rec;
	unsigned int often = rnd(4) ? 30 : 2;

	for (unsigned int i = 0; i < NR_BLOCKS; i++) {
		if (m->logged[i] && !rnd(often * 2)) {
			revokes[c.nr_revokes++] = im->first + i;
			if (!complete)
				continue;
			m->logged[i] = false;
			read_block(im, im->first + i, m->now[i]);
		} else if (!rnd(often)) {
			fill(im, data[i]);
			blocks[c.nr_blocks++] = (struct journal_block){ im->first + i, data[i] };
			if (!complete)
				continue;
			m->logged[i] = true;
			m->sequence[i] = journal_mark(j).sequence;
			memcpy(m->now[i], data[i], im->bs);
		}
	}
	if (!c.nr_blocks && !c.nr_revokes)
		return;
	CHECK(journal_has_room(j, journal_need(j, c.nr_blocks, c.nr_revokes)));
	CHECK(!journal_pack(j, &c, &rec));
	CHECK(rec.nr_blocks + 1 == journal_need(j, c.nr_blocks, c.nr_revokes));
	if (!complete)
		/* zeroes are what may be there instead of the commit block */
		memset(rec.image + (size_t)rec.nr_blocks * im->bs, 0, im->bs);
	CHECK(!journal_write(j, &rec));
	journal_record_free(&rec);
}

static void checkpoint(struct image *im, struct journal *j, struct model *m)
{
	for (unsigned int i = 0; i < NR_BLOCKS; i++) {
		CHECK(!device_write(&im->dev, m->now[i], im->bs, (im->first + i) * im->bs));
		m->logged[i] = false;
	}
	CHECK(!journal_forget(j));
}

/* What has no copy behind @mark is put in its place, and what is before it forgotten. */
static void cut(struct image *im, struct journal *j, struct model *m,
		const struct journal_mark *mark)
{
	for (unsigned int i = 0; i < NR_BLOCKS; i++) {
		if (!m->logged[i] || (int32_t)(m->sequence[i] - mark->sequence) >= 0)
			continue;
		CHECK(!device_write(&im->dev, m->now[i], im->bs, (im->first + i) * im->bs));
		m->logged[i] = false;
	}
	CHECK(!journal_advance(j, mark));
}

static void try(const char *path, const char *mke2fs, unsigned int transactions)
{
	static struct model m;
	static uint8_t buf[MAX_BS], fast[MAX_BS];
	struct image im = { .path = path };
	struct journal_wants wants;
	uint64_t last;
	unsigned int emptied = 0, wraps = 0, cuts = 0;
	struct journal_mark mark = { 0 };
	bool marked = false;
	uint32_t head;
	struct journal *j;
	const char *why;
	char command[400];
	int err;

	printf("mke2fs %s, %u transactions\n", mke2fs, transactions);
	snprintf(command, sizeof(command), "rm -f %s; truncate -s 48M %s && mke2fs -q -F %s %s",
		 path, path, mke2fs, path);
	CHECK(!run(command));
	open_image(&im);
	wants = (struct journal_wants){ .wide = im.wide, .checksums = im.csum };
	memset(&m, 0, sizeof(m));
	for (unsigned int i = 0; i < NR_BLOCKS; i++) {
		fill(&im, m.now[i]);
		CHECK(!device_write(&im.dev, m.now[i], im.bs, (im.first + i) * im.bs));
	}
	if (strstr(mke2fs, "fast_commit"))
		reserve_fast_commits(&im);
	err = journal_open(&j, &im.dev, im.bs, im.runs, im.nr_runs, &wants, &why);
	if (err)
		fprintf(stderr, "%s\n", why);
	CHECK(!err);

	/* the last block of the journal: fast commits' if there are any */
	last = im.runs[im.nr_runs - 1].phys + im.runs[im.nr_runs - 1].len - 1;
	memset(fast, 0xfc, im.bs);
	CHECK(!device_write(&im.dev, fast, im.bs, last * im.bs));

	for (unsigned int n = 0; n < transactions; n++) {
		if (!journal_has_room(j, journal_need(j, NR_BLOCKS, NR_BLOCKS))) {
			checkpoint(&im, j, &m);
			emptied++;
			marked = false;
		}
		if (journal_can_advance(j) && (!marked || !rnd(4))) {
			mark = journal_mark(j);
			marked = true;
		}
		head = journal_mark(j).head;
		make(&im, j, &m, true);
		wraps += journal_mark(j).head < head;
		/* not as often as it takes, so that it fills up now and then */
		if (marked && rnd(100) < n % 50) {
			uint64_t used = journal_used(j);

			cut(&im, j, &m, &mark);
			cuts += journal_used(j) < used;
			marked = false;
		}
	}
	CHECK(transactions < 100 || journal_can_advance(j) || emptied > 1);
	CHECK(transactions < 100 || !journal_can_advance(j) || (wraps > 1 && cuts > 10));
	if (strstr(mke2fs, "fast_commit")) {
		read_block(&im, last, buf);
		CHECK(!memcmp(buf, fast, im.bs));
	}
	if (!journal_has_room(j, journal_need(j, NR_BLOCKS, NR_BLOCKS)))
		checkpoint(&im, j, &m);
	make(&im, j, &m, false);
	journal_destroy(j);
	close(im.fd);

	snprintf(command, sizeof(command), "e2fsck -E journal_only -y %s >%s.log 2>&1", path, path);
	err = run(command);
	CHECK(!(err & ~1));
	snprintf(command, sizeof(command), "e2fsck -fn %s >%s.log 2>&1 || { cat %s.log; false; }",
		 path, path, path);
	CHECK(!run(command));

	im.fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK(im.fd >= 0);
	CHECK(!device_init(&im.dev, im.fd, false));
	for (unsigned int i = 0; i < NR_BLOCKS; i++) {
		read_block(&im, im.first + i, buf);
		if (!memcmp(buf, m.now[i], im.bs))
			continue;
		fprintf(stderr, "block %u (logged: %d) differs\n", i, m.logged[i]);
		exit(1);
	}
	close(im.fd);
}

/* An abort is there for the next one, who forgets it. */
static void abort_is_noted(const char *path)
{
	struct image im = { .path = path };
	struct journal_wants wants = { .checksums = true };
	char command[200];
	struct journal *j;
	const char *why;

	snprintf(command, sizeof(command),
		 "rm -f %s; truncate -s 48M %s && mke2fs -q -F -t ext4 %s", path, path, path);
	CHECK(!run(command));
	open_image(&im);
	CHECK(!journal_open(&j, &im.dev, im.bs, im.runs, im.nr_runs, &wants, &why));
	CHECK(!journal_take_error(j));
	CHECK(!journal_abort(j, -EIO));
	journal_destroy(j);
	CHECK(!journal_open(&j, &im.dev, im.bs, im.runs, im.nr_runs, &wants, &why));
	CHECK(journal_take_error(j) == EIO);
	CHECK(!journal_mark_empty(j));
	journal_destroy(j);
	CHECK(!journal_open(&j, &im.dev, im.bs, im.runs, im.nr_runs, &wants, &why));
	CHECK(!journal_take_error(j));
	journal_destroy(j);
	close(im.fd);
}

/* A damaged superblock is refused, not believed. */
static void damage_is_refused(const char *path)
{
	struct image im = { .path = path };
	struct journal_wants wants = { .checksums = true };
	struct journal *j;
	const char *why;

	open_image(&im);
	for (unsigned int at = 0; at < JOURNAL_SUPER_SIZE; at++) {
		uint64_t pos = im.runs[0].phys * im.bs + at;
		uint8_t byte;

		CHECK(!device_read(&im.dev, &byte, 1, pos));
		byte ^= 0x40;
		CHECK(!device_write(&im.dev, &byte, 1, pos));
		why = NULL;
		CHECK(journal_open(&j, &im.dev, im.bs, im.runs, im.nr_runs, &wants, &why));
		CHECK(why);
		byte ^= 0x40;
		CHECK(!device_write(&im.dev, &byte, 1, pos));
	}
	close(im.fd);
}

int main(void)
{
	static const char *const kinds[] = {
		"-t ext4 -b 1024 -J size=4",
		"-t ext4 -b 4096 -J size=16",
		"-t ext4 -b 1024 -O ^64bit -J size=4",
		"-t ext4 -b 2048 -O ^metadata_csum -J size=6",
		"-t ext3 -b 1024 -J size=4",
		"-t ext4 -b 1024 -O fast_commit -J size=4",
	};
	char path[] = "/tmp/journal-test-XXXXXX", command[100];
	int fd;

	if (run("command -v mke2fs e2fsck >/dev/null"))
		return 77;
	fd = mkstemp(path);
	CHECK(fd >= 0);
	close(fd);
	initialize_ext2_error_table();
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		static const unsigned int counts[] = { 1, 7, 200 };

		for (size_t n = 0; n < sizeof(counts) / sizeof(counts[0]); n++)
			try(path, kinds[i], counts[n]);
	}
	abort_is_noted(path);
	damage_is_refused(path);
	snprintf(command, sizeof(command), "rm -f %s %s.log", path, path);
	return run(command);
}
