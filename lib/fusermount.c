// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Plain FUSE mounts for users who may not mount: libfuse's set-uid helper
 * fusermount3 opens /dev/fuse, mounts it, and sends the descriptor back through
 * the socket named in its environment.  The module is not for such users.
 */
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "iomap_i.h"

#define HELPER	"fusermount3"

extern char **environ;

/* Append @text; commas and backslashes of a @value are quoted for the helper. */
static void append(FILE *out, const char *text, bool value)
{
	for (; *text; text++) {
		if (value && (*text == ',' || *text == '\\'))
			putc('\\', out);
		putc(*text, out);
	}
}

static char *helper_options(const struct iomap_mount_args *args)
{
	const struct iomap_flag_name *f;
	char *text = NULL;
	size_t size;
	FILE *out;

	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	append(out, "fsname=", false);
	append(out, args->source, true);
	if (args->subtype) {
		append(out, ",subtype=", false);
		append(out, args->subtype, true);
	}
	if (args->allow_other)
		append(out, ",allow_other", false);
	if (args->default_permissions)
		append(out, ",default_permissions", false);
	for (f = iomap_flag_names; f->flag; f++) {
		if (args->flags & f->flag) {
			append(out, ",", false);
			append(out, f->name, false);
		}
	}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

/* Our caller may have blocked or ignored signals: that is no business of the helper. */
static int spawn_in(const char *folder, size_t len, posix_spawnattr_t *attr, char **argv,
		    char **env, pid_t *pid)
{
	char path[PATH_MAX];

	/* an empty or relative one would mean whatever folder this process is in */
	if (!len || *folder != '/' ||
	    snprintf(path, sizeof(path), "%.*s/" HELPER, (int)len, folder) >= (int)sizeof(path) ||
	    access(path, X_OK))
		return -ENOENT;
	return -posix_spawn(pid, path, NULL, attr, argv, env);
}

/* In the folders of $PATH, and in those where distributions have it. */
static int spawn_anywhere(posix_spawnattr_t *attr, char **argv, char **env, pid_t *pid)
{
	static const char *const usual[] = { "/usr/bin", "/bin", "/usr/local/bin" };
	const char *folder = getenv("PATH");
	int err = -ENOENT;

	while (folder && err) {
		const char *end = strchrnul(folder, ':');

		err = spawn_in(folder, end - folder, attr, argv, env, pid);
		folder = *end ? end + 1 : NULL;
	}
	for (size_t i = 0; err && i < sizeof(usual) / sizeof(usual[0]); i++)
		err = spawn_in(usual[i], strlen(usual[i]), attr, argv, env, pid);
	return err;
}

static int spawn_helper(char **argv, char **env, pid_t *pid)
{
	posix_spawnattr_t attr;
	sigset_t set;
	int err;

	err = -posix_spawnattr_init(&attr);
	if (err)
		return err;
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attr, &set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGPIPE);
	sigaddset(&set, SIGXFSZ);
	posix_spawnattr_setsigdefault(&attr, &set);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	err = spawn_anywhere(&attr, argv, env, pid);
	posix_spawnattr_destroy(&attr);
	return err;
}

/* -ECHILD: it has ended, and where SIGCHLD is ignored nobody can say how. */
static int wait_helper(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

static int receive_fd(int sock)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	ssize_t n;
	int fd;

	do {
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	cmsg = CMSG_FIRSTHDR(&msg);
	/* the helper has said on stderr why it hangs up */
	if (n == 0 || !cmsg || cmsg->cmsg_type != SCM_RIGHTS ||
	    cmsg->cmsg_len != CMSG_LEN(sizeof(int)))
		return -EPERM;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

/* The environment plus the variable that names the helper's socket. */
static char **helper_environ(char *commfd)
{
	size_t n = 0;
	char **env;

	while (environ[n])
		n++;
	env = calloc(n + 2, sizeof(*env));
	if (!env)
		return NULL;
	env[0] = commfd;
	memcpy(env + 1, environ, n * sizeof(*env));
	return env;
}

int iomap_mount_helper(const char *path, const struct iomap_mount_args *args, int *fdp)
{
	char commfd[32];
	char *opts = helper_options(args);
	char *argv[] = { HELPER, "-o", opts, "--", (char *)path, NULL };
	char **env = helper_environ(commfd);
	int sock[2] = { -1, -1 };
	int err, fd;
	pid_t pid;

	if (!opts || !env) {
		err = -ENOMEM;
		goto out;
	}
	/* the helper's end has to survive exec */
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sock) < 0) {
		err = -errno;
		goto out;
	}
	snprintf(commfd, sizeof(commfd), "_FUSE_COMMFD=%d", sock[0]);
	err = spawn_helper(argv, env, &pid);
	close(sock[0]);
	sock[0] = -1;
	if (err) {
		fuse_log(FUSE_LOG_ERR, "fuseiomap: can't run " HELPER ": %s\n", strerror(-err));
		goto out;
	}
	fd = receive_fd(sock[1]);
	err = wait_helper(pid);
	if (fd < 0) {
		err = fd;
	} else if (err && err != -ECHILD) {
		close(fd);
	} else {
		/* a helper that failed sends none */
		err = 0;
		*fdp = fd;
	}
out:
	if (sock[0] >= 0)
		close(sock[0]);
	if (sock[1] >= 0)
		close(sock[1]);
	free(env);
	free(opts);
	return err;
}

int iomap_unmount_helper(const char *path, bool lazy)
{
	char *argv[] = { HELPER, "-u", "-q", lazy ? "-z" : "--", lazy ? "--" : (char *)path,
			 lazy ? (char *)path : NULL, NULL };
	pid_t pid;
	int err;

	err = spawn_helper(argv, environ, &pid);
	return err ? err : wait_helper(pid);
}
