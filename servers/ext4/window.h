/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Windows: free space behind files that grow, which is kept for their next blocks, so that
 * files that grow at the same time don't take each other's place.
 *
 * A window is known in memory only: its blocks are marked in libext2fs's bitmap, so that
 * nobody else finds them, but count as free. There are few windows, the oldest one goes
 * first, and all go when space gets short.
 *
 * Locking: the server lock.
 */
#ifndef IOMAP4FS_WINDOW_H
#define IOMAP4FS_WINDOW_H

#include <ext2fs/ext2fs.h>
#include <stdbool.h>
#include <stdint.h>

struct server;
struct inode;
struct node;

#define WINDOWS_MAX	64

struct window {
	ext2_ino_t ino;
	uint64_t pblk, len;	/* blocks, whole clusters */
};

/*
 * Where a part of a file that is written piecemeal has its place, most of which may be free
 * yet: block @lblk + n of the file goes to @pblk + n if that is still so. It isn't kept from
 * others, but the blocks of the file's own extent tree go elsewhere.
 */
struct spread {
	/* blocks; no length: nobody has looked for one; pblk 0: there is none */
	uint64_t lblk, pblk, len;
};

struct windows {
	struct window list[WINDOWS_MAX];	/* the oldest first */
	unsigned int nr;
	uint64_t blocks;
};

/* How many blocks should be free behind those that the file gets for @lblk now; 0: none */
uint64_t window_wanted(const struct server *s, const struct node *node, uint64_t lblk);
/* The file's window, if it has one, is free space again. */
void window_end(struct server *s, ext2_ino_t ino);
/*
 * So is what the file takes of it now: its first @len blocks, if they are at @pblk and not all;
 * else the whole window.
 */
void window_open(struct server *s, ext2_ino_t ino, uint64_t pblk, uint64_t len);
/* Keep what is free of [@pblk, @pblk + @len), from @pblk on, for the file. */
void window_begin(struct server *s, ext2_ino_t ino, uint64_t pblk, uint64_t len);
void windows_end_all(struct server *s);
/* Take the marks out of libext2fs's bitmap, for writing it; and put them in again. */
void windows_mark(struct server *s, bool used);

#endif
