/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Quota accounting: how much space and how many inodes each user, group and project
 * has, in the hidden files of the quota feature.
 *
 * The files always say what the inodes on disk add up to.  For that each write of an
 * inode is compared with what is on disk before it, and the difference is booked in the
 * same transaction; an inode counts from the moment on at which it is marked as used in
 * the bitmap, and until it no longer is.  Unlinked inodes that are in use count, as in
 * kernel ext4: whoever frees them after a crash takes them out.
 *
 * Limits are kept as they are and not enforced.
 */
#ifndef IOMAP4FS_QUOTA_H
#define IOMAP4FS_QUOTA_H

#include "inode.h"

enum quota_type { QUOTA_USER, QUOTA_GROUP, QUOTA_PROJECT, NR_QUOTAS };

/* Where entries are, that have been used lately.  They never move.  A power of two. */
#define QUOTA_SLOTS	256

struct quota_file {
	enum quota_type type;
	ext2_ino_t ino;			/* 0: this kind isn't accounted */
	struct {
		uint32_t id;
		uint64_t pos;		/* on the device, bytes; 0: a free slot */
	} slots[QUOTA_SLOTS];
};

struct quota {
	struct quota_file files[NR_QUOTAS];
};

/*
 * quota.c
 */

/* At mount: find the files, if there is the feature.  Says why it can't. */
int quota_open(struct server *s);
void quota_close(struct server *s);
/*
 * Make sure that there is a place to account for an inode of this owner, so that
 * nothing that follows fails for want of space.
 */
int quota_prepare(struct server *s, uid_t uid, gid_t gid, uint32_t projid);
/* The inode, stored, is in use from now on (@used) or no longer. */
int quota_inode(struct server *s, const struct inode *in, bool used);
/* The inode, stored, goes to project @projid, and is stored again after this. */
int quota_set_project(struct server *s, const struct inode *in, uint32_t projid);

/*
 * quota_tree.c: the format of the files
 */

/* Is the file what its superblock field says?  -EUCLEAN if not. */
int quota_tree_check(struct server *s, struct quota_file *f);
/* Where the entry of @id is, on the device; makes one.  0 or -errno. */
int quota_tree_find(struct server *s, struct quota_file *f, uint32_t id, uint64_t *pos);
/* Add to the usage in the entry at @pos.  What would be less than nothing is 0. */
int quota_tree_add(struct server *s, struct quota_file *f, uint32_t id, uint64_t pos,
		   int64_t space, int64_t inodes);

#endif
