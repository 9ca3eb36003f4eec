/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trimming: telling the device which blocks nothing is in (fstrim(8), FITRIM).
 *
 * The device may do what it likes with a block that it was told to discard, so nobody may
 * get one meanwhile.  The discarding is done without the server lock; the free blocks
 * that it is about are held for so long: marked in libext2fs's bitmap, where nobody
 * finds them, but counted as free, as pins and windows are (alloc.c, window.h).  Only a
 * part of what is free is held at a time, and whoever finds no space because of that
 * waits until it is given back.
 *
 * What was freed since the last commit is pinned and therefore not trimmed: after a crash
 * it is somebody's again.  What is only promised (delayed.h) has no place yet.
 *
 * Locking: the server lock.
 */
#ifndef IOMAP4FS_TRIM_H
#define IOMAP4FS_TRIM_H

#include <ext2fs/ext2fs.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct server;

#define TRIM_RUNS	128

struct trim_run {
	uint64_t pblk, len;	/* blocks, whole clusters */
};

struct trim {
	bool running;
	bool paused;
	struct trim_run held[TRIM_RUNS];
	unsigned int nr;
	uint64_t blocks;		/* in all that are held */
	unsigned int waiting;		/* for these */
	pthread_cond_t moves;		/* blocks are given back; who waited for them goes on */
	uint8_t *done;			/* of each group: nothing became free there since */
	uint64_t done_min;		/* runs of that many blocks were trimmed */
};

/*
 * Discard what is free in the bytes [@start, @start + @len) of the file system and at
 * least @min bytes long in its group.  *@trimmed: bytes.  Called with the lock, lets go
 * of it.  Ends with -EINTR when @stop(@arg) says so.
 */
int trim_range(struct server *s, uint64_t start, uint64_t len, uint64_t min,
	       bool (*stop)(void *arg), void *arg, uint64_t *trimmed);
void trim_destroy(struct server *s);

/* [@pblk, @pblk + @len) has changed hands: there is something to trim again. */
void trim_changed(struct server *s, uint64_t pblk, uint64_t len);
/* Wait until nothing is held, if something is: then true.  Lets go of the lock. */
bool trim_wait(struct server *s);
/* From now on nothing is discarded, until it is called again.  Lets go of the lock. */
void trim_pause(struct server *s, bool pause);
/* Take the marks out of libext2fs's bitmap, for writing it; and put them in again. */
void trim_mark(struct server *s, bool used);

#endif
