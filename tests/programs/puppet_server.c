// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * puppet_server: a file system of one file that does what a test tells it, in the
 * order that the test wants.
 *
 *	puppet_server [FIELD=VALUE]... DEVICE DIR LOG [ROOT [idmap]]
 *
 * serves DIR/f in the foreground, with the second name DIR/f2, beside it DIR/p, which is no iomap file and empty, and
 * DIR/q, a fifo, which leaves the mount the dirty page limits of a disk; ROOT is the node
 * id of DIR, and then f has 1, or 0 for what it is anyway. With "idmap" the kernel checks
 * permissions, and mounts can be idmapped. FIELDs are of the answer to CONFIG: sid, uuid
 * (text of up to 16 bytes), blocksize, links, gran, min, max, maxbytes;
 * keep=0 does not let the kernel keep mappings, fsync=1 implements FSYNC, exclusive=1: DIR
 * is changed by this mount only; readonly=1 agrees that the server may turn it read-only;
 * freeze=1 implements FREEZE_FS and UNFREEZE_FS; replace=1: what replaces older contents is to
 * be written early; forget=1: IOMAP_FORGET is sent and answered, written to LOG, and so is FORGET of
 * "new"; threads=N: the server answers with N threads (4); other=1: users other than
 * the server's own may use the mount; noopen=1 wants neither OPEN nor RELEASE. "new" can be created
 * in DIR, and a directory "newdir". Renames are written to LOG, and refused; the removal of a
 * name is written to LOG and done.
 *
 * Block N of f belongs at byte 1 MiB + N * 4096 of the device; at first all of it is a
 * hole. Requests are written to LOG, a line each. Commands come on standard input; each
 * is answered by a line "ok" or the name of an errno. FORK is r or w, OP one of lookup,
 * begin, ioend, setattr (of the size), times (SETATTR of all else), write, create (MKDIR, too),
 * getattr (of f), forget (IOMAP_FORGET),
 * TYPE one of hole,
 * delalloc, mapped, unwritten, fresh (mapped,
 * and new), inline (the server has the bytes, for block 0, I at first), pure (writes go where reads
 * do; w only), retry.
 *
 *	device add PATH r|w|rw|path	register it: "ok ID"; for mappings set from now on
 *	device fill PATH		as often as it goes
 *	device open PATH FLAGS PADDING	by the ioctl itself
 *	device use|remove ID
 *	device blocksize ID BYTES
 *	size BYTES			of the file, before anybody looks it up
 *	mode N				of the file, its permissions
 *	timeout SECONDS			how long attributes and names are valid from now on
 *	set FORK OFFSET LENGTH TYPE [ADDR]	what BEGIN answers from now on
 *	flags N				of the mappings with space in these answers
 *	delalloc on|off			buffered writes to holes get no address yet
 *	upsert OFFSET LENGTH TYPE [ADDR]	into the kernel's cache, to be read and written
 *	wupsert OFFSET LENGTH TYPE [ADDR]	the same, where writes go
 *	inval FORK OFFSET LENGTH	out of the kernel's cache; -1: to the end
 *	node NODEID INO			the file of upsert, wupsert and inval from now on
 *	devinval DEV OFFSET LENGTH	out of the device's page cache; DEV 0 is the server's
 *	message CODE SIZE [WORD]...	a notification of SIZE bytes: words of 32 bits, zeroes
 *	retry N				the next N answers to BEGIN are "look again"
 *	by-cache on|off			BEGIN is answered by an upsert and "look again"
 *	hold OP				the next OP's answer is made, but not sent until
 *	release OP
 *	fail OP ERRNO			the next OP fails
 *	open plain|direct|nonseekable	how files are opened from now on
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fuse_iomap.h>
#include "puppet_raw.h"

#define BLOCK		4096ULL
#define NR_BLOCKS	16384ULL	/* 64 MiB */
#define BASE		(1ULL << 20)
#define TYPE_PURE	FUSE_IOMAP_TYPE_PURE_OVERWRITE

/* In the table of blocks only: a type of the protocol with a flag. */
#define TYPE_FRESH	0x1000

