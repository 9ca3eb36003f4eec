// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Opening the source so that nobody else mounts it meanwhile.
 *
 * A block device is opened with O_EXCL, which excludes the kernel's file
 * systems and everybody else who asks for exclusive use; as a whole, also if the file
 * system is only a part of it (-o offset).  An image file gets locks (source_lock.c), and the
 * part that is used must not be behind a loop device that somebody has claimed.
 */
#include "source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "source_lock.h"

#ifndef LOOP_CONFIGURE
#define LOOP_CONFIGURE	0x4C0A
struct loop_config {
	__u32 fd;
	__u32 block_size;
	struct loop_info64 info;
	__u64 __reserved[8];
};
#endif

/* somebody else may take the free loop device first */
#define LOOP_TRIES	32

static void set_name(struct source *src, const char *path)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	snprintf(src->name, sizeof(src->name), "%.31s", base);
}

/* Bytes from @start to @end; where one of the ends is 0 it is the file's. */
static bool overlap(uint64_t start, uint64_t end, uint64_t other_start, uint64_t other_end)
{
	return (!end || other_start < end) && (!other_end || start < other_end);
}

/* Is the loop device @name on top of a part of the file @st that we want, in exclusive use? */
static bool loop_in_use(const char *name, const struct stat *st, uint64_t start, uint64_t end)
{
	struct loop_info64 info;
	char path[300];
	bool busy = false;
	int fd, excl;

	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (!ioctl(fd, LOOP_GET_STATUS64, &info) && info.lo_inode == st->st_ino &&
	    info.lo_device == st->st_dev &&
	    overlap(start, end, info.lo_offset,
		    info.lo_sizelimit ? info.lo_offset + info.lo_sizelimit : 0)) {
		excl = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
		if (excl >= 0)
			close(excl);
		else
			busy = errno == EBUSY;
	}
	close(fd);
	return busy;
}

static bool behind_busy_loop(const struct stat *st, uint64_t start, uint64_t end)
{
	DIR *dir = opendir("/sys/block");
	struct dirent *de;
	bool busy = false;

	if (!dir)
		return false;
	while (!busy && (de = readdir(dir))) {
		char backing[300];

		if (strncmp(de->d_name, "loop", 4))
			continue;
		snprintf(backing, sizeof(backing), "/sys/block/%.200s/loop/backing_file",
			 de->d_name);
		if (!access(backing, F_OK))
			busy = loop_in_use(de->d_name, st, start, end);
	}
	closedir(dir);
	return busy;
}

static int init_device(struct source *src, bool direct)
{
	int err = device_init(&src->dev, src->fd, direct);

	src->dev.flush_error = &src->flush_error;
	return err;
}

/* Opening for writing has failed with @err, but for reading it would not. */
static bool can_be_read(int err, const char *path, bool readonly)
{
	return (err == -EROFS || err == -EACCES) && !readonly &&
	       !faccessat(AT_FDCWD, path, R_OK, AT_EACCESS);
}

static int only_read(struct source *src, const char *why)
{
	src->readonly = why;
	return -EROFS;
}

static int open_device(struct source *src, const char *path, bool readonly)
{
	int flags = (readonly ? O_RDONLY : O_RDWR) | O_EXCL | O_CLOEXEC;
	int err, protected = 0;

	src->fd = open(path, flags | O_DIRECT);
	if (src->fd < 0) {
		err = -errno;
		if (can_be_read(err, path, readonly))
			return only_read(src, "is write-protected");
		if (err == -EBUSY)
			log_err("%s is in use", path);
		else
			log_err("can't open %s: %s", path, strerror(-err));
		return err;
	}
	/* most kernels open it all the same, and refuse to write */
	if (!readonly && !ioctl(src->fd, BLKROGET, &protected) && protected)
		return only_read(src, "is write-protected");
	err = init_device(src, true);
	if (err)
		log_err("can't use %s: %s", path, strerror(-err));
	return err;
}

/*
 * May this process write up to the end of an image of @size bytes?  The limit has been raised as
 * far as it may be (startup.c); devices have none.  *@limit: bytes
 */
static bool within_limit(uint64_t size, uint64_t *limit)
{
	struct rlimit rlimit;

	if (getrlimit(RLIMIT_FSIZE, &rlimit) || rlimit.rlim_cur == RLIM_INFINITY)
		return true;
	*limit = rlimit.rlim_cur;
	return size <= *limit;
}

static int open_image(struct source *src, const char *path, const struct stat *st,
		      uint64_t offset, bool readonly)
{
	uint64_t limit;
	int err;

	if (!readonly && !within_limit(st->st_size, &limit)) {
		log_err("%s has %llu bytes and this process may write %llu of them: raise the limit "
			"of file sizes (ulimit -f), or use -o ro", path,
			(unsigned long long)st->st_size, (unsigned long long)limit);
		return -EFBIG;
	}
	src->image_fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (src->image_fd < 0) {
		err = -errno;
		if (can_be_read(err, path, readonly))
			return only_read(src, err == -EROFS ? "is on a read-only file system" :
							      "may only be read by this user");
		log_err("can't open %s: %s", path, strerror(-err));
		return err;
	}
	err = source_lock(src->image_fd, path, offset, readonly, &src->end);
	if (err)
		return err;
	if (behind_busy_loop(st, offset, src->end)) {
		log_err("%s is in use through a loop device", path);
		return -EBUSY;
	}
	src->fd = src->image_fd;
	err = init_device(src, false);
	if (err)
		log_err("can't use %s: %s", path, strerror(-err));
	return err;
}

