// SPDX-License-Identifier: GPL-2.0
/*
 * Inline data: bytes that live in the server's metadata.
 *
 * The mapping's whole range is read from the server into a page when the mapping
 * is made, fs/iomap copies from and to that page, and what a write changed goes
 * back to the server when the mapping ends.  Plain READ and WRITE requests with
 * file handle 0 do that: the mapping belongs to the inode, not to an open file.
 *
 * Into the page cache it is read without fs/iomap, which warns when the file has grown
 * beyond the mapping since that was made; a page fault can't keep writers from that.
 */
#include "iomap_i.h"

#include <linux/pagemap.h>

static int read_inline(struct inode *inode, void *buf, u64 offset, u32 len)
{
	struct fuse_read_in in = {
		.offset	= offset,
		.size	= len,
	};
	FUSE_ARGS(args);
	ssize_t ret;

	args.opcode = FUSE_READ;
	args.nodeid = get_node_id(inode);
	args.in_numargs = 1;
	args.in_args[0].size = sizeof(in);
	args.in_args[0].value = &in;
	args.out_numargs = 1;
	args.out_argvar = true;
	args.out_args[0].size = len;
	args.out_args[0].value = buf;
	ret = fuse_simple_request(get_fuse_mount(inode), &args);
	/* nothing, of a file that has bytes there */
	if (ret == -ENOSYS || (ret == 0 && i_size_read(inode) > offset))
		return -EIO;
	return ret < 0 ? ret : 0;
}

static int write_inline(struct inode *inode, const void *buf, u64 offset, u32 len)
{
	while (len) {
		struct fuse_write_in in = {
			.offset	= offset,
			.size	= len,
		};
		struct fuse_write_out out = {};
		FUSE_ARGS(args);
		int err;

		args.opcode = FUSE_WRITE;
		args.nodeid = get_node_id(inode);
		args.in_numargs = 2;
		args.in_args[0].size = sizeof(in);
		args.in_args[0].value = &in;
		args.in_args[1].size = len;
		args.in_args[1].value = buf;
		args.out_numargs = 1;
		args.out_args[0].size = sizeof(out);
		args.out_args[0].value = &out;
		err = fuse_simple_request(get_fuse_mount(inode), &args);
		/* BEGIN has counted, but an fsync may have been quicker than this */
		fuse_iomap_metadata_changed(inode);
		if (err == -ENOSYS || (!err && (out.size == 0 || out.size > len)))
			err = -EIO;
		if (err)
			return err;
		buf += out.size;
		offset += out.size;
		len -= out.size;
	}
	return 0;
}

static int check_length(struct inode *inode, const struct iomap *iomap)
{
	if (iomap->length > i_blocksize(inode) || iomap->length > PAGE_SIZE)
		return -ENOMEM;
	/* inline data is all of the file */
	return i_size_read(inode) > iomap->length ? -EFSCORRUPTED : 0;
}

/*
 * Give inline mapping @iomap its bytes.  @load: the operation looks at them.
 * Returns 0, -ENOMEM (also for a mapping larger than a block), -EFSCORRUPTED, or
 * the error of the READ.
 */
int fuse_iomap_inline_begin(struct inode *inode, struct iomap *iomap, bool load)
{
	void *page;
	int err;

	if (!load)
		return 0;
	err = check_length(inode, iomap);
	if (err)
		return err;

	/* a page: fs/iomap wants inline data not to cross one */
	page = (void *)get_zeroed_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	err = read_inline(inode, page, iomap->offset, iomap->length);
	if (err) {
		free_page((unsigned long)page);
		return err;
	}
	iomap->inline_data = page;
	return 0;
}

/*
 * The operation has used @written bytes at @pos of an inline mapping.  fs/iomap does not
 * listen to an error, so that of the server is left for fuse_iomap_inline_result().
 */
