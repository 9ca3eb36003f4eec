// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * TMPFILE (O_TMPFILE, since Linux 6.2) for a libfuse that does not know it.
 *
 * Its body is CREATE's, and so is its answer. It goes to libfuse as a CREATE, whose
 * operation is ours and knows which of both it was; so the server gets a request of
 * libfuse's like any other. The name that comes with it means nothing.
 */
#include "iomap_i.h"

static void create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		   struct fuse_file_info *fi)
{
	struct iomap_thread *thread = iomap_this_thread();
	struct fuse_iomap_session *fis = thread->tmpfile;

	if (fis) {
		thread->tmpfile = NULL;
		fis->ops.tmpfile(req, parent, mode, fi);
	} else if (thread->fis && thread->fis->create) {
		thread->fis->create(req, parent, name, mode, fi);
	} else {
		fuse_reply_err(req, ENOSYS);
	}
}

/*
 * Let the operations @op of the server, a copy, answer TMPFILE, too.
 */
void iomap_tmpfile_install(struct fuse_iomap_session *fis, struct fuse_lowlevel_ops *op)
{
	if (!fis->ops.tmpfile)
		return;
	fis->create = op->create;
	op->create = create;
}

/* Hand the TMPFILE @in to libfuse. */
void iomap_tmpfile(struct fuse_iomap_session *fis, struct fuse_in_header *in)
{
	struct iomap_thread *thread = iomap_this_thread();
	const struct fuse_buf buf = { .mem = in, .size = in->len };

	in->opcode = FUSE_CREATE;
	thread->tmpfile = fis;
	fuse_session_process_buf(fis->se, &buf);
	/* libfuse may have refused it by itself */
	thread->tmpfile = NULL;
}
