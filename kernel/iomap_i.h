/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the iomap path share.
 *
 * Lock order, outermost first:
 *
 *	inode->i_rwsem
 *	  mapping->invalidate_lock
 *	    fuse_iomap_inode.writeback_lock
 *	      folio lock
 *	        fuse_iomap_cache.lock
 *	        fuse_inode.lock, fuse_iomap_inode.ioend_lock, fuse_iomap_conn.devices_lock
 *
 * Upcalls sleep, so they happen under none of the last two rows.  They do happen
 * under the other four: that is safe because a server must not touch its own
 * mount, and it reaches the device without any folio of the mount.
 */
#ifndef _FUSE_IOMAP_I_H
#define _FUSE_IOMAP_I_H

#include "fuse_i.h"

#include <linux/blkdev.h>
#include <linux/iomap.h>
#include <linux/rcupdate.h>

#ifndef EFSCORRUPTED
#define EFSCORRUPTED	EUCLEAN
#endif

/*
 * Operation flags of fs/iomap callbacks that 6.12 lacks, above all that
 * include/linux/iomap.h defines.  Writeback:
 */
#define FUSE_IOMAP_WRITEBACK	(1U << 30)
/* And for swap files, which 6.12 maps with IOMAP_REPORT only. */
#define FUSE_IOMAP_SWAPFILE	(1U << 29)

/* Where the largest file ends, rounded to any block size: what fs/iomap can count in. */
#define FUSE_IOMAP_MAX_BYTES	((u64)(MAX_LFS_FILESIZE & ~((u64)SZ_1G - 1)))

/*
 * A block is in one folio.  fs/iomap zeroes up to 64 KiB around a direct write, and
 * the page cache has large folios only with transparent huge pages.
 */
static inline bool fuse_iomap_can_have_blocks_of(u32 size)
{
	return is_power_of_2(size) && size >= SECTOR_SIZE &&
	       size <= (IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) ? SZ_64K : PAGE_SIZE);
}

/*
 * The server has changed what is needed to find the file's data.  Before the kernel
 * uses the change, so that a synchronous write to the changed place knows of it.
 */
static inline void fuse_iomap_metadata_changed(struct inode *inode)
{
	atomic64_inc_return(&get_fuse_inode(inode)->iomap.metadata_changes);
}

/* The server may have changed something else of the inode; after its answer. */
static inline void fuse_iomap_attr_changed(struct inode *inode)
{
	atomic64_inc_return(&get_fuse_inode(inode)->iomap.attr_changes);
}

/* Must what has been found of the file's mappings still be made durable? */
static inline bool fuse_iomap_metadata_is_dirty(struct inode *inode)
{
	struct fuse_iomap_inode *ii = &get_fuse_inode(inode)->iomap;

	/* after the mapping: pairs with fuse_iomap_metadata_changed() */
	smp_rmb();
	return atomic64_read(&ii->metadata_changes) > atomic64_read(&ii->metadata_durable);
}

/* iomap.flags: the server wants an END for this mapping */
#define FUSE_IOMAP_F_WANT_END	IOMAP_F_PRIVATE

/*
 * A registered block device.  Freed after an RCU grace period; in use only
 * while the connection has iomap inodes, which keep it registered.
 */
struct fuse_iomap_dev {
	struct file *file;		/* the server's, keeps the device open */
	struct block_device *bdev;
	u32 id;
	bool can_write;			/* file is open for writing */
	bool can_read;
	struct rcu_head rcu;
};

/*
 * The device with @id, for reading or for writing too.  ERR_PTR(-EFSCORRUPTED) if there is
 * none, ERR_PTR(-EACCES) if its descriptor does not allow that, ERR_PTR(-EROFS) if it has been
 * set read-only since (BLKROSET): the block layer would write all the same.  The caller has an
 * iomap inode of the connection: that keeps all devices, so the one that most mappings are of
 * needs no RCU.
 */
