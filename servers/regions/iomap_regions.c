// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * iomap_regions: regions of a device as files, an example of a path-based server.
 *
 *	iomap_regions DEVICE DIR NAME=OFFSET+LENGTH...
 *
 *	iomap_regions /dev/sdb /mnt boot/loader=1M+16M data=17M+1G
 *
 * shows the bytes of DEVICE from OFFSET on as the file DIR/NAME, for reading and for writing
 * in place.  OFFSET and LENGTH are bytes, or have a suffix K, M or G, and are multiples of
 * 512; regions don't overlap.  Directories are made as names want them.  Files can be
 * renamed and removed, directories made and removed as well; all this is gone at unmount, and
 * nothing but the regions' bytes is written to DEVICE.
 *
 * This is a server on libfuse's high-level interface: struct fuse_operations, as for any
 * server of that kind, and struct fuse_iomap_path_ops beside it, which gets paths in the same
 * way.  The names are in tree.c.
 *
 *	rename("/data", "/old")			the tree changes
 *	begin("/old", 3, ...)			node 3 is at byte 17825792
 *	unlink("/old")				the name goes, node 3 stays,
 *	begin(NULL, 3, ...)			for the kernel may have pages to write
 *	forget(3)				now it has not: the node goes
 *
 * Without the kernel module, or if DEVICE is a regular file, the kernel sends read() and
 * write().
 *
 * The loop has several workers, so operations run side by side: one lock for the tree, which
 * is not held over I/O.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <fuse_iomap_highlevel.h>
#include <linux/fs.h>
#include "tree.h"

#define WORKERS		4
/* Only this server changes the files, so the kernel may cache for long. */
#define CACHE_TIMEOUT	86400.0

struct regions {
	struct fuse_iomap_session *fis;
	const char *name;	/* of the device, for messages */
	int fd;			/* of the device */
	int dev;		/* the kernel's id for it */
	uint32_t blocksize;	/* bytes; each region is a multiple of it */
	uint64_t size;		/* of the device, bytes */
	pthread_mutex_t lock;	/* of the tree */
	struct tree tree;
};

static struct regions *regions(void)
{
	return fuse_get_context()->private_data;
}

/*
 * The ordinary half: a libfuse high-level server like any other.
 */

static void *op_init(struct fuse_conn_info *conn, struct fuse_config *cfg)
{
	struct regions *r = regions();

	cfg->entry_timeout = CACHE_TIMEOUT;
	cfg->attr_timeout = CACHE_TIMEOUT;
	/* from here on it is known which way the data will go */
	printf("%s: %s\n", r->name, fuse_iomap_session_negotiated(r->fis) ?
	       "the kernel moves the data" : "this server moves the data");
	fflush(stdout);
	return r;
}

/*
 * The node that an operation is for: by its number, which is also its file handle, if it is
 * open, for it may have lost its name.  Call with the lock held.
 */
static struct node *find(struct regions *r, const char *path, const struct fuse_file_info *fi)
{
	if (fi && fi->fh)
		return tree_find_ino(&r->tree, fi->fh);
	return path ? tree_find(&r->tree, path) : NULL;
}

static int op_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	struct regions *r = regions();
	const struct node *node;

	pthread_mutex_lock(&r->lock);
	node = find(r, path, fi);
	if (node)
		*st = node->st;
	pthread_mutex_unlock(&r->lock);
	return node ? 0 : -ENOENT;
}

static int op_readdir(const char *path, void *buf, fuse_fill_dir_t filler, off_t off,
		      struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
	/* with all attributes, so that the kernel need not look each of them up */
	enum fuse_fill_dir_flags plus = flags & FUSE_READDIR_PLUS ? FUSE_FILL_DIR_PLUS : 0;
	struct regions *r = regions();
	const struct node *dir, *node = NULL;

	pthread_mutex_lock(&r->lock);
	dir = tree_find(&r->tree, path);
	if (dir) {
		filler(buf, ".", &dir->st, 0, plus);
		filler(buf, "..", NULL, 0, 0);
		while ((node = tree_next(&r->tree, dir, node)))
			if (filler(buf, node->name, &node->st, 0, plus))
				break;
	}
	pthread_mutex_unlock(&r->lock);
	return dir ? 0 : -ENOENT;
}

