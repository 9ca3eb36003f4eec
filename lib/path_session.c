// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A session around libfuse's high-level half, and the operations that stand in front of the
 * server's own.
 *
 * libfuse's struct fuse has a struct fuse_session inside, which is all that the rest of this
 * library needs: mounting, the loop and the answers are as for any session.
 *
 *	init	 turns use_ino on, so that attr_ino is the server's number
 *	getattr	 puts the flags of iflags() into st_rdev, for path_reply.c
 *	readdir	 the same for entries that come with all attributes
 *	link	 refuses a second name for an iomap file
 *	fsync	 is where iomap requests come out with a path (path.h)
 *
 * They run in the worker whose request they belong to, with libfuse's context.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include "path.h"

/* libfuse's userdata of the session is its struct fuse. */
static struct fuse_iomap_session *this_session(void)
{
	const struct fuse_context *ctx = fuse_get_context();

	return ctx && ctx->fuse ? iomap_registry_by_userdata(ctx->fuse) : NULL;
}

struct fuse_iomap_session *fuse_iomap_path_session(void)
{
	struct fuse_iomap_session *fis = this_session();

	return fis && fis->path ? fis : NULL;
}

struct fuse *fuse_iomap_path_fuse(struct fuse_iomap_session *fis)
{
	return fis->path ? fis->path->fuse : NULL;
}

static const struct iomap_path *this_path(void)
{
	return this_session()->path;
}

/* What path_reply.c finds in the answer. */
static void set_iflags(const struct iomap_path *p, const char *path, struct stat *st)
{
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		return;
	st->st_rdev = 0;
	if (p->iop.iflags)
		st->st_rdev = p->iop.iflags(path, st);
}

static void on_intr_signal(int sig)
{
}

/*
 * The server wants operations to be interrupted: libfuse does it by a signal to the thread.
 * Some versions of it install the handler before init() has a chance to ask for it, which
 * means not at all.
 */
static void want_interrupts(struct fuse_iomap_session *fis, int sig)
{
	struct sigaction sa = { .sa_handler = on_intr_signal };
	struct sigaction old;

	if (sigaction(sig, NULL, &old) < 0)
		return;
	sigemptyset(&sa.sa_mask);
	if (old.sa_handler == SIG_DFL) {
		if (sigaction(sig, &sa, NULL) < 0)
			return;
		fis->path->intr_installed = true;
	}
	atomic_store(&fis->path->intr_signal, sig);
	iomap_path_worker(fis);
}

static void *path_init(struct fuse_conn_info *conn, struct fuse_config *cfg)
{
	struct fuse_iomap_session *fis = this_session();
	const struct iomap_path *p = fis->path;
	void *private_data = fuse_get_context()->private_data;

	cfg->use_ino = 1;
	if (p->op.init)
		private_data = p->op.init(conn, cfg);
	if (cfg->intr)
		want_interrupts(fis, cfg->intr_signal);
	return private_data;
}

static int path_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	struct iomap_carry *carry = iomap_this_thread()->carry;
	const struct iomap_path *p = this_path();
	int res;

	if (iomap_carry_wants(carry, FUSE_GETATTR)) {
		res = iomap_carry_deliver(carry, path, fi);
		if (!res)
			iomap_carry_stat(carry, st);
		return res;
	}
	res = p->op.getattr ? p->op.getattr(path, st, fi) : -ENOSYS;
	if (!res)
		set_iflags(p, path, st);
	return res;
}

static int path_fsync(const char *path, int datasync, struct fuse_file_info *fi)
{
	struct iomap_carry *carry = iomap_this_thread()->carry;
	const struct iomap_path *p = this_path();

	if (iomap_carry_wants(carry, FUSE_FSYNC))
		return iomap_carry_deliver(carry, path, fi);
	return p->op.fsync ? p->op.fsync(path, datasync, fi) : -ENOSYS;
}

static int path_link(const char *from, const char *to)
{
	struct fuse_iomap_session *fis = this_session();
	const struct iomap_path *p = fis->path;
	struct stat st = { 0 };
	int res;

	if (fuse_iomap_session_negotiated(fis) && p->iop.iflags && p->op.getattr) {
		res = p->op.getattr(from, &st, NULL);
		if (res)
			return res;
		if (S_ISREG(st.st_mode) &&
		    (p->iop.iflags(from, &st) & FUSE_ATTR_IOMAP) == FUSE_ATTR_IOMAP)
			return -EPERM;
	}
	return p->op.link(from, to);
}

/* readdir() of a directory, from libfuse to the server and back */
struct listing {
	const struct iomap_path *p;
	const char *dir;		/* or NULL */
	void *buf;			/* libfuse's */
	fuse_fill_dir_t filler;		/* libfuse's */
};

