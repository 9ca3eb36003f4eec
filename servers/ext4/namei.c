// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names: lookup, making and removing.
 *
 * The order of changes is chosen so that a failure in the middle leaves no name
 * that points to a free inode: an inode is complete before it is named, and its
 * name goes before the inode does.
 */
#include "namei.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap_load.h"
#include "casefold.h"
#include "cold.h"
#include "file.h"
#include "inode_table.h"
#include "map.h"
#include "nokey.h"
#include "xattr.h"

int namei_load_dir(struct server *s, ext2_ino_t ino, struct inode *dir)
{
	int err = inode_load(s, ino, dir);

	if (err)
		return err;
	if (!inode_is_dir(dir))
		return -ENOTDIR;
	return dir->raw.i_links_count ? 0 : -ENOENT;
}

int namei_check_name(const char *name)
{
	if (!*name)
		return -ENOENT;
	return strlen(name) > EXT2_NAME_LEN ? -ENAMETOOLONG : 0;
}

int namei_may_delete(const struct inode *dir, const struct inode *in)
{
	if (dir->raw.i_flags & (EXT2_APPEND_FL | EXT2_IMMUTABLE_FL) ||
	    in->raw.i_flags & (EXT2_APPEND_FL | EXT2_IMMUTABLE_FL))
		return -EPERM;
	return 0;
}

int namei_lookup(struct server *s, ext2_ino_t parent, const char *name, struct inode *in)
{
	struct inode dir;
	ext2_ino_t ino;
	int err = namei_check_name(name);

	if (!err)
		err = namei_load_dir(s, parent, &dir);
	if (err)
		return err;
	err = casefold_check_name(s, &dir, dir_name(name));
	if (err)
		return err;
	if (!strcmp(name, "."))
		ino = parent;
	else
		err = dir_lookup(s, &dir, dir_name(name), &ino);
	if (!err)
		err = inode_load(s, ino, in);
	if (!err && !in->raw.i_links_count)
		err = fs_error(s, ino, 0, "a deleted inode has a name");
	return err == -ESTALE ? fs_error(s, parent, 0, "a name points to a free inode") : err;
}

/*
 * The tables may hold anything where no inode is in use, so what is found there is no damage
 * before it has turned out to be an inode.
 */
static bool is_in_use(struct server *s, ext2_ino_t ino)
{
	const struct ext2_super_block *sb = s->fs->super;
	struct ext2_inode_large raw;
	dgrp_t group;

	/* a handle that names a file of the file system itself is no damage, either */
	if (!inode_number_is_valid(s, ino))
		return false;
	group = (ino - 1) / sb->s_inodes_per_group;
	if (ext2fs_has_group_desc_csum(s->fs) &&
	    (ext2fs_bg_flags_test(s->fs, group, EXT2_BG_INODE_UNINIT) ||
	     (ino - 1) % sb->s_inodes_per_group >=
		     sb->s_inodes_per_group - ext2fs_bg_itable_unused(s->fs, group)))
		return false;
	return !inode_table_read(s, ino, &raw, sizeof(raw)) && raw.i_mode && raw.i_links_count &&
	       !(raw.i_flags & EXT4_EA_INODE_FL);
}

int namei_by_number(struct server *s, ext2_ino_t ino, struct inode *in)
{
	return is_in_use(s, ino) ? inode_load(s, ino, in) : -ESTALE;
}

bool namei_names_last(struct server *s, ext2_ino_t parent)
{
	struct inode dir;

	if (!ext2fs_has_feature_casefold(s->fs->super))
		return true;
	return !inode_load(s, parent, &dir) && !casefold_is_on(s, &dir);
}

bool namei_absence_lasts(const struct server *s)
{
	return !ext2fs_has_feature_casefold(s->fs->super);
}

/* The count of a directory's subdirectories; 1 stands for "too many to count". */
static bool may_overflow(struct server *s, const struct inode *dir)
{
	return ext2fs_has_feature_dir_nlink(s->fs->super) && (dir->raw.i_flags & EXT2_INDEX_FL);
}

bool namei_dir_full(struct server *s, const struct inode *dir)
{
	return dir->raw.i_links_count >= EXT2_LINK_MAX && !may_overflow(s, dir);
}

