// SPDX-License-Identifier: GPL-2.0
/*
 * What takes the place of older contents is written early (FUSE_IOMAP_CONFIG_REPLACE).
 *
 * Who replaces a file writes a new one and renames it over the old one, or cuts the old one to
 * nothing and writes it anew, and often calls no fsync.  The server makes the name, or the
 * cut, durable a few seconds later; the data may stay in the page cache for half a minute.
 * A crash in between would leave neither the old contents nor the new.  So, as in kernel ext4,
 *
 *	before a rename over another file	the data is written, and the server has heard
 *						of it before it hears of the rename
 *	when a file that was cut to		writeback begins
 *	nothing is closed by a writer
 *
 * The device's cache is not flushed: the server does that before the name is durable.
 *
 * What can't be written keeps nobody from renaming or closing: fsync and syncfs tell of it, as
 * they do when the flusher has failed.
 */
#include "iomap_i.h"

#include <linux/pagemap.h>

static bool may_write_early(struct inode *inode)
{
	return fuse_is_iomap(inode) && get_fuse_conn(inode)->iomap.writes_replacements;
}

/* Is there data that the server has not heard of? */
static bool has_unwritten_pages(struct address_space *mapping)
{
	/* a page is marked for writeback before it ceases to be dirty: so in this order */
	return mapping_tagged(mapping, PAGECACHE_TAG_DIRTY) ||
	       mapping_tagged(mapping, PAGECACHE_TAG_WRITEBACK);
}

/*
 * RENAME of @from to @to is about to be sent.  Where it replaces something, what the server
 * has yet to be told of the file comes first: its data, and permissions that were given
 * (iomap_mode.c), which a file that replaces another one is not to be without.  In an exchange
 * nothing goes.  The caller holds i_rwsem of both directories and of both files; waits for the
 * server, whatever signals come, until the connection ends.
 */
void fuse_iomap_prepare_rename(struct dentry *from, struct dentry *to, unsigned int flags)
{
	struct inode *inode = d_inode(from);
	struct address_space *mapping = inode->i_mapping;

	if (d_really_is_negative(to) || (flags & RENAME_EXCHANGE) || !may_write_early(inode))
		return;
	if (has_unwritten_pages(mapping)) {
		filemap_fdatawrite(mapping);
		/* errors are for who calls fsync */
		filemap_fdatawait_keep_errors(mapping);
	}
	fuse_iomap_tell_mode_first(inode);
}

/* @inode has been cut to nothing, or was empty and is to be so.  Caller holds i_rwsem. */
void fuse_iomap_emptied(struct inode *inode)
{
	if (may_write_early(inode))
		set_bit(FUSE_IOMAP_EMPTIED, &FUSE_IOMAP_I(inode)->state);
}

/*
 * @file is being closed.  The first writer who leaves something to write begins with it; like
 * kernel ext4's, what others write later waits for the flusher.
 */
void fuse_iomap_emptied_closed(struct inode *inode, struct file *file)
{
	struct fuse_iomap_inode *ii = FUSE_IOMAP_I(inode);

	if (!(file->f_mode & FMODE_WRITE) || !test_bit(FUSE_IOMAP_EMPTIED, &ii->state) ||
	    !mapping_tagged(inode->i_mapping, PAGECACHE_TAG_DIRTY) ||
	    !test_and_clear_bit(FUSE_IOMAP_EMPTIED, &ii->state))
		return;
	set_bit(FUSE_IOMAP_TO_WRITE, &ii->state);
	if (fuse_iomap_must_not_wait())
		fuse_iomap_close_later(inode);
	else
		fuse_iomap_write_emptied(inode);
}

/* Begin writeback if that is still to be done.  Waits for the server to give space. */
void fuse_iomap_write_emptied(struct inode *inode)
{
	if (test_and_clear_bit(FUSE_IOMAP_TO_WRITE, &FUSE_IOMAP_I(inode)->state))
		filemap_flush(inode->i_mapping);
}
