/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of libfuseiomap share and nobody else sees.
 *
 * How the library sits around a stock libfuse:
 *
 *	 kernel --read()--> worker (loop.c)
 *	                      |
 *	                   dispatch.c --iomap, SYNCFS, STATX--> struct fuse_iomap_ops
 *	                      |                                        |
 *	              fuse_session_process_buf()                       |
 *	                      |                                        |
 *	               struct fuse_lowlevel_ops                        |
 *	                      |                                        |
 *	              fuse_reply_*() of libfuse              fuse_iomap_reply_*()
 *	                      |                                   (reply.c)
 *	           our writev callback (io.c)                          |
 *	            patches INIT, attributes                           |
 *	                      |                                        |
 *	 kernel <--writev()---+----------------------------------------+
 *
 * Locking: session.lock covers the slots of request.c and the fields marked
 * (lock); registry.c has the one process-wide lock, innermost.  Neither is held
 * across a system call on the fuse descriptor or a call into the server.
 */
#ifndef IOMAP_I_H
#define IOMAP_I_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <fuse_iomap.h>
#include <fuse_log.h>

#define IOMAP_DEV_PATH		"/dev/fuseiomap"
#define IOMAP_FSTYPE		"fuseiomap"

/* Opcodes that the oldest supported <linux/fuse.h> has no name for. */
#define IOMAP_OP_SYNCFS		50
#define IOMAP_OP_STATX		52

/* Room for a request's headers before the data of a WRITE. */
#define IOMAP_HEADER_ROOM	4096U
/* libfuse asks for writes of at most this unless the kernel allows more. */
#define IOMAP_DEFAULT_MAX_WRITE	(1024U * 1024)

/* the version script hides these as well; this saves the calls a detour */
#pragma GCC visibility push(hidden)

struct iomap_slot;
struct iomap_path;
struct iomap_carry;

/* Where the session is mounted; path NULL when somebody else mounted it. */
struct iomap_mount {
	char *path;		/* absolute, no symlinks */
	uint64_t mnt_id;	/* of statx(2) and the mount table, may be used again; 0: unknown */
	uint64_t unique_id;	/* of statx(2), to know it is still ours; 0: unknown */
	char *identity;		/* and that a mount elsewhere is; NULL: unknown */
	bool by_helper;		/* fusermount3 mounted it and has to unmount it */
};

struct fuse_iomap_session {
	struct fuse_session *se;
	struct iomap_path *path;	/* path.h; NULL of a low-level server */
	struct fuse_iomap_ops ops;
	/* the server's, if libfuse has ours instead */
	void (*init)(void *userdata, struct fuse_conn_info *conn);
	void (*create)(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		       struct fuse_file_info *fi);
	void *userdata;
	enum fuse_iomap_mode mode;
	bool iomap;			/* the descriptor is /dev/fuseiomap's */
	bool block;			/* the mount holds its block device */
	int fd;				/* -1 before mount; libfuse closes it */
	struct iomap_mount mnt;
	struct fuse_iomap_session *next;	/* registry.c */

	uint32_t kernel_minor;		/* of the kernel's INIT */
	bool default_permissions;	/* of our mount */
	bool idmap_offered, idmap;	/* while INIT is being answered */
	bool parallel_dirops;
	bool xattr_flags_offered;
	atomic_bool xattr_flags;	/* SETXATTR has flags... */
	atomic_bool xattr_flags_ours;	/* ...that libfuse does not know of */
	atomic_bool negotiated;
	atomic_bool initialised;	/* INIT has been answered */
	atomic_size_t bufsize;		/* of the buffer for one request */

	/* inflight.c */
	atomic_uint_fast64_t inflight;
	atomic_bool draining;
	int drain_efd;

	/* loop.c */
	int wake_efd;			/* wakes the supervisor */
	atomic_bool stop;		/* please unmount */
	atomic_bool aborted;		/* the connection has been cut */
	atomic_int error;		/* first fatal error, negative errno */

	pthread_mutex_t lock;
	struct iomap_slab *slabs;	/* (lock) */
	struct iomap_slot *free_head;	/* (lock) oldest free slot */
	struct iomap_slot *free_tail;	/* (lock) */
};

/* request.c: handles of iomap requests */
struct iomap_claim {
	struct fuse_iomap_session *fis;
	uint64_t unique;
	uint32_t opcode;
};
fuse_iomap_req_t iomap_request_new(struct fuse_iomap_session *fis,
				   const struct fuse_in_header *in);
uint64_t iomap_request_unique(fuse_iomap_req_t req);
int iomap_request_claim(fuse_iomap_req_t req, struct iomap_claim *claim);
bool iomap_request_is_live(struct fuse_iomap_session *fis, uint64_t unique);
void iomap_request_free_all(struct fuse_iomap_session *fis);