void namei_inc_links(struct inode *dir)
{
	if (dir->raw.i_links_count == 1)
		return;
	if (dir->raw.i_links_count >= EXT2_LINK_MAX)
		dir->raw.i_links_count = 1;
	else
		dir->raw.i_links_count++;
}

void namei_dec_links(struct inode *dir)
{
	if (dir->raw.i_links_count > 2)
		dir->raw.i_links_count--;
}

/* A new name's preconditions; @mode: of a new inode, 0: the inode is there. */
static int may_create(struct server *s, ext2_ino_t parent, const char *name, mode_t mode,
		      struct inode *dir)
{
	ext2_ino_t ino;
	int err = super_may_allocate(s);

	if (!err)
		err = namei_check_name(name);
	if (!err)
		err = namei_load_dir(s, parent, dir);
	if (err)
		return err;
	if (dir->raw.i_flags & EXT2_IMMUTABLE_FL)
		return -EPERM;
	err = casefold_check_name(s, dir, dir_name(name));
	if (err)
		return err;
	err = dir_lookup(s, dir, dir_name(name), &ino);
	if (err == -ENOENT && nokey_dir(dir))
		return -ENOKEY;
	if (err == -ENOENT) {
		err = mode ? inode_want_new(s, dir, mode) : 0;
		return err ? err : cold_settle(s);
	}
	return err ? err : -EEXIST;
}

/* The target is in the inode if it is short, else in a block, which is metadata here. */
static int write_target(struct server *s, struct inode *in, const char *target,
			const struct caller *who)
{
	size_t len = strlen(target);
	struct mapping m;
	char *buf;
	int err;

	if (len < sizeof(in->raw.i_block)) {
		in->raw.i_flags &= ~EXT4_EXTENTS_FL;
		memset(in->raw.i_block, 0, sizeof(in->raw.i_block));
		memcpy(in->raw.i_block, target, len);
		return inode_set_size(s, in, len);
	}
	err = map_alloc(s, in, NULL, 0, 1, who, &m);
	if (!err)
		err = map_convert(s, in, 0, 1);
	if (err)
		return err;
	buf = calloc(1, s->fs->blocksize);
	if (!buf)
		return -ENOMEM;
	memcpy(buf, target, len);
	err = cache_write(s->cache, m.pblk * s->fs->blocksize, buf, s->fs->blocksize);
	free(buf);
	return err ? err : inode_set_size(s, in, len);
}

static int fill_new(struct server *s, struct inode *dir, struct inode *in, const char *target,
		    const struct caller *who)
{
	int err = 0;

	if (inode_is_dir(in))
		err = dir_init(s, in, dir->ino, who);
	else if (target)
		err = write_target(s, in, target, who);
	if (!err)
		err = xattr_acl_inherit(s, dir, in, who);
	if (err)
		return err;
	in->raw.i_links_count = inode_is_dir(in) ? 2 : 1;
	return inode_store(s, in);
}

int namei_new_inode(struct server *s, struct inode *dir, mode_t mode, dev_t rdev,
		    const char *target, const struct caller *who, struct inode *in)
{
	int err = inode_create(s, dir, mode, rdev, who, in);

	if (err)
		return err;
	err = fill_new(s, dir, in, target, who);
	if (err)
		inode_free(s, in);
	return err;
}

int namei_make(struct server *s, ext2_ino_t parent, const char *name, mode_t mode, dev_t rdev,
	       const char *target, const struct caller *who, struct inode *in)
{
	struct inode dir;
	int err = may_create(s, parent, name, mode, &dir);

	if (err)
		return err;
	if (S_ISDIR(mode) && namei_dir_full(s, &dir))
		return -EMLINK;
	if (target && strlen(target) >= s->fs->blocksize)
		return -ENAMETOOLONG;
	/* a new inode with nothing but a directory entry fits into free space elsewhere */
	if (S_ISDIR(mode) && !alloc_available(s, who))
		return -ENOSPC;

	err = namei_new_inode(s, &dir, mode, rdev, target, who, in);
	if (err)
		return err;
	err = dir_add(s, &dir, dir_name(name), in->ino, mode, who);
	if (err) {
		inode_free(s, in);
		return err;
	}
	if (S_ISDIR(mode))
		namei_inc_links(&dir);
	inode_touch(s, &dir, true);
	return inode_store(s, &dir);
}

