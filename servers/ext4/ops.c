// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The FUSE requests: each takes the lock, does the work, lets go of the lock and
 * replies.  Those that only read share it (cold.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>

#include "atime.h"
#include "cold.h"
#include "dir.h"
#include "durable.h"
#include "file.h"
#include "log.h"
#include "map.h"
#include "namei.h"
#include "node.h"
#include "nokey.h"
#include "ops.h"
#include "pressure.h"
#include "quota.h"
#include "readdir.h"
#include "sync.h"
#include "xattr.h"

static struct server *server_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static struct caller caller_of(fuse_req_t req)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	return (struct caller){ .uid = ctx->uid, .gid = ctx->gid, .umask = ctx->umask };
}

/*
 * Session
 */

static void allow_idmap(struct server *s)
{
	int err = fuse_iomap_session_allow_idmap(s->session);

	if (err && err != -EOPNOTSUPP)
		log_warn("mounts of this file system can't be idmapped: %s", strerror(-err));
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct server *s = userdata;

	/* nobody changes files behind the kernel's back */
	conn->want &= ~FUSE_CAP_AUTO_INVAL_DATA;
	/* the kernel cuts files and takes set-id bits away by SETATTR */
	conn->want &= ~(FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_HANDLE_KILLPRIV);
	/*
	 * ACLs are checked by the kernel; then the umask is for the server to apply.
	 * That it checks them makes the kernel check all permissions.
	 */
	if (s->opt.default_permissions)
		conn->want |= conn->capable & FUSE_CAP_POSIX_ACL;
	else
		conn->want &= ~FUSE_CAP_POSIX_ACL;
	conn->want |= conn->capable & FUSE_CAP_DONT_MASK;
	conn->want |= conn->capable & FUSE_CAP_PARALLEL_DIROPS;
	/* "." and ".." can be looked up: file handles stay valid, and NFS can export the mount */
	conn->want |= conn->capable & FUSE_CAP_EXPORT_SUPPORT;
	/* nor links: what they say never changes */
	if (atime_is_strict(s))
		conn->want &= ~FUSE_CAP_CACHE_SYMLINKS;
	else
		conn->want |= conn->capable & FUSE_CAP_CACHE_SYMLINKS;
	conn->time_gran = EXT2_INODE_SIZE(s->fs->super) > EXT2_GOOD_OLD_INODE_SIZE ? 1 :
										  1000000000;
	/* who may do what is the kernel's business, whatever a mount makes of the ids */
	if (s->opt.default_permissions)
		allow_idmap(s);
	/* with iomap the mount is usable only after CONFIG */
	if (!fuse_iomap_session_negotiated(s->session))
		s->ready(s);
}

/* When this returns the device is free. */
static void op_destroy(void *userdata)
{
	struct server *s = userdata;

	super_stop_flusher(s);
	pressure_stop(s);
	server_lock(s);
	if (s->fs) {
		nodes_drain(s);
		if (super_close(s))
			log_err("not everything could be written");
	}
	nodes_destroy(s);
	server_unlock(s);
	mmp_release(s);
	source_close(&s->src);
}

/*
 * Names
 */

static void fill_entry(struct server *s, ext2_ino_t parent, struct inode *in,
		       struct fuse_entry_param *e, uint32_t *iflags)
{
	memset(e, 0, sizeof(*e));
	e->ino = node_of_ino(in->ino);
	e->generation = in->raw.i_generation;
	e->attr_timeout = ATTR_TIMEOUT;
	e->entry_timeout = namei_names_last(s, parent) ? ATTR_TIMEOUT : 0;
	inode_stat(s, in, &e->attr);
	*iflags = inode_iflags(s, in);
}

/* A reply that didn't arrive left no reference in the kernel. */
static void take_back(struct server *s, ext2_ino_t ino, bool opened)
{
	server_lock(s);
	if (opened)
		node_release(s, ino);
	node_forget(s, ino, 1);
	server_unlock(s);
}

static void reply_entry(fuse_req_t req, struct server *s, int err, ext2_ino_t ino,
			const struct fuse_entry_param *e, uint32_t iflags)
{
	if (err)
		fuse_reply_err(req, -err);
	else if (fuse_iomap_reply_entry(req, e, iflags))
		take_back(s, ino, false);
}

/*
 * @err and @in: how the operation on a name in @parent ended.  Called with the lock, lets
 * go of it.
 */
static void reply_entry_unlock(fuse_req_t req, struct server *s, int err, fuse_ino_t parent,
			       struct inode *in)
{
	struct fuse_entry_param e;
	uint32_t iflags = 0;

