// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * iomap4fs: serve an ext2, ext3 or ext4 file system through FUSE, and let the
 * kernel move the file data itself where it can (fuseiomap module).
 *
 * Start-up happens in a child process while the parent waits on a pipe: so
 * messages reach the terminal, the exit status says whether the mount works, and
 * locks and threads belong to the process that stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "blockmount.h"
#include "commit.h"
#include "interrupt.h"
#include "log.h"
#include "node.h"
#include "ops.h"
#include "options_stored.h"
#include "pressure.h"
#include "recovery/recovery.h"
#include "remount.h"
#include "server.h"
#include "startup.h"
#include "super.h"
#include "sync.h"

/* mount(8)'s exit codes */
#define EXIT_USAGE	1
#define EXIT_SYSTEM	2	/* the machine lacks something */
#define EXIT_INTERRUPT	8
#define EXIT_MOUNT	32

static int ready_pipe = -1;	/* write end; the parent waits at the other one */
static bool mounted;		/* it could be used */
static bool no_loop;		/* there was no loop device to be had */

/* The mount works: let the parent go, and leave the terminal. */
static void on_ready(struct server *s)
{
	int null;

	mounted = true;
	if (ready_pipe < 0)
		return;
	log_to_syslog();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		if (null > STDERR_FILENO)
			close(null);
	}
	if (write(ready_pipe, "", 1) != 1)
		log_warn("nobody waits for the mount");
	close(ready_pipe);
	ready_pipe = -1;
}

static int check_mountpoint(const char *path)
{
	struct stat st;

	if (stat(path, &st)) {
		log_err("mountpoint %s: %s", path, strerror(errno));
		return -errno;
	}
	if (!S_ISDIR(st.st_mode)) {
		log_err("mountpoint %s is not a directory", path);
		return -ENOTDIR;
	}
	return 0;
}

static int open_source(struct server *s)
{
	int err = source_open(&s->src, s->opt.source, s->opt.offset, s->opt.readonly);

	if (s->src.readonly)
		err = readonly_instead(s, NULL, "%s %s", s->opt.source, s->src.readonly);
	return err;
}

/* iomap=require can't be had: say why. */
static int say_no_iomap(const struct server *s)
{
	if (s->opt.mounted_fd >= 0)
		log_err("iomap=require: %s is not a mount that goes through the kernel module",
			s->opt.mountpoint);
	else if (access("/dev/fuseiomap", F_OK))
		log_err("iomap=require: the kernel module fuseiomap is not loaded");
	else if (access("/dev/fuseiomap", R_OK | W_OK))
		log_err("iomap=require: this user may not open /dev/fuseiomap");
	else
		log_err("iomap=require: the kernel does not move file data for this process, "
			"which lacks CAP_SYS_RAWIO, or fuseiomap.enable_iomap is off");
	return -ENODEV;
}

/*
 * The page cache of a kernel without transparent huge pages has no folio for a block that is
 * larger than a page.  This process can move such data all the same.
 */
static int fit_block_size(struct server *s, const struct ext2_super_block *sb)
{
	const char *format = "%s has blocks of %u bytes: this kernel moves file data in blocks of "
			     "up to %ld bytes only";

	if (!s->iomap_offered || EXT2_BLOCK_SIZE(sb) <= sysconf(_SC_PAGESIZE) ||
	    fuse_iomap_discover(-1) & FUSE_IOMAP_SUPPORT_LARGE_BLOCKS)
		return 0;
	if (s->opt.iomap == FUSE_IOMAP_MODE_REQUIRE) {
		log_err(format, s->opt.source, EXT2_BLOCK_SIZE(sb), sysconf(_SC_PAGESIZE));
		return -EOPNOTSUPP;
	}
	log_warn(format, s->opt.source, EXT2_BLOCK_SIZE(sb), sysconf(_SC_PAGESIZE));
	s->opt.iomap = FUSE_IOMAP_MODE_OFF;
	s->iomap_offered = false;
	return 0;
}

static int open_file_system(struct server *s)
{
	struct ext2_super_block sb;
	bool replay = false;
	int err = open_source(s);

	if (!err && s->opt.iomap == FUSE_IOMAP_MODE_REQUIRE && !s->iomap_offered)
		err = say_no_iomap(s);
	if (!err)
		err = super_probe(s, &sb);
	if (!err)
		err = fit_block_size(s, &sb);
	if (!err)
		err = recovery_is_needed(s, &sb, &replay);
	if (!err && replay && s->opt.readonly) {
		err = recovery_run_for_reading(s, &sb);
		replay = false;
	}
	if (!err && !s->opt.readonly)
		err = mmp_take(s, &sb);
	/* the kernel moves data on block devices only */
	if (!err && s->iomap_offered) {
		err = source_attach_loop(&s->src, s->opt.source, s->opt.readonly,
					 EXT2_BLOCK_SIZE(&sb));
		no_loop = err;
	}
	if (!err)
		err = mmp_keep(s);
	if (!err && replay)
		err = recovery_run(s, &sb);
	return err ? err : super_open(s);
}

