// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where messages go: see log.h.  libfuse's and libfuseiomap's messages arrive
 * here too (fuse_set_log_func()).
 *
 * What a message says may come from the image, which is not to be trusted: control
 * characters never get out, so that a name can't forge a line or a field.
 */
#include "log.h"

#include <fuse_iomap.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX	1024

static const char *source_name;
static enum log_format format;
static bool to_syslog;
static bool notes_to_syslog;
static bool to_journal;
static bool debugging;

/* A line that is being put together; what doesn't fit is cut off. */
struct line {
	char text[2 * TEXT_MAX];
	size_t len;
};

static void add(struct line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *l, const char *fmt, ...)
{
	size_t room = sizeof(l->text) - l->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->text + l->len, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->len += (size_t)n < room ? (size_t)n : room - 1;
}

static bool is_control(char c)
{
	return (unsigned char)c < ' ' || c == 127;
}

/* A value of a field: in quotes if a reader could mistake it otherwise. */
static void add_value(struct line *l, const char *value)
{
	bool quote = !*value;

	for (const char *p = value; *p && !quote; p++)
		quote = is_control(*p) || strchr(" =\"\\", *p);
	if (!quote) {
		add(l, "%s", value);
		return;
	}
	add(l, "\"");
	for (const char *p = value; *p; p++) {
		if (is_control(*p))
			add(l, "\\x%02x", (unsigned char)*p);
		else if (*p == '"' || *p == '\\')
			add(l, "\\%c", *p);
		else
			add(l, "%c", *p);
	}
	add(l, "\"");
}

static const char *level_name(int priority)
{
	static const char *const names[] = {
		[LOG_EMERG] = "emerg", [LOG_ALERT] = "alert", [LOG_CRIT] = "crit",
		[LOG_ERR] = "err", [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice",
		[LOG_INFO] = "info", [LOG_DEBUG] = "debug",
	};

	return names[LOG_PRI(priority)];
}

static void as_fields(struct line *l, int priority, uint32_t ino, uint64_t blk, const char *text)
{
	add(l, "level=%s", level_name(priority));
	if (source_name) {
		add(l, " image=");
		add_value(l, source_name);
	}
	if (ino)
		add(l, " inode=%u", ino);
	if (blk)
		add(l, " block=%llu", (unsigned long long)blk);
	add(l, " msg=");
	add_value(l, text);
}

static void as_sentence(struct line *l, bool sys, uint32_t ino, uint64_t blk, const char *text)
{
	size_t start;

	/* syslog puts the name of the program before it */
	if (!sys)
		add(l, "iomap4fs: ");
	start = l->len;
	/* most that is said before the mount names the image in its own words */
	if (source_name && !strstr(text, source_name))
		add(l, "%s: ", source_name);
	if (ino && blk)
		add(l, "inode %u, block %llu: ", ino, (unsigned long long)blk);
	else if (ino)
		add(l, "inode %u: ", ino);
	else if (blk)
		add(l, "block %llu: ", (unsigned long long)blk);
	add(l, "%s", text);
	for (char *p = l->text + start; *p; p++)
		if (is_control(*p))
			*p = '?';
}

/* @sys: to syslog, else to stderr */
static void put(bool sys, int priority, uint32_t ino, uint64_t blk, const char *text)
{
	struct line l = { .len = 0 };

	if (to_journal && !sys)
		add(&l, "<%d>", LOG_PRI(priority));
	if (format == LOG_FORMAT_FIELDS || (format == LOG_FORMAT_AUTO && (sys || to_journal)))
		as_fields(&l, priority, ino, blk, text);
	else
		as_sentence(&l, sys, ino, blk, text);
	if (sys)
		syslog(LOG_PRI(priority), "%s", l.text);
	else
		fprintf(stderr, "%s\n", l.text);
}

/* A terminal shows notes to the caller, and $IOMAP4FS_NOTES asks for them. */
static bool notes_are_seen(void)
{
	const char *where = getenv("IOMAP4FS_NOTES");

	return isatty(STDERR_FILENO) || (where && !strcmp(where, "stderr"));
}

static void emit(int priority, uint32_t ino, uint64_t blk, const char *fmt, va_list ap)
{
	char text[TEXT_MAX];
	bool note;
	size_t len;

	if (LOG_PRI(priority) == LOG_DEBUG && !debugging)
		return;
	vsnprintf(text, sizeof(text), fmt, ap);
	len = strlen(text);
	if (len && text[len - 1] == '\n')
		text[len - 1] = '\0';
	note = notes_to_syslog && LOG_PRI(priority) > LOG_ERR && !(priority & LOG_OUTCOME);
	if (to_syslog || note)
		put(true, priority, ino, blk, text);
	if (!to_syslog && (!note || notes_are_seen()))
		put(false, priority, ino, blk, text);
}

static void fuse_log_func(enum fuse_log_level level, const char *fmt, va_list ap)
{
	/* the levels are syslog's */
	emit((int)level, 0, 0, fmt, ap);
}

/* systemd names the device and inode of the stream that it connects to stderr. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       !fstat(STDERR_FILENO, &st) && st.st_dev == dev && st.st_ino == ino;
}

void log_init(const char *source, enum log_format fmt, bool debug)
{
	source_name = source;
	format = fmt;
	debugging = debug;
	to_journal = stderr_is_journal();
	fuse_set_log_func(fuse_log_func);
}

void log_restart(void)
{
	closelog();
	openlog("iomap4fs", LOG_PID, LOG_DAEMON);
}

void log_notes_to_syslog(void)
{
	openlog("iomap4fs", LOG_PID, LOG_DAEMON);
	notes_to_syslog = true;
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
	emit(priority, 0, 0, fmt, ap);
	va_end(ap);
}

void log_inode(int priority, uint32_t ino, uint64_t blk, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(priority, ino, blk, fmt, ap);
	va_end(ap);
}
