/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The metadata cache gives memory back when there is too little, and grows again
 * when there has been enough for a while.
 */
#ifndef IOMAP4FS_PRESSURE_H
#define IOMAP4FS_PRESSURE_H

struct server;

/*
 * Start watching, in a thread that inherits what the caller has told the kernel about
 * memory reclaim.  Without anything to watch nothing happens.  0 or -errno.
 */
int pressure_start(struct server *s);
/* Without the lock.  Nothing to do if it has not been started. */
void pressure_stop(struct server *s);

#endif
