/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the program does about the things that it inherits, before it looks at the image.
 */
#ifndef IOMAP4FS_STARTUP_H
#define IOMAP4FS_STARTUP_H

#include "options.h"

/*
 * First in main(): standard descriptors, signals, limits, umask.  Messages go to syslog from
 * now on if there is no stderr.  Returns 0 or -errno; then nothing may be opened.
 */
int startup_prepare(void);

/*
 * Before going to the background: close what the caller has left open, so that locks and pipes
 * of his don't live as long as the mount.  Descriptors that @opt names stay.
 */
void startup_close_others(const struct options *opt);

#endif
