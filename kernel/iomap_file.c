// SPDX-License-Identifier: GPL-2.0
/*
 * Open files: open, close, fsync, mmap, seeking, extent maps.
 */
#include "iomap_i.h"

#include <linux/pagemap.h>
#include <linux/fiemap.h>
#include <linux/writeback.h>

/*
 * The server has opened (or created) the file with the flags in ff->open_flags.
 * Modes in which the server would move the data itself make no sense here.
 */
int fuse_iomap_finish_open(struct inode *inode, struct file *file)
{
	struct fuse_file *ff = file->private_data;

	if (ff->open_flags & (FOPEN_PASSTHROUGH | FOPEN_STREAM | FOPEN_NONSEEKABLE))
		return -EINVAL;
	/* what is cached is true: only this kernel changes the file */
	ff->open_flags |= FOPEN_KEEP_CACHE;
	file->f_mode |= FMODE_NOWAIT | FMODE_CAN_ODIRECT;
	return 0;
}

int fuse_iomap_open(struct inode *inode, struct file *file)
{
	struct fuse_mount *fm = get_fuse_mount(inode);
	int err;

	if (fuse_iomap_is_unusable(inode))
		return -EIO;
	err = generic_file_open(inode, file);
	if (err)
		return err;
	err = fuse_do_open(fm, get_node_id(inode), file, false);
	if (err)
		return err;
	fuse_iomap_is_used(inode);
	err = fuse_iomap_finish_open(inode, file);
	if (err)
		fuse_sync_release(get_fuse_inode(inode), file->private_data, file->f_flags);
	return err;
}

/* Dirty data stays in the page cache, but for what replaces older contents (iomap_replace.c). */
int fuse_iomap_release(struct inode *inode, struct file *file)
{
	fuse_iomap_delalloc_closed(inode, file);
	fuse_iomap_emptied_closed(inode, file);
	fuse_iomap_wait_for_end(inode);
	fuse_release_common(file, false);
	return 0;
}

/* close(2): for servers that keep locks or statistics; data is not their business. */
int fuse_iomap_flush(struct file *file, fl_owner_t id)
{
	struct inode *inode = file_inode(file);
	struct fuse_file *ff = file->private_data;
	struct fuse_conn *fc = get_fuse_conn(inode);
	struct fuse_flush_in in = { .fh = ff->fh };
	FUSE_ARGS(args);
	int err;

	if (fuse_iomap_is_unusable(inode))
		return -EIO;
	if (fc->no_flush || (ff->open_flags & FOPEN_NOFLUSH))
		return 0;

	in.lock_owner = fuse_lock_owner_id(fc, id);
	args.opcode = FUSE_FLUSH;
	args.nodeid = get_node_id(inode);
	args.in_numargs = 1;
	args.in_args[0].size = sizeof(in);
	args.in_args[0].value = &in;
	args.force = true;
	err = fuse_simple_request(get_fuse_mount(inode), &args);
	if (err == -ENOSYS) {
		fc->no_flush = 1;
		err = 0;
	}
	return err;
}

/*
 * When this returns, data and what is needed to find it are on stable storage.
 * Writing the data waits for its completions, and so for the server's knowledge of
 * them; then the times go out, and the server makes its metadata durable and
 * flushes the device (iomap_durable.c).
 */
int fuse_iomap_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct inode *inode = file_inode(file);
	int err;

	if (fuse_iomap_is_unusable(inode))
		return -EIO;
	err = file_write_and_wait_range(file, start, end);
	if (err)
		return err;

	/* fdatasync needs no times */
	if (!datasync || (inode->i_state & I_DIRTY_DATASYNC)) {
		err = sync_inode_metadata(inode, 1);
		if (err)
			return err;
	}

	return fuse_iomap_make_durable(file, datasync);
}

static vm_fault_t page_mkwrite(struct vm_fault *vmf)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	vm_fault_t ret;

	if (IS_IMMUTABLE(inode) || fuse_iomap_is_unusable(inode))
		return VM_FAULT_SIGBUS;

	sb_start_pagefault(inode->i_sb);
	file_update_time(vmf->vma->vm_file);
	/* upcall under invalidate_lock and the folio lock: iomap_i.h says why it is safe */
	filemap_invalidate_lock_shared(inode->i_mapping);
	ret = iomap_page_mkwrite(vmf, &fuse_iomap_ops);
	filemap_invalidate_unlock_shared(inode->i_mapping);
	sb_end_pagefault(inode->i_sb);
	return ret;
}

const struct vm_operations_struct fuse_iomap_vm_ops = {
	.fault		= filemap_fault,
	.map_pages	= filemap_map_pages,
	.page_mkwrite	= page_mkwrite,
};

int fuse_iomap_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (fuse_iomap_is_unusable(file_inode(file)))
		return -EIO;
	file_accessed(file);
	vma->vm_ops = &fuse_iomap_vm_ops;
	return 0;
}

loff_t fuse_iomap_llseek(struct file *file, loff_t offset, int whence)
{
	struct inode *inode = file_inode(file);

	if (fuse_iomap_is_unusable(inode))
		return -EIO;

	switch (whence) {
	case SEEK_HOLE:
		inode_lock_shared(inode);
		offset = iomap_seek_hole(inode, offset, &fuse_iomap_ops);
		inode_unlock_shared(inode);
		break;
	case SEEK_DATA:
		inode_lock_shared(inode);
		offset = iomap_seek_data(inode, offset, &fuse_iomap_ops);
		inode_unlock_shared(inode);
		break;
	default:
		return generic_file_llseek(file, offset, whence);
	}
	if (offset < 0)
		return offset;
	return vfs_setpos(file, offset, inode->i_sb->s_maxbytes);
}

int fuse_iomap_fiemap(struct inode *inode, struct fiemap_extent_info *info, u64 start, u64 len)
{
	int err;

	if (fuse_iomap_is_unusable(inode))
		return -EIO;
	/* a server's attributes have no place that could be told */
	if (info->fi_flags & FIEMAP_FLAG_XATTR)
		return -EOPNOTSUPP;

	inode_lock_shared(inode);
	err = iomap_fiemap(inode, info, start, len, &fuse_iomap_ops);
	inode_unlock_shared(inode);
	return err;
}
