/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks that keep an image file for one mount, or for several that only read.
 *
 *	flock(2)		excludes servers without the locks below and everybody who uses
 *				flock(1); shared if the file system is only a part of the image
 *	bytes of the file	where the file system lies: excludes other mounts of the same one,
 *	system			and leaves other partitions of the image alone
 *	bytes 100 and 200	what QEMU looks at: who reads or writes, and who can't bear that
 *
 * The last two are open file description locks.  All of them go with the descriptor, and for a
 * mount behind a loop device with that.
 */
#ifndef IOMAP4FS_SOURCE_LOCK_H
#define IOMAP4FS_SOURCE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Lock the image file @fd for the file system that begins at byte @offset; for readers if
 * @readonly.  @path is for messages.  Says what is wrong: -EBUSY if somebody else has it; the
 * message names the process if it can be found.  Where the file system that the image lies on
 * has no locks it is a warning and 0.  *@end becomes the byte where the file system ends, 0 if that isn't known.
 */
int source_lock(int fd, const char *path, uint64_t offset, bool readonly, uint64_t *end);

#endif
