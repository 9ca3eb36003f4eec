/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Paths on the command line.  They may have any bytes, and name a descriptor that the caller has
 * left open: /dev/fd/N, /proc/self/fd/N.
 */
#ifndef IOMAP4FS_PATH_H
#define IOMAP4FS_PATH_H

/* N if @path is /dev/fd/N or /proc/self/fd/N, else -1. */
int path_names_fd(const char *path);

/*
 * The path of @path's file from the root, as the process will change its working directory.
 * If there is none that leads to the same file, or no file, @path itself is made absolute: the
 * code that opens it says what is wrong.  To be freed; NULL: no memory.
 */
char *path_absolute(const char *path);

#endif
