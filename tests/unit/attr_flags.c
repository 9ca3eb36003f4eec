// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * FUSE_ATTR_* flags arrive in the replies that were asked to carry them, from
 * worker and other threads, in no other reply, and not on plain FUSE.
 */
#include "peer.h"

#define FLAGS	(FUSE_ATTR_IOMAP | FUSE_ATTR_SYNC)

static const struct stat file = { .st_ino = 5, .st_mode = S_IFREG | 0644, .st_size = 12345 };

static pthread_t late;

struct job {
	fuse_req_t req;
	struct fuse_entry_param e;
	uint32_t iflags;
};

static void *answer(void *arg)
{
	struct job *job = arg;

	fuse_iomap_reply_entry(job->req, &job->e, job->iflags);
	free(job);
	return NULL;
}

/* "plain": by libfuse's function; "none": no such file; "late": another thread */
static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct job *job = calloc(1, sizeof(*job));

	job->req = req;
	job->e.ino = strcmp(name, "none") ? 5 : 0;
	job->e.attr = file;
	job->iflags = FLAGS;
	if (!strcmp(name, "plain")) {
		fuse_reply_entry(req, &job->e);
		free(job);
	} else if (!strcmp(name, "late")) {
		CHECK_EQ(pthread_create(&late, NULL, answer, job), 0);
	} else {
		answer(job);
	}
}

static void on_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fuse_iomap_reply_attr(req, &file, 1.0, ino == 5 ? FLAGS : 0);
}

static void on_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	struct fuse_entry_param e = { .ino = 5, .attr = file };

	fi->fh = 99;
	fuse_iomap_reply_create(req, &e, fi, FLAGS);
}

static void on_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	struct fuse_entry_param e = { .ino = 5, .attr = file };
	char buf[1024];
	size_t used;

	/* at an odd address, because a server may do that */
	used = fuse_iomap_add_direntry_plus(req, buf + 1, 500, "one", &e, 1, FLAGS);
	CHECK(used < 500);
	/* too little room: nothing may be touched */
	memset(buf + 1 + used, 0x55, 200);
	CHECK(fuse_iomap_add_direntry_plus(req, buf + 1 + used, 20, "two", &e, 2, FLAGS) > 20);
	CHECK_EQ(buf[1 + used + 124], 0x55);
	CHECK(fuse_iomap_add_direntry_plus(req, NULL, 0, "two", &e, 2, FLAGS) > 100);
	used += fuse_iomap_add_direntry_plus(req, buf + 1 + used, 500, "two", &e, 2, 0);
	fuse_reply_buf(req, buf + 1, used);
}

static void on_begin(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t attr_ino, uint64_t pos,
		     uint64_t count, uint32_t opflags)
{
	fuse_iomap_reply_err(req, EIO);
}

static const struct fuse_lowlevel_ops ll = {
	.lookup = on_lookup, .getattr = on_getattr, .create = on_create,
	.readdirplus = on_readdirplus,
};
static const struct fuse_iomap_ops iop = { .begin = on_begin };

static uint32_t entry_flags(struct peer *p, const char *name, uint64_t *nodeid)
{
	struct fuse_entry_out out;
	struct peer_reply r;

	CHECK_EQ(peer_call(p, FUSE_LOOKUP, 1, name, strlen(name) + 1, &r), 0);
	CHECK_EQ(r.len, sizeof(out));
	memcpy(&out, r.body, sizeof(out));
	if (nodeid)
		*nodeid = out.nodeid;
	else
		CHECK_EQ(out.attr.size, 12345);
	return out.attr.flags;
}

static uint32_t attr_flags(struct peer *p, uint64_t nodeid)
{
	struct fuse_getattr_in in = { 0 };
	struct fuse_attr_out out;
	struct peer_reply r;

	CHECK_EQ(peer_call(p, FUSE_GETATTR, nodeid, &in, sizeof(in), &r), 0);
	CHECK_EQ(r.len, sizeof(out));
	memcpy(&out, r.body, sizeof(out));
	CHECK_EQ(out.attr.size, 12345);
	return out.attr.flags;
}

static uint32_t create_flags(struct peer *p)
{
	struct { struct fuse_create_in in; char name[8]; } arg = { .name = "new" };
	struct { struct fuse_entry_out entry; struct fuse_open_out open; } out;
	struct peer_reply r;

	CHECK_EQ(peer_call(p, FUSE_CREATE, 1, &arg, sizeof(arg.in) + 4, &r), 0);
	CHECK_EQ(r.len, sizeof(out));
	memcpy(&out, r.body, sizeof(out));
	CHECK_EQ(out.open.fh, 99);
	return out.entry.attr.flags;
}

static void readdirplus_flags(struct peer *p, uint32_t *one, uint32_t *two)
{
	struct fuse_read_in in = { .size = 4096 };
	struct fuse_direntplus *d;
	struct peer_reply r;

	CHECK_EQ(peer_call(p, FUSE_READDIRPLUS, 1, &in, sizeof(in), &r), 0);
	d = (void *)r.body;
	CHECK(!memcmp(d->dirent.name, "one", 3));
	CHECK_EQ(d->entry_out.attr.size, 12345);
	*one = d->entry_out.attr.flags;
	d = (void *)(r.body + FUSE_DIRENTPLUS_SIZE(d));
	CHECK(!memcmp(d->dirent.name, "two", 3));
	*two = d->entry_out.attr.flags;
}

static void check_all(bool offered)
{
	const uint32_t want = offered ? FLAGS : 0;
	uint32_t one, two;
	struct peer_reply r;
	uint64_t nodeid;
	struct peer p;

	peer_new(&p, &ll, &iop, FUSE_IOMAP_MODE_AUTO, offered);
	peer_run(&p, 1);
	peer_init(&p, 99, offered, &r);
	CHECK_EQ(entry_flags(&p, "file", NULL), want);
	CHECK_EQ(entry_flags(&p, "plain", NULL), 0);
	CHECK_EQ(entry_flags(&p, "late", NULL), want);
	CHECK_EQ(pthread_join(late, NULL), 0);
	CHECK_EQ(entry_flags(&p, "none", &nodeid), 0);
	CHECK_EQ(nodeid, 0);
	CHECK_EQ(attr_flags(&p, 5), want);
	CHECK_EQ(attr_flags(&p, 6), 0);
	CHECK_EQ(create_flags(&p), want);
	readdirplus_flags(&p, &one, &two);
	CHECK_EQ(one, want);
	CHECK_EQ(two, 0);
	CHECK_EQ(peer_stop(&p), 0);
}

int main(void)
{
	check_all(true);
	check_all(false);
	return 0;
}
