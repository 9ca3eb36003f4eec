// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * resend PID: what a server may do that has lost what it read: have the kernel queue
 * all requests once more that process PID has read and not answered. It is done
 * through a copy of PID's descriptor, so PID may be stopped.
 */
#include <err.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/fuse.h>

#define NOTIFY_RESEND	7	/* newer than the oldest supported <linux/fuse.h> */
#define DEVICE		"/dev/fuseiomap"

/* The number of PID's descriptor of the device. */
static int find_descriptor(const char *pid)
{
	char dir[64], path[sizeof(dir) + 256], target[256];
	struct dirent *entry;
	int fd = -1;
	ssize_t len;
	DIR *d;

	snprintf(dir, sizeof(dir), "/proc/%s/fd", pid);
	d = opendir(dir);
	if (!d)
		err(1, "%s", dir);
	while (fd < 0 && (entry = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		if (len == (ssize_t)strlen(DEVICE) && !memcmp(target, DEVICE, len))
			fd = atoi(entry->d_name);
	}
	closedir(d);
	if (fd < 0)
		errx(1, "process %s has no " DEVICE, pid);
	return fd;
}

int main(int argc, char **argv)
{
	struct fuse_out_header out = { .len = sizeof(out), .error = NOTIFY_RESEND };
	int pidfd, fd;

	if (argc != 2)
		errx(2, "usage: resend PID");
	pidfd = syscall(SYS_pidfd_open, atoi(argv[1]), 0);
	if (pidfd < 0)
		err(1, "process %s", argv[1]);
	fd = syscall(SYS_pidfd_getfd, pidfd, find_descriptor(argv[1]), 0);
	if (fd < 0)
		err(1, "its descriptor");
	if (write(fd, &out, sizeof(out)) != sizeof(out))
		err(1, "resend");
	return 0;
}
