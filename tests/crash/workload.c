// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Changes files at random and notes in a ledger what a crash must leave.
 *
 *	workload DIR PREFIX LEDGER SEED OPERATIONS
 *
 * DIR: a directory for this process alone; PREFIX: its path inside the file system;
 * LEDGER: a file that survives the crash, or a block device, which gets each line before
 * anything else happens
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

struct file {
	uint64_t id;
	char path[80];
	uint64_t size;
	bool whole;		/* no holes */
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
		(unsigned long long)f->id, (unsigned long long)f->size, f->whole, prefix,
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

static void drop(const struct file *f)
{
	fprintf(ledger, "drop %llu %s/%s\n", (unsigned long long)now_ns(), prefix, f->path);
	end_line();
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

static void sync_file(int fd, const struct file *f)
{
	if (fsync(fd))
		die("fsync");
	keep(f);
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

	drop(f);
	if (failed(truncate(f->path, size), "truncate"))
		return;
	f->size = size;
}

static void punch(struct file *f)
{
	int fd = open(f->path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("open");
	if (f->size > 1) {
		drop(f);
		f->whole = false;
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
	drop(&old);
	if (failed(rename(old.path, f->path), "rename"))
		*f = old;
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

	if (what < 30 || nr_files < 3) {
		create();
		return;
	}
	i = rnd(nr_files);
	if (what < 42)
		append(&files[i]);
	else if (what < 48)
		overwrite(&files[i]);
	else if (what < 53)
		cut(&files[i]);
	else if (what < 58)
		punch(&files[i]);
	else if (what < 78)
		remove_file(i);
	else if (what < 86)
		move(&files[i]);
	else if (what < 92)
		attribute(&files[i]);
	else if (what < 96)
		make_link();
	else
		remove_dir();
}

int main(int argc, char **argv)
{
	struct stat st;
	unsigned long n;

	if (argc != 6) {
		fprintf(stderr, "usage: workload DIR PREFIX LEDGER SEED OPERATIONS\n");
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
	for (n = strtoul(argv[5], NULL, 0); n; n--)
		step();
	return fclose(ledger) ? 1 : 0;
}
