// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Crash the machine many times, on paper.
 *
 *	crash_points IMAGE LOG WORK MESSAGES SEED EVERY BLOCKSIZE LEDGER...
 *
 * LOG: of record_io.c, or the device that dm-log-writes logged to; or "-": IMAGE is
 * what a crash left, and all of the ledgers is from before.
 * IMAGE: as it was before the first write of LOG; WORK: file or device for the image
 * that a crash leaves; MESSAGES: file for what other programs say; EVERY: look at one
 * of so many records, or if it is 0 only at the end, with everything written that LOG
 * has: the server was killed
 *
 * A crash after a record leaves: every write that a completed flush covers, and of
 * the writes after that any, in blocks of BLOCKSIZE bytes.  Just before a flush two
 * crashes are looked at: with all of these writes, and with some.  Then e2fsck replays the
 * journal and frees orphans ("-p"), and then must find nothing ("-fn"); and
 * what the ledgers say has to be there.  If there is CRASH_MOUNT in the environment,
 * the kernel's ext4 does the replay, mounted on that directory.  If there is CRASH_RECOVER,
 * that program does it, called with WORK; with CRASH_JUDGED its exit status says all, and
 * nothing else looks at WORK.  With CRASH_FORGET in it flushes are not obeyed:
 * then something has to be wrong.
 *
 * Prints figures, and what is wrong.  Exit status 1 if something is.
 */
#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger.h"

/* The log of the kernel's dm-log-writes: sectors, the first one says that it is one */
#define DM_LOG_MAGIC	0x6a736677736872ULL

struct dm_log_super {
	uint64_t magic, version, nr_entries;
	uint32_t sector;		/* bytes */
};

struct dm_log_entry {
	uint64_t sector, nr_sectors, flags, data_len;
};

enum { DM_FLUSH = 1, DM_FUA = 2, DM_DISCARD = 4, DM_MARK = 8 };

/* One write or flush; what was done while it was the last is between @from and @to */
struct step {
	struct record rec;
	const uint8_t *data;
	uint64_t from, to;		/* ns */
};

struct promise {
	enum { MADE, KEEP, OVER, MOVE, DROP } kind;
	bool whole;
	uint64_t time, id, size;
	char path[128], to[128];	/* to: of MOVE */
};

static struct step *steps;
static size_t nr_steps;
static struct promise *promises;
static size_t nr_promises;
static uint64_t rng, blocksize;
static unsigned long points, bad_points, kept_files;

static uint64_t rnd(uint64_t below)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng % below;
}

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void *grown(void *p, size_t nr, size_t size)
{
	/* doubles at powers of two */
	if (nr & (nr - 1))
		return p;
	p = realloc(p, (nr ? nr * 2 : 1) * size);
	if (!p)
		die("realloc");
	return p;
}

static uint8_t *read_file(const char *path, size_t *len)
{
	struct stat st;
	uint8_t *buf;
	FILE *f = fopen(path, "re");

	if (!f || fstat(fileno(f), &st))
		die(path);
	*len = st.st_size;
	buf = malloc(*len + 1);
	if (!buf || fread(buf, 1, *len, f) != *len)
		die(path);
	fclose(f);
	return buf;
}

static void add_step(const struct record *rec, const uint8_t *data, uint64_t from, uint64_t to)
{
	steps = grown(steps, nr_steps, sizeof(*steps));
	steps[nr_steps++] = (struct step){ *rec, data, from, to };
}

static void read_own_log(const char *path)
{
	size_t len, pos = 0;
	uint8_t *buf = read_file(path, &len);

	while (pos + sizeof(struct record) <= len) {
		struct record rec;
		const uint8_t *data;

		memcpy(&rec, buf + pos, sizeof(rec));
		pos += sizeof(rec);
		data = buf + pos;
		if (rec.type == RECORD_WRITE)
			pos += rec.len;
		if (pos > len)
			break;	/* cut off by a kill */
		add_step(&rec, data, rec.time, rec.time);
	}
}

/*
 * Marks "t=SECONDS" say what time it was a moment before, to a hundredth.  So what
 * comes after a mark is later than it says, and what comes before it is earlier than
 * the next one says, but for that hundredth.
 */
static void set_times(size_t first[3], const uint64_t mark[3])
{
	for (size_t i = first[0]; i < first[1]; i++) {
		steps[i].from = mark[0];
		steps[i].to = mark[2] == UINT64_MAX ? mark[2] : mark[2] + 10000000;
	}
}

