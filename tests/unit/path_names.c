// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The path that an iomap operation of a path-based server gets is the file's path at that
 * moment: after renames of the file and of directories above it, after another file was
 * renamed over it, while it is removed but open, and NULL when it has none any more or the
 * server wants none.
 */
#include <sys/stat.h>
#include "path_server.h"

/* @path: how it begins */
static void expect(struct peer *p, uint64_t nodeid, uint64_t ino, const char *path)
{
	struct fuse_iomap_begin_out out;

	CHECK_EQ(path_begin(p, nodeid, ino, &out), 0);
	CHECK_EQ(out.read.addr, ino * FILE_SPACE + 8192);
	CHECK_EQ(out.write.type, FUSE_IOMAP_TYPE_PURE_OVERWRITE);
	CHECK_EQ(path_seen().ino, ino);
	if (strncmp(path_seen().path, path, strlen(path))) {
		fprintf(stderr, "the path is %s, not %s\n", path_seen().path, path);
		exit(1);
	}
}

static void renames(struct peer *p)
{
	uint64_t f = path_add("/a/b/f", 1), g = path_add("/g", 1);
	uint64_t a, b, nf, ng;

	path_add("/a/", 1);
	path_add("/a/b/", 1);
	path_add("/c/", 1);
	a = path_node(p, 1, "a");
	b = path_node(p, a, "b");
	nf = path_node(p, b, "f");
	ng = path_node(p, 1, "g");
	expect(p, nf, f, "/a/b/f");
	CHECK_EQ(path_rename(p, b, "f", b, "h"), 0);
	expect(p, nf, f, "/a/b/h");
	CHECK_EQ(path_rename(p, 1, "a", path_node(p, 1, "c"), "d"), 0);
	expect(p, nf, f, "/c/d/b/h");
	/* the name is another file's now, and this one has none */
	CHECK_EQ(path_rename(p, 1, "g", b, "h"), 0);
	expect(p, ng, g, "/c/d/b/h");
	expect(p, nf, f, "-");
}

/* The links that STATX tells of. */
static unsigned int links(struct peer *p, uint64_t nodeid)
{
	struct { uint32_t getattr_flags, reserved; uint64_t fh; uint32_t flags, mask; } in = {
		.mask = STATX_NLINK,
	};
	struct peer_reply r;
	struct statx stx;

	CHECK_EQ(peer_call(p, 52, nodeid, &in, sizeof(in), &r), 0);
	CHECK_EQ(r.len, 32 + sizeof(stx));
	memcpy(&stx, r.body + 32, sizeof(stx));
	return stx.stx_nlink;
}

/* libfuse gives an open file another name instead of removing it, until it is closed. */
static void removed_but_open(struct peer *p)
{
	uint64_t f = path_add("/open", 1), n = path_node(p, 1, "open");
	uint64_t fh = path_open(p, n);
	char hidden[256];

	CHECK_EQ(links(p, n), 1);
	CHECK_EQ(path_unlink(p, 1, "open"), 0);
	CHECK(!path_exists("/open"));
	expect(p, n, f, "/.fuse_hidden");
	strcpy(hidden, path_seen().path);
	CHECK(path_exists(hidden));
	/* to the kernel it has none */
	CHECK_EQ(links(p, n), 0);
	path_release(p, n, fh);
	CHECK(!path_exists(hidden));
	/* the kernel may still have something to write: number and node are enough for that */
	expect(p, n, f, "");
}

static void removed_at_once(struct peer *p)
{
	uint64_t f = path_add("/open", 1), n = path_node(p, 1, "open");
	uint64_t fh = path_open(p, n);

	CHECK_EQ(path_unlink(p, 1, "open"), 0);
	expect(p, n, f, "-");
	path_release(p, n, fh);
	expect(p, n, f, "-");
}

int main(void)
{
	uint64_t f;
	struct peer p;

	/*
	 * A stacked module changes the path that the server sees.  First, because libfuse forgets
	 * its modules when the first of its handles is destroyed.
	 */
	path_start(&p, "modules=subdir,subdir=/below", 1);
	f = path_add("/below/f", 1);
	path_add("/below/", 1);
	expect(&p, path_node(&p, 1, "f"), f, "/below/f");
	CHECK_EQ(peer_stop(&p), 0);

	path_start(&p, NULL, 1);
	renames(&p);
	removed_but_open(&p);
	CHECK_EQ(peer_stop(&p), 0);

	path_hard_remove = true;
	path_start(&p, NULL, 1);
	removed_at_once(&p);
	CHECK_EQ(peer_stop(&p), 0);

	path_nullpath_ok = true;
	path_start(&p, NULL, 1);
	f = path_add("/f", 1);
	expect(&p, path_node(&p, 1, "f"), f, "-");
	CHECK_EQ(peer_stop(&p), 0);

	return 0;
}