enum op { OP_LOOKUP, OP_BEGIN, OP_IOEND, OP_SETATTR, OP_TIMES, OP_WRITE, OP_CREATE, OP_GETATTR,
	  OP_FORGET, NR_OPS };

static const char *const op_names[NR_OPS] = {
	"lookup", "begin", "ioend", "setattr", "times", "write", "create", "getattr",
	"forget",
};

struct block {
	uint64_t addr;
	uint16_t type;
	uint16_t dev;
};

static struct fuse_iomap_session *session;
static FILE *log_file;
static int device_fd, device_id;
/* node ids, which are inode numbers, too */
static fuse_ino_t root_ino = FUSE_ROOT_ID, file_ino = 2;
#define PLAIN_INO	1000003
#define FIFO_INO	1000004
#define NEW_INO		1000005
#define NEW_DIR_INO	1000006
/* as main() has it from its arguments */
static struct fuse_iomap_config_out config = {
	.flags = FUSE_IOMAP_CONFIG_BLOCKSIZE, .s_blocksize = BLOCK,
};
static bool keeps = true, root_is_exclusive, writes_replacements, waives_open, answers_forget;
static mode_t file_mode = 0644;
static double timeout = 3600;
static int nr_threads = 4;
static bool for_others;
/* the commands' own */
static uint64_t told_node, told_ino;

/* All below */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t released = PTHREAD_COND_INITIALIZER;
static struct block forks[2][NR_BLOCKS];	/* read, write */
static off_t file_size;
static char inline_bytes[BLOCK];
static bool delalloc, by_cache;
static bool open_direct, open_nonseekable;
static bool new_is_there, new_dir_is_there;
static uint16_t map_flags;
static unsigned int retries;
static struct {
	bool hold, held;
	int fail;
} states[NR_OPS];

__attribute__((format(printf, 1, 2)))
static void log_line(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(log_file, fmt, ap);
	va_end(ap);
	fputc('\n', log_file);
	fflush(log_file);
}

static uint64_t home(uint64_t block)
{
	return BASE + block * BLOCK;
}

static bool has_addr(uint16_t type)
{
	return type == FUSE_IOMAP_TYPE_MAPPED || type == FUSE_IOMAP_TYPE_UNWRITTEN ||
	       type == TYPE_FRESH;
}

static void set_blocks(struct block *fork, uint64_t first, uint64_t end, uint16_t type,
		       uint64_t addr)
{
	for (uint64_t b = first; b < end && b < NR_BLOCKS; b++) {
		fork[b].type = type;
		fork[b].dev = has_addr(type) ? (uint16_t)device_id : FUSE_IOMAP_DEV_NULL;
		fork[b].addr = has_addr(type) ? addr + (b - first) * BLOCK : FUSE_IOMAP_NULL_ADDR;
	}
}

static bool continues(const struct block *a, const struct block *b)
{
	return a->type == b->type && a->dev == b->dev &&
	       (!has_addr(a->type) || a->addr + BLOCK == b->addr);
}

/* The mapping around block @b, or of the endless hole behind the last one. */
static void to_io(const struct block *fork, uint64_t b, struct fuse_iomap_io *io)
{
	uint64_t first = b, end = b + 1;

	memset(io, 0, sizeof(*io));
	io->addr = FUSE_IOMAP_NULL_ADDR;
	if (b >= NR_BLOCKS) {
		io->offset = NR_BLOCKS * BLOCK;
		io->length = (1ULL << 63) - io->offset;
		io->type = fork == forks[1] ? TYPE_PURE : FUSE_IOMAP_TYPE_HOLE;
		return;
	}
	while (first && continues(&fork[first - 1], &fork[first]))
		first--;
	while (end < NR_BLOCKS && continues(&fork[end - 1], &fork[end]))
		end++;
	io->offset = first * BLOCK;
	io->length = (end - first) * BLOCK;
	io->type = fork[b].type;
	if (has_addr(io->type)) {
		io->addr = fork[first].addr;
		io->dev = fork[first].dev;
		io->flags = map_flags;
	}
	if (io->type == TYPE_FRESH) {
		io->type = FUSE_IOMAP_TYPE_MAPPED;
		io->flags = FUSE_IOMAP_F_NEW;
	}
}

