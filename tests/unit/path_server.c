// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tree is a list of full paths under one lock; see path_server.h.
 */
#include <sys/stat.h>
#include "path_server.h"

#define MAX_ENTRIES	64

struct entry {
	char path[256];		/* "": free */
	uint64_t ino;
	mode_t mode;
	unsigned int nlink;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry entries[MAX_ENTRIES];
static uint64_t last_ino;
static struct path_seen seen;
bool path_hard_remove, path_nullpath_ok, path_list_at_once;

static struct entry *find(const char *path)
{
	unsigned int i;

	for (i = 0; i < MAX_ENTRIES; i++)
		if (!strcmp(entries[i].path, path))
			return &entries[i];
	return NULL;
}

uint64_t path_add(const char *path, unsigned int nlink)
{
	size_t len = strlen(path);
	bool dir = path[len - 1] == '/';
	struct entry *e;
	uint64_t ino;

	pthread_mutex_lock(&lock);
	e = find("");
	CHECK(e);
	memcpy(e->path, path, len + 1);
	if (dir)
		e->path[len - 1] = '\0';
	e->mode = dir ? S_IFDIR | 0755 : S_IFREG | 0644;
	e->nlink = nlink;
	e->ino = ino = ++last_ino;
	pthread_mutex_unlock(&lock);
	return ino;
}

bool path_exists(const char *path)
{
	bool res;

	pthread_mutex_lock(&lock);
	res = find(path);
	pthread_mutex_unlock(&lock);
	return res;
}

struct path_seen path_seen(void)
{
	struct path_seen res;

	pthread_mutex_lock(&lock);
	res = seen;
	pthread_mutex_unlock(&lock);
	return res;
}

static void fill(const struct entry *e, struct stat *st)
{
	*st = (struct stat) {
		.st_ino = e->ino,
		.st_mode = e->mode,
		.st_nlink = e->nlink,
		.st_size = 12345,
	};
}

static void *on_init(struct fuse_conn_info *conn, struct fuse_config *cfg)
{
	CHECK(cfg->use_ino);
	cfg->hard_remove = path_hard_remove;
	cfg->nullpath_ok = path_nullpath_ok;
	return fuse_get_context()->private_data;
}

static int on_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	struct entry *e;

	if (!path)
		return -ENOENT;
	if (!strcmp(path, "/")) {
		*st = (struct stat) { .st_ino = 1, .st_mode = S_IFDIR | 0755, .st_nlink = 2 };
		return 0;
	}
	pthread_mutex_lock(&lock);
	e = find(path);
	if (e)
		fill(e, st);
	pthread_mutex_unlock(&lock);
	return e ? 0 : -ENOENT;
}

static int on_readdir(const char *path, void *buf, fuse_fill_dir_t filler, off_t off,
		      struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
	size_t len = strcmp(path, "/") ? strlen(path) : 0;
	struct stat st;
	unsigned int i;
	int full = 0;

	pthread_mutex_lock(&lock);
	for (i = off; i < MAX_ENTRIES && !full; i++) {
		const char *name = entries[i].path + len + 1;

		if (strncmp(entries[i].path, path, len) || entries[i].path[len] != '/' ||
		    strchr(name, '/'))
			continue;
		fill(&entries[i], &st);
		full = filler(buf, name, &st, path_list_at_once ? 0 : i + 1,
			      flags & FUSE_READDIR_PLUS ? FUSE_FILL_DIR_PLUS : 0);
	}
	pthread_mutex_unlock(&lock);
	return 0;
}

static int on_rename(const char *from, const char *to, unsigned int flags)
{
	size_t len = strlen(from), n;
	struct entry *e;
	unsigned int i;
	char tail[256];

	pthread_mutex_lock(&lock);
	e = find(to);
	if (e)
		e->path[0] = '\0';
	for (i = 0; i < MAX_ENTRIES; i++) {
		e = &entries[i];
		if (strncmp(e->path, from, len) || (e->path[len] && e->path[len] != '/'))
			continue;
		strcpy(tail, e->path + len);
		n = strlen(to);
		CHECK(n + strlen(tail) < sizeof(e->path));
		memcpy(e->path, to, n);
		strcpy(e->path + n, tail);
	}
	pthread_mutex_unlock(&lock);
	return 0;
}

static int on_unlink(const char *path)
{
	struct entry *e;

	pthread_mutex_lock(&lock);
	e = find(path);
	if (e)
		e->path[0] = '\0';
	pthread_mutex_unlock(&lock);
	return e ? 0 : -ENOENT;
}

static int on_link(const char *from, const char *to)
{
	struct entry *e, *new;

	pthread_mutex_lock(&lock);
	e = find(from);
	new = find("");
	CHECK(e && new);
	e->nlink++;
	*new = *e;
	snprintf(new->path, sizeof(new->path), "%s", to);
	pthread_mutex_unlock(&lock);
	return 0;
}

static int on_open(const char *path, struct fuse_file_info *fi)
{
	fi->fh = 4711;
	return 0;
}

static void see(const char *path, uint64_t ino)
{
	pthread_mutex_lock(&lock);
	snprintf(seen.path, sizeof(seen.path), "%s", path ? path : "-");
	seen.ino = ino;
	pthread_mutex_unlock(&lock);
}

