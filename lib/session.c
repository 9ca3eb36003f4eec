// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The life of a session: new, mount or attach, loop (loop.c), unmount, destroy.
 *
 * Both kinds of mount, module and plain, are made here and not by
 * fuse_session_mount(): so both have one way to be served, signalled and
 * unmounted, and libfuse's own mount code can't get in between.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include "iomap_i.h"
#include "path.h"

/* A session that has no libfuse session yet. */
struct fuse_iomap_session *iomap_session_alloc(const struct fuse_iomap_ops *iop,
					       size_t iop_size, void *userdata)
{
	struct fuse_iomap_session *fis;

	if (iop_size > sizeof(fis->ops)) {
		fuse_log(FUSE_LOG_WARNING, "fuseiomap: the server knows operations that this "
			 "library does not\n");
		iop_size = sizeof(fis->ops);
	}
	fis = calloc(1, sizeof(*fis));
	if (!fis) {
		fuse_log(FUSE_LOG_ERR, "fuseiomap: out of memory\n");
		return NULL;
	}
	if (iop)
		memcpy(&fis->ops, iop, iop_size);
	fis->userdata = userdata;
	fis->fd = -1;
	atomic_init(&fis->bufsize, IOMAP_DEFAULT_MAX_WRITE + IOMAP_HEADER_ROOM);
	pthread_mutex_init(&fis->lock, NULL);
	fis->drain_efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fis->wake_efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fis->drain_efd < 0 || fis->wake_efd < 0) {
		fuse_log(FUSE_LOG_ERR, "fuseiomap: eventfd: %s\n", strerror(errno));
		fuse_iomap_session_destroy(fis);
		return NULL;
	}
	return fis;
}

struct fuse_iomap_session *fuse_iomap_session_new(struct fuse_args *args,
		const struct fuse_lowlevel_ops *op, size_t op_size,
		const struct fuse_iomap_ops *iop, size_t iop_size, void *userdata)
{
	struct fuse_iomap_session *fis = iomap_session_alloc(iop, iop_size, userdata);
	/* libfuse makes a copy, too; its table and the server's may differ in size */
	struct fuse_lowlevel_ops *ops = malloc(op_size);

	if (!fis || !ops) {
		if (fis)
			fuse_log(FUSE_LOG_ERR, "fuseiomap: out of memory\n");
		goto fail;
	}
	memcpy(ops, op, op_size);
	iomap_init_install(fis, ops);
	iomap_tmpfile_install(fis, ops);
	fis->se = fuse_session_new(args, ops, op_size, userdata);
	if (!fis->se)
		goto fail;	/* libfuse has said why */
	free(ops);
	return fis;
fail:
	free(ops);
	fuse_iomap_session_destroy(fis);
	return NULL;
}

struct fuse_session *fuse_iomap_session_fuse(struct fuse_iomap_session *fis)
{
	return fis->se;
}

bool fuse_iomap_session_is_iomap(const struct fuse_iomap_session *fis)
{
	return fis->iomap;
}

bool fuse_iomap_session_is_block(const struct fuse_iomap_session *fis)
{
	return fis->block;
}

bool fuse_iomap_session_negotiated(const struct fuse_iomap_session *fis)
{
	return atomic_load(&fis->negotiated);
}

/* The session serves @fd from now on and owns it. */
static int adopt(struct fuse_iomap_session *fis, int fd, bool iomap)
{
	int flags = fcntl(fd, F_GETFL), err;

	/* whoever mounted it may have opened it otherwise; workers block in read() */
	if (flags < 0)
		return -errno;
	if (flags & O_NONBLOCK)
		fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	err = iomap_io_install(fis, fd);
	if (err) {
		fuse_log(FUSE_LOG_ERR, "fuseiomap: libfuse does not take the descriptor: %s\n",
			 strerror(-err));
		return err;
	}
	fis->fd = fd;
	fis->iomap = iomap;
	iomap_registry_add(fis);
	return 0;
}

