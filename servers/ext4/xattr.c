// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Extended attributes through libext2fs, which knows where they are stored (in
 * the inode, in a block, in an inode of their own).  ACLs are converted here:
 * libext2fs's own conversion trusts what is on the disk.
 */
#include "xattr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "acl.h"
#include "extent_check.h"
#include "free_check.h"
#include "inode_table.h"
#include "quota.h"
#include "xattr_check.h"

#define VALUE_MAX	65536U

static bool is_acl(const char *name)
{
	return !strcmp(name, ACL_XATTR_ACCESS) || !strcmp(name, ACL_XATTR_DEFAULT);
}

static bool has_prefix(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

static int check_name(const char *name)
{
	const char *dot = strchr(name, '.');

	if (is_acl(name))
		return 0;
	if (!has_prefix(name, "user.") && !has_prefix(name, "trusted.") &&
	    !has_prefix(name, "security."))
		return -EOPNOTSUPP;
	/* the same errors as in the kernel's xattr_resolve_name() and ext4_xattr_set_handle() */
	if (!dot[1])
		return -EINVAL;
	return strlen(dot + 1) > 255 ? -ERANGE : 0;
}

/* No attribute at all, cheaply? */
static bool has_any(struct server *s, struct inode *in)
{
	/* inline data are attributes too, but have a feature of their own */
	if (!ext2fs_has_feature_xattr(s->fs->super) &&
	    !ext2fs_has_feature_inline_data(s->fs->super))
		return false;
	return ext2fs_file_acl_block(s->fs, inode_small(in)) || inode_table_has_xattrs(s, in);
}

static int open_handle(struct server *s, struct inode *in, struct ext2_xattr_handle **h)
{
	unsigned int raw = XATTR_HANDLE_FLAG_RAW;
	errcode_t err = xattr_check(s, in);

	if (err)
		return (int)err;
	err = ext2fs_xattrs_open(s->fs, in->ino, h);
	if (err)
		return lib_error(s, err, in->ino);
	ext2fs_xattrs_flags(*h, &raw, NULL);
	/* values can look like anything; xattr_check() has been through their maps */
	extent_check_pause();
	err = ext2fs_xattrs_read(*h);
	extent_check_resume();
	if (err)
		ext2fs_xattrs_close(h);
	return lib_error(s, err, in->ino);
}

static int get_raw(struct server *s, struct inode *in, const char *name, void **value,
		   size_t *size)
{
	struct ext2_xattr_handle *h;
	int err;

	if (!has_any(s, in))
		return -ENODATA;
	library_begin(s);
	err = open_handle(s, in, &h);
	if (!err) {
		err = lib_error(s, ext2fs_xattr_get(h, name, value, size), in->ino);
		ext2fs_xattrs_close(&h);
	}
	library_end(s);
	return err;
}

static int get_acl(struct server *s, struct inode *in, const char *name, struct acl **acl)
{
	size_t size;
	void *value;
	int err = get_raw(s, in, name, &value, &size);

	if (err)
		return err;
	err = acl_from_disk(value, size, acl);
	free(value);
	return err == -EINVAL ? fs_error(s, in->ino, 0, "bad ACL") : err;
}

int xattr_get(struct server *s, struct inode *in, const char *name, void **value, size_t *size)
{
	struct acl *acl;
	int err = check_name(name);

	if (err)
		return err;
	if (!is_acl(name))
		return get_raw(s, in, name, value, size);
	err = get_acl(s, in, name, &acl);
	if (err)
		return err;
	err = acl_to_xattr(acl, value, size);
	free(acl);
	return err;
}

/* As kernel ext4, the first attribute brings the feature. */
static void need_feature(struct server *s)
{
	if (ext2fs_has_feature_xattr(s->fs->super))
		return;
	if (s->fs->super->s_rev_level == EXT2_GOOD_OLD_REV)
		ext2fs_update_dynamic_rev(s->fs);
	ext2fs_set_feature_xattr(s->fs->super);
	ext2fs_mark_super_dirty(s->fs);
}

/*
 * libext2fs gives an inode that has no i_extra_isize the one that the superblock asks for, even
 * if the inode has no room for it.
 */
static int need_extra_isize(struct server *s, struct inode *in)
{
	size_t room = EXT2_INODE_SIZE(s->fs->super) - EXT2_GOOD_OLD_INODE_SIZE;
	size_t extra = sizeof(in->raw) - EXT2_GOOD_OLD_INODE_SIZE;

	if (!room || in->raw.i_extra_isize)
		return 0;
	memset((char *)&in->raw + EXT2_GOOD_OLD_INODE_SIZE, 0, extra);
	in->raw.i_extra_isize = extra < room ? extra : room;
	return inode_store(s, in);
}

/*
 * The functions below change the attributes of the inode as it is on the disk.  @in has no
 * changes of its own then: an attribute that can't be stored must leave nothing of them.  The
 * caller changes @in after them and stores it.
 */
static int set_raw(struct server *s, struct inode *in, const char *name, const void *value,
		   size_t size, const struct caller *who)
{
	struct ext2_xattr_handle *h;
	uint64_t charged;
	int err, load_err;

	need_feature(s);
	err = free_check_attributes(s, in);
	if (!err)
		err = need_extra_isize(s, in);
	if (!err)
		err = xattr_prepare(s, in, size);
	if (!err)
		err = ea_inode_blocks(s, in, &charged);
	if (!err)
		err = open_handle(s, in, &h);
	if (err)
		return err;
	err = quota_attributes_begin(s, in, who);
	if (!err)
		err = lib_error(s, ext2fs_xattr_set(h, name, value, size), in->ino);
	quota_attributes_end(s);
	ext2fs_xattrs_close(&h);
	load_err = inode_load(s, in->ino, in);
	if (!load_err)
		load_err = ea_inode_charge(s, in, charged);
	return err ? err : load_err;
}

static int remove_raw(struct server *s, struct inode *in, const char *name)
{
	struct ext2_xattr_handle *h;
	uint64_t charged;
	int err, load_err;

	if (!has_any(s, in))
		return -ENODATA;
	err = free_check_attributes(s, in);
	if (!err)
		err = need_extra_isize(s, in);
	if (!err)
		err = xattr_unshare(s, in);
	if (!err)
		err = ea_inode_blocks(s, in, &charged);
	if (!err)
		err = open_handle(s, in, &h);
	if (err)
		return err;
	err = lib_error(s, ext2fs_xattr_remove(h, name), in->ino);
	ext2fs_xattrs_close(&h);
	load_err = inode_load(s, in->ino, in);
	if (!load_err)
		load_err = ea_inode_charge(s, in, charged);
	return err ? err : load_err;
}

int xattr_drop_inline(struct server *s, struct inode *in)
{
	int err = remove_raw(s, in, "system.data");

	/* without more data than i_block holds there may be no attribute */
	return err == -ENODATA ? inode_store(s, in) : err;
}

static int set_acl_raw(struct server *s, struct inode *in, const char *name,
		       const struct acl *acl, const struct caller *who)
{
	size_t size;
	void *value;
	int err = acl_to_disk(acl, &value, &size);

	if (err)
		return err;
	err = set_raw(s, in, name, value, size, who);
	free(value);
	return err;
}

/*
 * What the system call gives: an access ACL is also a chmod, maybe only that, and like
 * chmod(2) it takes the set-gid bit from a file if the caller is not of its group.  The mode
 * changes in @in only, once the ACL is stored.
 */
static int set_acl(struct server *s, struct inode *in, const char *name, const void *value,
		   size_t size, bool kill_sgid, const struct caller *who)
{
	mode_t mode = in->raw.i_mode & ~(kill_sgid ? S_ISGID : 0);
	struct acl *acl;
	int err;

	if (!strcmp(name, ACL_XATTR_DEFAULT) && !inode_is_dir(in))
		return -EACCES;
	err = acl_from_xattr(value, size, &acl);
	if (err)
		return err;
	if (!strcmp(name, ACL_XATTR_DEFAULT)) {
		err = set_acl_raw(s, in, name, acl, who);
	} else {
		if (acl_to_mode(acl, &mode))
			err = set_acl_raw(s, in, name, acl, who);
		else
			err = remove_raw(s, in, name);
		if (err == -ENODATA)
			err = 0;
		if (!err)
			in->raw.i_mode = mode;
	}
	free(acl);
	return err;
}

static int check_flags(struct server *s, struct inode *in, const char *name, int flags)
{
	size_t size;
	void *value;
	int err;

	if (!flags)
		return 0;
	err = get_raw(s, in, name, &value, &size);
	if (!err)
		free(value);
	if (!err && (flags & XATTR_CREATE))
		return -EEXIST;
	if (err == -ENODATA)
		return flags & XATTR_REPLACE ? -ENODATA : 0;
	return err;
}

int xattr_set(struct server *s, struct inode *in, const char *name, const void *value,
	      size_t size, int flags, bool kill_sgid, const struct caller *who)
{
	int err = check_name(name);

	if (!err && size > VALUE_MAX)
		err = -E2BIG;
	if (!err)
		err = check_flags(s, in, name, flags);
	if (!err && is_acl(name))
		err = set_acl(s, in, name, value, size, kill_sgid, who);
	else if (!err)
		err = set_raw(s, in, name, value, size, who);
	if (err)
		return err;
	inode_touch(s, in, false);
	return inode_store(s, in);
}

int xattr_remove(struct server *s, struct inode *in, const char *name)
{
	size_t size;
	void *value;
	int err = check_name(name);

	if (!err)
		err = get_raw(s, in, name, &value, &size);
	if (err)
		return err;
	free(value);
	err = remove_raw(s, in, name);
	if (err)
		return err;
	inode_touch(s, in, false);
	return inode_store(s, in);
}

struct list {
	char *text;
	size_t len, cap;
	bool privileged;
	int err;
};

static int list_one(char *name, char *value, size_t value_len, void *data)
{
	struct list *l = data;
	size_t n = strlen(name) + 1;

	(void)value; (void)value_len;
	/* internal ones, like the data of an inline file, have no valid name */
	if (check_name(name) || (!l->privileged && has_prefix(name, "trusted.")))
		return 0;
	if (l->len + n > l->cap) {
		size_t cap = (l->len + n) * 2;
		char *text = realloc(l->text, cap);

		if (!text) {
			l->err = -ENOMEM;
			return XATTR_ABORT;
		}
		l->text = text;
		l->cap = cap;
	}
	memcpy(l->text + l->len, name, n);
	l->len += n;
	return 0;
}

int xattr_list(struct server *s, struct inode *in, bool privileged, char **list, size_t *size)
{
	struct list l = { .privileged = privileged };
	struct ext2_xattr_handle *h;
	int err = 0;

	if (has_any(s, in)) {
		library_begin(s);
		err = open_handle(s, in, &h);
		if (!err) {
			err = lib_error(s, ext2fs_xattrs_iterate(h, list_one, &l), in->ino);
			ext2fs_xattrs_close(&h);
		}
		library_end(s);
	}
	if (!err)
		err = l.err;
	if (err) {
		free(l.text);
		return err;
	}
	*list = l.text;
	*size = l.len;
	return 0;
}

/* Values in inodes of their own are reference counted: remove them one by one. */
static int free_ea_inodes(struct server *s, struct inode *in)
{
	char *list;
	size_t size;
	int err = xattr_list(s, in, true, &list, &size);

	if (err)
		return err;
	for (size_t at = 0; at < size && !err; at += strlen(list + at) + 1)
		err = remove_raw(s, in, list + at);
	free(list);
	return err;
}

int xattr_free_all(struct server *s, struct inode *in)
{
	int err = free_check_attributes(s, in);

	if (err)
		return err;
	if (ext2fs_has_feature_ea_inode(s->fs->super)) {
		err = inode_store(s, in);

		/* a block that others use, too, keeps its values */
		if (!err)
			err = xattr_leave_shared(s, in);
		if (!err)
			err = free_ea_inodes(s, in);
		if (err)
			return err;
	}
	s->dirty = true;
	return lib_error(s, ext2fs_free_ext_attr(s->fs, in->ino, &in->raw), in->ino);
}

int xattr_acl_chmod(struct server *s, struct inode *in, mode_t mode)
{
	/* the entries are as many as before, and take no more room */
	const struct caller root = { 0 };
	struct acl *acl;
	int err;

	if (S_ISLNK(in->raw.i_mode))
		return 0;
	err = get_acl(s, in, ACL_XATTR_ACCESS, &acl);
	if (err)
		return err == -ENODATA ? 0 : err;
	acl_chmod(acl, mode);
	err = set_acl_raw(s, in, ACL_XATTR_ACCESS, acl, &root);
	free(acl);
	return err;
}

int xattr_acl_inherit(struct server *s, struct inode *dir, struct inode *in,
		      const struct caller *who)
{
	mode_t mode = in->raw.i_mode, unused = 0;
	struct acl *acl = NULL;
	int err;

	if (S_ISLNK(mode))
		return 0;
	err = get_acl(s, dir, ACL_XATTR_DEFAULT, &acl);
	if (err == -ENODATA) {
		in->raw.i_mode &= ~(who->umask & 0777);
		return 0;
	}
	if (err)
		return err;
	err = inode_store(s, in);
	if (!err && S_ISDIR(mode))
		err = set_acl_raw(s, in, ACL_XATTR_DEFAULT, acl, who);
	if (!err) {
		acl_create(acl, &mode);
		if (acl_to_mode(acl, &unused))
			err = set_acl_raw(s, in, ACL_XATTR_ACCESS, acl, who);
	}
	if (!err)
		in->raw.i_mode = mode;
	free(acl);
	return err;
}
