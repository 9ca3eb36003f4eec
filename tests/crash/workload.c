// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Changes files at random and notes in a ledger what a crash must leave.
 *
 *	workload DIR PREFIX LEDGER SEED OPERATIONS [NAMES]
 *
 * DIR: a directory for this process alone; PREFIX: its path inside the file system;
 * LEDGER: a file that survives the crash, or a block device, which gets each line before
 * anything else happens; NAMES: so many long ones are put into one directory first, and some
 * taken out again
 *
 * What fsync of a file or a directory promises is what ext4 does: all that was done before
 * is in the same transaction or in an earlier one, so also the other names of the file, and
 * every name in the directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ledger.h"

#define MAX_FILES	60
#define MAX_DIRS	8
#define MAX_SIZE	(300 * 1024)

/* A name; those of one file have the same @id, and all else in common but @path, too. */
struct file {
	uint64_t id;
	char path[100];
	uint64_t size;
	bool whole;		/* no holes */
	uint64_t synced;	/* bytes that fsync has promised */
	bool synced_whole;
};

static struct file files[MAX_FILES];
static unsigned int nr_files;
static bool dirs[MAX_DIRS + 1];
static const char *prefix;
static FILE *ledger;
static bool ledger_is_device;
static uint64_t rng, next_id;

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
	exit(1);
}

static void end_line(void)
{
	if (fflush(ledger) || (ledger_is_device && fdatasync(fileno(ledger))))
		die("ledger");
}

static void keep(const struct file *f)
{
	fprintf(ledger, "keep %llu %llu %llu %d %s/%s\n", (unsigned long long)now_ns(),
		(unsigned long long)f->id, (unsigned long long)f->synced, f->synced_whole, prefix,
		f->path);
	end_line();
}

/* Before it is there */
static void made(const struct file *f)
{
	fprintf(ledger, "made %llu %llu %s/%s\n", (unsigned long long)now_ns(),
		(unsigned long long)f->id, prefix, f->path);
	end_line();
}

/* Before @f replaces what is at @path */
static void over(const struct file *f, const char *path)
{
	fprintf(ledger, "over %llu %llu %llu %d %s/%s\n", (unsigned long long)now_ns(),
		(unsigned long long)f->id, (unsigned long long)f->synced, f->synced_whole, prefix,
		path);
	end_line();
}

/* Before the name becomes @path: from then on it is one or the other. */
static void moved(const struct file *f, const char *path)
{
	fprintf(ledger, "move %llu %s/%s %s/%s\n", (unsigned long long)now_ns(), prefix, f->path,
		prefix, path);
	end_line();
}

static void drop(const struct file *f)
{
	fprintf(ledger, "drop %llu %s/%s\n", (unsigned long long)now_ns(), prefix, f->path);
	end_line();
}

/* The contents go, not a name alone. */
static void drop_contents(struct file *f)
{
	f->synced = 0;
	f->synced_whole = false;
	drop(f);
	for (unsigned int i = 0; i < nr_files; i++) {
		if (&files[i] == f || files[i].id != f->id)
			continue;
		files[i].synced = 0;
		files[i].synced_whole = false;
		drop(&files[i]);
	}
}

/* What was done to @f by one name is so by the others. */
static void changed(const struct file *f)
{
	for (unsigned int i = 0; i < nr_files; i++) {
		if (&files[i] == f || files[i].id != f->id)
			continue;
		files[i].size = f->size;
		files[i].whole = f->whole;
	}
}

/* No space is a result like any other. */
static bool failed(int ret, const char *what)
{
	if (ret >= 0)
		return false;
	if (errno != ENOSPC)
		die(what);
	return true;
}

static void choose_path(char *path)
{
	unsigned int d = rnd(MAX_DIRS + 1);
	char dir[16];

	if (!d) {
		snprintf(path, sizeof(files[0].path), "f%llu", (unsigned long long)next_id++);
		return;
	}
	snprintf(dir, sizeof(dir), "d%u", d);
	if (!dirs[d] && !failed(mkdir(dir, 0755), "mkdir"))
		dirs[d] = true;
	/* names of different lengths */
	snprintf(path, sizeof(files[0].path), "%s%sf%llu%.*s", dirs[d] ? dir : "",
		 dirs[d] ? "/" : "", (unsigned long long)next_id++, (int)rnd(20),
		 "xxxxxxxxxxxxxxxxxxxxxxxx");
}

