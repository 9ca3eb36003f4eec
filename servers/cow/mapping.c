// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where bytes are and where they go: the iomap half of iomap_cow.
 *
 * A block that must not be overwritten (it is shared, or the file system is to write
 * nothing in place) or that a hole needs is written in three steps:
 *
 *	BEGIN for the write	a new place is staged; the answer says both: read slot the
 *				old place, write slot the new one
 *	the kernel writes	all of the block to the new place, also what the write
 *				does not change of it
 *	IOEND with SHARED	the new place becomes the file's, the old one is given back
 *
 * Until the last step the file is what it was, on the device and to who asks.  If the
 * write fails, IOEND says so and the new place is given back.
 *
 * A staged place may wait for long: a store through a mapping is one BEGIN, and its
 * IOEND comes when the page is written back.  Further writes of the block meanwhile get
 * the same place.  One that comes to nothing before a byte is written (END; there is
 * none here) keeps its place for the next.
 *
 * Which IOEND brings which place?  Writeback's says the address.  Direct I/O's doesn't,
 * for it may have gone to many; but its BEGINs say DIRECT, so what was given for other
 * writes only, and may hold nothing yet, is told apart.
 *
 * The kernel keeps mappings, and it must not keep one that lets it write in place what
 * has to move.  The flag SHARED in the read slot says just that: "write elsewhere".  So
 * all that has to move carries it, whyever it has to; only REPORT, whose answers are not
 * kept, gets the bare truth.  Nothing becomes shared while mounted.
 */
#include <errno.h>
#include <string.h>
#include "cow.h"

/* Is block @b of the file to be written elsewhere next time? */
static bool has_to_move(const struct cow *cow, int file, uint32_t b)
{
	uint32_t block = cow->table->file[file].map[b];

	return cow->staging[file].block[b] || (block && (cow->always || cow->refs[block] > 1));
}

/* Does an operation with @opflags, which is a write, need a place elsewhere for it? */
static bool goes_elsewhere(const struct cow *cow, int file, uint32_t b, uint32_t opflags)
{
	uint32_t block = cow->table->file[file].map[b];

	if (cow->staging[file].block[b])
		return true;
	if (!block)
		return !(opflags & (FUSE_IOMAP_OP_ZERO | FUSE_IOMAP_OP_UNSHARE));
	if (opflags & FUSE_IOMAP_OP_UNSHARE)
		return cow->refs[block] > 1;
	return has_to_move(cow, file, b);
}

static bool is_marked_shared(const struct cow *cow, int file, uint32_t b, uint32_t opflags)
{
	if (opflags & FUSE_IOMAP_OP_REPORT)
		return cow->refs[cow->table->file[file].map[b]] > 1;
	return has_to_move(cow, file, b);
}

static void fill(const struct cow *cow, struct fuse_iomap_io *io, uint32_t b, uint32_t nr,
		 uint32_t block)
{
	*io = (struct fuse_iomap_io) {
		.offset = (uint64_t)b * BLOCK,
		.length = (uint64_t)nr * BLOCK,
		.addr = block ? (uint64_t)block * BLOCK : FUSE_IOMAP_NULL_ADDR,
		.type = block ? FUSE_IOMAP_TYPE_MAPPED : FUSE_IOMAP_TYPE_HOLE,
		.dev = block ? (uint32_t)cow->dev : FUSE_IOMAP_DEV_NULL,
	};
}

/* What the file is from block @b on, before @end and as far as it is the same. */
static void read_slot(const struct cow *cow, int file, uint32_t b, uint32_t end,
		      uint32_t opflags, struct fuse_iomap_io *io)
{
	const uint32_t *staged = cow->staging[file].block;
	const uint32_t *map = cow->table->file[file].map;
	uint32_t block = map[b], nr = 1;

	if (!block) {
		while (b + nr < end && !map[b + nr] && !staged[b + nr] == !staged[b])
			nr++;
		fill(cow, io, b, nr, 0);
		/* a page may hold data for it, and SEEK_DATA looks there for these only */
		if (staged[b] && (opflags & FUSE_IOMAP_OP_REPORT)) {
			fill(cow, io, b, 1, staged[b]);
			io->type = FUSE_IOMAP_TYPE_UNWRITTEN;
		}
		return;
	}
	while (b + nr < end && map[b + nr] == block + nr &&
	       is_marked_shared(cow, file, b + nr, opflags) ==
	       is_marked_shared(cow, file, b, opflags))
		nr++;
	fill(cow, io, b, nr, block);
	if (is_marked_shared(cow, file, b, opflags))
		io->flags = FUSE_IOMAP_F_SHARED;
}

/* Blocks from @b on have new places in a row: say where. */
static void write_slot(struct cow *cow, int file, uint32_t b, uint32_t end, uint32_t opflags,
		       struct fuse_iomap_io *io)
{
	struct staging *staging = &cow->staging[file];
	const uint32_t *map = cow->table->file[file].map;
	uint32_t nr = 1;

	while (b + nr < end && staging->block[b + nr] == staging->block[b] + nr &&
	       !map[b + nr] == !map[b])
		nr++;
	fill(cow, io, b, nr, staging->block[b]);
	if (!map[b])
		io->flags = FUSE_IOMAP_F_NEW;
	while (nr-- && (opflags & FUSE_IOMAP_OP_DIRECT))
		staging->direct[b + nr] = true;
}

/* Find new places for those of blocks [@b, @end) that need one, in a row from @b on. */
static bool stage(struct cow *cow, int file, uint32_t b, uint32_t end, uint32_t opflags)
{
	struct staging *staging = &cow->staging[file];
	uint32_t want = 0, start, nr;

	if (staging->block[b])
		return true;
	while (b + want < end && !staging->block[b + want] &&
	       goes_elsewhere(cow, file, b + want, opflags))
		want++;
	for (nr = cow_allocate(cow, want, &start), want = 0; want < nr; want++) {
		staging->block[b + want] = start + want;
		staging->direct[b + want] = false;
	}
	return nr;
}

