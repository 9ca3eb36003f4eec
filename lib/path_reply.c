// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Answers of libfuse's high-level half on their way to the kernel.
 *
 * One that nobody has asked for, to a request that path_ops.c made up, ends here.  In others
 * that tell of a file this puts its FUSE_ATTR_* flags, and counts what the kernel now knows.
 *
 * How the flags come here: libfuse copies struct stat to struct fuse_attr in many places, at
 * once or, for a directory that was read as a whole, long afterwards.  st_rdev is copied with
 * the rest and says nothing of a file that is no device, so path_session.c puts them there.
 *
 * The answers are libfuse's own buffers, from its stack and heap, and may be written to.
 */
#include <sys/stat.h>
#include "path.h"

/* newer than the oldest supported <linux/fuse.h> */
#define IOMAP_OP_TMPFILE	51

static bool is_iomap(uint32_t iflags)
{
	return (iflags & FUSE_ATTR_IOMAP) == FUSE_ATTR_IOMAP;
}

/* Is this the answer to what this thread had libfuse believe?  Then it is noted. */
bool iomap_path_reply_dropped(const struct iovec *iov, int count)
{
	struct iomap_carry *carry = iomap_this_thread()->carry;
	const struct fuse_out_header *out = iov[0].iov_base;

	if (!carry || out->unique != carry->unique)
		return false;
	/* not called: libfuse had an error of its own */
	if (!carry->called)
		carry->result = out->error ? out->error : -EIO;
	if (!out->error && count == 2 && iov[1].iov_len == sizeof(carry->attr)) {
		memcpy(&carry->attr, iov[1].iov_base, sizeof(carry->attr));
		carry->has_attr = true;
	}
	return true;
}

/* Returns whether the server wants iomap for the file. */
static bool patch_attr(const struct fuse_iomap_session *fis, struct fuse_attr *attr)
{
	uint32_t iflags = 0;
	bool iomap;

	if (!S_ISCHR(attr->mode) && !S_ISBLK(attr->mode)) {
		iflags = attr->rdev;
		attr->rdev = 0;
	}
	iomap = S_ISREG(attr->mode) && is_iomap(iflags);
	/* each of its names will be a node: no one of them has it for itself */
	if (S_ISREG(attr->mode) && attr->nlink > 1)
		iflags &= ~FUSE_ATTR_IOMAP;
	if (fuse_iomap_session_negotiated(fis))
		attr->flags |= iflags;
	return iomap;
}

/* The entries of an answer, from @body to @end; its first one may stand alone. */
static struct fuse_entry_out *next_entry(uint32_t opcode, char **body, const char *end)
{
	struct fuse_entry_out *entry = (void *)*body;
	struct fuse_direntplus *dp = (void *)*body;

	if ((size_t)(end - *body) < sizeof(*entry))
		return NULL;
	if (opcode != FUSE_READDIRPLUS) {
		*body = (char *)end;
		return entry;
	}
	if ((size_t)(end - *body) < FUSE_NAME_OFFSET_DIRENTPLUS ||
	    (size_t)(end - *body) < FUSE_DIRENTPLUS_SIZE(dp))
		return NULL;
	*body += FUSE_DIRENTPLUS_SIZE(dp);
	return &dp->entry_out;
}

static bool has_entries(uint32_t opcode)
{
	switch (opcode) {
	case FUSE_LOOKUP:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_SYMLINK:
	case FUSE_LINK:
	case FUSE_CREATE:
	case FUSE_READDIRPLUS:
	case IOMAP_OP_TMPFILE:
		return true;
	default:
		return false;
	}
}

static bool has_body(const struct iovec *iov, int count)
{
	const struct fuse_out_header *out = iov[0].iov_base;

	return !out->error && count == 2;
}

/*
 * Make the answer to the request that this thread handles ready to be written.  -ENOMEM: it
 * must not be.
 */
int iomap_path_reply_patch(struct fuse_iomap_session *fis, const struct iovec *iov, int count)
{
	uint32_t opcode = iomap_this_thread()->opcode;
	struct fuse_entry_out *entry;
	char *body, *end;

	if (!has_body(iov, count))
		return 0;
	body = iov[1].iov_base;
	end = body + iov[1].iov_len;
	if ((opcode == FUSE_GETATTR || opcode == FUSE_SETATTR) &&
	    iov[1].iov_len == sizeof(struct fuse_attr_out))
		patch_attr(fis, &((struct fuse_attr_out *)body)->attr);
	if (!has_entries(opcode))
		return 0;
	while ((entry = next_entry(opcode, &body, end))) {
		bool iomap = patch_attr(fis, &entry->attr);

		if (!entry->nodeid || !iomap)
			continue;
		if (iomap_nodes_get(&fis->path->nodes, entry->nodeid, entry->attr.ino) == 0)
			continue;
		if (opcode != FUSE_READDIRPLUS)
			return -ENOMEM;
		/* the kernel does not take this one for looked up */
		entry->nodeid = 0;
	}
	return 0;
}

/*
 * The kernel has refused the answer and knows nothing of what it said.  Of an entry that was
 * not counted because it is no iomap file nothing is known, either, so nothing happens.
 */
void iomap_path_reply_undo(struct fuse_iomap_session *fis, const struct iovec *iov, int count)
{
	uint32_t opcode = iomap_this_thread()->opcode;
	struct fuse_entry_out *entry;
	char *body, *end;

	if (!has_body(iov, count) || !has_entries(opcode))
		return;
	body = iov[1].iov_base;
	end = body + iov[1].iov_len;
	while ((entry = next_entry(opcode, &body, end)))
		if (entry->nodeid)
			iomap_nodes_put(&fis->path->nodes, entry->nodeid, 1);
}
