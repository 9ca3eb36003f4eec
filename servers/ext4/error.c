// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libext2fs's error codes as errnos, and what happens when the file system
 * turns out to be corrupt: it is logged, noted in the superblock as kernel ext4
 * does, and depending on errors= the file system goes read-only.  Reads go on.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bitmap_drop.h"
#include "log.h"
#include "node.h"
#include "server.h"

static int plain_errno(errcode_t err)
{
	switch (err) {
	case EXT2_ET_NO_MEMORY:
		return ENOMEM;
	case EXT2_ET_BLOCK_ALLOC_FAIL:
	case EXT2_ET_INODE_ALLOC_FAIL:
	case EXT2_ET_DIR_NO_SPACE:
	case EXT2_ET_EA_NO_SPACE:
	case EXT2_ET_INLINE_DATA_NO_SPACE:
	case EXT2_ET_CANT_INSERT_EXTENT:
	case EXT2_ET_CANT_SPLIT_EXTENT:
		return ENOSPC;
	case EXT2_ET_FILE_NOT_FOUND:
		return ENOENT;
	case EXT2_ET_FILE_EXISTS:
	case EXT2_ET_DIR_EXISTS:
		return EEXIST;
	case EXT2_ET_EA_KEY_NOT_FOUND:
		return ENODATA;
	case EXT2_ET_NO_DIRECTORY:
		return ENOTDIR;
	case EXT2_ET_RO_FILSYS:
		return EROFS;
	case EXT2_ET_FILE_TOO_BIG:
		return EFBIG;
	case EXT2_ET_SYMLINK_LOOP:
		return ELOOP;
	case EXT2_ET_OP_NOT_SUPPORTED:
	case EXT2_ET_UNIMPLEMENTED:
		return EOPNOTSUPP;
	case EXT2_ET_INVALID_ARGUMENT:
		return EINVAL;
	case EXT2_ET_SHORT_READ:
	case EXT2_ET_SHORT_WRITE:
	case EXT2_ET_LLSEEK_FAILED:
		return EIO;
	}
	/* below libext2fs's range there are errnos */
	if (err > 0 && err < EXT2_ET_BASE)
		return err;
	return 0;
}

int lib_error(struct server *s, errcode_t err, ext2_ino_t ino)
{
	int e;

	if (!err)
		return 0;
	/* libext2fs had no block to look at, whatever it makes of it */
	if (cache_missed(s->cache))
		return -CACHE_COLD;
	e = plain_errno(err);
	if ((!e || e == EIO) && server_gives_up(s))
		return -CACHE_COLD;
	if (e == EIO)
		log_damage(LOG_ERR, ino, 0, "I/O error on metadata%s",
			   ino ? "" : " of the file system");
	if (e)
		return -e;
	return fs_error(s, ino, 0, error_message(err));
}

static void note_error(struct ext2_super_block *sb, ext2_ino_t ino, uint64_t blk)
{
	time_t now = time(NULL);

	if (!sb->s_first_error_time) {
		sb->s_first_error_time = (uint32_t)now;
		sb->s_first_error_time_hi = (uint64_t)now >> 32;
		sb->s_first_error_ino = ino;
		sb->s_first_error_block = blk;
		memset(sb->s_first_error_func, 0, sizeof(sb->s_first_error_func));
		memcpy(sb->s_first_error_func, "iomap4fs", sizeof("iomap4fs"));
		sb->s_first_error_line = 0;
	}
	sb->s_last_error_time = (uint32_t)now;
	sb->s_last_error_time_hi = (uint64_t)now >> 32;
	sb->s_last_error_ino = ino;
	sb->s_last_error_block = blk;
	memset(sb->s_last_error_func, 0, sizeof(sb->s_last_error_func));
	memcpy(sb->s_last_error_func, "iomap4fs", sizeof("iomap4fs"));
	sb->s_last_error_line = 0;
	sb->s_error_count++;
}

int fs_error(struct server *s, ext2_ino_t ino, uint64_t blk, const char *what)
{
	enum errors_policy policy = s->opt.errors;

	/* who shares the lock can't note it */
	if (server_gives_up(s))
		return -CACHE_COLD;
	/* maybe only because a block was missing: with it the operation begins again */
	if (s->cache && cache_missed(s->cache))
		return -CACHE_COLD;
	if (s->cache)
		cache_try_end(s->cache);
	log_damage(LOG_ERR, ino, blk, "corrupt: %s", what);

	if (!s->fs || s->readonly)
		return -EUCLEAN;

	if (policy == ERRORS_SUPERBLOCK) {
		if (s->fs->super->s_errors == EXT2_ERRORS_RO)
			policy = ERRORS_REMOUNT_RO;
		else if (s->fs->super->s_errors == EXT2_ERRORS_PANIC)
			policy = ERRORS_PANIC;
		else
			policy = ERRORS_CONTINUE;
	}
	note_error(s->fs->super, ino, blk);
	s->fs->super->s_state |= EXT2_ERROR_FS;
	ext2fs_mark_super_dirty(s->fs);
	s->dirty = true;
	if (policy == ERRORS_CONTINUE)
		return -EUCLEAN;
	/* what the operation has done so far must not be committed */
	commit_abort(s, -EUCLEAN);
	if (policy == ERRORS_PANIC) {
		log_err("ending, because of errors=panic");
		_exit(1);
	}
	return -EUCLEAN;
}

/*
 * Operations that end halfway
 *
 * Operations change blocks one after the other and have no way back. One that finds a
 * bad structure calls fs_error(). One that can't read a block, or has no memory for it,
 * just ends; if it had changed something by then, that is an error, too, for the next
 * commit would make half of it durable.
 */

static uint64_t changes(const struct server *s)
{
	return cache_nr_changes(s->cache) + s->nr_bitmap_changes;
}

void errors_begin(struct server *s)
{
	if (!s->cache)
		return;
	s->seen.failures = cache_nr_failures(s->cache);
	s->seen.changes = changes(s);
	/* here nobody is in the middle of something that has just looked at a bitmap */
	if (bitmaps_are_large(s))
		bitmaps_drop(s);
}

void errors_end(struct server *s)
{
	if (!s->cache)
		return;
	if (cache_nr_failures(s->cache) != s->seen.failures && changes(s) != s->seen.changes)
		fs_error(s, 0, 0, "a metadata block could not be read, an operation is half done");
	/* who waits for a commit goes on without server_lock() */
	errors_begin(s);
}
