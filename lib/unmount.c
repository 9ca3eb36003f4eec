// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Taking the mount off its mountpoint.
 *
 * A mount that is in use is detached: it disappears from the tree at once, and
 * the kernel ends the connection when the last user has gone.
 */
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>
#include "iomap_i.h"

/*
 * Is our mount the one that is seen at its mountpoint?  Somebody may have
 * unmounted it, and may have mounted something else there.
 */
static bool is_at(const struct iomap_mount *mnt, const char *path)
{
	if (mnt->unique_id)
		return iomap_mount_unique_id(path) == mnt->unique_id;
	/* kernels before 5.8 can't tell */
	return !mnt->mnt_id || iomap_mount_id(path) == mnt->mnt_id;
}

/*
 * Is it there, or where somebody has moved it (mount --move, or with a mount that it is in)?
 * mnt->path follows.
 */
bool iomap_is_mounted(struct iomap_mount *mnt)
{
	char *path;

	if (!mnt->path)
		return false;
	if (is_at(mnt, mnt->path))
		return true;
	path = iomap_mount_path(mnt);
	if (!path)
		return false;
	if (!is_at(mnt, path)) {
		/* something else is mounted over it */
		free(path);
		return false;
	}
	free(mnt->path);
	mnt->path = path;
	return true;
}

/*
 * Blocks until the kernel has written what is dirty, for which the server must
 * be serving, unless the connection has been cut.  Success if it is not mounted.
 */
int iomap_unmount(struct iomap_mount *mnt)
{
	if (!iomap_is_mounted(mnt))
		return 0;
	if (mnt->by_helper) {
		if (iomap_unmount_helper(mnt->path, false) == 0)
			return 0;
		return iomap_unmount_helper(mnt->path, true);
	}
	if (umount2(mnt->path, UMOUNT_NOFOLLOW) == 0)
		return 0;
	if (errno != EBUSY)
		return -errno;
	fuse_log(FUSE_LOG_WARNING, "fuseiomap: %s is in use, detaching it\n", mnt->path);
	return umount2(mnt->path, UMOUNT_NOFOLLOW | MNT_DETACH) == 0 ? 0 : -errno;
}

/* Have everything dirty written; for when the mount can't be unmounted. */
void iomap_sync_mount(struct iomap_mount *mnt)
{
	int fd;

	if (!iomap_is_mounted(mnt))
		return;
	fd = open(mnt->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	if (syncfs(fd) < 0)
		fuse_log(FUSE_LOG_ERR, "fuseiomap: can't write all of %s: %s\n", mnt->path,
			 strerror(errno));
	close(fd);
}
