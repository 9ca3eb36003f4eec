// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Changes that are durable before they are answered: see sync.h.
 *
 * A commit waits for the device only, never for the kernel's answers, so a handler may wait for
 * it whatever locks the caller holds in the kernel.
 */
#include "sync.h"

#include <sys/mount.h>

#include "durable.h"
#include "server.h"

__thread bool sync_noted;

void sync_set_options(struct server *s, unsigned long mount_flags)
{
	s->sync_flags = (mount_flags & MS_SYNCHRONOUS ? EXT2_SYNC_FL : 0) |
			(mount_flags & MS_DIRSYNC ? EXT2_DIRSYNC_FL : 0);
}

int sync_finish(struct server *s, int err)
{
	if (err || !sync_noted)
		return err;
	sync_noted = false;
	return durable_now(s);
}
