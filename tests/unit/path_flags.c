// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The flags of a path-based server's iflags() are in each answer that has attributes, and
 * nothing else of the answers has changed; files with several names don't get
 * FUSE_ATTR_IOMAP, nor may a file that has it get a second name.
 */
#include <sys/stat.h>
#include "path_server.h"

static int make_link(struct peer *p, uint64_t nodeid, const char *name,
		     struct fuse_entry_out *entry)
{
	struct { struct fuse_link_in in; char name[16]; } arg = { .in = { .oldnodeid = nodeid } };
	struct peer_reply r;
	int err;

	strcpy(arg.name, name);
	err = peer_call(p, FUSE_LINK, 1, &arg, sizeof(arg.in) + strlen(name) + 1, &r);
	if (!err)
		memcpy(entry, r.body, sizeof(*entry));
	return err;
}

static void attributes(struct peer *p, uint64_t nodeid, struct fuse_attr *attr)
{
	struct fuse_getattr_in in = { 0 };
	struct fuse_attr_out out;
	struct peer_reply r;

	CHECK_EQ(peer_call(p, FUSE_GETATTR, nodeid, &in, sizeof(in), &r), 0);
	CHECK_EQ(r.len, sizeof(out));
	memcpy(&out, r.body, sizeof(out));
	*attr = out.attr;
}

static void check_all(bool offered)
{
	const uint32_t want = offered ? FUSE_ATTR_IOMAP : 0;
	struct fuse_entry_out entry;
	struct fuse_attr attr;
	struct peer_reply r;
	uint64_t f, two;
	struct peer p;

	path_clear();
	peer_new_path(&p, &path_ops, &path_iomap_ops, NULL, true);
	peer_run(&p, 1);
	peer_init(&p, 99, offered, &r);
	path_add("/dir/", 1);
	f = path_add("/f", 1);
	two = path_add("/two", 2);

	CHECK_EQ(path_lookup(&p, 1, "f", &entry), 0);
	CHECK_EQ(entry.attr.flags, want);
	CHECK_EQ(entry.attr.ino, f);
	CHECK_EQ(entry.attr.rdev, 0);
	CHECK_EQ(entry.attr.size, 12345);
	attributes(&p, entry.nodeid, &attr);
	CHECK_EQ(attr.flags, want);
	CHECK_EQ(attr.ino, f);
	CHECK_EQ(attr.rdev, 0);
	CHECK_EQ(make_link(&p, entry.nodeid, "second", &entry), offered ? EPERM : 0);
	CHECK_EQ(path_exists("/second"), !offered);
	if (!offered)
		CHECK_EQ(entry.attr.ino, f);

	CHECK_EQ(path_lookup(&p, 1, "two", &entry), 0);
	CHECK_EQ(entry.attr.flags, 0);
	CHECK_EQ(entry.attr.ino, two);
	CHECK_EQ(entry.attr.nlink, 2);
	CHECK_EQ(path_lookup(&p, 1, "dir", &entry), 0);
	CHECK_EQ(entry.attr.flags, 0);
	CHECK(S_ISDIR(entry.attr.mode));
	CHECK_EQ(path_lookup(&p, 1, "nothing", &entry), ENOENT);
	CHECK_EQ(peer_stop(&p), 0);
}

int main(void)
{
	check_all(true);
	check_all(false);
	return 0;
}
