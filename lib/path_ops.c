// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * iomap requests for a path-based server: each is one of the low-level table's operations,
 * has libfuse find the path (path.h says how), calls the server with it and answers.
 */
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "path.h"

/* A request that libfuse handles for the sake of the path. */
struct carrier {
	struct fuse_in_header in;
	union {
		struct fuse_fsync_in fsync;
		struct fuse_getattr_in getattr;
	} body;
};

static_assert(sizeof(struct fuse_fsync_in) == sizeof(struct fuse_getattr_in),
	      "one size for both");

/*
 * Call carry->call with the path of the node in @c, with libfuse's context set up.  Returns
 * what it returned, or libfuse's error if there was no call.
 */
static int carry_out(struct fuse_iomap_session *fis, struct iomap_carry *carry,
		     struct carrier *c)
{
	struct fuse_buf fbuf = { .mem = c, .size = sizeof(*c) };

	c->in.len = sizeof(*c);
	carry->unique = c->in.unique;
	carry->opcode = c->in.opcode;
	carry->result = -EIO;
	iomap_this_thread()->carry = carry;
	fuse_session_process_buf(fis->se, &fbuf);
	iomap_this_thread()->carry = NULL;
	return carry->result;
}

/* Is it for @carry that libfuse calls an operation?  A stacked module may call others, too. */
bool iomap_carry_wants(const struct iomap_carry *carry, uint32_t opcode)
{
	return carry && carry->opcode == opcode && !carry->called;
}

/* fsync() and getattr() of path_session.c have the path. */
int iomap_carry_deliver(struct iomap_carry *carry, const char *path, struct fuse_file_info *fi)
{
	const struct fuse_iomap_session *fis = fuse_iomap_path_session();

	carry->called = true;
	carry->result = carry->call(&fis->path->iop, path, fi, carry->arg);
	return carry->result;
}

static struct carrier fsync_for(fuse_iomap_req_t req, fuse_ino_t nodeid)
{
	const struct fuse_ctx *ctx = fuse_iomap_req_ctx(req);

	return (struct carrier) {
		.in = {
			.opcode = FUSE_FSYNC,
			.unique = iomap_request_unique(req),
			.nodeid = nodeid,
			.uid = ctx->uid,
			.gid = ctx->gid,
			.pid = ctx->pid,
		},
	};
}

/* Returns 0 or the server's errno, positive, ready to be sent. */
static int call_server(fuse_iomap_req_t req, fuse_ino_t nodeid,
		       int (*call)(const struct fuse_iomap_path_ops *, const char *,
				   struct fuse_file_info *, void *), void *arg)
{
	struct carrier c = fsync_for(req, nodeid);
	struct iomap_carry carry = { .call = call, .arg = arg };

	return -carry_out(fuse_iomap_req_session(req), &carry, &c);
}

struct config_args {
	uint64_t flags;
	int64_t maxbytes;
	uint32_t cache_maxbytes;
	struct fuse_iomap_config_out cfg;
};

static int call_config(const struct fuse_iomap_path_ops *iop, const char *path,
		       struct fuse_file_info *fi, void *arg)
{
	struct config_args *a = arg;

	return iop->config(a->flags, a->maxbytes, a->cache_maxbytes, &a->cfg);
}

/*
 * libfuse's path layer counts who has a file open, and keeps listings with open directories.  Its
 * nodes go by FORGET only.
 */
#define NEEDS_OPEN	(FUSE_IOMAP_CONFIG_DIRS | FUSE_IOMAP_CONFIG_NO_OPEN | \
			 FUSE_IOMAP_CONFIG_FORGET)

static void path_config(fuse_iomap_req_t req, uint64_t flags, int64_t maxbytes,
			uint32_t cache_maxbytes)
{
	struct config_args a = {
		.flags = flags & ~NEEDS_OPEN,
		.maxbytes = maxbytes,
		.cache_maxbytes = cache_maxbytes,
	};
	int err = call_server(req, FUSE_ROOT_ID, call_config, &a);

	if (!err && (a.cfg.flags & NEEDS_OPEN)) {
		fuse_log(FUSE_LOG_ERR, "fuseiomap: a path-based server can't do without OPEN and FORGET\n");
		err = EINVAL;
	}
	if (err)
		fuse_iomap_reply_err(req, err);
	else
		fuse_iomap_reply_config(req, &a.cfg);
}

struct begin_args {
	uint64_t ino, pos, count;
	uint32_t opflags;
	struct fuse_iomap_path_answer answer;
};

static int call_begin(const struct fuse_iomap_path_ops *iop, const char *path,
		      struct fuse_file_info *fi, void *arg)
{
	struct begin_args *a = arg;

	return iop->begin(path, a->ino, a->pos, a->count, a->opflags, &a->answer);
}