struct block_device *fuse_iomap_dev_search(struct fuse_conn *fc, u32 id, bool write);

static inline struct block_device *fuse_iomap_dev_get(struct fuse_conn *fc, u32 id, bool write)
{
	const struct fuse_iomap_dev *dev = rcu_dereference_raw(fc->iomap.usual_device);

	if (likely(dev && dev->id == id && dev->can_read &&
		   (!write || (dev->can_write && !bdev_read_only(dev->bdev)))))
		return dev->bdev;
	return fuse_iomap_dev_search(fc, id, write);
}

/*
 * iomap_privilege.c
 */
bool fuse_iomap_allowed(struct file *dev_file, bool audit);
int fuse_iomap_approve(struct file *dev_file);

/*
 * iomap_conn.c
 */
extern struct workqueue_struct *fuse_iomap_wq;
void fuse_iomap_use_server_bdi(struct super_block *sb);

/*
 * iomap_inode.c
 */
void fuse_iomap_init_tables(void);

/*
 * iomap_dir.c
 */
void fuse_iomap_init_dir_table(void);
void fuse_iomap_init_dir(struct inode *inode);

/*
 * iomap_walk.c
 */
void fuse_iomap_walk_init_tables(void);
void fuse_iomap_walk_init_super(struct super_block *sb);
void fuse_iomap_walk_init_dir(struct inode *inode);
void fuse_iomap_walk_init(struct inode *inode);
int fuse_iomap_permission(struct mnt_idmap *idmap, struct inode *inode, int mask);
int fuse_iomap_getattr(struct mnt_idmap *idmap, const struct path *path, struct kstat *stat,
		       u32 request_mask, unsigned int flags);

/*
 * iomap_durable.c
 */
int fuse_iomap_make_durable(struct file *file, bool datasync);

/*
 * iomap_delalloc.c
 */
void fuse_iomap_delalloc_promised(struct inode *inode, const struct fuse_iomap_begin_out *out,
				  const struct fuse_iomap_io *more, unsigned int nr);
void fuse_iomap_delalloc_unheard(struct inode *inode);
void fuse_iomap_delalloc_trim(struct inode *inode);
void fuse_iomap_closed_worker(struct work_struct *work);
void fuse_iomap_close_later(struct inode *inode);
bool fuse_iomap_must_not_wait(void);
void fuse_iomap_delalloc_closed(struct inode *inode, struct file *file);
void fuse_iomap_delalloc_short(struct inode *inode, loff_t pos, loff_t count, ssize_t written,
			       struct iomap *iomap);
void fuse_iomap_delalloc_report(struct inode *inode, loff_t pos, struct iomap *iomap);
u64 fuse_iomap_delalloc_piece(struct inode *inode, u64 pos, u64 count);

/*
 * iomap_dev.c
 */
int fuse_iomap_dev_add(struct fuse_conn *fc, const struct fuse_backing_map *map);
int fuse_iomap_dev_remove(struct fuse_conn *fc, u32 id);
void fuse_iomap_dev_remove_all(struct fuse_conn *fc);
u32 fuse_iomap_dev_find(struct fuse_conn *fc, const struct block_device *bdev);
int fuse_iomap_dev_set_blocksize(struct fuse_conn *fc, u32 id, u32 blocksize);
int fuse_iomap_dev_flush(struct fuse_conn *fc);
void fuse_iomap_dev_dio_align(struct fuse_conn *fc, u32 *mem, u32 *offset);
bool fuse_iomap_dev_is_only(struct fuse_conn *fc);
bool fuse_iomap_dev_is_gone(struct fuse_conn *fc);
int fuse_iomap_dev_invalidate(struct fuse_conn *fc, u32 id, u64 offset, u64 length);

/*
 * iomap_exclusive.c
 */
void fuse_iomap_set_flags(struct inode *inode, const struct fuse_attr *attr);
void fuse_iomap_fill_statx_attrs(struct inode *inode, struct kstat *stat);
int fuse_iomap_remove_privs(struct inode *inode, struct file *file, struct kiocb *iocb);

