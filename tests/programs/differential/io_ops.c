// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Operations that move bytes: system calls with and without the page cache, and
 * memory mappings.
 *
 * Direct I/O that is not aligned to sectors fails with EINVAL, but the parts of a
 * transfer before the one that is refused may have been done, and where parts
 * begin depends on how the file is laid out. So a transfer is either aligned, or
 * starts at an odd position and is refused as a whole.
 */
#include "differential.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_VEC	4

static sigjmp_buf bus_error;
static volatile sig_atomic_t bus_expected;

static void on_sigbus(int sig)
{
	if (!bus_expected) {
		signal(sig, SIG_DFL);
		raise(sig);
	}
	siglongjmp(bus_error, 1);
}

static void catch_sigbus(void)
{
	static bool done;
	struct sigaction sa = { .sa_handler = on_sigbus };

	if (done)
		return;
	sigaction(SIGBUS, &sa, NULL);
	done = true;
}

static uint64_t file_size(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : (uint64_t)st.st_size;
}

/* Where an operation goes: clipped to the world, aligned if it must be. */
static void place(const struct world *w, const struct op *op, int fd, bool direct, uint64_t *off,
		  uint64_t *len)
{
	uint64_t align = w->dio_align;

	*off = op->off;
	*len = op->len;
	if (op->arg & ARG_FROM_EOF) {
		*off += file_size(fd);
		*off = *off > 8192 ? *off - 8192 : 0;
	}
	if (*len > w->max_len)
		*len = w->max_len;
	if (direct) {
		*off -= *off % align;
		*len = (*len + align - 1) / align * align;
	}
	if (*off > w->max_size)
		*off = w->max_size;
	if (*len > w->max_size - *off)
		*len = w->max_size - *off;
	/* Past all limits, and odd; but reading a hole has no alignment to keep to. */
	if (direct && (op->arg & ARG_ODD_DIRECT) && *len && !w->no_holes && !w->mmap_may_fill)
		*off |= 1;
}

static int split(const struct op *op, void *buf, size_t len, bool direct, size_t align,
		 struct iovec *vec)
{
	unsigned int n = 1 + ((op->arg >> ARG_VEC_SHIFT) & (MAX_VEC - 1)), i;
	unsigned char *p = buf;

	for (i = 0; i < n; i++) {
		size_t part = len / (n - i);

		if (i < n - 1)
			part = part * 2 / 3;
		if (direct)
			part -= i < n - 1 ? part % align : 0;
		vec[i] = (struct iovec) { .iov_base = p, .iov_len = part };
		p += part;
		len -= part;
	}
	return n;
}

static void read_result(struct result *res, long ret, unsigned char *buf)
{
	set_result(res, ret);
	if (ret > 0) {
		res->data = buf;
		res->data_len = ret;
	}
}

/* An open file of its own: setting O_DIRECT on the handle would outlast this. */
static int open_again(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_CLOEXEC);
}

static void close_again(int fd)
{
	int err = errno;

	close(fd);
	errno = err;
}

static void do_read(struct world *w, struct side *s, const struct op *op, struct result *res)
{
	bool direct = w->direct[op->handle] || op->type == OP_DREAD;
	int fd = s->fd[op->handle], again = -1;
	struct iovec vec[MAX_VEC];
	uint64_t off, len;

	place(w, op, fd, direct, &off, &len);
	switch (op->type) {
	case OP_READ:
		len = op->len > w->max_len ? w->max_len : op->len;
		if (direct)
			len = (len + w->dio_align - 1) / w->dio_align * w->dio_align;
		read_result(res, read(fd, s->buf, len), s->buf);
		break;
	case OP_PREAD:
		read_result(res, pread(fd, s->buf, len, off), s->buf);
		break;
	case OP_PREADV:
		read_result(res,
			    preadv(fd, vec, split(op, s->buf, len, direct, w->dio_align, vec), off),
			    s->buf);
		break;
	default:
		again = open_again(fd, O_RDONLY | O_DIRECT);
		if (again < 0) {
			res->step = "open O_DIRECT";
			set_result(res, -1);
			return;
		}
		read_result(res, pread(again, s->buf, len, off), s->buf);
		close_again(again);
	}
}

static void do_write(struct world *w, struct side *s, const struct op *op, struct result *res)
{
	bool direct = w->direct[op->handle] || op->type == OP_DWRITE;
	int fd = s->fd[op->handle], again;
	struct iovec vec[MAX_VEC];
	uint64_t off, len;

	place(w, op, fd, direct, &off, &len);
	switch (op->type) {
	case OP_WRITE:
		/* At the file's own position, or at the end with O_APPEND. */
		off = lseek(fd, 0, SEEK_CUR);
		if (fcntl(fd, F_GETFL) & O_APPEND)
			off = file_size(fd);
		len = op->len > w->max_len ? w->max_len : op->len;
		if (direct)
			len = (len + w->dio_align - 1) / w->dio_align * w->dio_align;
		if (off >= w->max_size || len > w->max_size - off)
			len = 0;
		set_result(res, write(fd, w->pattern, len));
		break;
	case OP_PWRITE:
	case OP_PWRITEV:
		if ((fcntl(fd, F_GETFL) & O_APPEND) && file_size(fd) + len > w->max_size)
			len = 0;
		if (op->type == OP_PWRITE)
			set_result(res, pwrite(fd, w->pattern, len, off));
		else
			set_result(res,
				   pwritev(fd, vec,
					   split(op, w->pattern, len, direct, w->dio_align, vec),
					   off));
		break;
	default:
		again = open_again(fd, O_WRONLY |
				   (op->type == OP_DWRITE ? O_DIRECT :
				    op->arg & ARG_DSYNC ? O_DSYNC : O_SYNC));
		if (again < 0) {
			res->step = "open";
			set_result(res, -1);
			return;
		}
		set_result(res, pwrite(again, w->pattern, len, off));
		close_again(again);
	}
}