static void path_begin(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t attr_ino, uint64_t pos,
		       uint64_t count, uint32_t opflags)
{
	struct begin_args a = {
		.ino = attr_ino,
		.pos = pos,
		.count = count,
		.opflags = opflags,
		.answer = {
			.write.type = FUSE_IOMAP_TYPE_PURE_OVERWRITE,
			.room = fuse_iomap_req_room(req),
		},
	};
	struct fuse_iomap_path_answer *answer = &a.answer;
	struct fuse_iomap_io *more = NULL;
	int err;

	/* they only save questions: without memory there are none */
	if (answer->room)
		more = calloc(answer->room, sizeof(*more));
	if (!more)
		answer->room = 0;
	answer->more = more;
	err = call_server(req, nodeid, call_begin, &a);
	if (err)
		fuse_iomap_reply_err(req, err);
	else
		fuse_iomap_reply_begin_more(req, &answer->read,
				answer->write.type == FUSE_IOMAP_TYPE_PURE_OVERWRITE ?
				NULL : &answer->write, more, more ? answer->nr : 0);
	free(more);
}

static int call_end(const struct fuse_iomap_path_ops *iop, const char *path,
		    struct fuse_file_info *fi, void *arg)
{
	return iop->end(path, arg);
}

static void path_end(fuse_iomap_req_t req, fuse_ino_t nodeid, const struct fuse_iomap_end_in *in)
{
	fuse_iomap_reply_err(req, call_server(req, nodeid, call_end, (void *)in));
}

struct ioend_args {
	const struct fuse_iomap_ioend_in *in;
	uint64_t newsize;
};

static int call_ioend(const struct fuse_iomap_path_ops *iop, const char *path,
		      struct fuse_file_info *fi, void *arg)
{
	struct ioend_args *a = arg;

	return iop->ioend(path, a->in, &a->newsize);
}

static void path_ioend(fuse_iomap_req_t req, fuse_ino_t nodeid,
		       const struct fuse_iomap_ioend_in *in)
{
	struct ioend_args a = { .in = in };
	int err = call_server(req, nodeid, call_ioend, &a);

	if (err)
		fuse_iomap_reply_err(req, err);
	else
		fuse_iomap_reply_ioend(req, a.newsize);
}

static int call_syncfs(const struct fuse_iomap_path_ops *iop, const char *path,
		       struct fuse_file_info *fi, void *arg)
{
	return iop->syncfs();
}

static void path_syncfs(fuse_iomap_req_t req, fuse_ino_t nodeid)
{
	fuse_iomap_reply_err(req, call_server(req, FUSE_ROOT_ID, call_syncfs, NULL));
}

static int call_freezefs(const struct fuse_iomap_path_ops *iop, const char *path,
			 struct fuse_file_info *fi, void *arg)
{
	return iop->freezefs(*(uint64_t *)arg);
}

static void path_freezefs(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t unlinked)
{
	fuse_iomap_reply_err(req, call_server(req, FUSE_ROOT_ID, call_freezefs, &unlinked));
}

static int call_unfreezefs(const struct fuse_iomap_path_ops *iop, const char *path,
			   struct fuse_file_info *fi, void *arg)
{
	return iop->unfreezefs();
}

static void path_unfreezefs(fuse_iomap_req_t req, fuse_ino_t nodeid)
{
	fuse_iomap_reply_err(req, call_server(req, FUSE_ROOT_ID, call_unfreezefs, NULL));
}

static int call_shutdownfs(const struct fuse_iomap_path_ops *iop, const char *path,
			   struct fuse_file_info *fi, void *arg)
{
	return iop->shutdownfs(*(uint64_t *)arg);
}

static void path_shutdownfs(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t flags)
{
	fuse_iomap_reply_err(req, call_server(req, FUSE_ROOT_ID, call_shutdownfs, &flags));
}

/*
 * STATX is the one that GETATTR carries: libfuse corrects what getattr() says, and the
 * kernel must not hear of a file that was removed and hidden that it has a link.
 */
struct statx_args {
	uint32_t flags, mask;
	struct statx stx;
};

static int call_statx(const struct fuse_iomap_path_ops *iop, const char *path,
		      struct fuse_file_info *fi, void *arg)
{
	struct statx_args *a = arg;

	return iop->statx(path, a->flags, a->mask, &a->stx, fi);
}

/* What getattr() would say, for libfuse. */
void iomap_carry_stat(const struct iomap_carry *carry, struct stat *st)
{
	const struct statx *stx = &((const struct statx_args *)carry->arg)->stx;

	*st = (struct stat) {
		.st_ino = stx->stx_ino,
		.st_mode = stx->stx_mode,
		.st_nlink = stx->stx_nlink,
		.st_uid = stx->stx_uid,
		.st_gid = stx->stx_gid,
		.st_size = stx->stx_size,
		.st_mtim = { stx->stx_mtime.tv_sec, stx->stx_mtime.tv_nsec },
	};
}

