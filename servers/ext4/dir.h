/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Directories: finding, adding, removing and walking entries.
 *
 * Three formats exist: a list of blocks, the same with a hash index (htree)
 * hidden in it, and inside the inode (inline data).  Reading treats the first
 * two alike, because an htree reads as an ordinary list.  An inline directory
 * is moved to a block before it is changed.
 */
#ifndef IOMAP4FS_DIR_H
#define IOMAP4FS_DIR_H

#include <string.h>

#include "inode.h"
#include "node.h"

struct dir_name {
	const char *str;
	size_t len;
};

static inline struct dir_name dir_name(const char *str)
{
	return (struct dir_name){ str, strlen(str) };
}

/* -ENOENT when there is none. */
int dir_lookup(struct server *s, struct inode *dir, struct dir_name name, ext2_ino_t *ino);

/*
 * Add an entry; that there is none of this name is the caller's knowledge.
 * Loads @dir anew; the times are the caller's.
 */
int dir_add(struct server *s, struct inode *dir, struct dir_name name, ext2_ino_t ino,
	    mode_t mode, const struct caller *who);
int dir_remove(struct server *s, struct inode *dir, struct dir_name name);
/* Let an existing entry name another inode. */
int dir_replace(struct server *s, struct inode *dir, struct dir_name name, ext2_ino_t ino,
		mode_t mode);

/*
 * Before a name gets a successor and then is removed: *@may is false if what was changed before
 * has to be written first (careful.h).
 */
int dir_may_move(struct server *s, struct inode *dir, struct dir_name name, bool *may);

/* Give a new directory its first block. */
int dir_init(struct server *s, struct inode *dir, ext2_ino_t parent, const struct caller *who);
/* 1: only "." and "..", 0: more; or -errno */
int dir_is_empty(struct server *s, struct inode *dir);
int dir_set_parent(struct server *s, struct inode *dir, ext2_ino_t parent);

struct dir_entry {
	struct dir_name name;
	ext2_ino_t ino;
	uint8_t type;		/* EXT2_FT_* */
	uint32_t hash[2];	/* behind the name, if the directory is encrypted and casefolded */
	uint64_t pos;		/* where it begins in the directory, bytes */
};

/*
 * Call @fn for all entries until it returns something other than 0, which is
 * returned.  @fn must not touch the file system.  *@lblk: the block to begin with;
 * afterwards the one where it ended, of which @fn has seen nothing if the block could not
 * be read.
 */
int dir_walk(struct server *s, struct inode *dir, uint64_t *lblk,
	     int (*fn)(void *arg, const struct dir_entry *e), void *arg);
/* The same up to block @end, which *@lblk is then if nothing else ended it. */
int dir_walk_some(struct server *s, struct inode *dir, uint64_t *lblk, uint64_t end,
		  int (*fn)(void *arg, const struct dir_entry *e), void *arg);

mode_t dir_type_to_mode(uint8_t type);

#endif