	if (!err)
		err = node_ref(s, in->ino);
	if (!err) {
		fill_entry(s, ino_of_node(parent), in, &e, &iflags);
		err = sync_finish(s, 0);
		if (err)
			node_forget(s, in->ino, 1);
	}
	server_unlock(s);
	reply_entry(req, s, err, in->ino, &e, iflags);
}

/* What was found in @parent is known to the kernel from now on. */
static int look_up(struct server *s, ext2_ino_t parent, const char *name, struct inode *in,
		   struct fuse_entry_param *e, uint32_t *iflags)
{
	int err;

	/* so the kernel asks for the inode of a file handle (fuse_export_operations) */
	if (!strcmp(name, "."))
		err = namei_by_number(s, parent, in);
	else
		err = namei_lookup(s, parent, name, in);
	if (err)
		return err;
	fill_entry(s, parent, in, e, iflags);
	/* the kernel has made its inode of the root without asking */
	if (in->ino == EXT2_ROOT_INO)
		e->generation = 0;
	err = cold_check(s);
	return err ? err : node_ref(s, in->ino);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct server *s = server_of(req);
	struct cold cold = { 0 };
	struct fuse_entry_param e;
	uint32_t iflags = 0;
	struct inode in;
	bool absent;
	int err;

	cold_lock(s, &cold);
	do {
		cold_begin(s, &cold);
		err = look_up(s, ino_of_node(parent), name, &in, &e, &iflags);
	} while (cold_again(s, &cold));
	absent = err == -ENOENT && namei_absence_lasts(s);
	cold_unlock(s, &cold);
	if (absent) {
		/* the kernel may remember that, too */
		struct fuse_entry_param none = { .entry_timeout = ATTR_TIMEOUT };

		fuse_iomap_reply_entry(req, &none, 0);
		return;
	}
	reply_entry(req, s, err, in.ino, &e, iflags);
}

static void op_forget(fuse_req_t req, fuse_ino_t nodeid, uint64_t nlookup)
{
	struct server *s = server_of(req);

	server_lock(s);
	node_forget(s, ino_of_node(nodeid), nlookup);
	server_unlock(s);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	struct server *s = server_of(req);

	for (size_t i = 0; i < count; i++) {
		server_lock(s);
		node_forget(s, ino_of_node(forgets[i].ino), forgets[i].nlookup);
		server_unlock(s);
	}
	fuse_reply_none(req);
}

static void make(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev,
		 const char *target)
{
	struct server *s = server_of(req);
	struct caller who = caller_of(req);
	struct inode in;
	struct cold cold = { 0 };
	unsigned int tries = 0;
	int err;

	server_lock(s);
	do {
		commit_if_large(s);
		cold_begin(s, &cold);
		sync_begin();
		err = namei_make(s, ino_of_node(parent), name, mode, rdev, target, &who, &in);
	} while (cold_again(s, &cold) || commit_frees_space(s, err, &tries));
	reply_entry_unlock(req, s, err, parent, &in);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		     dev_t rdev)
{
	make(req, parent, name, mode, rdev, NULL);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	make(req, parent, name, (mode & 07777) | S_IFDIR, 0, NULL);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	make(req, parent, name, S_IFLNK | 0777, 0, target);
}

/*
 * With iomap nothing depends on who has a file open: the kernel checks the flags,
 * and FORGET tells when the last user is gone, which open files are.  So it need
 * not ask at all.  But for files that can't be opened, which it doesn't know of.
 */
bool waives_open(const struct server *s)
{
	/* the kernel agrees only where it checks permissions itself */
	return fuse_iomap_session_negotiated(s->session) && s->opt.default_permissions &&
	       !ext2fs_has_feature_verity(s->fs->super) &&
	       !ext2fs_has_feature_encrypt(s->fs->super);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	struct server *s = server_of(req);
	struct caller who = caller_of(req);
	struct fuse_entry_param e;
	struct inode in;
	uint32_t iflags;
	bool opened = !waives_open(s);
	struct cold cold = { 0 };
	unsigned int tries = 0;
	int err;

	server_lock(s);
	do {
		commit_if_large(s);
		cold_begin(s, &cold);
		sync_begin();
		err = namei_make(s, ino_of_node(parent), name, (mode & 07777) | S_IFREG, 0, NULL,
				 &who, &in);
	} while (cold_again(s, &cold) || commit_frees_space(s, err, &tries));
	if (!err)
		err = node_ref(s, in.ino);
	if (!err && opened)
		err = node_open(s, in.ino);
	if (!err) {
		fill_entry(s, ino_of_node(parent), &in, &e, &iflags);
		err = sync_finish(s, 0);
		if (err && opened)
			node_release(s, in.ino);
		if (err)
			node_forget(s, in.ino, 1);
	}
	server_unlock(s);
	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	fi->keep_cache = 1;
	if (fuse_iomap_reply_create(req, &e, fi, iflags))
		take_back(s, in.ino, opened);
}

