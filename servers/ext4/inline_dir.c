// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Directories inside of their inode (inline_data).
 *
 *	i_block:            | parent | entries, 56 bytes |
 *	"system.data":      | entries |
 *	the block made here: | "." | ".." | entries, 56 bytes | entries | tail |
 *
 * There are no entries for "." and "..".  Each of the two places has a chain of entries that
 * ends exactly where the place ends.  Put together behind the dots, with the last entry made
 * longer, they are an ordinary block of a directory: so all the code that reads blocks reads
 * inline directories, too, and checks their names and inode numbers as it does there.
 *
 * libext2fs can do both, but its conversion follows lengths that nobody has checked: one that is
 * 0 keeps it there for ever.
 */
#include "inline_dir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "xattr.h"

#define PARENT	sizeof(uint32_t)	/* bytes before the entries in i_block */

/* Does a chain of entries lead from @off to @end exactly?  *@last: where its last one is */
static bool is_chain(const struct server *s, const char *block, unsigned int off,
		     unsigned int end, unsigned int *last)
{
	while (off < end) {
		unsigned int len;

		if (end - off < DIRENT_HEAD)
			return false;
		len = dirent_len(s, (const void *)(block + off));
		if (len < DIRENT_HEAD || len % 4 || len > end - off)
			return false;
		*last = off;
		off += len;
	}
	return true;
}

/* Entries of @len bytes from inline data, with the parent before them, go to the empty @block. */
static bool fill_block(const struct server *s, const struct inode *dir, const char *data,
		       size_t len, char *block)
{
	const unsigned int dot = dirent_needs(1), dotdot = dirent_needs(2);
	const unsigned int first = dot + dotdot, usable = dir_block_usable(s);
	unsigned int second, end, last;
	struct ext2_dir_entry *de;
	uint32_t parent;

	memcpy(&parent, data, PARENT);
	second = first + sizeof(dir->raw.i_block) - PARENT;
	if (len - PARENT > usable - first)
		return false;
	end = first + (unsigned int)(len - PARENT);
	dirent_fill(s, (struct ext2_dir_entry *)block, dot, dir_name("."), dir->ino, S_IFDIR);
	dirent_fill(s, (struct ext2_dir_entry *)(block + dot), dotdot, dir_name(".."), parent,
		    S_IFDIR);
	memcpy(block + first, data + PARENT, len - PARENT);
	if (!is_chain(s, block, first, second, &last) || !is_chain(s, block, second, end, &last))
		return false;
	de = (struct ext2_dir_entry *)(block + last);
	ext2fs_set_rec_len(s->fs, usable - last, de);
	dir_block_init_tail(s, block);
	return true;
}

int inline_dir_block(struct server *s, struct inode *dir, char **block)
{
	size_t len;
	char *data;
	int err = inline_get(s, dir, &data, &len);

	if (err)
		return err;
	*block = calloc(1, s->fs->blocksize);
	if (!*block) {
		err = -ENOMEM;
	} else if (!fill_block(s, dir, data, len, *block)) {
		free(*block);
		err = fs_error(s, dir->ino, 0, "bad inline directory");
	}
	free(data);
	return err;
}

/* The block is complete, and there is space for it, before anything changes. */
int inline_dir_expand(struct server *s, struct inode *dir, const struct caller *who)
{
	uint64_t lblk, pblk;
	char *block;
	int err;

	/* a copy of the attribute block may take the last one */
	err = xattr_unshare(s, dir);
	if (!err && !alloc_available(s, who))
		err = -ENOSPC;
	if (!err)
		err = inline_dir_block(s, dir, &block);
	if (err)
		return err;
	err = inline_drop(s, dir);
	if (!err)
		err = inode_set_size(s, dir, 0);
	if (!err)
		err = dir_grow(s, dir, who, &lblk, &pblk);
	if (!err)
		err = dir_block_write(s, dir, pblk, block);
	if (!err)
		careful_names_moved(s, pblk);
	else
		/* the names are nowhere now: this must not be committed */
		fs_error(s, dir->ino, 0, "an inline directory could not be moved to a block");
	free(block);
	return err;
}
