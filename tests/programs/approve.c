// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * approve PID FD: approve descriptor FD of process PID, an open /dev/fuseiomap, for
 * iomap, as a mount helper does that a server has sent its descriptor to.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fuse_iomap.h>

int main(int argc, char **argv)
{
	int pidfd, fd, res;

	if (argc != 3)
		errx(2, "usage: approve PID FD");
	pidfd = syscall(SYS_pidfd_open, atoi(argv[1]), 0);
	if (pidfd < 0)
		err(1, "process %s", argv[1]);
	fd = syscall(SYS_pidfd_getfd, pidfd, atoi(argv[2]), 0);
	if (fd < 0)
		err(1, "descriptor %s", argv[2]);
	res = fuse_iomap_approve(fd);
	if (res)
		errx(1, "%s", strerror(-res));
	return 0;
}
