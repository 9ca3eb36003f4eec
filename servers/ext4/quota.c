// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Quota accounting: see quota.h.
 *
 * libext2fs asks a callback before it writes an inode, its own changes included
 * (directories that it extends, attribute blocks); that is where usage is booked.
 * It may pass the old, short part of an inode only, so the project id, which is behind
 * that, is taken from the disk, and changing it has a function of its own.
 */
#include "quota.h"

#include <errno.h>
#include <stdlib.h>

#include "bitmaps.h"
#include "log.h"
#include "server.h"

static const char *const type_names[NR_QUOTAS] = {
	[QUOTA_USER] = "user", [QUOTA_GROUP] = "group", [QUOTA_PROJECT] = "project",
};

/* What an inode adds to the accounts that it belongs to */
struct use {
	uint32_t ids[NR_QUOTAS];
	int64_t space;		/* bytes */
};

bool quota_counts(const struct server *s, ext2_ino_t ino)
{
	const struct ext2_super_block *sb = s->fs->super;

	if (ino == EXT2_ROOT_INO)
		return true;
	return ino >= EXT2_FIRST_INO(sb) && ino != sb->s_prj_quota_inum &&
	       ino != sb->s_orphan_file_inum;
}

void quota_ids(struct server *s, const struct inode *in, uint32_t ids[NR_QUOTAS])
{
	ids[QUOTA_USER] = inode_owner(in);
	ids[QUOTA_GROUP] = inode_group(in);
	ids[QUOTA_PROJECT] = inode_has_projid(s, in) ? in->raw.i_projid : 0;
}

static struct use use_of(struct server *s, const struct inode *in)
{
	struct use u = {
		.space = ext2fs_get_stat_i_blocks(s->fs, (struct ext2_inode *)&in->raw) << 9,
	};

	quota_ids(s, in, u.ids);
	return u;
}

/* Where the entry is. */
static int find(struct server *s, struct quota_file *f, uint32_t id, uint64_t *pos)
{
	unsigned int slot = id & (QUOTA_SLOTS - 1);
	int err;

	if (f->slots[slot].pos && f->slots[slot].id == id) {
		*pos = f->slots[slot].pos;
		return 0;
	}
	err = quota_tree_find(s, f, id, pos);
	if (!err) {
		f->slots[slot].id = id;
		f->slots[slot].pos = *pos;
	}
	return err;
}

int quota_load(struct server *s, struct quota_file *f, uint32_t id, struct quota_entry *e,
	       uint64_t *pos)
{
	int err = find(s, f, id, pos);

	return err ? err : quota_tree_read(s, f, id, *pos, e);
}

/* What would be less than nothing is 0. */
static uint64_t add(uint64_t have, int64_t more)
{
	if (more < 0 && have < -(uint64_t)more)
		return 0;
	return have + more;
}

static int book(struct server *s, struct quota_file *f, uint32_t id, int64_t space, int64_t inodes)
{
	struct quota_entry e;
	uint64_t pos;
	int err;

	if (!space && !inodes)
		return 0;
	err = quota_load(s, f, id, &e, &pos);
	if (err)
		return err;
	e.space = add(e.space, space);
	e.inodes = add(e.inodes, inodes);
	quota_timers(f, &e, space, inodes);
	return quota_tree_write(s, pos, &e);
}

static int book_all(struct server *s, const struct use *u, int sign)
{
	for (int t = 0; t < NR_QUOTAS; t++) {
		struct quota_file *f = &s->quota->files[t];
		int err = f->ino ? book(s, f, u->ids[t], sign * u->space, sign) : 0;

		if (err)
			return err;
	}
	return 0;
}

/* An inode that counted as @old does as @new. */
static int rebook(struct server *s, const struct use *old, const struct use *new)
{
	for (int t = 0; t < NR_QUOTAS; t++) {
		struct quota_file *f = &s->quota->files[t];
		int err;

		if (!f->ino)
			continue;
		if (old->ids[t] == new->ids[t]) {
			err = book(s, f, new->ids[t], new->space - old->space, 0);
		} else {
			err = book(s, f, new->ids[t], new->space, 1);
			if (!err)
				err = book(s, f, old->ids[t], -old->space, -1);
		}
		if (err)
			return err;
	}
	return 0;
}

static errcode_t before_write(ext2_filsys fs, ext2_ino_t ino, struct ext2_inode *inode)
{
	struct server *s = fs->priv_data;
	struct inode in = { .ino = ino };
	struct use old, new;
	errcode_t lerr;
	int err;

	if (!ino || ino > fs->super->s_inodes_count || !quota_counts(s, ino) ||
	    !ext2fs_test_inode_bitmap2(fs->inode_map, ino))
		return EXT2_ET_CALLBACK_NOTHANDLED;
	lerr = ext2fs_read_inode_full(fs, ino, inode_small(&in), sizeof(in.raw));
	if (lerr)
		return lerr;
	old = use_of(s, &in);
	new = old;
	new.ids[QUOTA_USER] = inode_uid(*inode);
	new.ids[QUOTA_GROUP] = inode_gid(*inode);
	new.space = ext2fs_get_stat_i_blocks(fs, inode) << 9;
	err = rebook(s, &old, &new);
	/* libext2fs passes errnos on */
	return err ? -err : EXT2_ET_CALLBACK_NOTHANDLED;
}