void op_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, struct fuse_file_info *fi)
{
	struct server *s = server_of(req);
	struct caller who = caller_of(req);
	struct fuse_entry_param e;
	struct inode in;
	uint32_t iflags;
	bool opened = !waives_open(s);
	struct cold cold = { 0 };
	unsigned int tries = 0;
	int err;

	server_lock(s);
	do {
		commit_if_large(s);
		cold_begin(s, &cold);
		sync_begin();
		err = namei_make_unnamed(s, ino_of_node(parent), (mode & 07777) | S_IFREG, opened,
					 &who, &in);
	} while (cold_again(s, &cold) || commit_frees_space(s, err, &tries));
	if (!err)
		fill_entry(s, ino_of_node(parent), &in, &e, &iflags);
	server_unlock(s);
	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	fi->keep_cache = 1;
	if (fuse_iomap_reply_create(req, &e, fi, iflags))
		take_back(s, in.ino, opened);
}

static void op_link(fuse_req_t req, fuse_ino_t nodeid, fuse_ino_t parent, const char *name)
{
	struct server *s = server_of(req);
	struct caller who = caller_of(req);
	struct inode in;
	struct cold cold = { 0 };
	unsigned int tries = 0;
	int err;

	server_lock(s);
	do {
		commit_if_large(s);
		cold_begin(s, &cold);
		sync_begin();
		err = namei_link(s, ino_of_node(nodeid), ino_of_node(parent), name, &who, &in);
	} while (cold_again(s, &cold) || commit_frees_space(s, err, &tries));
	reply_entry_unlock(req, s, err, parent, &in);
}

/*
 * The operation that may have removed a last name has succeeded if @err is 0, and the lock is still
 * the one under which it did.  Returns the inode for node_empty().
 */
static ext2_ino_t take_unnamed(struct server *s, int err)
{
	ext2_ino_t ino = s->unnamed;

	s->unnamed = 0;
	/* with iomap the kernel forgets it before its caller goes on (iop_forget()) */
	return err || fuse_iomap_session_negotiated(s->session) ? 0 : ino;
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct server *s = server_of(req);
	struct cold cold = { 0 };
	ext2_ino_t gone;
	int err;

	server_lock(s);
	do {
		commit_if_large(s);
		cold_begin(s, &cold);
		sync_begin();
		err = namei_unlink(s, ino_of_node(parent), name);
		gone = take_unnamed(s, err);
	} while (cold_again(s, &cold));
	err = sync_finish(s, err);
	node_empty(s, gone);
	server_unlock(s);
	fuse_reply_err(req, -err);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct server *s = server_of(req);
	struct cold cold = { 0 };
	int err;

	server_lock(s);
	do {
		commit_if_large(s);
		cold_begin(s, &cold);
		sync_begin();
		err = namei_rmdir(s, ino_of_node(parent), name);
	} while (cold_again(s, &cold));
	err = sync_finish(s, err);
	server_unlock(s);
	fuse_reply_err(req, -err);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
		      const char *newname, unsigned int flags)
{
	struct server *s = server_of(req);
	struct caller who = caller_of(req);
	struct cold cold = { 0 };
	unsigned int tries = 0;
	ext2_ino_t gone;
	int err;

	server_lock(s);
	do {
		commit_if_large(s);
		cold_begin(s, &cold);
		sync_begin();
		err = namei_rename(s, ino_of_node(parent), name, ino_of_node(newparent), newname,
				   flags, &who);
		gone = take_unnamed(s, err);
	} while (cold_again(s, &cold) || commit_frees_space(s, err, &tries));
	err = sync_finish(s, err);
	node_empty(s, gone);
	server_unlock(s);
	fuse_reply_err(req, -err);
}

static void op_readlink(fuse_req_t req, fuse_ino_t nodeid)
{
	struct server *s = server_of(req);
	struct cold cold = { 0 };
	char *target = NULL;
	int err;

	cold_lock(s, &cold);
	do {
		free(target);
		target = NULL;
		cold_begin(s, &cold);
		err = namei_readlink(s, ino_of_node(nodeid), &target);
	} while (cold_again(s, &cold));
	cold_unlock(s, &cold);
	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	atime_was_read(s, ino_of_node(nodeid));
	fuse_reply_readlink(req, target);
	free(target);
}

