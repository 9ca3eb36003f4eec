/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages: to stderr as long as somebody sits there, to syslog after the
 * server has gone to the background.
 *
 * People get a sentence, programs get fields (logfmt):
 *
 *	iomap4fs: /srv/image: inode 12, block 345: bad extent
 *	level=err image=/srv/image inode=12 block=345 msg="bad extent"
 *
 * The second form is what goes to syslog and to the journal.  When stderr is the
 * journal a line begins with its level as sd-daemon(3) has it.
 */
#ifndef IOMAP4FS_LOG_H
#define IOMAP4FS_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

enum log_format {
	LOG_FORMAT_AUTO,	/* fields if it's for syslog or the journal */
	LOG_FORMAT_PLAIN,
	LOG_FORMAT_FIELDS,
};

/*
 * @source: image or device, part of every message; NULL: not known.  It isn't
 * copied.  Not thread-safe.
 */
void log_init(const char *source, enum log_format format, bool debug);
/*
 * This is a command that somebody has called, who wants to know whether it has done what he
 * asked for, and whose scripts compare what it says: as with file systems of the kernel, notes
 * (a journal is replayed, an option has no effect) go to syslog.  They go to stderr as well only
 * if that is a terminal, or $IOMAP4FS_NOTES is "stderr".
 */
void log_notes_to_syslog(void);
/*
 * Give back the descriptor that syslog(3) has, for a process that is about to close all it
 * doesn't know: syslog(3) would go on using the number, whatever is opened with it next.
 */
void log_restart(void);
/* From now on all messages to syslog. */
void log_to_syslog(void);

void log_msg(int priority, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* About inode @ino, and block @blk of the file system if that isn't 0. */
void log_inode(int priority, uint32_t ino, uint64_t blk, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#define log_err(...)	log_msg(LOG_ERR, __VA_ARGS__)
/* With a level: the caller has to see it on stderr, though the level alone makes it a note. */
#define LOG_OUTCOME	0x10000

#define log_warn(...)	log_msg(LOG_WARNING, __VA_ARGS__)
#define log_info(...)	log_msg(LOG_INFO, __VA_ARGS__)
#define log_debug(...)	log_msg(LOG_DEBUG, __VA_ARGS__)

#endif