int namei_make_unnamed(struct server *s, ext2_ino_t parent, mode_t mode, bool open,
		       const struct caller *who, struct inode *in)
{
	struct inode dir;
	int err = super_may_allocate(s);

	if (!err)
		err = namei_load_dir(s, parent, &dir);
	if (!err && nokey_dir(&dir))
		err = -ENOKEY;
	if (!err)
		err = inode_want_new(s, &dir, mode);
	if (!err)
		err = cold_settle(s);
	if (!err)
		err = namei_new_inode(s, &dir, mode, 0, NULL, who, in);
	if (err)
		return err;
	in->raw.i_links_count = 0;
	err = inode_store(s, in);
	if (!err)
		err = node_ref(s, in->ino);
	if (err) {
		inode_free(s, in);
		return err;
	}
	err = orphan_add(s, node_find(s, in->ino));
	if (err) {
		inode_free(s, in);
		node_forget(s, in->ino, 1);
		return err;
	}
	err = open ? node_open(s, in->ino) : 0;
	/* nobody gets to know it */
	if (err)
		node_forget(s, in->ino, 1);
	return err;
}

int namei_link(struct server *s, ext2_ino_t ino, ext2_ino_t parent, const char *name,
	       const struct caller *who, struct inode *in)
{
	struct inode dir, before;
	struct node *node;
	int err = inode_load(s, ino, in);

	if (!err)
		err = may_create(s, parent, name, 0, &dir);
	if (err)
		return err;
	if (inode_is_dir(in) || in->raw.i_flags & (EXT2_APPEND_FL | EXT2_IMMUTABLE_FL))
		return -EPERM;
	/*
	 * The kernel asks for this only where the file never had a name. It leaves the
	 * orphan list in the same transaction.
	 */
	node = node_find(s, ino);
	if (!in->raw.i_links_count && !(node && node->orphan && !node->emptied))
		return -ENOENT;
	if (in->raw.i_links_count >= EXT2_LINK_MAX)
		return -EMLINK;
	if ((dir.raw.i_flags & EXT4_PROJINHERIT_FL) && dir.raw.i_projid != in->raw.i_projid)
		return -EXDEV;

	before = *in;
	in->raw.i_links_count++;
	inode_touch(s, in, false);
	err = inode_store(s, in);
	if (err)
		return err;
	err = dir_add(s, &dir, dir_name(name), ino, in->raw.i_mode, who);
	if (err) {
		*in = before;
		inode_store(s, in);
		return err;
	}
	careful_name_added(s, ino);
	inode_touch(s, &dir, true);
	err = inode_store(s, &dir);
	if (!err && in->raw.i_links_count == 1 && node && node->orphan && !node->beyond)
		err = orphan_remove(s, node);
	return err;
}

int namei_drop_link(struct server *s, struct inode *in, bool gone)
{
	struct node *node;
	int err;

	inode_touch(s, in, false);
	if (gone || in->raw.i_links_count <= 1)
		in->raw.i_links_count = 0;
	else
		in->raw.i_links_count--;
	if (in->raw.i_links_count)
		return inode_store(s, in);
	node = node_find(s, in->ino);
	if (!node || (!node->nlookup && !node->opens))
		return inode_free(s, in);
	err = inode_store(s, in);
	if (!err)
		err = orphan_add(s, node);
	if (!err && inode_is_reg(in))
		s->unnamed = in->ino;
	return err;
}

