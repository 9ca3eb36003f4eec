// SPDX-License-Identifier: GPL-2.0-or-later
/* Comparison of results, attributes, bytes, holes and directories. */
#include "differential.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_ENTRIES	(MAX_FILES + 4)

static const char *err_name(int err)
{
	return err ? strerrorname_np(err) : "success";
}

bool compare_results(struct world *w, const struct op *op, const struct result *a,
		     const struct result *b)
{
	const char *step_a = a->step ? a->step : "", *step_b = b->step ? b->step : "";

	if (a->ret != b->ret || a->err != b->err || strcmp(step_a, step_b)) {
		report(w, op, "results differ:\n  A: %ld (%s) %s\n  B: %ld (%s) %s", a->ret,
		       err_name(a->err), step_a, b->ret, err_name(b->err), step_b);
		return false;
	}
	if (strcmp(a->text, b->text)) {
		report(w, op, "results differ:\n  A: %s\n  B: %s", a->text, b->text);
		return false;
	}
	w->compared_bytes += a->data_len;
	if (a->data_len && memcmp(a->data, b->data, a->data_len)) {
		report(w, op, "bytes read differ:");
		report_bytes(a->data, b->data, a->data_len, 0);
		return false;
	}
	return true;
}

static bool compare_stat(struct world *w, const struct op *op, const char *what,
			 const struct stat *a, const struct stat *b)
{
	if (S_ISDIR(a->st_mode) && S_ISDIR(b->st_mode) && a->st_mode == b->st_mode)
		return true;
	if (a->st_size == b->st_size && a->st_mode == b->st_mode && a->st_nlink == b->st_nlink &&
	    a->st_uid == b->st_uid && a->st_gid == b->st_gid)
		return true;
	report(w, op, "attributes of %s differ:\n"
	       "  A: size %lld mode %o nlink %lu uid %u gid %u ino %lu\n"
	       "  B: size %lld mode %o nlink %lu uid %u gid %u ino %lu", what,
	       (long long)a->st_size, a->st_mode, (unsigned long)a->st_nlink, a->st_uid, a->st_gid,
	       (unsigned long)a->st_ino, (long long)b->st_size, b->st_mode,
	       (unsigned long)b->st_nlink, b->st_uid, b->st_gid, (unsigned long)b->st_ino);
	return false;
}

bool compare_fds(struct world *w, const struct op *op, const char *what, int a, int b)
{
	struct stat st[2];

	if (fstat(a, &st[0]) || fstat(b, &st[1])) {
		report(w, op, "fstat of %s: %s", what, strerror(errno));
		return false;
	}
	return compare_stat(w, op, what, &st[0], &st[1]);
}

bool compare_names(struct world *w, const struct op *op, unsigned int name)
{
	struct stat st[2];
	char path[64];
	int err[2], i;

	op_name(w, name, path, sizeof(path));
	for (i = 0; i < 2; i++)
		err[i] = fstatat(w->side[i].dir, path, &st[i], AT_SYMLINK_NOFOLLOW) ? errno : 0;
	if (err[0] != err[1]) {
		report(w, op, "lstat of %s differs: A: %s, B: %s", path, err_name(err[0]),
		       err_name(err[1]));
		return false;
	}
	return err[0] || compare_stat(w, op, path, &st[0], &st[1]);
}

static bool compare_bytes(struct world *w, const struct op *op, const char *what, const int *fd)
{
	off_t off = 0;

	for (;;) {
		ssize_t got[2];
		int i;

		for (i = 0; i < 2; i++) {
			got[i] = pread(fd[i], w->side[i].buf, w->buf_size, off);
			if (got[i] < 0) {
				report(w, op, "%c: cannot read %s at %lld: %s", w->side[i].label,
				       what, (long long)off, strerror(errno));
				return false;
			}
		}
		if (got[0] != got[1]) {
			report(w, op, "lengths of %s differ: A reads %zd at %lld, B %zd", what,
			       got[0], (long long)off, got[1]);
			return false;
		}
		if (!got[0])
			return true;
		w->compared_bytes += got[0];
		if (memcmp(w->side[0].buf, w->side[1].buf, got[0])) {
			report(w, op, "bytes of %s differ:", what);
			report_bytes(w->side[0].buf, w->side[1].buf, got[0], off);
			return false;
		}
		off += got[0];
	}
}

