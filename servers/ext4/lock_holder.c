// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who has locked a file.  F_OFD_GETLK doesn't tell, as such locks belong to no process; but each
 * process has them in /proc/PID/fdinfo/N for its descriptors:
 *
 *	lock:	1: OFDLCK ADVISORY  READ -1 08:02:1234 100 100
 */
#include "lock_holder.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_number(const char *text)
{
	return isdigit((unsigned char)*text) && !text[strspn(text, "0123456789")];
}

static bool has_lock(const char *pid, const char *fd)
{
	char path[64], line[256];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.20s/fdinfo/%.20s", pid, fd);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		found = !strncmp(line, "lock:", 5);
	fclose(f);
	return found;
}

/* Asks no server, which may hang: DONT_SYNC. */
static bool same_file(int dirfd, const char *name, const struct statx *stx)
{
	struct statx theirs;

	return !statx(dirfd, name, AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_INO, &theirs) &&
	       theirs.stx_ino == stx->stx_ino && theirs.stx_dev_major == stx->stx_dev_major &&
	       theirs.stx_dev_minor == stx->stx_dev_minor;
}

/* Has process @pid locked the file @stx? */
static bool has_locked(const char *pid, const struct statx *stx)
{
	struct dirent *de;
	bool found = false;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (de = readdir(dir)))
		found = is_number(de->d_name) && has_lock(pid, de->d_name) &&
			same_file(dirfd(dir), de->d_name, stx);
	closedir(dir);
	return found;
}

static void name_of(const char *pid, char *name, int size)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	f = fopen(path, "re");
	if (!f || !fgets(name, size, f))
		snprintf(name, size, "a program");
	if (f)
		fclose(f);
	name[strcspn(name, "\n")] = '\0';
}

bool lock_holder_find(int fd, struct lock_holder *holder)
{
	DIR *proc = opendir("/proc");
	struct dirent *de;
	bool found = false;
	struct statx stx;

	if (!proc)
		return false;
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &stx)) {
		closedir(proc);
		return false;
	}
	while (!found && (de = readdir(proc))) {
		if (!is_number(de->d_name) || atoi(de->d_name) == getpid() ||
		    !has_locked(de->d_name, &stx))
			continue;
		found = true;
		holder->pid = atoi(de->d_name);
		name_of(de->d_name, holder->name, sizeof(holder->name));
	}
	closedir(proc);
	return found;
}

/* Undo the mount table's way to write blanks and the like, "\\040". */
static void unescape(char *text)
{
	char *to = text;

	for (char *p = text; *p; p++, to++) {
		unsigned int code;

		if (*p == '\\' && sscanf(p + 1, "%3o", &code) == 1 && strspn(p + 1, "01234567") >= 3) {
			*to = code;
			p += 3;
		} else {
			*to = *p;
		}
	}
	*to = '\0';
}

/* Does @line of a mount table show a mount of @source by this program? */
static bool is_mount_of(char *line, const char *source)
{
	char *p = strstr(line, " - "), *type, *src;

	if (!p)
		return false;
	type = p + 3;
	src = strchr(type, ' ');
	if (!src)
		return false;
	*src++ = '\0';
	src[strcspn(src, " \n")] = '\0';
	unescape(src);
	p = strchr(type, '.');
	return p && !strcmp(p, ".iomap4fs") && !strcmp(src, source);
}

bool lock_holder_ends(const struct lock_holder *holder, const char *source)
{
	char path[64], *line = NULL;
	bool mounted = false;
	size_t room = 0;
	FILE *f;

	if (strcmp(holder->name, "iomap4fs") && strcmp(holder->name, "mount.iomap4fs"))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/mountinfo", holder->pid);
	f = fopen(path, "re");
	/* it has ended */
	if (!f)
		return true;
	while (!mounted && getline(&line, &room, f) > 0)
		mounted = is_mount_of(line, source);
	free(line);
	fclose(f);
	return !mounted;
}
