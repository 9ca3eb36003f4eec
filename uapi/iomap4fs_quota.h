/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Quotas of a mount of iomap4fs: ioctls on its root directory, or on any other file in it.
 *
 * Kinds are numbered as by quotactl(2): 0 users, 1 groups, 2 projects.  Space is in bytes, times
 * in seconds, timers in seconds since 1970.
 *
 * Errors:
 *	EINVAL	there is no such kind, or a reserved field is not 0
 *	ESRCH	the file system keeps no accounts of that kind, or is mounted read-only
 *	EPERM	the caller may not
 *	ERANGE	a limit is too large for a signed number of 64 bits
 *	EBUSY	the file system is frozen
 *	ENOTTY	this is no mount of iomap4fs, or of a version that knows these calls
 */
#ifndef IOMAP4FS_QUOTA_UAPI_H
#define IOMAP4FS_QUOTA_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The limits of this kind hold. */
#define IOMAP4FS_QUOTA_ENFORCED		(1U << 0)

struct iomap4fs_quota_info {
	__u32 type;			/* in */
	__u32 flags;			/* out: IOMAP4FS_QUOTA_ENFORCED; to set: 0 */
	__u32 space_grace;
	__u32 inode_grace;
};

/* What is to be set */
#define IOMAP4FS_QUOTA_SPACE_HARD	(1U << 0)
#define IOMAP4FS_QUOTA_SPACE_SOFT	(1U << 1)
#define IOMAP4FS_QUOTA_INODES_HARD	(1U << 2)
#define IOMAP4FS_QUOTA_INODES_SOFT	(1U << 3)
#define IOMAP4FS_QUOTA_SPACE_TIMER	(1U << 4)
#define IOMAP4FS_QUOTA_INODES_TIMER	(1U << 5)

struct iomap4fs_quota {
	__u32 id;
	__u32 set;			/* IOMAP4FS_QUOTA_*, or 0 in what is read */
	__u64 space_hard, space_soft;	/* 0: no limit; rounded up to KiB */
	__u64 space;			/* with what is reserved for data not written yet */
	__u64 inodes_hard, inodes_soft;
	__u64 inodes;
	__u64 space_timer, inodes_timer;	/* 0: doesn't run */
};

#define IOMAP4FS_QUOTA_LIST_MAX		64

/*
 * The accounts from @next on; or, if @exact is not 0, the account of @next, which may be empty.
 * While @done is 0 there are others, from the new @next on.  An answer may have no account and
 * not be done.
 */
struct iomap4fs_quota_list {
	__u32 type;			/* in */
	__u32 exact;			/* in */
	__u64 next;			/* in, out */
	__u32 nr;			/* out */
	__u32 done;			/* out */
	struct iomap4fs_quota quota[IOMAP4FS_QUOTA_LIST_MAX];
};

struct iomap4fs_quota_set {
	__u32 type;
	__u32 reserved;
	struct iomap4fs_quota quota;
};

/* For everybody */
#define IOMAP4FS_IOC_QUOTA_INFO		_IOWR('f', 0xe5, struct iomap4fs_quota_info)
/* One's own, @exact; all others for root only */
#define IOMAP4FS_IOC_QUOTA_LIST		_IOWR('f', 0xe6, struct iomap4fs_quota_list)
/* For root only */
#define IOMAP4FS_IOC_QUOTA_SET		_IOW('f', 0xe7, struct iomap4fs_quota_set)
#define IOMAP4FS_IOC_QUOTA_SET_INFO	_IOW('f', 0xe8, struct iomap4fs_quota_info)

#endif
