// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * FUSE_ATTR_* flags in the replies of ordinary requests.
 *
 * Stock libfuse has no way to set fuse_attr.flags.  So its reply function is
 * called as it is, and the reply is patched when it is written (io.c); entries
 * of READDIRPLUS are patched in the server's buffer.
 */
#include "iomap_i.h"

/*
 * A reply that carries attributes is an entry (LOOKUP and friends; CREATE with
 * fuse_open_out behind it) or a GETATTR/SETATTR reply.  Their sizes tell.
 */
void iomap_attr_flags_patch(void *body, size_t len, uint32_t iflags)
{
	struct fuse_entry_out *entry = body;
	struct fuse_attr_out *attr = body;

	switch (len) {
	case sizeof(struct fuse_attr_out):
		attr->attr.flags |= iflags;
		break;
	case sizeof(struct fuse_entry_out):
	case sizeof(struct fuse_entry_out) + sizeof(struct fuse_open_out):
		/* node 0 is a cached "no such file" */
		if (entry->nodeid)
			entry->attr.flags |= iflags;
		break;
	}
}

static void attr_flags_begin(uint32_t iflags)
{
	struct iomap_thread *thread = iomap_this_thread();

	thread->attr_pending = iflags != 0;
	thread->attr_flags = iflags;
}

static void attr_flags_end(void)
{
	iomap_this_thread()->attr_pending = false;
}

int fuse_iomap_reply_entry(fuse_req_t req, const struct fuse_entry_param *e, uint32_t iflags)
{
	int res;

	attr_flags_begin(iflags);
	res = fuse_reply_entry(req, e);
	attr_flags_end();
	return res;
}

int fuse_iomap_reply_create(fuse_req_t req, const struct fuse_entry_param *e,
			    const struct fuse_file_info *fi, uint32_t iflags)
{
	int res;

	attr_flags_begin(iflags);
	res = fuse_reply_create(req, e, fi);
	attr_flags_end();
	return res;
}

int fuse_iomap_reply_attr(fuse_req_t req, const struct stat *attr, double attr_timeout,
			  uint32_t iflags)
{
	int res;

	attr_flags_begin(iflags);
	res = fuse_reply_attr(req, attr, attr_timeout);
	attr_flags_end();
	return res;
}

size_t fuse_iomap_add_direntry_plus(fuse_req_t req, char *buf, size_t bufsize,
				    const char *name, const struct fuse_entry_param *e,
				    off_t off, uint32_t iflags)
{
	const struct fuse_iomap_session *fis;
	struct fuse_entry_out entry;
	size_t len;

	len = fuse_add_direntry_plus(req, buf, bufsize, name, e, off);
	/* too big: nothing was written, the caller tries again with room */
	if (!buf || len > bufsize || len < sizeof(entry) || !iflags || !e->ino)
		return len;
	fis = iomap_registry_by_userdata(fuse_req_userdata(req));
	if (!fis || !fuse_iomap_session_negotiated(fis))
		return len;
	/* the server's buffer may have any alignment */
	memcpy(&entry, buf, sizeof(entry));
	entry.attr.flags |= iflags;
	memcpy(buf, &entry, sizeof(entry));
	return len;
}
