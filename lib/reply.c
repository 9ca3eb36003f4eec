// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Answers to iomap requests.
 *
 * Mappings go out as the server gave them: the kernel is the one that judges
 * them.  What is caught here is what the kernel could not tell from a broken
 * connection: the answer of another kind of request, success without the body
 * that the request asks for, an errno that is none.
 */
#include <sys/stat.h>
#include "iomap_i.h"

/* What the kernel accepts in fuse_out_header.error, negated. */
#define IOMAP_MAX_ERRNO	511

struct iomap_statx_out {
	uint64_t attr_valid;
	uint32_t attr_valid_nsec;
	uint32_t flags;
	uint64_t spare[2];
	struct statx stat;
};
static_assert(sizeof(struct iomap_statx_out) == 32 + 256, "struct fuse_statx_out");

/*
 * Write one reply.  -ENOENT means that the request was interrupted meanwhile.
 * Returns 0 or a negative errno; the request counts as answered in both cases.
 */
int iomap_send(struct fuse_iomap_session *fis, uint64_t unique, int error,
	       const void *body, size_t len)
{
	struct fuse_out_header out = {
		.len = sizeof(out) + len,
		.error = error,
		.unique = unique,
	};
	struct iovec iov[2] = {
		{ .iov_base = &out, .iov_len = sizeof(out) },
		{ .iov_base = (void *)body, .iov_len = len },
	};
	int err = 0;

	if (writev(fis->fd, iov, len ? 2 : 1) < 0)
		err = -errno;
	iomap_inflight_put(fis);
	return err;
}

static bool wants_body(uint32_t opcode)
{
	switch (opcode) {
	case FUSE_IOMAP_CONFIG:
	case FUSE_IOMAP_BEGIN:
	case FUSE_IOMAP_IOEND:
	case IOMAP_OP_STATX:
		return true;
	default:
		return false;
	}
}

/* Answer @req, which must be an @opcode, with @len bytes of success. */
static int reply_body(fuse_iomap_req_t req, uint32_t opcode, const void *body, size_t len)
{
	struct iomap_claim claim;
	int err;

	err = iomap_request_claim(req, &claim);
	if (err)
		return err;
	if (claim.opcode != opcode) {
		fuse_log(FUSE_LOG_ERR, "fuseiomap: request %u answered like a request %u\n",
			 claim.opcode, opcode);
		iomap_send(claim.fis, claim.unique, -EIO, NULL, 0);
		return -EINVAL;
	}
	return iomap_send(claim.fis, claim.unique, 0, body, len);
}

int fuse_iomap_reply_err(fuse_iomap_req_t req, int error)
{
	struct iomap_claim claim;
	int err;

	err = iomap_request_claim(req, &claim);
	if (err)
		return err;
	if (error < 0 || error > IOMAP_MAX_ERRNO || (!error && wants_body(claim.opcode))) {
		fuse_log(FUSE_LOG_ERR, "fuseiomap: request %u answered with error %d\n",
			 claim.opcode, error);
		iomap_send(claim.fis, claim.unique, -EIO, NULL, 0);
		return -EINVAL;
	}
	return iomap_send(claim.fis, claim.unique, -error, NULL, 0);
}

int fuse_iomap_reply_buf(fuse_iomap_req_t req, const void *body, size_t len)
{
	struct iomap_claim claim;
	int err;

	err = iomap_request_claim(req, &claim);
	if (err)
		return err;
	return iomap_send(claim.fis, claim.unique, 0, body, len);
}

int fuse_iomap_reply_begin(fuse_iomap_req_t req, const struct fuse_iomap_io *read,
			   const struct fuse_iomap_io *write)
{
	return fuse_iomap_reply_begin_more(req, read, write, NULL, 0);
}

int fuse_iomap_reply_begin_more(fuse_iomap_req_t req, const struct fuse_iomap_io *read,
				const struct fuse_iomap_io *write,
				const struct fuse_iomap_io *more, unsigned int nr)
{
	struct fuse_iomap_begin_out out = { .read = *read };
	unsigned int room = fuse_iomap_req_room(req);
	size_t len = sizeof(out);
	char *buf = NULL;
	int err;

	if (write)
		out.write = *write;
	else
		fuse_iomap_pure_overwrite(&out.write, read);
	/* they only save questions: without room or memory there are none */
	if (nr > room)
		nr = room;
	if (nr)
		buf = malloc(len + nr * sizeof(*more));
	if (!buf)
		return reply_body(req, FUSE_IOMAP_BEGIN, &out, len);
	memcpy(buf, &out, len);
	memcpy(buf + len, more, nr * sizeof(*more));
	err = reply_body(req, FUSE_IOMAP_BEGIN, buf, len + nr * sizeof(*more));
	free(buf);
	return err;
}

int fuse_iomap_reply_ioend(fuse_iomap_req_t req, uint64_t newsize)
{
	struct fuse_iomap_ioend_out out = { .newsize = newsize };

	return reply_body(req, FUSE_IOMAP_IOEND, &out, sizeof(out));
}

int fuse_iomap_reply_config(fuse_iomap_req_t req, const struct fuse_iomap_config_out *cfg)
{
	size_t len = sizeof(*cfg);
	int err;

	if (cfg->flags & ~(FUSE_IOMAP_CONFIG_ALL | FUSE_IOMAP_CONFIG_EXTENSIONS)) {
		err = fuse_iomap_reply_err(req, EINVAL);
		return err ? err : -EINVAL;
	}
	/* what an older kernel does not know is sent only when it is used */
	if (!(cfg->flags & FUSE_IOMAP_CONFIG_CACHE_MAXBYTES))
		len = FUSE_IOMAP_CONFIG_OUT_V1_SIZE;
	return reply_body(req, FUSE_IOMAP_CONFIG, cfg, len);
}

int fuse_iomap_reply_statx(fuse_iomap_req_t req, const struct statx *stx, double timeout)
{
	struct iomap_statx_out out = { .stat = *stx };

	if (timeout >= (double)UINT64_MAX) {
		out.attr_valid = UINT64_MAX;
	} else if (timeout > 0) {
		out.attr_valid = timeout;
		out.attr_valid_nsec = (timeout - out.attr_valid) * 1e9;
	}
	return reply_body(req, IOMAP_OP_STATX, &out, sizeof(out));
}

void fuse_iomap_pure_overwrite(struct fuse_iomap_io *write, const struct fuse_iomap_io *read)
{
	*write = (struct fuse_iomap_io) {
		.offset = read->offset,
		.length = read->length,
		.addr = FUSE_IOMAP_NULL_ADDR,
		.type = FUSE_IOMAP_TYPE_PURE_OVERWRITE,
		.dev = FUSE_IOMAP_DEV_NULL,
	};
}