/* Called with the lock, when the answer to @op has been made.  Returns an errno to fail with. */
static int obey(enum op op)
{
	int err = states[op].fail;

	states[op].fail = 0;
	if (states[op].hold) {
		states[op].hold = false;
		states[op].held = true;
		log_line("held %s", op_names[op]);
		while (states[op].held)
			pthread_cond_wait(&released, &lock);
	}
	return err;
}

/*
 * Requests
 */

static void on_config(fuse_iomap_req_t req, uint64_t flags, int64_t maxbytes,
		      uint32_t cache_maxbytes)
{
	struct fuse_iomap_config_out answer = config;

	if (keeps)
		answer.flags |= flags & FUSE_IOMAP_CONFIG_MAPPINGS;
	if (writes_replacements)
		answer.flags |= flags & FUSE_IOMAP_CONFIG_REPLACE;
	if (answers_forget)
		answer.flags |= flags & FUSE_IOMAP_CONFIG_FORGET;
	if (waives_open)
		answer.flags |= flags & FUSE_IOMAP_CONFIG_NO_OPEN;
	device_id = fuse_iomap_device_add(session, device_fd, 0);
	if (device_id < 0)
		fuse_iomap_reply_err(req, -device_id);
	else
		fuse_iomap_reply_config(req, &answer);
}

static void on_freeze(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t unlinked)
{
	fuse_iomap_reply_err(req, 0);
}

static void on_unfreeze(fuse_iomap_req_t req, fuse_ino_t nodeid)
{
	fuse_iomap_reply_err(req, 0);
}

static bool wants_space(uint32_t opflags)
{
	return (opflags & (FUSE_IOMAP_OP_WRITE | FUSE_IOMAP_OP_WRITEBACK)) &&
	       !(opflags & FUSE_IOMAP_OP_ZERO);
}

static void give_space(uint64_t first, uint64_t end, uint32_t opflags)
{
	bool now = !delalloc || opflags & (FUSE_IOMAP_OP_DIRECT | FUSE_IOMAP_OP_WRITEBACK);
	struct block *fork = forks[0];
	uint64_t b = first;

	/* at writeback all that was put off gets its space */
	for (; b < NR_BLOCKS && (b < end || (now && fork[b].type == FUSE_IOMAP_TYPE_DELALLOC));
	     b++) {
		/* what is written elsewhere has its space there */
		if (forks[1][b].type != TYPE_PURE)
			continue;
		if (fork[b].type == FUSE_IOMAP_TYPE_HOLE && !now)
			set_blocks(fork, b, b + 1, FUSE_IOMAP_TYPE_DELALLOC, 0);
		else if (now && (fork[b].type == FUSE_IOMAP_TYPE_HOLE ||
				 fork[b].type == FUSE_IOMAP_TYPE_DELALLOC))
			set_blocks(fork, b, b + 1, FUSE_IOMAP_TYPE_UNWRITTEN, home(b));
	}
}

static void on_begin(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t attr_ino, uint64_t pos,
		     uint64_t count, uint32_t opflags)
{
	static const struct fuse_iomap_io again = {
		.length = BLOCK, .addr = FUSE_IOMAP_NULL_ADDR, .type = FUSE_IOMAP_TYPE_RETRY_CACHE,
	};
	struct fuse_iomap_io read, write, retry = again;
	uint64_t b = pos / BLOCK;
	bool look_again;
	int err = 0;

	pthread_mutex_lock(&lock);
	log_line("begin %llu %llu %x", (unsigned long long)pos, (unsigned long long)count,
		 opflags);
	look_again = retries > 0;
	if (look_again) {
		retries--;
	} else {
		if (wants_space(opflags))
			give_space(b, (pos + count + BLOCK - 1) / BLOCK, opflags);
		to_io(forks[0], b, &read);
		to_io(forks[1], b, &write);
	}
	err = obey(OP_BEGIN);
	if (!err && !look_again && by_cache && !(opflags & FUSE_IOMAP_OP_NOCACHE_MASK)) {
		err = -fuse_iomap_upsert_mappings(session, nodeid, attr_ino, &read,
						  write.type == TYPE_PURE ? NULL : &write);
		look_again = true;
	}
	pthread_mutex_unlock(&lock);
	retry.offset = pos / BLOCK * BLOCK;
	if (err)
		fuse_iomap_reply_err(req, err);
	else if (look_again)
		fuse_iomap_reply_begin(req, &retry, &retry);
	else
		fuse_iomap_reply_begin(req, &read, write.type == TYPE_PURE ? NULL : &write);
}

