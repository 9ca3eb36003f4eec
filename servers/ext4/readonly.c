// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Mounts that are, or turn, read-only without having been asked for as such.
 *
 * What can be read but not written is mounted read-only, and the reason is said, as
 * mount(8) does it with file systems of the kernel.  Who asks for writing on the command
 * line gets that or nothing.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "log.h"
#include "node.h"
#include "server.h"

int readonly_instead(struct server *s, const char *else_how, const char *fmt, ...)
{
	char why[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	if (s->opt.readwrite) {
		log_err("%s; use -o ro%s%s", why, else_how ? ", or " : "",
			else_how ? else_how : "");
		return -EROFS;
	}
	log_msg(LOG_WARNING | LOG_OUTCOME, "%s; it is mounted read-only%s%s%s", why,
		else_how ? " (for writing " : "", else_how ? else_how : "", else_how ? ")" : "");
	s->opt.readonly = true;
	s->opt.mount_flags |= MS_RDONLY;
	return -EROFS;
}

/* Both are notifications, for which the kernel waits for nothing that needs the lock. */
void turned_readonly(struct server *s)
{
	int err;

	if (!s->session || !fuse_iomap_session_negotiated(s->session))
		return;
	if (s->nodes)
		nodes_forget_mappings(s);
	err = fuse_iomap_turn_read_only(s->session);
	if (err)
		log_debug("the mount table goes on saying rw: %s", strerror(-err));
}
