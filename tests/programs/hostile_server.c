// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hostile_server: a file system whose answers break the rules.
 *
 *	hostile_server [--config RULE] DEVICE DIR	serve, in the foreground
 *	hostile_server --list				print the table
 *	hostile_server --check DIR [FILE]		use the files, see what comes
 *	hostile_server --check-config DEVICE DIR	mount once for each CONFIG rule
 *
 * Each file below DIR is answered about as its rule says (hostile_rules.c); the
 * file "good" is answered about well, so that one can see that the mount lives.
 * DEVICE is a block device of at least 16 MiB that is overwritten.
 *
 * Handlers share nothing that changes once CONFIG has been answered.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/fs.h>
#include "hostile.h"

#define MIN_DEVICE	(16ULL << 20)
#define FIRST_INO	2
#define CONFIG_PATIENCE	10	/* s */

struct hostile {
	struct fuse_iomap_session *fis;
	const struct hostile_file *files;
	unsigned int nr_files;
	const struct hostile_config *config;
	int fds[3];			/* of the device: read-write, read, write */
	int devs[3];			/* their ids */
	int ready_fd;			/* write end of a pipe, -1: nobody waits */
};

static const struct hostile_file *file_of(const struct hostile *h, fuse_ino_t ino)
{
	if (ino < FIRST_INO || ino - FIRST_INO >= h->nr_files)
		return NULL;
	return &h->files[ino - FIRST_INO];
}

static bool get_stat(const struct hostile *h, fuse_ino_t ino, struct stat *st)
{
	const struct hostile_file *file = file_of(h, ino);

	memset(st, 0, sizeof(*st));
	st->st_ino = ino;
	st->st_nlink = 1;
	st->st_blksize = HOSTILE_BLOCK;
	if (ino == FUSE_ROOT_ID) {
		st->st_mode = S_IFDIR | 0700;
		return true;
	}
	if (!file)
		return false;
	st->st_mode = S_IFREG | 0600;
	st->st_size = file->rule->size ? file->rule->size : HOSTILE_FILE_SIZE;
	st->st_blocks = HOSTILE_FILE_SIZE / 512;
	return true;
}

/*
 * The ordinary half, which behaves.
 */

static void on_init(void *userdata, struct fuse_conn_info *conn)
{
	struct hostile *h = userdata;

	if (h->ready_fd >= 0) {
		close(h->ready_fd);
		h->ready_fd = -1;
	}
}

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct hostile *h = fuse_req_userdata(req);
	struct fuse_entry_param e = { .attr_timeout = 1, .entry_timeout = 1 };
	unsigned int i;

	for (i = 0; i < h->nr_files && strcmp(h->files[i].name, name); i++)
		;
	if (parent != FUSE_ROOT_ID || i == h->nr_files) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	e.ino = FIRST_INO + i;
	get_stat(h, e.ino, &e.attr);
	fuse_iomap_reply_entry(req, &e, FUSE_ATTR_IOMAP);
}

static void on_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	if (get_stat(fuse_req_userdata(req), ino, &st))
		fuse_iomap_reply_attr(req, &st, 1, ino == FUSE_ROOT_ID ? 0 : FUSE_ATTR_IOMAP);
	else
		fuse_reply_err(req, ENOENT);
}

/* Times and modes are forgotten; sizes are not to change. */
static void on_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		       struct fuse_file_info *fi)
{
	struct stat st;

	if (get_stat(fuse_req_userdata(req), ino, &st) && (to_set & FUSE_SET_ATTR_SIZE) &&
	    attr->st_size != st.st_size)
		fuse_reply_err(req, EPERM);
	else
		on_getattr(req, ino, fi);
}

static void on_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	struct hostile *h = fuse_req_userdata(req);
	size_t used = 0, len;
	struct stat st;
	char buf[4096];

	if (size > sizeof(buf))
		size = sizeof(buf);
	for (; off < h->nr_files; off++) {
		get_stat(h, FIRST_INO + off, &st);
		len = fuse_add_direntry(req, buf + used, size - used, h->files[off].name, &st,
					off + 1);
		if (len > size - used)
			break;
		used += len;
	}
	fuse_reply_buf(req, buf, used);
}

static void on_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fuse_reply_open(req, fi);
}

static void on_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	fuse_reply_err(req, 0);
}

/* Comes for inline data only, and no rule has inline data that can be read. */
static void on_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	fuse_reply_err(req, EIO);
}