/* What a write had reserved and did not use goes back. */
static void on_end(fuse_iomap_req_t req, fuse_ino_t nodeid, const struct fuse_iomap_end_in *in)
{
	uint64_t written = in->written > 0 ? in->written : 0;

	pthread_mutex_lock(&lock);
	log_line("end %llu %llu %lld %x", (unsigned long long)in->pos,
		 (unsigned long long)in->count, (long long)in->written, in->opflags);
	for (uint64_t b = (in->pos + written + BLOCK - 1) / BLOCK;
	     written < in->count && b < NR_BLOCKS && b * BLOCK < in->pos + in->count; b++)
		if (forks[0][b].type == FUSE_IOMAP_TYPE_DELALLOC)
			set_blocks(forks[0], b, b + 1, FUSE_IOMAP_TYPE_HOLE, 0);
	pthread_mutex_unlock(&lock);
	fuse_iomap_reply_err(req, 0);
}

static void on_ioend(fuse_iomap_req_t req, fuse_ino_t nodeid,
		     const struct fuse_iomap_ioend_in *in)
{
	uint64_t first = in->pos / BLOCK, end = (in->pos + in->written + BLOCK - 1) / BLOCK;
	off_t size;
	int err;

	pthread_mutex_lock(&lock);
	log_line("ioend %llu %llu %x %d", (unsigned long long)in->pos,
		 (unsigned long long)in->written, in->flags, in->error);
	for (uint64_t b = first; b < end && b < NR_BLOCKS; b++) {
		if (in->error && forks[0][b].type == FUSE_IOMAP_TYPE_DELALLOC)
			set_blocks(forks[0], b, b + 1, FUSE_IOMAP_TYPE_HOLE, 0);
		else if (!in->error && in->flags & FUSE_IOMAP_IOEND_SHARED && has_addr(forks[1][b].type))
			set_blocks(forks[0], b, b + 1, FUSE_IOMAP_TYPE_MAPPED, forks[1][b].addr);
		else if (!in->error && in->flags & FUSE_IOMAP_IOEND_UNWRITTEN &&
			 forks[0][b].type == FUSE_IOMAP_TYPE_UNWRITTEN)
			forks[0][b].type = FUSE_IOMAP_TYPE_MAPPED;
	}
	if (!in->error && (off_t)(in->pos + in->written) > file_size)
		file_size = in->pos + in->written;
	size = file_size;	/* the answer is made now */
	err = obey(OP_IOEND);
	pthread_mutex_unlock(&lock);
	if (err)
		fuse_iomap_reply_err(req, err);
	else
		fuse_iomap_reply_ioend(req, size);
}

static void fill_stat(fuse_ino_t ino, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = ino;
	st->st_nlink = 1;
	st->st_blksize = BLOCK;
	st->st_mode = ino == root_ino || ino == NEW_DIR_INO ? S_IFDIR | 0755 :
		      ino == FIFO_INO ? S_IFIFO | 0644 : S_IFREG | 0644;
	if (ino == file_ino) {
		st->st_mode = S_IFREG | file_mode;
		st->st_size = file_size;
	}
}

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = { .ino = file_ino };
	int err;

	if (!strcmp(name, "p"))
		e.ino = PLAIN_INO;
	else if (!strcmp(name, "q"))
		e.ino = FIFO_INO;
	else if (!strcmp(name, "new") && new_is_there)
		e.ino = NEW_INO;
	else if (!strcmp(name, "newdir") && new_dir_is_there)
		e.ino = NEW_DIR_INO;
	if (parent != root_ino || (e.ino == file_ino && strcmp(name, "f") && strcmp(name, "f2"))) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	pthread_mutex_lock(&lock);
	fill_stat(e.ino, &e.attr);
	e.attr_timeout = e.entry_timeout = timeout;
	err = obey(OP_LOOKUP);
	pthread_mutex_unlock(&lock);
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_iomap_reply_entry(req, &e, e.ino == file_ino ? FUSE_ATTR_IOMAP : 0);
}

