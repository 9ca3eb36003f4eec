/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A path-based server for the tests of that interface: a tree of directories and files in
 * memory, whose iomap operations tell what they were called with.
 *
 * Each file's bytes are where its number says: byte 0 at number * FILE_SPACE of device 7.
 */
#ifndef PATH_SERVER_H
#define PATH_SERVER_H

#include "peer.h"

#define FILE_SPACE	(1ULL << 30)
#define MAX_FORGOTTEN	64

/* What begin(), end() and ioend() saw last, and forget() ever. */
struct path_seen {
	char path[256];		/* "-": NULL */
	uint64_t ino;
	uint64_t forgotten[MAX_FORGOTTEN];
	unsigned int nr_forgotten;
};

/* What init() sets in struct fuse_config. */
extern bool path_hard_remove, path_nullpath_ok;
/* readdir() gives libfuse all entries at once, or as many as are asked for. */
extern bool path_list_at_once;

extern const struct fuse_operations path_ops;
extern const struct fuse_iomap_path_ops path_iomap_ops;

/* An empty tree; while nobody serves it. */
void path_clear(void);
/* The same and a session; @options as for peer_new_path().  Up to and including INIT. */
void path_start(struct peer *p, const char *options, unsigned int threads);
/* Its number; "dir/" makes a directory.  @nlink: of a file, as getattr() says it. */
uint64_t path_add(const char *path, unsigned int nlink);
/* Is there such a path? */
bool path_exists(const char *path);
struct path_seen path_seen(void);

/* Requests as the kernel sends them; each returns the positive errno in the answer. */
int path_lookup(struct peer *p, uint64_t parent, const char *name,
		struct fuse_entry_out *entry);
/* A node id, of a lookup that must succeed. */
uint64_t path_node(struct peer *p, uint64_t parent, const char *name);
int path_rename(struct peer *p, uint64_t parent, const char *name, uint64_t newparent,
		const char *newname);
int path_unlink(struct peer *p, uint64_t parent, const char *name);
/* Returns the file handle. */
uint64_t path_open(struct peer *p, uint64_t nodeid);
void path_release(struct peer *p, uint64_t nodeid, uint64_t fh);
/* No answer to this, but what comes afterwards is handled later if there is one worker. */
void path_forget(struct peer *p, uint64_t nodeid, uint64_t nlookup);
int path_begin(struct peer *p, uint64_t nodeid, uint64_t ino, struct fuse_iomap_begin_out *out);

#endif /* PATH_SERVER_H */
