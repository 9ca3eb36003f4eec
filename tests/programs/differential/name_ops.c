// SPDX-License-Identifier: GPL-2.0-or-later
/* Operations on names, and on what a name leads to. */
#include "differential.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static void do_open(struct world *w, struct side *s, const struct op *op, const char *name,
		    struct result *res)
{
	int *fd = &s->fd[op->handle];

	if (*fd >= 0)
		close(*fd);
	*fd = openat(s->dir, name, op_open_flags(w, op), op_open_mode(op));
	set_result(res, *fd < 0 ? -1 : 0);
}

static void do_reopen(struct world *w, struct side *s, const struct op *op, struct result *res)
{
	int *fd = &s->fd[op->handle], old = *fd;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", old);
	*fd = open(path, op_open_flags(w, op));
	set_result(res, *fd < 0 ? -1 : 0);
	close(old);
}

static void do_truncate(struct world *w, struct side *s, const struct op *op, const char *name,
			struct result *res)
{
	uint64_t size = op->off > w->max_size ? w->max_size : op->off;
	int fd;

	/* truncate(2) has no *at form; what it does is this. */
	fd = openat(s->dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		res->step = "open";
		set_result(res, -1);
		return;
	}
	set_result(res, ftruncate(fd, size));
	close(fd);
}

/* The time comes back as it was set. Kernel and server may each hold one. */
static void do_utimes(struct side *s, const struct op *op, const char *name, struct result *res)
{
	struct timespec ts[2] = {
		{ .tv_sec = op->seed % 2000000000, .tv_nsec = op->seed / 7 % 1000000000 },
		{ .tv_sec = op->seed / 11 % 2000000000, .tv_nsec = op->seed / 13 % 1000000000 },
	};
	struct stat st;

	set_result(res, utimensat(s->dir, name, ts, AT_SYMLINK_NOFOLLOW));
	if (res->ret)
		return;
	set_result(res, fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW));
	snprintf(res->text, sizeof(res->text), "atime %lld.%09ld mtime %lld.%09ld",
		 (long long)st.st_atim.tv_sec, st.st_atim.tv_nsec, (long long)st.st_mtim.tv_sec,
		 st.st_mtim.tv_nsec);
}

static void do_xattr(struct world *w, struct side *s, const struct op *op, const char *name,
		     struct result *res)
{
	int fd = openat(s->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char key[32];

	if (fd < 0) {
		res->step = "open";
		set_result(res, -1);
		return;
	}
	snprintf(key, sizeof(key), "user.x%u", (op->arg >> ARG_VEC_SHIFT) & 3);
	if (op->type == OP_GETXATTR) {
		set_result(res, fgetxattr(fd, key, s->buf, w->buf_size));
		if (res->ret > 0) {
			res->data = s->buf;
			res->data_len = res->ret;
		}
	} else if (op->arg & ARG_MSYNC) {
		set_result(res, fremovexattr(fd, key));
	} else {
		set_result(res, fsetxattr(fd, key, w->pattern, op->len, 0));
	}
	close(fd);
}

#define CHATTR_FLAGS	(FS_IMMUTABLE_FL | FS_APPEND_FL | FS_SYNC_FL)

int change_flags(const struct side *s, const char *name, int new_flags, int *old)
{
	int fd = openat(s->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), ret;

	if (fd < 0)
		return -1;
	ret = ioctl(fd, FS_IOC_GETFLAGS, old);
	if (!ret) {
		new_flags |= *old & ~CHATTR_FLAGS;
		*old &= CHATTR_FLAGS;
		ret = ioctl(fd, FS_IOC_SETFLAGS, &new_flags);
	}
	close(fd);
	return ret;
}

static void do_chattr(struct side *s, const struct op *op, const char *name, struct result *res)
{
	int old = 0;

	set_result(res, change_flags(s, name, (op->arg & 1 ? FS_IMMUTABLE_FL : 0) |
				     (op->arg & 2 ? FS_APPEND_FL : 0) |
				     (op->arg & 4 ? FS_SYNC_FL : 0), &old));
	snprintf(res->text, sizeof(res->text), "flags before %#x", old);
}

static void do_readlink(struct side *s, const char *name, struct result *res)
{
	set_result(res, readlinkat(s->dir, name, (char *)s->buf, 4096));
	if (res->ret > 0) {
		res->data = s->buf;
		res->data_len = res->ret;
	}
}

bool run_name(struct world *w, int side, const struct op *op, struct result *res)
{
	struct side *s = &w->side[side];
	char name[64], name2[64];
	struct stat st;

	op_name(w, op->name, name, sizeof(name));
	op_name(w, op->name2, name2, sizeof(name2));
	switch (op->type) {
	case OP_OPEN:
		do_open(w, s, op, name, res);
		return true;
	case OP_CLOSE:
		set_result(res, close(s->fd[op->handle]));
		s->fd[op->handle] = -1;
		return true;
	case OP_REOPEN:
		do_reopen(w, s, op, res);
		return true;
	case OP_TRUNCATE:
		do_truncate(w, s, op, name, res);
		return true;
	case OP_STAT:
		set_result(res, fstatat(s->dir, name, &st, 0));
		if (!res->ret && S_ISREG(st.st_mode))
			snprintf(res->text, sizeof(res->text), "size %lld mode %o nlink %lu",
				 (long long)st.st_size, st.st_mode, (unsigned long)st.st_nlink);
		return true;
	case OP_CHMOD:
		set_result(res, fchmodat(s->dir, name, op->arg, 0));
		return true;
	case OP_CHATTR:
		do_chattr(s, op, name, res);
		return true;
	case OP_UTIMES:
		do_utimes(s, op, name, res);
		return true;
	case OP_SETXATTR:
	case OP_GETXATTR:
		do_xattr(w, s, op, name, res);
		return true;
	case OP_RENAME:
		set_result(res, renameat(s->dir, name, s->dir, name2));
		return true;
	case OP_NOREPLACE:
		set_result(res, renameat2(s->dir, name, s->dir, name2, RENAME_NOREPLACE));
		return true;
	case OP_EXCHANGE:
		set_result(res, renameat2(s->dir, name, s->dir, name2, RENAME_EXCHANGE));
		return true;
	case OP_LINK:
		set_result(res, linkat(s->dir, name, s->dir, name2, 0));
		return true;
	case OP_UNLINK:
		set_result(res, unlinkat(s->dir, name, 0));
		return true;
	case OP_SYMLINK:
		/* Relative to the link's directory, so often to nowhere, or in circles. */
		set_result(res, symlinkat(name, s->dir, name2));
		return true;
	case OP_READLINK:
		do_readlink(s, name, res);
		return true;
	default:
		return false;
	}
}
