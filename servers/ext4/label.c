// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The label: see label.h.
 *
 * Backups of the superblock are not touched by a mount otherwise; they get the new label and
 * nothing else.  All goes through the journal.  With a backup in each group that may be
 * too much for one transaction; backups that differ from each other for a moment do no harm.
 */
#include "label.h"

#include <errno.h>
#include <string.h>

#include "commit.h"
#include "log.h"
#include "server.h"

_Static_assert(sizeof(((struct ext2_super_block *)0)->s_volume_name) == LABEL_MAX,
	       "the superblock has room for a label of another length");

void label_get(const struct server *s, char label[LABEL_MAX + 1])
{
	memcpy(label, s->fs->super->s_volume_name, LABEL_MAX);
	label[LABEL_MAX] = '\0';
}

static int set_in_backup(struct server *s, uint64_t blk, const char label[LABEL_MAX])
{
	struct ext2_super_block sb;
	uint64_t at = blk * s->fs->blocksize;
	int err = cache_read(s->cache, at, &sb, sizeof(sb));

	if (err)
		return err;
	/* as in kernel ext4: what is damaged stays as it is */
	if (sb.s_magic != EXT2_SUPER_MAGIC || !ext2fs_superblock_csum_verify(s->fs, &sb)) {
		log_warn("the backup of the superblock in block %llu is damaged",
			 (unsigned long long)blk);
		return 0;
	}
	memcpy(sb.s_volume_name, label, LABEL_MAX);
	err = lib_error(s, ext2fs_superblock_csum_set(s->fs, &sb), 0);
	return err ? err : cache_write(s->cache, at, &sb, sizeof(sb));
}

int label_set(struct server *s, const char *label, size_t size)
{
	size_t len = strnlen(label, size);
	char name[LABEL_MAX] = { 0 };
	int err = super_may_write(s);

	if (len > LABEL_MAX)
		return -EINVAL;
	/* before the first change: all there is to read */
	for (dgrp_t g = 1; !err && g < s->fs->group_desc_count; g++) {
		const void *data;

		if (ext2fs_bg_has_super(s->fs, g))
			err = cache_peek(s->cache, ext2fs_group_first_block2(s->fs, g), &data,
					 NULL);
	}
	if (err)
		return err;
	memcpy(name, label, len);
	memcpy(s->fs->super->s_volume_name, name, LABEL_MAX);
	ext2fs_mark_super_dirty(s->fs);
	s->dirty = true;
	for (dgrp_t g = 1; !err && g < s->fs->group_desc_count; g++) {
		if (!ext2fs_bg_has_super(s->fs, g))
			continue;
		err = set_in_backup(s, ext2fs_group_first_block2(s->fs, g), name);
		if (!err && commit_is_due(s))
			err = commit_part(s);
	}
	return err;
}
