// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The orphan list: inodes that have no name but are still in use.
 *
 *	superblock             inode              inode
 *	s_last_orphan = a ---> a: i_dtime = b --> b: i_dtime = 0
 *
 * Every ext4 implementation frees what is on it after a crash, so an inode goes
 * on it in the same commit in which its last name goes.  Inodes on it that still
 * have a name are cut at their size: files with indirect maps have blocks there when
 * the kernel is about to write to them, and no state to mark these as unwritten.
 *
 * In memory the nodes form the same list, head first, so that an inode can be
 * taken out of the middle.
 *
 * Without a journal a crash may leave a superblock that is newer than the inodes, or a list of
 * which only the beginning makes sense (careful.h); e2fsck knows what to do with the rest.
 *
 * The newer orphan_file feature has a file full of inode numbers instead.  What
 * is found there at mount is processed; new orphans go on the list, which is
 * valid beside the file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap_load.h"
#include "block_set.h"
#include "inode.h"
#include "log.h"
#include "map.h"
#include "node.h"
#include "progress.h"

static struct node *list_head(struct server *s)
{
	ext2_ino_t head = s->fs->super->s_last_orphan;

	return head ? node_find(s, head) : NULL;
}

static int set_next(struct server *s, ext2_ino_t ino, ext2_ino_t next)
{
	struct inode in;
	int err = inode_load(s, ino, &in);

	if (err)
		return err;
	in.raw.i_dtime = next;
	return inode_store(s, &in);
}

int orphan_add(struct server *s, struct node *node)
{
	struct node *head = list_head(s);
	int err;

	if (node->orphan)
		return 0;
	err = set_next(s, node->ino, s->fs->super->s_last_orphan);
	if (err)
		return err;
	s->fs->super->s_last_orphan = node->ino;
	ext2fs_mark_super_dirty(s->fs);
	node->orphan = true;
	node->orphan_prev = NULL;
	node->orphan_next = head;
	if (head)
		head->orphan_prev = node;
	return 0;
}

int orphan_remove(struct server *s, struct node *node)
{
	ext2_ino_t next = node->orphan_next ? node->orphan_next->ino : 0;
	int err = 0;

	if (!node->orphan)
		return 0;
	if (node->orphan_prev) {
		err = set_next(s, node->orphan_prev->ino, next);
	} else {
		s->fs->super->s_last_orphan = next;
		ext2fs_mark_super_dirty(s->fs);
	}
	if (err)
		return err;
	if (node->orphan_prev)
		node->orphan_prev->orphan_next = node->orphan_next;
	if (node->orphan_next)
		node->orphan_next->orphan_prev = node->orphan_prev;
	node->orphan = false;
	node->orphan_prev = node->orphan_next = NULL;
	return set_next(s, node->ino, 0);
}

int orphan_add_growing(struct server *s, const struct inode *in, uint64_t end)
{
	struct node *node = node_find(s, in->ino);
	int err;

	/* without a journal e2fsck has to look at everything after a crash */
	if (!s->commits.journal || !node || inode_has_extents(in) || end <= inode_size(in))
		return 0;
	err = orphan_add(s, node);
	if (!err && node->beyond < end)
		node->beyond = end;
	return err;
}

int orphan_settle(struct server *s, const struct inode *in, uint64_t end)
{
	struct node *node = node_find(s, in->ino);
	uint64_t bs = s->fs->blocksize;

	if (!node || !node->beyond)
		return 0;
	if (node->beyond > end)
		node->beyond = end;
	if (node->beyond > (inode_size(in) + bs - 1) / bs * bs)
		return 0;
	node->beyond = 0;
	return in->raw.i_links_count ? orphan_remove(s, node) : 0;
}

/* What was done at mount */
struct work {
	struct progress progress;
	uint64_t deleted, truncated;
};

static void say_progress(struct work *w)
{
	if (progress_is_due(&w->progress))
		log_info("orphaned inodes since %u s: %llu deleted, %llu truncated",
			 progress_seconds(&w->progress), (unsigned long long)w->deleted,
			 (unsigned long long)w->truncated);
}

/* 1 or 0; -errno: nobody knows */
static int is_allocated(struct server *s, ext2_ino_t ino)
{
	int err;

	if (!ino || ino > s->fs->super->s_inodes_count)
		return 0;
	err = bitmaps_need_inode(s, ino);
	return err ? err : !!ext2fs_test_inode_bitmap2(s->fs->inode_map, ino);
}

/* One inode found at mount: delete it, or finish its truncation. */
static int process_one(struct server *s, struct inode *in, struct work *w)
{
	uint64_t bs = s->fs->blocksize;
	int err;

	say_progress(w);
	/* as long as it takes its i_dtime is the list's */
	if (!in->raw.i_links_count) {
		log_inode(LOG_DEBUG, in->ino, 0, "deleting an orphan");
		w->deleted++;
		map_punch(s, in, 0, UINT64_MAX);
		in->raw.i_dtime = 0;
		/* with what could not be freed before, and says why */
		return inode_free(s, in);
	}
	log_inode(LOG_DEBUG, in->ino, 0, "truncating an orphan");
	w->truncated++;
	if (inode_is_reg(in)) {
		uint64_t first = (inode_size(in) + bs - 1) / bs;

		err = map_punch(s, in, first, UINT64_MAX - first);
		if (err)
			return err;
	}
	in->raw.i_dtime = 0;
	return inode_store(s, in);
}

