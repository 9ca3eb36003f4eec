/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Extended attributes.  libext2fs reads and writes the inode behind the back of
 * struct inode: functions that take one store it first and load it again.
 */
#ifndef IOMAP4FS_XATTR_H
#define IOMAP4FS_XATTR_H

#include "inode.h"

/* *@value is to be freed.  -ENODATA when there is none. */
int xattr_get(struct server *s, struct inode *in, const char *name, void **value, size_t *size);
/*
 * @flags: XATTR_CREATE, XATTR_REPLACE.  ACLs change the mode too; @kill_sgid: an access ACL
 * also takes the set-gid bit.  -EDQUOT: @who may not have the block that it needs.
 */
int xattr_set(struct server *s, struct inode *in, const char *name, const void *value,
	      size_t size, int flags, bool kill_sgid, const struct caller *who);
int xattr_remove(struct server *s, struct inode *in, const char *name);
/* Names, each with its NUL; *@list is to be freed.  trusted.* only if @privileged. */
int xattr_list(struct server *s, struct inode *in, bool privileged, char **list, size_t *size);
/* The inode is being deleted. */
int xattr_free_all(struct server *s, struct inode *in);

/* The attribute that has the rest of inline data goes.  Stores the inode. */
int xattr_drop_inline(struct server *s, struct inode *in);

/*
 * The mode of @in, which is as on the disk, is going to be @mode: so are its ACL's entries for
 * it.  Doesn't change the mode.
 */
int xattr_acl_chmod(struct server *s, struct inode *in, mode_t mode);
/*
 * New inode @in in @dir: default ACLs, or without one the umask.  Changes
 * in->raw.i_mode.
 */
int xattr_acl_inherit(struct server *s, struct inode *dir, struct inode *in,
		      const struct caller *who);

/*
 * xattr_room.c: before libext2fs changes attributes.  @in is as on the disk.
 */

/* The attributes can be changed without failing halfway; none is longer than it was. */
int xattr_unshare(struct server *s, struct inode *in);
/* The same before one gets a value of @size bytes.  -ENOSPC */
int xattr_prepare(struct server *s, struct inode *in, size_t size);
/* @in is being deleted: if others use its attribute block, too, it stops using it. */
int xattr_leave_shared(struct server *s, struct inode *in);

/* ea_inode.c */

/* Blocks that @in is charged for because of values in inodes of their own */
int ea_inode_blocks(struct server *s, struct inode *in, uint64_t *blocks);
/* They were @before: charge or credit the difference, and store @in. */
int ea_inode_charge(struct server *s, struct inode *in, uint64_t before);

#endif