static int op_mkdir(const char *path, mode_t mode)
{
	const struct fuse_context *ctx = fuse_get_context();
	struct regions *r = regions();
	struct node *node;
	int res;

	pthread_mutex_lock(&r->lock);
	res = tree_add(&r->tree, path, S_IFDIR | (mode & ~S_IFMT), &node);
	if (!res) {
		node->st.st_uid = ctx->uid;
		node->st.st_gid = ctx->gid;
	}
	pthread_mutex_unlock(&r->lock);
	return res;
}

static int op_unlink(const char *path)
{
	struct regions *r = regions();
	int res;

	pthread_mutex_lock(&r->lock);
	res = tree_remove(&r->tree, path, false);
	pthread_mutex_unlock(&r->lock);
	return res;
}

static int op_rmdir(const char *path)
{
	struct regions *r = regions();
	int res;

	pthread_mutex_lock(&r->lock);
	res = tree_remove(&r->tree, path, true);
	pthread_mutex_unlock(&r->lock);
	return res;
}

static int op_rename(const char *from, const char *to, unsigned int flags)
{
	struct regions *r = regions();
	int res;

	if (flags & ~RENAME_NOREPLACE)
		return -EINVAL;
	pthread_mutex_lock(&r->lock);
	res = tree_rename(&r->tree, from, to, !(flags & RENAME_NOREPLACE));
	pthread_mutex_unlock(&r->lock);
	return res;
}

static int op_chmod(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	struct regions *r = regions();
	struct node *node;

	pthread_mutex_lock(&r->lock);
	node = find(r, path, fi);
	if (node) {
		node->st.st_mode = (node->st.st_mode & S_IFMT) | (mode & ~S_IFMT);
		clock_gettime(CLOCK_REALTIME, &node->st.st_ctim);
	}
	pthread_mutex_unlock(&r->lock);
	return node ? 0 : -ENOENT;
}

static int op_chown(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *fi)
{
	struct regions *r = regions();
	struct node *node;

	pthread_mutex_lock(&r->lock);
	node = find(r, path, fi);
	if (node) {
		if (uid != (uid_t)-1)
			node->st.st_uid = uid;
		if (gid != (gid_t)-1)
			node->st.st_gid = gid;
		clock_gettime(CLOCK_REALTIME, &node->st.st_ctim);
	}
	pthread_mutex_unlock(&r->lock);
	return node ? 0 : -ENOENT;
}

/* A region has the size that it has. */
static int op_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
	struct regions *r = regions();
	const struct node *node;
	int res = -ENOENT;

	pthread_mutex_lock(&r->lock);
	node = find(r, path, fi);
	if (node)
		res = size == node->st.st_size ? 0 : -EPERM;
	pthread_mutex_unlock(&r->lock);
	return res;
}

static void set_time(struct timespec *to, const struct timespec *from)
{
	if (from->tv_nsec == UTIME_NOW)
		clock_gettime(CLOCK_REALTIME, to);
	else if (from->tv_nsec != UTIME_OMIT)
		*to = *from;
}

/* The kernel keeps the times of an iomap file and sends them when it wants them kept. */
static int op_utimens(const char *path, const struct timespec tv[2], struct fuse_file_info *fi)
{
	struct regions *r = regions();
	struct node *node;

	pthread_mutex_lock(&r->lock);
	node = find(r, path, fi);
	if (node) {
		set_time(&node->st.st_atim, &tv[0]);
		set_time(&node->st.st_mtim, &tv[1]);
	}
	pthread_mutex_unlock(&r->lock);
	return node ? 0 : -ENOENT;
}

static int op_open(const char *path, struct fuse_file_info *fi)
{
	struct regions *r = regions();
	const struct node *node;

	pthread_mutex_lock(&r->lock);
	node = tree_find(&r->tree, path);
	if (node)
		fi->fh = node->st.st_ino;
	pthread_mutex_unlock(&r->lock);
	/* between two opens nobody but the kernel changes the bytes */
	fi->keep_cache = 1;
	return node ? 0 : -ENOENT;
}

