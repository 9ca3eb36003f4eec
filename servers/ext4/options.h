/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line. */
#ifndef IOMAP4FS_OPTIONS_H
#define IOMAP4FS_OPTIONS_H

#include <fuse_iomap.h>
#include <stdbool.h>
#include <stdint.h>

#include "log.h"

enum errors_policy {
	ERRORS_SUPERBLOCK,	/* as the superblock says */
	ERRORS_CONTINUE,
	ERRORS_REMOUNT_RO,
	ERRORS_PANIC,		/* of the server, not of the machine: it ends */
};

struct options {
	char *source;
	char *mountpoint;
	const char *fsname;		/* for the mount table instead of the source, or NULL */
	int mounted_fd;			/* the caller has mounted it: /dev/fd/N; or -1 */
	enum fuse_iomap_mode iomap;
	unsigned long mount_flags;	/* MS_* */
	enum errors_policy errors;
	uint64_t cache_size;		/* of the metadata store, bytes; 0: it sizes itself */
	uint64_t offset;		/* of the file system in the source, bytes */
	uint64_t superblock;		/* the one to read, in KiB; 0: the first */
	int64_t uid, gid;		/* who all files seem to belong to; -1: who they do */
	int64_t resuid, resgid;		/* for whom blocks are reserved; -1: as on the disk */
	uint32_t stripe;		/* blocks; 0: as on the disk */
	enum log_format log_format;
	unsigned int threads;
	unsigned int commit_interval;	/* s, 0: the default */
	uint32_t map_cache;		/* bytes of mappings kept by the kernel for each file */
	bool readonly;
	bool readwrite;			/* asked for: then it's that or no mount */
	bool foreground;
	bool debug;
	bool noload;			/* do not replay the journal */
	unsigned int quota;	/* kinds whose limits are to hold, 1 << enum quota_type each */
	bool delalloc;			/* buffered writes get their blocks at writeback */
	bool auto_da_alloc;		/* what replaces older contents is written early */
	bool minixdf;
	bool allow_other;
	bool default_permissions;
	bool fakeroot;			/* whoever may use the mount may do all that root may */
	bool grpid;			/* new files get the directory's group */
	bool sloppy;			/* mount(8) -s: unknown options are ignored */
	bool helper;			/* called by mount(8), as mount.iomap4fs */
	bool remount;			/* change the flags of a mount that is there */
	bool fake;			/* mount(8) -f: all but mounting */
	char *given;			/* all -o lists, before they were parsed */
};

/*
 * Parse the arguments.  Returns 0, a positive number when the program is done
 * with exit status 0 (--help), or a negative one after an error message.
 */
int options_parse(struct options *opt, int argc, char **argv);
void options_free(struct options *opt);

#endif
