/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PUPPET_RAW_H
#define PUPPET_RAW_H

#include <stdbool.h>
#include <stdint.h>

struct fuse_iomap_config_out;

/* See puppet_raw.c; both give 0 (or an id) or a negative errno. */
int puppet_message(int fd, int code, uint32_t size, char *const *words);
int puppet_backing_open(int fd, const char *path, uint32_t flags, uint64_t padding);
/* FIELD=VALUE: returns false if there is no such field. */
bool puppet_config_field(struct fuse_iomap_config_out *out, const char *field);

#endif /* PUPPET_RAW_H */
