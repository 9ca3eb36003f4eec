// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The mount options of other FUSE servers (mount.fuse(8), fuse2fs(1)), and those of mount(8) that
 * it does not keep to itself: verdicts as in options_kernel.c.
 */
#include "options_kernel.h"

#include <stddef.h>

static const struct known_option table[] = {
	/* mount.fuse(8): how the kernel and libfuse treat the mount */
	{ "kernel_cache",		SAME,		NULL },
	{ "auto_cache",			SAME,		NULL },
	{ "entry_timeout=",		SAME,		NULL },
	{ "negative_timeout=",		SAME,		NULL },
	{ "attr_timeout=",		SAME,		NULL },
	{ "ac_attr_timeout=",		SAME,		NULL },
	{ "noforget",			SAME,		NULL },
	{ "remember=",			SAME,		NULL },
	{ "hard_remove",		SAME,		NULL },
	{ "use_ino",			SAME,		NULL },
	{ "readdir_ino",		SAME,		NULL },
	{ "nonempty",			SAME,		NULL },
	{ "large_read",			SAME,		NULL },
	{ "big_writes",			SAME,		NULL },
	{ "atomic_o_trunc",		SAME,		NULL },
	{ "no_remote_lock",		SAME,		NULL },
	{ "no_remote_flock",		SAME,		NULL },
	{ "no_remote_posix_lock",	SAME,		NULL },
	{ "async_read",			SAME,		NULL },
	{ "splice_read",		SAME,		NULL },
	{ "splice_write",		SAME,		NULL },
	{ "splice_move",		SAME,		NULL },
	{ "no_splice_read",		SAME,		NULL },
	{ "no_splice_write",		SAME,		NULL },
	{ "no_splice_move",		SAME,		NULL },
	{ "clone_fd",			SAME,		NULL },
	{ "intr",			SAME,		NULL },
	{ "intr_signal=",		SAME,		NULL },
	{ "sync_read",			NO_EFFECT,	"the kernel reads ahead" },
	{ "direct_io",			NO_EFFECT,	"files go through the page cache; O_DIRECT "
							"does not" },
	{ "max_read=",			NO_EFFECT,	"the kernel's own limit is in force" },
	{ "max_write=",			NO_EFFECT,	"the kernel's own limit is in force" },
	{ "max_readahead=",		NO_EFFECT,	"the kernel's own limit is in force" },
	{ "max_background=",		NO_EFFECT,	"the kernel's own limit is in force" },
	{ "congestion_threshold=",	NO_EFFECT,	"the kernel's own limit is in force" },
	{ "max_idle_threads=",		NO_EFFECT,	"threads= says how many there are" },
	{ "max_threads=",		NO_EFFECT,	"threads= says how many there are" },
	{ "blkdev",			NO_EFFECT,	"the server decides how it is mounted" },
	{ "blksize=",			NO_EFFECT,	"the file system has blocks of its own size" },
	{ "subtype=",			NO_EFFECT,	"it is iomap4fs" },
	{ "allow_root",			REFUSED,	"use allow_other or noallow_other" },
	{ "auto_unmount",		REFUSED,	"when the server has been killed the mount "
							"stays until umount" },
	{ "umask=",			REFUSED,	"files have the permissions that the image "
							"says" },
	{ "fmask=",			REFUSED,	"files have the permissions that the image "
							"says" },
	{ "dmask=",			REFUSED,	"files have the permissions that the image "
							"says" },
	{ "modules=",			REFUSED,	"there are no stacked modules" },
	{ "subdir=",			REFUSED,	"there are no stacked modules" },
	{ "from_code=",			REFUSED,	"there are no stacked modules" },
	{ "to_code=",			REFUSED,	"there are no stacked modules" },
	{ "rellinks",			REFUSED,	"there are no stacked modules" },
	{ "norellinks",			SAME,		NULL },
	{ "setuid=",			REFUSED,	"mount.fuse3 does that: give it there" },
	{ "drop_privileges",		REFUSED,	"mount.fuse3 does that: give it there" },
	{ "fd=",			REFUSED,	"use /dev/fd/N as directory for a descriptor "
							"that is mounted" },
	{ "rootmode=",			REFUSED,	"the mount is made by this program" },
	{ "user_id=",			REFUSED,	"the mount is made by this program" },
	{ "group_id=",			REFUSED,	"the mount is made by this program" },
	/* fuse2fs(1) */
	{ "no_default_opts",		SAME,		NULL },
	{ "kernel",			SAME,		NULL },
	{ "direct",			NO_EFFECT,	"block devices are written directly anyway" },
	{ "lockfile=",			REFUSED,	"the source itself is locked" },
	/* mount(8) */
	{ "nomand",			SAME,		NULL },
	{ "mand",			NO_EFFECT,	"kernels have no mandatory locks any more" },
	{ "seclabel",			SAME,		NULL },
	{ "context=",			REFUSED,	"labels of a whole mount are not passed on" },
	{ "fscontext=",			REFUSED,	"labels of a whole mount are not passed on" },
	{ "defcontext=",		REFUSED,	"labels of a whole mount are not passed on" },
	{ "rootcontext=",		REFUSED,	"labels of a whole mount are not passed on" },
	{ "loop=",			REFUSED,	"the server attaches a loop device itself "
							"where it needs one" },
	{ "sizelimit=",			REFUSED,	"the superblock says how large the file "
							"system is" },
	{ "encryption=",		REFUSED,	"use cryptsetup(8)" },
	{ "verity.",			REFUSED,	"use veritysetup(8)" },
	{ "bind",			REFUSED,	"mount(8) does that without the server" },
	{ "rbind",			REFUSED,	"mount(8) does that without the server" },
	{ "move",			REFUSED,	"mount(8) does that without the server" },
};

enum kernel_option options_fuse(const char *option)
{
	return options_look_up(table, sizeof(table) / sizeof(table[0]), option);
}
