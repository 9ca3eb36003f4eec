/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ioctls of iomap4fs_quota.h. */
#ifndef IOMAP4FS_QUOTA_IOCTL_H
#define IOMAP4FS_QUOTA_IOCTL_H

#include <iomap4fs_quota.h>

#include "server.h"

/* True: @cmd is one of them, and has been replied to.  Without the lock. */
bool quota_ioctl(fuse_req_t req, struct server *s, unsigned int cmd, const void *in,
		 size_t in_size, size_t out_size);

#endif
