// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Mounting an open fuse descriptor by system call.
 *
 * fsopen() and friends say why they fail, so they come first; mount(2) is for
 * kernels and sandboxes without them.  Either works for the module
 * ("fuseiomap") and for the stock file system ("fuse"), and both need the
 * right to mount: fusermount.c is for those who lack it.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "iomap_i.h"

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE	0x00004000U
#endif

#ifndef MS_NOSYMFOLLOW		/* Linux 5.10 */
#define MS_NOSYMFOLLOW		256
#endif
#ifndef MOUNT_ATTR_NOSYMFOLLOW	/* Linux 5.14 */
#define MOUNT_ATTR_NOSYMFOLLOW	0x00200000
#endif

const struct iomap_flag_name iomap_flag_names[] = {
	{ MS_RDONLY,		MOUNT_ATTR_RDONLY,	"ro" },
	{ MS_NOSUID,		MOUNT_ATTR_NOSUID,	"nosuid" },
	{ MS_NODEV,		MOUNT_ATTR_NODEV,	"nodev" },
	{ MS_NOEXEC,		MOUNT_ATTR_NOEXEC,	"noexec" },
	{ MS_NOATIME,		MOUNT_ATTR_NOATIME,	"noatime" },
	{ MS_STRICTATIME,	MOUNT_ATTR_STRICTATIME,	"strictatime" },
	{ MS_NODIRATIME,	MOUNT_ATTR_NODIRATIME,	"nodiratime" },
	{ MS_NOSYMFOLLOW,	MOUNT_ATTR_NOSYMFOLLOW,	"nosymfollow" },
	{ MS_SYNCHRONOUS,	0,			"sync" },
	{ MS_DIRSYNC,		0,			"dirsync" },
	{ MS_LAZYTIME,		0,			"lazytime" },
	{ 0 }
};

static void log_context(int fsfd)
{
	char msg[512];
	ssize_t n;

	/* one message a read: a letter, a blank, text */
	while ((n = read(fsfd, msg, sizeof(msg) - 1)) > 0) {
		msg[n] = '\0';
		fuse_log(FUSE_LOG_ERR, "fuseiomap: mount: %s\n", n > 2 ? msg + 2 : msg);
	}
}

static int set_string(int fsfd, const char *key, const char *value)
{
	return fsconfig(fsfd, FSCONFIG_SET_STRING, key, value, 0) < 0 ? -errno : 0;
}

static int set_number(int fsfd, const char *key, const char *format, unsigned int value)
{
	char text[16];

	snprintf(text, sizeof(text), format, value);
	return set_string(fsfd, key, text);
}

static int set_flag(int fsfd, const char *key)
{
	return fsconfig(fsfd, FSCONFIG_SET_FLAG, key, NULL, 0) < 0 ? -errno : 0;
}