static void read_dm_log(FILE *f, const struct dm_log_super *super)
{
	/* three marks in a row, and the first steps after them */
	uint64_t mark[3] = { 0, 0, 0 }, pos = super->sector;
	size_t first[3] = { 0, 0, 0 };
	char *sector = malloc(super->sector + 1);

	if (!sector)
		die("malloc");
	for (uint64_t n = 0; n < super->nr_entries; n++) {
		struct record rec = { .type = RECORD_WRITE };
		struct dm_log_entry e;
		uint8_t *data = NULL;

		if (fseeko(f, pos, SEEK_SET) || fread(sector, super->sector, 1, f) != 1)
			die("the log");
		memcpy(&e, sector, sizeof(e));
		pos += super->sector;
		if (e.flags & DM_MARK) {
			unsigned long long sec, cent;

			sector[super->sector] = 0;
			if (sscanf(sector + sizeof(e), "t=%llu.%2llu", &sec, &cent) != 2)
				continue;
			memmove(mark, mark + 1, 2 * sizeof(*mark));
			memmove(first, first + 1, 2 * sizeof(*first));
			mark[2] = sec * 1000000000 + cent * 10000000;
			first[2] = nr_steps;
			set_times(first, mark);
			continue;
		}
		if (e.flags & DM_FLUSH)
			add_step(&(struct record){ .type = RECORD_FLUSHED, .off = nr_steps }, NULL,
				 0, UINT64_MAX);
		if (!e.nr_sectors || e.flags & DM_DISCARD)
			continue;
		rec.off = e.sector * super->sector;
		rec.len = e.nr_sectors * super->sector;
		data = malloc(rec.len);
		if (!data || fread(data, rec.len, 1, f) != 1)
			die("the log");
		pos += rec.len;
		add_step(&rec, data, 0, UINT64_MAX);
		if (e.flags & DM_FUA)
			add_step(&(struct record){ .type = RECORD_FLUSHED, .off = nr_steps }, NULL,
				 0, UINT64_MAX);
	}
	/* behind the last two marks there is no end */
	for (int i = 0; i < 2; i++) {
		memmove(mark, mark + 1, 2 * sizeof(*mark));
		memmove(first, first + 1, 2 * sizeof(*first));
		mark[2] = UINT64_MAX;
		first[2] = nr_steps;
		set_times(first, mark);
	}
	free(sector);
}

static void read_log(const char *path)
{
	struct dm_log_super super;
	FILE *f;

	if (!strcmp(path, "-")) {
		add_step(&(struct record){ .type = RECORD_FLUSHED }, NULL, UINT64_MAX, UINT64_MAX);
		return;
	}
	f = fopen(path, "re");
	if (!f)
		die(path);
	if (fread(&super, sizeof(super), 1, f) == 1 && super.magic == DM_LOG_MAGIC)
		read_dm_log(f, &super);
	else
		read_own_log(path);
	fclose(f);
}

static void read_ledger(const char *path)
{
	char line[512];
	FILE *f = fopen(path, "re");

	if (!f)
		die(path);
	while (fgets(line, sizeof(line), f)) {
		unsigned long long time, id = 0, size = 0;
		struct promise p = { 0 };
		int whole = 0;

		/* torn by the crash, so nothing follows from it yet */
		if (!strchr(line, '\n'))
			continue;
		if (sscanf(line, "keep %llu %llu %llu %d %127s", &time, &id, &size, &whole,
			   p.path) == 5)
			p.kind = KEEP;
		else if (sscanf(line, "drop %llu %127s", &time, p.path) == 2)
			p.kind = DROP;
		else if (sscanf(line, "move %llu %127s %127s", &time, p.path, p.to) == 3)
			p.kind = MOVE;
		else if (sscanf(line, "over %llu %llu %llu %d %127s", &time, &id, &size, &whole,
				p.path) == 5)
			p.kind = OVER;
		else if (sscanf(line, "made %llu %llu %127s", &time, &id, p.path) != 3)
			continue;
		p.time = time;
		p.id = id;
		p.size = size;
		p.whole = whole;
		promises = grown(promises, nr_promises, sizeof(*promises));
		promises[nr_promises++] = p;
	}
	fclose(f);
}

/* The log's bytes */
static void apply(uint8_t *image, size_t size, size_t i)
{
	const struct record *r = &steps[i].rec;

	if (r->type == RECORD_WRITE && r->off + r->len <= size)
		memcpy(image + r->off, steps[i].data, r->len);
}

/* Some blocks of it; @chance of 4 for each */
static void apply_some(uint8_t *image, size_t size, size_t i, unsigned int chance)
{
	const struct record *r = &steps[i].rec;

	if (r->type != RECORD_WRITE || r->off + r->len > size)
		return;
	for (uint64_t done = 0; done < r->len;) {
		uint64_t n = blocksize - (r->off + done) % blocksize;

		if (n > r->len - done)
			n = r->len - done;
		if (rnd(4) < chance)
			memcpy(image + r->off + done, steps[i].data + done, n);
		done += n;
	}
}

