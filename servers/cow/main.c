// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * iomap_cow: two files that share their space, an example of out-of-place writes.
 *
 *	iomap_cow [--format] [--snapshot] [--always] [--ask] DEVICE DIR
 *
 * DIR gets the file "data", and "snapshot" if there is one; each may be written, and what
 * one of them shares with the other is copied when it is.
 *
 *	--format	make a new file system on DEVICE with an empty "data" first
 *	--snapshot	make "snapshot" what "data" is, all space shared, first
 *	--always	write nothing in place, as a log-structured file system does
 *	--ask		have the kernel ask for every mapping instead of keeping them
 *
 * It serves in the foreground until unmounted and needs the kernel module.  fallocate(2)
 * punches holes and unshares.
 *
 * This file is the ordinary half, a libfuse low-level server; mapping.c is the iomap half,
 * space.c what is on the device.  The loop runs one worker: there is no locking.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "cow.h"

/* Only this server changes the files, so the kernel may cache for long. */
#define CACHE_TIMEOUT	86400.0

static const char * const names[NR_FILES] = { "data", "snapshot" };

static void get_stat(const struct cow *cow, int file, struct stat *st)
{
	const struct file_record *rec = &cow->table->file[file];
	uint32_t b;

	*st = (struct stat) {
		.st_ino = FIRST_INO + file,
		.st_mode = rec->mode,
		.st_nlink = 1,
		.st_uid = rec->uid,
		.st_gid = rec->gid,
		.st_size = rec->size,
		.st_blksize = BLOCK,
		.st_atim = { rec->atime, rec->atime_ns },
		.st_mtim = { rec->mtime, rec->mtime_ns },
		.st_ctim = { rec->ctime, rec->ctime_ns },
	};
	for (b = 0; b < FILE_BLOCKS; b++)
		st->st_blocks += rec->map[b] ? BLOCK / 512 : 0;
}

static void root_stat(const struct cow *cow, struct stat *st)
{
	get_stat(cow, DATA, st);
	st->st_ino = FUSE_ROOT_ID;
	st->st_mode = S_IFDIR | 0700;
	st->st_nlink = 2;
	st->st_size = st->st_blocks = 0;
}

static void cow_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct cow *cow = fuse_req_userdata(req);
	struct fuse_entry_param e = {
		.attr_timeout = CACHE_TIMEOUT,
		.entry_timeout = CACHE_TIMEOUT,
	};
	int file;

	for (file = 0; file < NR_FILES && strcmp(name, names[file]); file++)
		;
	if (parent != FUSE_ROOT_ID || cow_file(cow, FIRST_INO + file) < 0) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	e.ino = FIRST_INO + file;
	get_stat(cow, file, &e.attr);
	fuse_iomap_reply_entry(req, &e, FUSE_ATTR_IOMAP);
}

static void cow_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct cow *cow = fuse_req_userdata(req);
	int file = cow_file(cow, ino);
	struct stat st;

	if (ino == FUSE_ROOT_ID) {
		root_stat(cow, &st);
		fuse_iomap_reply_attr(req, &st, CACHE_TIMEOUT, 0);
	} else if (file < 0) {
		fuse_reply_err(req, ENOENT);
	} else {
		get_stat(cow, file, &st);
		fuse_iomap_reply_attr(req, &st, CACHE_TIMEOUT, FUSE_ATTR_IOMAP);
	}
}

static void set_time(int64_t *s, uint32_t *ns, struct timespec set, bool now)
{
	if (now)
		clock_gettime(CLOCK_REALTIME, &set);
	*s = set.tv_sec;
	*ns = set.tv_nsec;
}

static void cow_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
			struct fuse_file_info *fi)
{
	struct cow *cow = fuse_req_userdata(req);
	int file = cow_file(cow, ino);
	struct file_record *rec;

	if (file < 0) {
		fuse_reply_err(req, ino == FUSE_ROOT_ID ? EPERM : ENOENT);
		return;
	}
	rec = &cow->table->file[file];
	if (to_set & FUSE_SET_ATTR_SIZE) {
		uint64_t size = attr->st_size;

		if (size > (uint64_t)FILE_BLOCKS * BLOCK) {
			fuse_reply_err(req, EFBIG);
			return;
		}
		/* also what has been staged behind the end */
		cow_clear_blocks(cow, file, (size + BLOCK - 1) / BLOCK, FILE_BLOCKS);
		rec->size = size;
	}
	if (to_set & FUSE_SET_ATTR_MODE)
		rec->mode = (rec->mode & S_IFMT) | (attr->st_mode & ~S_IFMT);
	if (to_set & FUSE_SET_ATTR_UID)
		rec->uid = attr->st_uid;
	if (to_set & FUSE_SET_ATTR_GID)
		rec->gid = attr->st_gid;
	if (to_set & FUSE_SET_ATTR_ATIME)
		set_time(&rec->atime, &rec->atime_ns, attr->st_atim,
			 to_set & FUSE_SET_ATTR_ATIME_NOW);
	if (to_set & FUSE_SET_ATTR_MTIME)
		set_time(&rec->mtime, &rec->mtime_ns, attr->st_mtim,
			 to_set & FUSE_SET_ATTR_MTIME_NOW);
	if (to_set & FUSE_SET_ATTR_CTIME)
		set_time(&rec->ctime, &rec->ctime_ns, attr->st_ctim, false);
	cow->dirty = true;
	cow_getattr(req, ino, fi);
}