int fuse_iomap_session_attach(struct fuse_iomap_session *fis, int fd, enum fuse_iomap_mode mode,
			      bool iomap)
{
	if (fis->fd >= 0)
		return -EALREADY;
	if (fd < 0)
		return -EBADF;
	if (mode == FUSE_IOMAP_MODE_REQUIRE && !iomap)
		return -ENODEV;
	fis->mode = mode;
	return adopt(fis, fd, iomap);
}

/* "/dev/fd/N": somebody has mounted descriptor N for us. */
static int given_fd(const char *mountpoint)
{
	int fd, end = 0;

	if (sscanf(mountpoint, "/dev/fd/%9d%n", &fd, &end) != 1 || mountpoint[end] || fd < 0)
		return -1;
	return fd;
}

/*
 * Open the module's device for a mount.  A descriptor, -ENODEV when there is no
 * module, -EPERM when the caller may not use iomap.
 */
static int open_module(void)
{
	int fd = iomap_open_device();
	int err;

	if (fd == -EACCES || fd == -EPERM)
		return -EPERM;
	if (fd == -ENOENT || fd == -ENXIO)
		return -ENODEV;
	if (fd < 0)
		return fd;
	if (!(fuse_iomap_discover(fd) & FUSE_IOMAP_SUPPORT_FILEIO)) {
		close(fd);
		return -EPERM;
	}
	/*
	 * Tie the right to the descriptor: the server may drop its privileges
	 * before the kernel gets around to INIT.
	 */
	err = fuse_iomap_approve(fd);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

static int mount_module(struct iomap_mount *mnt, struct iomap_mount_args *args)
{
	int fd = open_module();
	int err;

	if (fd < 0)
		return fd;
	args->fstype = IOMAP_FSTYPE;
	err = iomap_mount_kernel(fd, mnt->path, args, &mnt->mnt_id);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

/*
 * Can't such mounts be made here at all?  The kernel lacks them, this process lacks the right, or
 * the kernel refuses to mount what this process has open for writing (without
 * CONFIG_BLK_DEV_WRITE_MOUNTED).
 */
static bool lacks_block_mounts(int err)
{
	return err == -ENODEV || err == -EPERM || err == -EACCES || err == -EBUSY;
}

static int mount_plain(struct iomap_mount *mnt, struct iomap_mount_args *args)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	int err = fd < 0 ? -errno : 0;

	if (!err && args->block_size) {
		args->fstype = "fuseblk";
		err = iomap_mount_kernel(fd, mnt->path, args, &mnt->mnt_id);
		if (!err)
			return fd;
		if (!lacks_block_mounts(err)) {
			close(fd);
			return err;
		}
		err = 0;
	}
	args->block_size = 0;
	args->fstype = "fuse";
	if (!err)
		err = iomap_mount_kernel(fd, mnt->path, args, &mnt->mnt_id);
	if (!err)
		return fd;
	if (fd >= 0)
		close(fd);
	if (err != -EPERM && err != -EACCES)
		return err;
	err = iomap_mount_helper(mnt->path, args, &fd);
	if (err)
		return err;
	mnt->by_helper = true;
	mnt->mnt_id = iomap_mount_id(mnt->path);
	return fd;
}

static int mount_error(const char *mountpoint, int err)
{
	fuse_log(FUSE_LOG_ERR, "fuseiomap: can't mount on %s: %s\n", mountpoint, strerror(-err));
	return err;
}

int fuse_iomap_session_mount(struct fuse_iomap_session *fis, const char *mountpoint,
			     enum fuse_iomap_mode mode,
			     const struct fuse_iomap_mount_opts *opts)
{
	struct fuse_iomap_mount_opts o = { 0 };
	struct iomap_mount_args args = { 0 };
	struct iomap_mount mnt = { 0 };
	bool iomap = false;
	struct stat st;
	int fd, err;

	if (fis->fd >= 0)
		return -EALREADY;
	fd = given_fd(mountpoint);
	if (fd >= 0) {
		err = fuse_iomap_session_attach(fis, fd, mode, iomap_fd_is_module(fd));
		return err ? mount_error(mountpoint, err) : 0;
	}

	if (opts) {
		if (opts->size < offsetof(struct fuse_iomap_mount_opts, source))
			return -EINVAL;
		memcpy(&o, opts, opts->size < sizeof(o) ? opts->size : sizeof(o));
	}
	mnt.path = realpath(mountpoint, NULL);
	if (!mnt.path || stat(mnt.path, &st) < 0) {
		err = mount_error(mountpoint, -errno);
		goto fail;
	}
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) {
		err = mount_error(mountpoint, -ENOTDIR);
		goto fail;
	}
	args.subtype = o.subtype;
	args.source = o.source ? o.source : o.subtype ? o.subtype : IOMAP_FSTYPE;
	args.flags = o.mount_flags;
	args.rootmode = st.st_mode & S_IFMT;
	args.allow_other = o.allow_other;
	args.default_permissions = o.default_permissions;
	args.root_nodeid = o.root_nodeid;
	/* libfuse's table of paths begins at its own root */
	if (fis->path && o.root_nodeid && o.root_nodeid != FUSE_ROOT_ID) {
		err = mount_error(mountpoint, -EINVAL);
		goto fail;
	}

	fd = -ENODEV;
	if (mode != FUSE_IOMAP_MODE_OFF) {
		fd = mount_module(&mnt, &args);
		iomap = fd >= 0;
		if (fd < 0 && mode == FUSE_IOMAP_MODE_REQUIRE) {
			err = fd;
			fuse_log(FUSE_LOG_ERR, "fuseiomap: can't mount on %s: %s\n", mountpoint,
				 err == -ENODEV ? "the kernel module fuseiomap is not loaded" :
				 err == -EPERM ? "no permission to use the kernel module" :
				 strerror(-err));
			goto fail;
		}
	}
	/* what fails for a reason of its own would fail for plain FUSE, too */
	if (fd == -ENODEV || fd == -EPERM) {
		args.block_size = o.block_size;
		fd = args.root_nodeid ? -EINVAL : mount_plain(&mnt, &args);
	}
	if (fd < 0) {
		err = mount_error(mountpoint, fd);
		goto fail;
	}

	fis->mode = mode;
	fis->default_permissions = o.default_permissions;
	fis->block = args.block_size;
	err = adopt(fis, fd, iomap);
	if (err) {
		/* nobody serves it: closing first keeps the unmount from waiting */
		close(fd);
		iomap_unmount(&mnt);
		goto fail;
	}
	if (iomap_mount_id(mnt.path) == mnt.mnt_id)
		mnt.unique_id = iomap_mount_unique_id(mnt.path);
	mnt.identity = iomap_mount_identity(mnt.mnt_id);
	fis->mnt = mnt;
	return 0;
fail:
	free(mnt.path);
	return err;
}

