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
#include <linux/module.h>

/* What 6.12's fs/iomap can do of the flags a server may set. */
#define UNSUPPORTED_FLAGS	(FUSE_IOMAP_F_BOUNDARY | FUSE_IOMAP_F_ANON_WRITE)

static bool debug_iomap;
module_param(debug_iomap, bool, 0644);
MODULE_PARM_DESC(debug_iomap,
		 "Log each mapping that is refused, in full and with who asked for it");

/* Mapping @io of @inode breaks @rule.  Returns -EFSCORRUPTED. */
int fuse_iomap_refuse(struct inode *inode, const struct fuse_iomap_io *io, const char *rule)
{
	u64 ino = get_fuse_inode(inode)->orig_ino;

	trace_iomap_bad_mapping(inode, io, rule);
	if (READ_ONCE(debug_iomap))
		pr_err("%s: server's mapping for inode %llu refused: %s; offset %llu length %llu addr %llu type %u flags 0x%x device %u, for %s[%d] at %pS\n",
		       inode->i_sb->s_id, ino, rule, io->offset, io->length, io->addr,
		       io->type, io->flags, io->dev, current->comm, task_pid_nr(current),
		       __builtin_return_address(0));
	else
		pr_err_ratelimited("%s: server's mapping for inode %llu refused: %s\n",
				   inode->i_sb->s_id, ino, rule);
	return -EFSCORRUPTED;
}

/* Operation flags of fs/iomap in wire form. */
u32 fuse_iomap_wire_opflags(unsigned int flags)
{
	u32 wire = 0;

	/* reads from the page cache, and direct ones */
	if (!(flags & ~IOMAP_DIRECT))
		return flags ? FUSE_IOMAP_OP_DIRECT : 0;
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
	if (flags & FUSE_IOMAP_SWAPFILE)
		wire |= FUSE_IOMAP_OP_SWAPFILE;
	return wire;
}

/* A slot that carries no mapping, only a word: nothing else may be in it. */
static int check_marker(struct inode *inode, const struct fuse_iomap_io *io)
{
	if (io->flags || io->dev != FUSE_IOMAP_DEV_NULL || io->addr != FUSE_IOMAP_NULL_ADDR)
		return fuse_iomap_refuse(inode, io, "a marker has flags, a device or an address");
	return 0;
}

/* A device as checks need it; of the many mappings of an answer, most are on the same. */
struct checked_dev {
	u32 id;			/* FUSE_IOMAP_DEV_NULL: none yet */
	unsigned int blocksize;
	u64 bytes;
};

static int look_at_device(struct inode *inode, const struct fuse_iomap_io *io, bool write,
			  struct checked_dev *dev)
{
	struct block_device *bdev = fuse_iomap_dev_get(get_fuse_conn(inode), io->dev, write);

	if (bdev == ERR_PTR(-EACCES) || bdev == ERR_PTR(-EROFS))
		return PTR_ERR(bdev);
	if (IS_ERR(bdev))
		return fuse_iomap_refuse(inode, io, "unknown device");
	if (i_blocksize(inode) < bdev_logical_block_size(bdev))
		return fuse_iomap_refuse(inode, io, "the device's blocks are larger than the file's");
	dev->id = io->dev;
	dev->blocksize = bdev_logical_block_size(bdev);
	dev->bytes = bdev_nr_bytes(bdev);
	return 0;
}

/* @dev: what another mapping with the same @write has left there. */
static int check_space(struct inode *inode, const struct fuse_iomap_io *io, bool write,
		       struct checked_dev *dev)
{
	u64 end;
	int err;

	if (io->dev == FUSE_IOMAP_DEV_NULL || io->addr == FUSE_IOMAP_NULL_ADDR)
		return fuse_iomap_refuse(inode, io, "space without a device or an address");
	if (check_add_overflow(io->addr, io->length, &end))
		return fuse_iomap_refuse(inode, io, "address plus length overflows");
	if (io->dev != dev->id) {
		err = look_at_device(inode, io, write, dev);
		if (err)
			return err;
	}
	if (!IS_ALIGNED(io->addr, dev->blocksize))
		return fuse_iomap_refuse(inode, io, "address is not a multiple of the device's block size");
	if (end > dev->bytes)
		return fuse_iomap_refuse(inode, io, "space ends behind the device");
	return 0;
}

/*
 * What is asked of a mapping, whatever it is for.  @will_write: to what it maps.  @dev: see
 * check_space().
 */
