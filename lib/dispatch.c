// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One request, from its bytes to the operation that handles it.
 *
 * The iomap requests, SYNCFS and STATX go to the server's second table; all
 * else, and what that table leaves to libfuse, goes to libfuse unchanged.  A
 * body must have exactly the size the protocol gives it: what is shorter would
 * be read beyond its end, what is longer is a request this library does not
 * understand.
 */
#include "iomap_i.h"
#include "path.h"

struct iomap_statx_in {
	uint32_t getattr_flags;
	uint32_t reserved;
	uint64_t fh;
	uint32_t sx_flags;
	uint32_t sx_mask;
};
static_assert(sizeof(struct iomap_statx_in) == 24, "struct fuse_statx_in");

#define SYNCFS_BODY	8	/* padding */

static bool wants_reply(uint32_t opcode)
{
	switch (opcode) {
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
	case FUSE_NOTIFY_REPLY:
		return false;
	default:
		return true;
	}
}

/*
 * The body size of a request that belongs to the iomap table of this server, or
 * -1 for libfuse.
 *
 * libfuse knows SYNCFS and STATX in newer versions, so these are its own unless
 * the iomap table handles them.
 */
static ssize_t iomap_body_size(const struct fuse_iomap_ops *ops, uint32_t opcode)
{
	switch (opcode) {
	case FUSE_IOMAP_CONFIG:
		return sizeof(struct fuse_iomap_config_in);
	case FUSE_IOMAP_BEGIN:
		return sizeof(struct fuse_iomap_begin_in);
	case FUSE_IOMAP_END:
		return sizeof(struct fuse_iomap_end_in);
	case FUSE_IOMAP_IOEND:
		return sizeof(struct fuse_iomap_ioend_in);
	case FUSE_IOMAP_FORGET:
		return sizeof(struct fuse_forget_in);
	case FUSE_FREEZE_FS:
		return sizeof(struct fuse_freezefs_in);
	case FUSE_UNFREEZE_FS:
		return 0;
	case FUSE_SHUTDOWN_FS:
		return sizeof(struct fuse_shutdownfs_in);
	case IOMAP_OP_SYNCFS:
		return ops->syncfs ? SYNCFS_BODY : -1;
	case IOMAP_OP_STATX:
		return ops->statx ? (ssize_t)sizeof(struct iomap_statx_in) : -1;
	default:
		return -1;
	}
}

static bool has_operation(const struct fuse_iomap_ops *ops, uint32_t opcode)
{
	switch (opcode) {
	case FUSE_IOMAP_CONFIG:
		return ops->config;
	case FUSE_IOMAP_BEGIN:
		return ops->begin;
	case FUSE_IOMAP_END:
		return ops->end;
	case FUSE_IOMAP_IOEND:
		return ops->ioend;
	case FUSE_IOMAP_FORGET:
		return ops->forget;
	case FUSE_FREEZE_FS:
		return ops->freezefs;
	case FUSE_UNFREEZE_FS:
		return ops->unfreezefs;
	case FUSE_SHUTDOWN_FS:
		return ops->shutdownfs;
	default:
		return true;	/* iomap_body_size() has looked */
	}
}

static void call_operation(const struct fuse_iomap_ops *ops, fuse_iomap_req_t req,
			   const struct fuse_in_header *in)
{
	/* the buffer is page aligned and the header a multiple of eight bytes */
	const void *body = in + 1;
	const struct fuse_iomap_config_in *config = body;
	const struct fuse_iomap_begin_in *begin = body;
	const struct fuse_forget_in *forget = body;
	const struct fuse_freezefs_in *freeze = body;
	const struct fuse_shutdownfs_in *shutdown = body;
	const struct iomap_statx_in *statx = body;

	switch (in->opcode) {
	case FUSE_IOMAP_CONFIG:
		ops->config(req, config->flags, config->maxbytes, config->cache_maxbytes);
		break;
	case FUSE_IOMAP_BEGIN:
		ops->begin(req, in->nodeid, begin->attr_ino, begin->pos, begin->count,
			   begin->opflags);
		break;
	case FUSE_IOMAP_END:
		ops->end(req, in->nodeid, body);
		break;
	case FUSE_IOMAP_IOEND:
		ops->ioend(req, in->nodeid, body);
		break;
	case FUSE_IOMAP_FORGET:
		ops->forget(req, in->nodeid, forget->nlookup);
		break;
	case FUSE_FREEZE_FS:
		ops->freezefs(req, in->nodeid, freeze->unlinked);
		break;
	case FUSE_UNFREEZE_FS:
		ops->unfreezefs(req, in->nodeid);
		break;
	case FUSE_SHUTDOWN_FS:
		ops->shutdownfs(req, in->nodeid, shutdown->flags);
		break;
	case IOMAP_OP_SYNCFS:
		ops->syncfs(req, in->nodeid);
		break;
	case IOMAP_OP_STATX:
		ops->statx(req, in->nodeid, statx->getattr_flags & FUSE_GETATTR_FH,
			   statx->fh, statx->sx_flags, statx->sx_mask);
		break;
	}
}

