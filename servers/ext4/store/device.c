// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Aligned I/O on the device beneath the file system: see device.h for why.
 */
#include "store/device.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#define BOUNCE_MAX	(1024UL * 1024)

int device_init(struct device *dev, int fd, bool direct)
{
	struct stat st;
	int sector = 512;

	if (fstat(fd, &st))
		return -errno;

	*dev = (struct device){ .fd = fd, .direct = direct, .align = 1 };
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(fd, BLKGETSIZE64, &dev->size))
			return -errno;
		if (ioctl(fd, BLKSSZGET, &sector))
			return -errno;
		dev->block = true;
	} else if (S_ISREG(st.st_mode)) {
		dev->size = st.st_size;
	} else {
		return -ENOTBLK;
	}
	if (direct)
		dev->align = sector > 0 ? sector : 512;
	return 0;
}

int device_set_base(struct device *dev, uint64_t base)
{
	if (base >= dev->size)
		return -ENXIO;
	dev->base = base;
	dev->size -= base;
	return 0;
}

static int read_all(int fd, void *buf, size_t len, uint64_t off)
{
	while (len) {
		ssize_t n = pread(fd, buf, len, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		buf = (char *)buf + n;
		len -= n;
		off += n;
	}
	return 0;
}

static int write_all(int fd, const void *buf, size_t len, uint64_t off)
{
	while (len) {
		ssize_t n = pwrite(fd, buf, len, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		buf = (const char *)buf + n;
		len -= n;
		off += n;
	}
	return 0;
}

static bool is_aligned(const struct device *dev, const void *buf, size_t len, uint64_t off)
{
	return !(((uintptr_t)buf | len | off) & (dev->align - 1));
}

static bool in_range(const struct device *dev, size_t len, uint64_t off)
{
	return off <= dev->size && len <= dev->size - off;
}

/* Bounce buffers want the alignment that any device's DMA engine takes. */
static void *bounce_alloc(const struct device *dev, size_t size)
{
	void *p;

	if (posix_memalign(&p, dev->align > 4096 ? dev->align : 4096, size))
		return NULL;
	return p;
}

struct window {
	uint64_t start;		/* aligned device range that covers the chunk */
	size_t size;
	size_t skip;		/* bytes of the window before the chunk */
	size_t chunk;		/* bytes of the request done with this window */
};

static struct window window_for(const struct device *dev, size_t len, uint64_t off)
{
	uint64_t mask = dev->align - 1;
	struct window w;
	uint64_t end;

	w.start = off & ~mask;
	w.skip = off - w.start;
	w.chunk = len;
	if (w.chunk > BOUNCE_MAX - w.skip)
		w.chunk = BOUNCE_MAX - w.skip;
	end = (off + w.chunk + mask) & ~mask;
	w.size = end - w.start;
	return w;
}

int device_read(const struct device *dev, void *buf, size_t len, uint64_t off)
{
	void *bounce = NULL;
	int err = 0;

	if (!in_range(dev, len, off))
		return -EIO;
	off += dev->base;
	if (is_aligned(dev, buf, len, off))
		return read_all(dev->fd, buf, len, off);

	while (len && !err) {
		struct window w = window_for(dev, len, off);

		if (!bounce) {
			/* the first window is the largest */
			bounce = bounce_alloc(dev, w.size + dev->align);
			if (!bounce)
				return -ENOMEM;
		}
		err = read_all(dev->fd, bounce, w.size, w.start);
		if (err)
			break;
		memcpy(buf, (char *)bounce + w.skip, w.chunk);
		buf = (char *)buf + w.chunk;
		off += w.chunk;
		len -= w.chunk;
	}
	free(bounce);
	return err;
}

int device_read_pieces(const struct device *dev, void *const *bufs, unsigned int nr, size_t len,
		       uint64_t off)
{
	struct iovec iov[DEVICE_PIECES_MAX];
	bool together = nr > 1 && nr <= DEVICE_PIECES_MAX && in_range(dev, nr * len, off);
	int err = 0;

	for (unsigned int i = 0; i < nr && together; i++) {
		iov[i] = (struct iovec){ bufs[i], len };
		together = is_aligned(dev, bufs[i], len, dev->base + off);
	}
	if (together && preadv(dev->fd, iov, nr, dev->base + off) == (ssize_t)(nr * len))
		return 0;
	/* one by one tells what is wrong, if anything is */
	for (unsigned int i = 0; i < nr && !err; i++)
		err = device_read(dev, bufs[i], len, off + i * len);
	return err;
}

int device_write(const struct device *dev, const void *buf, size_t len, uint64_t off)
{
	void *bounce = NULL;
	int err = 0;

	if (!in_range(dev, len, off))
		return -EIO;
	off += dev->base;
	if (is_aligned(dev, buf, len, off))
		return write_all(dev->fd, buf, len, off);

	while (len) {
		struct window w = window_for(dev, len, off);

		if (!bounce) {
			bounce = bounce_alloc(dev, w.size + dev->align);
			if (!bounce)
				return -ENOMEM;
		}
		/* the sectors at both ends may hold bytes that are not ours */
		if (w.skip || w.skip + w.chunk != w.size) {
			err = read_all(dev->fd, bounce, w.size, w.start);
			if (err)
				break;
		}
		memcpy((char *)bounce + w.skip, buf, w.chunk);
		err = write_all(dev->fd, bounce, w.size, w.start);
		if (err)
			break;
		buf = (const char *)buf + w.chunk;
		off += w.chunk;
		len -= w.chunk;
	}
	free(bounce);
	return err;
}

int device_zero(const struct device *dev, uint64_t off, uint64_t len)
{
	void *zeroes;
	size_t size;
	int err = 0;

	if (off > dev->size || len > dev->size - off)
		return -EIO;
	if (dev->block && !((off | len) & 511)) {
		uint64_t range[2] = { dev->base + off, len };

		if (!ioctl(dev->fd, BLKZEROOUT, range))
			return 0;
	}

	size = len < BOUNCE_MAX ? len : BOUNCE_MAX;
	zeroes = bounce_alloc(dev, size + 1);
	if (!zeroes)
		return -ENOMEM;
	memset(zeroes, 0, size);
	while (len && !err) {
		size_t n = len < size ? len : size;

		err = device_write(dev, zeroes, n, off);
		off += n;
		len -= n;
	}
	free(zeroes);
	return err;
}

int device_discard(const struct device *dev, uint64_t off, uint64_t len)
{
	uint64_t range[2] = { dev->base + off, len };

	if (off > dev->size || len > dev->size - off)
		return -EIO;
	if (dev->block)
		return ioctl(dev->fd, BLKDISCARD, range) ? -errno : 0;
	return fallocate(dev->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, range[0], range[1]) ?
	       -errno : 0;
}

/* A limit of the device's queue; partitions have that of their disk.  -errno */
static int read_limit(const struct stat *st, const char *name, uint64_t *value)
{
	static const char *const places[] = { "queue", "../queue" };
	FILE *f = NULL;
	char path[128];
	int n;

	for (int i = 0; i < 2 && !f; i++) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s/%s", major(st->st_rdev),
			 minor(st->st_rdev), places[i], name);
		f = fopen(path, "re");
	}
	if (!f)
		return -errno;
	n = fscanf(f, "%" SCNu64, value);
	fclose(f);
	return n == 1 ? 0 : -EIO;
}

int device_discard_unit(const struct device *dev, uint32_t *unit)
{
	uint64_t max, granularity;
	struct statfs fs;
	struct stat st;

	*unit = 512;
	if (fstat(dev->fd, &st))
		return -errno;
	if (!dev->block) {
		/* as the loop driver sees it */
		if (fstatfs(dev->fd, &fs))
			return -errno;
		*unit = fs.f_bsize;
		return 0;
	}
	/* who can't look there finds out when trying */
	if (!read_limit(&st, "discard_max_bytes", &max) && !max)
		return -EOPNOTSUPP;
	if (!read_limit(&st, "discard_granularity", &granularity) && granularity <= UINT32_MAX)
		*unit = granularity;
	return 0;
}

int device_flush(const struct device *dev)
{
	int err = fdatasync(dev->fd) ? -errno : 0, none = 0;

	if (!dev->flush_error)
		return err;
	if (err && err != -EINTR)
		__atomic_compare_exchange_n(dev->flush_error, &none, err, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST);
	return err ? err : __atomic_load_n(dev->flush_error, __ATOMIC_SEQ_CST);
}
