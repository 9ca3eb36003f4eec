// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hostile_dirs: a file system of directories whose listings break the rules, of those that
 * the kernel lists without opening them (FUSE_IOMAP_CONFIG_DIRS).
 *
 *	hostile_dirs DIR		serve, in the foreground
 *	hostile_dirs --check DIR	list each, see what comes
 *
 * Each directory below DIR is answered about as its rule says. It holds a file "f", if
 * anything.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuse_iomap.h"

#define FIRST_INO	10
#define FILE_INO	5
#define HEAD		128		/* bytes of struct fuse_entry_out */
#define NAME_AT		24		/* of a fuse_dirent */

/* The place of struct fuse_dirent's field in the bytes of an answer */
#define NAMELEN_AT	16

static const struct rule {
	const char *name;
	/* unopened, opened: what comes instead of the listing, 0: the listing */
	int error, opened_error, open_error;
	/* of the listing, changed in its only entry */
	int namelen;			/* instead of 1, if not 0 */
	char letter;			/* instead of f */
	size_t cut, extra;		/* bytes that are left, that follow */
	bool twice;			/* the entry, and so the position */
	bool at_begin;			/* the position behind it is 0 */
	uint64_t nodeid;		/* instead of the file's */
	mode_t mode;			/* instead of the file's */
	/* what the user sees: an errno, or 0 and so many entries */
	int sees;
	int entries;
} rules[] = {
	{ .name = "good", .entries = 1 },
	{ .name = "slash", .letter = '/', .sees = EIO },
	{ .name = "no-name", .namelen = -1, .sees = EIO },
	{ .name = "long-name", .namelen = 2000, .sees = EIO },
	{ .name = "name-behind-the-end", .namelen = 1000, .entries = 0 },
	{ .name = "cut", .cut = 140, .entries = 0 },
	{ .name = "cut-in-the-head", .cut = 20, .entries = 0 },
	{ .name = "more-behind", .extra = 100, .entries = 1 },
	{ .name = "zeroes-behind", .extra = 1000, .sees = EIO },
	{ .name = "same-position", .twice = true, .entries = 2 },
	{ .name = "position-0", .at_begin = true, .sees = EIO },
	{ .name = "root-inside", .nodeid = FUSE_ROOT_ID, .entries = 1 },
	{ .name = "no-such-type", .mode = 0, .nodeid = FILE_INO, .entries = 1 },
	{ .name = "error", .error = EACCES, .sees = EACCES },
	{ .name = "always-too-long", .error = EOVERFLOW, .opened_error = EOVERFLOW, .sees = EOVERFLOW },
	{ .name = "too-long", .error = EOVERFLOW, .entries = 1 },
	{ .name = "cannot-be-opened", .error = EOVERFLOW, .open_error = EMFILE, .sees = EMFILE },
	{ .name = "not-implemented", .error = ENOSYS, .sees = ENOSYS },
};

static struct fuse_iomap_session *session;

#define NR_RULES	(sizeof(rules) / sizeof(rules[0]))

static const struct rule *rule_of(fuse_ino_t ino)
{
	return ino >= FIRST_INO && ino - FIRST_INO < NR_RULES ? &rules[ino - FIRST_INO] : NULL;
}

static struct stat stat_of(fuse_ino_t ino)
{
	struct stat st = { .st_ino = ino, .st_nlink = 2, .st_mode = S_IFDIR | 0755 };

	if (ino == FILE_INO)
		st.st_mode = S_IFREG | 0644;
	return st;
}

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = { .attr_timeout = 1000, .entry_timeout = 1000 };
	size_t i;

	for (i = 0; i < NR_RULES && strcmp(rules[i].name, name); i++)
		;
	if (parent != FUSE_ROOT_ID || i == NR_RULES) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	e.ino = FIRST_INO + i;
	e.attr = stat_of(e.ino);
	fuse_iomap_reply_entry(req, &e, FUSE_ATTR_EXCLUSIVE);
}

static void on_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st = stat_of(ino);

	fuse_iomap_reply_attr(req, &st, 1000, FUSE_ATTR_EXCLUSIVE);
}

static void on_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	const struct rule *rule = rule_of(ino);

	fi->fh = 1;
	if (rule && rule->open_error)
		fuse_reply_err(req, rule->open_error);
	else
		fuse_reply_open(req, fi);
}

