// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * File data in classic mode, when there is no module to move it: the same maps
 * as in iomap mode, and then the I/O that the kernel would have done.
 *
 * New blocks are unwritten until their data is on the device, here too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cold.h"
#include "file.h"
#include "nokey.h"

/* Mappings that a search goes through before others get their turn */
#define SEEK_STEPS	4096

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Device position of file position @off, which @m contains */
static uint64_t device_pos(const struct server *s, const struct mapping *m, uint64_t off)
{
	return (m->pblk << block_bits(s)) + (off - (m->lblk << block_bits(s)));
}

static uint64_t map_end(const struct server *s, const struct mapping *m)
{
	return (m->lblk + m->len) << block_bits(s);
}

static int read_inline(struct server *s, struct inode *in, char *buf, size_t len, uint64_t off,
		       size_t *done)
{
	size_t have, n = 0;
	char *data;
	int err = inline_get(s, in, &data, &have);

	if (err)
		return err;
	memset(buf, 0, len);
	if (off < have) {
		n = min64(len, have - off);
		memcpy(buf, data + off, n);
	}
	free(data);
	*done = len;
	return 0;
}

int file_read(struct server *s, ext2_ino_t ino, char *buf, size_t len, uint64_t off,
	      size_t *done)
{
	struct inode in;
	int err = inode_load(s, ino, &in);

	*done = 0;
	if (err)
		return err;
	if (!inode_is_reg(&in))
		return inode_is_dir(&in) ? -EISDIR : -EINVAL;
	err = nokey_data(&in);
	if (err)
		return err;
	if (off >= inode_size(&in))
		return 0;
	len = min64(len, inode_size(&in) - off);
	if (inode_is_inline(&in))
		return read_inline(s, &in, buf, len, off, done);
	while (*done < len) {
		struct mapping m;
		size_t n;

		err = map_lookup(s, &in, off >> block_bits(s), 0, &m);
		if (err)
			break;
		n = min64(len - *done, map_end(s, &m) - off);
		if (m.type == MAP_MAPPED)
			err = device_read(&s->src.dev, buf + *done, n, device_pos(s, &m, off));
		else
			memset(buf + *done, 0, n);
		if (err)
			break;
		*done += n;
		off += n;
	}
	/*
	 * The kernel takes a short answer for the end of the file, and zeroes the rest of the page.
	 * After an error it asks for the pages one by one, so those before it can still be read.
	 */
	return err;
}

/* Zeroes in the parts of the first and last block that a write leaves alone. */
static int zero_around(struct server *s, const struct mapping *m, uint64_t off, uint64_t end)
{
	uint64_t mask = s->fs->blocksize - 1;
	uint64_t head = off & mask, tail = -end & mask;
	int err = 0;

	if (head)
		err = device_zero(&s->src.dev, device_pos(s, m, off - head), head);
	if (!err && tail)
		err = device_zero(&s->src.dev, device_pos(s, m, end), tail);
	return err;
}

static int write_part(struct server *s, struct inode *in, const char *buf, size_t len,
		      uint64_t off, const struct caller *who, size_t *done)
{
	uint64_t first = off >> block_bits(s), last = (off + len - 1) >> block_bits(s);
	struct mapping m;
	int err;

	err = map_alloc(s, in, node_find(s, in->ino), first, last - first + 1, who, &m);
	if (err)
		return err;
	*done = min64(len, map_end(s, &m) - off);
	if (m.type == MAP_UNWRITTEN)
		err = zero_around(s, &m, off, off + *done);
	if (!err)
		err = device_write(&s->src.dev, buf, *done, device_pos(s, &m, off));
	if (!err && m.type == MAP_UNWRITTEN) {
		last = (off + *done - 1) >> block_bits(s);
		err = map_convert(s, in, first, last - first + 1);
	}
	return err;
}

int file_write(struct server *s, ext2_ino_t ino, const char *buf, size_t len, uint64_t off,
	       const struct caller *who, size_t *done)
{
	struct inode in;
	int err = super_may_allocate(s);

	*done = 0;
	if (!err)
		err = inode_load(s, ino, &in);
	if (err || !len)
		return err;
	if (!inode_is_reg(&in))
		return -EINVAL;
	err = nokey_data(&in);
	if (err)
		return err;
	if (off >= (uint64_t)inode_maxbytes(s, &in))
		return -EFBIG;
	len = min64(len, inode_maxbytes(s, &in) - off);
	err = cold_settle(s);
	if (err)
		return err;
	if (inode_is_inline(&in)) {
		err = inline_write(s, &in, buf, len, off);
		if (!err) {
			*done = len;
			inode_touch(s, &in, true);
			return inode_store(s, &in);
		}
		if (err == -EFBIG)
			err = inline_expand(s, &in, who);
		if (err)
			return err;
	}
	/* the gap between the old end and the write reads as zeroes */
	if (off > inode_size(&in)) {
		uint64_t bs = s->fs->blocksize, end = (inode_size(&in) + bs - 1) / bs * bs;

		err = file_zero(s, &in, inode_size(&in), min64(end, off));
		if (err)
			return err;
	}
	while (*done < len && !err) {
		size_t n = 0;

		err = write_part(s, &in, buf + *done, len - *done, off, who, &n);
		if (err)
			break;
		*done += n;
		off += n;
	}
	if (!*done)
		return err;
	if (off > inode_size(&in)) {
		err = inode_set_size(s, &in, off);
		if (err)
			return err;
	}
	inode_touch(s, &in, true);
	return inode_store(s, &in);
}

int file_zero(struct server *s, struct inode *in, uint64_t from, uint64_t to)
{
	while (from < to) {
		struct mapping m;
		uint64_t n;
		int err = map_lookup(s, in, from >> block_bits(s), 0, &m);

		if (err)
			return err;
		n = min64(to - from, map_end(s, &m) - from);
		if (m.type == MAP_MAPPED)
			err = device_zero(&s->src.dev, device_pos(s, &m, from), n);
		if (err)
			return err;
		from += n;
	}
	return 0;
}

int file_lseek(struct server *s, ext2_ino_t ino, uint64_t *from, int whence, uint64_t *result)
{
	unsigned int steps = SEEK_STEPS;
	uint64_t off = *from;
	struct inode in;
	int err = inode_load(s, ino, &in);

	if (err)
		return err;
	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return -EINVAL;
	if (off >= inode_size(&in))
		return -ENXIO;
	while (off < inode_size(&in)) {
		struct mapping m;

		if (inode_is_inline(&in)) {
			*result = whence == SEEK_DATA ? off : inode_size(&in);
			return 0;
		}
		err = map_lookup(s, &in, off >> block_bits(s), 0, &m);
		if (err)
			return err;
		if ((m.type == MAP_MAPPED) == (whence == SEEK_DATA)) {
			*result = off;
			return 0;
		}
		off = map_end(s, &m);
		if (!--steps) {
			if (off >= inode_size(&in))
				break;
			*from = off;
			return -EAGAIN;
		}
	}
	if (whence == SEEK_DATA)
		return -ENXIO;
	*result = inode_size(&in);
	return 0;
}
