/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The index of a large directory (dir_index): a tree of hashes of names.
 *
 *	block 0, the root			another block of the index
 *	| "."  | ".."          | info | e e ... |	| free entry    | e e ... |
 *	  12     rest of the block			  whole block
 *
 * Each of the 8-byte entries e has the first hash of a block below and its number; of
 * the first one the hash is 0, and its place has the count of entries and how many
 * there can be.  With metadata_csum the checksum is behind the last possible entry.  The
 * blocks at the bottom, the leaves, are ordinary blocks of entries, in no order.
 *
 * To who knows nothing of indexes all this is a directory with free space in it: what
 * reads the blocks one after the other finds everything.
 *
 * The lowest bit of a hash says "names with this hash are also in the block before".
 *
 * Only 32 bits of a hash are used; that of casefolded directories is of the folded
 * name.  The names of encrypted directories are not looked up here, as nobody without
 * the key adds to them.
 */
#ifndef IOMAP4FS_HTREE_H
#define IOMAP4FS_HTREE_H

#include "dir.h"

/* levels of the index itself, with large_dir; 2 without */
#define HTREE_LEVELS	3

/* What can be returned beside 0 and -errno: the index is wrong, but maybe nothing else. */
#define HTREE_BAD	1

struct htree_frame {
	uint64_t lblk;
	unsigned int at, count, limit;	/* entry that leads down, of how many */
};

/* How the hashes of an index are made */
struct htree_hash {
	int version;		/* EXT2_HASH_*, also the unsigned ones */
	int flags;		/* of the inode, for libext2fs */
};

/* The way to a leaf */
struct htree_path {
	struct htree_hash how;
	uint32_t hash;
	unsigned int levels;
	struct htree_frame frames[HTREE_LEVELS];	/* the root first */
	uint64_t leaf;
};

/* Is there an index, and may it be relied on? */
bool htree_is_on(const struct server *s, const struct inode *dir);
/* To the first leaf that can have the name. */
int htree_find(struct server *s, struct inode *dir, struct dir_name name, struct htree_path *p);
/* The next leaf that names with the same hash can be in.  -ENOENT: there is none. */
int htree_next(struct server *s, struct inode *dir, struct htree_path *p);
/*
 * Reading in the order of hashes (readdir.c)
 */

/* Can the directory, of one block, get an index when it grows?  0: no, 1: yes, or -errno */
int htree_can_be(struct server *s, struct inode *dir);
/* How names of @dir are hashed, by its index or by the one that it would get.  False: unknown */
bool htree_order_init(struct server *s, struct inode *dir, struct htree_hash *h);
/* Both parts of the hash of a name, of which the first one is htree_hash()'s.  0 or HTREE_BAD */
int htree_order(const struct server *s, const struct htree_hash *h, struct dir_name name,
		uint32_t hash[2]);
/* To the first leaf that can have names with @hash, whose lowest bit is 0. */
int htree_find_hash(struct server *s, struct inode *dir, uint32_t hash, struct htree_path *p);
/*
 * The next leaf, whatever names are in it; *@first: its hash in the index, with the lowest bit.
 * -ENOENT: there is none.
 */
int htree_next_leaf(struct server *s, struct inode *dir, struct htree_path *p, uint32_t *first);
/* Does the index lead to all blocks of the directory, to each once, in order?  1, 0 or -errno */
int htree_is_complete(struct server *s, struct inode *dir);

/* Tell about HTREE_BAD that is not an error, as the directory can be read without. */
void htree_complain(struct server *s, const struct inode *dir);

/*
 * The count of entries in a block of an index, and at which byte of the block that is;
 * NULL if this is none.  Not checked against anything.
 */
struct ext2_dx_countlimit *htree_limits(const struct server *s, char *data, unsigned int *off);

/*
 * htree_add.c
 */

/* Add a name, for which a leaf is split where there is no room. */
int htree_add(struct server *s, struct inode *dir, struct dir_name name, ext2_ino_t ino,
	      mode_t mode, const struct caller *who);
/*
 * Give a directory that is one block an index.  1: it can't have one.  Stores the inode.
 */
int htree_make(struct server *s, struct inode *dir, const struct caller *who);

/* Between these two files */

/* Of the index with this version in its root; false: unknown */
bool htree_hash_init(const struct server *s, const struct inode *dir, uint8_t version,
		     struct htree_hash *h);
int htree_hash(const struct server *s, const struct htree_hash *h, struct dir_name name,
	       uint32_t *hash);
/* Entries that a block of an index can have */
unsigned int htree_root_limit(const struct server *s);
unsigned int htree_node_limit(const struct server *s);
unsigned int htree_max_levels(const struct server *s);

#define HTREE_ROOT_INFO		24U	/* bytes before struct ext2_dx_root_info */
#define HTREE_ROOT_ENTRIES	32U	/* bytes before the entries */
#define HTREE_NODE_ENTRIES	8U

#endif