static void list(fuse_req_t req, fuse_ino_t ino, off_t off, bool opened, bool plus)
{
	const struct rule *rule = rule_of(ino);
	struct fuse_entry_param e = { .ino = FILE_INO, .attr_timeout = 1000 };
	size_t head = plus ? HEAD : 0, size;
	struct stat st = stat_of(FILE_INO);
	char buf[4096] = { 0 };
	off_t behind;
	int error;

	if (!rule || off) {
		fuse_reply_buf(req, NULL, 0);
		return;
	}
	error = opened ? rule->opened_error : rule->error;
	if (error) {
		fuse_reply_err(req, error);
		return;
	}
	if (rule->nodeid) {
		e.ino = rule->nodeid;
		st.st_mode = rule->mode;
	}
	e.attr = st;
	behind = rule->at_begin ? 0 : 1;
	size = plus ? fuse_iomap_add_direntry_plus(req, buf, sizeof(buf), "f", &e, behind, 0) :
		      fuse_add_direntry(req, buf, sizeof(buf), "f", &st, behind);
	if (rule->twice) {
		memcpy(buf + size, buf, size);
		size *= 2;
	}
	if (rule->namelen) {
		uint32_t namelen = rule->namelen < 0 ? 0 : rule->namelen;

		memcpy(buf + head + NAMELEN_AT, &namelen, sizeof(namelen));
	}
	if (rule->letter)
		buf[head + NAME_AT] = rule->letter;
	if (rule->cut && rule->cut < size)
		size = rule->cut;
	fuse_reply_buf(req, buf, size + rule->extra);
}

static void on_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	list(req, ino, off, fi->fh, false);
}

static void on_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	list(req, ino, off, fi->fh, true);
}

static void on_config(fuse_iomap_req_t req, uint64_t flags, int64_t maxbytes,
		      uint32_t cache_maxbytes)
{
	const struct fuse_iomap_config_out out = { .flags = flags & FUSE_IOMAP_CONFIG_DIRS };

	if (!out.flags)
		warnx("the kernel does not know it");
	fuse_iomap_reply_config(req, &out);
}

/* There are no iomap files, but who can't answer doesn't get iomap. */
static void on_begin(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t attr_ino, uint64_t pos,
		     uint64_t count, uint32_t opflags)
{
	fuse_iomap_reply_err(req, EIO);
}

static const struct fuse_lowlevel_ops ll_ops = {
	.lookup = on_lookup, .getattr = on_getattr, .opendir = on_opendir,
	.readdir = on_readdir, .readdirplus = on_readdirplus,
};

static const struct fuse_iomap_ops iomap_ops = { .config = on_config, .begin = on_begin };

static int check(const char *dir)
{
	int root = open(dir, O_RDONLY | O_DIRECTORY), bad = 0;

	if (root < 0)
		err(1, "%s", dir);
	for (const struct rule *rule = rules; rule < rules + NR_RULES; rule++) {
		int fd = openat(root, rule->name, O_RDONLY | O_DIRECTORY), entries = 0;
		DIR *d = fd < 0 ? NULL : fdopendir(fd);

		if (!d)
			err(1, "opening %s", rule->name);
		errno = 0;
		while (readdir(d))
			entries++;
		if (errno != rule->sees || (!rule->sees && entries != rule->entries)) {
			warnx("%s: error %d and %d entries instead of %d and %d", rule->name, errno,
			      entries, rule->sees, rule->entries);
			bad = 1;
		}
		closedir(d);
	}
	close(root);
	return bad;
}

static int serve(const char *dir)
{
	struct fuse_iomap_mount_opts opts = {
		.size = sizeof(opts), .subtype = "hostile", .default_permissions = true,
	};
	char *argv[] = { "hostile_dirs", NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	int res;

	session = fuse_iomap_session_new(&args, &ll_ops, sizeof(ll_ops), &iomap_ops,
					 sizeof(iomap_ops), &session);
	if (!session || fuse_iomap_session_mount(session, dir, FUSE_IOMAP_MODE_REQUIRE, &opts))
		return 1;
	res = fuse_iomap_session_loop(session, 2);
	fuse_iomap_session_destroy(session);
	return res != 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--check"))
		return check(argv[2]);
	if (argc != 2)
		errx(2, "usage: hostile_dirs [--check] DIR");
	return serve(argv[1]);
}
