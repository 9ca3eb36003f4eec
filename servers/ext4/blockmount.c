// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Classic mounts of block devices.
 *
 * Plain FUSE ends a mount without asking the server: umount(2) returns, and the server writes
 * what it has and closes the device some time later.  A FUSE mount of the type "fuseblk" sends
 * DESTROY and waits for the answer, so that the device is free when umount(2) returns.
 *
 * Such a mount claims the device for itself, and this process has claimed it before, by O_EXCL.
 * So this process gives its claim up for the moment of mounting, and opens the device without
 * one.  Another program could get in between and change what has been read.  It would have to
 * mount the file system for that, or check it, and both change the superblock: so the superblock
 * is read before and after.
 *
 * An ordinary user can't make such a mount, and for an image file there is none.  The kernel claims
 * the device that the mount's source names, so a mount that shows another name (-o fsname) is none.
 */
#include "blockmount.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "super_shared.h"

static int set_exclusive(struct server *s, bool exclusive)
{
	int err = source_set_exclusive(&s->src, s->opt.source, s->opt.readonly, exclusive);

	/* a mapping holds a claim as an open file does */
	if (!err)
		super_shared_reopen(s);
	return err;
}

uint32_t blockmount_begin(struct blockmount *b, struct server *s)
{
	uint32_t page = sysconf(_SC_PAGESIZE), bs = s->fs->blocksize;

	if (geteuid() || !s->src.dev.block || s->src.dev.base || s->src.path[0] || s->opt.fsname ||
	    s->opt.mounted_fd >= 0)
		return 0;
	if (device_read(&s->src.dev, b->super, sizeof(b->super), SUPERBLOCK_OFFSET) ||
	    set_exclusive(s, false))
		return 0;
	b->s = s;
	return bs < page ? bs : page;
}

int blockmount_end(struct blockmount *b, bool is_block, int err)
{
	char super[sizeof(b->super)];
	struct server *s = b->s;

	if (!s || err)
		return err;
	if (!is_block)
		err = set_exclusive(s, true);
	if (!err)
		err = device_read(&s->src.dev, super, sizeof(super), SUPERBLOCK_OFFSET);
	if (err) {
		log_err("can't use %s: %s", s->opt.source,
			err == -EBUSY ? "it is in use" : strerror(-err));
	} else if (memcmp(super, b->super, sizeof(super))) {
		err = -EBUSY;
		log_err("%s has been changed by another program meanwhile", s->opt.source);
	}
	return err;
}
