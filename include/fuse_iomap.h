/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libfuseiomap: FUSE servers that tell the kernel where a file's bytes lie.
 *
 * A server is an ordinary libfuse3 low-level server with a second table of
 * operations.  This library creates the libfuse session, mounts through
 * /dev/fuseiomap, negotiates, runs the loop, answers the iomap requests from
 * the second table and hands everything else to libfuse unchanged.
 *
 *	struct fuse_iomap_session *fis;
 *
 *	fis = fuse_iomap_session_new(&args, &ll_ops, sizeof(ll_ops),
 *				     &iomap_ops, sizeof(iomap_ops), userdata);
 *	fuse_iomap_session_mount(fis, mountpoint, FUSE_IOMAP_MODE_AUTO, &opts);
 *	fuse_set_signal_handlers(fuse_iomap_session_fuse(fis));
 *	fuse_iomap_session_loop(fis, 4);
 *	fuse_iomap_session_unmount(fis);
 *	fuse_iomap_session_destroy(fis);
 *
 * Servers on libfuse's high-level interface, with paths: fuse_iomap_highlevel.h.
 *
 * Without the kernel module (FUSE_IOMAP_MODE_AUTO) the session is a plain
 * libfuse mount of /dev/fuse and the server gets READ and WRITE as ever.
 *
 * All functions are thread-safe unless they say otherwise.  Functions that can
 * fail return 0 or a negative errno unless they say otherwise.
 */
#ifndef FUSE_IOMAP_H
#define FUSE_IOMAP_H

#ifndef FUSE_USE_VERSION
#define FUSE_USE_VERSION 314
#endif

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <fuse_lowlevel.h>
#include <fuse_iomap_kernel.h>