/*
 * Attributes
 */

static void reply_attr_unlock(fuse_req_t req, struct server *s, struct cold *cold, int err,
			      struct inode *in)
{
	uint32_t iflags = 0;
	struct stat st;

	if (!err) {
		inode_stat(s, in, &st);
		iflags = inode_iflags(s, in);
	}
	cold_unlock(s, cold);
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_iomap_reply_attr(req, &st, ATTR_TIMEOUT, iflags);
}

static void op_getattr(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	struct server *s = server_of(req);
	struct cold cold = { 0 };
	struct inode in;
	int err;

	cold_lock(s, &cold);
	do {
		cold_begin(s, &cold);
		err = inode_load(s, ino_of_node(nodeid), &in);
	} while (cold_again(s, &cold));
	reply_attr_unlock(req, s, &cold, err, &in);
}

static void op_setattr(fuse_req_t req, fuse_ino_t nodeid, struct stat *attr, int valid,
		       struct fuse_file_info *fi)
{
	struct server *s = server_of(req);
	struct caller who = caller_of(req);
	struct inode in;
	struct cold cold = { 0 };
	unsigned int tries = 0;
	int err;

	server_lock(s);
	do {
		commit_if_large(s);
		cold_begin(s, &cold);
		sync_begin();
		err = file_setattr(s, ino_of_node(nodeid), attr, valid, &who, &in);
	} while (cold_again(s, &cold) || commit_frees_space(s, err, &tries));
	err = sync_finish(s, err);
	reply_attr_unlock(req, s, &cold, err, &in);
}

static void op_statfs(fuse_req_t req, fuse_ino_t nodeid)
{
	struct server *s = server_of(req);
	struct cold cold = { 0 };
	struct statvfs st;
	int err = 0;

	super_shared_ask(s);
	if (quota_limits_projects(s)) {
		server_lock(s);
		do {
			cold_begin(s, &cold);
			super_statfs(s, &st);
			err = quota_statfs(s, ino_of_node(nodeid), &st);
		} while (cold_again(s, &cold));
		server_unlock(s);
	} else {
		server_lock_shared(s);
		super_statfs(s, &st);
		server_unlock_shared(s);
	}
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_statfs(req, &st);
}

/* The xattr calls share "how long would it be?" and "too long for you". */
static void reply_sized(fuse_req_t req, int err, const void *value, size_t len, size_t size)
{
	if (err)
		fuse_reply_err(req, -err);
	else if (!size)
		fuse_reply_xattr(req, len);
	else if (len > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, value, len);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t nodeid, const char *name, size_t size)
{
	struct server *s = server_of(req);
	struct cold cold = { 0 };
	void *value = NULL;
	struct inode in;
	size_t len = 0;
	int err;

	cold_lock(s, &cold);
	do {
		free(value);
		value = NULL;
		cold_begin(s, &cold);
		err = inode_load(s, ino_of_node(nodeid), &in);
		if (!err)
			err = xattr_get(s, &in, name, &value, &len);
		if (err)
			value = NULL;
	} while (cold_again(s, &cold));
	cold_unlock(s, &cold);
	reply_sized(req, err, value, len, size);
	if (!err)
		free(value);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t nodeid, size_t size)
{
	struct server *s = server_of(req);
	struct caller who = caller_of(req);
	struct cold cold = { 0 };
	char *list = NULL;
	struct inode in;
	size_t len = 0;
	int err;

	cold_lock(s, &cold);
	do {
		free(list);
		list = NULL;
		cold_begin(s, &cold);
		err = inode_load(s, ino_of_node(nodeid), &in);
		if (!err)
			err = xattr_list(s, &in, !who.uid, &list, &len);
	} while (cold_again(s, &cold));
	cold_unlock(s, &cold);
	reply_sized(req, err, list, len, size);
	if (!err)
		free(list);
}

static int load_for_xattr(struct server *s, fuse_ino_t nodeid, struct inode *in)
{
	int err = super_may_allocate(s);

	if (!err)
		err = inode_load(s, ino_of_node(nodeid), in);
	if (!err && in->raw.i_flags & (EXT2_IMMUTABLE_FL | EXT2_APPEND_FL))
		err = -EPERM;
	/* what is there already; if it can't be read it will be said when it is */
	if (!err && ext2fs_file_acl_block(s->fs, inode_small(in)) && 
	    map_valid_range(s, ext2fs_file_acl_block(s->fs, inode_small(in)), 1))
		cache_want(s->cache, ext2fs_file_acl_block(s->fs, inode_small(in)));
	return err ? err : cold_settle(s);
}

