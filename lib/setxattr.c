// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * SETXATTR has had flags of its own since Linux 5.14, in a longer body.  libfuse knows the
 * shorter one and hands the flags to nobody, so they are taken out of the request before
 * it gets there; the server asks for them while its operation runs.
 *
 *	header | size flags xattr_flags padding | name value	from the kernel
 *	         header | size flags | name value		to libfuse
 */
#include "iomap_i.h"

#define FLAGS_SIZE	(sizeof(struct fuse_setxattr_in) - FUSE_COMPAT_SETXATTR_IN_SIZE)

static_assert(FLAGS_SIZE % alignof(uint64_t) == 0, "the header stays aligned");

uint32_t fuse_iomap_setxattr_flags(fuse_req_t req)
{
	(void)req;
	return iomap_this_thread()->xattr_flags;
}

/*
 * Note the flags of the SETXATTR @in.  Returns the request as libfuse expects it, in the
 * same memory.
 */
struct fuse_in_header *iomap_setxattr(struct fuse_iomap_session *fis, struct fuse_in_header *in)
{
	const struct fuse_setxattr_in *arg = (const void *)(in + 1);
	struct fuse_in_header *out;

	iomap_this_thread()->xattr_flags = 0;
	/* the kernel sends no shorter ones; if it did, libfuse would have to see them */
	if (!atomic_load(&fis->xattr_flags) || in->len < sizeof(*in) + sizeof(*arg))
		return in;
	iomap_this_thread()->xattr_flags = arg->setxattr_flags;
	if (!atomic_load(&fis->xattr_flags_ours))
		return in;
	out = (void *)((char *)in + FLAGS_SIZE);
	memmove(out, in, sizeof(*in) + FUSE_COMPAT_SETXATTR_IN_SIZE);
	out->len -= FLAGS_SIZE;
	return out;
}