static uint32_t on_iflags(const char *path, const struct stat *st)
{
	return S_ISREG(st->st_mode) ? FUSE_ATTR_IOMAP : 0;
}

static int on_statx(const char *path, uint32_t flags, uint32_t mask, struct statx *stx,
		    struct fuse_file_info *fi)
{
	struct stat st;
	int res = on_getattr(path, &st, fi);

	if (!res) {
		stx->stx_mask = STATX_BASIC_STATS;
		stx->stx_ino = st.st_ino;
		stx->stx_mode = st.st_mode;
		stx->stx_nlink = st.st_nlink;
	}
	return res;
}

static int on_begin(const char *path, uint64_t ino, uint64_t pos, uint64_t count,
		    uint32_t opflags, struct fuse_iomap_path_answer *answer)
{
	see(path, ino);
	answer->read = (struct fuse_iomap_io) {
		.offset = pos,
		.length = count,
		.addr = ino * FILE_SPACE + pos,
		.type = FUSE_IOMAP_TYPE_MAPPED,
		.dev = 7,
	};
	return 0;
}

static void on_forget(uint64_t ino)
{
	CHECK(fuse_iomap_path_session());
	pthread_mutex_lock(&lock);
	CHECK(seen.nr_forgotten < MAX_FORGOTTEN);
	seen.forgotten[seen.nr_forgotten++] = ino;
	pthread_mutex_unlock(&lock);
}

const struct fuse_operations path_ops = {
	.init = on_init, .getattr = on_getattr, .readdir = on_readdir, .rename = on_rename,
	.unlink = on_unlink, .link = on_link, .open = on_open,
};

const struct fuse_iomap_path_ops path_iomap_ops = {
	.iflags = on_iflags, .begin = on_begin, .statx = on_statx, .forget = on_forget,
};

void path_clear(void)
{
	memset(entries, 0, sizeof(entries));
	memset(&seen, 0, sizeof(seen));
	last_ino = 1000;
}

void path_start(struct peer *p, const char *options, unsigned int threads)
{
	struct peer_reply r;

	path_clear();
	peer_new_path(p, &path_ops, &path_iomap_ops, options, true);
	peer_run(p, threads);
	peer_init(p, FUSE_IOMAP_MINOR_VERSION, true, &r);
	CHECK_EQ(r.out.error, 0);
	CHECK(fuse_iomap_session_negotiated(p->fis));
}

int path_lookup(struct peer *p, uint64_t parent, const char *name, struct fuse_entry_out *entry)
{
	struct peer_reply r;
	int err = peer_call(p, FUSE_LOOKUP, parent, name, strlen(name) + 1, &r);

	if (!err) {
		CHECK_EQ(r.len, sizeof(*entry));
		memcpy(entry, r.body, sizeof(*entry));
	}
	return err;
}

uint64_t path_node(struct peer *p, uint64_t parent, const char *name)
{
	struct fuse_entry_out entry;

	CHECK_EQ(path_lookup(p, parent, name, &entry), 0);
	CHECK(entry.nodeid);
	return entry.nodeid;
}

int path_rename(struct peer *p, uint64_t parent, const char *name, uint64_t newparent,
		const char *newname)
{
	char body[sizeof(struct fuse_rename_in) + 2 * 256];
	struct fuse_rename_in in = { .newdir = newparent };
	size_t n = strlen(name) + 1, m = strlen(newname) + 1;
	struct peer_reply r;

	memcpy(body, &in, sizeof(in));
	memcpy(body + sizeof(in), name, n);
	memcpy(body + sizeof(in) + n, newname, m);
	return peer_call(p, FUSE_RENAME, parent, body, sizeof(in) + n + m, &r);
}

int path_unlink(struct peer *p, uint64_t parent, const char *name)
{
	struct peer_reply r;

	return peer_call(p, FUSE_UNLINK, parent, name, strlen(name) + 1, &r);
}

uint64_t path_open(struct peer *p, uint64_t nodeid)
{
	struct fuse_open_in in = { 0 };
	struct fuse_open_out out;
	struct peer_reply r;

	CHECK_EQ(peer_call(p, FUSE_OPEN, nodeid, &in, sizeof(in), &r), 0);
	memcpy(&out, r.body, sizeof(out));
	return out.fh;
}

void path_release(struct peer *p, uint64_t nodeid, uint64_t fh)
{
	struct fuse_release_in in = { .fh = fh };
	struct peer_reply r;

	CHECK_EQ(peer_call(p, FUSE_RELEASE, nodeid, &in, sizeof(in), &r), 0);
}

void path_forget(struct peer *p, uint64_t nodeid, uint64_t nlookup)
{
	struct fuse_forget_in in = { .nlookup = nlookup };

	peer_send(p, FUSE_FORGET, nodeid, &in, sizeof(in));
}

int path_begin(struct peer *p, uint64_t nodeid, uint64_t ino, struct fuse_iomap_begin_out *out)
{
	struct fuse_iomap_begin_in in = { .attr_ino = ino, .pos = 8192, .count = 4096 };
	struct peer_reply r;
	int err = peer_call(p, FUSE_IOMAP_BEGIN, nodeid, &in, sizeof(in), &r);

	if (!err) {
		CHECK_EQ(r.len, sizeof(*out));
		memcpy(out, r.body, sizeof(*out));
	}
	return err;
}
