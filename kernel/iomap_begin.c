// SPDX-License-Identifier: GPL-2.0
/*
 * The callbacks by which fs/iomap learns where a file's bytes are: iomap_begin
 * and iomap_end, and the check that an answer is still true.
 *
 * Every question goes to the server.  An answer describes the file at some moment
 * between the question and the reply, so it carries the value that mapping_seq
 * had before the question was sent; whoever changes mappings moves mapping_seq on
 * when the change is done.  Equal values then mean: no change since.
 */
#include "iomap_i.h"

/*
 * Is @iomap, which fuse_iomap_resolve() made, still true?  Called with the folio
 * locked that is about to be used; false makes the caller ask again.
 */
bool fuse_iomap_is_valid(struct inode *inode, const struct iomap *iomap)
{
	return iomap->validity_cookie ==
	       (u64)atomic64_read(&FUSE_IOMAP_I(inode)->mapping_seq);
}

static const struct iomap_folio_ops fuse_iomap_folio_ops = {
	.iomap_valid	= fuse_iomap_is_valid,
};

/*
 * Out-of-place writing: the data goes to the write mapping, what a partial block
 * keeps of its old contents comes from the read mapping.  The completion must
 * tell the server, which then makes the new place the file's.
 */
static int map_out_of_place(struct inode *inode, const struct fuse_iomap_begin_out *out,
			    struct iomap *iomap, struct iomap *srcmap)
{
	int err;

	err = fuse_iomap_from_wire(inode, &out->write, true, iomap);
	if (err)
		return err;
	iomap->flags |= IOMAP_F_SHARED;
	return fuse_iomap_from_wire(inode, &out->read, false, srcmap);
}

/*
 * Ask the server for byte @pos, @count bytes wanted, and fill in @iomap, and
 * @srcmap for out-of-place writes, with its checked answer.  @flags: IOMAP_* and
 * FUSE_IOMAP_WRITEBACK.  Returns 0 or a negative errno; -EAGAIN for IOMAP_NOWAIT.
 */
int fuse_iomap_resolve(struct inode *inode, loff_t pos, loff_t count, unsigned int flags,
		       struct iomap *iomap, struct iomap *srcmap)
{
	u32 opflags = fuse_iomap_wire_opflags(flags);
	bool write = opflags & FUSE_IOMAP_OP_WRITE_MASK;
	struct fuse_iomap_begin_out out;
	u64 seq;
	int err;

	if (fuse_is_bad(inode))
		return -EIO;
	if (flags & IOMAP_NOWAIT)
		return -EAGAIN;

	seq = atomic64_read(&FUSE_IOMAP_I(inode)->mapping_seq);
	err = fuse_iomap_send_begin(inode, opflags, pos, count, &out);
	if (err)
		return err;
	err = fuse_iomap_check_begin(inode, opflags, pos, &out);
	if (err)
		return err;

	if (write && out.write.type != FUSE_IOMAP_TYPE_PURE_OVERWRITE)
		err = map_out_of_place(inode, &out, iomap, srcmap);
	else
		err = fuse_iomap_from_wire(inode, &out.read, write, iomap);
	if (err)
		return err;

	iomap->validity_cookie = seq;
	iomap->folio_ops = &fuse_iomap_folio_ops;
	return 0;
}

static int fuse_iomap_begin(struct inode *inode, loff_t pos, loff_t count, unsigned int flags,
			    struct iomap *iomap, struct iomap *srcmap)
{
	int err;

	err = fuse_iomap_resolve(inode, pos, count, flags, iomap, srcmap);
	if (err == -ENOSYS && (flags & IOMAP_DIRECT))
		return -ENOTBLK;	/* fs/iomap's word for "do it buffered" */
	if (err)
		return err;

	if (iomap->type == IOMAP_INLINE)
		return fuse_iomap_inline_begin(inode, iomap, !(flags & IOMAP_REPORT));
	return 0;
}

/* Does the server want to hear that @written of @count bytes of a mapping were used? */
static bool want_end(const struct fuse_iomap_conn *ic, u32 opflags, loff_t count,
		     ssize_t written, const struct iomap *iomap)
{
	if (READ_ONCE(ic->no_end))
		return false;
	if (iomap->flags & FUSE_IOMAP_F_WANT_END)
		return true;
	if (!(opflags & FUSE_IOMAP_OP_WRITE_MASK))
		return false;
	return (iomap->flags & IOMAP_F_SIZE_CHANGED) || written < count;
}

static int fuse_iomap_end(struct inode *inode, loff_t pos, loff_t count, ssize_t written,
			  unsigned int flags, struct iomap *iomap)
{
	u32 opflags = fuse_iomap_wire_opflags(flags);
	struct fuse_iomap_end_in in = {
		.opflags	= opflags,
		.attr_ino	= get_fuse_inode(inode)->orig_ino,
		.pos		= pos,
		.count		= count,
		.written	= written,
	};

	/* blocks in use may have changed; the server knows */
	if (opflags & FUSE_IOMAP_OP_WRITE_MASK)
		fuse_invalidate_attr_mask(inode, STATX_BLOCKS);

	/* for inline data the WRITE request has told the server all */
	if (iomap->inline_data)
		return fuse_iomap_inline_end(inode, pos, written, flags, iomap);

	if (!want_end(&get_fuse_conn(inode)->iomap, opflags, count, written, iomap))
		return 0;
	fuse_iomap_to_wire(inode, iomap, &in.map);
	return fuse_iomap_send_end(inode, &in);
}

const struct iomap_ops fuse_iomap_ops = {
	.iomap_begin	= fuse_iomap_begin,
	.iomap_end	= fuse_iomap_end,
};
