/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Directories in which names are the same whatever their case (casefold, chattr +F).
 * Entries keep the name that they were made with.
 */
#ifndef IOMAP4FS_CASEFOLD_H
#define IOMAP4FS_CASEFOLD_H

#include "dir.h"

/* Does @dir compare names so, and not byte by byte? */
bool casefold_is_on(const struct server *s, const struct inode *dir);
bool casefold_same(const struct server *s, struct dir_name a, struct dir_name b);
/* May @dir have such a name?  -EINVAL if it isn't UTF-8 and has to be. */
int casefold_check_name(const struct server *s, const struct inode *dir, struct dir_name name);
/* Is the encoding one that libext2fs knows? */
bool casefold_encoding_known(const struct ext2_super_block *sb);

#endif
