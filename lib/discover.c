// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the kernel offers to this process, and the descriptor of the module.
 */
#include <fcntl.h>
#include <unistd.h>
#include "iomap_i.h"

/* Open the module's device.  A descriptor or a negative errno. */
int iomap_open_device(void)
{
	int fd = open(IOMAP_DEV_PATH, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int query_support(int fd, uint64_t *flags)
{
	struct fuse_iomap_support support = { 0 };

	if (ioctl(fd, FUSE_DEV_IOC_IOMAP_SUPPORT, &support) < 0)
		return -errno;
	*flags = support.flags;
	return 0;
}

/* /dev/fuse does not know the question. */
bool iomap_fd_is_module(int fd)
{
	uint64_t flags;

	return query_support(fd, &flags) == 0;
}

/* Has the kernel refused the connection of @fd, a device of the module? */
bool iomap_is_refused(int fd)
{
	uint64_t flags;

	return query_support(fd, &flags) == 0 && !flags;
}

uint64_t fuse_iomap_discover(int fd)
{
	uint64_t flags = 0;
	int own = -1;

	if (fd < 0) {
		own = iomap_open_device();
		if (own < 0)
			return 0;
		fd = own;
	}
	if (query_support(fd, &flags) < 0)
		flags = 0;
	if (own >= 0)
		close(own);
	return flags;
}

int fuse_iomap_approve(int fd)
{
	return ioctl(fd, FUSE_DEV_IOC_ADD_IOMAP) < 0 ? -errno : 0;
}
