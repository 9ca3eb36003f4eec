/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mounts of this process's mount namespace, from /proc/self/mountinfo.
 */
#ifndef FUSEIOMAP_MOUNTINFO_H
#define FUSEIOMAP_MOUNTINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct mount {
	uint64_t id;			/* as STATX_MNT_ID gives it */
	uint32_t major, minor;		/* st_dev of its files */
	/* as they are, nothing escaped; parts of "line" */
	const char *root;		/* what of the file system is mounted here */
	const char *point;
	const char *type;		/* with the subtype */
	const char *source;
	char *line;
};

struct mounts {
	struct mount *mount;
	size_t nr;
	size_t nr_bad;			/* lines that were not understood */
};

/*
 * Parse @line, which has no line end, into *@m.  Returns 0, -EINVAL if it is not a line
 * of mountinfo, or -ENOMEM.  The caller frees m->line after success.
 */
int mount_parse(const char *line, struct mount *m);

/*
 * Read all lines of @file.  Lines that make no sense are left out and counted.
 * Returns 0 or a negative errno; the caller calls mounts_free() in either case.
 */
int mounts_read(FILE *file, struct mounts *mounts);
void mounts_free(struct mounts *mounts);

/* The mount with this identity, or NULL. */
const struct mount *mounts_find(const struct mounts *mounts, uint64_t id);

/* Is this a mount of the module's: fuseiomap or fuseiomapblk, with a subtype or not? */
bool mount_is_ours(const struct mount *m);

#endif