static void on_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	if (ino == file_ino)
		log_line("forget %llu", (unsigned long long)nlookup);
	if (ino == NEW_INO && answers_forget)
		log_line("forget new %llu", (unsigned long long)nlookup);
	fuse_reply_none(req);
}

static void on_iomap_forget(fuse_iomap_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	int err;

	log_line("iomap_forget %llu %llu", (unsigned long long)ino, (unsigned long long)nlookup);
	pthread_mutex_lock(&lock);
	err = obey(OP_FORGET);
	pthread_mutex_unlock(&lock);
	fuse_iomap_reply_err(req, err);
}

/* Make @name with inode @ino in DIR: returns the entry for the answer, or an errno. */
static int create_entry(const char *name, fuse_ino_t ino, bool *is_there,
			struct fuse_entry_param *e)
{
	int err;

	*e = (struct fuse_entry_param){ .ino = ino };
	log_line("create %s", name);
	pthread_mutex_lock(&lock);
	*is_there = true;
	fill_stat(ino, &e->attr);
	e->attr_timeout = e->entry_timeout = timeout;
	err = obey(OP_CREATE);
	pthread_mutex_unlock(&lock);
	return err;
}

static void on_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	struct fuse_entry_param e;
	int err = strcmp(name, "new") ? EPERM : create_entry(name, NEW_INO, &new_is_there, &e);

	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_create(req, &e, fi);
}

static void on_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct fuse_entry_param e;
	int err = strcmp(name, "newdir") ? EPERM :
					   create_entry(name, NEW_DIR_INO, &new_dir_is_there, &e);

	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_entry(req, &e);
}

static void on_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	unsigned int flags = 0;
	struct stat st;
	double valid;
	int err;

	if (ino == file_ino)
		flags = FUSE_ATTR_IOMAP;
	else if (ino == root_ino && root_is_exclusive)
		flags = FUSE_ATTR_EXCLUSIVE;
	pthread_mutex_lock(&lock);
	fill_stat(ino, &st);
	valid = timeout;
	err = ino == file_ino ? obey(OP_GETATTR) : 0;
	pthread_mutex_unlock(&lock);
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_iomap_reply_attr(req, &st, valid, flags);
}

static void on_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	pthread_mutex_lock(&lock);
	fi->direct_io = open_direct;
	fi->nonseekable = open_nonseekable;
	pthread_mutex_unlock(&lock);
	fuse_reply_open(req, fi);
}

static void on_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	log_line("release");
	fuse_reply_err(req, 0);
}

static void on_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
		      const char *newname, unsigned int flags)
{
	log_line("rename %s %s %x", name, newname, flags);
	fuse_reply_err(req, EXDEV);
}

static void on_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	log_line("unlink %s", name);
	if (!strcmp(name, "new"))
		new_is_there = false;
	fuse_reply_err(req, 0);
}

static void on_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	log_line("fsync %d", datasync);
	fuse_reply_err(req, 0);
}

static void on_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		       struct fuse_file_info *fi)
{
	int err = 0;

	pthread_mutex_lock(&lock);
	if (ino == file_ino && to_set & FUSE_SET_ATTR_SIZE) {
		log_line("setattr %lld by %u:%u", (long long)attr->st_size,
			 fuse_req_ctx(req)->uid, fuse_req_ctx(req)->gid);
		if (!states[OP_SETATTR].fail) {
			file_size = attr->st_size;
			set_blocks(forks[0], (file_size + BLOCK - 1) / BLOCK, NR_BLOCKS,
				   FUSE_IOMAP_TYPE_HOLE, 0);
		}
		err = obey(OP_SETATTR);
	} else if (ino == file_ino) {
		err = obey(OP_TIMES);
	}
	pthread_mutex_unlock(&lock);
	if (err)
		fuse_reply_err(req, err);
	else
		on_getattr(req, ino, fi);
}

