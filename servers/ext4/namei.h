/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What system calls do with names.  Permission by mode is the kernel's
 * business (default_permissions); what is checked here is what the file system
 * itself forbids, with kernel ext4's errnos.
 */
#ifndef IOMAP4FS_NAMEI_H
#define IOMAP4FS_NAMEI_H

#include "dir.h"
#include "inode.h"

int namei_lookup(struct server *s, ext2_ino_t parent, const char *name, struct inode *in);
/*
 * The inode of a file handle, which may be of an earlier mount, or forged: its number is all that
 * is known.  -ESTALE: there is no file with this number, or it has no name any more.
 */
int namei_by_number(struct server *s, ext2_ino_t ino, struct inode *in);
/* May the kernel remember what a name in @parent means? */
bool namei_names_last(struct server *s, ext2_ino_t parent);
/*
 * ... that there is none, in any directory?  An empty one can be made casefolded, and then
 * the names that were looked for in it are still remembered.
 */
bool namei_absence_lasts(const struct server *s);

/* All of create, mknod, mkdir and symlink.  @target: of a symlink, else NULL. */
int namei_make(struct server *s, ext2_ino_t parent, const char *name, mode_t mode, dev_t rdev,
	       const char *target, const struct caller *who, struct inode *in);
/*
 * A regular file without a name, in use: it is on the orphan list and has one lookup and,
 * with @open, one open.  namei_link() may give it a name.
 */
int namei_make_unnamed(struct server *s, ext2_ino_t parent, mode_t mode, bool open,
		       const struct caller *who, struct inode *in);
int namei_link(struct server *s, ext2_ino_t ino, ext2_ino_t parent, const char *name,
	       const struct caller *who, struct inode *in);
int namei_unlink(struct server *s, ext2_ino_t parent, const char *name);
int namei_rmdir(struct server *s, ext2_ino_t parent, const char *name);
/* @flags: RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT */
int namei_rename(struct server *s, ext2_ino_t old_parent, const char *old_name,
		 ext2_ino_t new_parent, const char *new_name, unsigned int flags,
		 const struct caller *who);
/* *@target, NUL-terminated, is to be freed. */
int namei_readlink(struct server *s, ext2_ino_t ino, char **target);

/* For rename.c */

/* Load a directory that entries are looked up in or added to. */
int namei_load_dir(struct server *s, ext2_ino_t ino, struct inode *dir);
int namei_check_name(const char *name);
/* An inode that has its first name in @dir, but for that name. */
int namei_new_inode(struct server *s, struct inode *dir, mode_t mode, dev_t rdev,
		    const char *target, const struct caller *who, struct inode *in);
/* May the entry of @in be removed from @dir? */
int namei_may_delete(const struct inode *dir, const struct inode *in);
bool namei_dir_full(struct server *s, const struct inode *dir);
void namei_inc_links(struct inode *dir);
void namei_dec_links(struct inode *dir);
/* The inode lost a name, or with @gone all of them: store it, delete it if it was the last. */
int namei_drop_link(struct server *s, struct inode *in, bool gone);

#endif
