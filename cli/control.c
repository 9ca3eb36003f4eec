// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading a connection's files in the control file system: "waiting" is FUSE's,
 * "requests" and "mappings" are the module's (kernel/iomap_counters.c).
 *
 * The directory is there for root and for who has mounted.  It has the name of the
 * kernel's number of the mount's device, which is not how user space writes it: the
 * minor number takes the lower 20 bits.  For mounts without a block device, whose major
 * number is 0, that is the minor number.
 */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "message.h"
#include "number.h"

/* FUSE_CTL_SUPER_MAGIC of the kernel, in no header of user space */
#define CONTROL_MAGIC	0x65735543

/* many times what a module with every opcode in use writes */
#define FILE_MAX	65536

static void set_error(struct control *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The first one is what people should look at. */
static void set_error(struct control *c, const char *format, ...)
{
	va_list ap;

	if (c->error)
		return;
	va_start(ap, format);
	if (vasprintf(&c->error, format, ap) < 0)
		no_memory();
	va_end(ap);
}

static int open_root(struct control *c)
{
	struct statfs st;
	int fd;

	fd = open(CONTROL_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		set_error(c, "%s: %s", CONTROL_DIR, errno == ENOENT ?
			  "the module's directory is not there" : strerror(errno));
		return -1;
	}
	if (!fstatfs(fd, &st) && st.f_type == CONTROL_MAGIC)
		return fd;
	set_error(c, "the control file system is not mounted "
		     "(as root: mount -t fuseiomapctl none %s)", CONTROL_DIR);
	close(fd);
	return -1;
}

static int open_connection(const struct mount *m, struct control *c)
{
	unsigned long number = (unsigned long)m->major << 20 | m->minor;
	char name[24];
	int root, fd;

	root = open_root(c);
	if (root < 0)
		return -1;
	snprintf(name, sizeof(name), "%lu", number);
	fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES)
		set_error(c, "%s/%s: only root and the user who mounted may read it", CONTROL_DIR,
			  name);
	else if (fd < 0)
		set_error(c, "%s/%s: %s", CONTROL_DIR, name, strerror(errno));
	close(root);
	return fd;
}

/* Read the file into @text, which has room for FILE_MAX bytes; -1: see c->error. */
static ssize_t read_file(int dir, const char *name, char *text, struct control *c)
{
	size_t len = 0;
	ssize_t n = -1;
	int fd;

	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0) {
		while (len < FILE_MAX && (n = read(fd, text + len, FILE_MAX - len)) > 0)
			len += n;
	}
	if (n < 0 && errno == EACCES)
		set_error(c, "%s: only root and the user who mounted may read it", name);
	else if (n < 0)
		set_error(c, "%s: %s", name, strerror(errno));
	else if (n > 0)
		set_error(c, "%s is longer than %d bytes", name, FILE_MAX);
	if (fd >= 0)
		close(fd);
	return n ? -1 : (ssize_t)len;
}

static bool read_waiting(int dir, char *text, struct control *c)
{
	ssize_t len = read_file(dir, "waiting", text, c);

	if (len < 0)
		return false;
	if (len && text[len - 1] == '\n' && parse_number(text, len - 1, UINT64_MAX, &c->waiting))
		return true;
	/* nothing to read: unmounted meanwhile */
	set_error(c, len ? "waiting is not understood" : "the connection has ended");
	return false;
}

static bool read_counters(int dir, const char *name, bool by_opcode, char *text,
			  struct counters *counters, struct control *c)
{
	ssize_t len = read_file(dir, name, text, c);
	size_t line;
	int err;

	if (len < 0)
		return false;
	err = counters_parse(text, len, by_opcode, counters, &line);
	if (err == -ENOMEM)
		no_memory();
	if (!err)
		return true;
	set_error(c, "%s: line %zu is not understood", name, line);
	counters_free(counters);
	return false;
}

void control_read(const struct mount *m, struct control *c)
{
	char *text;
	int dir;

	memset(c, 0, sizeof(*c));
	dir = open_connection(m, c);
	if (dir < 0)
		return;
	text = malloc(FILE_MAX);
	if (!text)
		no_memory();
	c->has_waiting = read_waiting(dir, text, c);
	c->has_requests = read_counters(dir, "requests", true, text, &c->requests, c);
	c->has_mappings = read_counters(dir, "mappings", false, text, &c->mappings, c);
	free(text);
	close(dir);
}

void control_free(struct control *c)
{
	counters_free(&c->requests);
	counters_free(&c->mappings);
	free(c->error);
}
