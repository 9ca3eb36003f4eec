// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Requests about the whole file system that come as ioctls on any file: label, trimming, quotas.
 *
 * What changes something is for the administrator.  A server is told who asks, not what
 * that process is capable of: the kernel module looks at that before it passes such an
 * ioctl on.  Here, and that is all there is in classic mode, it has to be root or the user
 * that the server runs as, who can do with the image what he likes anyway.
 */
#include <errno.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "label.h"
#include "ops.h"
#include "quota_ioctl.h"
#include "remount.h"
#include "server.h"

#ifndef FS_IOC_GETFSLABEL
#define FSLABEL_MAX		256
#define FS_IOC_GETFSLABEL	_IOR(0x94, 49, char[FSLABEL_MAX])
#define FS_IOC_SETFSLABEL	_IOW(0x94, 50, char[FSLABEL_MAX])
#endif

static bool is_trusted(fuse_req_t req)
{
	uid_t uid = fuse_req_ctx(req)->uid;

	return !uid || uid == geteuid();
}

static void can_write(fuse_req_t req, struct server *s, size_t out_size)
{
	uint32_t can;

	server_lock(s);
	can = !super_may_write(s);
	server_unlock(s);
	fuse_reply_ioctl(req, 0, &can, out_size < sizeof(can) ? out_size : sizeof(can));
}

static void get_label(fuse_req_t req, struct server *s, size_t out_size)
{
	char label[LABEL_MAX + 1];

	server_lock(s);
	super_shared_merge(s, true);
	label_get(s, label);
	server_unlock(s);
	fuse_reply_ioctl(req, 0, label, out_size < sizeof(label) ? out_size : sizeof(label));
}

static void set_label(fuse_req_t req, struct server *s, const char *label, size_t size)
{
	int err;

	if (!is_trusted(req)) {
		fuse_reply_err(req, EPERM);
		return;
	}
	server_lock(s);
	commit_if_large(s);
	/* the last one to set a label wins, not whoever is looked at last */
	commit_wait_idle(s);
	super_shared_merge(s, true);
	err = label_set(s, label, size);
	server_unlock(s);
	/* whoever looks at the device next wants to see it */
	if (!err)
		err = commit_wait(s);
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_ioctl(req, 0, NULL, 0);
}

static bool is_interrupted(void *arg)
{
	return fuse_req_interrupted(arg);
}

static void trim(fuse_req_t req, struct server *s, const struct fstrim_range *wanted,
		 size_t out_size)
{
	struct fstrim_range range = *wanted;
	uint64_t trimmed = 0;
	int err = -EPERM;

	if (is_trusted(req)) {
		server_lock(s);
		err = trim_range(s, range.start, range.len, range.minlen, is_interrupted, req,
				 &trimmed);
		server_unlock(s);
	}
	range.len = trimmed;
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_ioctl(req, 0, &range,
				 out_size < sizeof(range) ? out_size : sizeof(range));
}

bool fs_ioctl(fuse_req_t req, unsigned int cmd, const void *in, size_t in_size, size_t out_size)
{
	struct server *s = fuse_req_userdata(req);
	struct fstrim_range range;

	switch (cmd) {
	case IOMAP4FS_IOC_CAN_WRITE:
		can_write(req, s, out_size);
		return true;
	case FS_IOC_GETFSLABEL:
		get_label(req, s, out_size);
		return true;
	case FS_IOC_SETFSLABEL:
		set_label(req, s, in, in_size);
		return true;
	case FITRIM:
		if (in_size < sizeof(range)) {
			fuse_reply_err(req, EINVAL);
			return true;
		}
		memcpy(&range, in, sizeof(range));
		trim(req, s, &range, out_size);
		return true;
	}
	return quota_ioctl(req, s, cmd, in, in_size, out_size);
}