/* The next border at or after *off; *hole says what begins there. -1: no more. */
static off_t next_border(int fd, off_t off, int whence)
{
	off_t next = lseek(fd, off, whence);

	return next < 0 && errno == ENXIO ? -1 : next < 0 ? -2 : next;
}

static bool compare_holes(struct world *w, const struct op *op, const char *what, const int *fd)
{
	int whence = SEEK_DATA, i;
	off_t off = 0, next[2];

	for (;;) {
		for (i = 0; i < 2; i++) {
			next[i] = next_border(fd[i], off, whence);
			if (next[i] == -2) {
				report(w, op, "%c: SEEK in %s at %lld: %s", w->side[i].label, what,
				       (long long)off, strerror(errno));
				return false;
			}
		}
		if (next[0] != next[1]) {
			report(w, op, "holes of %s differ: %s from %lld on: A: %lld, B: %lld", what,
			       whence == SEEK_DATA ? "SEEK_DATA" : "SEEK_HOLE", (long long)off,
			       (long long)next[0], (long long)next[1]);
			return false;
		}
		if (next[0] < 0)
			return true;
		off = next[0];
		whence = whence == SEEK_DATA ? SEEK_HOLE : SEEK_DATA;
	}
}

static bool *mapped_slot(struct world *w, const struct stat *st)
{
	return &w->mapped[st->st_ino % MAX_INO];
}

/* The file open at @fd, on side B, was written through a mapping, or is new. */
void note_mapped(struct world *w, int fd, bool mapped)
{
	struct stat st;

	if (!fstat(fd, &st))
		*mapped_slot(w, &st) = mapped;
}

/* All data of B is data of A. */
static bool compare_filled(struct world *w, const struct op *op, const char *what, const int *fd)
{
	off_t off = 0, data, hole, end;

	for (;;) {
		data = next_border(fd[1], off, SEEK_DATA);
		if (data == -1)
			return true;
		hole = next_border(fd[1], data, SEEK_HOLE);
		end = next_border(fd[0], data, SEEK_HOLE);
		if (data < 0 || hole < 0 || end < hole ||
		    next_border(fd[0], data, SEEK_DATA) != data) {
			report(w, op, "data of B is a hole in A: %s, [%lld, %lld)", what,
			       (long long)data, (long long)hole);
			return false;
		}
		off = hole;
	}
}

static bool compare_maps(struct world *w, const struct op *op, const char *what, const int *fd)
{
	struct stat st;

	if (w->no_holes)
		return true;
	if (w->mmap_may_fill && !fstat(fd[1], &st) && *mapped_slot(w, &st))
		return compare_filled(w, op, what, fd);
	return compare_holes(w, op, what, fd);
}

/* Do both files say the same of their holes? */
static bool same_holes(const int *fd)
{
	off_t off = 0, next;
	int whence = SEEK_DATA;

	do {
		next = next_border(fd[0], off, whence);
		if (next_border(fd[1], off, whence) != next)
			return false;
		off = next;
		whence = whence == SEEK_DATA ? SEEK_HOLE : SEEK_DATA;
	} while (off >= 0);
	return true;
}

/*
 * Take clean pages away: with one in memory, unwritten space is data for SEEK_DATA. A page
 * that somebody holds at this moment (reclaim, the journal) stays, on either side; a hole
 * that is different stays different.
 */
static void drop_pages(const struct world *w, const char *what, const int *fd)
{
	int i, tries;

	for (tries = 0; tries < 30; tries++) {
		for (i = 0; i < 2; i++)
			posix_fadvise(fd[i], 0, 0, POSIX_FADV_DONTNEED);
		if (w->no_holes || w->mmap_may_fill || same_holes(fd))
			break;
		usleep(100000);
	}
	if (tries)
		printf("holes of %s: looked at %d times until pages were dropped\n", what,
		       tries + 1);
}