/* Without writing to it */
static void close_file_system(struct server *s)
{
	server_lock(s);
	s->readonly = true;
	super_close(s);
	server_unlock(s);
	mmp_release(s);
	source_close(&s->src);
}

/* Everything up to the point where the file system could be served. */
static int prepare(struct server *s)
{
	bool readonly;
	int err;

	err = s->opt.mounted_fd < 0 ? check_mountpoint(s->opt.mountpoint) : 0;
	if (err)
		return err;
	if (s->opt.iomap != FUSE_IOMAP_MODE_OFF)
		s->iomap_offered = fuse_iomap_discover(s->opt.mounted_fd) & FUSE_IOMAP_SUPPORT_FILEIO;
	readonly = s->opt.readonly;
	err = open_file_system(s);
	/* it can only be read: then it is opened as for that, and shared with other readers */
	if (err && s->opt.readonly != readonly) {
		close_file_system(s);
		err = open_file_system(s);
	}
	return err ? err : nodes_init(s);
}

static int mount_it(struct server *s)
{
	char *args[] = { "iomap4fs", "-d", NULL };
	struct fuse_args fuse_args = FUSE_ARGS_INIT(s->opt.debug ? 2 : 1, args);
	struct fuse_iomap_mount_opts mo = {
		.size = sizeof(mo),
		.source = s->opt.fsname ? s->opt.fsname : s->opt.source,
		.subtype = "iomap4fs",
		.mount_flags = s->opt.mount_flags,
		.allow_other = s->opt.allow_other,
		.default_permissions = s->opt.default_permissions,
	};
	enum fuse_iomap_mode mode = s->opt.iomap;
	struct blockmount block = { 0 };
	int err;

	s->session = fuse_iomap_session_new(&fuse_args, &fuse_operations, sizeof(fuse_operations),
					    &iomap_operations, sizeof(iomap_operations), s);
	fuse_opt_free_args(&fuse_args);
	if (!s->session)
		return -ENOMEM;
	/* without a module now, one that is loaded in this moment comes too late */
	if (!s->iomap_offered) {
		mode = FUSE_IOMAP_MODE_OFF;
		mo.block_size = blockmount_begin(&block, s);
	}
	err = fuse_iomap_session_mount(s->session, s->opt.mountpoint, mode, &mo);
	err = blockmount_end(&block, fuse_iomap_session_is_block(s->session), err);
	if (err)
		return err;
	if (!fuse_iomap_session_is_iomap(s->session) && s->opt.iomap == FUSE_IOMAP_MODE_AUTO)
		log_warn("no fuseiomap module: this process moves the file data itself");
	return 0;
}

static int serve(struct server *s)
{
	struct fuse_session *se = fuse_iomap_session_fuse(s->session);
	int err;

	sync_set_options(s, s->opt.mount_flags);
	err = super_begin(s);
	if (err) {
		log_err("can't write to %s: %s", s->opt.source, strerror(-err));
		return err;
	}
	interrupt_ends(se);
	/* threads inherit it */
	if (fuse_iomap_session_is_iomap(s->session)) {
		err = fuse_iomap_disable_fsreclaim(s->session, true);
		if (err)
			log_warn("memory reclaim may wait for this process: %s", strerror(-err));
	} else if (prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0)) {
		/* users may not, and plain FUSE is built to live with it */
		log_debug("not marked as a part of memory reclaim: %s", strerror(errno));
	}
	err = super_start_flusher(s);
	if (err)
		log_warn("no flusher thread: %s", strerror(-err));
	err = pressure_start(s);
	if (err)
		log_warn("memory pressure is not watched: %s", strerror(-err));
	err = fuse_iomap_session_loop(s->session, s->opt.threads);
	interrupt_ignore();
	if (err < 0)
		log_err("serving requests failed: %s", strerror(-err));
	/* a signal is a way to end, but not to begin */
	return !err && !mounted ? -EINTR : err;
}