/*
 * iomap_mode.c
 */
bool fuse_iomap_mode_can_wait(struct inode *inode, const struct iattr *attr);
void fuse_iomap_mode_changed(struct inode *inode);
u32 fuse_iomap_mode_tell(struct inode *inode, struct iattr *attr);
void fuse_iomap_mode_told(struct inode *inode, const struct iattr *attr, u32 changes);
void fuse_iomap_pin_mode(struct inode *inode, struct fuse_attr *attr);
int fuse_iomap_tell_mode_first(struct inode *inode);
int fuse_iomap_settle_mode(struct inode *inode, u32 mask, bool nowait);
int fuse_iomap_kill_set_id(struct mnt_idmap *idmap, struct inode *inode, struct iattr *attr);

/*
 * iomap_forget.c
 */
void fuse_iomap_is_going(struct inode *inode);
void fuse_iomap_is_used(struct inode *inode);
void fuse_iomap_forget(struct inode *inode);
void fuse_iomap_forget_exit(void);

/*
 * iomap_put.c
 */
bool fuse_iomap_keep_mounted(struct fuse_conn *fc);
void fuse_iomap_let_unmount(struct fuse_conn *fc);
void fuse_iomap_put_worker(struct work_struct *work);
void fuse_iomap_wait_for_puts(struct fuse_conn *fc);

/* A BEGIN from when it is about to be sent until its answer has been dealt with. */
struct fuse_iomap_question {
	struct list_head entry;
	u64 seq;			/* fuse_iomap_inode.mapping_seq before it was sent */
	u64 changed_from, changed_to;	/* all that has changed since is in here, bytes */
};

/*
 * iomap_question.c
 */
void fuse_iomap_question_begin(struct inode *inode, struct fuse_iomap_question *q);
void fuse_iomap_mapping_changed(struct inode *inode, u64 start, u64 end,
				struct fuse_iomap_question *own);
u64 fuse_iomap_question_end(struct inode *inode, struct fuse_iomap_question *q, u64 start,
			    u64 end);
bool fuse_iomap_question_is_partly_old(const struct fuse_iomap_question *q,
				       const struct fuse_iomap_io *io);

/*
 * iomap_readonly.c
 */
int fuse_iomap_turn_read_only(struct fuse_conn *fc);
void fuse_iomap_try_read_only(struct fuse_conn *fc);
void fuse_iomap_read_only_worker(struct work_struct *work);

/*
 * iomap_replace.c
 */
void fuse_iomap_emptied(struct inode *inode);
void fuse_iomap_emptied_closed(struct inode *inode, struct file *file);
void fuse_iomap_write_emptied(struct inode *inode);

/* What was true of the size when the end of a write was reported to the server. */
struct fuse_iomap_size_report {
	u64 end;			/* of the write, bytes */
	u64 newsize;			/* what the server has recorded, by its answer */
	u32 changes;			/* fuse_iomap_inode.size_changes */
};

/*
 * iomap_size.c
 */
void fuse_iomap_size_init(struct inode *inode, loff_t size);
loff_t fuse_iomap_recorded_size(struct inode *inode);
bool fuse_iomap_size_report(struct inode *inode, u64 end, struct fuse_iomap_size_report *report);
void fuse_iomap_size_reported(struct inode *inode, const struct fuse_iomap_size_report *report);
void fuse_iomap_size_raise(struct inode *inode, loff_t end);
void fuse_iomap_size_set(struct inode *inode, loff_t newsize);
int fuse_iomap_cut_begin(struct inode *inode, loff_t newsize);
void fuse_iomap_cut_end(struct inode *inode, loff_t newsize, int err);
int fuse_iomap_grow_begin(struct inode *inode, loff_t newsize);
void fuse_iomap_grow_end(struct inode *inode, loff_t oldsize, loff_t newsize, int err);
void fuse_iomap_move_end(struct inode *inode, loff_t newsize, int err);

