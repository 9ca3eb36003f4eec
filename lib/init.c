// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * INIT: offer and acceptance of iomap.
 *
 * The request is looked at before libfuse sees it, so that the server's init()
 * can already ask fuse_iomap_session_negotiated().  The reply is libfuse's, with
 * our bits added on the way out (io.c).
 *
 * Only /dev/fuseiomap is believed: on /dev/fuse bit 43 may come to mean
 * something else.
 */
#include "iomap_i.h"

#define IOMAP_FLAGS2	((uint32_t)(FUSE_IOMAP >> 32))
/* FUSE_ALLOW_IDMAP of Linux 6.12: newer than the oldest supported <linux/fuse.h> */
#define IDMAP_FLAGS2	(1U << (40 - 32))

static bool iomap_offered(const struct fuse_in_header *in)
{
	const struct fuse_init_in *arg = (const void *)(in + 1);
	size_t need = offsetof(struct fuse_init_in, flags2) + sizeof(arg->flags2);

	if (in->len - sizeof(*in) < need)
		return false;
	return arg->major == FUSE_KERNEL_VERSION && (arg->flags & FUSE_INIT_EXT) &&
	       (arg->flags2 & IOMAP_FLAGS2);
}

/* A server without begin() has nothing to say about iomap. */
static bool iomap_wanted(const struct fuse_iomap_session *fis)
{
	return fis->iomap && fis->mode != FUSE_IOMAP_MODE_OFF && fis->ops.begin;
}

/* Returns false when the session can't go on; INIT has been refused then. */
bool iomap_init_request(struct fuse_iomap_session *fis, const struct fuse_in_header *in)
{
	bool offered = iomap_wanted(fis) && iomap_offered(in);

	/* a second or a stunted INIT is an error that libfuse reports */
	if (atomic_load(&fis->initialised) ||
	    in->len < sizeof(*in) + offsetof(struct fuse_init_in, max_readahead))
		return true;

	if (!offered && fis->mode == FUSE_IOMAP_MODE_REQUIRE) {
		fuse_log(FUSE_LOG_ERR, "fuseiomap: the kernel does not offer iomap "
			 "to this mount, and it is required\n");
		iomap_send(fis, in->unique, -EPROTO, NULL, 0);
		iomap_session_fail(fis, -EOPNOTSUPP);
		return false;
	}
	fis->kernel_minor = ((const struct fuse_init_in *)(in + 1))->minor;
	fis->idmap_offered = offered &&
			     ((const struct fuse_init_in *)(in + 1))->flags2 & IDMAP_FLAGS2;
	fis->xattr_flags_offered = in->len - sizeof(*in) >= offsetof(struct fuse_init_in, flags2) &&
				   ((const struct fuse_init_in *)(in + 1))->flags &
				   FUSE_SETXATTR_EXT;
	atomic_store(&fis->negotiated, offered);
	iomap_this_thread()->init_pending = true;
	return true;
}

/*
 * libfuse 3.14 tells servers of FUSE_CAP_PARALLEL_DIROPS and lets them want it, but does not
 * tell the kernel: then that sends one lookup of a directory at a time.
 */
static void init(void *userdata, struct fuse_conn_info *conn)
{
	struct fuse_iomap_session *fis = iomap_this_thread()->fis;

	if (!fis)
		return;
	if (fis->init)
		fis->init(userdata, conn);
	fis->parallel_dirops = conn->want & conn->capable & FUSE_CAP_PARALLEL_DIROPS;
}

/* Let us know what the operations @op of the server, a copy, want in init(). */
void iomap_init_install(struct fuse_iomap_session *fis, struct fuse_lowlevel_ops *op)
{
	fis->init = op->init;
	op->init = init;
}

int fuse_iomap_session_allow_idmap(struct fuse_iomap_session *fis)
{
	const struct iomap_thread *thread = iomap_this_thread();

	if (thread->fis != fis || !thread->init_pending)
		return -EINVAL;
	if (!fis->idmap_offered)
		return -EOPNOTSUPP;
	/* the kernel would refuse the connection */
	if (fis->mnt.path && !fis->default_permissions)
		return -EPERM;
	fis->idmap = true;
	return 0;
}

void iomap_init_reply(struct fuse_iomap_session *fis, struct fuse_init_out *out)
{
	size_t need = (size_t)out->max_write + IOMAP_HEADER_ROOM;

	/* stored before the reply is written: then bigger requests may come */
	if (need > atomic_load(&fis->bufsize))
		atomic_store(&fis->bufsize, need);

	/* for requests to come: stored before the reply as well */
	if (fis->xattr_flags_offered) {
		atomic_store(&fis->xattr_flags, true);
		atomic_store(&fis->xattr_flags_ours, !(out->flags & FUSE_SETXATTR_EXT));
		out->flags |= FUSE_SETXATTR_EXT;
	}

	if (fis->parallel_dirops)
		out->flags |= FUSE_PARALLEL_DIROPS;
	if (!fuse_iomap_session_negotiated(fis))
		return;
	out->flags |= FUSE_INIT_EXT;
	out->flags2 |= IOMAP_FLAGS2;
	if (fis->idmap)
		out->flags2 |= IDMAP_FLAGS2;
	/* the kernel has to have said so first */
	if (fis->kernel_minor >= FUSE_IOMAP_MINOR_VERSION)
		out->minor = FUSE_IOMAP_MINOR_VERSION;
}
