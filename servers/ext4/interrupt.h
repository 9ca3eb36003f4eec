/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SIGHUP, SIGINT and SIGTERM, from the first step of a mount to its last.
 *
 * Until there is a mount they make the start end early.  From then on they unmount;
 * and a second SIGHUP or SIGINT cuts the connection to the kernel, for when the
 * unmounting hangs, but SIGTERM, which service managers send and people send again
 * out of impatience, never does.
 */
#ifndef IOMAP4FS_INTERRUPT_H
#define IOMAP4FS_INTERRUPT_H

#include <stdbool.h>

struct fuse_session;

/* From now on such a signal is only noted. */
void interrupt_catch(void);
/* Was there one? */
bool interrupted(void);
/* From now on they wait. */
void interrupt_hold(void);
/* Let them end @se, also those that have waited; and SIGPIPE does nothing. */
void interrupt_ends(struct fuse_session *se);
/* The session is over; nothing happens to this process any more. */
void interrupt_ignore(void);

#endif
