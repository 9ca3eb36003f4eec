/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System zones: the blocks that hold the file system itself, and that no file may have.
 *
 *	superblock and its backups, group descriptors, the blocks reserved for more of them
 *	block bitmaps, inode bitmaps, inode tables
 *	the block for multi-mount protection
 *	the journal, and the blocks of the journal's own map
 *
 * An image can claim anything: a bitmap that calls the superblock free, a file whose extent
 * covers an inode table, a table of block numbers inside the journal.  Who follows such a claim
 * overwrites the file system with file data.  So the zones are collected once, at mount, from
 * the superblock and the group descriptors, and each claim is compared with them:
 *
 *	map.h		map_valid_range(): each mapping, each block of a map, each attribute block
 *	bitmap_check.c	a bitmap that calls a zone free is damaged; so is one that has another
 *			number of free blocks than the group's descriptor
 *	alloc.c		each range that is allocated
 *	free_check.c	each range that is freed, also that it was in use
 *	extent_check.c	index blocks of extent trees that libext2fs reads
 *
 * Accounts (quota) and the orphan file are files of inodes that no name leads to.  Their blocks
 * are in use like those of any file, and the bitmaps protect them as well as any.
 *
 * The list is sorted, and neighbours are one zone.  With flex_bg that leaves a few zones for 16
 * groups, without it one or two for each group: 16 bytes for 128 MiB of the device at 4 KiB blocks.
 * A zone at each end makes all that is outside of the file system a zone, too; then one search
 * checks the device's size and the zones.  With clusters a zone is rounded to whole clusters, as
 * no file shares a cluster with it.
 *
 * Locking: the list does not change once the mount has succeeded, so readers need no lock.  The
 * hint is one word that any reader may set; it only says where to look first.
 */
#ifndef IOMAP4FS_SYSTEM_ZONE_H
#define IOMAP4FS_SYSTEM_ZONE_H

#include <ext2fs/ext2fs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;

/* Blocks of the file system [first, end) */
struct system_zone {
	uint64_t first, end;
};

struct system_zones {
	struct system_zone *list;
	size_t nr, room;
	size_t hint;		/* the last gap that had what was looked for is behind this zone */
};

/* An empty list, or NULL without memory.  The caller destroys it, or gives it to a server. */
struct system_zones *system_zones_create(void);
void system_zones_destroy(struct system_zones *z);
/* While the list is made: [@first, @first + @len), blocks, is a zone.  False: no memory. */
bool system_zones_add(struct system_zones *z, uint64_t first, uint64_t len);
/*
 * All have been added: sort and merge the list, and add the zones outside of @fs.  -EUCLEAN: two
 * of those that were added overlap; -ENOMEM
 */
int system_zones_finish(struct system_zones *z, ext2_filsys fs);

/*
 * The journal of s->fs becomes a part of s->zones.  -EUCLEAN: its map can't be followed, or names
 * blocks outside, of other zones or twice; the zones are as before then.  -EIO, -ENOMEM
 */
int system_zones_add_journal(struct server *s);

/* The slow path of map_valid_range(): is [@pblk, @pblk + @len) outside of all zones? */
bool system_zones_miss(struct system_zones *z, uint64_t pblk, uint64_t len);

/*
 * The part of the first zone in [@from, @to), blocks: false if there is none, else *@first and
 * *@end.
 */
bool system_zones_next(const struct system_zones *z, uint64_t from, uint64_t to, uint64_t *first,
		       uint64_t *end);

#endif
