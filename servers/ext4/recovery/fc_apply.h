/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files share that replay fast commits: see fc_run.c.
 *
 * All of them work on the file system in memory.  Each function returns 0 or a negative errno;
 * with -EUCLEAN fc_refuse() has said why, or the server has logged the damage.
 */
#ifndef IOMAP4FS_FC_APPLY_H
#define IOMAP4FS_FC_APPLY_H

#include "block_set.h"
#include "inode.h"
#include "map.h"
#include "recovery/fast_commit.h"
#include "recovery/replay.h"

/*
 * What an inode number stands for while the tags are applied.
 *
 *	          CREAT, LINK
 *	  +------------------------> named
 *	  |                            |  UNLINK of the last name
 *	 new                           v
 *	  ^  INODE                   dead --- at the end ---> free, or on the orphan list
 *	  |                            |
 *	 free <---- INODE of another --+
 *	            file
 */
enum fc_state {
	FC_FREE,	/* not in use */
	FC_NEW,		/* in use since these fast commits, maybe without a name yet */
	FC_NAMED,	/* in use, with a name, since before them */
	FC_DEAD,	/* its last name has gone in these fast commits */
	FC_ORPHAN,	/* on the orphan list, without a name, since before them */
};

struct fc_inode {
	struct fc_inode *next;	/* of the bucket */
	ext2_ino_t ino;
	uint32_t generation;	/* of which file this is; without meaning for a free one */
	enum fc_state state;
	bool listed;		/* on the orphan list since before the fast commits */
	bool lacks_data;	/* new: contents are missing that a reader would get */
};

#define FC_BUCKETS	4096

struct fc {
	struct server *s;
	struct replay *r;		/* for its progress */
	struct replay_refusal *no;
	struct fc_inode *buckets[FC_BUCKETS];
	struct block_set orphans;
	const struct fc_tag *end;	/* behind the last tag */
	const struct fc_tag *range_end;	/* fc_range.c: behind the range tags it has looked past */
	/*
	 * Blocks that are free, and that some ADD_RANGE tag is going to take: nothing else is
	 * allocated there.  They are marked in libext2fs's bitmap, too.
	 */
	ext2fs_block_bitmap kept;
};

int fc_refuse(struct fc *fc, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* fc_apply.c: all of @tags, one after the other, and then what is left to do */
int fc_apply(struct fc *fc, const struct fc_tags *tags);

/* fc_orphans.c: fill fc->orphans with the numbers of all inodes on the orphan list and file. */
int fc_find_orphans(struct fc *fc);

/* fc_inode.c: what @ino stands for now.  The pointer is good as long as @fc is. */
int fc_get(struct fc *fc, ext2_ino_t ino, struct fc_inode **in);
int fc_inode_tag(struct fc *fc, const struct fc_tag *tag);
/* The generation of the inode in an INODE tag */
uint32_t fc_inode_generation(const struct fc_tag *tag);
/* Free what has no name, and make sure that what has one is complete. */
int fc_inode_finish(struct fc *fc, struct fc_inode *fi);
void fc_inodes_free(struct fc *fc);

/* fc_name.c: tags CREAT, LINK and UNLINK */
int fc_name_tag(struct fc *fc, const struct fc_tag *tag);

/* fc_range.c: tags ADD_RANGE and DEL_RANGE */
int fc_range_tag(struct fc *fc, const struct fc_tag *tag);

/* An ADD_RANGE tag */
struct fc_range {
	ext2_ino_t ino;
	uint64_t lblk, pblk, len;
	bool unwritten;
};

void fc_range_decode(const struct fc_tag *tag, struct fc_range *range);

/* fc_blocks.c: before any tag is applied, keep what all of them are going to take. */
int fc_blocks_keep(struct fc *fc, const struct fc_tags *tags);
/* Take [@pblk, @pblk + @len) for a file.  Refuses if somebody has some of it. */
int fc_blocks_take(struct fc *fc, uint64_t pblk, uint64_t len);
/* After the last tag: what nobody has taken is free. */
void fc_blocks_release(struct fc *fc);

#endif
