// SPDX-License-Identifier: GPL-2.0
/*
 * What the server tells without being asked: mappings to forget or to remember, parts of
 * a device whose page cache is out of date, and that it writes nothing any more.
 *
 * A notification comes in the server's write(2) to the device, maybe of its only
 * thread.  So it must not wait for anything that the server has to do, such as the
 * end of an inode that is being evicted: its last writeback ends with a completion that the
 * server answers.  What happens when a reference is put is in iomap_put.c, and the stock
 * notifications that do wait are in iomap_inval.c.
 */
#include "iomap_i.h"
#include "iomap_trace.h"

#include <linux/blkdev.h>
#include <linux/pagemap.h>

union notice {
	struct fuse_iomap_backing_inval_out backing_inval;
	struct fuse_iomap_inval_mappings_out inval;
	struct fuse_iomap_upsert_mappings_out upsert;
	struct fuse_iomap_read_only_out read_only;
};

/*
 * Inodes
 */

/* For find_inode_nowait(): 1 with a reference, -1 if it is coming or going. */
static int match_node(struct inode *inode, unsigned long hash, void *data)
{
	u64 nodeid = *(u64 *)data;

	if (get_node_id(inode) != nodeid)
		return 0;
	if (inode->i_state & I_NEW)
		return -1;
	return igrab(inode) ? 1 : -1;
}

/* The caller holds fc->killsb.  NULL if there is none. */
static struct inode *find_node(struct fuse_conn *fc, u64 nodeid)
{
	struct fuse_mount *fm;
	struct inode *inode;

	list_for_each_entry(fm, &fc->mounts, fc_entry) {
		if (!fm->sb)
			continue;
		inode = find_inode_nowait(fm->sb, nodeid, match_node, &nodeid);
		if (inode)
			return inode;
	}
	return NULL;
}

/* Is @inode the iomap file that the server means? */
static int check_node(struct inode *inode, u64 attr_ino)
{
	if (!fuse_is_iomap(inode) || get_fuse_inode(inode)->orig_ino != attr_ino)
		return -EINVAL;
	return fuse_is_bad(inode) ? -EIO : 0;
}

/*
 * Mappings
 */

static int check_range(struct inode *inode, const struct fuse_range *range)
{
	u64 mask = i_blocksize(inode) - 1, end;

	if (range->offset >= inode->i_sb->s_maxbytes || (range->offset & mask))
		return -EFSCORRUPTED;
	if (range->length == FUSE_IOMAP_INVAL_TO_EOF)
		return 0;
	if ((range->length & mask) || check_add_overflow(range->offset, range->length, &end))
		return -EFSCORRUPTED;
	return 0;
}

static void forget_range(struct inode *inode, const struct fuse_range *range, bool write)
{
	if (range->length)
		fuse_iomap_cache_drop_fork(inode, write, range->offset,
					   min_t(u64, range->length, LLONG_MAX));
}

/*
 * I/O that has begun goes on; what begins from now on asks again, and pages that are
 * dirty do when they are written.
 */
static int notify_inval(struct fuse_conn *fc, const struct fuse_iomap_inval_mappings_out *n)
{
	struct inode *inode;
	int err = -ESTALE;

	/* an unmount may have it, and wait for the server that is being killed */
	if (down_read_killable(&fc->killsb))
		return -EINTR;
	inode = find_node(fc, n->nodeid);
	if (inode) {
		err = check_node(inode, n->attr_ino);
		if (!err && n->read.length)
			err = check_range(inode, &n->read);
		if (!err && n->write.length)
			err = check_range(inode, &n->write);
		if (!err) {
			forget_range(inode, &n->read, false);
			forget_range(inode, &n->write, true);
		}
		trace_iomap_inval(inode, n, err);
		iput(inode);
	}
	up_read(&fc->killsb);
	return err;
}

