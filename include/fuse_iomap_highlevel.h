/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libfuseiomap for path-based servers: libfuse's struct fuse_operations and a second
 * table of operations that say where a file's bytes lie.
 *
 *	struct fuse_iomap_session *fis;
 *
 *	fis = fuse_iomap_path_session_new(&args, &ops, sizeof(ops),
 *					  &iomap_ops, sizeof(iomap_ops), private_data);
 *	fuse_iomap_session_mount(fis, mountpoint, FUSE_IOMAP_MODE_AUTO, &opts);
 *	fuse_set_signal_handlers(fuse_iomap_session_fuse(fis));
 *	fuse_iomap_session_loop(fis, 4);
 *	fuse_iomap_session_unmount(fis);
 *	fuse_iomap_session_destroy(fis);
 *
 * It is a session like any other: whatever fuse_iomap.h has for sessions and devices works
 * with it, except where a node id is an argument; there are functions here for those.
 *
 * Paths, and files without one.  The operations get paths as struct fuse_operations' do,
 * from libfuse, and libfuse keeps the path from being renamed or removed until the
 * operation has returned.  But the kernel's business with a file doesn't end when its name
 * does: it may hold pages and mappings of the file after the last close, write them back
 * and report it.  So a path may be NULL, or the hidden name (.fuse_hidden...) of a file that
 * libfuse has removed meanwhile; what names a file for sure is its number, st_ino of
 * getattr().  The library switches use_ino on before it calls init(), and a server has to
 *  - give st_ino, not 0, and another one to each file;
 *  - keep the number and the space of a file whose last name was removed for this file until
 *    forget() has been called with it, and answer begin(), end() and ioend() meanwhile, by
 *    number.  Space that is given away earlier can be written to by the kernel.
 *
 * Hard links.  libfuse takes each name for a file of its own, and the kernel would keep the
 * same bytes twice.  So link() of a file that is FUSE_ATTR_IOMAP is refused with EPERM where
 * iomap is on, and a file that has several names already loses FUSE_ATTR_IOMAP and
 * FUSE_ATTR_EXCLUSIVE: its data goes through read() and write().
 *
 * The library takes a copy of the server's operations and puts its own init, getattr,
 * readdir, link and fsync in front of the server's.  It asks libfuse for a path by having it
 * handle an FSYNC (or a GETATTR for statx()) with the node and the caller of the real
 * request: that's what libfuse's debug option shows for it, and stacked modules (-o
 * modules=...) work.  st_rdev of what is no device is the library's.
 *
 * fuse_get_context() works in all operations, and so does fuse_iomap_path_session().
 * setxattr() may call fuse_iomap_setxattr_flags(NULL), init() fuse_iomap_session_allow_idmap().
 */
#ifndef FUSE_IOMAP_HIGHLEVEL_H
#define FUSE_IOMAP_HIGHLEVEL_H

#include <fuse_iomap.h>
#include <fuse.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The answer to begin().  Filled with zeroes but for what is said here. */
struct fuse_iomap_path_answer {
	struct fuse_iomap_io read;	/* must contain the byte asked for */
	/* preset to "where @read points" (FUSE_IOMAP_TYPE_PURE_OVERWRITE) */
	struct fuse_iomap_io write;
	/*
	 * Further mappings: @nr of at most @room, behind @read and in ascending order, see
	 * fuse_iomap_reply_begin_more().  @more is the library's memory, for @room of them;
	 * NULL if that is 0.
	 */
	unsigned int room;
	unsigned int nr;
	struct fuse_iomap_io *more;
};

/*
 * The iomap operations of a path-based server.  They return 0 or a negative errno and are
 * all optional; NULL and -ENOSYS mean what doc/protocol.md says for each request.  They run
 * on the session's worker threads, several at once when the loop has several threads, and
 * may sleep.  They must not use the server's own mount.
 * @path: as for read() in struct fuse_operations; NULL where the file has no name any more,
 *	and always with the option nullpath_ok.  Valid until the operation returns.
 */
