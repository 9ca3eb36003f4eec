// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings: what a server may say, and how it is said to fs/iomap.
 *
 * Nothing that comes from the server reaches fs/iomap unchecked: fs/iomap takes
 * what a file system gives it for true, and warns, oopses or writes to the wrong
 * place when it isn't.  The rules are those of the protocol (doc/protocol.md)
 * plus what this kernel's fs/iomap relies on.  Both mappings of an answer are
 * checked even if only one is used, so that a server's bug shows at once.
 */
#include "iomap_i.h"
#include "iomap_trace.h"

#include <linux/blkdev.h>

/* the last byte of a file that a mapping may reach, rounded to any block size */
#define MAX_MAPPING_END		((u64)(LLONG_MAX & ~((u64)SZ_1G - 1)))

/* What 6.12's fs/iomap can do of the flags a server may set. */
#define UNSUPPORTED_FLAGS	(FUSE_IOMAP_F_BOUNDARY | FUSE_IOMAP_F_ANON_WRITE)

static int bad(struct inode *inode, const struct fuse_iomap_io *io, const char *rule)
{
	trace_iomap_bad_mapping(inode, io, rule);
	pr_err_ratelimited("%s: server's mapping for inode %llu refused: %s\n",
			   inode->i_sb->s_id, get_fuse_inode(inode)->orig_ino, rule);
	return -EFSCORRUPTED;
}

/* Operation flags of fs/iomap in wire form. */
u32 fuse_iomap_wire_opflags(unsigned int flags)
{
	u32 wire = 0;

	if (flags & IOMAP_WRITE)
		wire |= FUSE_IOMAP_OP_WRITE;
	if (flags & IOMAP_ZERO)
		wire |= FUSE_IOMAP_OP_ZERO;
	if (flags & IOMAP_REPORT)
		wire |= FUSE_IOMAP_OP_REPORT;
	if (flags & IOMAP_FAULT)
		wire |= FUSE_IOMAP_OP_FAULT;
	if (flags & IOMAP_DIRECT)
		wire |= FUSE_IOMAP_OP_DIRECT;
	if (flags & IOMAP_NOWAIT)
		wire |= FUSE_IOMAP_OP_NOWAIT;
	if (flags & IOMAP_OVERWRITE_ONLY)
		wire |= FUSE_IOMAP_OP_OVERWRITE_ONLY;
	if (flags & IOMAP_UNSHARE)
		wire |= FUSE_IOMAP_OP_UNSHARE;
	if (flags & FUSE_IOMAP_WRITEBACK)
		wire |= FUSE_IOMAP_OP_WRITEBACK;
	return wire;
}

/* A slot that carries no mapping, only a word: nothing else may be in it. */
static int check_marker(struct inode *inode, const struct fuse_iomap_io *io)
{
	if (io->flags || io->dev != FUSE_IOMAP_DEV_NULL || io->addr != FUSE_IOMAP_NULL_ADDR)
		return bad(inode, io, "a marker has flags, a device or an address");
	return 0;
}

static int check_space(struct inode *inode, const struct fuse_iomap_io *io, bool write)
{
	struct block_device *bdev;
	u64 end;

	if (io->dev == FUSE_IOMAP_DEV_NULL || io->addr == FUSE_IOMAP_NULL_ADDR)
		return bad(inode, io, "space without a device or an address");
	if (check_add_overflow(io->addr, io->length, &end))
		return bad(inode, io, "address plus length overflows");

	bdev = fuse_iomap_dev_get(get_fuse_conn(inode), io->dev, write);
	if (bdev == ERR_PTR(-EACCES))
		return -EACCES;
	if (IS_ERR(bdev))
		return bad(inode, io, "unknown device");
	if (!IS_ALIGNED(io->addr, bdev_logical_block_size(bdev)))
		return bad(inode, io, "address is not a multiple of the device's block size");
	if (end > bdev_nr_bytes(bdev))
		return bad(inode, io, "space ends behind the device");
	return 0;
}

