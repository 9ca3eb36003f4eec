/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The superblock, which others may change while the file system is mounted.
 *
 * tune2fs changes a few fields of the superblock on a mounted device.  Kernel ext4 and tune2fs
 * work on the same buffer, so both sides' changes last.  This server has the superblock in
 * memory and in its cache, and writes it with O_DIRECT.  So it compares three versions, field
 * by field: what the server knew to be on the device (known), what is there now, and its own.
 * A field that differs between the first two has been changed by somebody else, and that value
 * counts.  It is looked for
 *
 *  - before the superblock goes into a transaction: then the journal has it, too;
 *  - right before the block is written in place, whoever does that: what is written is fixed;
 *  - for who asks for the free space or the label.
 *
 * Only the fields that a program may change under a mount are taken.  Geometry, counts, the
 * orphan list and the state are the server's.  A superblock that doesn't describe this file
 * system any more is ignored.
 *
 * A change between the last look and the write is lost: that takes microseconds.  So is, in a
 * crash, what was changed after the last transaction with a superblock, for the journal's copy
 * is replayed over it, as with kernel ext4.
 *
 * Locking: super_shared.known belongs to whoever writes metadata in place (commits.busy), and
 * to the holder of the server lock if nobody does.
 */
#ifndef IOMAP4FS_SUPER_SHARED_H
#define IOMAP4FS_SUPER_SHARED_H

#include <ext2fs/ext2fs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;

struct super_shared {
	bool on;
	struct ext2_super_block known;
	void *page;		/* of the device's page cache, never touched; NULL: none */
	size_t page_len;
	int64_t looked;		/* when somebody asked last, s; atomic */
	uint32_t seen;		/* checksum of the fields that somebody who asked saw last; atomic */
	bool complained;
};

/* @sb has been read from the device.  The cache exists. */
void super_shared_open(struct server *s, const struct ext2_super_block *sb);
void super_shared_close(struct server *s);
/* s->src.dev.fd has become another open file of the same device: nothing refers to the old one. */
void super_shared_reopen(struct server *s);

/*
 * With the lock alone: take what others have changed.  Where nobody can have changed it through
 * the device's page cache, and @force is not set, the device is not read.
 */
void super_shared_merge(struct server *s, bool force);

/* Without the lock: the same for somebody who asks.  At most once a second. */
void super_shared_ask(struct server *s);

#endif
