/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The border between the FUSE client and the iomap path.
 *
 * The first part is what the hook patches call; each function is described
 * where it is defined.  The second part is what the iomap path uses of the
 * client and no header of the client declares, because it is static upstream.
 */
#ifndef _FUSE_IOMAP_HOOKS_H
#define _FUSE_IOMAP_HOOKS_H

struct fileattr;
struct fuse_copy_state;
struct writeback_control;

/* iomap_conn.c */
int fuse_iomap_init(void);
void fuse_iomap_exit(void);
void fuse_iomap_conn_init(struct fuse_conn *fc);
void fuse_iomap_conn_free(struct fuse_conn *fc);
int fuse_iomap_conn_setup(struct super_block *sb, struct file *file);
u64 fuse_iomap_init_request(struct fuse_conn *fc, struct fuse_init_in *in);
bool fuse_iomap_init_reply(struct fuse_mount *fm, u64 flags, u32 minor);

/* iomap_config.c */
bool fuse_iomap_send_config(struct fuse_mount *fm);

/* iomap_umount.c */
void fuse_iomap_sync_super(struct super_block *sb);
void fuse_iomap_drain_requests(struct fuse_conn *fc);
void fuse_iomap_unmounted(struct fuse_conn *fc);

/* iomap_privilege.c */
void fuse_iomap_dev_release(struct file *file);

/* iomap_ioctl.c */
bool fuse_iomap_dev_ioctl(struct file *file, unsigned int cmd, void __user *argp, long *ret);

/* iomap_upcall.c */
bool fuse_iomap_abandon_request(struct fuse_req *req);

/* iomap_notify.c */
int fuse_iomap_notify(struct fuse_conn *fc, int code, unsigned int size,
		      struct fuse_copy_state *cs);

/* iomap_counters.c */
void fuse_iomap_count_request(struct fuse_conn *fc, u32 opcode);
extern const struct file_operations fuse_iomap_ctl_requests_ops;
extern const struct file_operations fuse_iomap_ctl_mappings_ops;

/* iomap_create.c */
bool fuse_iomap_is_to_create(struct inode *dir, struct dentry *entry, unsigned int flags);
bool fuse_iomap_stays_unhashed(struct inode *dir, struct inode *inode, bool lasts);
struct dentry *fuse_iomap_entry_to_create(struct dentry *entry, struct dentry **res);
void fuse_iomap_instantiate(struct dentry *entry, struct inode *inode, u32 opcode);
void fuse_iomap_created(struct inode *dir, struct inode *inode, u32 opcode);

/* iomap_dir.c */
void fuse_iomap_forget_listing(struct inode *inode);

/* iomap_durable.c */
void fuse_iomap_request_ended(const struct fuse_req *req);

/* iomap_exclusive.c */
int fuse_iomap_fill_stat(struct inode *inode, struct kstat *stat, u32 request_mask, int err);
void fuse_iomap_fileattr_changed(struct inode *inode, const struct fileattr *fa);
u32 fuse_iomap_changed_by_names(struct inode *dir);
void fuse_iomap_forget_acls(struct inode *inode);
bool fuse_iomap_keeps_nosec(struct inode *inode);
bool fuse_iomap_has_no_xattr(struct inode *inode, const char *name);
u32 fuse_iomap_xattr_changes(struct inode *inode);
void fuse_iomap_xattr_read(struct inode *inode, const char *name, u32 changes, ssize_t ret);
int fuse_iomap_xattr_is_set(struct inode *inode, const char *name);
void fuse_iomap_xattr_was_set(struct inode *inode, const char *name);
void fuse_iomap_setattr_failed(struct inode *inode, unsigned int valid);

/* iomap_inval.c */
struct inode *fuse_iomap_ilookup(struct super_block *sb, u64 nodeid);
int fuse_iomap_inval_inode(struct fuse_conn *fc, const struct fuse_notify_inval_inode_out *node);
int fuse_iomap_inval_name(struct fuse_conn *fc, u64 parent, u64 child, char *buf,
			  unsigned int length, u32 flags);

