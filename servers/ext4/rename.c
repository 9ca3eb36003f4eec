// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rename(2).  The new name comes before the old one goes, so that the inode
 * always has one.
 */
#include <errno.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>

#include "bitmap_load.h"
#include "cold.h"
#include "namei.h"
#include "nokey.h"

/* One end of a rename */
struct end {
	ext2_ino_t parent;
	const char *name;
	struct inode in;	/* what the name points to */
	bool exists;
};

static int load_end(struct server *s, struct end *e)
{
	int err = namei_lookup(s, e->parent, e->name, &e->in);

	e->exists = !err;
	return err;
}

static int touch_dir(struct server *s, ext2_ino_t ino, int links)
{
	struct inode dir;
	int err = namei_load_dir(s, ino, &dir);

	if (err)
		return err;
	if (links > 0)
		namei_inc_links(&dir);
	else if (links < 0)
		namei_dec_links(&dir);
	inode_touch(s, &dir, true);
	return inode_store(s, &dir);
}

static int touch_inode(struct server *s, ext2_ino_t ino)
{
	struct inode in;
	int err = inode_load(s, ino, &in);

	if (err)
		return err;
	inode_touch(s, &in, false);
	return inode_store(s, &in);
}

static int set_entry(struct server *s, const struct end *e, const struct inode *in)
{
	struct inode dir;
	int err = namei_load_dir(s, e->parent, &dir);

	return err ? err : dir_replace(s, &dir, dir_name(e->name), in->ino, in->raw.i_mode);
}

static int exchange(struct server *s, struct end *a, struct end *b)
{
	bool a_dir = inode_is_dir(&a->in), b_dir = inode_is_dir(&b->in);
	bool moves = a->parent != b->parent;
	struct inode dir;
	int err;

	if (a->in.ino == b->in.ino)
		return 0;
	if (moves && a_dir != b_dir) {
		/* a directory comes to where none was */
		err = namei_load_dir(s, a_dir ? b->parent : a->parent, &dir);
		if (!err && namei_dir_full(s, &dir))
			err = -EMLINK;
		if (err)
			return err;
	}
	err = set_entry(s, b, &a->in);
	if (err)
		return err;
	err = set_entry(s, a, &b->in);
	if (!err && moves && a_dir)
		err = dir_set_parent(s, &a->in, b->parent);
	if (!err && moves && b_dir)
		err = dir_set_parent(s, &b->in, a->parent);
	if (!err)
		err = touch_dir(s, a->parent, moves ? b_dir - a_dir : 0);
	if (!err && moves)
		err = touch_dir(s, b->parent, a_dir - b_dir);
	if (!err)
		err = touch_inode(s, a->in.ino);
	return err ? err : touch_inode(s, b->in.ino);
}

static int check_target(struct server *s, const struct end *from, struct end *to,
			const struct inode *to_dir)
{
	int err;

	if (!to->exists)
		return 0;
	err = namei_may_delete(to_dir, &to->in);
	if (err)
		return err;
	if (inode_is_dir(&from->in) && !inode_is_dir(&to->in))
		return -ENOTDIR;
	if (!inode_is_dir(&from->in) && inode_is_dir(&to->in))
		return -EISDIR;
	if (!inode_is_dir(&to->in))
		return 0;
	err = dir_is_empty(s, &to->in);
	return err < 0 ? err : err ? 0 : -ENOTEMPTY;
}

/* What is left of a name for overlayfs: a device that means "there is nothing" */
struct whiteout {
	struct inode in;
	bool named;
};

static int make_whiteout(struct server *s, const struct end *from, const struct caller *who,
			 struct inode *in)
{
	struct inode dir;
	int err = namei_load_dir(s, from->parent, &dir);

	return err ? err : namei_new_inode(s, &dir, S_IFCHR, 0, NULL, who, in);
}

/* @whiteout: takes the old name, or NULL */
static int move(struct server *s, struct end *from, struct end *to,
		struct whiteout *whiteout, const struct caller *who)
{
	bool is_dir = inode_is_dir(&from->in), moves = from->parent != to->parent;
	struct inode dir;
	uint64_t added;
	int err, links;

	err = namei_load_dir(s, to->parent, &dir);
	if (!err)
		err = check_target(s, from, to, &dir);
	if (err)
		return err;
	if (is_dir && moves && !to->exists && namei_dir_full(s, &dir))
		return -EMLINK;

