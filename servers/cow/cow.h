/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iomap_cow: what its files share.
 *
 * A device holds two copies of a table, which say for each file where its blocks are,
 * and blocks of data:
 *
 *	block 0       TABLE_BLOCKS     2 * TABLE_BLOCKS                   blocks
 *	| table       | table          | data ...                              |
 *
 * A table is good if its checksum is right, and of two good ones the one with the higher
 * sequence number counts.  A commit writes the other copy.  So block 0 never holds data,
 * and 0 in a map is a hole.
 *
 * The space of the blocks, in memory:
 *
 *	refs[block]	 how many entries of maps and of staged[] are this block
 *	committed[block] the table on the device has it, so a crash brings it back
 *
 * A block may be given out when it is neither: what a file has given up stays as it is
 * until the next commit.  That keeps the committed files whole, and also whoever still
 * reads where the kernel was told a moment ago that the bytes are.
 */
#ifndef COW_H
#define COW_H

#include <stdbool.h>
#include <stdint.h>
#include <fuse_iomap.h>

#define BLOCK		4096U	/* bytes */
#define FILE_BLOCKS	16384U	/* the most that a file has: 64 MiB */
#define COW_MAGIC	0x31776f6370616d69ULL

enum { DATA, SNAPSHOT, NR_FILES };
#define FIRST_INO	2	/* of DATA; the others follow */

struct file_record {
	uint64_t size;		/* bytes */
	int64_t atime, mtime, ctime;	/* s */
	uint32_t atime_ns, mtime_ns, ctime_ns;
	uint32_t mode;		/* 0: there is no such file */
	uint32_t uid, gid;
	uint32_t map[FILE_BLOCKS];	/* blocks of the device; 0: hole */
};

struct table {
	uint64_t magic;
	uint64_t checksum;	/* of the whole table with 0 here */
	uint64_t sequence;
	uint64_t blocks;	/* of the device */
	struct file_record file[NR_FILES];
};

#define TABLE_BLOCKS	((uint32_t)((sizeof(struct table) + BLOCK - 1) / BLOCK))
#define FIRST_BLOCK	(2 * TABLE_BLOCKS)

/*
 * New places that have been given for blocks of a file, but are not the file's yet:
 * those come true with an IOEND.  0: none.
 */
struct staging {
	uint32_t block[FILE_BLOCKS];
	bool direct[FILE_BLOCKS];	/* given to a direct write */
};

struct cow {
	struct fuse_iomap_session *fis;
	const char *name;	/* of the device, for messages */
	int fd;			/* of the device, O_DIRECT */
	int dev;		/* the kernel's id for it */
	bool always;		/* write each block to a new place, shared or not */
	bool keep;		/* let the kernel keep mappings */

	struct table *table;	/* BLOCK aligned, TABLE_BLOCKS long */
	bool dirty;		/* differs from that on the device */
	struct staging staging[NR_FILES];

	uint32_t blocks;	/* of the device */
	uint32_t next;		/* where to look for free blocks */
	uint8_t *refs;
	bool *committed;
};

/* space.c */
int cow_open(struct cow *cow, bool format);
int cow_commit(struct cow *cow);
void cow_take_snapshot(struct cow *cow);
uint32_t cow_free_blocks(const struct cow *cow);
uint32_t cow_allocate(struct cow *cow, uint32_t want, uint32_t *start);
void cow_put_block(struct cow *cow, uint32_t block);
void cow_clear_blocks(struct cow *cow, int file, uint32_t first, uint32_t end);

/* mapping.c */
extern const struct fuse_iomap_ops cow_iomap_ops;

/* Number of the file, or -1. */
static inline int cow_file(const struct cow *cow, fuse_ino_t ino)
{
	if (ino < FIRST_INO || ino >= FIRST_INO + NR_FILES ||
	    !cow->table->file[ino - FIRST_INO].mode)
		return -1;
	return ino - FIRST_INO;
}

#endif
