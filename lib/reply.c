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

/* The most that an answer consists of, without its header */
#define IOMAP_MAX_PARTS	3

/* Write one reply of @nr @parts.  As iomap_send(). */
static int send_parts(struct fuse_iomap_session *fis, uint64_t unique, int error,
		      const struct iovec *parts, int nr)
{
	struct fuse_out_header out = {
		.len = sizeof(out),
		.error = error,
		.unique = unique,
	};
	struct iovec iov[1 + IOMAP_MAX_PARTS] = {
		{ .iov_base = &out, .iov_len = sizeof(out) },
	};
	int err = 0;

	for (int i = 0; i < nr; i++) {
		iov[1 + i] = parts[i];
		out.len += parts[i].iov_len;
	}
	if (writev(fis->fd, iov, 1 + nr) < 0)
		err = -errno;
	iomap_inflight_put(fis);
	return err;
}

/*
 * Write one reply.  -ENOENT means that the request was interrupted meanwhile.
 * Returns 0 or a negative errno; the request counts as answered in both cases.
 */
int iomap_send(struct fuse_iomap_session *fis, uint64_t unique, int error,
	       const void *body, size_t len)
{
	struct iovec part = { .iov_base = (void *)body, .iov_len = len };

	return send_parts(fis, unique, error, &part, len ? 1 : 0);
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

/* Answer @req, which must be an @opcode, with success and @nr @parts. */
static int reply_parts(fuse_iomap_req_t req, uint32_t opcode, const struct iovec *parts, int nr)
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
	return send_parts(claim.fis, claim.unique, 0, parts, nr);
}

static int reply_body(fuse_iomap_req_t req, uint32_t opcode, const void *body, size_t len)
{
	struct iovec part = { .iov_base = (void *)body, .iov_len = len };

	return reply_parts(req, opcode, &part, 1);
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
	return fuse_iomap_reply_begin_around(req, read, write, NULL, 0, more, nr);
}

/* Mappings as a part of an answer; they may be none. */
static struct iovec part_of_answer(const struct fuse_iomap_io *list, unsigned int nr)
{
	return (struct iovec){ .iov_base = (void *)list, .iov_len = nr * sizeof(*list) };
}

int fuse_iomap_reply_begin_around(fuse_iomap_req_t req, const struct fuse_iomap_io *read,
				  const struct fuse_iomap_io *write,
				  const struct fuse_iomap_io *before, unsigned int nr_before,
				  const struct fuse_iomap_io *behind, unsigned int nr_behind)
{
	struct fuse_iomap_begin_out out = { .read = *read };
	unsigned int room_before = fuse_iomap_req_room_before(req);
	unsigned int room_behind = fuse_iomap_req_room(req);
	struct iovec parts[IOMAP_MAX_PARTS];

	if (write)
		out.write = *write;
	else
		fuse_iomap_pure_overwrite(&out.write, read);
	/* they only save questions: of those without room, the nearest count */
	if (nr_before > room_before) {
		before += nr_before - room_before;
		nr_before = room_before;
	}
	if (nr_behind > room_behind)
		nr_behind = room_behind;
	parts[0] = (struct iovec){ .iov_base = &out, .iov_len = sizeof(out) };
	parts[1] = part_of_answer(before, nr_before);
	parts[2] = part_of_answer(behind, nr_behind);
	return reply_parts(req, FUSE_IOMAP_BEGIN, parts, IOMAP_MAX_PARTS);
}

int fuse_iomap_reply_ioend(fuse_iomap_req_t req, uint64_t newsize)
{
	struct fuse_iomap_ioend_out out = { .newsize = newsize };

	return reply_body(req, FUSE_IOMAP_IOEND, &out, sizeof(out));
}

int fuse_iomap_reply_config(fuse_iomap_req_t req, const struct fuse_iomap_config_out *cfg)
{
	struct fuse_iomap_session *fis = fuse_iomap_req_session(req);
	size_t len = sizeof(*cfg);
	int err;

	if (cfg->flags & ~(FUSE_IOMAP_CONFIG_ALL | FUSE_IOMAP_CONFIG_EXTENSIONS) ||
	    (cfg->flags & FUSE_IOMAP_CONFIG_FORGET && !fis->ops.forget)) {
		err = fuse_iomap_reply_err(req, EINVAL);
		return err ? err : -EINVAL;
	}
	/* what an older kernel does not know is sent only when it is used */
	if (!(cfg->flags & FUSE_IOMAP_CONFIG_CACHE_MAXBYTES))
		len = FUSE_IOMAP_CONFIG_OUT_V1_SIZE;
	err = reply_body(req, FUSE_IOMAP_CONFIG, cfg, len);
	/* writing the reply succeeds whatever the kernel thinks of it */
	if (!err && iomap_is_refused(fis->fd)) {
		fuse_log(FUSE_LOG_ERR, "fuseiomap: the kernel refuses the geometry of the file "
			 "system\n");
		err = -EPROTO;
		iomap_session_fail(fis, err);
	}
	return err;
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
