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

#endif