static void cow_begin(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t attr_ino,
		      uint64_t pos, uint64_t count, uint32_t opflags)
{
	struct cow *cow = fuse_iomap_req_userdata(req);
	int file = cow_file(cow, nodeid);
	struct fuse_iomap_io read, write;
	uint32_t b = pos / BLOCK, n, end;

	if (file < 0) {
		fuse_iomap_reply_err(req, ENOENT);
		return;
	}
	/* s_maxbytes has been said: it is the kernel that asks for what it said can't be */
	if (pos >= (uint64_t)FILE_BLOCKS * BLOCK) {
		fuse_iomap_reply_err(req, EFBIG);
		return;
	}
	if (!fuse_iomap_is_write(opflags)) {
		read_slot(cow, file, b, FILE_BLOCKS, opflags, &read);
		fuse_iomap_reply_begin(req, &read, NULL);
		return;
	}
	if (!goes_elsewhere(cow, file, b, opflags)) {
		for (n = b + 1; n < FILE_BLOCKS && !goes_elsewhere(cow, file, n, opflags); n++)
			;
		read_slot(cow, file, b, n, opflags, &read);
		fuse_iomap_reply_begin(req, &read, NULL);
		return;
	}

	end = FILE_BLOCKS;
	if (count < (uint64_t)FILE_BLOCKS * BLOCK - pos)
		end = (pos + count + BLOCK - 1) / BLOCK;
	if (stage(cow, file, b, end, opflags)) {
		read_slot(cow, file, b, FILE_BLOCKS, opflags, &read);
		/* writeback of following pages needs no question */
		write_slot(cow, file, b, opflags & FUSE_IOMAP_OP_DIRECT ? end : FILE_BLOCKS,
			   opflags, &write);
	} else if (cow->table->file[file].map[b] &&
		   cow->refs[cow->table->file[file].map[b]] == 1) {
		/* nobody else's, and better overwritten than refused for want of space */
		read_slot(cow, file, b, b + 1, opflags, &read);
		write = read;
		write.flags = 0;
	} else {
		fuse_iomap_reply_err(req, ENOSPC);
		return;
	}
	fuse_iomap_reply_begin(req, &read, &write);
}

/* Is it the new place of block @b that the I/O of @in went to? */
static bool went_to(const struct staging *staging, const struct fuse_iomap_ioend_in *in,
		    uint32_t b)
{
	if (!staging->block[b])
		return false;
	if (in->flags & FUSE_IOMAP_IOEND_DIRECT)
		return staging->direct[b];
	/* writeback that did not come as far as the device, for want of a place or of memory */
	if (in->new_addr == FUSE_IOMAP_NULL_ADDR)
		return in->error;
	return staging->block[b] == in->new_addr / BLOCK + (b - in->pos / BLOCK);
}

static void cow_ioend(fuse_iomap_req_t req, fuse_ino_t nodeid,
		      const struct fuse_iomap_ioend_in *in)
{
	struct cow *cow = fuse_iomap_req_userdata(req);
	int file = cow_file(cow, nodeid);
	struct staging *staging;
	struct file_record *rec;
	uint32_t b, end;

	if (file < 0 || in->pos > (uint64_t)FILE_BLOCKS * BLOCK ||
	    in->written > (uint64_t)FILE_BLOCKS * BLOCK - in->pos) {
		fuse_iomap_reply_err(req, file < 0 ? ENOENT : EFBIG);
		return;
	}
	staging = &cow->staging[file];
	rec = &cow->table->file[file];
	end = (in->pos + in->written + BLOCK - 1) / BLOCK;
	for (b = in->pos / BLOCK; b < end; b++) {
		if (!went_to(staging, in, b))
			continue;
		if (in->error) {
			cow_put_block(cow, staging->block[b]);
		} else {
			cow_put_block(cow, rec->map[b]);
			rec->map[b] = staging->block[b];
			cow->dirty = true;
		}
		staging->block[b] = 0;
	}
	if (!in->error && in->pos + in->written > rec->size) {
		rec->size = in->pos + in->written;
		cow->dirty = true;
	}
	fuse_iomap_reply_ioend(req, rec->size);
}

static void cow_config(fuse_iomap_req_t req, uint64_t flags, int64_t maxbytes,
		       uint32_t cache_maxbytes)
{
	struct cow *cow = fuse_iomap_req_userdata(req);
	struct fuse_iomap_config_out cfg = {
		.flags = FUSE_IOMAP_CONFIG_BLOCKSIZE | FUSE_IOMAP_CONFIG_MAXBYTES,
		.s_blocksize = BLOCK,
		.s_maxbytes = (int64_t)FILE_BLOCKS * BLOCK,
	};

	if (cow->keep)
		cfg.flags |= flags & FUSE_IOMAP_CONFIG_MAPPINGS;
	cow->dev = fuse_iomap_device_add(cow->fis, cow->fd, 0);
	if (cow->dev < 0)
		fuse_iomap_reply_err(req, -cow->dev);
	else
		fuse_iomap_reply_config(req, &cfg);
}

static void cow_syncfs(fuse_iomap_req_t req, fuse_ino_t nodeid)
{
	fuse_iomap_reply_err(req, -cow_commit(fuse_iomap_req_userdata(req)));
}

const struct fuse_iomap_ops cow_iomap_ops = {
	.config	= cow_config,
	.begin	= cow_begin,
	.ioend	= cow_ioend,
	.syncfs	= cow_syncfs,
};
