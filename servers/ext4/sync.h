/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes that are durable before they are answered: the mount options sync and dirsync, and
 * the attributes +S and +D (chattr(1)).
 *
 *	sync, +S	all changes of the inode; of a directory also those of its names
 *	dirsync, +D	all changes of a directory
 *
 * Every change of an inode goes through inode_store(), so that is where it is noted.  A handler
 * that changes something asks for the commit:
 *
 *	server_lock()
 *	sync_begin()		forget what this thread has noted before
 *	... inode_store() ...	sync_note()
 *	err = sync_finish()	commit, if something was noted
 *	server_unlock(), reply
 *
 * What is noted belongs to the thread, as other threads may get the lock during the operation.
 * Data that the kernel writes itself is none of this: its write(2) and fallocate(2) send FSYNC.
 */
#ifndef IOMAP4FS_SYNC_H
#define IOMAP4FS_SYNC_H

#include <stdbool.h>

#include "inode.h"

extern __thread bool sync_noted;

/* The mount has these options, MS_*.  Takes effect with the next change. */
void sync_set_options(struct server *s, unsigned long mount_flags);

static inline void sync_begin(void)
{
	sync_noted = false;
}

/* @in is stored. */
static inline void sync_note(const struct server *s, const struct inode *in)
{
	uint32_t flags = (in->raw.i_flags | s->sync_flags) & (EXT2_SYNC_FL | EXT2_DIRSYNC_FL);

	if (flags && (flags & EXT2_SYNC_FL || inode_is_dir(in)))
		sync_noted = true;
}

/*
 * The operation has ended with @err.  With the lock, and lets go of it if there is something to
 * be written.  Returns @err or what became of the commit.
 */
int sync_finish(struct server *s, int err);

#endif