static const struct fuse_lowlevel_ops ll_ops = {
	.init = on_init, .lookup = on_lookup, .getattr = on_getattr, .setattr = on_setattr,
	.readdir = on_readdir, .open = on_open, .read = on_read, .fsync = on_fsync,
};

/*
 * The iomap half, which does not.
 */

static void answer(fuse_iomap_req_t req, int32_t how, size_t right_size)
{
	static const char zeroes[512];

	if (how > 0 && (how & RAW))
		fuse_iomap_reply_buf(req, zeroes, how & ~RAW);
	else if (how >= 0)
		fuse_iomap_reply_err(req, how);
	else if (right_size)
		fuse_iomap_reply_buf(req, zeroes, right_size);
	else
		fuse_iomap_reply_err(req, 0);
}

static void on_config(fuse_iomap_req_t req, uint64_t flags, int64_t maxbytes,
		      uint32_t cache_maxbytes)
{
	struct hostile *h = fuse_iomap_req_userdata(req);
	const struct hostile_config *config = h->config;
	struct { struct fuse_iomap_config_out out; char more[64]; } reply = {
		.out = config->out,
	};
	size_t size = sizeof(reply.out);
	int i;

	for (i = 0; i < 3; i++) {
		h->devs[i] = fuse_iomap_device_add(h->fis, h->fds[i], 0);
		if (h->devs[i] < 0) {
			warnx("registering the device: %s", strerror(-h->devs[i]));
			fuse_iomap_reply_err(req, -h->devs[i]);
			return;
		}
	}
	if (config->error) {
		fuse_iomap_reply_err(req, config->error);
		return;
	}
	/* a rule that spoils a field says so itself */
	if (!(config->out.flags & FUSE_IOMAP_CONFIG_BLOCKSIZE)) {
		reply.out.flags |= FUSE_IOMAP_CONFIG_BLOCKSIZE;
		reply.out.s_blocksize = HOSTILE_BLOCK;
	}
	if (!(config->out.flags & FUSE_IOMAP_CONFIG_MAXBYTES)) {
		reply.out.flags |= FUSE_IOMAP_CONFIG_MAXBYTES;
		reply.out.s_maxbytes = HOSTILE_MAXBYTES;
	}
	if (config->size)
		size = config->size == UINT32_MAX ? 0 : config->size;
	fuse_iomap_reply_buf(req, &reply, size);
}

static void spoil(const struct hostile *h, const struct hostile_rule *rule,
		  struct fuse_iomap_io *map)
{
	const unsigned int set = rule->set;

	if (set & SET_OFFSET)
		map->offset = rule->to.offset;
	if (set & SET_LENGTH)
		map->length = rule->to.length;
	if (set & SET_ADDR)
		map->addr = rule->to.addr;
	if (set & SET_TYPE)
		map->type = rule->to.type;
	if (set & SET_FLAGS)
		map->flags = rule->to.flags;
	if (set & SET_DEV) {
		map->dev = rule->to.dev;
		if (map->dev >= HOSTILE_DEV && map->dev <= HOSTILE_DEV_WO)
			map->dev = h->devs[map->dev - 1];
	}
}

/* Blocks [@first, @first + @nr) of file @read, as a mapping of their own */
static struct fuse_iomap_io piece(const struct fuse_iomap_io *read, uint64_t first, uint64_t nr)
{
	struct fuse_iomap_io io = *read;

	io.offset = first * HOSTILE_BLOCK;
	io.length = nr * HOSTILE_BLOCK;
	io.addr += io.offset;
	return io;
}

/* The library would leave out what there is no room for. */
static void answer_with_before(fuse_iomap_req_t req, const struct hostile *h,
			       const struct hostile_rule *rule, const struct fuse_iomap_io *read)
{
	const uint64_t blocks = HOSTILE_FILE_SIZE / HOSTILE_BLOCK;
	struct { struct fuse_iomap_begin_out out; struct fuse_iomap_io more[16]; } reply;
	struct fuse_iomap_io spoilt = piece(read, 1, 1);
	unsigned int nr = 0;

	reply.out.read = piece(read, 2, blocks - 2 - rule->arg);
	fuse_iomap_pure_overwrite(&reply.out.write, &reply.out.read);
	spoil(h, rule, &spoilt);
	reply.more[nr++] = piece(read, 0, 1);
	if (rule->answer == ANSWER_BEFORE)
		reply.more[nr++] = spoilt;
	for (uint64_t b = blocks - rule->arg; b < blocks; b++)
		reply.more[nr++] = piece(read, b, 1);
	if (rule->answer == ANSWER_BEFORE_LAST)
		reply.more[nr++] = spoilt;
	fuse_iomap_reply_buf(req, &reply, sizeof(reply.out) + nr * sizeof(reply.more[0]));
}