int namei_unlink(struct server *s, ext2_ino_t parent, const char *name)
{
	struct inode dir, in;
	int err = super_may_allocate(s);

	if (!err)
		err = namei_lookup(s, parent, name, &in);
	if (!err)
		err = namei_load_dir(s, parent, &dir);
	if (err)
		return err;
	if (inode_is_dir(&in))
		return -EISDIR;
	err = namei_may_delete(&dir, &in);
	/* what can't be freed keeps its name */
	if (!err)
		err = bitmaps_need_inode(s, in.ino);
	if (!err)
		err = cold_settle(s);
	if (!err && in.raw.i_links_count > 1 && careful_waits_for_names(s, in.ino)) {
		err = commit_part(s);
		return err ? err : namei_unlink(s, parent, name);
	}
	if (!err)
		err = dir_remove(s, &dir, dir_name(name));
	if (err)
		return err;
	inode_touch(s, &dir, true);
	err = inode_store(s, &dir);
	return err ? err : namei_drop_link(s, &in, false);
}

int namei_rmdir(struct server *s, ext2_ino_t parent, const char *name)
{
	struct inode dir, in;
	int err = super_may_allocate(s);

	if (!strcmp(name, "."))
		return -EINVAL;
	if (!strcmp(name, ".."))
		return -ENOTEMPTY;
	if (!err)
		err = namei_lookup(s, parent, name, &in);
	if (!err)
		err = namei_load_dir(s, parent, &dir);
	if (err)
		return err;
	if (!inode_is_dir(&in))
		return -ENOTDIR;
	err = namei_may_delete(&dir, &in);
	if (err)
		return err;
	err = dir_is_empty(s, &in);
	if (err <= 0)
		return err ? err : -ENOTEMPTY;
	err = bitmaps_need_inode(s, in.ino);
	if (!err)
		err = cold_settle(s);
	if (!err && careful_waits_for_names(s, in.ino)) {
		err = commit_part(s);
		return err ? err : namei_rmdir(s, parent, name);
	}
	if (!err)
		err = dir_remove(s, &dir, dir_name(name));
	if (err)
		return err;
	namei_dec_links(&dir);
	inode_touch(s, &dir, true);
	err = inode_store(s, &dir);
	return err ? err : namei_drop_link(s, &in, true);
}

static int read_inline_target(struct server *s, struct inode *in, char *buf, size_t len)
{
	size_t have;
	char *data;
	int err = inline_get(s, in, &data, &have);

	if (err)
		return err;
	if (len <= have)
		memcpy(buf, data, len);
	else
		err = fs_error(s, in->ino, 0, "bad size of an inline symlink");
	free(data);
	return err;
}

static int read_target(struct server *s, struct inode *in, char *buf, size_t len)
{
	struct mapping m;
	int err;

	if (inode_is_inline(in))
		return read_inline_target(s, in, buf, len);
	if (ext2fs_is_fast_symlink(inode_small(in))) {
		memcpy(buf, in->raw.i_block, len);
		return 0;
	}
	err = map_lookup(s, in, 0, 0, &m);
	if (!err && m.type != MAP_MAPPED)
		err = fs_error(s, in->ino, 0, "symlink without a block");
	return err ? err : cache_read(s->cache, m.pblk * s->fs->blocksize, buf, len);
}

/* Of an encrypted symlink: *@buf becomes something that can be read. */
static int show_target(struct server *s, const struct inode *in, char **buf, size_t len)
{
	char *text = calloc(1, NOKEY_NAME_MAX + 1);
	int ret;

	if (!text)
		return -ENOMEM;
	ret = nokey_show_target(*buf, len, text);
	if (ret < 0) {
		free(text);
		return fs_error(s, in->ino, 0, "bad encrypted symlink");
	}
	free(*buf);
	*buf = text;
	return 0;
}

int namei_readlink(struct server *s, ext2_ino_t ino, char **target)
{
	struct inode in;
	uint64_t len;
	char *buf;
	int err = inode_load(s, ino, &in);

	if (err)
		return err;
	if (!S_ISLNK(in.raw.i_mode))
		return -EINVAL;
	len = inode_size(&in);
	if (!len || len >= s->fs->blocksize)
		return fs_error(s, ino, 0, "bad size of a symlink");
	buf = calloc(1, len + 1);
	if (!buf)
		return -ENOMEM;
	err = read_target(s, &in, buf, len);
	if (!err && in.raw.i_flags & EXT4_ENCRYPT_FL)
		err = show_target(s, &in, &buf, len);
	if (err) {
		free(buf);
		return err;
	}
	*target = buf;
	return 0;
}