static int check_mapping(struct inode *inode, const struct fuse_iomap_io *io, bool is_write_slot,
			 bool will_write, struct checked_dev *dev)
{
	u32 blocksize = i_blocksize(inode);
	u64 end;

	if (io->flags & ~FUSE_IOMAP_F_SERVER_MASK)
		return fuse_iomap_refuse(inode, io, "unknown flags");
	if (io->flags & UNSUPPORTED_FLAGS)
		return fuse_iomap_refuse(inode, io, "flags that this kernel does not support");

	switch (io->type) {
	case FUSE_IOMAP_TYPE_HOLE:
	case FUSE_IOMAP_TYPE_DELALLOC:
	case FUSE_IOMAP_TYPE_MAPPED:
	case FUSE_IOMAP_TYPE_UNWRITTEN:
	case FUSE_IOMAP_TYPE_INLINE:
		break;
	case FUSE_IOMAP_TYPE_PURE_OVERWRITE:
		if (!is_write_slot)
			return fuse_iomap_refuse(inode, io, "overwrite marker for reading");
		break;
	case FUSE_IOMAP_TYPE_RETRY_CACHE:
		break;
	case FUSE_IOMAP_TYPE_NOCACHE:
		return fuse_iomap_refuse(inode, io, "cache marker in an answer");
	default:
		return fuse_iomap_refuse(inode, io, "unknown type");
	}

	if (io->length == 0)
		return fuse_iomap_refuse(inode, io, "length is 0");
	if (!IS_ALIGNED(io->offset, blocksize) || !IS_ALIGNED(io->length, blocksize))
		return fuse_iomap_refuse(inode, io, "offset or length is not a multiple of the block size");
	if (check_add_overflow(io->offset, io->length, &end))
		return fuse_iomap_refuse(inode, io, "offset plus length overflows");
	if (io->offset >= inode->i_sb->s_maxbytes)
		return fuse_iomap_refuse(inode, io, "offset is behind the largest file");
	switch (io->type) {
	case FUSE_IOMAP_TYPE_PURE_OVERWRITE:
	case FUSE_IOMAP_TYPE_RETRY_CACHE:
		return check_marker(inode, io);
	case FUSE_IOMAP_TYPE_MAPPED:
	case FUSE_IOMAP_TYPE_UNWRITTEN:
		return check_space(inode, io, will_write, dev);
	default:
		if (io->dev != FUSE_IOMAP_DEV_NULL || io->addr != FUSE_IOMAP_NULL_ADDR)
			return fuse_iomap_refuse(inode, io, "device or address without space");
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
	struct checked_dev dev = { FUSE_IOMAP_DEV_NULL };
	int err = check_mapping(inode, io, is_write_slot, will_write, &dev);

	if (!err && (io->offset > pos || io->offset + io->length <= pos))
		err = fuse_iomap_refuse(inode, io, "the byte asked for is not in it");
	return err;
}

/* On which side of @asked is further mapping @io, and is there @room for it?  It is used up. */
static int check_side(struct inode *inode, const struct fuse_iomap_io *io,
		      const struct fuse_iomap_io *asked, struct fuse_iomap_room *room)
{
	unsigned int *left;

	if (io->offset + io->length <= asked->offset)
		left = &room->before;
	else if (io->offset >= asked->offset + asked->length)
		left = &room->behind;
	else
		return fuse_iomap_refuse(inode, io, "a further mapping overlaps the one asked for");
	if (!*left)
		return fuse_iomap_refuse(inode, io, "more further mappings than there is room for");
	--*left;
	return 0;
}

/*
 * Check @nr mappings @more that came with the answer whose read slot is @asked: before and
 * behind it, on each side no more than there was @room for, in ascending order, and of a kind
 * that can be read without asking.  Returns 0, -EFSCORRUPTED or -EACCES.
 */
int fuse_iomap_check_more(struct inode *inode, const struct fuse_iomap_io *asked,
			  const struct fuse_iomap_io *more, unsigned int nr,
			  struct fuse_iomap_room room)
{
	struct checked_dev dev = { FUSE_IOMAP_DEV_NULL };
	u64 end = 0;
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		const struct fuse_iomap_io *io = &more[i];

		if (io->type > FUSE_IOMAP_TYPE_UNWRITTEN)
			return fuse_iomap_refuse(inode, io, "a further mapping of this type");
		err = check_mapping(inode, io, false, false, &dev);
		if (err)
			return err;
		if (io->offset < end)
			return fuse_iomap_refuse(inode, io, "a further mapping is out of order");
		end = io->offset + io->length;
		err = check_side(inode, io, asked, &room);
		if (err)
			return err;
	}
	return 0;
}

