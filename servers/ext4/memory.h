/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much memory there is for this process, as the machine and its cgroups say. */
#ifndef IOMAP4FS_MEMORY_H
#define IOMAP4FS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What this process and all others of its cgroup can have at most, bytes; 0 if that
 * can't be told.  @root: "", or where tests keep their /proc and /sys
 */
uint64_t memory_limit(const char *root);

/* Bytes of metadata to cache at most, if nobody says how many */
uint64_t memory_cache_size(const char *root);

/* The file of this process's own cgroup (v2) about memory pressure.  False: none. */
bool memory_pressure_file(const char *root, char *path, size_t size);

#endif
