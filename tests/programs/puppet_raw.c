// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the puppet server says to the kernel without the library, which would not let it
 * say that, and the fields of its answer to CONFIG.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <fuse_iomap.h>
#include "puppet_raw.h"

#define MAX_MESSAGE	256

/*
 * Send notification @code of @size bytes (at most MAX_MESSAGE) to the fuse device @fd: the
 * numbers @words, a NULL behind them, as 32 bit words, then zeroes.
 */
int puppet_message(int fd, int code, uint32_t size, char *const *words)
{
	uint32_t body[MAX_MESSAGE / sizeof(uint32_t)] = { 0 };
	struct fuse_out_header out = { .len = sizeof(out) + size, .error = code };
	struct iovec iov[2] = {
		{ .iov_base = &out, .iov_len = sizeof(out) },
		{ .iov_base = body, .iov_len = size },
	};

	if (size > sizeof(body))
		return -EMSGSIZE;
	for (size_t i = 0; i < MAX_MESSAGE / sizeof(uint32_t) && words[i]; i++)
		body[i] = strtoul(words[i], NULL, 0);
	return writev(fd, iov, size ? 2 : 1) < 0 ? -errno : 0;
}

/* Register the device at @path, with whatever @flags and @padding. */
int puppet_backing_open(int fd, const char *path, uint32_t flags, uint64_t padding)
{
	struct fuse_backing_map map = { .flags = flags, .padding = padding };
	int id;

	map.fd = open(path, O_RDWR | O_CLOEXEC);
	if (map.fd < 0)
		return -errno;
	id = ioctl(fd, FUSE_DEV_IOC_BACKING_OPEN, &map);
	if (id < 0)
		id = -errno;
	close(map.fd);
	return id;
}

bool puppet_config_field(struct fuse_iomap_config_out *out, const char *field)
{
	const char *value = strchr(field, '=');
	size_t len = value ? (size_t)(value - field) : 0;
	int64_t number;

	if (!value)
		return false;
	number = strtoll(++value, NULL, 0);

#define IS(name)	(len == strlen(name) && !strncmp(field, name, len))
	if (IS("sid")) {
		/* that it ends is the kernel's business */
		memcpy(out->s_id, value, strnlen(value, sizeof(out->s_id)));
		out->flags |= FUSE_IOMAP_CONFIG_SID;
	} else if (IS("uuid")) {
		out->s_uuid_len = strnlen(value, sizeof(out->s_uuid));
		memcpy(out->s_uuid, value, out->s_uuid_len);
		out->flags |= FUSE_IOMAP_CONFIG_UUID;
	} else if (IS("blocksize")) {
		out->s_blocksize = number;
		out->flags |= FUSE_IOMAP_CONFIG_BLOCKSIZE;
	} else if (IS("links")) {
		out->s_max_links = number;
		out->flags |= FUSE_IOMAP_CONFIG_MAX_LINKS;
	} else if (IS("gran")) {
		out->s_time_gran = number;
		out->flags |= FUSE_IOMAP_CONFIG_TIME;
	} else if (IS("min")) {
		out->s_time_min = number;
		out->flags |= FUSE_IOMAP_CONFIG_TIME;
	} else if (IS("max")) {
		out->s_time_max = number;
		out->flags |= FUSE_IOMAP_CONFIG_TIME;
	} else if (IS("maxbytes")) {
		out->s_maxbytes = number;
		out->flags |= FUSE_IOMAP_CONFIG_MAXBYTES;
	} else {
		return false;
	}
#undef IS
	return true;
}
