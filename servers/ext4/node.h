/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nodes: the inodes that the kernel knows.
 *
 * A node exists while the kernel holds a reference to the inode (nlookup), has
 * it open, or the inode is on the orphan list.  It is what is kept in memory
 * about an inode beside the on-disk inode.  All under the server lock; who shares that can
 * find nodes, make them, refer to them once more, and close what is still referred to.
 */
#ifndef IOMAP4FS_NODE_H
#define IOMAP4FS_NODE_H

#include "server.h"

struct inode;

struct node {
	ext2_ino_t ino;
	struct node *hash_next;
	uint64_t nlookup;
	uint64_t opens;
	uint64_t dir_version;		/* counts changes of a directory's entries */
	bool index_is_complete;		/* directory: htree_is_complete() said so */
	uint64_t room_hint;		/* directory: no room before this block */
	uint64_t goal;			/* where the next block should be, 0: unknown */
	uint64_t goal_lblk;		/* ... if it is this logical block */
	struct spread spread;		/* where all of a part that is written piecemeal has room */
	uint64_t beyond;		/* end of blocks past the size, bytes; 0: none */
	struct delayed delayed;
	bool orphan;			/* on the orphan list */
	bool emptied;			/* node_empty() has taken its blocks: it can't be opened */
	bool leaving;			/* node_put() or node_empty() is at work, maybe without the lock */
	struct node *orphan_prev, *orphan_next;	/* prev: towards the head */
};

int nodes_init(struct server *s);
void nodes_destroy(struct server *s);

/* NULL if the kernel doesn't know it. */
struct node *node_find(struct server *s, ext2_ino_t ino);
/* Find or make.  NULL when out of memory, or if who shares the lock has to give up. */
struct node *node_get(struct server *s, ext2_ino_t ino);
/* One more reference by the kernel, handed out by a reply.  0 or -ENOMEM. */
int node_ref(struct server *s, ext2_ino_t ino);
/* The kernel forgot @n references; the inode is freed if it was deleted. */
void node_forget(struct server *s, ext2_ino_t ino, uint64_t n);
int node_open(struct server *s, ext2_ino_t ino);
/*
 * Plain FUSE, where each open file is known here: @ino may have lost its last name.  If it is a
 * regular file that nobody has open, its blocks are freed now; the inode goes when the kernel
 * has forgotten it.  Not for some seconds after an -ESTALE of node_refuse_emptied(): then all of
 * it goes with the inode.  0 is no inode.  May let others have the lock.
 */
void node_empty(struct server *s, ext2_ino_t ino);
/*
 * The file is to be opened or cut.  -ESTALE: node_empty() has taken its blocks.  Then it takes none
 * for some seconds, because the kernel tries again.  Else 0.
 */
int node_refuse_emptied(struct server *s, ext2_ino_t ino);
void node_release(struct server *s, ext2_ino_t ino);
/* A directory changed. */
void node_dir_changed(struct server *s, ext2_ino_t ino);
/* The kernel asks again before it writes to any file: there is something to refuse. */
void nodes_forget_mappings(struct server *s);
/* Deleting waited for a thaw: free what is deleted and has no user. */
void nodes_put_unused(struct server *s);
/* Nobody can use any inode any more: free what is deleted. */
void nodes_drain(struct server *s);

/*
 * orphan.c: the on-disk list of inodes to delete or truncate after a crash.
 */

/*
 * The inode lost its last name: it goes on the list, freed when unused.  Or it is cut in
 * more than one transaction.  The inode on the disk changes.
 */
int orphan_add(struct server *s, struct node *node);
/* Off the list again. */
int orphan_remove(struct server *s, struct node *node);
/*
 * An indirect-mapped file got blocks up to @end (bytes), which data is to be written
 * to: until its size covers them it is on the list.  @in is stored.
 */
int orphan_add_growing(struct server *s, const struct inode *in, uint64_t end);
/*
 * The size of @in may have grown, or there are no blocks behind @end any more.  @in is
 * stored, and must not be stored again.
 */
int orphan_settle(struct server *s, const struct inode *in, uint64_t end);
/* At mount: finish what a crash interrupted. */
int orphans_process(struct server *s);
/* Has it anything to do?  Then the bitmaps have to be loaded before. */
bool orphans_are_left(const struct server *s);

#endif
