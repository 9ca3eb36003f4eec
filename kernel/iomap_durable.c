// SPDX-License-Identifier: GPL-2.0
/*
 * The end of fsync(2): does the server have anything to make durable?
 *
 * FSYNC has the server write what it has changed of the file's metadata and not yet
 * made durable.  If nothing has changed since the last one there are only the file's
 * bytes, and a flush of the devices is all they need.  The kernel can tell, because
 * nobody but its requests changes the inode (FUSE_ATTR_EXCLUSIVE).  They are counted,
 * in three places:
 *
 *	metadata_changes	of the inode: what the file's data is found by.  BEGIN for
 *				writing, IOEND, FALLOCATE, SETATTR of the size, WRITE of
 *				inline bytes, and what the server tells unasked
 *	attr_changes		of the inode: SETATTR of anything, and END
 *	other_changes		of the connection: every other request but those that
 *				are known to change no inode that there was before.  So
 *				names, links, extended attributes, flags, the names of
 *				directories above the file, and what nobody thought of
 *
 * A request counts when it has been answered, whatever the answer is, and before anybody
 * hears of that.  An FSYNC makes durable what had been counted when it was sent; what the
 * server does while it works on that, or before but not yet answered, is for the next.
 * fdatasync(2) needs the first count only, and its FSYNC makes nothing but that durable.
 *
 * An inode that comes into memory has changed: it may be new, and what was done to it when
 * it was in memory before is not known.  Times that the server hasn't been told of are the
 * caller's business, who writes the inode first: that is a SETATTR, which counts.
 *
 * Directories are the FUSE client's, which always sends FSYNCDIR.
 */
#include "iomap_i.h"

/*
 * Does a request leave all inodes as they are, or is what it changes counted at the iomap
 * inode that it is about?
 */
static bool changes_no_other(u32 opcode)
{
	switch (opcode) {
	/* new inodes only, and directories */
	case FUSE_CREATE:
	case FUSE_MKDIR:
	case FUSE_MKNOD:
	case FUSE_SYMLINK:
	case FUSE_TMPFILE:
	/* counted there */
	case FUSE_FALLOCATE:
	case FUSE_IOMAP_BEGIN:
	case FUSE_IOMAP_END:
	case FUSE_IOMAP_IOEND:
	case FUSE_SETATTR:
	case FUSE_WRITE:
	/* nothing */
	case FUSE_ACCESS:
	case FUSE_BMAP:
	case FUSE_FLUSH:
	case FUSE_FSYNC:
	case FUSE_FSYNCDIR:
	case FUSE_GETATTR:
	case FUSE_GETLK:
	case FUSE_GETXATTR:
	case FUSE_INIT:
	case FUSE_IOMAP_CONFIG:
	case FUSE_IOMAP_FORGET:
	case FUSE_LISTXATTR:
	case FUSE_LOOKUP:
	case FUSE_LSEEK:
	case FUSE_OPEN:
	case FUSE_OPENDIR:
	case FUSE_POLL:
	case FUSE_READ:
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
	case FUSE_READLINK:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_SETLK:
	case FUSE_SETLKW:
	case FUSE_STATFS:
	case FUSE_STATX:
	case FUSE_SYNCFS:
		return true;
	}
	return false;
}

/*
 * @req has been answered, or never will be; nobody has heard of it.  One that its task took
 * back may have been with a server before, which has been replaced.  Any context.
 */
void fuse_iomap_request_ended(const struct fuse_req *req)
{
	struct fuse_iomap_conn *ic = &req->fm->fc->iomap;

	if (!ic->enabled)
		return;
	if (!changes_no_other(req->in.h.opcode))
		atomic64_inc_return(&ic->other_changes);
	if (req->out.h.error == -EROFS)
		set_bit(FUSE_IOMAP_READ_ONLY, &ic->state);
}

static bool is_dirty(struct inode *inode, bool datasync)
{
	struct fuse_iomap_inode *ii = FUSE_IOMAP_I(inode);

	/* what has failed may be any file's: who has stopped writing says so to everybody */
	if (test_bit(FUSE_IOMAP_READ_ONLY, &get_fuse_conn(inode)->iomap.state))
		return true;
	if (fuse_iomap_metadata_is_dirty(inode))
		return true;
	if (datasync)
		return false;
	return atomic64_read(&ii->attr_changes) > atomic64_read(&ii->attr_durable) ||
	       atomic64_read(&get_fuse_conn(inode)->iomap.other_changes) >
		       atomic64_read(&ii->others_durable);
}

/* The first @changes of the changes that @durable is about are durable. */
static void made_durable(atomic64_t *durable, s64 changes)
{
	s64 old = atomic64_read(durable);

	while (old < changes && !atomic64_try_cmpxchg(durable, &old, changes))
		;
}

/*
 * The file's data has been written, the server knows of it, and has been told of the
 * times unless @datasync.  Returns 0 when all of it is durable, or a negative errno.
 * A server without FSYNC gets the flush from here.  Upcalls.
 */
int fuse_iomap_make_durable(struct file *file, bool datasync)
{
	struct inode *inode = file_inode(file);
	struct fuse_iomap_inode *ii = FUSE_IOMAP_I(inode);
	struct fuse_conn *fc = get_fuse_conn(inode);
	s64 metadata, attr, others;
	int err;

	/* nobody is left who could say what has become of it */
	if (!READ_ONCE(fc->connected))
		return -ENOTCONN;
	if (fc->no_fsync || !is_dirty(inode, datasync))
		return fuse_iomap_dev_flush(fc);

	/* before the request; what changes from now on is for the next one */
	metadata = atomic64_read_acquire(&ii->metadata_changes);
	attr = atomic64_read_acquire(&ii->attr_changes);
	others = atomic64_read_acquire(&fc->iomap.other_changes);
	err = fuse_iomap_send_fsync(file, datasync);
	if (err == -ENOSYS) {
		fc->no_fsync = 1;
		return fuse_iomap_dev_flush(fc);
	}
	if (err)
		return err;
	made_durable(&ii->metadata_durable, metadata);
	if (!datasync) {
		made_durable(&ii->attr_durable, attr);
		made_durable(&ii->others_durable, others);
	}
	return 0;
}
