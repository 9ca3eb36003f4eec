// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Eight workers serve a path-based server whose directories are renamed all the time: each
 * BEGIN finds its file under the path that it was called with, and under no other's.
 */
#include <stdatomic.h>
#include <sys/stat.h>
#include "peer.h"

#define FILES		8
#define ROUNDS		3000
#define WINDOW		32

/*
 * Directory i is called "x<i>" or "y<i>", or is being renamed; then it has neither name, for
 * long enough that somebody would notice.
 */
static _Atomic char dir_name[FILES];
static atomic_uint begins, renames;

static bool is_there(const char *path, unsigned int *nr)
{
	char first, rest[8];

	if (sscanf(path, "/%c%u%7s", &first, nr, rest) < 2 || *nr >= FILES)
		return false;
	return atomic_load(&dir_name[*nr]) == first;
}

static int on_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	unsigned int nr;

	if (!strcmp(path, "/")) {
		*st = (struct stat) { .st_ino = 1, .st_mode = S_IFDIR | 0755, .st_nlink = 2 };
		return 0;
	}
	if (!is_there(path, &nr))
		return -ENOENT;
	if (strstr(path, "/f"))
		*st = (struct stat) { .st_ino = 100 + nr, .st_mode = S_IFREG | 0644,
				      .st_nlink = 1 };
	else
		*st = (struct stat) { .st_ino = 10 + nr, .st_mode = S_IFDIR | 0755,
				      .st_nlink = 2 };
	return 0;
}

static int on_rename(const char *from, const char *to, unsigned int flags)
{
	unsigned int nr;

	CHECK(is_there(from, &nr));
	atomic_store(&dir_name[nr], '-');
	usleep(200);
	atomic_store(&dir_name[nr], to[1]);
	atomic_fetch_add(&renames, 1);
	return 0;
}

static uint32_t on_iflags(const char *path, const struct stat *st)
{
	return S_ISREG(st->st_mode) ? FUSE_ATTR_IOMAP : 0;
}

static int on_begin(const char *path, uint64_t ino, uint64_t pos, uint64_t count,
		    uint32_t opflags, struct fuse_iomap_path_answer *answer)
{
	unsigned int nr;

	CHECK(path && strstr(path, "/f"));
	CHECK(is_there(path, &nr));
	CHECK_EQ(ino, 100 + nr);
	usleep(50);
	/* it can't have been renamed meanwhile */
	CHECK(is_there(path, &nr));
	atomic_fetch_add(&begins, 1);
	answer->read = (struct fuse_iomap_io) { .offset = pos, .length = count, .addr = ino };
	return 0;
}

static const struct fuse_operations op = { .getattr = on_getattr, .rename = on_rename };
static const struct fuse_iomap_path_ops iop = { .iflags = on_iflags, .begin = on_begin };

static uint64_t node(struct peer *p, uint64_t parent, const char *name)
{
	struct fuse_entry_out entry;
	struct peer_reply r;

	CHECK_EQ(peer_call(p, FUSE_LOOKUP, parent, name, strlen(name) + 1, &r), 0);
	memcpy(&entry, r.body, sizeof(entry));
	return entry.nodeid;
}

static uint64_t send_rename(struct peer *p, unsigned int nr, char from, char to)
{
	struct { struct fuse_rename_in in; char names[16]; } arg = { .in = { .newdir = 1 } };
	int n = sprintf(arg.names, "%c%u", from, nr) + 1;

	n += sprintf(arg.names + n, "%c%u", to, nr) + 1;
	return peer_send(p, FUSE_RENAME, 1, &arg, sizeof(arg.in) + n);
}

int main(void)
{
	/* of each request: the file's number, 0 for a rename */
	static uint64_t want[2 * ROUNDS + 100];
	struct fuse_iomap_begin_in in = { .count = 4096 };
	struct fuse_iomap_begin_out out;
	unsigned int sent = 0, received = 0, nr;
	uint64_t file[FILES], unique;
	bool renaming[FILES] = { false };
	char is[FILES], name[8];
	struct peer_reply r;
	struct peer p;

	for (nr = 0; nr < FILES; nr++)
		atomic_store(&dir_name[nr], is[nr] = 'x');
	peer_new_path(&p, &op, &iop, NULL, true);
	peer_run(&p, 8);
	peer_init(&p, FUSE_IOMAP_MINOR_VERSION, true, &r);
	for (nr = 0; nr < FILES; nr++) {
		sprintf(name, "x%u", nr);
		file[nr] = node(&p, node(&p, 1, name), "f");
	}
	while (received < ROUNDS) {
		while (sent < ROUNDS && sent - received < WINDOW) {
			nr = sent++ * 5 % FILES;
			/* the kernel renames a directory once at a time */
			if (sent % 4 == 0 && !renaming[nr]) {
				unique = send_rename(&p, nr, is[nr], is[nr] ^ 1);
				is[nr] ^= 1;
				renaming[nr] = true;
				want[unique] = nr + 1;
			} else {
				in.attr_ino = 100 + nr;
				unique = peer_send(&p, FUSE_IOMAP_BEGIN, file[nr], &in,
						   sizeof(in));
				want[unique] = in.attr_ino;
			}
		}
		peer_recv(&p, &r);
		CHECK_EQ(r.out.error, 0);
		CHECK(r.out.unique < sizeof(want) / sizeof(want[0]));
		if (want[r.out.unique] <= FILES) {
			CHECK(want[r.out.unique]);
			renaming[want[r.out.unique] - 1] = false;
		} else {
			CHECK_EQ(r.len, sizeof(out));
			memcpy(&out, r.body, sizeof(out));
			CHECK_EQ(out.read.addr, want[r.out.unique]);
		}
		want[r.out.unique] = 0;
		received++;
	}
	CHECK_EQ(atomic_load(&begins) + atomic_load(&renames), ROUNDS);
	CHECK(atomic_load(&renames) > ROUNDS / 100);
	CHECK_EQ(peer_call(&p, FUSE_DESTROY, 0, NULL, 0, &r), 0);
	CHECK_EQ(peer_stop(&p), 0);
	return 0;
}
