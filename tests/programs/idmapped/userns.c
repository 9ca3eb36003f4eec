// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A user namespace, made by a child process that waits in it until its ids are
 * set and somebody holds it by a descriptor.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "idmapped.h"

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void write_map(pid_t pid, const char *name, const char *map)
{
	char path[64], text[512];
	ssize_t len;
	int fd;

	if (snprintf(text, sizeof(text), "%s\n", map) >= (int)sizeof(text)) {
		fprintf(stderr, "idmapped: too many ids: %s\n", map);
		exit(2);
	}
	for (char *p = text; *p; p++)
		*p = *p == ':' ? ' ' : *p == ',' ? '\n' : *p;
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	len = strlen(text);
	if (fd < 0 || write(fd, text, len) != len)
		die(path);
	close(fd);
}

int userns_open(const char *map)
{
	char path[64], c = 0;
	int up[2], fd;
	pid_t pid;

	if (pipe2(up, O_CLOEXEC))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		if (unshare(CLONE_NEWUSER))
			die("unshare");
		if (write(up[1], &c, 1) != 1)
			_exit(2);
		for (;;)
			pause();
	}
	close(up[1]);
	if (read(up[0], &c, 1) != 1) {
		fprintf(stderr, "idmapped: no user namespace\n");
		exit(2);
	}
	close(up[0]);
	write_map(pid, "uid_map", map);
	write_map(pid, "gid_map", map);
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die(path);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return fd;
}
