// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table on the device and the space that it hands out; cow.h says how both work.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <linux/fs.h>
#include "cow.h"

/* FNV-1a over 64 bit words: finds a torn or a foreign table, not an attacker's. */
static uint64_t checksum(struct table *table)
{
	const uint64_t *word = (const uint64_t *)table;
	uint64_t stored = table->checksum, sum = 0xcbf29ce484222325ULL;
	size_t i;

	table->checksum = 0;
	for (i = 0; i < sizeof(*table) / sizeof(*word); i++)
		sum = (sum ^ word[i]) * 0x100000001b3ULL;
	table->checksum = stored;
	return sum;
}

static off_t copy_at(uint64_t sequence)
{
	return sequence % 2 * TABLE_BLOCKS * BLOCK;
}

static bool sane(const struct table *table, uint32_t blocks)
{
	unsigned int f, b;

	if (table->magic != COW_MAGIC || table->blocks > blocks)
		return false;
	for (f = 0; f < NR_FILES; f++) {
		if (table->file[f].size > (uint64_t)FILE_BLOCKS * BLOCK)
			return false;
		for (b = 0; b < FILE_BLOCKS; b++) {
			uint32_t block = table->file[f].map[b];

			if (block && (block < FIRST_BLOCK || block >= table->blocks))
				return false;
		}
	}
	return table->file[DATA].mode;
}

static int load(struct cow *cow)
{
	struct table *other;
	int i, err = 0;

	other = aligned_alloc(BLOCK, TABLE_BLOCKS * BLOCK);
	if (!other)
		return -ENOMEM;
	for (i = 0; i < 2; i++) {
		if (pread(cow->fd, other, TABLE_BLOCKS * BLOCK, copy_at(i)) !=
		    (ssize_t)(TABLE_BLOCKS * BLOCK)) {
			err = -EIO;
			break;
		}
		if (checksum(other) == other->checksum && sane(other, cow->blocks) &&
		    other->sequence >= cow->table->sequence)
			memcpy(cow->table, other, TABLE_BLOCKS * BLOCK);
	}
	free(other);
	if (!err && !cow->table->sequence)
		err = -EUCLEAN;
	return err;
}

static void format_table(struct cow *cow)
{
	struct file_record *data = &cow->table->file[DATA];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	cow->table->magic = COW_MAGIC;
	cow->table->blocks = cow->blocks;
	/* above that of any table that was here */
	cow->table->sequence = (uint64_t)now.tv_sec << 20;
	data->mode = S_IFREG | 0600;
	data->uid = getuid();
	data->gid = getgid();
	data->atime = data->mtime = data->ctime = now.tv_sec;
	data->atime_ns = data->mtime_ns = data->ctime_ns = now.tv_nsec;
	cow->dirty = true;
}

/* The table may be, or is, on the device as it is now. */
static void note_committed(struct cow *cow)
{
	unsigned int f, b;

	for (f = 0; f < NR_FILES; f++)
		for (b = 0; b < FILE_BLOCKS; b++)
			cow->committed[cow->table->file[f].map[b]] = true;
}

/*
 * Make what the files are now durable.  All data that maps point to has been written,
 * but may be in the device's cache, and must not come after the table.  Returns 0 or a
 * negative errno.
 */
int cow_commit(struct cow *cow)
{
	if (!cow->dirty)
		return fsync(cow->fd) ? -errno : 0;
	if (fsync(cow->fd))
		return -errno;
	cow->table->sequence++;
	cow->table->checksum = checksum(cow->table);
	if (pwrite(cow->fd, cow->table, TABLE_BLOCKS * BLOCK, copy_at(cow->table->sequence)) !=
	    (ssize_t)(TABLE_BLOCKS * BLOCK) || fsync(cow->fd)) {
		/* the same copy again next time: the other one is still good */
		cow->table->sequence--;
		note_committed(cow);
		return -EIO;
	}
	cow->dirty = false;
	memset(cow->committed, 0, cow->blocks * sizeof(*cow->committed));
	note_committed(cow);
	return 0;
}

