/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The blocks of a directory: what dir.c and the index (htree*.c) share.
 *
 *	| ino rec_len name_len type name... | ino rec_len ... | tail |
 *
 * The rec_len fields chain the entries to the end of the block.  An entry with
 * inode 0 is free space; an entry longer than its name needs has free space at
 * its end.  With metadata_csum the last 12 bytes look like a free entry and hold
 * the checksum.  The blocks of an index look like this, too: see htree.h.
 *
 * Blocks are read and changed in place in the metadata cache: a pointer to one is
 * good until the next call that may bring another into it.  Their checksums are
 * verified once as long as they stay there.  After a change the block has to be
 * given its checksum, with nothing in between that can fail.
 */
#ifndef IOMAP4FS_DIR_BLOCK_H
#define IOMAP4FS_DIR_BLOCK_H

#include "dir.h"
#include "map.h"

#define DIRENT_HEAD	8U	/* bytes before the name */

/* A block of a directory, or a walk over them */
struct block_iter {
	uint64_t lblk, pblk;
	const char *data;
};

static inline uint64_t dir_blocks(const struct server *s, const struct inode *dir)
{
	return inode_size(dir) >> block_bits(s);
}

/* Bytes that an entry with a name of this length takes */
static inline unsigned int dirent_needs(size_t name_len)
{
	return (DIRENT_HEAD + name_len + 3) & ~3U;
}

static inline struct dir_name dirent_name(const struct ext2_dir_entry *de)
{
	return (struct dir_name){ de->name, ext2fs_dirent_name_len(de) };
}

static inline bool is_dots(struct dir_name name)
{
	return name.str[0] == '.' && (name.len == 1 || (name.len == 2 && name.str[1] == '.'));
}

static inline unsigned int dirent_len(const struct server *s, const struct ext2_dir_entry *de)
{
	unsigned int len = de->rec_len;

	/* longer ones are written in another way */
	if (s->fs->blocksize > UINT16_MAX)
		ext2fs_get_rec_len(s->fs, (struct ext2_dir_entry *)de, &len);
	return len;
}

/*
 * One entry of a block, as it is read: @off is moved to the next one.  NULL at
 * the end or, with *@bad set, where the chain is broken.
 */
static inline const struct ext2_dir_entry *next_entry(const struct server *s, const char *block,
						      unsigned int *off, unsigned int *len,
						      bool *bad)
{
	const struct ext2_dir_entry *de = (const void *)(block + *off);
	unsigned int bs = s->fs->blocksize;

	*bad = false;
	if (*off >= bs)
		return NULL;
	*bad = true;
	if (bs - *off < DIRENT_HEAD)
		return NULL;
	*len = dirent_len(s, de);
	if (*len < DIRENT_HEAD || *len % 4 || *len > bs - *off)
		return NULL;
	if (de->inode && (*len < dirent_needs(ext2fs_dirent_name_len(de)) ||
			  !ext2fs_dirent_name_len(de) ||
			  de->inode > s->fs->super->s_inodes_count))
		return NULL;
	*bad = false;
	*off += *len;
	return de;
}

/* Read block it->lblk.  Its checksum is right, as one of entries or of an index. */
int dir_block_load(struct server *s, struct inode *dir, struct block_iter *it);
/* A block before @lblk is missing in the cache (cold.h): what is behind it will be needed. */
void dir_blocks_want(struct server *s, struct inode *dir, uint64_t lblk);
/* While the cache is tried: block @lblk will be needed, too. */
void dir_block_want(struct server *s, struct inode *dir, uint64_t lblk);
/* The directory is going to be freed: forget where its blocks and names are. */
void dir_forget(struct server *s, const struct inode *dir);

/* Bytes of a block that entries may use */
unsigned int dir_block_usable(const struct server *s);
/*
 * Room for @want bytes in the block that is loaded?  Returns the offset of the entry to
 * use: a free one, or one to be shortened.  -1: none, -2: broken.
 */
int dir_block_find_room(struct server *s, const struct inode *dir, const struct block_iter *it,
			unsigned int want);
/* Write an entry of @len bytes to @de. */
void dirent_fill(const struct server *s, struct ext2_dir_entry *de, unsigned int len,
		 struct dir_name name, ext2_ino_t ino, mode_t mode);
uint8_t dirent_type(const struct server *s, mode_t mode);
/* Put an entry where dir_block_find_room() found room. */
int dir_block_put(struct server *s, struct inode *dir, const struct block_iter *it,
		  unsigned int at, struct dir_name name, ext2_ino_t ino, mode_t mode);
/* Entries of block @lblk are not where they were. */
void dir_block_moved(struct server *s, const struct inode *dir, uint64_t lblk);

/* The block to be changed in place: verified, and with room for its checksum. */
int dir_block_change(struct server *s, struct inode *dir, uint64_t pblk, char **data);
/* It was changed. */
int dir_block_changed(struct server *s, struct inode *dir, char *data);
/* A block at the end of the directory, all zero, to be filled in place. */
int dir_block_new(struct server *s, uint64_t pblk, char **data);
/* A whole block, new or anew: checksum and write @data, which has room for a checksum. */
int dir_block_write(struct server *s, struct inode *dir, uint64_t pblk, char *data);
/* Make @data end as a block of entries with a checksum does, if there are any. */
void dir_block_init_tail(const struct server *s, char *data);

/*
 * One more block at the end, *@lblk, for contents that the caller has ready and writes at
 * once.  Stores the inode.
 */
int dir_grow(struct server *s, struct inode *dir, const struct caller *who, uint64_t *lblk,
	     uint64_t *pblk);

#endif
