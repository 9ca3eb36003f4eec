/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages: to stderr as long as somebody sits there, to syslog after the
 * server has gone to the background.
 */
#ifndef IOMAP4FS_LOG_H
#define IOMAP4FS_LOG_H

#include <stdbool.h>
#include <syslog.h>

/* @source: image or device, part of every message once set.  Not thread-safe. */
void log_init(const char *source, bool debug);
/* From now on to syslog. */
void log_to_syslog(void);

void log_msg(int priority, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_err(...)	log_msg(LOG_ERR, __VA_ARGS__)
#define log_warn(...)	log_msg(LOG_WARNING, __VA_ARGS__)
#define log_info(...)	log_msg(LOG_INFO, __VA_ARGS__)
#define log_debug(...)	log_msg(LOG_DEBUG, __VA_ARGS__)

#endif