/* Inline bytes only: other data does not come by here. */
static void on_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	char bytes[BLOCK];

	log_line("read %lld %zu", (long long)off, size);
	if (off < 0 || (uint64_t)off >= BLOCK) {
		fuse_reply_err(req, EIO);
		return;
	}
	if (size > BLOCK - off)
		size = BLOCK - off;
	pthread_mutex_lock(&lock);
	memcpy(bytes, inline_bytes + off, size);
	pthread_mutex_unlock(&lock);
	fuse_reply_buf(req, bytes, size);
}

static void on_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	int err = EIO;

	pthread_mutex_lock(&lock);
	log_line("write %lld %zu", (long long)off, size);
	if (off >= 0 && (uint64_t)off < BLOCK && size <= BLOCK - off) {
		err = obey(OP_WRITE);
		if (!err)
			memcpy(inline_bytes + off, buf, size);
		if (!err && off + (off_t)size > file_size)
			file_size = off + size;
	}
	pthread_mutex_unlock(&lock);
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_write(req, size);
}

static void on_init(void *userdata, struct fuse_conn_info *conn)
{
	int err;

	/* who only has the descriptor can't know whether the mount checks permissions */
	if (*(bool *)userdata)
		return;
	err = fuse_iomap_session_allow_idmap(session);
	log_line("idmap %s", err ? strerrorname_np(-err) : "ok");
}

static struct fuse_lowlevel_ops fuse_ops = {
	.init		= on_init,
	.read		= on_read,
	.write		= on_write,
	.lookup		= on_lookup,
	.forget		= on_forget,
	.getattr	= on_getattr,
	.setattr	= on_setattr,
	.open		= on_open,
	.release	= on_release,
	.rename		= on_rename,
	.unlink		= on_unlink,
	.create		= on_create,
	.mkdir		= on_mkdir,
};

static struct fuse_iomap_ops iomap_ops = {
	.config		= on_config,
	.begin		= on_begin,
	.end		= on_end,
	.ioend		= on_ioend,
};

/*
 * Commands
 */

static int parse_type(const char *name)
{
	static const struct {
		const char *name;
		int type;
	} types[] = {
		{ "hole", FUSE_IOMAP_TYPE_HOLE }, { "delalloc", FUSE_IOMAP_TYPE_DELALLOC },
		{ "mapped", FUSE_IOMAP_TYPE_MAPPED }, { "unwritten", FUSE_IOMAP_TYPE_UNWRITTEN },
		{ "fresh", TYPE_FRESH }, { "inline", FUSE_IOMAP_TYPE_INLINE },
		{ "pure", TYPE_PURE }, { "retry", FUSE_IOMAP_TYPE_RETRY_CACHE },
	};

	for (size_t i = 0; name && i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(types[i].name, name))
			return types[i].type;
	return -1;
}

static int parse_op(const char *name)
{
	for (int i = 0; name && i < NR_OPS; i++)
		if (!strcmp(op_names[i], name))
			return i;
	return -1;
}

static uint64_t number(const char *text)
{
	return text ? strtoull(text, NULL, 0) : 0;
}

static int open_mode(const char *word)
{
	if (!word || !strcmp(word, "rw"))
		return O_RDWR;
	if (!strcmp(word, "path"))
		return O_PATH;
	return *word == 'w' ? O_WRONLY : O_RDONLY;
}

static int device_of_session(void)
{
	return fuse_session_fd(fuse_iomap_session_fuse(session));
}

/* Returns 0, the id of an added device, or a negative errno. */
static int do_device(char **w)
{
	int fd, id = w[2] ? atoi(w[2]) : 0;

	if (w[2] && (!strcmp(w[1], "add") || !strcmp(w[1], "fill"))) {
		bool fill = *w[1] == 'f';

		fd = open(w[2], O_CLOEXEC | open_mode(w[3]));
		if (fd < 0)
			return -errno;
		do {
			id = fuse_iomap_device_add(session, fd, 0);
		} while (fill && id > 0);
		close(fd);
		if (id > 0)
			device_id = id;
		return id;
	}
	if (w[2] && w[3] && w[4] && !strcmp(w[1], "open"))
		return puppet_backing_open(device_of_session(), w[2], number(w[3]), number(w[4]));
	if (!strcmp(w[1], "use"))
		device_id = id;
	else if (!strcmp(w[1], "remove"))
		return fuse_iomap_device_remove(session, id);
	else if (!strcmp(w[1], "blocksize") && w[3])
		return fuse_iomap_device_set_blocksize(session, id, atoi(w[3]));
	else
		return -EBADMSG;
	return 0;
}

