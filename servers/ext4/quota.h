/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Quotas: how much space and how many inodes each user, group and project has, and may have, in
 * the hidden files of the quota feature.
 *
 * The files always say what the inodes on disk add up to.  For that each write of an
 * inode is compared with what is on disk before it, and the difference is booked in the
 * same transaction; an inode counts from the moment on at which it is marked as used in
 * the bitmap, and until it no longer is.  Unlinked inodes that are in use count, as in
 * kernel ext4: whoever frees them after a crash takes them out.
 *
 * Limits are checked before an operation takes what it needs, never while it books it: see
 * quota_limit.c.
 *
 * Locking: the server lock, alone.
 */
#ifndef IOMAP4FS_QUOTA_H
#define IOMAP4FS_QUOTA_H

#include "inode.h"
#include "quota_type.h"

/* Where entries are, that have been used lately.  They never move.  A power of two. */
#define QUOTA_SLOTS	256

/* Chains of the table of reservations, a power of two */
#define QUOTA_CHAINS	64

/* As on disk; limits of space are in KiB, 0: no limit; times in seconds since 1970, 0: none */
struct quota_entry {
	uint32_t id, pad;
	uint64_t inode_hard, inode_soft, inodes;
	uint64_t block_hard, block_soft, space;	/* space: bytes */
	uint64_t block_time, inode_time;	/* from then on the soft limit is a hard one */
};

struct quota_reserved;
struct statvfs;

struct quota_file {
	enum quota_type type;
	ext2_ino_t ino;			/* 0: this kind isn't accounted */
	bool enforced;			/* limits of this kind hold */
	uint32_t space_grace, inode_grace;	/* seconds */
	struct {
		uint32_t id;
		uint64_t pos;		/* on the device, bytes; 0: a free slot */
	} slots[QUOTA_SLOTS];
	struct quota_reserved *reserved[QUOTA_CHAINS];
};

struct quota {
	struct quota_file files[NR_QUOTAS];
	bool enforced;			/* those of any kind */
	bool no_block;			/* quota_attributes_begin() */
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
int quota_prepare(struct server *s, const uint32_t ids[NR_QUOTAS]);
/* The inode, stored, is in use from now on (@used) or no longer. */
int quota_inode(struct server *s, const struct inode *in, bool used);
/* The inode, stored, goes to project @projid, and is stored again after this. */
int quota_set_project(struct server *s, const struct inode *in, uint32_t projid);
/* The same inodes count as in e2fsck: not the reserved ones and the quota files. */
bool quota_counts(const struct server *s, ext2_ino_t ino);
/* To whom @in belongs, as NR_QUOTAS ids. */
void quota_ids(struct server *s, const struct inode *in, uint32_t ids[NR_QUOTAS]);
/* The entry of @id and its place; one is made if there is none. */
int quota_load(struct server *s, struct quota_file *f, uint32_t id, struct quota_entry *e,
	       uint64_t *pos);

/*
 * quota_limit.c: what the limits allow.  All may change timers of entries, so cold_settle() has
 * been called.
 */

/* What may be charged for an inode */
struct quota_room {
	uint64_t blocks;	/* of the file system; UINT64_MAX: as many as there are */
	bool limited;		/* its owner, group or project has a limit, whoever asks */
};

int quota_room(struct server *s, const struct inode *in, const struct caller *who,
	       struct quota_room *room);
/* May one more inode have this owner?  -EDQUOT: no */
int quota_may_create(struct server *s, const uint32_t ids[NR_QUOTAS], const struct caller *who);
/* May @in, with all that it has, go to @ids?  -EDQUOT: no; then nothing has changed. */
int quota_may_give(struct server *s, const struct inode *in, const uint32_t ids[NR_QUOTAS],
		   const struct caller *who);
/* Does statfs(2) depend on the directory?  It is fixed at mount, so without the lock. */
bool quota_limits_projects(const struct server *s);
/*
 * As in kernel ext4, a directory that hands on its project shows the project's limits as the size
 * of the file system: @st, which is of the whole, becomes smaller.
 */
int quota_statfs(struct server *s, ext2_ino_t ino, struct statvfs *st);
/* Usage in @e has changed by so much: the timers follow. */
void quota_timers(const struct quota_file *f, struct quota_entry *e, int64_t space,
		  int64_t inodes);
/* Limits in @e have been set: of space, of inodes.  Timers that have been set, too, stay. */
void quota_limits_set(const struct quota_file *f, struct quota_entry *e, bool space,
		      bool inodes);
/*
 * Around a change of attributes of @in by libext2fs: a block that it allocates meanwhile needs
 * room for a block.
 */
int quota_attributes_begin(struct server *s, const struct inode *in, const struct caller *who);
void quota_attributes_end(struct server *s);
bool quota_refuses_block(const struct server *s);

/*
 * quota_reserve.c: space that is promised to dirty pages counts as used (delayed.h)
 */

/* Room for a reservation by @ids.  -ENOMEM */
int quota_reserve_prepare(struct server *s, const uint32_t ids[NR_QUOTAS]);
/* Reserved by @ids: @diff blocks more.  If that is more than there was it has been prepared. */
void quota_reserve(struct server *s, const uint32_t ids[NR_QUOTAS], int64_t diff);
/* Timers of @ids start, if what is reserved is above a soft limit. */
int quota_reserve_timers(struct server *s, const uint32_t ids[NR_QUOTAS]);
/* Timers of @ids end, if what is reserved and used is at or below a soft limit now. */
void quota_reserve_released(struct server *s, const uint32_t ids[NR_QUOTAS]);
/* The delayed blocks of @in belong to @ids from now on, prepared. */
void quota_reserve_give(struct server *s, const struct inode *in, const uint32_t ids[NR_QUOTAS]);
/* bytes */
uint64_t quota_reserved(const struct quota_file *f, uint32_t id);
void quota_reserve_close(struct quota_file *f);

/*
 * quota_tree.c: the format of the files
 */

/* Is the file what its superblock field says?  -EUCLEAN if not. */
int quota_tree_check(struct server *s, struct quota_file *f);
/* Where the entry of @id is, on the device; makes one.  0 or -errno. */
int quota_tree_find(struct server *s, struct quota_file *f, uint32_t id, uint64_t *pos);
/* The entry of @id, which is at @pos. */
int quota_tree_read(struct server *s, const struct quota_file *f, uint32_t id, uint64_t pos,
		    struct quota_entry *e);
int quota_tree_write(struct server *s, uint64_t pos, const struct quota_entry *e);
int quota_tree_set_grace(struct server *s, struct quota_file *f, uint32_t space,
			 uint32_t inodes);
/*
 * The first id from *@id on that has an entry.  1: *@id is it, at @pos; 0: there is none;
 * -EAGAIN: it is not found in *@steps blocks of the tree, and the caller may go on from *@id.
 * *@steps becomes what is left of them.
 */
int quota_tree_next(struct server *s, struct quota_file *f, uint64_t *id, unsigned int *steps,
		    uint64_t *pos);

#endif
