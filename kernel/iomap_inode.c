// SPDX-License-Identifier: GPL-2.0
/*
 * Iomap inodes: how a regular file becomes one, stays one, and goes.
 *
 * An inode is marked once, when it is instantiated, and gets its own tables of
 * operations; nothing of the stock data path runs for it afterwards.  The tables
 * start as copies of the client's, so that what this path has no other idea of
 * (locks, ioctls, permissions, extended attributes) is the client's.
 */
#include "iomap_i.h"

#include <linux/pagemap.h>
#include <linux/splice.h>

static void readahead(struct readahead_control *rac)
{
	iomap_readahead(rac, &fuse_iomap_ops);
}

/*
 * What has been read ahead comes here only if that has failed; of others it does no harm to
 * look.  This way no read that has all in the page cache needs to.
 */
static int read_folio(struct file *file, struct folio *folio)
{
	struct super_block *sb = folio->mapping->host->i_sb;
	int err = fuse_iomap_read_folio(file, folio);

	fuse_iomap_look_at_devices(sb);
	return err;
}

/* "The" device that FIBMAP's block numbers mean: the only one, or nothing is told. */
static sector_t bmap_block(struct address_space *mapping, sector_t block)
{
	if (!fuse_iomap_dev_is_only(get_fuse_conn(mapping->host)))
		return 0;
	return iomap_bmap(mapping, block, &fuse_iomap_ops);
}

static const struct address_space_operations fuse_iomap_aops = {
	.read_folio		= read_folio,
	.readahead		= readahead,
	.writepages		= fuse_iomap_writepages,
	.dirty_folio		= iomap_dirty_folio,
	.bmap			= bmap_block,
	.release_folio		= iomap_release_folio,
	.invalidate_folio	= iomap_invalidate_folio,
	.migrate_folio		= filemap_migrate_folio,
	.is_partially_uptodate	= iomap_is_partially_uptodate,
	.error_remove_folio	= generic_error_remove_folio,
	/* open(2) with O_DIRECT and O_CREAT looks for it before finish_open() */
	.direct_IO		= noop_direct_IO,
	.swap_activate		= fuse_iomap_swap_activate,
	.swap_deactivate	= fuse_iomap_swap_deactivate,
};

static struct inode_operations fuse_iomap_inode_operations __ro_after_init;
static struct file_operations fuse_iomap_file_operations __ro_after_init;

/* Module load. */
void __init fuse_iomap_init_tables(void)
{
	struct inode_operations *iop = &fuse_iomap_inode_operations;
	struct file_operations *fop = &fuse_iomap_file_operations;

	*iop = fuse_common_inode_operations;
	iop->setattr = fuse_iomap_setattr;
	iop->permission = fuse_iomap_permission;
	iop->getattr = fuse_iomap_getattr;
	iop->fiemap = fuse_iomap_fiemap;

	*fop = fuse_file_operations;
	fop->llseek = fuse_iomap_llseek;
	fop->read_iter = fuse_iomap_read_iter;
	fop->write_iter = fuse_iomap_write_iter;
	fop->mmap = fuse_iomap_mmap;
	fop->open = fuse_iomap_open;
	fop->flush = fuse_iomap_flush;
	fop->release = fuse_iomap_release;
	fop->fsync = fuse_iomap_fsync;
	fop->splice_read = fuse_iomap_splice_read;
	fop->splice_write = iter_file_splice_write;
	fop->fallocate = fuse_iomap_fallocate;
	/* the VFS copies through the page cache */
	fop->copy_file_range = NULL;
	fop->poll = NULL;

	fuse_iomap_init_dir_table();
}

/* Block size for the inode's mappings: the server's if it is one, else the mount's. */
static u8 choose_blkbits(const struct inode *inode, const struct fuse_attr *attr)
{
	u32 size = attr->blksize;

	if (!fuse_iomap_can_have_blocks_of(size))
		return inode->i_sb->s_blocksize_bits;
	return ilog2(size);
}

/*
 * @inode is being instantiated from @attr: if it is a regular file, make it an iomap
 * inode if the server says so.  Nobody else sees the inode yet.
 */
