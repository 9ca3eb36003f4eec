/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inodes on the disk.
 *
 * struct inode is a copy of the on-disk inode that a request works on:
 * inode_load() it, change it, inode_store() it.  libext2fs functions that take
 * a struct ext2_inode get inode_small(); they store the first 128 bytes
 * themselves, which does no harm because the copy here is what they got.
 * Functions that take an inode number only (ext2fs_link() and so on) read and
 * write the inode behind the copy's back: load it again after them.
 */
#ifndef IOMAP4FS_INODE_H
#define IOMAP4FS_INODE_H

#include <sys/stat.h>
#include <time.h>

#include "server.h"

struct inode {
	ext2_ino_t ino;
	struct ext2_inode_large raw;
};

static inline struct ext2_inode *inode_small(struct inode *in)
{
	return (struct ext2_inode *)&in->raw;
}

static inline uint64_t inode_size(const struct inode *in)
{
	return EXT2_I_SIZE(&in->raw);
}

static inline bool inode_is_dir(const struct inode *in)
{
	return LINUX_S_ISDIR(in->raw.i_mode);
}

static inline bool inode_is_reg(const struct inode *in)
{
	return LINUX_S_ISREG(in->raw.i_mode);
}

/* Is there a place for a project id in the inode? */
bool inode_has_projid(const struct server *s, const struct inode *in);

static inline bool inode_has_extents(const struct inode *in)
{
	return in->raw.i_flags & EXT4_EXTENTS_FL;
}

static inline bool inode_is_inline(const struct inode *in)
{
	return in->raw.i_flags & EXT4_INLINE_DATA_FL;
}

/* FUSE's node ids: the root is 1 there and 2 in ext4, the others are the same. */
static inline ext2_ino_t ino_of_node(fuse_ino_t nodeid)
{
	return nodeid == FUSE_ROOT_ID ? EXT2_ROOT_INO : (ext2_ino_t)nodeid;
}

static inline fuse_ino_t node_of_ino(ext2_ino_t ino)
{
	return ino == EXT2_ROOT_INO ? FUSE_ROOT_ID : ino;
}

/*
 * Load an inode that is in use.  -ESTALE if it isn't allocated, -EUCLEAN if it
 * makes no sense.
 */
int inode_load(struct server *s, ext2_ino_t ino, struct inode *in);
/* May an inode of this number be a file, and not one of the file system's own? */
bool inode_number_is_valid(const struct server *s, ext2_ino_t ino);
int inode_store(struct server *s, struct inode *in);

enum inode_time { TIME_ACCESS, TIME_CHANGE, TIME_MODIFY, TIME_BIRTH };

void inode_set_time(struct server *s, struct inode *in, enum inode_time which,
		    struct timespec ts);
struct timespec inode_get_time(const struct server *s, const struct inode *in,
			       enum inode_time which);
struct timespec inode_now(void);
/* ctime, and mtime if @modified, are now. */
void inode_touch(struct server *s, struct inode *in, bool modified);

void inode_set_owner(struct inode *in, uid_t uid, gid_t gid);
uid_t inode_owner(const struct inode *in);
gid_t inode_group(const struct inode *in);
/* Largest size the file's format can have, bytes. */
int64_t inode_maxbytes(const struct server *s, const struct inode *in);
int inode_set_size(struct server *s, struct inode *in, uint64_t size);
dev_t inode_rdev(const struct inode *in);

void inode_stat(struct server *s, struct inode *in, struct stat *st);
/* FUSE_ATTR_* for the kernel */
uint32_t inode_iflags(struct server *s, const struct inode *in);

/*
 * A new inode near @dir is going to be allocated: read the bitmap that it most likely comes from. 
 * 0, or -CACHE_COLD (cold.h)
 */
int inode_want_new(struct server *s, const struct inode *dir, mode_t mode);
/*
 * Allocate and fill in a new inode, with no links yet, near directory @dir.
 * It isn't in any directory: free it with inode_free() if that fails.
 */
int inode_create(struct server *s, const struct inode *dir, mode_t mode, dev_t rdev,
		 const struct caller *who, struct inode *in);
/*
 * Give back its blocks: in parts, if it is on the orphan list, see map_truncate().  Nobody
 * may use it, and inode_free() has to follow.
 */
int inode_free_blocks(struct server *s, struct inode *in);
/* Give back the inode and all its blocks. */
int inode_free(struct server *s, struct inode *in);

#endif