/* Open the device and read, or make, its table.  Returns 0 or a negative errno. */
int cow_open(struct cow *cow, bool format)
{
	uint64_t size;
	unsigned int f, b;
	int err;

	cow->fd = open(cow->name, O_RDWR | O_DIRECT | O_EXCL | O_CLOEXEC);
	if (cow->fd < 0 || ioctl(cow->fd, BLKGETSIZE64, &size) < 0)
		return -errno;
	if (size / BLOCK <= FIRST_BLOCK || size / BLOCK > UINT32_MAX)
		return -ENOSPC;
	cow->blocks = size / BLOCK;
	cow->next = FIRST_BLOCK;
	cow->table = aligned_alloc(BLOCK, TABLE_BLOCKS * BLOCK);
	cow->refs = calloc(cow->blocks, sizeof(*cow->refs));
	cow->committed = calloc(cow->blocks, sizeof(*cow->committed));
	if (!cow->table || !cow->refs || !cow->committed)
		return -ENOMEM;
	memset(cow->table, 0, TABLE_BLOCKS * BLOCK);
	if (format) {
		format_table(cow);
	} else {
		err = load(cow);
		if (err)
			return err;
	}
	for (f = 0; f < NR_FILES; f++)
		for (b = 0; b < FILE_BLOCKS; b++)
			cow->refs[cow->table->file[f].map[b]]++;
	memset(cow->refs, 0, FIRST_BLOCK);
	note_committed(cow);
	return 0;
}

/* "snapshot" := "data"; both have the same blocks then.  Nothing is mounted yet. */
void cow_take_snapshot(struct cow *cow)
{
	struct file_record *snapshot = &cow->table->file[SNAPSHOT];
	unsigned int b;

	for (b = 0; b < FILE_BLOCKS; b++)
		cow_put_block(cow, snapshot->map[b]);
	*snapshot = cow->table->file[DATA];
	for (b = 0; b < FILE_BLOCKS; b++)
		if (snapshot->map[b])
			cow->refs[snapshot->map[b]]++;
	cow->dirty = true;
}

static bool is_free(const struct cow *cow, uint32_t block)
{
	return !cow->refs[block] && !cow->committed[block];
}

/* With those that the next commit frees. */
uint32_t cow_free_blocks(const struct cow *cow)
{
	uint32_t block, nr = 0;

	for (block = FIRST_BLOCK; block < cow->blocks; block++)
		nr += !cow->refs[block];
	return nr;
}

static bool find_free(struct cow *cow)
{
	uint32_t tries;

	for (tries = FIRST_BLOCK; tries < cow->blocks; tries++, cow->next++) {
		if (cow->next >= cow->blocks)
			cow->next = FIRST_BLOCK;
		if (is_free(cow, cow->next))
			return true;
	}
	return false;
}

/*
 * Get up to @want blocks in a row with one reference each.  Returns how many, from
 * *@start on; 0: there is no space.
 */
uint32_t cow_allocate(struct cow *cow, uint32_t want, uint32_t *start)
{
	uint32_t nr;

	if (!find_free(cow) && (!cow->dirty || cow_commit(cow) < 0 || !find_free(cow)))
		return 0;
	*start = cow->next;
	for (nr = 0; nr < want && cow->next < cow->blocks && is_free(cow, cow->next); nr++)
		cow->refs[cow->next++] = 1;
	return nr;
}

/* One reference less; @block may be a hole. */
void cow_put_block(struct cow *cow, uint32_t block)
{
	if (block)
		cow->refs[block]--;
}

/* Blocks [@first, @end) of a file become holes, and lose new places that they have. */
void cow_clear_blocks(struct cow *cow, int file, uint32_t first, uint32_t end)
{
	struct staging *staging = &cow->staging[file];
	uint32_t *map = cow->table->file[file].map;

	for (; first < end; first++) {
		cow_put_block(cow, map[first]);
		cow_put_block(cow, staging->block[first]);
		map[first] = staging->block[first] = 0;
	}
	cow->dirty = true;
}
