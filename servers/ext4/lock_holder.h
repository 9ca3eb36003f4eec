/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who has locked a file: for messages. */
#ifndef IOMAP4FS_LOCK_HOLDER_H
#define IOMAP4FS_LOCK_HOLDER_H

#include <stdbool.h>

struct lock_holder {
	int pid;
	char name[64];		/* of the program */
};

/*
 * Another process that has a lock of any kind on the file that @fd is open for.  False: there is
 * none, or none that this process may look at.  Takes long where there are many processes.
 */
bool lock_holder_find(int fd, struct lock_holder *holder);

/*
 * Is @holder a server of this kind whose mount of @source is gone, so that it is about to end?  A
 * server that has been detached (umount -l), or has not mounted yet, looks the same.
 */
bool lock_holder_ends(const struct lock_holder *holder, const char *source);

#endif