	if (to->exists)
		err = dir_replace(s, &dir, dir_name(to->name), from->in.ino,
				  from->in.raw.i_mode);
	else
		err = dir_add(s, &dir, dir_name(to->name), from->in.ino, from->in.raw.i_mode,
			      who);
	if (err)
		return err;
	added = s->careful.dir_block;
	links = is_dir && moves ? 1 : 0;
	if (to->exists && is_dir)
		links--;
	if (moves)
		err = touch_dir(s, to->parent, links);
	if (!err)
		err = namei_load_dir(s, from->parent, &dir);
	if (!err)
		err = whiteout ? set_entry(s, from, &whiteout->in) :
				 dir_remove(s, &dir, dir_name(from->name));
	if (!err)
		careful_name_moved(s, from->in.ino, from->parent, added);
	if (!err && whiteout)
		whiteout->named = true;
	if (!err)
		err = touch_dir(s, from->parent, moves ? (is_dir ? -1 : 0) : links);
	if (!err && is_dir && moves) {
		err = inode_load(s, from->in.ino, &from->in);
		if (!err)
			err = dir_set_parent(s, &from->in, to->parent);
	}
	if (!err)
		err = touch_inode(s, from->in.ino);
	if (!err && to->exists)
		err = namei_drop_link(s, &to->in, is_dir);
	return err;
}

/* *@again: what was changed before has been written now; others may have changed something. */
static int rename_once(struct server *s, ext2_ino_t old_parent, const char *old_name,
		       ext2_ino_t new_parent, const char *new_name, unsigned int flags,
		       const struct caller *who, bool *again)
{
	struct end from = { .parent = old_parent, .name = old_name };
	struct end to = { .parent = new_parent, .name = new_name };
	struct whiteout whiteout = { 0 };
	struct inode old_dir, new_dir;
	bool may;
	int err;

	*again = false;
	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT) ||
	    (flags & RENAME_EXCHANGE && flags != RENAME_EXCHANGE))
		return -EINVAL;
	err = super_may_allocate(s);
	if (!err)
		err = namei_check_name(new_name);
	if (!err)
		err = load_end(s, &from);
	if (err)
		return err;
	err = load_end(s, &to);
	if (err && err != -ENOENT)
		return err;
	if (to.exists && (flags & RENAME_NOREPLACE))
		return -EEXIST;
	if (!to.exists && (flags & RENAME_EXCHANGE))
		return -ENOENT;

	err = namei_load_dir(s, old_parent, &old_dir);
	if (!err)
		err = namei_load_dir(s, new_parent, &new_dir);
	if (!err)
		err = namei_may_delete(&old_dir, &from.in);
	if (!err && new_dir.raw.i_flags & EXT2_IMMUTABLE_FL)
		err = -EPERM;
	if (err)
		return err;
	if ((new_dir.raw.i_flags & EXT4_PROJINHERIT_FL) &&
	    new_dir.raw.i_projid != from.in.raw.i_projid)
		return -EXDEV;
	if ((flags & RENAME_EXCHANGE) && (old_dir.raw.i_flags & EXT4_PROJINHERIT_FL) &&
	    old_dir.raw.i_projid != to.in.raw.i_projid)
		return -EXDEV;

	/* two names of one file: nothing to do */
	if (to.exists && from.in.ino == to.in.ino)
		return 0;
	if (nokey_dir(&old_dir) || nokey_dir(&new_dir))
		return -ENOKEY;
	if (to.exists && !(flags & RENAME_EXCHANGE))
		err = bitmaps_need_inode(s, to.in.ino);
	if (!err)
		err = cold_settle(s);
	if (err)
		return err;
	if (flags & RENAME_EXCHANGE)
		return exchange(s, &from, &to);
	err = dir_may_move(s, &old_dir, dir_name(old_name), &may);
	/* a name where nobody finds it is none; and what is replaced may have come from here */
	if (old_parent != new_parent && careful_is_new(s, new_parent))
		may = false;
	if (to.exists && (inode_is_dir(&to.in) || to.in.raw.i_links_count > 1) &&
	    careful_waits_for_names(s, to.in.ino))
		may = false;
	if (!err && !may) {
		err = commit_part(s);
		*again = !err;
	}
	if (err || *again)
		return err;
	if (!(flags & RENAME_WHITEOUT))
		return move(s, &from, &to, NULL, who);
	err = make_whiteout(s, &from, who, &whiteout.in);
	if (err)
		return err;
	err = move(s, &from, &to, &whiteout, who);
	if (!whiteout.named)
		inode_free(s, &whiteout.in);
	return err;
}

int namei_rename(struct server *s, ext2_ino_t old_parent, const char *old_name,
		 ext2_ino_t new_parent, const char *new_name, unsigned int flags,
		 const struct caller *who)
{
	bool again;
	int err;

	do {
		err = rename_once(s, old_parent, old_name, new_parent, new_name, flags, who,
				  &again);
	} while (again);
	return err;
}