static void op_setxattr(fuse_req_t req, fuse_ino_t nodeid, const char *name, const char *value,
			size_t size, int flags)
{
	bool kill_sgid = fuse_iomap_setxattr_flags(req) & FUSE_SETXATTR_ACL_KILL_SGID;
	struct server *s = server_of(req);
	struct caller who = caller_of(req);
	struct inode in;
	struct cold cold = { 0 };
	unsigned int tries = 0;
	int err;

	server_lock(s);
	do {
		commit_if_large(s);
		cold_begin(s, &cold);
		sync_begin();
		err = load_for_xattr(s, nodeid, &in);
		if (!err)
			err = xattr_set(s, &in, name, value, size, flags, kill_sgid, &who);
	} while (cold_again(s, &cold) || commit_frees_space(s, err, &tries));
	err = sync_finish(s, err);
	server_unlock(s);
	fuse_reply_err(req, -err);
}

static void op_removexattr(fuse_req_t req, fuse_ino_t nodeid, const char *name)
{
	struct server *s = server_of(req);
	struct cold cold = { 0 };
	struct inode in;
	int err;

	server_lock(s);
	do {
		commit_if_large(s);
		cold_begin(s, &cold);
		sync_begin();
		err = load_for_xattr(s, nodeid, &in);
		if (!err)
			err = xattr_remove(s, &in, name);
	} while (cold_again(s, &cold));
	err = sync_finish(s, err);
	server_unlock(s);
	fuse_reply_err(req, -err);
}

/* FS_IOC_GETVERSION has this number, too */
#define EXT4_IOC_GETVERSION	_IOR('f', 3, long)

static void op_ioctl(fuse_req_t req, fuse_ino_t nodeid, unsigned int cmd, void *arg,
		     struct fuse_file_info *fi, unsigned int flags, const void *in_buf,
		     size_t in_size, size_t out_size)
{
	struct server *s = server_of(req);
	struct caller who = caller_of(req);
	struct fsxattr fsx;
	struct inode in;
	struct cold cold = { 0 };
	uint32_t fl = 0;
	int err;

	if (fs_ioctl(req, cmd, in_buf, in_size, out_size))
		return;
	if (cmd == FS_IOC_SETFLAGS || cmd == FS_IOC_FSSETXATTR)
		server_lock(s);
	else
		cold_lock(s, &cold);
	do {
		cold_begin(s, &cold);
		err = inode_load(s, ino_of_node(nodeid), &in);
	} while (cold_again(s, &cold));
	sync_begin();
	if (!err) {
		switch (cmd) {
		case FS_IOC_GETFLAGS:
			fl = file_get_flags(&in);
			break;
		case FS_IOC_GETVERSION:
		case EXT4_IOC_GETVERSION:
			/* an int, though the number of the ioctl says long */
			fl = in.raw.i_generation;
			break;
		case FS_IOC_FSGETXATTR:
			file_get_fsxattr(&in, &fsx);
			break;
		case FS_IOC_SETFLAGS:
			if (in_size < sizeof(fl)) {
				err = -EINVAL;
				break;
			}
			memcpy(&fl, in_buf, sizeof(fl));
			err = file_set_flags(s, in.ino, fl);
			break;
		case FS_IOC_FSSETXATTR:
			if (in_size < sizeof(fsx)) {
				err = -EINVAL;
				break;
			}
			memcpy(&fsx, in_buf, sizeof(fsx));
			err = file_set_fsxattr(s, in.ino, &fsx, &who);
			break;
		default:
			err = -ENOTTY;
		}
	}
	if (cmd == FS_IOC_SETFLAGS || cmd == FS_IOC_FSSETXATTR)
		err = sync_finish(s, err);
	cold_unlock(s, &cold);
	if (err)
		fuse_reply_err(req, -err);
	else if (cmd == FS_IOC_GETFLAGS || cmd == FS_IOC_GETVERSION || cmd == EXT4_IOC_GETVERSION)
		fuse_reply_ioctl(req, 0, &fl, out_size < sizeof(fl) ? out_size : sizeof(fl));
	else if (cmd == FS_IOC_FSGETXATTR)
		fuse_reply_ioctl(req, 0, &fsx, out_size < sizeof(fsx) ? out_size : sizeof(fsx));
	else
		fuse_reply_ioctl(req, 0, NULL, 0);
}

