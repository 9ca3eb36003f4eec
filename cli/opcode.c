// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Opcodes of FUSE and of fuse-iomap by name.
 */
#include "opcode.h"

#include <fuse_iomap_kernel.h>
#include <stddef.h>

/* <linux/fuse.h> has them as an enumeration, and Debian 12's ends before these two */
enum { OPCODE_TMPFILE = 51, OPCODE_STATX = 52 };

#define NAME(name)	[FUSE_ ## name] = #name
static const char *const stock[] = {
	NAME(LOOKUP), NAME(FORGET), NAME(GETATTR), NAME(SETATTR), NAME(READLINK), NAME(SYMLINK),
	NAME(MKNOD), NAME(MKDIR), NAME(UNLINK), NAME(RMDIR), NAME(RENAME), NAME(LINK), NAME(OPEN),
	NAME(READ), NAME(WRITE), NAME(STATFS), NAME(RELEASE), NAME(FSYNC), NAME(SETXATTR),
	NAME(GETXATTR), NAME(LISTXATTR), NAME(REMOVEXATTR), NAME(FLUSH), NAME(INIT), NAME(OPENDIR),
	NAME(READDIR), NAME(RELEASEDIR), NAME(FSYNCDIR), NAME(GETLK), NAME(SETLK), NAME(SETLKW),
	NAME(ACCESS), NAME(CREATE), NAME(INTERRUPT), NAME(BMAP), NAME(DESTROY), NAME(IOCTL),
	NAME(POLL), NAME(NOTIFY_REPLY), NAME(BATCH_FORGET), NAME(FALLOCATE), NAME(READDIRPLUS),
	NAME(RENAME2), NAME(LSEEK), NAME(COPY_FILE_RANGE), NAME(SETUPMAPPING),
	NAME(REMOVEMAPPING), NAME(SYNCFS),
	[OPCODE_TMPFILE] = "TMPFILE",
	[OPCODE_STATX] = "STATX",
};

const char *opcode_name(uint32_t opcode)
{
	switch (opcode) {
	case FUSE_FREEZE_FS:
		return "FREEZE_FS";
	case FUSE_UNFREEZE_FS:
		return "UNFREEZE_FS";
	case FUSE_SHUTDOWN_FS:
		return "SHUTDOWN_FS";
	case FUSE_IOMAP_CONFIG:
		return "CONFIG";
	case FUSE_IOMAP_IOEND:
		return "IOEND";
	case FUSE_IOMAP_BEGIN:
		return "BEGIN";
	case FUSE_IOMAP_END:
		return "END";
	case FUSE_IOMAP_FORGET:
		return "IOMAP_FORGET";
	}
	return opcode < sizeof(stock) / sizeof(stock[0]) ? stock[opcode] : NULL;
}