static void cow_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			struct fuse_file_info *fi)
{
	static const char * const dots[] = { ".", ".." };
	struct cow *cow = fuse_req_userdata(req);
	size_t used = 0, len;
	struct stat st;
	char buf[256];

	if (size > sizeof(buf))
		size = sizeof(buf);
	for (; off < 2 + NR_FILES; off++) {
		if (off < 2)
			root_stat(cow, &st);
		else if (cow_file(cow, FIRST_INO + off - 2) < 0)
			continue;
		else
			get_stat(cow, off - 2, &st);
		len = fuse_add_direntry(req, buf + used, size - used,
					off < 2 ? dots[off] : names[off - 2], &st, off + 1);
		if (len > size - used)
			break;
		used += len;
	}
	fuse_reply_buf(req, buf, used);
}

static void cow_open_file(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fuse_reply_open(req, fi);
}

/*
 * For unsharing the kernel asks with BEGIN afterwards and does the copying; holes stay
 * holes.
 */
static void cow_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
			  struct fuse_file_info *fi)
{
	struct cow *cow = fuse_req_userdata(req);
	uint64_t end = (uint64_t)offset + length;
	int file = cow_file(cow, ino);
	struct file_record *rec;

	if (file < 0) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	if (end > (uint64_t)FILE_BLOCKS * BLOCK) {
		/* a hole over the end of the file has been rounded up to the block */
		fuse_reply_err(req, EFBIG);
		return;
	}
	rec = &cow->table->file[file];
	switch (mode & ~FALLOC_FL_KEEP_SIZE) {
	case FALLOC_FL_PUNCH_HOLE:
		/* the parts of blocks are the kernel's */
		cow_clear_blocks(cow, file, (offset + BLOCK - 1) / BLOCK, end / BLOCK);
		break;
	case FALLOC_FL_UNSHARE_RANGE:
		if (!(mode & FALLOC_FL_KEEP_SIZE) && end > rec->size) {
			rec->size = end;
			cow->dirty = true;
		}
		break;
	default:
		fuse_reply_err(req, EOPNOTSUPP);
		return;
	}
	fuse_reply_err(req, 0);
}

static void cow_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	fuse_reply_err(req, -cow_commit(fuse_req_userdata(req)));
}

static void cow_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct cow *cow = fuse_req_userdata(req);
	uint32_t nr = cow_free_blocks(cow);
	struct statvfs st = {
		.f_bsize = BLOCK,
		.f_frsize = BLOCK,
		.f_blocks = cow->blocks - FIRST_BLOCK,
		.f_bfree = nr,
		.f_bavail = nr,
		.f_files = NR_FILES,
		.f_namemax = NAME_MAX,
	};

	fuse_reply_statfs(req, &st);
}

/* umount(2) returns when this has. */
static void cow_destroy(void *userdata)
{
	struct cow *cow = userdata;
	int res = cow_commit(cow);

	if (res < 0)
		warnx("%s: %s", cow->name, strerror(-res));
}

static const struct fuse_lowlevel_ops ll_ops = {
	.destroy   = cow_destroy,
	.lookup	   = cow_lookup,
	.getattr   = cow_getattr,
	.setattr   = cow_setattr,
	.readdir   = cow_readdir,
	.open	   = cow_open_file,
	.fallocate = cow_fallocate,
	.fsync	   = cow_fsync,
	.statfs	   = cow_statfs,
};

static int usage(const char *name)
{
	fprintf(stderr, "usage: %s [--format] [--snapshot] [--always] [--ask] DEVICE DIR\n", name);
	return 2;
}

static int serve(struct cow *cow, const char *dir, char *program)
{
	struct fuse_iomap_mount_opts opts = {
		.size = sizeof(opts),
		.source = cow->name,
		.subtype = "iomap_cow",
		.mount_flags = MS_NOSUID | MS_NODEV,
		.default_permissions = true,
	};
	/* libfuse's own arguments: there are none, and the name has to be there */
	char *fuse_argv[] = { program, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, fuse_argv);
	struct fuse_session *se;
	int res;

	cow->fis = fuse_iomap_session_new(&args, &ll_ops, sizeof(ll_ops), &cow_iomap_ops,
					  sizeof(cow_iomap_ops), cow);
	if (!cow->fis)
		return -ENOMEM;
	se = fuse_iomap_session_fuse(cow->fis);
	res = fuse_set_signal_handlers(se) < 0 ? -errno : 0;
	if (!res)
		res = fuse_iomap_session_mount(cow->fis, dir, FUSE_IOMAP_MODE_REQUIRE, &opts);
	if (!res) {
		res = fuse_iomap_session_loop(cow->fis, 1);
		fuse_iomap_session_unmount(cow->fis);
	}
	fuse_remove_signal_handlers(se);
	fuse_iomap_session_destroy(cow->fis);
	fuse_opt_free_args(&args);
	return res;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "format", no_argument, NULL, 'f' },
		{ "snapshot", no_argument, NULL, 's' },
		{ "always", no_argument, NULL, 'a' },
		{ "ask", no_argument, NULL, 'q' },
		{ 0 }
	};
	static struct cow cow = { .keep = true };
	bool format = false, snapshot = false;
	int c, res;

	if (fuse_iomap_prepare_process() < 0)
		return 1;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			format = true;
			break;
		case 's':
			snapshot = true;
			break;
		case 'a':
			cow.always = true;
			break;
		case 'q':
			cow.keep = false;
			break;
		default:
			return usage(argv[0]);
		}
	}
	if (argc - optind != 2)
		return usage(argv[0]);
	cow.name = argv[optind];
	res = cow_open(&cow, format);
	if (!res && snapshot)
		cow_take_snapshot(&cow);
	if (!res && cow.dirty)
		res = cow_commit(&cow);
	if (res < 0)
		errx(1, "%s: %s", cow.name, strerror(-res));
	res = serve(&cow, argv[optind + 1], argv[0]);
	if (res < 0)
		warnx("%s: %s", argv[optind + 1], strerror(-res));
	close(cow.fd);
	return res < 0 ? 1 : 0;
}