/* What is asked of a mapping, whatever it is for.  @will_write: to what it maps. */
static int check_mapping(struct inode *inode, const struct fuse_iomap_io *io, bool is_write_slot,
			 bool will_write)
{
	u32 blocksize = i_blocksize(inode);
	u64 end;

	if (io->flags & ~FUSE_IOMAP_F_SERVER_MASK)
		return bad(inode, io, "unknown flags");
	if (io->flags & UNSUPPORTED_FLAGS)
		return bad(inode, io, "flags that this kernel does not support");

	switch (io->type) {
	case FUSE_IOMAP_TYPE_HOLE:
	case FUSE_IOMAP_TYPE_DELALLOC:
	case FUSE_IOMAP_TYPE_MAPPED:
	case FUSE_IOMAP_TYPE_UNWRITTEN:
	case FUSE_IOMAP_TYPE_INLINE:
		break;
	case FUSE_IOMAP_TYPE_PURE_OVERWRITE:
		if (!is_write_slot)
			return bad(inode, io, "overwrite marker for reading");
		break;
	case FUSE_IOMAP_TYPE_RETRY_CACHE:
		return bad(inode, io, "look again, but there is no cache");
	case FUSE_IOMAP_TYPE_NOCACHE:
		return bad(inode, io, "cache marker in an answer");
	default:
		return bad(inode, io, "unknown type");
	}

	if (io->length == 0)
		return bad(inode, io, "length is 0");
	if (!IS_ALIGNED(io->offset, blocksize) || !IS_ALIGNED(io->length, blocksize))
		return bad(inode, io, "offset or length is not a multiple of the block size");
	if (check_add_overflow(io->offset, io->length, &end))
		return bad(inode, io, "offset plus length overflows");
	if (io->offset >= inode->i_sb->s_maxbytes)
		return bad(inode, io, "offset is behind the largest file");
	switch (io->type) {
	case FUSE_IOMAP_TYPE_PURE_OVERWRITE:
		return check_marker(inode, io);
	case FUSE_IOMAP_TYPE_MAPPED:
	case FUSE_IOMAP_TYPE_UNWRITTEN:
		return check_space(inode, io, will_write);
	default:
		if (io->dev != FUSE_IOMAP_DEV_NULL || io->addr != FUSE_IOMAP_NULL_ADDR)
			return bad(inode, io, "device or address without space");
		return 0;
	}
}

/*
 * Check one slot of an answer to the question for byte @pos.  @is_write_slot
 * says which, @will_write whether the operation may write to what it maps.
 */
static int check_slot(struct inode *inode, const struct fuse_iomap_io *io, u64 pos,
		      bool is_write_slot, bool will_write)
{
	int err = check_mapping(inode, io, is_write_slot, will_write);

	if (!err && (io->offset > pos || io->offset + io->length <= pos))
		err = bad(inode, io, "the byte asked for is not in it");
	return err;
}

/*
 * Check @nr mappings @more that came with the answer whose read slot is @first:
 * behind it, in ascending order, and of a kind that can be read without asking.
 * Returns 0, -EFSCORRUPTED or -EACCES.
 */
int fuse_iomap_check_more(struct inode *inode, const struct fuse_iomap_io *first,
			  const struct fuse_iomap_io *more, unsigned int nr)
{
	u64 end = first->offset + first->length;
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		if (more[i].type > FUSE_IOMAP_TYPE_UNWRITTEN)
			return bad(inode, &more[i], "a further mapping of this type");
		err = check_mapping(inode, &more[i], false, false);
		if (err)
			return err;
		if (more[i].offset < end)
			return bad(inode, &more[i], "a further mapping is out of order");
		end = more[i].offset + more[i].length;
	}
	return 0;
}

/* Can an operation with @opflags do with @io, its target? */
static int check_target(struct inode *inode, const struct fuse_iomap_io *io, u32 opflags)
{
	bool fills = (opflags & (FUSE_IOMAP_OP_WRITE | FUSE_IOMAP_OP_WRITEBACK)) &&
		     !(opflags & (FUSE_IOMAP_OP_ZERO | FUSE_IOMAP_OP_UNSHARE));

	switch (io->type) {
	case FUSE_IOMAP_TYPE_HOLE:
		if (fills)
			return bad(inode, io, "no space for a write");
		return 0;
	case FUSE_IOMAP_TYPE_DELALLOC:
		if (opflags & (FUSE_IOMAP_OP_DIRECT | FUSE_IOMAP_OP_WRITEBACK))
			return bad(inode, io, "no address for I/O");
		return 0;
	case FUSE_IOMAP_TYPE_INLINE:
		if (opflags & FUSE_IOMAP_OP_WRITEBACK)
			return bad(inode, io, "inline data in writeback");
		if (io->offset != 0)
			return bad(inode, io, "inline data that does not start the file");
		return 0;
	default:
		return 0;
	}
}

/*
 * Check the answer @out to a BEGIN with @opflags for byte @pos.  Returns 0,
 * -EFSCORRUPTED if it breaks a rule, -EACCES if the device was not registered
 * with enough access.
 */
