// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * iomap_one_file DEVICE DIR: the smallest useful server on libfuseiomap.
 *
 * DIR gets one regular file, "device", whose bytes are DEVICE's, for reading and
 * for writing in place.  Read this file to learn how a server is put together.
 *
 * With the kernel module this server never sees a byte of the file:
 *
 *	kernel                                  this server
 *	CONFIG: what is your geometry?   ---->  registers DEVICE, gets an id
 *	                                 <----  block size, largest file
 *	LOOKUP device                    ---->
 *	                                 <----  attributes with FUSE_ATTR_IOMAP
 *	BEGIN: where is byte 81920?      ---->
 *	                                 <----  [0, size) is at byte 0 of that id
 *	   (reads, writes, maps DEVICE itself)
 *
 * Without it (a regular file as DEVICE, or no module) the kernel sends READ and
 * WRITE instead, and one_read() and one_write() serve them: a server that has
 * both halves works everywhere.
 *
 * There is no locking, because nothing changes after start but the three
 * timestamps and the mode, and the loop runs one worker.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <fuse_iomap.h>
#include <linux/fs.h>

#define FILE_INO	2
#define FILE_NAME	"device"
/* Only this server changes the file, so the kernel may cache for long. */
#define CACHE_TIMEOUT	86400.0

struct one_file {
	struct fuse_iomap_session *fis;
	const char *name;	/* of the device, for messages */
	int fd;			/* of the device */
	int dev;		/* the kernel's id for it */
	uint32_t blocksize;	/* bytes; every mapping is a multiple of it */
	uint64_t size;		/* bytes; a multiple of blocksize */
	struct stat root;
	struct stat file;
};

/*
 * The flags that come with the attributes decide what kind of inode the kernel
 * makes.  They count when it makes it, so every reply that can do so must carry
 * them; on a plain FUSE session the library drops them.
 */
static uint32_t iflags(fuse_ino_t ino)
{
	return ino == FILE_INO ? FUSE_ATTR_IOMAP : 0;
}

/*
 * The ordinary half: a libfuse low-level server like any other.
 */

static void one_init(void *userdata, struct fuse_conn_info *conn)
{
	struct one_file *one = userdata;

	/* from here on it is known which way the data will go */
	printf("%s: %s\n", one->name, fuse_iomap_session_negotiated(one->fis) ?
	       "the kernel moves the data" : "this server moves the data");
	fflush(stdout);
}

static struct stat *one_stat(struct one_file *one, fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? &one->root : ino == FILE_INO ? &one->file : NULL;
}

static void one_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct one_file *one = fuse_req_userdata(req);
	struct fuse_entry_param e = {
		.ino = FILE_INO,
		.attr_timeout = CACHE_TIMEOUT,
		.entry_timeout = CACHE_TIMEOUT,
	};

	if (parent != FUSE_ROOT_ID || strcmp(name, FILE_NAME)) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	e.attr = one->file;
	fuse_iomap_reply_entry(req, &e, iflags(FILE_INO));
}

static void one_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	const struct stat *st = one_stat(fuse_req_userdata(req), ino);

	if (st)
		fuse_iomap_reply_attr(req, st, CACHE_TIMEOUT, iflags(ino));
	else
		fuse_reply_err(req, ENOENT);
}

/*
 * The kernel keeps the times of an iomap file and sends them here when it wants
 * them kept.  The size is the device's.
 */
static void one_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
			struct fuse_file_info *fi)
{
	struct one_file *one = fuse_req_userdata(req);
	struct stat *st = one_stat(one, ino);
	struct timespec now;

	if (!st) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	if ((to_set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) ||
	    ((to_set & FUSE_SET_ATTR_SIZE) && attr->st_size != st->st_size)) {
		fuse_reply_err(req, EPERM);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	if (to_set & FUSE_SET_ATTR_MODE)
		st->st_mode = (st->st_mode & S_IFMT) | (attr->st_mode & ~S_IFMT);
	if (to_set & FUSE_SET_ATTR_ATIME)
		st->st_atim = to_set & FUSE_SET_ATTR_ATIME_NOW ? now : attr->st_atim;
	if (to_set & FUSE_SET_ATTR_MTIME)
		st->st_mtim = to_set & FUSE_SET_ATTR_MTIME_NOW ? now : attr->st_mtim;
	if (to_set & FUSE_SET_ATTR_CTIME)
		st->st_ctim = attr->st_ctim;
	fuse_iomap_reply_attr(req, st, CACHE_TIMEOUT, iflags(ino));
}

static void one_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			struct fuse_file_info *fi)
{
	static const char * const names[] = { ".", "..", FILE_NAME };
	struct one_file *one = fuse_req_userdata(req);
	size_t used = 0, len;
	char buf[256];

	if (size > sizeof(buf))
		size = sizeof(buf);
	for (; off < 3; off++) {
		len = fuse_add_direntry(req, buf + used, size - used, names[off],
					off == 2 ? &one->file : &one->root, off + 1);
		if (len > size - used)
			break;
		used += len;
	}
	fuse_reply_buf(req, buf, used);
}

