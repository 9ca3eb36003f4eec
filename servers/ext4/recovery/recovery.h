/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recovery of a file system at mount: its journal is replayed, and nothing else is done.
 * Orphans are for orphan.c, damage is for e2fsck.
 *
 * Whatever can't be replayed as it stands refuses the mount with a sentence that says what is
 * wrong and what to run, and nothing on the device has changed then.
 */
#ifndef IOMAP4FS_RECOVERY_H
#define IOMAP4FS_RECOVERY_H

#include <stdbool.h>

#include "server.h"

/*
 * Has the journal of the file system with superblock @sb to be replayed, as s->opt says?
 * 0 or -errno after a message: it would have to be, and can't.
 */
int recovery_is_needed(struct server *s, const struct ext2_super_block *sb, bool *needed);
/*
 * Replay it.  s->src is open for writing and stays so; with mmp the file system is ours
 * already.  @sb is read again.  0 or -errno after a message; -EINTR: see interrupted().
 */
int recovery_run(struct server *s, struct ext2_super_block *sb);
/*
 * The same for a mount that is only for reading: s->src is opened for writing meanwhile.  As
 * in kernel ext4, ro is what programs see.
 */
int recovery_run_for_reading(struct server *s, struct ext2_super_block *sb);
/*
 * For the parts of the recovery: @cache, or NULL, becomes s->cache, and the one before it is
 * destroyed.  mmp.c's thread uses s->cache when it takes the server lock, so that must not happen
 * without the lock.
 */
void recovery_set_cache(struct server *s, struct cache *cache);

#endif
