// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The io_manager that puts libext2fs on top of the metadata cache.
 *
 * libext2fs addresses in units of channel->block_size, which it sets to 1024
 * to reach the superblock and to the file system's block size for the rest.
 * The cache has one block size only; here addresses become byte offsets.
 *
 * flush() does nothing: libext2fs calls it in the middle of its own updates,
 * and when data has to be durable the server flushes the cache itself.
 */
#include "store/io_manager.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct cache *the_cache;
static struct struct_io_manager manager;
static store_check *the_check;
static void *check_arg;
static bool check_paused;

static errcode_t store_open(const char *name, int flags, io_channel *ret)
{
	io_channel channel;

	(void)flags;
	if (ext2fs_get_memzero(sizeof(*channel), &channel))
		return EXT2_ET_NO_MEMORY;
	channel->name = strdup(name);
	if (!channel->name) {
		ext2fs_free_mem(&channel);
		return EXT2_ET_NO_MEMORY;
	}
	channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	channel->manager = &manager;
	channel->block_size = 1024;
	channel->refcount = 1;
	channel->private_data = the_cache;
	*ret = channel;
	return 0;
}

static errcode_t store_close(io_channel channel)
{
	if (--channel->refcount > 0)
		return 0;
	free(channel->name);
	ext2fs_free_mem(&channel);
	return 0;
}

static errcode_t store_set_blksize(io_channel channel, int blksize)
{
	channel->block_size = blksize;
	return 0;
}

/* A negative count is a number of bytes. */
static uint64_t bytes_of(io_channel channel, int count)
{
	return count < 0 ? -(int64_t)count : (int64_t)count * channel->block_size;
}

static errcode_t store_read_blk64(io_channel channel, unsigned long long block, int count,
				  void *data)
{
	errcode_t err;

	if (block > UINT64_MAX / channel->block_size)
		return EIO;
	err = -cache_read(channel->private_data, block * channel->block_size, data,
			  bytes_of(channel, count));
	if (!err && count == 1 && the_check && !check_paused)
		err = the_check(check_arg, data);
	return err;
}

static errcode_t store_write_blk64(io_channel channel, unsigned long long block, int count,
				   const void *data)
{
	if (block > UINT64_MAX / channel->block_size)
		return EIO;
	return -cache_write(channel->private_data, block * channel->block_size, data,
			    bytes_of(channel, count));
}

static errcode_t store_read_blk(io_channel channel, unsigned long block, int count, void *data)
{
	return store_read_blk64(channel, block, count, data);
}

static errcode_t store_write_blk(io_channel channel, unsigned long block, int count,
				 const void *data)
{
	return store_write_blk64(channel, block, count, data);
}

static errcode_t store_write_byte(io_channel channel, unsigned long offset, int count,
				  const void *data)
{
	return -cache_write(channel->private_data, offset, data, count);
}

static errcode_t store_flush(io_channel channel)
{
	(void)channel;
	return 0;
}

static struct struct_io_manager manager = {
	.magic		= EXT2_ET_MAGIC_IO_MANAGER,
	.name		= "iomap4fs metadata store",
	.open		= store_open,
	.close		= store_close,
	.set_blksize	= store_set_blksize,
	.read_blk	= store_read_blk,
	.write_blk	= store_write_blk,
	.flush		= store_flush,
	.write_byte	= store_write_byte,
	.read_blk64	= store_read_blk64,
	.write_blk64	= store_write_blk64,
};

io_manager store_io_manager(struct cache *cache)
{
	the_cache = cache;
	the_check = NULL;
	return &manager;
}

void store_check_reads(store_check *check, void *arg)
{
	check_arg = arg;
	the_check = check;
	check_paused = false;
}

void store_pause_checks(bool pause)
{
	check_paused = pause;
}