static bool write_range(int fd, struct file *f, uint64_t off, uint64_t len)
{
	static uint8_t buf[MAX_SIZE];

	for (uint64_t i = 0; i < len; i++)
		buf[i] = content(f->id, off + i);
	for (uint64_t done = 0; done < len;) {
		ssize_t n = pwrite(fd, buf + done, len - done, off + done);

		if (failed(n, "write"))
			return false;
		done += n;
	}
	return true;
}

static void sync_file(int fd, struct file *f)
{
	if (fsync(fd))
		die("fsync");
	f->synced = f->size;
	f->synced_whole = f->whole;
	keep(f);
	for (unsigned int i = 0; i < nr_files; i++) {
		if (&files[i] == f || files[i].id != f->id)
			continue;
		files[i].synced = f->size;
		files[i].synced_whole = f->whole;
		keep(&files[i]);
	}
}

static void sync_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("open");
	if (fsync(fd))
		die("fsync");
	close(fd);
}

static void create(void)
{
	struct file f = { .whole = true };
	bool hole = !rnd(5);
	uint64_t len;
	int fd;

	if (nr_files == MAX_FILES)
		return;
	f.id = next_id;
	choose_path(f.path);
	made(&f);
	fd = open(f.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (failed(fd, "create"))
		return;
	len = 1 + rnd(rnd(4) ? 20000 : MAX_SIZE / 2);
	if (hole) {
		uint64_t off = 1 + rnd(MAX_SIZE / 2);

		f.whole = false;
		if (write_range(fd, &f, off, len))
			f.size = off + len;
	} else if (write_range(fd, &f, 0, len)) {
		f.size = len;
	} else {
		f.whole = false;
	}
	if (rnd(3) == 0)
		sync_file(fd, &f);
	close(fd);
	files[nr_files++] = f;
}

static void append(struct file *f)
{
	uint64_t len = 1 + rnd(30000);
	int fd = open(f->path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("open");
	if (f->size + len <= MAX_SIZE && write_range(fd, f, f->size, len))
		f->size += len;
	changed(f);
	if (rnd(2))
		sync_file(fd, f);
	close(fd);
}

/* Zeroes at the end, with space behind them or without, or space only */
static void enlarge(struct file *f)
{
	uint64_t size = f->size + 1 + rnd(30000), from;
	int fd = open(f->path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("open");
	if (size > MAX_SIZE) {
		close(fd);
		return;
	}
	from = rnd(f->size + 1);
	if (rnd(2))
		failed(ftruncate(fd, size), "ftruncate");
	else if (fallocate(fd, rnd(2) ? FALLOC_FL_KEEP_SIZE : 0, from, size - from) &&
		 errno != EOPNOTSUPP && errno != ENOSPC)
		die("fallocate");
	size = lseek(fd, 0, SEEK_END);
	if (size > f->size) {
		f->size = size;
		f->whole = false;
	}
	changed(f);
	if (rnd(2))
		sync_file(fd, f);
	close(fd);
}

/* Same bytes again: nothing may change */
static void overwrite(struct file *f)
{
	uint64_t off, len;
	int fd = open(f->path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("open");
	if (f->size > 1) {
		off = rnd(f->size - 1);
		len = 1 + rnd(f->size - off);
		write_range(fd, f, off, len);
	}
	if (rnd(2))
		sync_file(fd, f);
	close(fd);
}

static void cut(struct file *f)
{
	uint64_t size = rnd(f->size + 1);

	drop_contents(f);
	if (failed(truncate(f->path, size), "truncate"))
		return;
	f->size = size;
	changed(f);
}

static void punch(struct file *f)
{
	int fd = open(f->path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("open");
	if (f->size > 1) {
		drop_contents(f);
		f->whole = false;
		changed(f);
		if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, rnd(f->size),
			      1 + rnd(f->size)) && errno != EOPNOTSUPP && errno != ENOSPC)
			die("fallocate");
	}
	if (!rnd(3))
		sync_file(fd, f);
	close(fd);
}

static void remove_file(unsigned int i)
{
	/* sometimes while it is open: an orphan */
	int fd = rnd(2) ? open(files[i].path, O_RDWR | O_CLOEXEC) : -1;

	drop(&files[i]);
	if (unlink(files[i].path))
		die("unlink");
	if (fd >= 0) {
		if (rnd(2) && fsync(fd))
			die("fsync");
		close(fd);
	}
	files[i] = files[--nr_files];
}

static void move(struct file *f)
{
	struct file old = *f;

	choose_path(f->path);
	made(f);
	moved(&old, f->path);
	if (failed(rename(old.path, f->path), "rename"))
		*f = old;
}

/*
 * In place of another file, which must not be lost before; the new one has all of its contents
 * then, without fsync (auto_da_alloc).  Cutting a file zeroes a part of a block at once, whatever
 * becomes durable when; so of the old file nothing is promised if it can still be changed by
 * another name.
 */
static void move_over(struct file *f, unsigned int i)
{
	struct file old = *f;

	/* names of one file: rename does nothing */
	if (files[i].id == f->id)
		return;
	f->synced = f->size;
	f->synced_whole = f->whole;
	over(f, files[i].path);
	for (unsigned int j = 0; j < nr_files; j++)
		if (j != i && files[j].id == files[i].id)
			drop(&files[i]);
	moved(&old, files[i].path);
	if (failed(rename(old.path, files[i].path), "rename"))
		return;
	memcpy(f->path, files[i].path, sizeof(f->path));
	files[i] = files[--nr_files];
}

/* Durable at once, since both files can be changed later: see move_over(). */
static void exchange(struct file *f, struct file *g)
{
	char path[sizeof(f->path)];

	if (f->id == g->id)
		return;
	over(f, g->path);
	over(g, f->path);
	if (renameat2(AT_FDCWD, f->path, AT_FDCWD, g->path, RENAME_EXCHANGE)) {
		failed(-1, "renameat2");
		return;
	}
	memcpy(path, f->path, sizeof(path));
	memcpy(f->path, g->path, sizeof(path));
	memcpy(g->path, path, sizeof(path));
	sync_path(".");
	keep(f);
	keep(g);
}

static void add_name(const struct file *f)
{
	struct file g = *f;
	int fd;

	if (nr_files == MAX_FILES)
		return;
	choose_path(g.path);
	made(&g);
	if (failed(link(f->path, g.path), "link"))
		return;
	files[nr_files++] = g;
	fd = open(g.path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die("open");
	if (rnd(2))
		sync_file(fd, &files[nr_files - 1]);
	close(fd);
}

/* True if @f is in directory @d */
static bool is_in(const struct file *f, unsigned int d)
{
	char dir[16];

	return !strncmp(f->path, dir, snprintf(dir, sizeof(dir), "d%u/", d));
}

static void move_dir(void)
{
	unsigned int from = 1 + rnd(MAX_DIRS), to = 1 + rnd(MAX_DIRS);
	char old[16], new[16];

	if (!dirs[from] || from == to)
		return;
	snprintf(old, sizeof(old), "d%u", from);
	snprintf(new, sizeof(new), "d%u", to);
	for (unsigned int i = 0; i < nr_files; i++) {
		struct file f = files[i];

		if (!is_in(&f, from))
			continue;
		f.path[1] = new[1];
		made(&f);
		drop(&files[i]);
	}
	if (rename(old, new)) {
		/* full, or there is no space */
		if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOSPC)
			die("rename");
		return;
	}
	for (unsigned int i = 0; i < nr_files; i++)
		if (is_in(&files[i], from))
			files[i].path[1] = new[1];
	dirs[from] = false;
	dirs[to] = true;
	sync_path(".");
	for (unsigned int i = 0; i < nr_files; i++)
		if (is_in(&files[i], to))
			keep(&files[i]);
}

/* The names are there then, and of the contents what was synchronised before. */
static void sync_dir(void)
{
	unsigned int d = 1 + rnd(MAX_DIRS);
	char dir[16];

	if (!dirs[d])
		return;
	snprintf(dir, sizeof(dir), "d%u", d);
	sync_path(dir);
	for (unsigned int i = 0; i < nr_files; i++)
		if (is_in(&files[i], d))
			keep(&files[i]);
}

static void set_name(struct file *f, unsigned int i)
{
	static const char long_name[] =
		"a-name-that-is-so-long-that-few-of-its-kind-fit-into-one-block-of-a-directory";

	snprintf(f->path, sizeof(f->path), "many/%u-%.*s", i, (int)(10 + i * 37 % 58),
		 long_name);
}

/*
 * So many names in a directory that its index splits; all of one file, since that takes no
 * inodes.  Then two of three go.  The ledger has one of twenty.
 */
static void many_names(unsigned int nr)
{
	struct file f = { .id = next_id++ };
	unsigned int i, end;
	int fd;

	if (failed(mkdir("many", 0755), "mkdir"))
		return;
	fd = open("many/0", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (failed(fd, "create"))
		return;
	close(fd);
	for (i = 1; i < nr; i++) {
		set_name(&f, i);
		if (!(i % 20))
			made(&f);
		if (failed(link("many/0", f.path), "link"))
			break;
	}
	end = i;
	sync_path("many");
	for (i = 20; i < end; i += 20) {
		set_name(&f, i);
		keep(&f);
	}
	for (i = 1; i < end; i++) {
		set_name(&f, i);
		if (!(i % 3))
			continue;
		if (!(i % 20))
			drop(&f);
		if (unlink(f.path))
			die("unlink");
	}
	sync_path("many");
}

static void attribute(struct file *f)
{
	static const char value[3000] = "value";

	failed(setxattr(f->path, "user.test", value, rnd(2) ? 20 : 200 + rnd(600), 0),
	       "setxattr");
	if (!rnd(3))
		failed(removexattr(f->path, "user.test"), "removexattr");
	/* with quotas somebody else accounts for it */
	if (rnd(2))
		failed(chown(f->path, rnd(100) * 7919, rnd(20)), "chown");
}

static void make_link(void)
{
	char name[32];

	snprintf(name, sizeof(name), "l%llu", (unsigned long long)rnd(10));
	if (symlink("somewhere/that/is/too/long/for/an/inode/because/it/has/more/than/sixty/bytes",
		    name) && errno != EEXIST && errno != ENOSPC)
		die("symlink");
	else if (rnd(2) && unlink(name) && errno != ENOENT)
		die("unlink");
}

static void remove_dir(void)
{
	unsigned int d = 1 + rnd(MAX_DIRS);
	char dir[16];

	snprintf(dir, sizeof(dir), "d%u", d);
	if (!dirs[d])
		return;
	if (!rmdir(dir))
		dirs[d] = false;
	else if (errno != ENOTEMPTY)
		die("rmdir");
}

static void step(void)
{
	unsigned int what = rnd(100), i;

	if (what < 28 || nr_files < 3) {
		create();
		return;
	}
	i = rnd(nr_files);
	if (what < 38)
		append(&files[i]);
	else if (what < 43)
		overwrite(&files[i]);
	else if (what < 47)
		cut(&files[i]);
	else if (what < 51)
		punch(&files[i]);
	else if (what < 57)
		enlarge(&files[i]);
	else if (what < 72)
		remove_file(i);
	else if (what < 78)
		move(&files[i]);
	else if (what < 82)
		move_over(&files[rnd(nr_files)], i);
	else if (what < 85)
		exchange(&files[rnd(nr_files)], &files[i]);
	else if (what < 89)
		add_name(&files[i]);
	else if (what < 91)
		move_dir();
	else if (what < 93)
		sync_dir();
	else if (what < 96)
		attribute(&files[i]);
	else if (what < 98)
		make_link();
	else
		remove_dir();
}

int main(int argc, char **argv)
{
	struct stat st;
	unsigned long n;

	if (argc != 6 && argc != 7) {
		fprintf(stderr, "usage: workload DIR PREFIX LEDGER SEED OPERATIONS [NAMES]\n");
		return 2;
	}
	prefix = argv[2];
	ledger = fopen(argv[3], "we");
	if (!ledger || fstat(fileno(ledger), &st))
		die(argv[3]);
	ledger_is_device = S_ISBLK(st.st_mode);
	if (chdir(argv[1]))
		die(argv[1]);
	rng = strtoull(argv[4], NULL, 0) * 0x9e3779b97f4a7c15ULL + 1;
	/* contents differ between processes, too */
	next_id = rnd(1000) * 1000000;
	if (argc == 7)
		many_names(strtoul(argv[6], NULL, 0));
	for (n = strtoul(argv[5], NULL, 0); n; n--)
		step();
	return fclose(ledger) ? 1 : 0;
}