/* Writes are not told to us, and they go to the device: flushing it is all. */
static int op_fsync(const char *path, int datasync, struct fuse_file_info *fi)
{
	return fsync(regions()->fd) < 0 ? -errno : 0;
}

static int op_statfs(const char *path, struct statvfs *st)
{
	struct regions *r = regions();
	const struct node *node;

	*st = (struct statvfs) {
		.f_bsize = r->blocksize,
		.f_frsize = r->blocksize,
		.f_blocks = r->size / r->blocksize,
		.f_namemax = NAME_MAX,
	};
	pthread_mutex_lock(&r->lock);
	for (node = r->tree.nodes; node; node = node->next)
		st->f_files++;
	pthread_mutex_unlock(&r->lock);
	return 0;
}

/*
 * The classic half: only plain FUSE sessions come here.
 */

/* Where the bytes of an open file are: -EIO, or how many there are from @off on. */
static ssize_t locate(struct regions *r, const struct fuse_file_info *fi, size_t size,
		      off_t off, uint64_t *addr)
{
	const struct node *node;
	ssize_t res = -EIO;

	pthread_mutex_lock(&r->lock);
	node = tree_find_ino(&r->tree, fi->fh);
	if (node) {
		res = off >= node->st.st_size ? 0 : node->st.st_size - off;
		if ((size_t)res > size)
			res = size;
		*addr = node->addr + off;
	}
	pthread_mutex_unlock(&r->lock);
	return res;
}

static int op_read(const char *path, char *buf, size_t size, off_t off,
		   struct fuse_file_info *fi)
{
	struct regions *r = regions();
	uint64_t addr = 0;
	ssize_t n = locate(r, fi, size, off, &addr);

	if (n <= 0)
		return n;
	n = pread(r->fd, buf, n, addr);
	return n < 0 ? -errno : n;
}

static int op_write(const char *path, const char *buf, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct regions *r = regions();
	uint64_t addr = 0;
	ssize_t n = locate(r, fi, size, off, &addr);

	if (n <= 0)
		return n ? n : -ENOSPC;
	n = pwrite(r->fd, buf, n, addr);
	return n < 0 ? -errno : n;
}

/*
 * The iomap half.
 */

static uint32_t op_iflags(const char *path, const struct stat *st)
{
	return S_ISREG(st->st_mode) ? FUSE_ATTR_IOMAP : 0;
}

/*
 * The first request of an iomap session.  Nothing else comes before it has been answered, so
 * this is the place to register devices.  Regions never change: the kernel may keep what
 * begin() says.
 */
static int op_config(uint64_t flags, int64_t maxbytes, uint32_t cache_maxbytes,
		     struct fuse_iomap_config_out *cfg)
{
	struct regions *r = regions();

	r->dev = fuse_iomap_device_add(r->fis, r->fd, 0);
	if (r->dev < 0) {
		warnx("%s: the kernel does not take the device: %s", r->name, strerror(-r->dev));
		return r->dev;
	}
	cfg->flags = FUSE_IOMAP_CONFIG_BLOCKSIZE | (flags & FUSE_IOMAP_CONFIG_MAPPINGS);
	cfg->s_blocksize = r->blocksize;
	return 0;
}

/*
 * Where are the bytes from @pos on?  The path says which file it is as long as there is one;
 * its number always does.
 */