/* What DESTROY does, if it came; else because the mount failed: then nothing has changed. */
static void clean_up(struct server *s)
{
	/* it may still have somebody to answer */
	super_stop_flusher(s);
	if (s->session) {
		fuse_iomap_session_unmount(s->session);
		fuse_iomap_session_destroy(s->session);
		s->session = NULL;
	}
	pressure_stop(s);
	server_lock(s);
	if (s->fs && !s->began)
		s->readonly = true;
	if (s->fs && s->began)
		nodes_drain(s);
	super_close(s);
	nodes_destroy(s);
	server_unlock(s);
	mmp_release(s);
	source_close(&s->src);
}

static int exit_status(int err)
{
	if (!err)
		return 0;
	if (err == -EINTR || (interrupted() && !mounted))
		return EXIT_INTERRUPT;
	return no_loop || err == -ENOMEM || err == -EMFILE || err == -ENFILE ? EXIT_SYSTEM :
									      EXIT_MOUNT;
}

static int run(struct server *s)
{
	int err;

	interrupt_catch();
	err = prepare(s);
	if (!err && interrupted()) {
		log_err("interrupted: %s is not mounted", s->opt.source);
		err = -EINTR;
	}
	if (!err && !s->opt.fake) {
		/* what begins now has to be ended in order */
		interrupt_hold();
		err = mount_it(s);
		if (!err)
			err = serve(s);
	}
	clean_up(s);
	pthread_cond_destroy(&s->commits.idle);
	pthread_cond_destroy(&s->fetched);
	pthread_cond_destroy(&s->left);
	pthread_mutex_destroy(&s->lock.mutex);
	pthread_mutex_destroy(&s->library);
	options_free(&s->opt);
	return exit_status(err);
}

/* The parent's part: how did it go? */
static int wait_ready(int fd, pid_t child)
{
	bool told = false;
	int status;
	ssize_t n;
	char c;

	/* who interrupts the command means the mount, which is in another process group */
	interrupt_catch();
	do {
		n = read(fd, &c, 1);
		if (n < 0 && interrupted() && !told) {
			kill(child, SIGTERM);
			told = true;
		}
	} while (n < 0 && errno == EINTR);
	if (n == 1)
		return 0;
	/* it ended, and said why */
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_MOUNT;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM)
		return EXIT_INTERRUPT;
	return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : EXIT_MOUNT;
}

int main(int argc, char **argv)
{
	static struct server server = {
		.lock = LOCK_INITIALIZER,
		.library = PTHREAD_MUTEX_INITIALIZER,
		.fetched = PTHREAD_COND_INITIALIZER,
		.left = PTHREAD_COND_INITIALIZER,
		.commits.idle = PTHREAD_COND_INITIALIZER,
		.atimes.mutex = PTHREAD_MUTEX_INITIALIZER,
		.trim.moves = PTHREAD_COND_INITIALIZER,
		.src = { .image_fd = -1, .fd = -1 },
		.ready = on_ready,
	};
	int pipes[2], ret;
	char *given;
	pid_t child;

	/*
	 * No huge pages: of each thread's stack a few pages are used, and clearing 2 MiB for
	 * them is most of what a mount would cost.  Where that can't be said it costs more.
	 */
	(void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	if (startup_prepare())
		return EXIT_SYSTEM;
	add_error_table(&et_ext2_error_table);
	log_init(NULL, LOG_FORMAT_AUTO, false);
	given = options_given(argc, argv);
	ret = options_parse(&server.opt, argc, argv);
	server.opt.given = given;
	if (ret) {
		options_free(&server.opt);
		return ret > 0 ? 0 : EXIT_USAGE;
	}
	log_init(server.opt.source, server.opt.log_format, server.opt.debug);
	if (server.opt.remount) {
		ret = remount(&server.opt);
		options_free(&server.opt);
		return exit_status(ret);
	}
	/* the paths are absolute now; any file system can be unmounted below this process */
	if (chdir("/"))
		log_warn("can't leave the current directory");
	if (server.opt.foreground || server.opt.fake)
		return run(&server);

	startup_close_others(&server.opt);
	if (pipe2(pipes, O_CLOEXEC)) {
		log_err("can't make a pipe: %s", strerror(errno));
		return EXIT_SYSTEM;
	}
	/* before there are two of them: a signal to one of them is meant for both */
	interrupt_catch();
	child = fork();
	if (child < 0) {
		log_err("can't go to the background: %s", strerror(errno));
		return EXIT_SYSTEM;
	}
	if (child) {
		close(pipes[1]);
		return wait_ready(pipes[0], child);
	}
	close(pipes[0]);
	ready_pipe = pipes[1];
	setsid();
	return run(&server);
}