/*
 * iomap_super.c
 */
void fuse_iomap_thaw_worker(struct work_struct *work);
void fuse_iomap_look_at_devices(struct super_block *sb);

/*
 * iomap_swap.c
 */
int fuse_iomap_swap_activate(struct swap_info_struct *sis, struct file *file, sector_t *span);
void fuse_iomap_swap_deactivate(struct file *file);

/* How many further mappings an answer to BEGIN may have, on each side of the one asked for. */
struct fuse_iomap_room {
	unsigned int behind, before;
};

/*
 * iomap_upcall.c
 */
bool fuse_iomap_knows_caller(struct super_block *sb);
int fuse_iomap_send_begin(struct inode *inode, u32 opflags, u64 pos, u64 count,
			  struct fuse_iomap_begin_out *out, struct fuse_iomap_room room);
/* May a BEGIN of these flags (FUSE_IOMAP_OP_*) not be given up, whoever is killed? */
static inline bool fuse_iomap_must_reach_server(struct inode *inode, u32 opflags)
{
	return (opflags & FUSE_IOMAP_OP_WRITEBACK) ||
	       ((opflags & FUSE_IOMAP_OP_ZERO) &&
		test_bit(FUSE_IOMAP_ZEROES_REST, &get_fuse_inode(inode)->iomap.state));
}

int fuse_iomap_send_end(struct inode *inode, const struct fuse_iomap_end_in *in);
int fuse_iomap_send_ioend(struct inode *inode, const struct fuse_iomap_ioend_in *in,
			  u64 *newsize);
int fuse_iomap_send_fsync(struct file *file, bool datasync);

/*
 * iomap_map.c
 */
u32 fuse_iomap_wire_opflags(unsigned int flags);
int fuse_iomap_check_begin(struct inode *inode, u32 opflags, u64 pos,
			   const struct fuse_iomap_begin_out *out);
int fuse_iomap_refuse(struct inode *inode, const struct fuse_iomap_io *io, const char *rule);
int fuse_iomap_check_upsert(struct inode *inode, const struct fuse_iomap_io *io, bool write);
int fuse_iomap_check_more(struct inode *inode, const struct fuse_iomap_io *asked,
			  const struct fuse_iomap_io *more, unsigned int nr,
			  struct fuse_iomap_room room);
int fuse_iomap_from_wire(struct inode *inode, const struct fuse_iomap_io *io,
			 bool write, struct iomap *iomap);
void fuse_iomap_to_wire(struct inode *inode, const struct iomap *iomap,
			struct fuse_iomap_io *io);

/*
 * iomap_begin.c
 */
extern const struct iomap_ops fuse_iomap_ops;
int fuse_iomap_resolve(struct inode *inode, loff_t pos, loff_t count, unsigned int flags,
		       struct iomap *iomap, struct iomap *srcmap);
bool fuse_iomap_is_valid(struct inode *inode, const struct iomap *iomap);

/*
 * iomap_cache.c
 */
bool fuse_iomap_cache_find(struct inode *inode, u64 seq, u64 pos, u32 opflags,
			   struct fuse_iomap_begin_out *out);
bool fuse_iomap_cache_gap(struct inode *inode, u64 pos, u64 *before, u64 *behind);
bool fuse_iomap_cache_find_plain(struct inode *inode, u64 pos, bool write, struct iomap *iomap);
u64 fuse_iomap_cache_delayed_end(struct inode *inode, u64 pos);
bool fuse_iomap_cache_has_written(struct inode *inode, u64 pos, u64 count);
void fuse_iomap_cache_fill(struct inode *inode, struct fuse_iomap_question *q, u32 opflags,
			   u64 pos, const struct fuse_iomap_begin_out *out,
			   const struct fuse_iomap_io *more, unsigned int nr);
int fuse_iomap_cache_upsert(struct inode *inode, const struct fuse_iomap_io *read,
			    const struct fuse_iomap_io *write);