static bool check_pair(struct world *w, const struct op *op, const char *what, const int *fd)
{
	struct stat st;
	int i;

	if (!compare_fds(w, op, what, fd[0], fd[1]))
		return false;
	if (fstat(fd[0], &st) || !S_ISREG(st.st_mode))
		return true;
	if (!compare_bytes(w, op, what, fd))
		return false;
	for (i = 0; i < 2; i++) {
		if (fsync(fd[i])) {
			report(w, op, "%c: fsync of %s: %s", w->side[i].label, what,
			       strerror(errno));
			return false;
		}
	}
	drop_pages(w, what, fd);
	return compare_maps(w, op, what, fd) && compare_bytes(w, op, what, fd);
}

/* Through descriptors of their own, which leave the handles' positions alone. */
static bool check_path(struct world *w, const struct op *op, const char *what, int dir_a,
		       const char *path_a, int dir_b, const char *path_b)
{
	int fd[2];
	bool ok;

	fd[0] = openat(dir_a, path_a, O_RDONLY | O_CLOEXEC);
	fd[1] = openat(dir_b, path_b, O_RDONLY | O_CLOEXEC);
	if (fd[0] < 0 || fd[1] < 0) {
		ok = fd[0] < 0 && fd[1] < 0;
		if (!ok)
			report(w, op, "%s can be opened in %c only", what, fd[0] < 0 ? 'B' : 'A');
	} else {
		ok = check_pair(w, op, what, fd);
	}
	if (fd[0] >= 0)
		close(fd[0]);
	if (fd[1] >= 0)
		close(fd[1]);
	return ok;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Names and types of a directory, sorted, without what mke2fs puts there. */
static int list(struct side *s, const char *path, char (*names)[64], int max)
{
	int fd = openat(s->dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
	struct dirent *de;
	DIR *dir;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return -1;
	while ((de = readdir(dir)) && n < max) {
		if (strcmp(de->d_name, "lost+found"))
			snprintf(names[n++], 64, "%.48s type %u", de->d_name, de->d_type);
	}
	closedir(dir);
	qsort(names, n, 64, by_text);
	return n;
}

static bool compare_dirs(struct world *w, const struct op *op)
{
	static const char *const dirs[NR_DIRS] = { ".", "d0", "d1" };
	static char names[2][MAX_ENTRIES][64];
	int i, j, n[2];

	for (i = 0; i < NR_DIRS; i++) {
		for (j = 0; j < 2; j++)
			n[j] = list(&w->side[j], dirs[i], names[j], MAX_ENTRIES);
		if (n[0] < 0 || n[1] < 0 || n[0] != n[1]) {
			report(w, op, "directory %s has %d entries in A, %d in B", dirs[i], n[0],
			       n[1]);
			return false;
		}
		for (j = 0; j < n[0]; j++) {
			if (strcmp(names[0][j], names[1][j])) {
				report(w, op, "directory %s: A has %s, B has %s", dirs[i],
				       names[0][j], names[1][j]);
				return false;
			}
		}
	}
	return true;
}

bool check_world(struct world *w, const struct op *op)
{
	char what[64], path[2][64];
	unsigned int i;
	int j;

	w->checks++;
	if (!compare_dirs(w, op))
		return false;
	for (i = 0; i < w->files * NR_DIRS; i++) {
		if (!compare_names(w, op, i))
			return false;
		op_name(w, i, what, sizeof(what));
		if (!check_path(w, op, what, w->side[0].dir, what, w->side[1].dir, what))
			return false;
	}
	for (i = 0; i < NR_HANDLES; i++) {
		if (!w->open[i])
			continue;
		snprintf(what, sizeof(what), "handle %u", i);
		for (j = 0; j < 2; j++)
			snprintf(path[j], sizeof(path[j]), "/proc/self/fd/%d", w->side[j].fd[i]);
		if (!check_path(w, op, what, AT_FDCWD, path[0], AT_FDCWD, path[1]))
			return false;
	}
	return true;
}