int quota_prepare(struct server *s, const uint32_t ids[NR_QUOTAS])
{
	for (int t = 0; s->quota && t < NR_QUOTAS; t++) {
		struct quota_file *f = &s->quota->files[t];
		uint64_t pos;
		int err = f->ino ? find(s, f, ids[t], &pos) : 0;

		if (err)
			return err;
	}
	return 0;
}

int quota_inode(struct server *s, const struct inode *in, bool used)
{
	struct inode now = { .ino = in->ino };
	struct use u;
	int err;

	if (!s->quota || !quota_counts(s, in->ino))
		return 0;
	err = lib_error(s, ext2fs_read_inode_full(s->fs, now.ino, inode_small(&now),
						  sizeof(now.raw)), now.ino);
	if (err)
		return err;
	u = use_of(s, &now);
	return book_all(s, &u, used ? 1 : -1);
}

int quota_set_project(struct server *s, const struct inode *in, uint32_t projid)
{
	struct use old, new;

	if (!s->quota || !quota_counts(s, in->ino))
		return 0;
	old = use_of(s, in);
	new = old;
	new.ids[QUOTA_PROJECT] = projid;
	return rebook(s, &old, &new);
}

/* What kernel ext4 takes is taken, but nobody is to believe that limits hold. */
static int look_at_options(const struct server *s)
{
	if (!s->opt.quota)
		return 0;
	if (s->opt.quota & 1U << QUOTA_PROJECT && !ext2fs_has_feature_project(s->fs->super)) {
		log_err("mount option \"prjquota\" is refused: the image does not have the feature "
			"project");
		return -EINVAL;
	}
	if (!ext2fs_has_feature_quota(s->fs->super))
		log_warn("limits of quotas are not enforced, and no accounts are kept: the image "
			 "does not have the feature quota");
	return 0;
}

/*
 * Only reserved numbers are no inode of a file that counts itself: booking one of those would lead
 * back to where it began.  Kernel ext4 takes the same.
 */
static bool may_be_quota_file(enum quota_type type, ext2_ino_t ino)
{
	switch (type) {
	case QUOTA_USER:
		return ino == EXT4_USR_QUOTA_INO;
	case QUOTA_GROUP:
		return ino == EXT4_GRP_QUOTA_INO;
	default:
		return ino >= EXT2_GOOD_OLD_FIRST_INO;
	}
}

static void enforce(struct server *s, struct quota_file *f)
{
	if (!(s->opt.quota & 1U << f->type))
		return;
	if (!f->ino) {
		log_warn("limits of quotas by %s are not enforced: the image has no file of their "
			 "accounts", type_names[f->type]);
		return;
	}
	f->enforced = s->quota->enforced = true;
}

int quota_open(struct server *s)
{
	const struct ext2_super_block *sb = s->fs->super;
	const ext2_ino_t inos[NR_QUOTAS] = {
		[QUOTA_USER] = sb->s_usr_quota_inum, [QUOTA_GROUP] = sb->s_grp_quota_inum,
		[QUOTA_PROJECT] = sb->s_prj_quota_inum,
	};
	int err = look_at_options(s);

	if (err || s->readonly || !ext2fs_has_feature_quota(s->fs->super))
		return err;
	/* which inodes count */
	err = bitmaps_load(s);
	if (err)
		return err;
	s->quota = calloc(1, sizeof(*s->quota));
	if (!s->quota) {
		log_err("out of memory");
		return -ENOMEM;
	}
	for (int t = 0; t < NR_QUOTAS; t++) {
		struct quota_file *f = &s->quota->files[t];

		f->type = t;
		f->ino = inos[t];
		if (f->ino && !may_be_quota_file(t, f->ino))
			err = fs_error(s, f->ino, 0, "a quota file with the number of another");
		else
			err = f->ino ? quota_tree_check(s, f) : 0;
		if (err) {
			log_err("the %s quota file can't be used: run \"e2fsck -fy %s\"",
				type_names[t], s->opt.source);
			return err;
		}
		enforce(s, f);
	}
	s->fs->write_inode = before_write;
	return 0;
}

void quota_close(struct server *s)
{
	for (int t = 0; s->quota && t < NR_QUOTAS; t++)
		quota_reserve_close(&s->quota->files[t]);
	free(s->quota);
	s->quota = NULL;
}
