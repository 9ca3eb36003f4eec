/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of the path-based interface share.
 *
 * iomap requests carry a node id, a path-based server wants a path, and the table between
 * the two is libfuse's own.  A copy of it would have to follow each rename and removal, be
 * locked against them as libfuse locks its own, and know of the files that libfuse hides
 * instead of removing.  So libfuse is asked, in the only way it can be: it gets a request
 * that it has a path for, and which ends in an operation of ours.
 *
 *	 BEGIN, node 7 --> dispatch.c --> path_ops.c
 *	                                      |  FSYNC, node 7, same caller
 *	                            fuse_session_process_buf()
 *	                                      |  finds and locks the path of node 7
 *	                            fsync("/a/b") of path_session.c
 *	                                      |
 *	                            begin("/a/b", ...) of the server
 *	                                      |  unlocks the path
 *	                            the answer to FSYNC: path_reply.c drops it
 *	                                      |
 *	 kernel <--- fuse_iomap_reply_begin() of path_ops.c
 *
 * FSYNC, because libfuse passes it on without any change, with NULL for a file that has no
 * path any more, and lets everybody do it.
 *
 * Locking: nodes.lock is a leaf and not held across calls.
 */
#ifndef PATH_H
#define PATH_H

#include <fuse_iomap_highlevel.h>
#include "iomap_i.h"

#pragma GCC visibility push(hidden)

/* path_nodes.c: the files that the kernel knows */
struct iomap_node;
struct iomap_nodes {
	pthread_mutex_t lock;
	size_t buckets;			/* a power of two */
	size_t count;
	struct iomap_node **by_id;
	struct iomap_node **by_ino;
	struct iomap_node *dead;	/* to be told to the server */
	atomic_bool any_dead;
};
int iomap_nodes_init(struct iomap_nodes *nodes);
void iomap_nodes_free(struct iomap_nodes *nodes);
int iomap_nodes_get(struct iomap_nodes *nodes, uint64_t nodeid, uint64_t ino);
void iomap_nodes_put(struct iomap_nodes *nodes, uint64_t nodeid, uint64_t nlookup);
bool iomap_nodes_reap(struct iomap_nodes *nodes, uint64_t *ino);
unsigned int iomap_nodes_find(struct iomap_nodes *nodes, uint64_t ino, uint64_t *nodeids,
			      unsigned int max);

struct iomap_path {
	struct fuse *fuse;
	struct fuse_operations op;	/* the server's */
	struct fuse_iomap_path_ops iop;
	struct iomap_nodes nodes;
	atomic_int intr_signal;		/* of fuse_config.intr, or 0 */
	bool intr_installed;		/* the handler is ours */
	atomic_bool destroyed;		/* DESTROY has come: see iomap_path_reap() */
};

/* A request that libfuse takes for another one while this thread handles it. */
struct iomap_carry {
	/* what to do with the path; returns 0 or a negative errno */
	int (*call)(const struct fuse_iomap_path_ops *iop, const char *path,
		    struct fuse_file_info *fi, void *arg);
	void *arg;
	uint64_t unique;
	uint32_t opcode;		/* FUSE_FSYNC or FUSE_GETATTR */
	bool called;
	int result;
	bool has_attr;			/* libfuse's answer to a GETATTR: */
	struct fuse_attr_out attr;
};

/* path_ops.c */
void iomap_path_ops(const struct fuse_iomap_path_ops *iop, struct fuse_iomap_ops *ops);
bool iomap_carry_wants(const struct iomap_carry *carry, uint32_t opcode);
int iomap_carry_deliver(struct iomap_carry *carry, const char *path,
			struct fuse_file_info *fi);
void iomap_carry_stat(const struct iomap_carry *carry, struct stat *st);
void iomap_path_forget(struct fuse_iomap_session *fis, const struct fuse_in_header *in);
void iomap_path_reap(struct fuse_iomap_session *fis, const struct fuse_in_header *in);

/* path_reply.c: what passes iomap_io_writev() */
bool iomap_path_reply_dropped(const struct iovec *iov, int count);
int iomap_path_reply_patch(struct fuse_iomap_session *fis, const struct iovec *iov, int count);
void iomap_path_reply_undo(struct fuse_iomap_session *fis, const struct iovec *iov, int count);

/* path_session.c */
void iomap_path_worker(struct fuse_iomap_session *fis);
int iomap_path_start(struct fuse_iomap_session *fis);
void iomap_path_stop(struct fuse_iomap_session *fis);
void iomap_path_free(struct fuse_iomap_session *fis);

#pragma GCC visibility pop

#endif /* PATH_H */
