/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A limit for messages that damage in an image causes: each operation that meets it says so, and
 * there may be thousands of them in a second.
 */
#ifndef IOMAP4FS_LOG_LIMIT_H
#define IOMAP4FS_LOG_LIMIT_H

#include <stdbool.h>

/* so many messages are let through, then none for the rest of so many seconds */
#define LOG_LIMIT_MESSAGES	20
#define LOG_LIMIT_SECONDS	5

/*
 * Call this before such a message.  False: leave it out.  *@missed: so many have been left out
 * since the last one that was let through, to be told before it.  Any thread, any lock.
 */
bool log_limit_pass(unsigned int *missed);
/* How many have been left out and not been told: they count as told now. */
unsigned int log_limit_rest(void);

#endif
