/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bytes beneath the file system: a block device or an image file.
 *
 * On a block device every access is O_DIRECT.  The kernel moves file data on
 * the same device with its own bios, so the device's page cache must stay out
 * of the game: a page read ahead there could later be written back over newer
 * data.  Callers need not care about alignment; requests that the device can't
 * do as they are go through a bounce buffer, partial sectors by
 * read-modify-write.
 *
 * An image file is accessed through the page cache: only this process touches
 * it (flock), so there is nothing to be incoherent with.
 *
 * Not locked: two writers of one sector must be serialised by the caller (the
 * server lock does).
 */
#ifndef IOMAP4FS_DEVICE_H
#define IOMAP4FS_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* so many are read at once */
#define DEVICE_PIECES_MAX	32

struct device {
	int fd;
	bool direct;		/* fd is O_DIRECT */
	bool block;		/* fd is a block device */
	uint32_t align;		/* of address, length and offset when direct; bytes */
	uint64_t base;		/* where the file system begins, bytes */
	uint64_t size;		/* from there on, bytes */
	/*
	 * The error of the first flush that failed, 0: none has; atomic.  The system tells of
	 * what it could not write once, whoever asks, and forgets it.  So no flush is believed
	 * any more after that one.  NULL: each is by itself.
	 */
	int *flush_error;
	/*
	 * NULL, or it replaces some of the @len bytes that have been read from @off, whole blocks
	 * of the file system: what a journal has for them (fc_run.c).  0 or -errno
	 */
	int (*replace)(void *arg, void *buf, size_t len, uint64_t off);
	void *replace_arg;
};

/* Learn size and alignment of @fd; @direct: it was opened with O_DIRECT.  0 or -errno. */
int device_init(struct device *dev, int fd, bool direct);

/* The file system begins at @base.  -ENXIO if that is behind the end. */
int device_set_base(struct device *dev, uint64_t base);

/* All of [@off, @off + @len) or a negative errno; past the end is -EIO. */
int device_read(const struct device *dev, void *buf, size_t len, uint64_t off);
int device_write(const struct device *dev, const void *buf, size_t len, uint64_t off);
/* The same of @nr neighbouring pieces of @len bytes, each to a buffer of its own. */
int device_read_pieces(const struct device *dev, void *const *bufs, unsigned int nr, size_t len,
		       uint64_t off);
/* Write zeroes. */
int device_zero(const struct device *dev, uint64_t off, uint64_t len);
/* What is there isn't needed any more, and may read as anything.  -EOPNOTSUPP */
int device_discard(const struct device *dev, uint64_t off, uint64_t len);
/* Smaller pieces than *@unit, bytes, aren't worth it.  -EOPNOTSUPP */
int device_discard_unit(const struct device *dev, uint32_t *unit);
/* Everything written so far is on stable storage.  An error is for good. */
int device_flush(const struct device *dev);

#endif