int fuse_iomap_inline_end(struct inode *inode, loff_t pos, ssize_t written,
			  unsigned int flags, struct iomap *iomap)
{
	u32 opflags = fuse_iomap_wire_opflags(flags);
	int err = 0;

	if ((opflags & FUSE_IOMAP_OP_WRITE_MASK) && written > 0) {
		err = write_inline(inode, iomap_inline_data(iomap, pos), pos, written);
		if (err && (flags & IOMAP_FAULT))
			mapping_set_error(inode->i_mapping, err);
		else if (err)
			FUSE_IOMAP_I(inode)->inline_error = err;
		else
			fuse_iomap_size_raise(inode, pos + written);
		/* if it was too much, it has moved to blocks */
		fuse_iomap_cache_drop(inode, 0, LLONG_MAX);
	}
	free_page((unsigned long)iomap->inline_data);
	iomap->inline_data = NULL;
	return err;
}

/*
 * An operation under i_rwsem has written with result @ret to a file of @isize bytes
 * before.  Has the server refused inline bytes of it?  Then the file is again what the
 * server has, and this returns why; else @ret.
 */
ssize_t fuse_iomap_inline_result(struct inode *inode, loff_t isize, ssize_t ret)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	int err = fi->iomap.inline_error;

	if (likely(!err))
		return ret;
	lockdep_assert_held_write(&inode->i_rwsem);
	fi->iomap.inline_error = 0;
	/* a server may have given space for some of it: no write ends beyond i_size */
	down_write(&fi->iomap.writeback_lock);
	filemap_fdatawait_range_keep_errors(inode->i_mapping, isize, LLONG_MAX);
	spin_lock(&fi->lock);
	i_size_write(inode, isize);
	spin_unlock(&fi->lock);
	up_write(&fi->iomap.writeback_lock);
	/* all of the file is in its first folio */
	invalidate_inode_pages2_range(inode->i_mapping, 0, 0);
	return err;
}

/* Locked @folio, not up to date, of a file whose mapping is inline: returns 0 or an error. */
static int fill_folio(struct folio *folio, const struct iomap *iomap)
{
	struct inode *inode = folio->mapping->host;
	u32 len = iomap->length;
	size_t size;
	void *page;
	int err;

	err = check_length(inode, iomap);
	if (err)
		return err;
	/* fs/iomap has read or written single blocks of it: inline data has none */
	if (folio_test_private(folio))
		return -EFSCORRUPTED;
	page = (void *)get_zeroed_page(GFP_NOFS);
	if (!page)
		return -ENOMEM;
	if (!folio->index)
		err = read_inline(inode, page, 0, len);
	if (!err) {
		size = folio->index ? 0 : min_t(u64, i_size_read(inode), len);
		folio_fill_tail(folio, 0, page, size);
		folio_mark_uptodate(folio);
	}
	free_page((unsigned long)page);
	return err;
}

/*
 * Read locked @folio of a file that has had inline data; unlocks it.  Returns -EAGAIN,
 * with the folio still locked, if it has none any more.
 */
static int read_maybe_inline(struct folio *folio)
{
	struct iomap iomap = { .type = IOMAP_HOLE }, srcmap = { .type = IOMAP_HOLE };
	struct inode *inode = folio->mapping->host;
	int err;

	err = fuse_iomap_resolve(inode, folio_pos(folio), folio_size(folio), 0, &iomap, &srcmap);
	if (!err && iomap.type != IOMAP_INLINE)
		return -EAGAIN;
	if (!err)
		err = fill_folio(folio, &iomap);
	folio_unlock(folio);
	return err;
}

/* address_space_operations.read_folio, under invalidate_lock. */
int fuse_iomap_read_folio(struct file *unused, struct folio *folio)
{
	struct address_space *mapping = folio->mapping;
	struct fuse_iomap_inode *ii = FUSE_IOMAP_I(mapping->host);
	bool known = test_bit(FUSE_IOMAP_HAD_INLINE, &ii->state);
	int err;

	if (known) {
		err = read_maybe_inline(folio);
		if (err != -EAGAIN)
			return err;
	}
	err = iomap_read_folio(folio, &fuse_iomap_ops);
	if (known || !test_bit(FUSE_IOMAP_HAD_INLINE, &ii->state))
		return err;

	/* that was when it became known, and the folio was given up */
	folio_lock(folio);
	if (folio->mapping != mapping) {
		folio_unlock(folio);
		return AOP_TRUNCATED_PAGE;
	}
	if (folio_test_uptodate(folio)) {
		folio_unlock(folio);
		return 0;
	}
	err = read_maybe_inline(folio);
	return err == -EAGAIN ? iomap_read_folio(folio, &fuse_iomap_ops) : err;
}