/*
 * Files
 */

static int may_open(const struct server *s, const struct inode *in, int flags)
{
	int err = nokey_data(in);

	if (err || (flags & O_ACCMODE) == O_RDONLY)
		return err;
	err = super_may_write(s);
	if (!err && in->raw.i_flags & EXT2_IMMUTABLE_FL)
		err = -EPERM;
	if (!err && in->raw.i_flags & EXT2_APPEND_FL &&
	    (!(flags & O_APPEND) || flags & O_TRUNC))
		err = -EPERM;
	return err;
}

static void op_open(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	struct server *s = server_of(req);
	struct cold cold = { 0 };
	struct inode in;
	bool due;
	int err;

	if (waives_open(s)) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	cold_lock(s, &cold);
	do {
		cold_begin(s, &cold);
		err = inode_load(s, ino_of_node(nodeid), &in);
		if (!err)
			err = node_refuse_emptied(s, in.ino);
		if (!err)
			err = may_open(s, &in, fi->flags);
		if (!err)
			err = node_open(s, in.ino);
	} while (cold_again(s, &cold));
	/* then reading is to be heard of */
	due = !err && (fi->flags & O_ACCMODE) != O_WRONLY && atime_is_due(s, &in);
	cold_unlock(s, &cold);
	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	fi->keep_cache = !due;
	if (fuse_reply_open(req, fi)) {
		server_lock(s);
		node_release(s, in.ino);
		server_unlock(s);
	}
}

static void op_release(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	struct server *s = server_of(req);
	struct cold cold = { 0 };

	cold_lock(s, &cold);
	do {
		node_release(s, ino_of_node(nodeid));
	} while (cold_again(s, &cold));
	cold_unlock(s, &cold);
	fuse_reply_err(req, 0);
}

static void op_read(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct server *s = server_of(req);
	struct cold cold = { 0 };
	size_t done;
	char *buf;
	int err;

	/* aligned, so that O_DIRECT needs no second copy */
	if (posix_memalign((void **)&buf, 4096, size ? size : 1)) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	cold_lock(s, &cold);
	do {
		cold_begin(s, &cold);
		err = file_read(s, ino_of_node(nodeid), buf, size, off, &done);
	} while (cold_again(s, &cold));
	cold_unlock(s, &cold);
	/* with iomap it is the kernel's; O_NOATIME is a flag of the open file */
	if (!err && done && !fuse_iomap_session_negotiated(s->session) && !(fi->flags & O_NOATIME))
		atime_was_read(s, ino_of_node(nodeid));
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_buf(req, buf, done);
	free(buf);
}

static void op_write(fuse_req_t req, fuse_ino_t nodeid, const char *buf, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	struct server *s = server_of(req);
	struct caller who = caller_of(req);
	size_t done;
	struct cold cold = { 0 };
	unsigned int tries = 0;
	int err;

	/* a mapped page, which the kernel has accepted without asking */
	who.unlimited = fi->writepage;
	server_lock(s);
	do {
		commit_if_large(s);
		cold_begin(s, &cold);
		sync_begin();
		err = file_write(s, ino_of_node(nodeid), buf, size, off, &who, &done);
	} while (cold_again(s, &cold) || commit_frees_space(s, err, &tries));
	err = sync_finish(s, err);
	server_unlock(s);
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_write(req, done);
}

static void reply_done(void *req, int err)
{
	fuse_reply_err(req, -err);
}

static void op_fsync(fuse_req_t req, fuse_ino_t nodeid, int datasync, struct fuse_file_info *fi)
{
	durable_when(server_of(req), reply_done, req);
}

static void op_fallocate(fuse_req_t req, fuse_ino_t nodeid, int mode, off_t off, off_t len,
			 struct fuse_file_info *fi)
{
	struct server *s = server_of(req);
	struct caller who = caller_of(req);
	struct cold cold = { 0 };
	unsigned int tries = 0;
	int err;

	server_lock(s);
	do {
		commit_if_large(s);
		cold_begin(s, &cold);
		sync_begin();
		err = file_fallocate(s, ino_of_node(nodeid), mode, off, len, &who);
	} while (cold_again(s, &cold) || commit_frees_space(s, err, &tries));
	err = sync_finish(s, err);
	server_unlock(s);
	fuse_reply_err(req, -err);
}

static void op_lseek(fuse_req_t req, fuse_ino_t nodeid, off_t off, int whence,
		     struct fuse_file_info *fi)
{
	struct server *s = server_of(req);
	struct cold cold = { 0 };
	uint64_t from = off, result;
	int err;