static void one_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	/* between two opens nobody but the kernel changes the bytes */
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

/* Writes are not told to us, and they go to the device: flushing it is all. */
static void one_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct one_file *one = fuse_req_userdata(req);

	fuse_reply_err(req, fsync(one->fd) < 0 ? errno : 0);
}

static void one_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct one_file *one = fuse_req_userdata(req);
	struct statvfs st = {
		.f_bsize = one->blocksize,
		.f_frsize = one->blocksize,
		.f_blocks = one->size / one->blocksize,
		.f_files = 2,
		.f_namemax = NAME_MAX,
	};

	fuse_reply_statfs(req, &st);
}

/*
 * The classic half: only plain FUSE sessions come here.
 */

static void one_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	struct one_file *one = fuse_req_userdata(req);
	struct fuse_bufvec buf = FUSE_BUFVEC_INIT(0);

	if ((uint64_t)off < one->size)
		buf.buf[0].size = size < one->size - off ? size : one->size - off;
	buf.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	buf.buf[0].fd = one->fd;
	buf.buf[0].pos = off;
	fuse_reply_data(req, &buf, 0);
}

static void one_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
		      struct fuse_file_info *fi)
{
	struct one_file *one = fuse_req_userdata(req);
	ssize_t n;

	if ((uint64_t)off >= one->size) {
		fuse_reply_err(req, ENOSPC);
		return;
	}
	if (size > one->size - off)
		size = one->size - off;
	n = pwrite(one->fd, data, size, off);
	if (n < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_write(req, n);
}

/*
 * The iomap half.
 */

/*
 * The first request of an iomap session.  Nothing else comes before it has been
 * answered, so this is the place to register devices.
 */
static void one_config(fuse_iomap_req_t req, uint64_t flags, int64_t maxbytes,
		       uint32_t cache_maxbytes)
{
	struct one_file *one = fuse_iomap_req_userdata(req);
	struct fuse_iomap_config_out cfg = {
		.flags = FUSE_IOMAP_CONFIG_BLOCKSIZE | FUSE_IOMAP_CONFIG_MAXBYTES,
		.s_blocksize = one->blocksize,
		/* the file can't grow: let the kernel say so */
		.s_maxbytes = one->size,
	};

	one->dev = fuse_iomap_device_add(one->fis, one->fd, 0);
	if (one->dev < 0) {
		warnx("%s: the kernel does not take the device: %s", one->name,
		      strerror(-one->dev));
		fuse_iomap_reply_err(req, -one->dev);
		return;
	}
	fuse_iomap_reply_config(req, &cfg);
}

/*
 * Where are the bytes from @pos on?  A mapping may be larger than what is asked
 * for, and the larger the fewer questions: here one mapping is the whole file.
 */
static void one_begin(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t attr_ino,
		      uint64_t pos, uint64_t count, uint32_t opflags)
{
	struct one_file *one = fuse_iomap_req_userdata(req);
	struct fuse_iomap_io map = {
		.offset = 0,
		.length = one->size,
		.addr = 0,
		.type = FUSE_IOMAP_TYPE_MAPPED,
		.dev = one->dev,
	};

	if (nodeid != FILE_INO) {
		fuse_iomap_reply_err(req, ENOENT);
		return;
	}
	if (pos >= one->size) {
		/*
		 * The rest of the page behind the end of the file can be asked
		 * about.  It reads as zeroes and can't be written.
		 */
		if (fuse_iomap_is_write(opflags)) {
			fuse_iomap_reply_err(req, ENOSPC);
			return;
		}
		map = (struct fuse_iomap_io) {
			.offset = pos - pos % one->blocksize,
			.length = (pos % one->blocksize + count + one->blocksize - 1) /
				  one->blocksize * one->blocksize,
			.addr = FUSE_IOMAP_NULL_ADDR,
			.type = FUSE_IOMAP_TYPE_HOLE,
			.dev = FUSE_IOMAP_DEV_NULL,
		};
	}
	/* no second mapping: writes go where reads come from */
	fuse_iomap_reply_begin(req, &map, NULL);
}

/*
 * No end() and no ioend(): nothing was allocated that could be given back, and
 * overwriting written space completes without a word.
 */
static const struct fuse_iomap_ops iomap_ops = {
	.config	= one_config,
	.begin	= one_begin,
};

static const struct fuse_lowlevel_ops ll_ops = {
	.init	 = one_init,
	.lookup	 = one_lookup,
	.getattr = one_getattr,
	.setattr = one_setattr,
	.readdir = one_readdir,
	.open	 = one_open,
	.read	 = one_read,
	.write	 = one_write,
	.fsync	 = one_fsync,
	.statfs	 = one_statfs,
};

/* Open the device and find out how large it is.  Returns its type, S_IF*. */
static mode_t open_device(struct one_file *one)
{
	struct timespec now;
	struct stat st;

	one->fd = open(one->name, O_RDWR | O_CLOEXEC);
	if (one->fd < 0 || fstat(one->fd, &st) < 0)
		err(1, "%s", one->name);
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(one->fd, BLKGETSIZE64, &one->size) < 0)
			err(1, "%s", one->name);
	} else if (S_ISREG(st.st_mode)) {
		one->size = st.st_size;
	} else {
		errx(1, "%s is neither a block device nor a regular file", one->name);
	}
	/* devices whose size is no multiple of 4096 are addressed by sector */
	one->blocksize = one->size % 4096 ? 512 : 4096;
	one->size -= one->size % one->blocksize;
	if (!one->size)
		errx(1, "%s is empty", one->name);

	clock_gettime(CLOCK_REALTIME, &now);
	one->file.st_ino = FILE_INO;
	one->file.st_mode = S_IFREG | 0600;
	one->file.st_nlink = 1;
	one->file.st_uid = getuid();
	one->file.st_gid = getgid();
	one->file.st_size = one->size;
	one->file.st_blocks = one->size / 512;
	one->file.st_blksize = one->blocksize;
	one->file.st_atim = one->file.st_mtim = one->file.st_ctim = now;
	one->root = one->file;
	one->root.st_ino = FUSE_ROOT_ID;
	one->root.st_mode = S_IFDIR | 0700;
	one->root.st_nlink = 2;
	one->root.st_size = 0;
	one->root.st_blocks = 0;
	return st.st_mode & S_IFMT;
}