static int op_begin(const char *path, uint64_t ino, uint64_t pos, uint64_t count,
		    uint32_t opflags, struct fuse_iomap_path_answer *answer)
{
	struct regions *r = regions();
	uint64_t size = 0, addr = 0;
	const struct node *node;

	pthread_mutex_lock(&r->lock);
	node = tree_find_ino(&r->tree, ino);
	if (node) {
		size = node->st.st_size;
		addr = node->addr;
	}
	pthread_mutex_unlock(&r->lock);
	if (!node)
		return -ENOENT;
	if (pos < size) {
		answer->read = (struct fuse_iomap_io) {
			.length = size,
			.addr = addr,
			.type = FUSE_IOMAP_TYPE_MAPPED,
			.dev = r->dev,
		};
		return 0;
	}
	/* The rest of the last page reads as zeroes and can't be written. */
	if (fuse_iomap_is_write(opflags))
		return -ENOSPC;
	answer->read = (struct fuse_iomap_io) {
		.offset = pos - pos % r->blocksize,
		.length = (pos % r->blocksize + count + r->blocksize - 1) / r->blocksize *
			  r->blocksize,
		.addr = FUSE_IOMAP_NULL_ADDR,
		.type = FUSE_IOMAP_TYPE_HOLE,
		.dev = FUSE_IOMAP_DEV_NULL,
	};
	return 0;
}

static void op_forget(uint64_t ino)
{
	struct regions *r = regions();

	pthread_mutex_lock(&r->lock);
	tree_forget(&r->tree, ino);
	pthread_mutex_unlock(&r->lock);
}

static const struct fuse_operations operations = {
	.init	  = op_init,
	.getattr  = op_getattr,
	.readdir  = op_readdir,
	.mkdir	  = op_mkdir,
	.unlink	  = op_unlink,
	.rmdir	  = op_rmdir,
	.rename	  = op_rename,
	.chmod	  = op_chmod,
	.chown	  = op_chown,
	.truncate = op_truncate,
	.utimens  = op_utimens,
	.open	  = op_open,
	.read	  = op_read,
	.write	  = op_write,
	.fsync	  = op_fsync,
	.statfs	  = op_statfs,
};

/* No end() and no ioend(): overwriting written space changes nothing that is ours. */
static const struct fuse_iomap_path_ops iomap_operations = {
	.config	= op_config,
	.iflags	= op_iflags,
	.begin	= op_begin,
	.forget	= op_forget,
};

/* Returns the type of the device, S_IF*. */
static mode_t open_device(struct regions *r)
{
	struct stat st;

	r->fd = open(r->name, O_RDWR | O_CLOEXEC);
	if (r->fd < 0 || fstat(r->fd, &st) < 0)
		err(1, "%s", r->name);
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(r->fd, BLKGETSIZE64, &r->size) < 0)
			err(1, "%s", r->name);
	} else if (S_ISREG(st.st_mode)) {
		r->size = st.st_size;
	} else {
		errx(1, "%s is neither a block device nor a regular file", r->name);
	}
	return st.st_mode & S_IFMT;
}

/* A number of bytes at *@text, which becomes what follows.  False: there is none. */
static bool parse_bytes(const char **text, uint64_t *bytes)
{
	static const char suffixes[] = "KMG";
	const char *suffix;
	unsigned int shift;
	char *end;

	errno = 0;
	if (**text < '0' || **text > '9')
		return false;
	*bytes = strtoull(*text, &end, 0);
	if (errno)
		return false;
	suffix = *end ? strchr(suffixes, *end) : NULL;
	if (suffix) {
		shift = 10 * (suffix - suffixes + 1);
		if (*bytes > UINT64_MAX >> shift)
			return false;
		*bytes <<= shift;
		end++;
	}
	*text = end;
	return true;
}

/* Make the directories above @path. */
static int add_parents(struct tree *tree, const char *path)
{
	const char *slash = path;
	struct node *node;
	char *dir;
	int res = 0;

	while (!res && (slash = strchr(slash + 1, '/'))) {
		dir = strndup(path, slash - path);
		if (!dir)
			return -ENOMEM;
		res = tree_add(tree, dir, S_IFDIR | 0755, &node);
		/* a file in its place is found by who wants to add to it */
		if (res == -EEXIST)
			res = 0;
		free(dir);
	}
	return res;
}

static bool is_name(const char *path)
{
	const char *end;

	do {
		end = path + strcspn(path, "/");
		if (end == path || end - path > NAME_MAX ||
		    (path[0] == '.' && (end - path == 1 || (path[1] == '.' && end - path == 2))))
			return false;
		path = end + 1;
	} while (*end);
	return true;
}