void fuse_iomap_cache_drop(struct inode *inode, u64 offset, u64 length);
void fuse_iomap_cache_drop_fork(struct inode *inode, bool write, u64 offset, u64 length);
void fuse_iomap_cache_written(struct inode *inode, u64 offset, u64 length);
void fuse_iomap_cache_free(struct inode *inode);
void fuse_iomap_cache_init(void);
void fuse_iomap_cache_exit(void);

/*
 * iomap_fresh.c
 */
void fuse_iomap_count_eviction(struct inode *inode);

/*
 * iomap_inline.c
 */
int fuse_iomap_inline_begin(struct inode *inode, struct iomap *iomap, bool load);
ssize_t fuse_iomap_inline_result(struct inode *inode, loff_t isize, ssize_t ret);
int fuse_iomap_inline_end(struct inode *inode, loff_t pos, ssize_t written,
			  unsigned int flags, struct iomap *iomap);
int fuse_iomap_read_folio(struct file *unused, struct folio *folio);

/*
 * iomap_ioend.c
 */
int fuse_iomap_ioend(struct inode *inode, loff_t pos, u64 written, u32 flags, int error,
		     const struct block_device *bdev, u64 new_addr);
void fuse_iomap_ioend_worker(struct work_struct *work);

/*
 * iomap_writeback.c
 */
int fuse_iomap_writepages(struct address_space *mapping, struct writeback_control *wbc);

/*
 * iomap_file.c, iomap_rw.c, iomap_fallocate.c, iomap_attr.c
 */
extern const struct vm_operations_struct fuse_iomap_vm_ops;
int fuse_iomap_open(struct inode *inode, struct file *file);
int fuse_iomap_release(struct inode *inode, struct file *file);
int fuse_iomap_flush(struct file *file, fl_owner_t id);
int fuse_iomap_fsync(struct file *file, loff_t start, loff_t end, int datasync);
int fuse_iomap_mmap(struct file *file, struct vm_area_struct *vma);
loff_t fuse_iomap_llseek(struct file *file, loff_t offset, int whence);
int fuse_iomap_fiemap(struct inode *inode, struct fiemap_extent_info *info, u64 start, u64 len);

ssize_t fuse_iomap_read_iter(struct kiocb *iocb, struct iov_iter *to);
ssize_t fuse_iomap_write_iter(struct kiocb *iocb, struct iov_iter *from);
ssize_t fuse_iomap_splice_read(struct file *in, loff_t *ppos, struct pipe_inode_info *pipe,
			       size_t len, unsigned int flags);
long fuse_iomap_fallocate(struct file *file, int mode, loff_t offset, loff_t len);

int fuse_iomap_setattr(struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *attr);
int fuse_iomap_send_size(struct inode *inode, loff_t size);

static inline struct fuse_iomap_inode *FUSE_IOMAP_I(struct inode *inode)
{
	return &get_fuse_inode(inode)->iomap;
}

/* Whether operations on the data of @inode have to fail with EIO. */
static inline bool fuse_iomap_is_unusable(struct inode *inode)
{
	return fuse_is_bad(inode) ||
	       test_bit(FUSE_IOMAP_SHUT_DOWN, &get_fuse_conn(inode)->iomap.state);
}

/*
 * Can the data of @inode not be inline, now and as long as nobody truncates it?  Inline data
 * is all of a file, and fits into a page (check_length() in iomap_inline.c).
 */
static inline bool fuse_iomap_is_never_inline(const struct inode *inode)
{
	return i_size_read(inode) > PAGE_SIZE;
}

/* I/O on a file has failed with @err: has a device gone for good?  Returns @err. */
static inline ssize_t fuse_iomap_io_failed(struct inode *inode, ssize_t err)
{
	if (unlikely(err == -EIO))
		fuse_iomap_look_at_devices(inode->i_sb);
	return err;
}

#endif /* _FUSE_IOMAP_I_H */
