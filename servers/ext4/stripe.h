/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stripes: the file system is on a RAID, which writes a whole stripe without reading first.
 *
 * The superblock (mke2fs -E stride=,stripe_width=) or the mount option stripe= says how many blocks
 * a stripe has.  A file that begins with a large piece gets a place where block n of the file is
 * block n modulo the stripe on the device, if there is room; later pieces that go on where the last
 * one ended keep that.  Where a piece has to end early it ends with a stripe, and what is kept for
 * growing files (window.h) is a number of stripes.
 *
 *	device   |....aaaa|aaaa....|bbbb....|		4 blocks a stripe
 */
#ifndef IOMAP4FS_STRIPE_H
#define IOMAP4FS_STRIPE_H

#include <stdbool.h>
#include <stdint.h>

struct server;

/*
 * At mount: set s->stripe, in blocks.  0: there are none, or they can't be kept, as in kernel ext4.
 */
void stripe_open(struct server *s);
/*
 * Is a piece of @len blocks large enough for a place in a stripe of its own, and are there stripes?
 */
bool stripe_is_worth(const struct server *s, uint64_t len);
/*
 * Is a piece of @len blocks from block @lblk of a file on, which may go to @goal, to be aligned?
 * Not if it is small, or goes on with what is before it.
 */
bool stripe_wanted(const struct server *s, uint64_t goal, uint64_t lblk, uint64_t len);
/* So many of @len blocks from block @lblk of the file on end with a stripe, or all. */
uint64_t stripe_cut(const struct server *s, uint64_t lblk, uint64_t len);

#endif