	cold_lock(s, &cold);
	for (;;) {
		do {
			cold_begin(s, &cold);
			err = file_lseek(s, ino_of_node(nodeid), &from, whence, &result);
		} while (cold_again(s, &cold));
		if (err != -EAGAIN || fuse_req_interrupted(req))
			break;
		cold_give_way(s, &cold);
	}
	cold_unlock(s, &cold);
	if (err == -EAGAIN)
		err = -EINTR;
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_lseek(req, result);
}

/*
 * Directories
 */

static void op_opendir(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	struct server *s = server_of(req);
	ext2_ino_t ino = ino_of_node(nodeid);
	struct dir_handle *dh = dir_handle_new(ino, 0);
	struct cold cold = { 0 };
	int err;

	cold_lock(s, &cold);
	do {
		cold_begin(s, &cold);
		err = dh ? node_open(s, ino) : -ENOMEM;
	} while (cold_again(s, &cold));
	cold_unlock(s, &cold);
	if (err) {
		dir_handle_free(dh);
		fuse_reply_err(req, -err);
		return;
	}
	fi->fh = (uintptr_t)dh;
	/* only this mount changes directories: the kernel may list them by itself */
	fi->cache_readdir = fi->keep_cache = fuse_iomap_session_negotiated(s->session) &&
					     !atime_is_strict(s);
	if (fuse_reply_open(req, fi)) {
		server_lock(s);
		node_release(s, ino);
		server_unlock(s);
		dir_handle_free(dh);
	}
}