void fuse_iomap_session_unmount(struct fuse_iomap_session *fis)
{
	int err;

	if (!fis->mnt.path)
		return;
	if (iomap_is_mounted(&fis->mnt)) {
		/* nobody serves any more: the kernel must not wait for an answer */
		iomap_session_cut(fis);
		err = iomap_unmount(&fis->mnt);
		if (err)
			fuse_log(FUSE_LOG_ERR, "fuseiomap: can't unmount %s: %s\n",
				 fis->mnt.path, strerror(-err));
	}
	free(fis->mnt.path);
	free(fis->mnt.identity);
	fis->mnt.path = fis->mnt.identity = NULL;
}

void fuse_iomap_session_destroy(struct fuse_iomap_session *fis)
{
	if (!fis)
		return;
	if (fis->fd >= 0)
		iomap_registry_del(fis);
	if (fis->path)
		iomap_path_free(fis);
	else if (fis->se)
		fuse_session_destroy(fis->se);	/* closes the descriptor */
	iomap_request_free_all(fis);
	if (fis->drain_efd >= 0)
		close(fis->drain_efd);
	if (fis->wake_efd >= 0)
		close(fis->wake_efd);
	pthread_mutex_destroy(&fis->lock);
	free(fis->mnt.path);
	free(fis->mnt.identity);
	free(fis);
}
