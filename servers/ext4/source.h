/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is mounted: a block device, or an image file that for iomap is put
 * behind a loop device.
 */
#ifndef IOMAP4FS_SOURCE_H
#define IOMAP4FS_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/device.h"

struct source {
	int image_fd;		/* the locked image file, or -1 */
	int fd;			/* what is read and written */
	uint64_t end;		/* of the file system in the image, byte; 0: not known */
	char name[32];		/* of the block device or image, without folders */
	char path[64];		/* of the loop device; empty: the source itself */
	struct device dev;
	int flush_error;	/* see there */
	/* source_open() for writing failed for this and nothing else; NULL: it didn't */
	const char *readonly;
};

/*
 * Open @path for this mount alone, read only if @readonly; the file system begins
 * at byte @offset.  Says what is wrong and returns a negative errno if it can't; but if
 * all that is wrong is that it can only be read, -EROFS, and src->readonly says why.
 */
int source_open(struct source *src, const char *path, uint64_t offset, bool readonly);

/* Could @path, which is open for reading, be written to? */
bool source_is_writable(const struct source *src, const char *path);

/*
 * Go on from an image file to a loop device on top of it, which disappears with
 * its last user.  Nothing to do for a block device, but if the file system does not
 * begin where the device does.
 * @blocksize: of the file system, bytes
 */
int source_attach_loop(struct source *src, const char *path, bool readonly, uint32_t blocksize);

void source_close(struct source *src);

#endif
