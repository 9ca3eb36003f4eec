/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Default mount options that are stored in the superblock (tune2fs -o, tune2fs -E mount_opts),
 * and what else of it counts from the mount on as long as no option says otherwise.
 */
#ifndef IOMAP4FS_OPTIONS_STORED_H
#define IOMAP4FS_OPTIONS_STORED_H

#include <ext2fs/ext2fs.h>

#include "options.h"

/*
 * The options of the command line in one list, as they are before options_parse() takes the
 * lists apart; to be freed.  NULL: there are none, or no memory.
 */
char *options_given(int argc, char **argv);
/* Take from @sb what opt->given says nothing about, as kernel ext4 does when it mounts. */
void options_stored(struct options *opt, const struct ext2_super_block *sb);

#endif
