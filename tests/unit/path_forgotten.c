// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * forget() of a path-based server comes when the kernel has forgotten a file, not before and
 * not for files that were no iomap files; and until then notifications find its node.
 */
#include <sys/socket.h>
#include "path_server.h"

static void forgotten(struct peer *p, unsigned int nr, uint64_t ino)
{
	int i;

	/* a FORGET has no answer to wait for */
	for (i = 0; i < 1000 && path_seen().nr_forgotten < nr; i++)
		usleep(10000);
	CHECK_EQ(path_seen().nr_forgotten, nr);
	if (nr)
		CHECK_EQ(path_seen().forgotten[nr - 1], ino);
}

static void counts(struct peer *p)
{
	uint64_t f = path_add("/f", 1), n = path_node(p, 1, "f"), dir;
	struct fuse_entry_out entry;

	CHECK_EQ(path_node(p, 1, "f"), n);
	CHECK_EQ(path_node(p, 1, "f"), n);
	path_forget(p, n, 2);
	CHECK_EQ(path_unlink(p, 1, "f"), 0);
	CHECK_EQ(path_lookup(p, 1, "f", &entry), ENOENT);
	forgotten(p, 0, 0);
	path_forget(p, n, 1);
	forgotten(p, 1, f);

	/* directories are nobody's business */
	path_add("/dir/", 1);
	dir = path_node(p, 1, "dir");
	path_forget(p, dir, 1);
	/* a file that comes back is another node */
	f = path_add("/f", 1);
	n = path_node(p, 1, "f");
	path_forget(p, n, 1);
	forgotten(p, 2, f);
	CHECK(path_node(p, 1, "f") != n);
}

static void in_batches(struct peer *p)
{
	struct {
		struct fuse_batch_forget_in head;
		struct fuse_forget_one one[3];
	} batch = { .head = { .count = 3 } };
	uint64_t ino[3];
	unsigned int i, nr = path_seen().nr_forgotten;
	char name[8];

	for (i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "/b%u", i);
		ino[i] = path_add(name, 1);
		batch.one[i].nodeid = path_node(p, 1, name + 1);
		batch.one[i].nlookup = i == 1 ? 0 : 1;
	}
	batch.one[1].nlookup = 1;
	CHECK_EQ(path_node(p, 1, "b1"), batch.one[1].nodeid);
	peer_send(p, FUSE_BATCH_FORGET, 0, &batch, sizeof(batch));
	for (i = 0; i < 1000 && path_seen().nr_forgotten < nr + 2; i++)
		usleep(10000);
	CHECK_EQ(path_seen().nr_forgotten, nr + 2);
	/* in any order */
	CHECK_EQ(path_seen().forgotten[nr] + path_seen().forgotten[nr + 1], ino[0] + ino[2]);
	path_forget(p, batch.one[1].nodeid, 1);
	forgotten(p, nr + 3, ino[1]);
}

/* READDIRPLUS tells of nodes, too. */
static void listed(struct peer *p)
{
	unsigned int nr = path_seen().nr_forgotten;
	struct fuse_open_in open = { 0 };
	struct fuse_release_in release = { 0 };
	struct fuse_read_in in = { .size = 4096 };
	struct fuse_direntplus *d;
	struct fuse_open_out out;
	uint64_t dir, f;
	struct peer_reply r;

	path_add("/list/", 1);
	f = path_add("/list/f", 1);
	dir = path_node(p, 1, "list");
	CHECK_EQ(peer_call(p, FUSE_OPENDIR, dir, &open, sizeof(open), &r), 0);
	memcpy(&out, r.body, sizeof(out));
	in.fh = release.fh = out.fh;
	CHECK_EQ(peer_call(p, FUSE_READDIRPLUS, dir, &in, sizeof(in), &r), 0);
	d = (void *)r.body;
	CHECK(r.len > sizeof(*d) && !strncmp(d->dirent.name, "f", 1));
	CHECK_EQ(d->entry_out.attr.flags, FUSE_ATTR_IOMAP);
	CHECK_EQ(d->entry_out.attr.rdev, 0);
	CHECK_EQ(d->entry_out.attr.ino, f);
	CHECK_EQ(path_seen().nr_forgotten, nr);
	/* libfuse before 3.17 tells of no nodes when it has read the directory at once */
	if (d->entry_out.nodeid || !path_list_at_once) {
		path_forget(p, d->entry_out.nodeid, 1);
		forgotten(p, nr + 1, f);
	}
	CHECK_EQ(path_unlink(p, dir, "f"), 0);
	CHECK_EQ(peer_call(p, FUSE_RELEASEDIR, dir, &release, sizeof(release), &r), 0);
}

static void notifications(struct peer *p)
{
	struct fuse_iomap_io map = { .offset = 4096, .length = 4096, .dev = 3, .type = 2 };
	struct fuse_range all = { .length = FUSE_IOMAP_INVAL_TO_EOF };
	uint64_t f = path_add("/n", 1), n = path_node(p, 1, "n");
	struct fuse_iomap_upsert_mappings_out *up;
	struct fuse_iomap_inval_mappings_out *inval;
	struct peer_reply r;

	CHECK_EQ(fuse_iomap_path_upsert_mappings(p->fis, f, &map, NULL), 0);
	peer_recv(p, &r);
	CHECK_EQ(r.out.unique, 0);
	CHECK_EQ(r.out.error, FUSE_NOTIFY_IOMAP_UPSERT_MAPPINGS);
	up = (void *)r.body;
	CHECK_EQ(up->nodeid, n);
	CHECK_EQ(up->attr_ino, f);
	CHECK_EQ(up->read.offset, 4096);
	CHECK_EQ(fuse_iomap_path_inval_mappings(p->fis, f, &all, NULL), 0);
	peer_recv(p, &r);
	CHECK_EQ(r.out.error, FUSE_NOTIFY_IOMAP_INVAL_MAPPINGS);
	inval = (void *)r.body;
	CHECK_EQ(inval->nodeid, n);
	CHECK_EQ(inval->attr_ino, f);
	CHECK_EQ(fuse_iomap_path_inval_mappings(p->fis, f + 1, &all, NULL), -ESTALE);
	CHECK_EQ(fuse_iomap_path_upsert_mappings(p->fis, f + 1, &map, NULL), -ESTALE);
}

/* So many that the table has to grow more than once. */
static void many(struct peer *p)
{
	unsigned int i, nr = path_seen().nr_forgotten;
	uint64_t ino[40], node[40];
	char name[16];

	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "/many%u", i);
		ino[i] = path_add(name, 1);
		node[i] = path_node(p, 1, name + 1);
	}
	for (i = 0; i < 40; i++) {
		path_forget(p, node[i], 1);
		forgotten(p, nr + i + 1, ino[i]);
	}
}

/* An answer that the kernel doesn't take has told it of nothing. */
static void refused(struct peer *p)
{
	unsigned int nr = path_seen().nr_forgotten;
	uint64_t f = path_add("/refused", 1);

	CHECK_EQ(shutdown(p->fd, SHUT_RD), 0);
	peer_send(p, FUSE_LOOKUP, 1, "refused", sizeof("refused"));
	forgotten(p, nr + 1, f);
}

int main(void)
{
	struct peer p;

	path_start(&p, NULL, 1);
	counts(&p);
	in_batches(&p);
	listed(&p);
	path_list_at_once = true;
	listed(&p);
	notifications(&p);
	refused(&p);
	CHECK_EQ(peer_stop(&p), 0);

	path_start(&p, NULL, 1);
	many(&p);
	CHECK_EQ(peer_stop(&p), 0);
	return 0;
}