static int configure(int fsfd, int fd, const struct iomap_mount_args *args)
{
	const struct iomap_flag_name *f;
	char root[24];
	int err;

	err = set_string(fsfd, "source", args->source);
	if (!err)
		err = set_number(fsfd, "fd", "%u", fd);
	if (!err)
		err = set_number(fsfd, "rootmode", "%o", args->rootmode);
	if (!err)
		err = set_number(fsfd, "user_id", "%u", getuid());
	if (!err)
		err = set_number(fsfd, "group_id", "%u", getgid());
	if (!err && args->subtype)
		err = set_string(fsfd, "subtype", args->subtype);
	if (!err && args->allow_other)
		err = set_flag(fsfd, "allow_other");
	if (!err && args->default_permissions)
		err = set_flag(fsfd, "default_permissions");
	if (!err && args->block_size)
		err = set_number(fsfd, "blksize", "%u", args->block_size);
	if (!err && args->root_nodeid) {
		snprintf(root, sizeof(root), "%" PRIu64, args->root_nodeid);
		err = set_string(fsfd, "root_nodeid", root);
	}
	/* read-only is a property of the superblock as well as of the mount */
	for (f = iomap_flag_names; !err && f->flag; f++)
		if ((args->flags & f->flag) && (!f->attr || f->flag == MS_RDONLY))
			err = set_flag(fsfd, f->name);
	if (!err && fsconfig(fsfd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		err = -errno;
	return err;
}

static uint64_t ask_mount_id(int dirfd, const char *path, int flags, unsigned int which)
{
	struct statx stx;

	if (statx(dirfd, path, flags | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, which, &stx) < 0 ||
	    !(stx.stx_mask & which))
		return 0;
	return stx.stx_mnt_id;
}

static uint64_t mount_id(int dirfd, const char *path, int flags)
{
	return ask_mount_id(dirfd, path, flags, STATX_MNT_ID);
}

/*
 * The identity of the topmost mount at @path, 0 if it can't be told.  Asks for
 * no attributes, so that the server, which may not be serving yet or any more,
 * is not asked either.
 */
uint64_t iomap_mount_id(const char *path)
{
	return mount_id(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
}

/*
 * The same by a number that no other mount has ever had, from Linux 6.8 on.  The kernel gives the
 * other one to the next mount that is made after an unmount.
 */
uint64_t iomap_mount_unique_id(const char *path)
{
	return ask_mount_id(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_MNT_ID_UNIQUE);
}

static int mount_new_api(int fd, const char *path, const struct iomap_mount_args *args,
			 uint64_t *mnt_id, bool *unsupported)
{
	const struct iomap_flag_name *f;
	unsigned int attrs = 0;
	int fsfd, mntfd = -1;
	int err = 0;

	fsfd = fsopen(args->fstype, FSOPEN_CLOEXEC);
	if (fsfd < 0) {
		err = -errno;
		*unsupported = err == -ENOSYS || err == -EPERM;
		return err;
	}
	for (f = iomap_flag_names; f->flag; f++)
		if (args->flags & f->flag)
			attrs |= f->attr;
	err = configure(fsfd, fd, args);
	if (!err) {
		mntfd = fsmount(fsfd, FSMOUNT_CLOEXEC, attrs);
		if (mntfd < 0)
			err = -errno;
	}
	/* if a block device can't be mounted, there is another way, so that is no error */
	if (err && !args->block_size)
		log_context(fsfd);
	else
		/* while nobody can have mounted anything over it */
		*mnt_id = mount_id(mntfd, "", AT_EMPTY_PATH);
	if (!err && move_mount(mntfd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		err = -errno;
	if (mntfd >= 0)
		close(mntfd);
	close(fsfd);
	return err;
}

static int mount_old_api(int fd, const char *path, const struct iomap_mount_args *args,
			 uint64_t *mnt_id)
{
	char type[64], data[192], root[40] = "", block[24] = "";

	if (snprintf(type, sizeof(type), "%s%s%s", args->fstype, args->subtype ? "." : "",
		     args->subtype ? args->subtype : "") >= (int)sizeof(type))
		return -ENAMETOOLONG;
	if (args->root_nodeid)
		snprintf(root, sizeof(root), ",root_nodeid=%" PRIu64, args->root_nodeid);
	if (args->block_size)
		snprintf(block, sizeof(block), ",blksize=%u", args->block_size);
	snprintf(data, sizeof(data), "fd=%d,rootmode=%o,user_id=%u,group_id=%u%s%s%s%s",
		 fd, args->rootmode, getuid(), getgid(),
		 args->allow_other ? ",allow_other" : "",
		 args->default_permissions ? ",default_permissions" : "", block, root);
	if (mount(args->source, path, type, args->flags, data) < 0)
		return -errno;
	*mnt_id = iomap_mount_id(path);
	return 0;
}

/* fsconfig(2) takes no longer strings, with their end */
#define FSCONFIG_STRING_MAX	256

/*
 * Mount @fd, an unbound fuse device of args->fstype, on @path.  *@mnt_id becomes
 * the mount's identity, 0 where the kernel can't tell.
 */
int iomap_mount_kernel(int fd, const char *path, const struct iomap_mount_args *args,
		       uint64_t *mnt_id)
{
	/* mount(2) takes a source of any length */
	bool unsupported = strlen(args->source) >= FSCONFIG_STRING_MAX;
	int err = 0;

	if (!unsupported)
		err = mount_new_api(fd, path, args, mnt_id, &unsupported);
	if (unsupported)
		err = mount_old_api(fd, path, args, mnt_id);
	return err;
}