/* reply.c */
int iomap_send(struct fuse_iomap_session *fis, uint64_t unique, int error,
	       const void *body, size_t len);

/* io.c: the callbacks libfuse gets, and the calling thread's context */
struct iomap_thread {
	struct fuse_iomap_session *fis;	/* whose worker this is, or NULL */
	bool init_pending;		/* the reply to INIT is about to be written */
	bool attr_pending;		/* so is one with attributes */
	uint32_t attr_flags;
	uint32_t xattr_flags;		/* of the SETXATTR that libfuse is handling */
	struct fuse_iomap_session *tmpfile;	/* the CREATE that it is handling is a TMPFILE */
	uint32_t opcode;		/* of the request; path-based servers only */
	struct iomap_carry *carry;	/* path.h */
};
struct iomap_thread *iomap_this_thread(void);
int iomap_io_install(struct fuse_iomap_session *fis, int fd);

/* session.c */
struct fuse_iomap_session *iomap_session_alloc(const struct fuse_iomap_ops *iop,
					       size_t iop_size, void *userdata);

/* init.c */
void iomap_init_install(struct fuse_iomap_session *fis, struct fuse_lowlevel_ops *op);
bool iomap_init_request(struct fuse_iomap_session *fis, const struct fuse_in_header *in);
void iomap_init_reply(struct fuse_iomap_session *fis, struct fuse_init_out *out);

/* setxattr.c */
struct fuse_in_header *iomap_setxattr(struct fuse_iomap_session *fis, struct fuse_in_header *in);

/* tmpfile.c */
void iomap_tmpfile_install(struct fuse_iomap_session *fis, struct fuse_lowlevel_ops *op);
void iomap_tmpfile(struct fuse_iomap_session *fis, struct fuse_in_header *in);

/* attr_flags.c */
void iomap_attr_flags_patch(void *body, size_t len, uint32_t iflags);

/* inflight.c */
void iomap_inflight_get(struct fuse_iomap_session *fis, unsigned int n);
void iomap_inflight_put(struct fuse_iomap_session *fis);
void iomap_inflight_drain(struct fuse_iomap_session *fis, unsigned int own);
void iomap_inflight_wake(struct fuse_iomap_session *fis);

/* dispatch.c */
int iomap_dispatch(struct fuse_iomap_session *fis, void *buf, size_t len);

/* loop.c */
void iomap_loop_wake(struct fuse_iomap_session *fis);
void iomap_session_fail(struct fuse_iomap_session *fis, int err);
void iomap_session_cut(struct fuse_iomap_session *fis);

/* registry.c: from what libfuse tells a callback to the session */
void iomap_registry_add(struct fuse_iomap_session *fis);
void iomap_registry_del(struct fuse_iomap_session *fis);
struct fuse_iomap_session *iomap_registry_by_fd(int fd);
struct fuse_iomap_session *iomap_registry_by_userdata(const void *userdata);

/* discover.c */
int iomap_open_device(void);
bool iomap_fd_is_module(int fd);
bool iomap_is_refused(int fd);

/* mount.c, fusermount.c, unmount.c; all return 0 or a negative errno */
struct iomap_mount_args {
	const char *fstype;		/* "fuseiomap" or "fuse" */
	const char *source;
	const char *subtype;		/* may be NULL */
	unsigned long flags;		/* MS_* */
	unsigned int rootmode;		/* S_IFDIR or S_IFREG */
	bool allow_other;
	bool default_permissions;
	uint64_t root_nodeid;		/* 0: not given */
	uint32_t block_size;		/* bytes, of a "fuseblk" mount; 0: it is none */
};
int iomap_mount_kernel(int fd, const char *path, const struct iomap_mount_args *args,
		       uint64_t *mnt_id);
int iomap_mount_helper(const char *path, const struct iomap_mount_args *args, int *fdp);
int iomap_unmount_helper(const char *path, bool lazy);
uint64_t iomap_mount_id(const char *path);
uint64_t iomap_mount_unique_id(const char *path);
bool iomap_is_mounted(struct iomap_mount *mnt);
int iomap_unmount(struct iomap_mount *mnt);
void iomap_sync_mount(struct iomap_mount *mnt);

/* mounttable.c; to be freed, NULL if that can't be told */
char *iomap_mount_identity(uint64_t mnt_id);
/* where it is mounted now, as this process sees it */
char *iomap_mount_path(const struct iomap_mount *mnt);

/* mount options without a mount(2) flag need a name for fsconfig/fusermount */
struct iomap_flag_name {
	unsigned long flag;		/* MS_* */
	unsigned int attr;		/* MOUNT_ATTR_*, 0: belongs to the superblock */
	const char *name;
};
extern const struct iomap_flag_name iomap_flag_names[];

#pragma GCC visibility pop

#endif /* IOMAP_I_H */
