/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libext2fs's view of the metadata store. */
#ifndef IOMAP4FS_IO_MANAGER_H
#define IOMAP4FS_IO_MANAGER_H

#include <ext2fs/ext2fs.h>

#include "store/cache.h"

/*
 * An io_manager whose channels read and write @cache, which must outlive them.
 * There is one store in a process.
 */
io_manager store_io_manager(struct cache *cache);

/*
 * Judges a block that libext2fs has read: 0, or the error that it gets instead.  Called with each
 * block of the file system's block size that is read alone.  store_io_manager() ends that.
 */
typedef errcode_t store_check(void *arg, const void *block);
void store_check_reads(store_check *check, void *arg);
/*
 * No block is judged until the pause ends.  For reads of what users have written, which may look
 * like anything.  Only the thread that may use libext2fs at the moment calls this.
 */
void store_pause_checks(bool pause);

#endif
