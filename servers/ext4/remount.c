// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mount -o remount: another process than the server changes the flags of a mount.
 *
 * The kernel keeps these flags and enforces them, so a mount that is for writing can become
 * read-only and the other way round without the server.  Two things it can't become:
 *
 * - A server that was started with ro has the source open for reading only, shares it with
 *   other readers and has not prepared its journal.  Such a mount stays read-only.
 * - The server's own options are those that it was started with.  mount(8) repeats the options
 *   of fstab at a remount, so other values are no error.
 */
#include "remount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

/* Is @type, of the mount table, that of a mount of this program? */
static bool is_our_type(const char *type)
{
	const char *subtype = strchr(type, '.');

	return !strncmp(type, "fuse", 4) && subtype && !strcmp(subtype, ".iomap4fs");
}

/*
 * Is the mount that @fd, a directory, is in one of ours?  The mount table is searched by the
 * mount's number, which no path can hide.
 */
static bool is_our_mount(int fd)
{
	char *line = NULL, type[64];
	unsigned long long id;
	struct statx stx;
	bool ours = false;
	size_t room = 0;
	FILE *f;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &stx) ||
	    !(stx.stx_mask & STATX_MNT_ID))
		return false;
	f = fopen("/proc/self/mountinfo", "re");
	if (!f)
		return false;
	while (!ours && getline(&line, &room, f) > 0) {
		const char *dash = strstr(line, " - ");

		ours = dash && sscanf(line, "%llu", &id) == 1 && id == stx.stx_mnt_id &&
		       sscanf(dash, " - %63s", type) == 1 && is_our_type(type);
	}
	free(line);
	fclose(f);
	return ours;
}

int remount(const struct options *opt)
{
	int fd = open(opt->mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint32_t can_write = 0;
	int err = 0;

	if (fd < 0) {
		err = -errno;
		log_err("can't open %s: %s", opt->mountpoint, strerror(-err));
		return err;
	}
	if (!is_our_mount(fd)) {
		err = -EINVAL;
		log_err("%s is not a mount of iomap4fs", opt->mountpoint);
	} else if (!opt->readonly && ioctl(fd, IOMAP4FS_IOC_CAN_WRITE, &can_write)) {
		err = -errno;
		log_err("the server of %s does not answer: %s", opt->mountpoint, strerror(-err));
	} else if (!opt->readonly && !can_write) {
		err = -EROFS;
		log_err("the server of %s can't write: unmount it, and mount it again for writing",
			opt->mountpoint);
	}
	close(fd);
	if (err || opt->fake)
		return err;
	if (mount(NULL, opt->mountpoint, NULL, MS_REMOUNT | opt->mount_flags, NULL)) {
		err = -errno;
		log_err("can't remount %s: %s", opt->mountpoint, strerror(-err));
	}
	return err;
}
