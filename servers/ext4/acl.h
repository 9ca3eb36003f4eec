/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * POSIX access control lists: the xattr format that system calls use, the
 * shorter one that ext4 stores, and what they mean for a file's mode.
 */
#ifndef IOMAP4FS_ACL_H
#define IOMAP4FS_ACL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ACL_XATTR_ACCESS	"system.posix_acl_access"
#define ACL_XATTR_DEFAULT	"system.posix_acl_default"

struct acl_entry {
	uint16_t tag, perm;
	uint32_t id;
};

struct acl {
	size_t count;
	struct acl_entry e[];
};

/* All return 0 or -errno; *@acl is to be freed.  -EINVAL: it is none. */
int acl_from_xattr(const void *value, size_t size, struct acl **acl);
int acl_from_disk(const void *value, size_t size, struct acl **acl);
/* *@value is to be freed. */
int acl_to_xattr(const struct acl *acl, void **value, size_t *size);
int acl_to_disk(const struct acl *acl, void **value, size_t *size);

/* The permission bits that it stands for.  Returns 1 if it says more than they do. */
int acl_to_mode(const struct acl *acl, mode_t *mode);
/* chmod() of a file with this ACL */
void acl_chmod(struct acl *acl, mode_t mode);
/*
 * A file is made with @mode in a directory with this default ACL: it becomes
 * the file's, and *@mode loses what it doesn't allow.
 */
void acl_create(struct acl *acl, mode_t *mode);

#endif