#ifdef __cplusplus
extern "C" {
#endif

struct statx;
struct fuse_iomap_session;

/*
 * One iomap request.  Valid until it is answered, exactly once, by one of the
 * fuse_iomap_reply_*() functions for requests, from any thread.  A second answer
 * is refused with -EALREADY.  Structures that an operation gets a pointer to are
 * valid until it returns.
 */
typedef struct fuse_iomap_req *fuse_iomap_req_t;

/*
 * The iomap operations.  All are optional: a NULL is answered with ENOSYS,
 * whose meaning for each request is in doc/protocol.md.  They run on the
 * session's worker threads, several at once when the loop has several threads.
 */
struct fuse_iomap_ops {
	/*
	 * The connection has iomap on: register block devices
	 * (fuse_iomap_device_add()) and answer with the file system's geometry.
	 * Nothing else is served until this is answered.
	 * @flags: FUSE_IOMAP_CONFIG_* the kernel understands.  Answering with
	 *	FUSE_IOMAP_CONFIG_MAPPINGS of them lets the kernel keep the mappings
	 *	that begin() gives, until a request of its own changes them;
	 *	FUSE_IOMAP_CONFIG_BEFORE, with it, lets it make room for more of them
	 *	before the place that it asks for.  With
	 *	FUSE_IOMAP_CONFIG_DIRS readdir() and readdirplus() at offset 0 may come
	 *	with fi->fh 0, of a directory for which opendir() was not called: the
	 *	answer has all entries, or is EOVERFLOW; and no answer may be shorter
	 *	than it needs to be, but for the last one.  fsyncdir() and ioctl() may come
	 *	with fi->fh 0, too.  With FUSE_IOMAP_CONFIG_NO_OPEN open() and release()
	 *	are never called.  Both change nothing on a mount without
	 *	default_permissions.  FUSE_IOMAP_CONFIG_READ_ONLY is for
	 *	fuse_iomap_turn_read_only().  With FUSE_IOMAP_CONFIG_REPLACE rename() over
	 *	another file is called when ioend() has told of all data of the renamed one,
	 *	and a file that was cut to nothing is written from its close on.
	 *	FUSE_IOMAP_CONFIG_FORGET is for forget(), which must be there then.
	 * @maxbytes: largest file the kernel handles, bytes
	 * @cache_maxbytes: the kernel's default limit of what it keeps, bytes per file
	 * Answer: fuse_iomap_reply_config(), fuse_iomap_reply_err()
	 */
	void (*config)(fuse_iomap_req_t req, uint64_t flags, int64_t maxbytes,
		       uint32_t cache_maxbytes);
	/*
	 * Where are the bytes [@pos, @pos + @count) of a file?  The mapping in
	 * the answer must contain @pos; it may start before and end anywhere.
	 * @attr_ino: st_ino that the server reported for @nodeid
	 * @opflags: FUSE_IOMAP_OP_*
	 * Answer: fuse_iomap_reply_begin(), fuse_iomap_reply_begin_more(),
	 *	fuse_iomap_reply_begin_around(), fuse_iomap_reply_err()
	 */
	void (*begin)(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t attr_ino,
		      uint64_t pos, uint64_t count, uint32_t opflags);
	/*
	 * A mapping is not needed any more.  in->written bytes of in->count
	 * were used.  Of type DELALLOC, with 0 written: what was promised of the
	 * range, if anything, has become no dirty page and is not needed.
	 * Answer: fuse_iomap_reply_err()
	 */
	void (*end)(fuse_iomap_req_t req, fuse_ino_t nodeid,
		    const struct fuse_iomap_end_in *in);
	/*
	 * Data has reached the device (or failed to: in->error).
	 * Answer: fuse_iomap_reply_ioend(), fuse_iomap_reply_err()
	 */
	void (*ioend)(fuse_iomap_req_t req, fuse_ino_t nodeid,
		      const struct fuse_iomap_ioend_in *in);
	/* Write all metadata.  Answer: fuse_iomap_reply_err() */
	void (*syncfs)(fuse_iomap_req_t req, fuse_ino_t nodeid);
	/*
	 * @fh: file handle of the open file, valid if @has_fh
	 * @flags: AT_STATX_SYNC_TYPE bits; @mask: STATX_* that are wanted
	 * Answer: fuse_iomap_reply_statx(), fuse_iomap_reply_err()
	 */
	void (*statx)(fuse_iomap_req_t req, fuse_ino_t nodeid, bool has_fh,
		      uint64_t fh, uint32_t flags, uint32_t mask);
	/* Answer: fuse_iomap_reply_err().  @unlinked: open inodes without a name */
	void (*freezefs)(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t unlinked);
	void (*unfreezefs)(fuse_iomap_req_t req, fuse_ino_t nodeid);
	void (*shutdownfs)(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t flags);
	/*
	 * Make and open a regular file without a name (open(2), O_TMPFILE), which counts
	 * as looked up; a link() may give it one. In plain FUSE mounts, too. Without this
	 * operation open() fails with EOPNOTSUPP.
	 * Answer: as libfuse's create(); fuse_iomap_reply_create(), fuse_reply_err()
	 */
	void (*tmpfile)(fuse_req_t req, fuse_ino_t parent, mode_t mode,
			struct fuse_file_info *fi);
	/*
	 * As the forget() of libfuse: the kernel gives up @nlookup references to an inode
	 * that has no name.  Somebody waits until its space is free: answer when it is.  Only
	 * with FUSE_IOMAP_CONFIG_FORGET; all other references are given up by libfuse's.
	 * Answer: fuse_iomap_reply_err(), whose error changes nothing
	 */
	void (*forget)(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t nlookup);
};

/* What to do about the kernel module */
enum fuse_iomap_mode {
	FUSE_IOMAP_MODE_AUTO,		/* use it when it is there */
	FUSE_IOMAP_MODE_REQUIRE,	/* fail without it */
	FUSE_IOMAP_MODE_OFF,		/* plain FUSE */
};

/* How to mount.  Strings may be NULL and are copied. */
struct fuse_iomap_mount_opts {
	size_t size;			/* sizeof(struct fuse_iomap_mount_opts) */
	const char *source;		/* first column of /proc/mounts */
	const char *subtype;		/* file system type is "fuseiomap.SUBTYPE" */
	unsigned long mount_flags;	/* MS_RDONLY, MS_NOSUID, MS_NODEV, ... */
	bool allow_other;		/* users other than the mounting one may use it */
	bool default_permissions;	/* the kernel checks modes and ACLs */
	/*
	 * The root's node id, 0: FUSE_ROOT_ID.  Another one only with the module: the
	 * mount fails with -EINVAL where it would be plain FUSE.
	 */
	uint64_t root_nodeid;
	/*
	 * Bytes; 0: nothing.  @source is a block device with a file system of this block size,
	 * which nobody has open exclusively.  Where the module is not used and the caller may,
	 * it becomes a "fuseblk" mount: the kernel has the device for itself, and umount(2)
	 * returns when the server has answered DESTROY.  Else it is plain FUSE;
	 * fuse_iomap_session_is_block() tells.
	 */
	uint32_t block_size;
};

/*
 * Processes
 */

/*
 * Make what this process has inherited fit for a server.  Call it first in main(), before
 * anything is opened and before there are threads.
 *
 *  - Standard descriptors that are closed become /dev/null: no device gets such a number.
 *  - No signal is blocked.  SIGCHLD and SIGTERM have their default actions, SIGPIPE and
 *    SIGXFSZ are ignored.
 *  - The limits of file size and processor time are raised as far as this process may.
 *
 * Returns a mask of the standard descriptors that were closed: bit 0 for stdin, 1 for stdout,
 * 2 for stderr.  Or -errno if one could not be opened: then end without opening anything.
 */
int fuse_iomap_prepare_process(void);

/*
 * Sessions
 */

/*
 * Create a session.  Takes what fuse_session_new() takes plus the iomap
 * operations; @op, @iop are copied, @args is parsed for libfuse's low-level
 * options (debug, ...).  Returns NULL on failure, having said why through
 * fuse_log().
 */
struct fuse_iomap_session *fuse_iomap_session_new(struct fuse_args *args,
		const struct fuse_lowlevel_ops *op, size_t op_size,
		const struct fuse_iomap_ops *iop, size_t iop_size,
		void *userdata);

/* The libfuse session inside; owned by @fis. */
struct fuse_session *fuse_iomap_session_fuse(struct fuse_iomap_session *fis);

/*
 * Mount on @mountpoint.  FUSE_IOMAP_MODE_REQUIRE fails with -ENODEV when the
 * module is not loaded and -EPERM when the caller may not use it; AUTO falls
 * back to a plain FUSE mount in both cases.  Not thread-safe.
 */
int fuse_iomap_session_mount(struct fuse_iomap_session *fis, const char *mountpoint,
			     enum fuse_iomap_mode mode,
			     const struct fuse_iomap_mount_opts *opts);

/*
 * Serve @fd, a fuse device that somebody else has mounted (a mount helper, say),
 * instead of mounting.  @iomap: it is /dev/fuseiomap's; then iomap is negotiated
 * as @mode says.  The session closes @fd when it is destroyed, and never unmounts.
 * fuse_iomap_session_mount() on "/dev/fd/N" is this with @iomap found out.
 * Not thread-safe.
 */
int fuse_iomap_session_attach(struct fuse_iomap_session *fis, int fd,
			      enum fuse_iomap_mode mode, bool iomap);

/* After mount: does this session go through the iomap module? */
bool fuse_iomap_session_is_iomap(const struct fuse_iomap_session *fis);
/* Is it a mount of a block device (block_size of fuse_iomap_mount_opts)? */
bool fuse_iomap_session_is_block(const struct fuse_iomap_session *fis);

/*
 * Is iomap on?  Settled when libfuse calls the server's init(), so that can ask.
 * If not, the session is plain FUSE and the server gets READ and WRITE.
 */
bool fuse_iomap_session_negotiated(const struct fuse_iomap_session *fis);

/*
 * Let mounts of this file system be idmapped (mount_setattr(2)); without this call the
 * kernel refuses that with EINVAL.  To be called in the server's init().  By calling it
 * the server says:
 *  - the kernel checks permissions (default_permissions).  The kernel refuses the
 *    connection of a mount without; so does this function, for a mount made by
 *    fuse_iomap_session_mount().
 *  - what it creates belongs to the ids in fuse_req_ctx(), and to the directory's group
 *    where the mode says so.  They are the creator's as the mount maps them: they may be
 *    ids that he does not have, and say nothing about what he may do.
 * The ids in all other requests are the caller's, not mapped.
 *
 * -EOPNOTSUPP: the session is plain FUSE, or the kernel can't (before Linux 6.12).
 * -EPERM: mounted without default_permissions.  -EINVAL: not in init().
 */
int fuse_iomap_session_allow_idmap(struct fuse_iomap_session *fis);

/*
 * Serve requests with @threads worker threads until the file system has been
 * unmounted.  The calling thread supervises: it takes the signals, which the
 * workers block.  With one worker the operations run one at a time.
 * DESTROY is delivered after all other operations have returned and all other
 * requests have been answered; one that never is keeps the unmount waiting.
 *
 * A signal (fuse_set_signal_handlers()) or fuse_session_exit() begins the end:
 * the library unmounts, and goes on serving meanwhile, because the kernel writes
 * dirty data first and asks this server where to.  A mount that is in use is
 * detached and served until its last user has gone.  A second signal cuts the
 * connection at once; data not yet written is lost then.  So is the first one
 * for a session that was given its descriptor (fuse_iomap_session_attach()).
 * If the library may not unmount, it has the kernel write all dirty data, and
 * cuts the connection then.
 *
 * Operations must return: the loop waits for those that run, even when the
 * connection has been cut.  A process that forks after the mount must close the
 * fuse descriptor in the child, or the connection can't be cut.
 *
 * Returns 0 after an unmount or fuse_session_exit(), the number of the signal
 * that ended it, or a negative errno: -EOPNOTSUPP when iomap is required and the
 * kernel did not offer it, -EPROTO when libfuse could not agree with the kernel.
 * Once per session.
 */
int fuse_iomap_session_loop(struct fuse_iomap_session *fis, unsigned int threads);

/*
 * Unmount if still mounted, with the connection cut first because nobody serves
 * it.  After a loop that ended normally there is nothing left to do.  Not
 * thread-safe; the loop must have ended.
 */
void fuse_iomap_session_unmount(struct fuse_iomap_session *fis);
/*
 * Free.  Handles of requests that were never answered are invalid afterwards, so
 * threads of the server's own must not reply any more.  Not thread-safe; the loop
 * must have ended.
 */
void fuse_iomap_session_destroy(struct fuse_iomap_session *fis);

/*
 * Requests
 */

/* The userdata given to fuse_iomap_session_new(), and the session. */
void *fuse_iomap_req_userdata(fuse_iomap_req_t req);
struct fuse_iomap_session *fuse_iomap_req_session(fuse_iomap_req_t req);
/* Caller's ids: uid, gid, pid (0 where the kernel gives none). */
const struct fuse_ctx *fuse_iomap_req_ctx(fuse_iomap_req_t req);

/*
 * All of these give 0 or a negative errno: -ENOENT when the kernel no longer
 * waits for the answer, -EALREADY when there has been one, -EINVAL when it does
 * not fit the request (which then fails with EIO).
 */

/*
 * Answer with an error (positive errno), or success (0) where success carries
 * nothing.
 */
int fuse_iomap_reply_err(fuse_iomap_req_t req, int err);
/*
 * Answer begin().  @write NULL: writes go where @read points.
 */
int fuse_iomap_reply_begin(fuse_iomap_req_t req, const struct fuse_iomap_io *read,
			   const struct fuse_iomap_io *write);
/*
 * The same with @nr further mappings of the file, behind @read and in ascending
 * order: MAPPED, UNWRITTEN, HOLE or DELALLOC.  The kernel keeps them, as it keeps
 * @read, and need not ask for them; only as many as the request has room for are
 * sent, which is none unless config() agreed to FUSE_IOMAP_CONFIG_MAPPINGS.
 */
int fuse_iomap_reply_begin_more(fuse_iomap_req_t req, const struct fuse_iomap_io *read,
				const struct fuse_iomap_io *write,
				const struct fuse_iomap_io *more, unsigned int nr);
/*
 * The same with mappings before @read, too, also in ascending order: @before ends before
 * @read begins, @behind begins where it ends or later.  If not all have room, those nearest
 * to @read are sent; there is none before it unless config() agreed to
 * FUSE_IOMAP_CONFIG_BEFORE.
 */
int fuse_iomap_reply_begin_around(fuse_iomap_req_t req, const struct fuse_iomap_io *read,
				  const struct fuse_iomap_io *write,
				  const struct fuse_iomap_io *before, unsigned int nr_before,
				  const struct fuse_iomap_io *behind, unsigned int nr_behind);
/*
 * How many further mappings an answer to this begin() may have behind the one asked for, and
 * before it; 0: none.  The kernel has room for what it does not know yet, so answers that end
 * at places of their own choice (where a block of mappings on the disk ends, say) leave no
 * small rests to ask for.
 */
unsigned int fuse_iomap_req_room(fuse_iomap_req_t req);
unsigned int fuse_iomap_req_room_before(fuse_iomap_req_t req);
/* Answer ioend(): @newsize is the file's size on disk now, bytes. */
int fuse_iomap_reply_ioend(fuse_iomap_req_t req, uint64_t newsize);
/*
 * Answer with success and @len bytes as they are, for a protocol newer than this
 * library.
 */
int fuse_iomap_reply_buf(fuse_iomap_req_t req, const void *body, size_t len);
/* Answer config().  -EINVAL (and EINVAL to the kernel) for unknown flags. */
int fuse_iomap_reply_config(fuse_iomap_req_t req, const struct fuse_iomap_config_out *cfg);
/* Answer statx().  @timeout: seconds the answer may be cached. */
int fuse_iomap_reply_statx(fuse_iomap_req_t req, const struct statx *stx, double timeout);

/*
 * Replies of ordinary requests that carry FUSE_ATTR_* flags.  As their
 * libfuse namesakes otherwise; @iflags are dropped on plain FUSE sessions.
 */
int fuse_iomap_reply_entry(fuse_req_t req, const struct fuse_entry_param *e,
			   uint32_t iflags);
int fuse_iomap_reply_create(fuse_req_t req, const struct fuse_entry_param *e,
			    const struct fuse_file_info *fi, uint32_t iflags);
int fuse_iomap_reply_attr(fuse_req_t req, const struct stat *attr,
			  double attr_timeout, uint32_t iflags);
size_t fuse_iomap_add_direntry_plus(fuse_req_t req, char *buf, size_t bufsize,
				    const char *name, const struct fuse_entry_param *e,
				    off_t off, uint32_t iflags);

/*
 * What libfuse does not tell the setxattr() operation: FUSE_SETXATTR_* flags.  With
 * FUSE_SETXATTR_ACL_KILL_SGID a new access ACL takes the set-gid bit from the file,
 * because the caller is not of its group; only the kernel can know that.  To be called
 * before the operation returns, in its thread; 0 where the kernel has no such flags.
 */
uint32_t fuse_iomap_setxattr_flags(fuse_req_t req);

/*
 * Mappings
 */

/* *@write := "where @read points" */
void fuse_iomap_pure_overwrite(struct fuse_iomap_io *write, const struct fuse_iomap_io *read);
/* Will the file's bytes or its space change? */
static inline bool fuse_iomap_is_write(uint32_t opflags)
{
	return opflags & FUSE_IOMAP_OP_WRITE_MASK;
}
/* Does this operation need space where @map says there is none? */
static inline bool fuse_iomap_need_write_allocate(uint32_t opflags,
						  const struct fuse_iomap_io *map)
{
	return fuse_iomap_is_write(opflags) && !(opflags & FUSE_IOMAP_OP_ZERO) &&
	       map->type == FUSE_IOMAP_TYPE_HOLE;
}

/*
 * Devices and notifications.  From config() on.
 */

/*
 * Register the block device open at @fd; the kernel keeps its own reference.
 * Its access mode bounds what mappings may be used for.  Returns an id (> 0)
 * for fuse_iomap_io.dev or a negative errno.
 */
int fuse_iomap_device_add(struct fuse_iomap_session *fis, int fd, unsigned int flags);
/* -EBUSY while an iomap inode is in core. */
int fuse_iomap_device_remove(struct fuse_iomap_session *fis, int dev);
/* Set the block size (bytes) the kernel uses for a registered device. */
int fuse_iomap_device_set_blocksize(struct fuse_iomap_session *fis, int dev,
				    uint32_t blocksize);
/* Drop the device's page cache in [@offset, @offset + @length) bytes, unwritten. */
int fuse_iomap_device_invalidate(struct fuse_iomap_session *fis, int dev,
				 uint64_t offset, uint64_t length);
/* Put mappings into the kernel's cache; NULL leaves a fork alone. */
int fuse_iomap_upsert_mappings(struct fuse_iomap_session *fis, fuse_ino_t nodeid,
			       uint64_t attr_ino, const struct fuse_iomap_io *read,
			       const struct fuse_iomap_io *write);
/* Drop mappings from the kernel's cache; NULL leaves a fork alone. */
int fuse_iomap_inval_mappings(struct fuse_iomap_session *fis, fuse_ino_t nodeid,
			      uint64_t attr_ino, const struct fuse_range *read,
			      const struct fuse_range *write);
/*
 * The server writes nothing any more, and what is not durable yet never will be: the mount
 * becomes read-only, as the mount table says too, until it is unmounted.  syncfs(2) fails
 * once.  Done at once, or as soon as the kernel can (a frozen file system is thawed first).
 * The server goes on refusing writes by itself: files may be open for writing, and pages
 * dirty.  -EOPNOTSUPP without FUSE_IOMAP_CONFIG_READ_ONLY in the answer to config().
 */
int fuse_iomap_turn_read_only(struct fuse_iomap_session *fis);

/*
 * Capabilities
 */

/*
 * What can the kernel do for this process?  @fd: an open /dev/fuseiomap, or -1
 * to open it.  FUSE_IOMAP_SUPPORT_* bits; 0 when the module is missing or the
 * caller may not use it.
 */
uint64_t fuse_iomap_discover(int fd);
/* Approve @fd, an unmounted /dev/fuseiomap, for use by a process without privileges. */
int fuse_iomap_approve(int fd);
/*
 * The calling thread, and threads it starts later, must not enter file systems
 * to reclaim memory (@on) or may again.  The workers of fuse_iomap_session_loop()
 * do that for themselves; it is for threads of the server that they wait for.
 */
int fuse_iomap_disable_fsreclaim(struct fuse_iomap_session *fis, bool on);

#ifdef __cplusplus
}
#endif

#endif /* FUSE_IOMAP_H */