static void write_image(const char *path, const uint8_t *image, size_t size)
{
	FILE *f = fopen(path, "r+e");

	if (!f)
		f = fopen(path, "we");
	if (!f || fwrite(image, 1, size, f) != size || fclose(f))
		die(path);
}

static int run(const char *out, char *const argv[])
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		die("fork");
	if (!pid) {
		int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		if (fd >= 0) {
			dup2(fd, 1);
			dup2(fd, 2);
		}
		execvp(argv[0], argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int replay(const char *image, const char *out)
{
	char *dir = getenv("CRASH_MOUNT"), *own = getenv("CRASH_RECOVER");
	bool is_device;
	struct stat st;
	int status;

	if (own && *own)
		return run(out, (char *[]){ own, (char *)image, NULL });
	if (!dir || !*dir)
		return run(out, (char *[]){ "e2fsck", "-p", (char *)image, NULL }) & ~3;
	is_device = !stat(image, &st) && S_ISBLK(st.st_mode);
	status = run(out, (char *[]){ "mount", "-t", "ext4", "-o", is_device ? "rw" : "loop",
				      (char *)image, dir, NULL });
	return status ? status : run(out, (char *[]){ "umount", dir, NULL });
}

/* What is wrong goes to @why. */
static bool check_file(ext2_filsys fs, const struct promise *p, char why[256])
{
	static uint8_t buf[1 << 20];
	unsigned int got;
	ext2_file_t file;
	ext2_ino_t ino;
	errcode_t err;

	err = ext2fs_namei(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, p->path, &ino);
	if (err == EXT2_ET_FILE_NOT_FOUND && p->kind != KEEP)
		return true;
	if (!err)
		err = ext2fs_file_open(fs, ino, 0, &file);
	if (err) {
		snprintf(why, 256, "%s: %s", p->path, error_message(err));
		return false;
	}
	err = ext2fs_file_read(file, buf, sizeof(buf), &got);
	ext2fs_file_close(file);
	if (err || got < p->size) {
		snprintf(why, 256, "%s: %u bytes instead of %llu: %s", p->path, got,
			 (unsigned long long)p->size, err ? error_message(err) : "lost");
		return false;
	}
	for (uint64_t i = 0; i < got; i++) {
		if (buf[i] == content(p->id, i))
			continue;
		/* behind what was promised there may be zeroes, but nothing else */
		if (!buf[i] && (!p->whole || i >= p->size))
			continue;
		snprintf(why, 256, "%s: byte %llu of %u (%llu promised) is 0x%02x instead of 0x%02x",
			 p->path, (unsigned long long)i, got, (unsigned long long)p->size, buf[i],
			 content(p->id, i));
		return false;
	}
	return true;
}

/* Does @i say something about a crash after @last that nothing after it overrides? */
static bool is_valid(size_t i, const struct step *last)
{
	const struct promise *p = &promises[i];

	if (p->kind == DROP || p->kind == OVER || p->kind == MOVE || p->time >= last->from)
		return false;
	for (size_t j = 0; j < nr_promises && p->kind == KEEP; j++) {
		const struct promise *q = &promises[j];

		if ((q->kind != KEEP && q->kind != DROP) || q->time <= p->time ||
		    strcmp(q->path, p->path))
			continue;
		/* a later one to keep says more */
		if (q->kind == DROP ? q->time <= last->to : q->time < last->from)
			return false;
	}
	return true;
}

/* May what has come to @p's name by a rename be gone again before @last? */
static bool may_be_gone(const struct promise *p, const struct step *last)
{
	for (size_t j = 0; j < nr_promises; j++) {
		const struct promise *q = &promises[j];

		if ((q->kind == DROP || q->kind == OVER) && q->time > p->time &&
		    q->time <= last->to && !strcmp(q->path, p->path))
			return true;
	}
	return false;
}

/* Is what @p says true of the name that its own may have become? */
static bool check_moved(ext2_filsys fs, const struct promise *p, const struct step *last)
{
	char why[256];

	for (size_t j = 0; j < nr_promises; j++) {
		const struct promise *q = &promises[j];
		struct promise now = *p;

		if (q->kind != MOVE || q->time < p->time || q->time > last->to ||
		    strcmp(q->path, p->path))
			continue;
		memcpy(now.path, q->to, sizeof(now.path));
		now.time = q->time;
		if (may_be_gone(&now, last) || check_file(fs, &now, why) ||
		    check_moved(fs, &now, last))
			return true;
	}
	return false;
}

/* @i is valid: what it says is there, or what may have replaced that. */
static bool check_promise(ext2_filsys fs, size_t i, const struct step *last)
{
	const struct promise *p = &promises[i];
	char why[256], other[256];

	if (check_file(fs, p, why) || (p->kind == KEEP && check_moved(fs, p, last)))
		return true;
	for (size_t j = 0; j < nr_promises; j++) {
		struct promise q = promises[j];

		if (q.id == p->id || q.time > last->to || strcmp(q.path, p->path))
			continue;
		if (q.kind != OVER && (q.kind != MADE || p->kind != MADE))
			continue;
		if (p->kind == KEEP && q.time < p->time)
			continue;
		/* what was durable of it before; of one that was only made nothing is */
		q.kind = p->kind;
		if (p->kind == MADE)
			q.size = q.whole = 0;
		if (check_file(fs, &q, other) || (q.kind == KEEP && check_moved(fs, &q, last)))
			return true;
	}
	puts(why);
	return false;
}

static bool check_promises(const char *path, const struct step *last)
{
	bool good = true;
	ext2_filsys fs;
	errcode_t err = ext2fs_open(path, EXT2_FLAG_64BITS, 0, 0, unix_io_manager, &fs);

	if (err) {
		printf("can't open it: %s\n", error_message(err));
		return false;
	}
	for (size_t i = 0; i < nr_promises; i++) {
		if (!is_valid(i, last))
			continue;
		kept_files += promises[i].kind == KEEP;
		good &= check_promise(fs, i, last);
	}
	ext2fs_free(fs);
	return good;
}

static void show(const char *path)
{
	char line[512];
	int lines = 0;
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f) && lines++ < 12)
		printf("  %s", line);
	if (f)
		fclose(f);
}