/* Returns 0 or a negative errno; those that talk to the kernel don't hold the lock. */
static int do_command(char **w)
{
	struct fuse_iomap_io io = { .offset = number(w[1]), .length = number(w[2]) };
	struct fuse_range range = { .offset = number(w[2]), .length = number(w[3]) };
	int type = parse_type(w[3]), op = parse_op(w[1]);

	if (!strcmp(w[0], "device") && w[1])
		return do_device(w);
	if ((!strcmp(w[0], "upsert") || !strcmp(w[0], "wupsert")) && type >= 0) {
		bool write = *w[0] == 'w';

		io.type = type;
		io.addr = FUSE_IOMAP_NULL_ADDR;
		if (has_addr(type)) {
			io.addr = w[4] ? number(w[4]) : home(io.offset / BLOCK);
			io.dev = device_id;
		}
		return fuse_iomap_upsert_mappings(session, told_node, told_ino,
						  write ? NULL : &io, write ? &io : NULL);
	}
	if (!strcmp(w[0], "inval") && w[1])
		return fuse_iomap_inval_mappings(session, told_node, told_ino,
						 *w[1] == 'r' ? &range : NULL,
						 *w[1] == 'w' ? &range : NULL);
	if (!strcmp(w[0], "node")) {
		told_node = number(w[1]);
		told_ino = number(w[2]);
		return 0;
	}
	if (!strcmp(w[0], "message"))
		return puppet_message(device_of_session(), number(w[1]), number(w[2]), &w[3]);
	if (!strcmp(w[0], "devinval"))
		return fuse_iomap_device_invalidate(session,
						    number(w[1]) ? (int)number(w[1]) : device_id,
						    number(w[2]), number(w[3]));

	pthread_mutex_lock(&lock);
	if (!strcmp(w[0], "set") && parse_type(w[4]) >= 0) {
		uint64_t first = number(w[2]) / BLOCK;

		set_blocks(forks[w[1][0] == 'w'], first, first + number(w[3]) / BLOCK,
			   parse_type(w[4]), w[5] ? number(w[5]) : home(first));
	} else if (!strcmp(w[0], "size")) {
		file_size = number(w[1]);
	} else if (!strcmp(w[0], "mode") && w[1]) {
		file_mode = number(w[1]);
	} else if (!strcmp(w[0], "timeout") && w[1]) {
		timeout = number(w[1]);
	} else if (!strcmp(w[0], "flags")) {
		map_flags = number(w[1]);
	} else if (!strcmp(w[0], "open") && w[1]) {
		open_direct = !strcmp(w[1], "direct");
		open_nonseekable = !strcmp(w[1], "nonseekable");
	} else if (!strcmp(w[0], "delalloc") && w[1]) {
		delalloc = !strcmp(w[1], "on");
	} else if (!strcmp(w[0], "by-cache") && w[1]) {
		by_cache = !strcmp(w[1], "on");
	} else if (!strcmp(w[0], "retry")) {
		retries = number(w[1]);
	} else if (!strcmp(w[0], "hold") && op >= 0) {
		states[op].hold = true;
	} else if (!strcmp(w[0], "release") && op >= 0) {
		states[op].held = false;
		pthread_cond_broadcast(&released);
	} else if (!strcmp(w[0], "fail") && op >= 0) {
		states[op].fail = number(w[2]);
	} else {
		op = -2;
	}
	pthread_mutex_unlock(&lock);
	return op == -2 ? -EBADMSG : 0;
}

#define MAX_WORDS	24

