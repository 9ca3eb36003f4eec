/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multi-mount protection (mmp): a block of the file system in which whoever has it
 * mounted for writing counts, so that another machine with access to the same device
 * sees that and keeps off.
 *
 * Locking: mmp.lock, inside of which nothing else is taken.  The keeper thread takes
 * the server lock too, but not at the same time; so it must not be joined under that.
 */
#ifndef IOMAP4FS_MMP_H
#define IOMAP4FS_MMP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct server;
struct ext2_super_block;
struct mmp_struct;

struct mmp {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t keeper;
	bool owned;			/* the block says that we are here */
	bool kept;			/* there is a keeper */
	bool stop;			/* the keeper shall end */
	bool paused;			/* nothing is written */
	uint64_t off;			/* of the block, bytes */
	bool checksums;
	uint32_t seed;			/* of the checksums */
	unsigned int interval;		/* between updates, s */
	struct mmp_struct *mine;	/* as it was written last */
};

/*
 * See that nobody else has the file system mounted for writing, which can take a
 * while, and take it.  Says why not.  Nothing is done for a file system without mmp.  Must
 * soon be followed by mmp_keep().
 */
int mmp_take(struct server *s, const struct ext2_super_block *sb);
/* s->src is what it will be: a thread tells others from now on, until mmp_release(). */
int mmp_keep(struct server *s);
/* All is written: others may have it.  Without the server lock. */
void mmp_release(struct server *s);
/* The device must not change for a while. */
void mmp_pause(struct server *s, bool pause);

#endif