/* iomap_forget.c */
void fuse_iomap_wait_for_end(struct inode *inode);

/* iomap_put.c */
int fuse_iomap_drop_inode(struct inode *inode);
void fuse_iomap_begin_evict(struct inode *inode);
void fuse_iomap_last_puts(struct fuse_conn *fc);

/* iomap_readonly.c */
int fuse_iomap_reconfigure(struct fs_context *fsc);

/* iomap_replace.c */
void fuse_iomap_prepare_rename(struct dentry *from, struct dentry *to, unsigned int flags);

/* iomap_super.c */
int fuse_iomap_freeze_super(struct super_block *sb, enum freeze_holder who);
int fuse_iomap_freeze_fs(struct super_block *sb);
int fuse_iomap_unfreeze_fs(struct super_block *sb);
void fuse_iomap_shutdown(struct super_block *sb);
void fuse_iomap_aborted(struct fuse_conn *fc);
long fuse_iomap_ioctl(struct file *file, unsigned int cmd, unsigned long arg,
		      unsigned int flags);

/* iomap_fresh.c */
int fuse_iomap_renew_attr(struct inode *inode, struct fuse_attr *attr, u64 evict_ctr);

/* iomap_inode.c */
void fuse_iomap_init_inode(struct inode *inode, struct fuse_attr *attr);
void fuse_iomap_evict_inode(struct inode *inode);
void fuse_iomap_pin_attr(struct inode *inode, struct fuse_attr *attr);
void fuse_iomap_attr_is_old(struct inode *inode, struct fuse_attr *attr);

/* iomap_attr.c */
int fuse_iomap_write_inode(struct inode *inode, struct writeback_control *wbc);

/* iomap_file.c */
int fuse_iomap_finish_open(struct inode *inode, struct file *file);

/* The node id of the root of @sb, and what can't be anything else's. */
static inline u64 fuse_root_nodeid(struct super_block *sb)
{
	return get_fuse_conn_super(sb)->iomap.root_nodeid;
}

static inline bool fuse_is_root_or_0(struct super_block *sb, u64 nodeid)
{
	return !nodeid || nodeid == fuse_root_nodeid(sb);
}

static inline bool fuse_is_iomap(const struct inode *inode)
{
	return container_of(inode, struct fuse_inode, inode)->iomap.enabled;
}

/*
 * Whose ids a request carries that would be sent with those of @idmap.  Requests that
 * create something bring the idmap of the mount they came through; for the others,
 * without any, it is the caller, as the file system's user namespace sees him.
 */
static inline struct mnt_idmap *fuse_iomap_caller_idmap(const struct fuse_conn *fc,
							struct mnt_idmap *idmap)
{
	return fc->iomap.enabled && idmap == &invalid_mnt_idmap ? &nop_mnt_idmap : idmap;
}

/* dir.c */
extern const struct inode_operations fuse_common_inode_operations;
extern const struct inode_operations fuse_dir_inode_operations;
void iattr_to_fattr(struct mnt_idmap *idmap, struct fuse_conn *fc, struct iattr *iattr,
		    struct fuse_setattr_in *arg, bool trust_local_cmtime);
void fuse_setattr_fill(struct fuse_conn *fc, struct fuse_args *args, struct inode *inode,
		       struct fuse_setattr_in *inarg_p, struct fuse_attr_out *outarg_p);

extern const struct file_operations fuse_dir_operations;

/* file.c */
extern const struct file_operations fuse_file_operations;

/* readdir.c */
bool fuse_use_readdirplus(struct inode *dir, struct dir_context *ctx);
int fuse_direntplus_link(struct file *file, struct fuse_direntplus *direntplus,
			 u64 attr_version, u64 evict_ctr);
void fuse_force_forget(struct file *file, u64 nodeid);

/* dev.c; the caller of the first holds fc->bg_lock */
void flush_bg_queue(struct fuse_conn *fc);
int fuse_copy_one(struct fuse_copy_state *cs, void *val, unsigned int size);
void fuse_copy_finish(struct fuse_copy_state *cs);

#endif /* _FUSE_IOMAP_HOOKS_H */