static void do_append(struct world *w, struct side *s, const struct op *op, struct result *res)
{
	uint64_t len = op->len > w->max_len ? w->max_len : op->len;
	char name[64];
	int fd;

	op_name(w, op->name, name, sizeof(name));
	fd = openat(s->dir, name, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		res->step = "open";
		set_result(res, -1);
		return;
	}
	if (file_size(fd) + len > w->max_size)
		len = 0;
	set_result(res, write(fd, w->pattern, len));
	close_again(fd);
}

/*
 * Through a mapping that lives as long as the operation. A read includes the
 * last page's bytes past the end, which have to be zeroes; a write stays below it.
 */
static void do_map(struct world *w, struct side *s, const struct op *op, struct result *res)
{
	bool is_write = op->type == OP_MWRITE;
	uint64_t page = sysconf(_SC_PAGESIZE), off, len, size, start, end, map_len;
	int fd = s->fd[op->handle];
	unsigned char *map;

	place(w, op, fd, false, &off, &len);
	size = file_size(fd);
	end = is_write ? size : (size + page - 1) / page * page;
	if (off >= end || !len) {
		set_result(res, 0);
		return;
	}
	if (len > end - off)
		len = end - off;
	start = off - off % page;
	map_len = off + len - start;
	map = mmap(NULL, map_len, is_write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd,
		   start);
	if (map == MAP_FAILED) {
		res->step = "mmap";
		set_result(res, -1);
		return;
	}
	catch_sigbus();
	if (sigsetjmp(bus_error, 1)) {
		bus_expected = 0;
		res->step = "SIGBUS";
		errno = EFAULT;
		set_result(res, -1);
		munmap(map, map_len);
		return;
	}
	bus_expected = 1;
	if (is_write)
		memcpy(map + (off - start), w->pattern, len);
	else
		memcpy(s->buf, map + (off - start), len);
	bus_expected = 0;
	if (is_write && (op->arg & ARG_MSYNC) &&
	    msync(map, map_len, op->arg & ARG_ASYNC ? MS_ASYNC : MS_SYNC)) {
		res->step = "msync";
		set_result(res, -1);
		munmap(map, map_len);
		return;
	}
	munmap(map, map_len);
	if (is_write)
		set_result(res, len);
	else
		read_result(res, len, s->buf);
}

/* Both file systems get there by different ways; bytes and result are the same. */
static void do_copy(struct world *w, struct side *s, const struct op *op, struct result *res)
{
	int from = s->fd[op->handle], to = s->fd[op->handle2];
	uint64_t off, len, to_off = op->seed % w->max_size;
	off_t in, out;

	place(w, op, from, false, &off, &len);
	if (to_off + len > w->max_size)
		len = w->max_size - to_off;
	in = off;
	out = to_off;
	set_result(res, copy_file_range(from, &in, to, &out, len, 0));
	snprintf(res->text, sizeof(res->text), "from %lld to %lld", (long long)in, (long long)out);
}

bool run_io(struct world *w, int side, const struct op *op, struct result *res)
{
	struct side *s = &w->side[side];

	switch (op->type) {
	case OP_READ:
	case OP_PREAD:
	case OP_PREADV:
	case OP_DREAD:
		do_read(w, s, op, res);
		return true;
	case OP_WRITE:
	case OP_PWRITE:
	case OP_PWRITEV:
	case OP_DWRITE:
	case OP_SWRITE:
		do_write(w, s, op, res);
		return true;
	case OP_APPEND:
		do_append(w, s, op, res);
		return true;
	case OP_MREAD:
	case OP_MWRITE:
		do_map(w, s, op, res);
		return true;
	case OP_COPY:
		/* Splicing from or to an O_DIRECT file has alignment rules of its own. */
		if (!w->open[op->handle2] || w->direct[op->handle] || w->direct[op->handle2])
			set_result(res, 0);
		else
			do_copy(w, s, op, res);
		return true;
	case OP_CLONE:
		/* Neither side can; the errno depends on how the files were opened. */
		if (w->open[op->handle2])
			set_result(res, ioctl(s->fd[op->handle2], FICLONE, s->fd[op->handle]));
		else
			set_result(res, 0);
		return true;
	default:
		return false;
	}
}