/* NAME=OFFSET+LENGTH */
static void add_region(struct regions *r, const char *arg)
{
	const char *equals = strrchr(arg, '=');
	const char *text = equals ? equals + 1 : "";
	uint64_t addr, length, end;
	struct node *node;
	char *path;
	int res;

	if (!parse_bytes(&text, &addr) || *text++ != '+' ||
	    !parse_bytes(&text, &length) || *text)
		errx(2, "%s is not NAME=OFFSET+LENGTH", arg);
	if (!length || addr % 512 || length % 512)
		errx(2, "%s: offset and length must be multiples of 512, the length not 0", arg);
	if (addr > r->size || length > r->size - addr || length > INT64_MAX)
		errx(2, "%s: ends behind the end of %s, which has %llu bytes", arg, r->name,
		     (unsigned long long)r->size);
	end = addr + length;
	for (node = r->tree.nodes; node; node = node->next)
		if (S_ISREG(node->st.st_mode) && addr < node->addr + node->st.st_size &&
		    node->addr < end)
			errx(2, "%s: shares bytes with %s", arg, node->name);
	path = strndup(arg, equals - arg);
	if (!path)
		err(1, "%s", arg);
	if (!is_name(path))
		errx(2, "%s: no name of a file", path);
	res = add_parents(&r->tree, path);
	if (!res)
		res = tree_add(&r->tree, path, S_IFREG | 0600, &node);
	if (res < 0)
		errx(2, "%s: %s", path, strerror(-res));
	free(path);
	node->addr = addr;
	node->st.st_size = length;
	node->st.st_blocks = length / 512;
	if (addr % 4096 || length % 4096)
		r->blocksize = 512;
}

static int serve(struct regions *r, const char *dir, enum fuse_iomap_mode mode, char *program)
{
	struct fuse_iomap_mount_opts opts = {
		.size = sizeof(opts),
		.source = r->name,
		.subtype = "iomap_regions",
		.mount_flags = MS_NOSUID | MS_NODEV,
		.default_permissions = true,
	};
	/* libfuse's own arguments: there are none, and the name has to be there */
	char *fuse_argv[] = { program, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, fuse_argv);
	struct fuse_session *se;
	int res;

	r->fis = fuse_iomap_path_session_new(&args, &operations, sizeof(operations),
					     &iomap_operations, sizeof(iomap_operations), r);
	if (!r->fis)
		return -ENOMEM;
	se = fuse_iomap_session_fuse(r->fis);
	res = fuse_set_signal_handlers(se) < 0 ? -EIO : 0;
	if (!res) {
		res = fuse_iomap_session_mount(r->fis, dir, mode, &opts);
		if (!res) {
			/* serves until unmounted; a signal unmounts */
			res = fuse_iomap_session_loop(r->fis, WORKERS);
			fuse_iomap_session_unmount(r->fis);
		}
		fuse_remove_signal_handlers(se);
	}
	fuse_iomap_session_destroy(r->fis);
	fuse_opt_free_args(&args);
	return res;
}

int main(int argc, char **argv)
{
	struct regions r = { .lock = PTHREAD_MUTEX_INITIALIZER, .blocksize = 4096 };
	enum fuse_iomap_mode mode;
	struct node *node;
	int i, res;

	if (fuse_iomap_prepare_process() < 0)
		return 1;
	if (argc < 4) {
		fprintf(stderr, "usage: %s DEVICE DIR NAME=OFFSET+LENGTH...\n", argv[0]);
		return 2;
	}
	r.name = argv[1];
	/* the kernel does I/O on block devices only */
	mode = S_ISBLK(open_device(&r)) ? FUSE_IOMAP_MODE_AUTO : FUSE_IOMAP_MODE_OFF;
	if (tree_init(&r.tree) < 0)
		err(1, "%s", r.name);
	for (i = 3; i < argc; i++)
		add_region(&r, argv[i]);
	for (node = r.tree.nodes; node; node = node->next)
		node->st.st_blksize = r.blocksize;

	res = serve(&r, argv[2], mode, argv[0]);
	tree_free(&r.tree);
	close(r.fd);
	return res < 0 ? 1 : 0;
}