struct fuse_iomap_path_ops {
	/*
	 * The connection has iomap on: register block devices (fuse_iomap_device_add()) and
	 * say what the geometry is.  Nothing else is served meanwhile.
	 * @flags: FUSE_IOMAP_CONFIG_* the kernel understands, but for DIRS, NO_OPEN and FORGET
	 * @maxbytes: largest file the kernel handles, bytes
	 * @cache_maxbytes: the kernel's default limit of what it keeps, bytes per file
	 * @cfg: zeroes, to be filled
	 */
	int (*config)(uint64_t flags, int64_t maxbytes, uint32_t cache_maxbytes,
		      struct fuse_iomap_config_out *cfg);
	/*
	 * FUSE_ATTR_* of a file, FUSE_ATTR_IOMAP for those whose data the kernel moves.
	 * Called after each getattr() and for each entry of readdir() that comes with
	 * FUSE_FILL_DIR_PLUS.  The flags count when the kernel makes its inode: the answer
	 * for a file must not change.  Devices can't have any.  Also called on plain FUSE
	 * sessions; the kernel is not told then.
	 * @path: may be NULL as getattr()'s may
	 * @st: what getattr() or readdir() said
	 */
	uint32_t (*iflags)(const char *path, const struct stat *st);
	/*
	 * Where are the bytes [@pos, @pos + @count) of a file?
	 * @ino: st_ino of the file
	 * @opflags: FUSE_IOMAP_OP_*
	 */
	int (*begin)(const char *path, uint64_t ino, uint64_t pos, uint64_t count,
		     uint32_t opflags, struct fuse_iomap_path_answer *answer);
	/* A mapping is not needed any more.  in->attr_ino is st_ino of the file. */
	int (*end)(const char *path, const struct fuse_iomap_end_in *in);
	/*
	 * Data has reached the device, or failed to: in->error.  in->attr_ino is st_ino.
	 * *@newsize: to become the size on disk, bytes; preset to 0
	 */
	int (*ioend)(const char *path, const struct fuse_iomap_ioend_in *in,
		     uint64_t *newsize);
	/* Write all metadata. */
	int (*syncfs)(void);
	/*
	 * @fi: of the open file, with nothing but fh in it, or NULL
	 * @flags: AT_STATX_SYNC_TYPE bits; @mask: STATX_* that are wanted
	 * @stx: zeroes, to be filled.  Links, owner and mode of the answer are what libfuse
	 * makes of them, as for getattr().
	 */
	int (*statx)(const char *path, uint32_t flags, uint32_t mask, struct statx *stx,
		     struct fuse_file_info *fi);
	/* @unlinked: open inodes without a name */
	int (*freezefs)(uint64_t unlinked);
	int (*unfreezefs)(void);
	int (*shutdownfs)(uint64_t flags);
	/*
	 * The kernel has nothing of the file with st_ino @ino any more, neither pages nor
	 * mappings.  If it has no name, that is for good: number and space may be used
	 * again.  (If it has one, there is nothing to be done.)  Called for all files whose
	 * iflags() have FUSE_ATTR_IOMAP and that the kernel has known, and on plain FUSE
	 * sessions as well.  At unmount destroy() means this for all files that are left.
	 */
	void (*forget)(uint64_t ino);
};

/*
 * Create a session of a path-based server.  Takes what fuse_new() takes plus the iomap
 * operations; @op and @iop are copied, @args is parsed for the options of libfuse's
 * high-level and low-level API.  Returns NULL on failure, having said why through
 * fuse_log(), or after having printed help (-h).
 */
struct fuse_iomap_session *fuse_iomap_path_session_new(struct fuse_args *args,
		const struct fuse_operations *op, size_t op_size,
		const struct fuse_iomap_path_ops *iop, size_t iop_size, void *private_data);

/* libfuse's handle inside, owned by @fis; NULL if the session isn't one of these. */
struct fuse *fuse_iomap_path_fuse(struct fuse_iomap_session *fis);

/*
 * The session that called the operation, of either table, that this thread is in.  NULL in a
 * thread that has never been in one.
 */
struct fuse_iomap_session *fuse_iomap_path_session(void);

/*
 * fuse_iomap_upsert_mappings() and fuse_iomap_inval_mappings() for the file with st_ino @ino.
 * -ESTALE: the kernel doesn't know it, so it keeps nothing of it.
 */
int fuse_iomap_path_upsert_mappings(struct fuse_iomap_session *fis, uint64_t ino,
				    const struct fuse_iomap_io *read,
				    const struct fuse_iomap_io *write);
int fuse_iomap_path_inval_mappings(struct fuse_iomap_session *fis, uint64_t ino,
				   const struct fuse_range *read,
				   const struct fuse_range *write);

#ifdef __cplusplus
}
#endif

#endif /* FUSE_IOMAP_HIGHLEVEL_H */