/* Can an operation with @opflags do with @io, its target, if @read is there so far? */
static int check_target(struct inode *inode, const struct fuse_iomap_io *io,
			const struct fuse_iomap_io *read, u32 opflags)
{
	bool fills = (opflags & (FUSE_IOMAP_OP_WRITE | FUSE_IOMAP_OP_WRITEBACK)) &&
		     !(opflags & (FUSE_IOMAP_OP_ZERO | FUSE_IOMAP_OP_UNSHARE));

	switch (io->type) {
	case FUSE_IOMAP_TYPE_HOLE:
		if (fills)
			return fuse_iomap_refuse(inode, io, "no space for a write");
		/* fs/iomap takes it that there is nothing to do */
		if ((opflags & FUSE_IOMAP_OP_WRITE_MASK) && read->type != FUSE_IOMAP_TYPE_HOLE &&
		    read->type != FUSE_IOMAP_TYPE_UNWRITTEN)
			return fuse_iomap_refuse(inode, io, "nowhere to write zeroes to");
		return 0;
	case FUSE_IOMAP_TYPE_DELALLOC:
		if (opflags & (FUSE_IOMAP_OP_DIRECT | FUSE_IOMAP_OP_WRITEBACK))
			return fuse_iomap_refuse(inode, io, "no address for I/O");
		return 0;
	case FUSE_IOMAP_TYPE_INLINE:
		if (opflags & FUSE_IOMAP_OP_WRITEBACK)
			return fuse_iomap_refuse(inode, io, "inline data in writeback");
		if (io->offset != 0)
			return fuse_iomap_refuse(inode, io, "inline data that does not start the file");
		return 0;
	default:
		return 0;
	}
}

/* "Look at the cache again", in one of the slots or both: may it be said? */
static int check_retry(struct inode *inode, u32 opflags, const struct fuse_iomap_begin_out *out)
{
	if (opflags & FUSE_IOMAP_OP_NOCACHE_MASK)
		return fuse_iomap_refuse(inode, &out->read,
					 "look again, for an operation that must not");
	if (!get_fuse_conn(inode)->iomap.keeps_mappings)
		return fuse_iomap_refuse(inode, &out->read, "look again, but nothing is kept");
	return 0;
}

/*
 * Check mapping @io that the server wants remembered in the read or the write fork.
 * Returns as fuse_iomap_check_begin() does.
 */
int fuse_iomap_check_upsert(struct inode *inode, const struct fuse_iomap_io *io, bool write)
{
	struct checked_dev dev = { FUSE_IOMAP_DEV_NULL };
	int err;

	if (io->type == FUSE_IOMAP_TYPE_RETRY_CACHE || io->type == FUSE_IOMAP_TYPE_INLINE)
		return fuse_iomap_refuse(inode, io, "a mapping to remember of this type");
	err = check_mapping(inode, io, write, write, &dev);
	if (err)
		return err;
	if (io->offset + io->length > FUSE_IOMAP_MAX_BYTES && io->type != FUSE_IOMAP_TYPE_HOLE)
		return fuse_iomap_refuse(inode, io, "a mapping behind the largest file");
	return 0;
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
	if (out->read.type == FUSE_IOMAP_TYPE_RETRY_CACHE ||
	    out->write.type == FUSE_IOMAP_TYPE_RETRY_CACHE)
		return check_retry(inode, opflags, out);
	if (write && !overwrite) {
		/* only a target has its inline bytes fetched, and fs/iomap would use the source's */
		if (out->read.type == FUSE_IOMAP_TYPE_INLINE ||
		    out->write.type == FUSE_IOMAP_TYPE_INLINE)
			return fuse_iomap_refuse(inode, &out->read, "inline data in an out-of-place write");
		return check_target(inode, &out->write, &out->read, opflags);
	}
	return check_target(inode, &out->read, &out->read, opflags);
}

static u16 flags_from_wire(u32 wire)
{
	u16 flags = 0;

	if (wire & FUSE_IOMAP_F_NEW)
		flags |= IOMAP_F_NEW;
	if (wire & FUSE_IOMAP_F_DIRTY)
		flags |= IOMAP_F_DIRTY;
	if (wire & FUSE_IOMAP_F_SHARED)
		flags |= IOMAP_F_SHARED;
	if (wire & FUSE_IOMAP_F_MERGED)
		flags |= IOMAP_F_MERGED;
	if (wire & FUSE_IOMAP_F_WANT_IOMAP_END)
		flags |= FUSE_IOMAP_F_WANT_END;
	return flags;
}

/*
 * Say checked mapping @io to fs/iomap.  @write: for writing too.  Returns 0 or a
 * negative errno if the device has gone in the meantime.
 */
int fuse_iomap_from_wire(struct inode *inode, const struct fuse_iomap_io *io,
			 bool write, struct iomap *iomap)
{
	u64 end = min_t(u64, io->offset + io->length, FUSE_IOMAP_MAX_BYTES);

	iomap->offset = io->offset;
	iomap->length = end - io->offset;
	iomap->addr = IOMAP_NULL_ADDR;
	iomap->flags = 0;
	iomap->bdev = NULL;
	iomap->dax_dev = NULL;
	iomap->inline_data = NULL;
	iomap->private = (void *)(uintptr_t)io->dev;

	if (io->flags)
		iomap->flags = flags_from_wire(io->flags);

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

	/* fresh space has no old contents; and fs/iomap would zero it, even for a reader */
	if (!write && (iomap->flags & IOMAP_F_NEW)) {
		iomap->flags &= ~IOMAP_F_NEW;
		if (iomap->type == IOMAP_MAPPED)
			iomap->type = IOMAP_UNWRITTEN;
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
