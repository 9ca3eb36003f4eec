// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Crash the machine many times, on paper.
 *
 *	crash_points IMAGE LOG WORK SEED EVERY BLOCKSIZE LEDGER...
 *
 * IMAGE: as it was before the first write of LOG; WORK: file for the image that a
 * crash leaves; EVERY: look at one of so many records, or if it is 0 only at the end,
 * with everything written that LOG has: the server was killed
 *
 * A crash after a record leaves: every write that a completed flush covers, and of
 * the writes after that any, in blocks of BLOCKSIZE bytes.  Then e2fsck replays the
 * journal and frees orphans ("-p"), and then must find nothing ("-fn"); and
 * what the ledgers say has to be there.
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

struct promise {
	enum { MADE, KEEP, DROP } kind;
	bool whole;
	uint64_t time, id, size;
	char path[128];
};

static uint8_t *log_buf;
static struct record *records;	/* headers */
static const uint8_t **datas;
static size_t nr_records;
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

static void read_log(const char *path)
{
	size_t len, pos = 0;

	log_buf = read_file(path, &len);
	while (pos + sizeof(struct record) <= len) {
		records = grown(records, nr_records, sizeof(*records));
		datas = grown(datas, nr_records, sizeof(*datas));
		memcpy(&records[nr_records], log_buf + pos, sizeof(*records));
		pos += sizeof(*records);
		datas[nr_records] = log_buf + pos;
		if (records[nr_records].type == RECORD_WRITE)
			pos += records[nr_records].len;
		if (pos > len)
			break;	/* cut off by a kill */
		nr_records++;
	}
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

		if (sscanf(line, "keep %llu %llu %llu %d %127s", &time, &id, &size, &whole,
			   p.path) == 5)
			p.kind = KEEP;
		else if (sscanf(line, "drop %llu %127s", &time, p.path) == 2)
			p.kind = DROP;
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
	const struct record *r = &records[i];

	if (r->type == RECORD_WRITE && r->off + r->len <= size)
		memcpy(image + r->off, datas[i], r->len);
}