static void dispatch_iomap(struct fuse_iomap_session *fis, const struct fuse_in_header *in,
			   size_t want)
{
	fuse_iomap_req_t req;

	if (in->len - sizeof(*in) != want) {
		fuse_log(FUSE_LOG_ERR, "fuseiomap: request %u has %zu bytes instead of %zu\n",
			 in->opcode, in->len - sizeof(*in), want);
		iomap_send(fis, in->unique, -EPROTO, NULL, 0);
		return;
	}
	if (!has_operation(&fis->ops, in->opcode)) {
		iomap_send(fis, in->unique, -ENOSYS, NULL, 0);
		return;
	}
	req = iomap_request_new(fis, in);
	if (!req) {
		iomap_send(fis, in->unique, -ENOMEM, NULL, 0);
		return;
	}
	call_operation(&fis->ops, req, in);
}

/*
 * Iomap requests can't be interrupted, and libfuse would keep and send back an
 * INTERRUPT for a request that it has never seen.
 */
static bool interrupts_iomap(struct fuse_iomap_session *fis, const struct fuse_in_header *in)
{
	const struct fuse_interrupt_in *arg = (const void *)(in + 1);

	return in->len >= sizeof(*in) + sizeof(*arg) &&
	       iomap_request_is_live(fis, arg->unique);
}

/*
 * Handle the request of @len bytes in @buf, which is aligned for any structure.
 * Returns 0, or a negative errno if these bytes are no request and the
 * connection can't be trusted any more.
 */
int iomap_dispatch(struct fuse_iomap_session *fis, void *buf, size_t len)
{
	const struct fuse_in_header *in = buf;
	struct fuse_buf fbuf = { .mem = buf, .size = len };
	struct fuse_in_header head;
	unsigned int counts;
	ssize_t want;

	if (len < sizeof(*in) || in->len != len) {
		fuse_log(FUSE_LOG_ERR, "fuseiomap: short read from the fuse device\n");
		return -EIO;
	}

	head = *in;	/* handling the request may change it */
	counts = wants_reply(in->opcode) ? 2 : 1;
	iomap_inflight_get(fis, counts);
	if (fis->path) {
		iomap_this_thread()->opcode = in->opcode;
		if (in->opcode == FUSE_FORGET || in->opcode == FUSE_BATCH_FORGET)
			iomap_path_forget(fis, in);
	}

	want = iomap_body_size(&fis->ops, in->opcode);
	if (want >= 0) {
		dispatch_iomap(fis, in, want);
	} else if (in->opcode == FUSE_INTERRUPT && interrupts_iomap(fis, in)) {
		/* its own answer is on the way */
	} else if (in->opcode == FUSE_INIT) {
		if (iomap_init_request(fis, in))
			fuse_session_process_buf(fis->se, &fbuf);
		iomap_this_thread()->init_pending = false;
	} else if (in->opcode == FUSE_TMPFILE && fis->ops.tmpfile) {
		iomap_tmpfile(fis, buf);
	} else {
		if (in->opcode == FUSE_DESTROY) {
			if (fis->path)
				atomic_store(&fis->path->destroyed, true);
			iomap_inflight_drain(fis, counts);
		}
		if (in->opcode == FUSE_SETXATTR) {
			fbuf.mem = iomap_setxattr(fis, buf);
			fbuf.size = ((struct fuse_in_header *)fbuf.mem)->len;
		}
		fuse_session_process_buf(fis->se, &fbuf);
	}

	if (fis->path)
		iomap_path_reap(fis, &head);
	iomap_inflight_put(fis);
	return 0;
}