static void on_begin(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t attr_ino,
		     uint64_t pos, uint64_t count, uint32_t opflags)
{
	const struct hostile *h = fuse_iomap_req_userdata(req);
	const struct hostile_file *file = file_of(h, nodeid);
	struct fuse_iomap_io read, write, more;
	bool broken;

	if (!file) {
		fuse_iomap_reply_err(req, ENOENT);
		return;
	}
	read = (struct fuse_iomap_io) {
		.offset = 0,
		.length = HOSTILE_FILE_SIZE,
		.addr = (nodeid - FIRST_INO) * HOSTILE_FILE_SIZE,
		.type = FUSE_IOMAP_TYPE_MAPPED,
		.dev = h->devs[HOSTILE_DEV - 1],
	};
	write = read;
	broken = !file->rule->when || (opflags & file->rule->when);
	if (broken) {
		switch (file->rule->answer) {
		case ANSWER_NEVER:
			return;
		case ANSWER_ERRNO:
			fuse_iomap_reply_err(req, file->rule->arg);
			return;
		case ANSWER_SIZE:
			answer(req, RAW | file->rule->arg, 0);
			return;
		case ANSWER_MORE:
			read.length /= 2;
			more = read;
			more.offset += read.length;
			more.addr += read.length;
			spoil(h, file->rule, &more);
			fuse_iomap_reply_begin_more(req, &read, NULL, &more, 1);
			return;
		case ANSWER_BEFORE:
		case ANSWER_BEFORE_LAST:
			answer_with_before(req, h, file->rule, &read);
			return;
		case ANSWER_MAPPING:
			break;
		}
		if (file->slot & (SLOT_READ | SLOT_SAME | SLOT_SOURCE))
			spoil(h, file->rule, &read);
		if (file->slot & (SLOT_WRITE | SLOT_SAME))
			spoil(h, file->rule, &write);
	}
	/* a spoilt read slot is looked at by itself, so the other points to it */
	if (!broken || file->slot == SLOT_READ)
		fuse_iomap_pure_overwrite(&write, &(struct fuse_iomap_io) {
			.offset = 0, .length = HOSTILE_FILE_SIZE });
	fuse_iomap_reply_begin(req, &read, &write);
}

static void on_end(fuse_iomap_req_t req, fuse_ino_t nodeid, const struct fuse_iomap_end_in *in)
{
	const struct hostile_file *file = file_of(fuse_iomap_req_userdata(req), nodeid);

	answer(req, file ? file->rule->end : ENOENT, 0);
}

static void on_ioend(fuse_iomap_req_t req, fuse_ino_t nodeid,
		     const struct fuse_iomap_ioend_in *in)
{
	const struct hostile_file *file = file_of(fuse_iomap_req_userdata(req), nodeid);

	if (file && file->rule->huge_newsize)
		fuse_iomap_reply_ioend(req, UINT64_MAX);
	else
		answer(req, file ? file->rule->ioend : ENOENT,
		       sizeof(struct fuse_iomap_ioend_out));
}

static const struct fuse_iomap_ops iomap_ops = {
	.config = on_config, .begin = on_begin, .end = on_end, .ioend = on_ioend,
};

static void open_device(struct hostile *h, const char *name)
{
	static const int flags[3] = { O_RDWR, O_RDONLY, O_WRONLY };
	uint64_t size;
	int i;

	for (i = 0; i < 3; i++) {
		h->fds[i] = open(name, flags[i] | O_CLOEXEC);
		if (h->fds[i] < 0)
			err(2, "%s", name);
	}
	if (ioctl(h->fds[0], BLKGETSIZE64, &size) < 0)
		err(2, "%s", name);
	if (h->nr_files * (uint64_t)HOSTILE_FILE_SIZE > MIN_DEVICE)
		errx(2, "the table has outgrown the smallest device");
	if (size < MIN_DEVICE)
		errx(2, "%s has %llu bytes, %llu are needed", name, (unsigned long long)size,
		     MIN_DEVICE);
}

