// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where messages go: see log.h.  libfuse's and libfuseiomap's messages arrive
 * here too (fuse_set_log_func()).
 */
#include "log.h"

#include <fuse_iomap.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *source_name;
static bool to_syslog;
static bool debugging;

static void emit(int priority, const char *fmt, va_list ap)
{
	char text[1024];
	size_t len;

	if (priority == LOG_DEBUG && !debugging)
		return;
	vsnprintf(text, sizeof(text), fmt, ap);
	len = strlen(text);
	if (len && text[len - 1] == '\n')
		text[len - 1] = '\0';
	if (to_syslog && source_name)
		syslog(priority, "%s: %s", source_name, text);
	else if (to_syslog)
		syslog(priority, "%s", text);
	else if (source_name)
		fprintf(stderr, "iomap4fs: %s: %s\n", source_name, text);
	else
		fprintf(stderr, "iomap4fs: %s\n", text);
}

static void fuse_log_func(enum fuse_log_level level, const char *fmt, va_list ap)
{
	/* the levels are syslog's */
	emit((int)level, fmt, ap);
}

void log_init(const char *source, bool debug)
{
	source_name = source;
	debugging = debug;
	fuse_set_log_func(fuse_log_func);
}

void log_to_syslog(void)
{
	openlog("iomap4fs", LOG_PID, LOG_DAEMON);
	to_syslog = true;
}

void log_msg(int priority, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(priority, fmt, ap);
	va_end(ap);
}