/* Record @i was the last before the crash. */
static void look(const char *work, const char *out, const uint8_t *image, size_t size, size_t i)
{
	int replayed, check = -1;
	bool good = false;

	write_image(work, image, size);
	replayed = replay(work, out);
	if (replayed) {
		show(out);
	} else if (getenv("CRASH_JUDGED")) {
		good = true;
	} else {
		check = run(out, (char *[]){ "e2fsck", "-fn", (char *)work, NULL });
		if (check)
			show(out);
		else
			good = check_promises(work, &steps[i]);
	}
	points++;
	if (good)
		return;
	printf("crash after record %zu of %zu: replay %d, check %d\n", i, nr_steps, replayed,
	       check);
	if (!bad_points++ && getenv("CRASH_KEEP"))
		write_image(getenv("CRASH_KEEP"), image, size);
}

static bool is_before_flush(size_t i)
{
	return i + 1 < nr_steps && steps[i + 1].rec.type == RECORD_FLUSHED;
}

/*
 * One of @every records, those before a flush count for four: most is in doubt there.
 * Evenly, from a random one on, which is early enough for a short log to have one.
 */
static bool is_chosen(size_t i, uint64_t every)
{
	static uint64_t left;

	if (!i)
		left = rnd(every < nr_steps ? every : nr_steps);
	for (int n = is_before_flush(i) ? 4 : 1; n; n--) {
		if (!left--) {
			left = every - 1;
			return true;
		}
	}
	return false;
}

int main(int argc, char **argv)
{
	bool obeys = !getenv("CRASH_FORGET");
	uint8_t *image, *crashed;
	size_t size, durable = 0;
	uint64_t every;

	if (argc < 9) {
		fprintf(stderr,
			"usage: crash_points IMAGE LOG WORK MESSAGES SEED EVERY BLOCKSIZE "
			"LEDGER...\n");
		return 2;
	}
	initialize_ext2_error_table();
	image = read_file(argv[1], &size);
	crashed = malloc(size);
	if (!crashed)
		die("malloc");
	read_log(argv[2]);
	rng = strtoull(argv[5], NULL, 0) * 0x9e3779b97f4a7c15ULL + 1;
	every = strtoull(argv[6], NULL, 0);
	blocksize = strtoull(argv[7], NULL, 0);
	for (int i = 8; i < argc; i++)
		read_ledger(argv[i]);

	for (size_t i = 0; i < nr_steps; i++) {
		bool flushed = steps[i].rec.type == RECORD_FLUSHED;
		/* nothing, some, much or all of what is not durable */
		unsigned int chances[2] = { every ? rnd(5) : 4 }, nr = 1;

		for (; obeys && flushed && durable < steps[i].rec.off; durable++)
			apply(image, size, durable);
		if (every ? !is_chosen(i, every) : i < nr_steps - 1)
			continue;
		if (every && durable <= i && is_before_flush(i)) {
			/* all of it, and not all of it */
			chances[0] = 4;
			chances[nr++] = rnd(4);
		}
		while (nr--) {
			memcpy(crashed, image, size);
			for (size_t k = durable; k <= i; k++)
				apply_some(crashed, size, k, chances[nr]);
			look(argv[3], argv[4], crashed, size, i);
		}
	}
	printf("records: %zu\n", nr_steps);
	printf("files compared: %lu\n", kept_files);
	printf("crash points: %lu\n", points);
	printf("crash points inconsistent: %lu\n", bad_points);
	return bad_points || !points ? 1 : 0;
}