int fuse_iomap_check_begin(struct inode *inode, u32 opflags, u64 pos,
			   const struct fuse_iomap_begin_out *out)
{
	bool write = opflags & FUSE_IOMAP_OP_WRITE_MASK;
	bool overwrite = out->write.type == FUSE_IOMAP_TYPE_PURE_OVERWRITE;
	int err;

	err = check_slot(inode, &out->read, pos, false, write && overwrite);
	if (err)
		return err;
	err = check_slot(inode, &out->write, pos, true, write);
	if (err)
		return err;
	if (write && !overwrite) {
		/* only a target has its inline bytes fetched, and fs/iomap would use the source's */
		if (out->read.type == FUSE_IOMAP_TYPE_INLINE ||
		    out->write.type == FUSE_IOMAP_TYPE_INLINE)
			return bad(inode, &out->read, "inline data in an out-of-place write");
		return check_target(inode, &out->write, opflags);
	}
	return check_target(inode, &out->read, opflags);
}

/*
 * Say checked mapping @io to fs/iomap.  @write: for writing too.  Returns 0 or a
 * negative errno if the device has gone in the meantime.
 */
int fuse_iomap_from_wire(struct inode *inode, const struct fuse_iomap_io *io,
			 bool write, struct iomap *iomap)
{
	u64 end = min_t(u64, io->offset + io->length, MAX_MAPPING_END);

	iomap->offset = io->offset;
	iomap->length = end - io->offset;
	iomap->addr = IOMAP_NULL_ADDR;
	iomap->flags = 0;
	iomap->bdev = NULL;
	iomap->dax_dev = NULL;
	iomap->inline_data = NULL;
	iomap->private = (void *)(uintptr_t)io->dev;

	if (io->flags & FUSE_IOMAP_F_NEW)
		iomap->flags |= IOMAP_F_NEW;
	if (io->flags & FUSE_IOMAP_F_DIRTY)
		iomap->flags |= IOMAP_F_DIRTY;
	if (io->flags & FUSE_IOMAP_F_SHARED)
		iomap->flags |= IOMAP_F_SHARED;
	if (io->flags & FUSE_IOMAP_F_MERGED)
		iomap->flags |= IOMAP_F_MERGED;
	if (io->flags & FUSE_IOMAP_F_WANT_IOMAP_END)
		iomap->flags |= FUSE_IOMAP_F_WANT_END;

	switch (io->type) {
	case FUSE_IOMAP_TYPE_HOLE:
		iomap->type = IOMAP_HOLE;
		break;
	case FUSE_IOMAP_TYPE_DELALLOC:
		iomap->type = IOMAP_DELALLOC;
		break;
	case FUSE_IOMAP_TYPE_INLINE:
		iomap->type = IOMAP_INLINE;
		break;
	case FUSE_IOMAP_TYPE_UNWRITTEN:
		iomap->type = IOMAP_UNWRITTEN;
		iomap->addr = io->addr;
		break;
	default:
		iomap->type = IOMAP_MAPPED;
		iomap->addr = io->addr;
		break;
	}

	if (iomap->addr != IOMAP_NULL_ADDR) {
		iomap->bdev = fuse_iomap_dev_get(get_fuse_conn(inode), io->dev, write);
		if (IS_ERR(iomap->bdev))
			return PTR_ERR(iomap->bdev);
	}
	return 0;
}

/* The mapping as the server would have said it, for END. */
void fuse_iomap_to_wire(struct inode *inode, const struct iomap *iomap,
			struct fuse_iomap_io *io)
{
	io->offset = iomap->offset;
	io->length = iomap->length;
	io->addr = iomap->addr;
	io->dev = (uintptr_t)iomap->private;
	io->flags = 0;

	if (iomap->flags & IOMAP_F_NEW)
		io->flags |= FUSE_IOMAP_F_NEW;
	if (iomap->flags & IOMAP_F_DIRTY)
		io->flags |= FUSE_IOMAP_F_DIRTY;
	if (iomap->flags & IOMAP_F_SHARED)
		io->flags |= FUSE_IOMAP_F_SHARED;
	if (iomap->flags & IOMAP_F_MERGED)
		io->flags |= FUSE_IOMAP_F_MERGED;
	if (iomap->flags & FUSE_IOMAP_F_WANT_END)
		io->flags |= FUSE_IOMAP_F_WANT_IOMAP_END;
	if (iomap->flags & IOMAP_F_SIZE_CHANGED)
		io->flags |= FUSE_IOMAP_F_SIZE_CHANGED;
	if (iomap->flags & IOMAP_F_STALE)
		io->flags |= FUSE_IOMAP_F_STALE;

	switch (iomap->type) {
	case IOMAP_HOLE:
		io->type = FUSE_IOMAP_TYPE_HOLE;
		break;
	case IOMAP_DELALLOC:
		io->type = FUSE_IOMAP_TYPE_DELALLOC;
		break;
	case IOMAP_INLINE:
		io->type = FUSE_IOMAP_TYPE_INLINE;
		break;
	case IOMAP_UNWRITTEN:
		io->type = FUSE_IOMAP_TYPE_UNWRITTEN;
		break;
	default:
		io->type = FUSE_IOMAP_TYPE_MAPPED;
		break;
	}
}