/* Serve until unmounted.  @ready_fd is closed when INIT has come. */
static int serve(const char *device, const char *dir, const struct hostile_config *config,
		 int ready_fd)
{
	struct hostile h = { .config = config, .ready_fd = ready_fd };
	struct fuse_iomap_mount_opts opts = {
		.size = sizeof(opts),
		.source = device,
		.subtype = "hostile",
		.mount_flags = MS_NOSUID | MS_NODEV,
	};
	char *argv[] = { "hostile_server", NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct fuse_session *se;
	int i, res;

	h.nr_files = hostile_files(&h.files);
	open_device(&h, device);
	h.fis = fuse_iomap_session_new(&args, &ll_ops, sizeof(ll_ops), &iomap_ops,
				       sizeof(iomap_ops), &h);
	if (!h.fis)
		return 1;
	se = fuse_iomap_session_fuse(h.fis);
	res = fuse_iomap_session_mount(h.fis, dir, FUSE_IOMAP_MODE_REQUIRE, &opts);
	if (!res) {
		fuse_set_signal_handlers(se);
		res = fuse_iomap_session_loop(h.fis, 4);
		fuse_remove_signal_handlers(se);
		fuse_iomap_session_unmount(h.fis);
	}
	fuse_iomap_session_destroy(h.fis);
	fuse_opt_free_args(&args);
	for (i = 0; i < 3; i++)
		close(h.fds[i]);
	return res < 0 ? 1 : 0;
}

/* Is the mount on @dir usable?  Gives it time: CONFIG comes after INIT. */
static bool usable(const char *dir)
{
	char path[4096];
	struct stat st;

	snprintf(path, sizeof(path), "%s/good", dir);
	return stat(path, &st) == 0 && st.st_size == HOSTILE_FILE_SIZE;
}

static bool check_config(const char *device, const char *dir, const struct hostile_config *config)
{
	int status, ready[2], i;
	bool works, ended;
	char byte;
	pid_t pid;

	if (pipe(ready) < 0)
		err(2, "pipe");
	pid = fork();
	if (pid < 0)
		err(2, "fork");
	if (pid == 0) {
		close(ready[0]);
		_exit(serve(device, dir, config, ready[1]));
	}
	close(ready[1]);
	/* end of file: INIT has come, or the server has gone */
	if (read(ready[0], &byte, 1) < 0)
		err(2, "read");
	close(ready[0]);
	works = usable(dir);
	kill(pid, SIGTERM);
	for (i = 0; i < CONFIG_PATIENCE * 10; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			break;
		usleep(100000);
	}
	ended = i < CONFIG_PATIENCE * 10;
	if (!ended) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		umount2(dir, MNT_DETACH);
	}
	printf("%s config %s: the mount %s%s\n", works == config->works && ended ? "ok" : "not ok",
	       config->name, works ? "works" : "fails",
	       ended ? "" : ", and the server did not end on SIGTERM");
	return works == config->works && ended;
}

static int check_configs(const char *device, const char *dir)
{
	const struct hostile_config *config;
	int failed = 0;

	for (config = hostile_configs; config->name; config++)
		failed += !check_config(device, dir, config);
	return failed ? 1 : 0;
}

static const struct hostile_config *find_config(const char *name)
{
	const struct hostile_config *config;

	for (config = hostile_configs; config->name; config++)
		if (!strcmp(config->name, name))
			return config;
	errx(2, "no such CONFIG rule: %s", name);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && !strcmp(argv[1], "--list")) {
		hostile_list();
		return 0;
	}
	if ((argc == 3 || argc == 4) && !strcmp(argv[1], "--check"))
		return hostile_check(argv[2], argc == 4 ? argv[3] : NULL, KEEP_NOTHING);
	if (argc == 3 && !strcmp(argv[1], "--check-kept"))
		return hostile_check(argv[2], NULL, KEEP_MAPPINGS);
	if (argc == 3 && !strcmp(argv[1], "--check-before"))
		return hostile_check(argv[2], NULL, KEEP_BEFORE);
	if (argc == 4 && !strcmp(argv[1], "--check-config"))
		return check_configs(argv[2], argv[3]);
	if (argc == 5 && !strcmp(argv[1], "--config"))
		return serve(argv[3], argv[4], find_config(argv[2]), -1);
	if (argc == 3 && argv[1][0] != '-')
		return serve(argv[1], argv[2], hostile_configs, -1);
	fprintf(stderr, "usage: %s [--config RULE] DEVICE DIR | --list | --check DIR [FILE] | "
		"--check-kept DIR | --check-before DIR | --check-config DEVICE DIR\n", argv[0]);
	return 2;
}