void fuse_iomap_init_inode(struct inode *inode, struct fuse_attr *attr)
{
	struct fuse_conn *fc = get_fuse_conn(inode);
	struct fuse_iomap_inode *ii = FUSE_IOMAP_I(inode);

	INIT_WORK(&ii->put_work, fuse_iomap_put_worker);
	if (!fc->iomap.enabled)
		return;
	ii->exclusive = attr->flags & FUSE_ATTR_EXCLUSIVE;
	if (ii->exclusive)
		fuse_iomap_walk_init(inode);
	if (S_ISDIR(inode->i_mode))
		fuse_iomap_walk_init_dir(inode);
	fuse_iomap_set_flags(inode, attr);
	if (ii->exclusive)
		fuse_iomap_init_dir(inode);
	if (!S_ISREG(inode->i_mode))
		return;
	if ((attr->flags & FUSE_ATTR_IOMAP) != FUSE_ATTR_IOMAP) {
		/* its data will go through the server: dirty pages must be few */
		fuse_iomap_use_server_bdi(inode->i_sb);
		return;
	}

	ii->enabled = true;
	fuse_iomap_size_init(inode, attr->size);
	atomic64_set(&ii->mapping_seq, 1);
	INIT_LIST_HEAD(&ii->questions);
	spin_lock_init(&ii->ioend_lock);
	INIT_LIST_HEAD(&ii->ioend_list);
	INIT_WORK(&ii->ioend_work, fuse_iomap_ioend_worker);
	INIT_WORK(&ii->closed_work, fuse_iomap_closed_worker);
	/* it may be new; what the server did when it was in memory before is not known */
	atomic64_set(&ii->metadata_changes, 1);
	atomic64_set(&ii->attr_changes, 1);
	atomic_long_inc(&fc->iomap.nr_inodes);
	/* counted before it looks at devices: pairs with fuse_iomap_dev_remove() */
	smp_mb__after_atomic();

	inode->i_blkbits = choose_blkbits(inode, attr);
	inode->i_flags &= ~(S_NOATIME | S_NOCMTIME);
	inode_set_atime(inode, attr->atime, min_t(u32, attr->atimensec, NSEC_PER_SEC - 1));
	inode->i_op = &fuse_iomap_inode_operations;
	inode->i_fop = &fuse_iomap_file_operations;
	inode->i_mapping->a_ops = &fuse_iomap_aops;
	/* a block is in one folio: what is zeroed around a write is written with it */
	if (inode->i_blkbits > PAGE_SHIFT)
		mapping_set_folio_min_order(inode->i_mapping, inode->i_blkbits - PAGE_SHIFT);
	else
		mapping_set_large_folios(inode->i_mapping);
}

/* @inode goes, its page cache is empty. */
void fuse_iomap_evict_inode(struct inode *inode)
{
	fuse_iomap_forget_listing(inode);
	if (fuse_is_iomap(inode)) {
		/* it has ended the last writeback but may not have returned yet */
		flush_work(&FUSE_IOMAP_I(inode)->ioend_work);
		fuse_iomap_cache_free(inode);
		fuse_iomap_count_eviction(inode);
		atomic_long_dec(&get_fuse_conn(inode)->iomap.nr_inodes);
	}
	/* the blocks may be another file's when this is answered: nothing of them is left here */
	fuse_iomap_forget(inode);
}

/*
 * Attributes @attr arrived for @inode: put back what the server may not change.
 * The page cache keeps state per block, so the block size is for life.  Size and
 * the other times are looked after by fuse_get_cache_mask().
 */
void fuse_iomap_pin_attr(struct inode *inode, struct fuse_attr *attr)
{
	fuse_iomap_set_flags(inode, attr);
	if (!fuse_is_iomap(inode))
		return;
	fuse_iomap_pin_mode(inode, attr);
	attr->blksize = i_blocksize(inode);
	attr->atime = inode_get_atime_sec(inode);
	attr->atimensec = inode_get_atime_nsec(inode);
}

/*
 * Attributes @attr have arrived that are older than what is known: they change nothing, but are
 * shown to who has asked.  Caller holds fuse_inode.lock.
 */
void fuse_iomap_attr_is_old(struct inode *inode, struct fuse_attr *attr)
{
	if (!fuse_is_iomap(inode))
		return;
	/* the server may have heard of it since (iomap_mode.c) */
	attr->mode = (attr->mode & S_IFMT) | (inode->i_mode & ~S_IFMT);
	attr->atime = inode_get_atime_sec(inode);
	attr->atimensec = inode_get_atime_nsec(inode);
}