static void path_statx(fuse_iomap_req_t req, fuse_ino_t nodeid, bool has_fh, uint64_t fh,
		       uint32_t flags, uint32_t mask)
{
	struct statx_args a = { .flags = flags, .mask = mask };
	struct iomap_carry carry = { .call = call_statx, .arg = &a };
	struct carrier c = fsync_for(req, nodeid);
	int err;

	c.in.opcode = FUSE_GETATTR;
	c.body.getattr = (struct fuse_getattr_in) {
		.getattr_flags = has_fh ? FUSE_GETATTR_FH : 0,
		.fh = fh,
	};
	err = -carry_out(fuse_iomap_req_session(req), &carry, &c);
	if (!err && !carry.has_attr)
		err = EIO;
	if (err) {
		fuse_iomap_reply_err(req, err);
		return;
	}
	a.stx.stx_ino = carry.attr.attr.ino;
	a.stx.stx_mode = carry.attr.attr.mode;
	a.stx.stx_nlink = carry.attr.attr.nlink;
	a.stx.stx_uid = carry.attr.attr.uid;
	a.stx.stx_gid = carry.attr.attr.gid;
	fuse_iomap_reply_statx(req, &a.stx,
			       carry.attr.attr_valid + carry.attr.attr_valid_nsec * 1e-9);
}

/* The low-level operations of a server with @iop. */
void iomap_path_ops(const struct fuse_iomap_path_ops *iop, struct fuse_iomap_ops *ops)
{
	*ops = (struct fuse_iomap_ops) {
		.config	    = iop->config ? path_config : NULL,
		.begin	    = iop->begin ? path_begin : NULL,
		.end	    = iop->end ? path_end : NULL,
		.ioend	    = iop->ioend ? path_ioend : NULL,
		.syncfs	    = iop->syncfs ? path_syncfs : NULL,
		.statx	    = iop->statx ? path_statx : NULL,
		.freezefs   = iop->freezefs ? path_freezefs : NULL,
		.unfreezefs = iop->unfreezefs ? path_unfreezefs : NULL,
		.shutdownfs = iop->shutdownfs ? path_shutdownfs : NULL,
	};
}

static int call_forget(const struct fuse_iomap_path_ops *iop, const char *path,
		       struct fuse_file_info *fi, void *arg)
{
	iop->forget(*(uint64_t *)arg);
	return 0;
}

/* Count what FORGET or BATCH_FORGET @in takes away; libfuse gets it as well. */
void iomap_path_forget(struct fuse_iomap_session *fis, const struct fuse_in_header *in)
{
	const struct fuse_forget_in *one = (const void *)(in + 1);
	const struct fuse_batch_forget_in *batch = (const void *)(in + 1);
	const struct fuse_forget_one *list = (const void *)(batch + 1);
	size_t len = in->len - sizeof(*in), i;

	if (in->opcode == FUSE_FORGET) {
		if (len >= sizeof(*one))
			iomap_nodes_put(&fis->path->nodes, in->nodeid, one->nlookup);
		return;
	}
	if (len < sizeof(*batch) || (len - sizeof(*batch)) / sizeof(*list) < batch->count)
		return;
	for (i = 0; i < batch->count; i++)
		iomap_nodes_put(&fis->path->nodes, list[i].nodeid, list[i].nlookup);
}

/*
 * Tell the server of files that the kernel doesn't know any more, when the request @in has
 * been handled.  Not from where they are found: that may be in the middle of another
 * operation's answer, with a path locked.
 *
 * A FORGET may be read after DESTROY, when there is no server left to be told.  DESTROY sets
 * "destroyed" and then waits for what is in flight, FORGET is counted in flight and then looks
 * at "destroyed", all sequentially consistent: one of the two sees the other.
 */
void iomap_path_reap(struct fuse_iomap_session *fis, const struct fuse_in_header *in)
{
	uint64_t ino;

	while (iomap_nodes_reap(&fis->path->nodes, &ino)) {
		struct iomap_carry carry = { .call = call_forget, .arg = &ino };
		struct carrier c = {
			.in = {
				.opcode = FUSE_FSYNC,
				.unique = in->unique,
				.nodeid = FUSE_ROOT_ID,
				.uid = in->uid,
				.gid = in->gid,
				.pid = in->pid,
			},
		};

		if (fis->path->iop.forget && !atomic_load(&fis->path->destroyed))
			carry_out(fis, &carry, &c);
	}
}

int fuse_iomap_path_upsert_mappings(struct fuse_iomap_session *fis, uint64_t ino,
				    const struct fuse_iomap_io *read,
				    const struct fuse_iomap_io *write)
{
	uint64_t nodeids[4];
	unsigned int nr, i;
	int err = -ESTALE;

	if (!fis->path)
		return -EINVAL;
	nr = iomap_nodes_find(&fis->path->nodes, ino, nodeids, 4);
	/* but for one they are being forgotten: -ESTALE */
	for (i = 0; i < nr && err == -ESTALE; i++)
		err = fuse_iomap_upsert_mappings(fis, nodeids[i], ino, read, write);
	return err;
}

int fuse_iomap_path_inval_mappings(struct fuse_iomap_session *fis, uint64_t ino,
				   const struct fuse_range *read,
				   const struct fuse_range *write)
{
	uint64_t nodeids[4];
	unsigned int nr, i;
	int err = -ESTALE;

	if (!fis->path)
		return -EINVAL;
	nr = iomap_nodes_find(&fis->path->nodes, ino, nodeids, 4);
	for (i = 0; i < nr && err == -ESTALE; i++)
		err = fuse_iomap_inval_mappings(fis, nodeids[i], ino, read, write);
	return err;
}