/* A slot that says nothing must have nothing else in it. */
static bool is_empty_slot(const struct fuse_iomap_io *io)
{
	return io->type == FUSE_IOMAP_TYPE_NOCACHE && !io->flags &&
	       io->dev == FUSE_IOMAP_DEV_NULL && io->addr == FUSE_IOMAP_NULL_ADDR;
}

static int upsert(struct inode *inode, const struct fuse_iomap_upsert_mappings_out *n)
{
	const struct fuse_iomap_io *read = NULL, *write = NULL;
	int err = 0;

	if (!get_fuse_conn(inode)->iomap.keeps_mappings)
		return -EOPNOTSUPP;
	if (!is_empty_slot(&n->read)) {
		read = &n->read;
		err = fuse_iomap_check_upsert(inode, read, false);
	}
	if (!err && !is_empty_slot(&n->write)) {
		write = &n->write;
		err = fuse_iomap_check_upsert(inode, write, true);
	}
	return err ?: fuse_iomap_cache_upsert(inode, read, write);
}

static int notify_upsert(struct fuse_conn *fc, const struct fuse_iomap_upsert_mappings_out *n)
{
	struct inode *inode;
	int err = -ESTALE;

	/* an unmount may have it, and wait for the server that is being killed */
	if (down_read_killable(&fc->killsb))
		return -EINTR;
	inode = find_node(fc, n->nodeid);
	if (inode) {
		err = check_node(inode, n->attr_ino);
		if (!err)
			err = upsert(inode, n);
		trace_iomap_upsert(inode, n, err);
		iput(inode);
	}
	up_read(&fc->killsb);
	return err;
}

/*
 * Devices
 */

/*
 * The kernel has written, or will write, file data to a part of the device that the
 * server used for metadata: what the device's own page cache has of it must not be
 * read again, nor be written over the data.
 */
static int notify_backing_inval(struct fuse_conn *fc,
				const struct fuse_iomap_backing_inval_out *n)
{
	u64 end;

	if (n->reserved || n->dev == FUSE_IOMAP_DEV_NULL)
		return -EINVAL;
	if (check_add_overflow(n->range.offset, n->range.length, &end))
		return -EINVAL;
	return fuse_iomap_dev_invalidate(fc, n->dev, n->range.offset, n->range.length);
}

/*
 * The file system
 */

static int notify_read_only(struct fuse_conn *fc, const struct fuse_iomap_read_only_out *n)
{
	return n->reserved ? -EINVAL : fuse_iomap_turn_read_only(fc);
}

/*
 * The server has sent notification @code of @size bytes, which @cs copies from its
 * memory.  Returns 0 or what its write(2) shall fail with.
 */
int fuse_iomap_notify(struct fuse_conn *fc, int code, unsigned int size,
		      struct fuse_copy_state *cs)
{
	union notice n;
	unsigned int want;
	int err = -EINVAL;

	switch (code) {
	case FUSE_NOTIFY_IOMAP_BACKING_INVAL:
		want = sizeof(n.backing_inval);
		break;
	case FUSE_NOTIFY_IOMAP_INVAL_MAPPINGS:
		want = sizeof(n.inval);
		break;
	case FUSE_NOTIFY_IOMAP_UPSERT_MAPPINGS:
		want = sizeof(n.upsert);
		break;
	case FUSE_NOTIFY_IOMAP_READ_ONLY:
		want = sizeof(n.read_only);
		break;
	default:
		want = 0;
	}
	if (want && size == want && fc->iomap.enabled)
		err = fuse_copy_one(cs, &n, size);
	fuse_copy_finish(cs);
	if (err)
		return err;

	switch (code) {
	case FUSE_NOTIFY_IOMAP_BACKING_INVAL:
		return notify_backing_inval(fc, &n.backing_inval);
	case FUSE_NOTIFY_IOMAP_UPSERT_MAPPINGS:
		return notify_upsert(fc, &n.upsert);
	case FUSE_NOTIFY_IOMAP_READ_ONLY:
		return notify_read_only(fc, &n.read_only);
	default:
		return notify_inval(fc, &n.inval);
	}
}