/* Some blocks of it; @chance of 4 for each */
static void apply_some(uint8_t *image, size_t size, size_t i, unsigned int chance)
{
	const struct record *r = &records[i];

	if (r->type != RECORD_WRITE || r->off + r->len > size)
		return;
	for (uint64_t done = 0; done < r->len;) {
		uint64_t n = blocksize - (r->off + done) % blocksize;

		if (n > r->len - done)
			n = r->len - done;
		if (rnd(4) < chance)
			memcpy(image + r->off + done, datas[i] + done, n);
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

static int run(const char *flag, const char *image, const char *out)
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
		execlp("e2fsck", "e2fsck", flag, image, (char *)NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static bool check_file(ext2_filsys fs, const struct promise *p)
{
	static uint8_t buf[1 << 20];
	unsigned int got;
	ext2_file_t file;
	ext2_ino_t ino;
	errcode_t err;

	err = ext2fs_namei(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, p->path, &ino);
	if (err == EXT2_ET_FILE_NOT_FOUND && p->kind == MADE)
		return true;
	if (!err)
		err = ext2fs_file_open(fs, ino, 0, &file);
	if (err) {
		printf("%s: %s\n", p->path, error_message(err));
		return false;
	}
	err = ext2fs_file_read(file, buf, sizeof(buf), &got);
	ext2fs_file_close(file);
	if (err || got < p->size) {
		printf("%s: %u bytes instead of %llu: %s\n", p->path, got,
		       (unsigned long long)p->size, err ? error_message(err) : "lost");
		return false;
	}
	for (uint64_t i = 0; i < got; i++) {
		if (buf[i] == content(p->id, i))
			continue;
		/* behind what was promised there may be zeroes, but nothing else */
		if (!buf[i] && (!p->whole || i >= p->size))
			continue;
		printf("%s: byte %llu of %u (%llu promised) is 0x%02x instead of 0x%02x\n",
		       p->path, (unsigned long long)i, got, (unsigned long long)p->size, buf[i],
		       content(p->id, i));
		return false;
	}
	return true;
}

/* Does @i say something about an image of @time that nothing after it overrides? */
static bool is_valid(size_t i, uint64_t time)
{
	const struct promise *p = &promises[i];

	if (p->kind == DROP || p->time >= time)
		return false;
	for (size_t j = 0; j < nr_promises && p->kind == KEEP; j++) {
		const struct promise *q = &promises[j];

		if (q->kind == MADE || q->time <= p->time || strcmp(q->path, p->path))
			continue;
		/* a later one to keep says more */
		if (q->kind == DROP ? q->time <= time : q->time < time)
			return false;
	}
	return true;
}

static bool check_promises(const char *path, uint64_t time)
{
	bool good = true;
	ext2_filsys fs;
	errcode_t err = ext2fs_open(path, EXT2_FLAG_64BITS, 0, 0, unix_io_manager, &fs);

	if (err) {
		printf("can't open it: %s\n", error_message(err));
		return false;
	}
	for (size_t i = 0; i < nr_promises; i++) {
		if (!is_valid(i, time))
			continue;
		kept_files += promises[i].kind == KEEP;
		good &= check_file(fs, &promises[i]);
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
static void look(const char *work, const uint8_t *image, size_t size, size_t i)
{
	char out[4096];
	int replay, check = -1;
	bool good = false;

	snprintf(out, sizeof(out), "%s.fsck", work);
	write_image(work, image, size);
	replay = run("-p", work, out);
	if (replay & ~3) {
		show(out);
	} else {
		check = run("-fn", work, out);
		if (check)
			show(out);
		else
			good = check_promises(work, records[i].time);
	}
	points++;
	if (good)
		return;
	printf("crash after record %zu of %zu: replay %d, check %d\n", i, nr_records, replay,
	       check);
	if (!bad_points++ && getenv("CRASH_KEEP"))
		write_image(getenv("CRASH_KEEP"), image, size);
}

/* More often where most is in doubt: before a flush */
static bool is_chosen(size_t i, uint64_t every)
{
	if (i + 1 < nr_records && records[i + 1].type == RECORD_FLUSHED)
		every = (every + 3) / 4;
	return !rnd(every);
}

int main(int argc, char **argv)
{
	uint8_t *image, *crashed;
	size_t size, durable = 0;
	uint64_t every;

	if (argc < 8) {
		fprintf(stderr,
			"usage: crash_points IMAGE LOG WORK SEED EVERY BLOCKSIZE LEDGER...\n");
		return 2;
	}
	initialize_ext2_error_table();
	image = read_file(argv[1], &size);
	crashed = malloc(size);
	if (!crashed)
		die("malloc");
	read_log(argv[2]);
	rng = strtoull(argv[4], NULL, 0) * 0x9e3779b97f4a7c15ULL + 1;
	every = strtoull(argv[5], NULL, 0);
	blocksize = strtoull(argv[6], NULL, 0);
	for (int i = 7; i < argc; i++)
		read_ledger(argv[i]);

	for (size_t i = 0; i < nr_records; i++) {
		bool flushed = records[i].type == RECORD_FLUSHED;
		unsigned int chance;

		for (; flushed && durable < records[i].off; durable++)
			apply(image, size, durable);
		if (every ? !is_chosen(i, every) : i < nr_records - 1)
			continue;
		/* nothing, some, much or all of what is not durable */
		chance = every ? rnd(5) : 4;
		memcpy(crashed, image, size);
		for (size_t k = durable; k <= i; k++)
			apply_some(crashed, size, k, chance);
		look(argv[3], crashed, size, i);
	}
	printf("records: %zu\n", nr_records);
	printf("files compared: %lu\n", kept_files);
	printf("crash points: %lu\n", points);
	printf("crash points inconsistent: %lu\n", bad_points);
	return bad_points || !points ? 1 : 0;
}