/* Of a list that nobody has written in one transaction: the rest is for e2fsck. */
static int drop_rest(struct server *s)
{
	log_warn("the list of orphaned inodes ends in the middle: running e2fsck is recommended");
	s->fs->super->s_last_orphan = 0;
	ext2fs_mark_super_dirty(s->fs);
	s->dirty = true;
	return 0;
}

static int process_list(struct server *s, struct work *w)
{
	ext2_ino_t ino = s->fs->super->s_last_orphan;
	uint32_t limit = s->fs->super->s_inodes_count;

	while (ino) {
		struct inode in;
		ext2_ino_t next;
		int err;

		/* a cycle can't be longer than the number of inodes */
		if (!limit--)
			return fs_error(s, ino, 0, "cycle in the orphan list");
		err = is_allocated(s, ino);
		if (err < 0)
			return err;
		if (!err && s->careful.on)
			return drop_rest(s);
		if (!err)
			return fs_error(s, ino, 0, "a free inode is on the orphan list");
		err = inode_load(s, ino, &in);
		if (err)
			return err;
		next = in.raw.i_dtime;
		err = process_one(s, &in, w);
		if (err)
			return err;
		ino = next;
		s->fs->super->s_last_orphan = ino;
		ext2fs_mark_super_dirty(s->fs);
		s->dirty = true;
		/* the list is whole again: the rest may be for another transaction */
		commit_if_large_locked(s);
	}
	return 0;
}

static int process_file_block(struct server *s, ext2_ino_t file, uint64_t pblk, char *buf,
			      struct work *w)
{
	unsigned int n = ext2fs_inodes_per_orphan_block(s->fs);
	uint64_t bs = s->fs->blocksize;
	uint32_t *inos = (uint32_t *)buf;
	int err;

	err = cache_read(s->cache, pblk * bs, buf, bs);
	if (err)
		return err;
	if (ext2fs_orphan_block_tail(s->fs, buf)->ob_magic != EXT4_ORPHAN_BLOCK_MAGIC ||
	    !ext2fs_orphan_file_block_csum_verify(s->fs, file, pblk, buf))
		return fs_error(s, file, pblk, "bad orphan file block");
	for (unsigned int i = 0; i < n; i++) {
		struct inode in;

		if (!inos[i])
			continue;
		/*
		 * When e2fsck replays the journal it deletes orphans, too, but leaves
		 * their numbers here.  Freed twice, their blocks would be others'.
		 */
		err = is_allocated(s, inos[i]);
		if (err < 0)
			return err;
		if (err) {
			err = inode_load(s, inos[i], &in);
			if (!err)
				err = process_one(s, &in, w);
			if (err)
				return err;
		}
		/* one may need more than one transaction: what is freed must not be here then */
		inos[i] = 0;
		err = lib_error(s, ext2fs_orphan_file_block_csum_set(s->fs, file, pblk, buf), file);
		if (!err)
			err = cache_write(s->cache, pblk * bs, buf, bs);
		if (err)
			return err;
		commit_if_large_locked(s);
	}
	return 0;
}

static int process_file(struct server *s, struct work *w)
{
	struct inode in = { .ino = s->fs->super->s_orphan_file_inum };
	struct block_set seen = { 0 };
	uint64_t blocks;
	char *buf;
	int err;

	err = lib_error(s, ext2fs_read_inode_full(s->fs, in.ino, inode_small(&in),
						  sizeof(in.raw)), in.ino);
	if (err)
		return err;
	blocks = inode_size(&in) / s->fs->blocksize;
	if (blocks > ext2fs_blocks_count(s->fs->super))
		return fs_error(s, in.ino, 0, "bad size of the orphan file");
	buf = malloc(s->fs->blocksize);
	if (!buf)
		return -ENOMEM;
	for (uint64_t lblk = 0; lblk < blocks && !err; lblk++) {
		struct mapping m;

		err = map_lookup(s, &in, lblk, 0, &m);
		if (!err && m.type != MAP_MAPPED)
			err = fs_error(s, in.ino, 0, "hole in the orphan file");
		/* or the size may make any work of one block */
		if (!err && !block_set_add(&seen, m.pblk + (lblk - m.lblk)))
			err = fs_error(s, in.ino, 0, "a block is in the orphan file twice");
		if (!err)
			err = process_file_block(s, in.ino, m.pblk + (lblk - m.lblk), buf,
						 w);
	}
	free(buf);
	block_set_destroy(&seen);
	if (!err) {
		ext2fs_clear_feature_orphan_present(s->fs->super);
		ext2fs_mark_super_dirty(s->fs);
	}
	return err;
}

bool orphans_are_left(const struct server *s)
{
	return s->fs->super->s_last_orphan ||
	       ext2fs_has_feature_orphan_present(s->fs->super);
}

int orphans_process(struct server *s)
{
	struct work w = { .deleted = 0 };
	int err = 0;

	progress_start(&w.progress);
	/* nobody else is there yet, and the lock is not held */
	s->keeps_lock = true;
	if (s->fs->super->s_last_orphan)
		err = process_list(s, &w);
	if (!err && ext2fs_has_feature_orphan_present(s->fs->super))
		err = process_file(s, &w);
	s->keeps_lock = false;
	if (w.deleted || w.truncated)
		log_info("orphaned inodes: %llu deleted, %llu truncated",
			 (unsigned long long)w.deleted, (unsigned long long)w.truncated);
	return err;
}