static void op_releasedir(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	dir_handle_free((struct dir_handle *)(uintptr_t)fi->fh);
	op_release(req, nodeid, fi);
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/*
 * One entry with attributes.  Without, where the name may be gone or can't be
 * trusted: then the kernel looks it up when it needs to.  Returns the bytes it
 * takes; more than @room: it doesn't fit, and nothing has happened.
 *
 * The cache is shared or being tried all the time (@cold): this is done too often for doing more
 * than looking at errors.
 */
static size_t add_plus(fuse_req_t req, struct server *s, ext2_ino_t parent,
		       struct dir_handle *dh, const struct listed *l, bool *fresh,
		       struct cold *cold, char *buf, size_t room)
{
	struct fuse_entry_param e = {
		.attr = { .st_ino = l->ino, .st_mode = l->type },
	};
	uint32_t iflags = 0;
	struct inode in;
	size_t n = fuse_iomap_add_direntry_plus(req, NULL, 0, l->name, NULL, 0, 0);
	bool ref = false;

	if (n > room)
		return n;
	while (*fresh && !is_dots(l->name)) {
		int err = inode_load(s, l->ino, &in);

		/* it may have no name any more */
		if (!err && in.raw.i_links_count) {
			err = node_ref(s, l->ino);
			ref = !err;
		}
		if (err && cold_again(s, cold)) {
			cold_begin(s, cold);
			*fresh = dir_handle_is_fresh(s, dh);
			continue;
		}
		/* the next one has all its attempts */
		if (err || cold->tries) {
			cold->tries = 0;
			cold_begin(s, cold);
		}
		break;
	}
	if (ref)
		fill_entry(s, parent, &in, &e, &iflags);
	return fuse_iomap_add_direntry_plus(req, buf, room, l->name, &e, l->off, iflags);
}

/* What is behind @off */
static int list_dir(struct server *s, struct dir_handle *dh, off_t off, bool *fresh,
		    struct cold *cold)
{
	uint64_t before = dir_handle_progress(dh);
	int err;

	for (;;) {
		do {
			/* what has been listed needs not be done again */
			if (dir_handle_progress(dh) > before) {
				before = dir_handle_progress(dh);
				cold->tries = 0;
			}
			cold_begin(s, cold);
			err = dir_handle_prepare(s, dh, off, fresh);
		} while (cold_again(s, cold));
		if (err != -EAGAIN)
			break;
		cold_give_way(s, cold);
	}
	cold->tries = 0;
	return err;
}

/* Larger directories, in sizes of an answer, are opened: it is not worth trying */
#define LISTED_UNOPENED	8

/* Do all entries of @dh fit into @size bytes? */
static bool all_fit(fuse_req_t req, const struct dir_handle *dh, size_t size, bool plus)
{
	struct stat st = { 0 };
	struct listed l;
	size_t used = 0;

	for (size_t i = 0; used <= size && dir_handle_entry(dh, i, &l); i++)
		used += plus ? fuse_iomap_add_direntry_plus(req, NULL, 0, l.name, NULL, 0, 0) :
			       fuse_add_direntry(req, NULL, 0, l.name, &st, 0);
	return used <= size;
}

/* An answer with attributes is not sent: the kernel gets no references to its inodes. */
static void drop_plus(struct server *s, const char *buf, size_t used)
{
	const struct fuse_direntplus *e;

	server_lock(s);
	for (size_t at = 0; at < used; at += FUSE_DIRENTPLUS_SIZE(e)) {
		e = (const void *)(buf + at);
		if (e->entry_out.nodeid)
			node_forget(s, ino_of_node(e->entry_out.nodeid), 1);
	}
	server_unlock(s);
}

/*
 * The entries behind @off. Without a handle all of them, or EOVERFLOW: the kernel keeps them as one
 * listing. As the kernel has been told, the last entry is in an answer that has room for another
 * one; so an error behind the first part of an answer is the answer.
 */
static void read_dir(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
		     struct fuse_file_info *fi, bool plus)
{
	struct dir_handle *dh = (struct dir_handle *)(uintptr_t)fi->fh;
	struct server *s = server_of(req);
	struct cold cold = { 0 };
	struct listed l;
	size_t used = 0;
	bool fresh, whole = !dh, first = !off;
	char *buf;
	int err;

	buf = malloc(size);
	if (whole)
		dh = dir_handle_new(ino_of_node(nodeid), LISTED_UNOPENED * (uint64_t)size);
	if (!buf || !dh) {
		err = -ENOMEM;
		goto out;
	}
	/* nobody else has the handle of a whole list */
	if (!whole)
		dir_handle_lock(dh);
	cold_lock(s, &cold);
	err = whole && off ? -EOVERFLOW : list_dir(s, dh, off, &fresh, &cold);
	if (!err && whole && !all_fit(req, dh, size, plus))
		err = -EOVERFLOW;
	cold_begin(s, &cold);
	while (!err) {
		struct stat st = { 0 };
		size_t n;

		if (!dir_handle_entry(dh, 0, &l)) {
			err = list_dir(s, dh, off, &fresh, &cold);
			cold_begin(s, &cold);
			if (err || !dir_handle_entry(dh, 0, &l))
				break;
		}
		st.st_ino = l.ino;
		st.st_mode = l.type;
		if (plus)
			n = add_plus(req, s, ino_of_node(nodeid), dh, &l, &fresh, &cold,
				     buf + used, size - used);
		else
			n = fuse_add_direntry(req, buf + used, size - used, l.name, &st, l.off);
		if (n > size - used)
			break;
		used += n;
		off = l.off;
		dir_handle_next(dh);
	}
	/* what is told is right whatever was missing */
	cache_try_end(s->cache);
	cold_unlock(s, &cold);
	if (!whole) {
		dir_handle_rest(dh);
		dir_handle_unlock(dh);
	}
	if (!err && first)
		atime_was_read(s, ino_of_node(nodeid));
	if (err && plus)
		drop_plus(s, buf, used);
out:
	if (whole)
		dir_handle_free(dh);
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_buf(req, buf, used);
	free(buf);
}

static void op_readdir(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	read_dir(req, nodeid, size, off, fi, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	read_dir(req, nodeid, size, off, fi, true);
}

const struct fuse_lowlevel_ops fuse_operations = {
	.init		= op_init,
	.destroy	= op_destroy,
	.lookup		= op_lookup,
	.forget		= op_forget,
	.forget_multi	= op_forget_multi,
	.getattr	= op_getattr,
	.setattr	= op_setattr,
	.readlink	= op_readlink,
	.mknod		= op_mknod,
	.mkdir		= op_mkdir,
	.symlink	= op_symlink,
	.link		= op_link,
	.unlink		= op_unlink,
	.rmdir		= op_rmdir,
	.rename		= op_rename,
	.open		= op_open,
	.create		= op_create,
	.release	= op_release,
	.read		= op_read,
	.write		= op_write,
	.fsync		= op_fsync,
	.fallocate	= op_fallocate,
	.lseek		= op_lseek,
	.opendir	= op_opendir,
	.readdir	= op_readdir,
	.readdirplus	= op_readdirplus,
	.releasedir	= op_releasedir,
	.fsyncdir	= op_fsync,
	.statfs		= op_statfs,
	.setxattr	= op_setxattr,
	.getxattr	= op_getxattr,
	.listxattr	= op_listxattr,
	.removexattr	= op_removexattr,
	.ioctl		= op_ioctl,
};
