// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tags CREAT, LINK and UNLINK: the names of inodes.
 *
 * Some tags say nothing any more, and kernel ext4 passes over them, too:
 *
 * - the directory is gone, because a later tag or an earlier one removes it;
 * - a name to be removed isn't there, or is another inode's: the kernel writes no tag for a new
 *   symlink, so that symlink's name was never made here, and its removal comes anyway;
 * - a name is to be made for an inode that was never written.
 *
 * Directories have no INODE tags but the one that comes with CREAT.  Their link counts follow from
 * the subdirectories that come and go here, their times are those of the replay.
 */
#include <errno.h>
#include <string.h>

#include "dir.h"
#include "namei.h"
#include "recovery/fc_apply.h"

static const struct caller root;

static int load(struct fc *fc, ext2_ino_t ino, struct inode *in)
{
	int err = inode_load(fc->s, ino, in);

	return err == -ESTALE ? fc_refuse(fc, "a name in inode %u leads to nothing", ino) : err;
}

static bool name_is_possible(struct dir_name name)
{
	return !memchr(name.str, '/', name.len) && !memchr(name.str, '\0', name.len) &&
	       !(name.str[0] == '.' && (name.len == 1 || (name.len == 2 && name.str[1] == '.')));
}

/* 1: @dir is a directory that is in use, 0: there is none of this number any more; or -errno */
static int load_dir(struct fc *fc, ext2_ino_t ino, struct inode *dir)
{
	struct fc_inode *fi;
	int err = fc_get(fc, ino, &fi);

	if (err)
		return err;
	if (fi->state != FC_NAMED && fi->state != FC_NEW)
		return 0;
	err = load(fc, ino, dir);
	if (err)
		return err;
	/* made, and not named yet: nothing is in it */
	if (!dir->raw.i_links_count)
		return 0;
	if (!inode_is_dir(dir) || dir->raw.i_flags & EXT4_ENCRYPT_FL)
		return fc_refuse(fc, "a fast commit in the journal changes names in inode %u, %s",
				 ino, inode_is_dir(dir) ? "which is encrypted" :
							  "which is no directory");
	return 1;
}

static int store_dir(struct fc *fc, struct inode *dir)
{
	inode_touch(fc->s, dir, true);
	return inode_store(fc->s, dir);
}

static int unlink_name(struct fc *fc, struct inode *dir, struct dir_name name, ext2_ino_t ino)
{
	struct fc_inode *fi;
	struct inode in;
	ext2_ino_t found;
	int err = dir_lookup(fc->s, dir, name, &found);

	if (err == -ENOENT || (!err && found != ino))
		return 0;
	if (!err)
		err = fc_get(fc, ino, &fi);
	if (!err)
		err = load(fc, ino, &in);
	if (err)
		return err;
	if (!in.raw.i_links_count || ino == EXT2_ROOT_INO)
		return fc_refuse(fc, "a fast commit in the journal removes a name of inode %u, "
				 "which can't have one", ino);
	if (inode_is_dir(&in)) {
		err = dir_is_empty(fc->s, &in);
		if (err <= 0)
			return err ? err : fc_refuse(fc, "a fast commit in the journal removes "
						     "directory %u, which is not empty", ino);
	}
	err = dir_remove(fc->s, dir, name);
	if (err)
		return err;
	if (inode_is_dir(&in))
		namei_dec_links(dir);
	err = store_dir(fc, dir);
	if (err)
		return err;
	in.raw.i_links_count = inode_is_dir(&in) ? 0 : in.raw.i_links_count - 1;
	inode_touch(fc->s, &in, false);
	/* those on the list have the next number in i_dtime, and keep it */
	if (!in.raw.i_links_count)
		fi->state = FC_DEAD;
	return inode_store(fc->s, &in);
}

/* The inode of a tag CREAT or LINK.  1, 0: the name can't be made; or -errno */
static int load_inode(struct fc *fc, const struct fc_tag *tag, ext2_ino_t ino, struct inode *in)
{
	bool creat = tag->kind == FC_CREAT;
	struct fc_inode *fi;
	int err = fc_get(fc, ino, &fi);

	if (err)
		return err;
	/*
	 * The kernel finds no inode to link then.  A dead one is not meant, but another file that
	 * got its number and that no tag has made yet.  Mostly that one is gone, too.  A file of
	 * O_TMPFILE that gets its name and its first INODE tag by the same fast commit loses the
	 * name in kernel ext4's replay, and here.
	 */
	if (!creat && (fi->state == FC_FREE || fi->state == FC_DEAD))
		return 0;
	if (creat ? fi->state != FC_NEW : fi->state != FC_NEW && fi->state != FC_NAMED)
		return fc_refuse(fc, "a fast commit in the journal makes a name for inode %u, "
				 "which can't have one", ino);
	err = load(fc, ino, in);
	if (err)
		return err;
	if (creat ? in->raw.i_links_count : inode_is_dir(in))
		return fc_refuse(fc, "a fast commit in the journal makes one name too many for "
				 "inode %u", ino);
	return 1;
}

static int link_name(struct fc *fc, const struct fc_tag *tag, struct inode *dir,
		     struct dir_name name, ext2_ino_t ino)
{
	struct server *s = fc->s;
	struct inode in;
	ext2_ino_t found;
	int err = load_inode(fc, tag, ino, &in);

	if (err <= 0)
		return err;
	err = dir_lookup(s, dir, name, &found);
	if (!err)
		return found == ino ? 0 : fc_refuse(fc, "a fast commit in the journal makes a name "
						    "in directory %u that is there", dir->ino);
	if (err != -ENOENT)
		return err;
	if (inode_is_dir(&in)) {
		if (namei_dir_full(s, dir))
			return fc_refuse(fc, "directory %u is full", dir->ino);
		err = dir_init(s, &in, dir->ino, &root);
		in.raw.i_links_count = 2;
	} else if (in.raw.i_links_count >= EXT2_LINK_MAX) {
		err = fc_refuse(fc, "inode %u has too many names", ino);
	} else {
		in.raw.i_links_count++;
		err = 0;
	}
	if (!err)
		err = inode_store(s, &in);
	if (!err)
		err = dir_add(s, dir, name, ino, in.raw.i_mode, &root);
	if (err)
		return err;
	if (inode_is_dir(&in))
		namei_inc_links(dir);
	return store_dir(fc, dir);
}

int fc_name_tag(struct fc *fc, const struct fc_tag *tag)
{
	ext2_ino_t parent = fc_le32(tag->value), ino = fc_le32(tag->value + 4);
	struct dir_name name = {
		(const char *)tag->value + FC_NAME_HEADER, tag->len - FC_NAME_HEADER,
	};
	struct inode dir;
	int ret;

	if (!name_is_possible(name) || parent == ino)
		return fc_refuse(fc, "a fast commit in the journal has an impossible name");
	ret = load_dir(fc, parent, &dir);
	if (ret <= 0)
		return ret;
	if (tag->kind == FC_UNLINK)
		return unlink_name(fc, &dir, name, ino);
	return link_name(fc, tag, &dir, name, ino);
}