int main(int argc, char **argv)
{
	struct one_file one = { 0 };
	struct fuse_iomap_mount_opts opts = {
		.size = sizeof(opts),
		.subtype = "iomap_one_file",
		.mount_flags = MS_NOSUID | MS_NODEV,
		.default_permissions = true,
	};
	/* libfuse's own arguments: there are none, and the name has to be there */
	char *fuse_argv[] = { argv[0], NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, fuse_argv);
	struct fuse_session *se;
	enum fuse_iomap_mode mode;
	int res;

	/* before anything is opened: what was inherited may not suit a server */
	if (fuse_iomap_prepare_process() < 0)
		return 1;
	if (argc != 3) {
		fprintf(stderr, "usage: %s DEVICE DIR\n", argv[0]);
		return 2;
	}
	one.name = argv[1];
	opts.source = argv[1];
	/* the kernel does I/O on block devices only */
	mode = S_ISBLK(open_device(&one)) ? FUSE_IOMAP_MODE_AUTO : FUSE_IOMAP_MODE_OFF;

	one.fis = fuse_iomap_session_new(&args, &ll_ops, sizeof(ll_ops),
					 &iomap_ops, sizeof(iomap_ops), &one);
	if (!one.fis)
		return 1;
	se = fuse_iomap_session_fuse(one.fis);
	if (fuse_set_signal_handlers(se) < 0)
		return 1;
	if (fuse_iomap_session_mount(one.fis, argv[2], mode, &opts) < 0)
		return 1;

	/* serves until unmounted; a signal unmounts */
	res = fuse_iomap_session_loop(one.fis, 1);

	fuse_iomap_session_unmount(one.fis);
	fuse_remove_signal_handlers(se);
	fuse_iomap_session_destroy(one.fis);
	fuse_opt_free_args(&args);
	close(one.fd);
	return res < 0 ? 1 : 0;
}