static int path_filler(void *buf, const char *name, const struct stat *st, off_t off,
		       enum fuse_fill_dir_flags flags)
{
	const struct listing *list = buf;
	char *path = NULL;
	struct stat copy;

	if (!st || !(flags & FUSE_FILL_DIR_PLUS))
		return list->filler(list->buf, name, st, off, flags);
	if (list->dir && asprintf(&path, "%s/%s", strcmp(list->dir, "/") ? list->dir : "",
				  name) < 0)
		/* without its flags: the kernel looks it up then */
		return list->filler(list->buf, name, st, off, flags & ~FUSE_FILL_DIR_PLUS);
	copy = *st;
	/* these two are no entries to the kernel */
	if (strcmp(name, ".") && strcmp(name, ".."))
		set_iflags(list->p, path, &copy);
	free(path);
	return list->filler(list->buf, name, &copy, off, flags);
}

static int path_readdir(const char *path, void *buf, fuse_fill_dir_t filler, off_t off,
			struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
	struct listing list = {
		.p = this_path(),
		.dir = path,
		.buf = buf,
		.filler = filler,
	};

	return list.p->op.readdir(path, &list, path_filler, off, fi, flags);
}

/*
 * libfuse's handle for a copy of the server's operations with ours in front.  They may be
 * more than this library knows, or fewer.
 */
static struct fuse *new_fuse(struct fuse_args *args, const struct fuse_operations *op,
			     size_t op_size, void *private_data)
{
	size_t size = op_size > sizeof(*op) ? op_size : sizeof(*op);
	struct fuse_operations *copy = calloc(1, size);
	struct fuse *fuse;

	if (!copy) {
		fuse_log(FUSE_LOG_ERR, "fuseiomap: out of memory\n");
		return NULL;
	}
	memcpy(copy, op, op_size);
	copy->init = path_init;
	copy->getattr = path_getattr;
	copy->fsync = path_fsync;
	if (copy->link)
		copy->link = path_link;
	if (copy->readdir)
		copy->readdir = path_readdir;
	fuse = fuse_new(args, copy, size, private_data);
	free(copy);
	return fuse;
}

struct fuse_iomap_session *fuse_iomap_path_session_new(struct fuse_args *args,
		const struct fuse_operations *op, size_t op_size,
		const struct fuse_iomap_path_ops *iop, size_t iop_size, void *private_data)
{
	struct fuse_iomap_session *fis;
	struct fuse_iomap_ops ops;
	struct iomap_path *p;

	p = calloc(1, sizeof(*p));
	if (!p || iomap_nodes_init(&p->nodes) < 0) {
		fuse_log(FUSE_LOG_ERR, "fuseiomap: out of memory\n");
		free(p);
		return NULL;
	}
	if (iop_size > sizeof(p->iop)) {
		fuse_log(FUSE_LOG_WARNING, "fuseiomap: the server knows operations that this "
			 "library does not\n");
		iop_size = sizeof(p->iop);
	}
	memcpy(&p->op, op, op_size < sizeof(p->op) ? op_size : sizeof(p->op));
	if (iop)
		memcpy(&p->iop, iop, iop_size);
	iomap_path_ops(&p->iop, &ops);

	fis = iomap_session_alloc(&ops, sizeof(ops), NULL);
	if (fis)
		p->fuse = new_fuse(args, op, op_size, private_data);
	if (!p->fuse) {
		fuse_iomap_session_destroy(fis);
		iomap_nodes_free(&p->nodes);
		free(p);
		return NULL;
	}
	fis->path = p;
	fis->userdata = p->fuse;
	fis->se = fuse_get_session(p->fuse);
	return fis;
}

/* For a worker, whose signals are blocked; the first one comes here from init(). */
void iomap_path_worker(struct fuse_iomap_session *fis)
{
	int sig = fis->path ? atomic_load(&fis->path->intr_signal) : 0;
	sigset_t set;

	if (!sig)
		return;
	sigemptyset(&set);
	sigaddset(&set, sig);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* The loop begins and ends: libfuse may have old nodes to throw away ("remember"). */
int iomap_path_start(struct fuse_iomap_session *fis)
{
	return fis->path && fuse_start_cleanup_thread(fis->path->fuse) < 0 ? -EAGAIN : 0;
}

void iomap_path_stop(struct fuse_iomap_session *fis)
{
	if (fis->path)
		fuse_stop_cleanup_thread(fis->path->fuse);
}

/* Frees fis->se, too. */
void iomap_path_free(struct fuse_iomap_session *fis)
{
	if (fis->path->intr_installed)
		signal(atomic_load(&fis->path->intr_signal), SIG_DFL);
	fuse_destroy(fis->path->fuse);
	iomap_nodes_free(&fis->path->nodes);
	free(fis->path);
}