static void *read_commands(void *arg)
{
	char line[256], *words[MAX_WORDS + 4];

	while (fgets(line, sizeof(line), stdin)) {
		int nr = 0, res;

		for (char *p = strtok(line, " \n"); p && nr < MAX_WORDS; p = strtok(NULL, " \n"))
			words[nr++] = p;
		if (!nr)
			continue;
		/* so that commands can look at words that are not there */
		memset(&words[nr], 0, (MAX_WORDS + 4 - nr) * sizeof(*words));
		res = do_command(words);
		if (res > 0)
			printf("ok %d\n", res);
		else
			puts(res < 0 ? strerrorname_np(-res) : "ok");
		fflush(stdout);
	}
	return arg;
}

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct fuse_iomap_mount_opts opts = { .size = sizeof(opts), .subtype = "puppet" };
	bool handed_over;
	pthread_t commands;
	int res;

	for (; argc > 1 && strchr(argv[1], '='); argv++, argc--) {
		if (!strcmp(argv[1], "keep=0"))
			keeps = false;
		else if (!strncmp(argv[1], "threads=", 8))
			nr_threads = atoi(argv[1] + 8);
		else if (!strcmp(argv[1], "other=1"))
			for_others = true;
		else if (!strcmp(argv[1], "fsync=1"))
			fuse_ops.fsync = on_fsync;
		else if (!strcmp(argv[1], "exclusive=1"))
			root_is_exclusive = true;
		else if (!strcmp(argv[1], "readonly=1"))
			config.flags |= FUSE_IOMAP_CONFIG_READ_ONLY;
		else if (!strcmp(argv[1], "freeze=1"))
			iomap_ops.freezefs = on_freeze, iomap_ops.unfreezefs = on_unfreeze;
		else if (!strcmp(argv[1], "noopen=1"))
			waives_open = true;
		else if (!strcmp(argv[1], "forget=1"))
			iomap_ops.forget = on_iomap_forget, answers_forget = true;
		else if (!strcmp(argv[1], "replace=1"))
			writes_replacements = true;
		else if (!puppet_config_field(&config, argv[1]))
			errx(2, "no such field: %s", argv[1]);
	}
	if (argc < 4 || argc > 6 || (argc == 6 && strcmp(argv[5], "idmap")))
		errx(2, "usage: puppet_server [FIELD=VALUE]... DEVICE DIR LOG [ROOT [idmap]]");
	handed_over = !strncmp(argv[2], "/dev/fd/", 8);
	opts.source = argv[1];
	opts.allow_other = opts.default_permissions = argc == 6;
	opts.allow_other |= for_others;
	if (argc > 4 && number(argv[4])) {
		opts.root_nodeid = root_ino = number(argv[4]);
		file_ino = FUSE_ROOT_ID;
	}
	told_node = told_ino = file_ino;
	/* for appending, so that tests can empty it */
	log_file = fopen(argv[3], "ae");
	if (!log_file)
		err(1, "%s", argv[3]);
	/* the block size of a device can be set only by who has it exclusively */
	device_fd = open(argv[1], O_RDWR | O_EXCL | O_CLOEXEC);
	if (device_fd < 0)
		err(1, "%s", argv[1]);
	file_size = 16 << 20;
	memset(inline_bytes, 'I', sizeof(inline_bytes));
	set_blocks(forks[0], 0, NR_BLOCKS, FUSE_IOMAP_TYPE_HOLE, 0);
	set_blocks(forks[1], 0, NR_BLOCKS, TYPE_PURE, 0);

	session = fuse_iomap_session_new(&args, &fuse_ops, sizeof(fuse_ops), &iomap_ops,
					 sizeof(iomap_ops), &handed_over);
	if (!session)
		return 1;
	res = fuse_iomap_session_mount(session, argv[2], FUSE_IOMAP_MODE_REQUIRE, &opts);
	if (res)
		errx(1, "mount: %s", strerror(-res));
	res = pthread_create(&commands, NULL, read_commands, NULL);
	if (res)
		errx(1, "thread: %s", strerror(res));
	/* several: one may be held */
	res = fuse_iomap_session_loop(session, nr_threads);
	fuse_iomap_session_destroy(session);
	return res != 0;
}