static int begin_at(struct source *src, const char *path, uint64_t offset)
{
	if (offset & (src->dev.align - 1)) {
		log_err("%s has sectors of %u bytes: offset=%llu is not a multiple", path,
			src->dev.align, (unsigned long long)offset);
		return -EINVAL;
	}
	if (offset && device_set_base(&src->dev, offset)) {
		log_err("offset=%llu is behind the end of %s", (unsigned long long)offset, path);
		return -EINVAL;
	}
	return 0;
}

bool source_is_writable(const struct source *src, const char *path)
{
	uint64_t limit;
	int ro = 0;

	if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) ||
	    (!src->dev.block && !within_limit(src->dev.base + src->dev.size, &limit)))
		return false;
	/* fails for an image, which has no such switch */
	return ioctl(src->fd, BLKROGET, &ro) || !ro;
}

int source_open(struct source *src, const char *path, uint64_t offset, bool readonly)
{
	struct stat st;
	int err;

	*src = (struct source){ .image_fd = -1, .fd = -1 };
	if (stat(path, &st)) {
		err = -errno;
		log_err("can't open %s: %s", path, strerror(-err));
		return err;
	}
	set_name(src, path);
	if (S_ISBLK(st.st_mode)) {
		err = open_device(src, path, readonly);
	} else if (S_ISREG(st.st_mode)) {
		err = open_image(src, path, &st, offset, readonly);
	} else {
		log_err("%s is neither a block device nor an image file", path);
		err = -ENOTBLK;
	}
	if (!err)
		err = begin_at(src, path, offset);
	if (err)
		source_close(src);
	return err;
}

static int configure_loop(struct source *src, const char *path, bool readonly,
			  uint32_t blocksize, const char *loop_path)
{
	struct loop_config config = {
		.fd = src->image_fd,
		.block_size = blocksize,
		.info.lo_offset = src->dev.base,
		/* what is behind a partition may be another one's */
		.info.lo_sizelimit = src->dev.base && src->end ? src->end - src->dev.base : 0,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO |
				 (readonly ? LO_FLAGS_READ_ONLY : 0),
	};
	int fd, excl, err = 0;

	snprintf((char *)config.info.lo_file_name, LO_NAME_SIZE, "%.63s", path);
	fd = open(loop_path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, LOOP_CONFIGURE, &config)) {
		err = -errno;
		close(fd);
		return err;
	}
	/* @fd keeps the autoclear device alive until this one does */
	excl = open(loop_path, (readonly ? O_RDONLY : O_RDWR) | O_EXCL | O_DIRECT | O_CLOEXEC);
	if (excl < 0)
		err = -errno;
	close(fd);
	if (err)
		return err;
	src->fd = excl;
	return 0;
}

/*
 * The loop device's sectors: as small as the image's own storage allows, so that
 * the loop device can do direct I/O on it.
 */
static uint32_t loop_sector(const struct source *src, uint32_t blocksize)
{
	uint32_t sector = 512;
#ifdef STATX_DIOALIGN
	struct statx stx;

	if (!statx(src->image_fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) &&
	    (stx.stx_mask & STATX_DIOALIGN) && stx.stx_dio_offset_align > 512)
		sector = stx.stx_dio_offset_align;
#endif
	return sector <= blocksize && sector <= 4096 ? sector : 512;
}

int source_attach_loop(struct source *src, const char *path, bool readonly, uint32_t blocksize)
{
	uint32_t sector;
	int control, err = -EBUSY;

	if (src->image_fd < 0 && !src->dev.base)
		return 0;
	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0) {
		err = -errno;
		log_err("can't open /dev/loop-control: %s", strerror(-err));
		return err;
	}
	/* a part of a block device: it takes the place of the image */
	if (src->image_fd < 0)
		src->image_fd = src->fd;
	sector = loop_sector(src, blocksize);
	for (int i = 0; i < LOOP_TRIES && err == -EBUSY; i++) {
		int nr = ioctl(control, LOOP_CTL_GET_FREE);

		if (nr < 0) {
			err = -errno;
			break;
		}
		snprintf(src->path, sizeof(src->path), "/dev/loop%d", nr);
		err = configure_loop(src, path, readonly, sector, src->path);
		if (err == -EINVAL && sector != 512) {
			sector = 512;
			err = -EBUSY;
		}
	}
	close(control);
	if (err) {
		src->path[0] = '\0';
		log_err("can't attach %s to a loop device: %s", path, strerror(-err));
		return err;
	}
	set_name(src, src->path);
	err = init_device(src, true);
	if (err)
		log_err("can't use %s: %s", src->path, strerror(-err));
	return err;
}

void source_close(struct source *src)
{
	if (src->fd >= 0 && src->fd != src->image_fd)
		close(src->fd);
	if (src->image_fd >= 0)
		close(src->image_fd);
	src->fd = src->image_fd = -1;
}
