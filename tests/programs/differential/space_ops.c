// SPDX-License-Identifier: GPL-2.0-or-later
/* Operations on an open file's size, space, position and cached pages. */
#include "differential.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t place_off(const struct world *w, const struct op *op, int fd)
{
	uint64_t off = op->off;
	struct stat st;

	if ((op->arg & ARG_FROM_EOF) && !fstat(fd, &st)) {
		off += st.st_size;
		off = off > 8192 ? off - 8192 : 0;
	}
	return off > w->max_size ? w->max_size : off;
}

static int fallocate_mode(enum op_type type, unsigned int arg)
{
	switch (type) {
	case OP_KEEPSIZE:
		return FALLOC_FL_KEEP_SIZE;
	case OP_PUNCH:
		return FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	case OP_ZERO:
		return FALLOC_FL_ZERO_RANGE | (arg & ARG_DSYNC ? FALLOC_FL_KEEP_SIZE : 0);
	case OP_COLLAPSE:
		return FALLOC_FL_COLLAPSE_RANGE;
	case OP_INSERT:
		return FALLOC_FL_INSERT_RANGE;
	case OP_UNSHARE:
		return FALLOC_FL_UNSHARE_RANGE;
	default:
		return 0;
	}
}

static void do_fallocate(struct world *w, int fd, const struct op *op, struct result *res)
{
	uint64_t off = place_off(w, op, fd), len = op->len;
	struct stat st;

	if (len > w->max_size - off)
		len = w->max_size - off;
	/* Inserting moves the end; it must stay in the world. */
	if (op->type == OP_INSERT &&
	    (fstat(fd, &st) || (uint64_t)st.st_size + len > w->max_size)) {
		set_result(res, 0);
		return;
	}
	set_result(res, fallocate(fd, fallocate_mode(op->type, op->arg), off, len));
}

/* The whole file, so that the second step finds nothing dirty. */
static void do_drop(int fd, struct result *res)
{
	if (fsync(fd)) {
		res->step = "fsync";
		set_result(res, -1);
		return;
	}
	errno = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	set_result(res, errno ? -1 : 0);
}

static void do_lseek(struct world *w, int fd, const struct op *op, struct result *res)
{
	static const int whence[] = { SEEK_SET, SEEK_CUR, SEEK_END };

	set_result(res, lseek(fd, op->arg & ARG_FROM_EOF ? -(off_t)(op->off % 8192) : (off_t)op->off,
			      whence[(op->arg >> ARG_VEC_SHIFT) % 3]));
	/* Positions far past the world would make later writes pointless. */
	if (res->ret > (long)w->max_size)
		lseek(fd, w->max_size / 2, SEEK_SET);
}

/*
 * Positions without data or hole: the map itself is compared by a check, here
 * only what holds whatever is cached.
 */
static void do_seek(int fd, struct result *res)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	struct stat st;
	off_t past, hole;

	if (fstat(fd, &st)) {
		set_result(res, -1);
		return;
	}
	past = lseek(fd, st.st_size, SEEK_DATA);
	snprintf(res->text, sizeof(res->text), "data at the end: %lld, %s", (long long)past,
		 past < 0 ? strerror(errno) : "-");
	hole = lseek(fd, st.st_size ? st.st_size - 1 : 0, SEEK_HOLE);
	set_result(res, hole < 0 ? -1 : 0);
	if (lseek(fd, at, SEEK_SET) != at) {
		res->step = "seek back";
		set_result(res, -1);
	}
}

bool run_space(struct world *w, int side, const struct op *op, struct result *res)
{
	int fd = w->side[side].fd[op->handle];

	switch (op->type) {
	case OP_FTRUNCATE:
		set_result(res, ftruncate(fd, place_off(w, op, fd)));
		return true;
	case OP_FALLOCATE:
	case OP_KEEPSIZE:
	case OP_PUNCH:
	case OP_ZERO:
	case OP_COLLAPSE:
	case OP_INSERT:
	case OP_UNSHARE:
		do_fallocate(w, fd, op, res);
		return true;
	case OP_FSYNC:
		set_result(res, fsync(fd));
		return true;
	case OP_FDATASYNC:
		set_result(res, fdatasync(fd));
		return true;
	case OP_SYNCFS:
		set_result(res, syncfs(fd));
		return true;
	case OP_SYNCRANGE:
		set_result(res, sync_file_range(fd, place_off(w, op, fd), op->len,
						SYNC_FILE_RANGE_WRITE |
						(op->arg & ARG_ASYNC ? 0 :
						 SYNC_FILE_RANGE_WAIT_AFTER)));
		return true;
	case OP_DROP:
		do_drop(fd, res);
		return true;
	case OP_LSEEK:
		do_lseek(w, fd, op, res);
		return true;
	case OP_SEEK:
		do_seek(fd, res);
		return true;
	default:
		return false;
	}
}
