// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Extent trees.  What can be done in one leaf is extent_leaf.c's; the rest goes through
 * libext2fs's extent handles.
 *
 * A handle is a cursor.  ext2fs_extent_goto(h, b) puts it on the extent that
 * contains block b; if there is none it reports NOT_FOUND and stands on the
 * last extent before b, or if the leaf has none on its first one, which is then
 * after b.  Whatever changes the tree may move the cursor, so each step here
 * begins with a goto.
 *
 * The first block of a leaf is also the key in the index above it:
 * ext2fs_extent_fix_parents() follows each change of a first extent.
 */
#include <errno.h>

#include "cold.h"
#include "commit.h"
#include "extent_check.h"
#include "extent_leaf.h"
#include "free_check.h"
#include "map.h"

/* deeper trees can't come about in 2^32 blocks */
#define MAX_DEPTH	5
/* extents that are freed before others may get their turn */
#define STEPS		256
/* neighbours joined in one answer */
#define MAX_MERGE	1024

static int open_tree(struct server *s, struct inode *in, ext2_extent_handle_t *h)
{
	const struct ext3_extent_header *eh = (const void *)in->raw.i_block;
	int err;

	if (eh->eh_magic == EXT3_EXT_MAGIC && eh->eh_depth > MAX_DEPTH)
		return fs_error(s, in->ino, 0, "extent tree is too deep");
	err = extent_check_root(s, in);
	if (err)
		return err;
	return lib_error(s, ext2fs_extent_open2(s->fs, in->ino, inode_small(in), h), in->ino);
}

static int check_extent(struct server *s, struct inode *in, const struct ext2fs_extent *e)
{
	if (!e->e_len || !map_valid_range(s, e->e_pblk, e->e_len) ||
	    e->e_lblk + e->e_len > MAP_MAX_LBLK + 1)
		return fs_error(s, in->ino, e->e_pblk, "bad extent");
	return 0;
}

static uint64_t end_of(const struct ext2fs_extent *e)
{
	return e->e_lblk + e->e_len;
}

static bool is_unwritten(const struct ext2fs_extent *e)
{
	return e->e_flags & EXT2_EXTENT_FLAGS_UNINIT;
}

/* Does @b go on where @a ends, on disk and in the file? */
static bool continues(const struct ext2fs_extent *a, const struct ext2fs_extent *b)
{
	return is_unwritten(a) == is_unwritten(b) && end_of(a) == b->e_lblk &&
	       a->e_pblk + a->e_len == b->e_pblk;
}

static uint32_t max_len(const struct ext2fs_extent *e)
{
	return is_unwritten(e) ? EXT_UNINIT_MAX_LEN : EXT_INIT_MAX_LEN;
}

enum found { FOUND_NONE, FOUND_BEFORE, FOUND_AT, FOUND_AFTER };

/*
 * Where is @lblk?  @e is the extent that contains it (AT), the one before it in
 * the same leaf (BEFORE) or the first of the leaf (AFTER).  Negative on error.
 */
static int seek(struct server *s, struct inode *in, ext2_extent_handle_t h, uint64_t lblk,
		struct ext2fs_extent *e)
{
	errcode_t err = ext2fs_extent_goto(h, lblk);
	int ret;

	if (err && err != EXT2_ET_EXTENT_NOT_FOUND)
		return lib_error(s, err, in->ino);
	err = ext2fs_extent_get(h, EXT2_EXTENT_CURRENT, e);
	if (err == EXT2_ET_NO_CURRENT_NODE)
		return FOUND_NONE;
	if (err)
		return lib_error(s, err, in->ino);
	ret = check_extent(s, in, e);
	if (ret)
		return ret;
	if (lblk < e->e_lblk)
		return FOUND_AFTER;
	return lblk < end_of(e) ? FOUND_AT : FOUND_BEFORE;
}

/*
 * Move to the next or previous extent, maybe in another leaf.  1: done, 0: there
 * is none.
 *
 * ext2fs_extent_get()'s own operations for that (NEXT_LEAF, PREV_LEAF) are made
 * for walks from the root: after a goto they visit the leaf they stand in again.
 */
static int step(struct server *s, struct inode *in, ext2_extent_handle_t h, bool forward,
		struct ext2fs_extent *e)
{
	const errcode_t none = forward ? EXT2_ET_EXTENT_NO_NEXT : EXT2_ET_EXTENT_NO_PREV;
	const int sideways = forward ? EXT2_EXTENT_NEXT_SIB : EXT2_EXTENT_PREV_SIB;
	const int down = forward ? EXT2_EXTENT_DOWN : EXT2_EXTENT_DOWN_AND_LAST;
	errcode_t err;
	int ups, ret;

	for (ups = 0;; ups++) {
		err = ext2fs_extent_get(h, sideways, e);
		if (err != none)
			break;
		err = ext2fs_extent_get(h, EXT2_EXTENT_UP, e);
		if (err == EXT2_ET_EXTENT_NO_UP)
			return 0;
		if (err)
			break;
	}
	for (; !err && ups; ups--)
		err = ext2fs_extent_get(h, down, e);
	if (err)
		return lib_error(s, err, in->ino);
	ret = check_extent(s, in, e);
	return ret ? ret : 1;
}

static void hole(struct mapping *m, uint64_t start, uint64_t end)
{
	*m = (struct mapping){ .type = MAP_HOLE, .lblk = start, .len = end - start };
}

static int lookup_hole(struct server *s, struct inode *in, ext2_extent_handle_t h, int found,
		       struct ext2fs_extent *e, uint64_t lblk, struct mapping *m)
{
	uint64_t start = lblk;
	int ret;

	if (found == FOUND_NONE) {
		hole(m, 0, MAP_MAX_LBLK + 1);
		return 0;
	}
	if (found == FOUND_AFTER) {
		hole(m, lblk, e->e_lblk);
		return 0;
	}
	start = end_of(e);
	ret = step(s, in, h, true, e);
	if (ret < 0)
		return ret;
	if (!ret) {
		hole(m, start, MAP_MAX_LBLK + 1);
		return 0;
	}
	if (e->e_lblk <= lblk)
		return fs_error(s, in->ino, 0, "extents are out of order");
	hole(m, start, e->e_lblk);
	return 0;
}

static struct mapping to_mapping(const struct leaf_extent *e)
{
	return (struct mapping){
		.type = e->unwritten ? MAP_UNWRITTEN : MAP_MAPPED,
		.lblk = e->lblk, .len = e->len, .pblk = e->pblk,
	};
}

/* 0, -errno or LEAF_UNUSUAL */
static int lookup_in_leaf(struct server *s, struct inode *in, uint64_t lblk, unsigned int flags,
			  struct mapping *m)
{
	struct leaf_extent e, next;
	struct leaf l;
	int err, there;

	err = leaf_find(s, in, lblk, &l);
	if (err)
		return err;
	if (l.at < 0) {
		uint64_t start = 0;

		if (!l.nr) {
			hole(m, 0, MAP_MAX_LBLK + 1);
			return 0;
		}
		if (leaf_get(s, &l, 0, &e))
			return LEAF_UNUSUAL;
		/* what is before it in another leaf is not known here */
		if (!l.first)
			start = lblk;
		hole(m, start, e.lblk);
		return 0;
	}
	if (leaf_get(s, &l, l.at, &e))
		return LEAF_UNUSUAL;
	if (e.lblk + e.len <= lblk) {
		there = leaf_next(s, in, &l, &next);
		if (there < 0)
			return LEAF_UNUSUAL;
		hole(m, e.lblk + e.len, there ? next.lblk : MAP_MAX_LBLK + 1);
		return 0;
	}
	*m = to_mapping(&e);
	for (int i = 0; i < MAX_MERGE && !(flags & MAP_EXACT); i++) {
		there = leaf_next(s, in, &l, &next);
		/* what comes later is not what was asked for: no error because of it */
		if (there <= 0 || next.unwritten != e.unwritten || next.lblk != m->lblk + m->len ||
		    next.pblk != m->pblk + m->len)
			break;
		m->len += next.len;
		m->merged = true;
	}
	return 0;
}

int extent_lookup(struct server *s, struct inode *in, uint64_t lblk, unsigned int flags,
		  struct mapping *m)
{
	struct ext2fs_extent e, next;
	ext2_extent_handle_t h;
	int found, err;

	err = lookup_in_leaf(s, in, lblk, flags, m);
	if (err != LEAF_UNUSUAL)
		return err;
	if (server_gives_up(s))
		return -CACHE_COLD;
	err = open_tree(s, in, &h);
	if (err)
		return err;
	found = seek(s, in, h, lblk, &e);
	if (found < 0) {
		err = found;
		goto out;
	}
	if (found != FOUND_AT) {
		err = lookup_hole(s, in, h, found, &e, lblk, m);
		goto out;
	}
	*m = (struct mapping){
		.type = is_unwritten(&e) ? MAP_UNWRITTEN : MAP_MAPPED,
		.lblk = e.e_lblk, .len = e.e_len, .pblk = e.e_pblk,
	};
	for (int i = 0; i < MAX_MERGE && !(flags & MAP_EXACT); i++) {
		int ret = step(s, in, h, true, &next);

		/* what comes later is not what was asked for: no error because of it */
		if (ret <= 0 || !continues(&e, &next))
			break;
		m->len += next.e_len;
		m->merged = true;
		e = next;
	}
out:
	ext2fs_extent_free(h);
	return err;
}

int extent_insert(struct server *s, struct inode *in, const struct mapping *m)
{
	struct ext2fs_extent e, new = {
		.e_lblk = m->lblk, .e_pblk = m->pblk, .e_len = m->len,
		.e_flags = m->type == MAP_UNWRITTEN ? EXT2_EXTENT_FLAGS_UNINIT : 0,
	};
	struct leaf_extent simple = {
		.lblk = m->lblk, .len = m->len, .pblk = m->pblk,
		.unwritten = m->type == MAP_UNWRITTEN,
	};
	ext2_extent_handle_t h;
	errcode_t lerr;
	int found, err;

	err = leaf_insert(s, in, &simple);
	if (err != LEAF_UNUSUAL)
		return err;
	err = open_tree(s, in, &h);
	if (err)
		return err;
	found = seek(s, in, h, m->lblk, &e);
	if (found < 0) {
		err = found;
		goto out;
	}
	if (found == FOUND_AT) {
		err = fs_error(s, in->ino, m->pblk, "inserting over an extent");
		goto out;
	}
	if (found == FOUND_BEFORE && continues(&e, &new) &&
	    e.e_len + new.e_len <= max_len(&e)) {
		e.e_len += new.e_len;
		lerr = ext2fs_extent_replace(h, 0, &e);
	} else {
		lerr = ext2fs_extent_insert(h, found == FOUND_BEFORE ?
					    EXT2_EXTENT_INSERT_AFTER : 0, &new);
		if (!lerr)
			lerr = ext2fs_extent_fix_parents(h);
	}
	err = lib_error(s, lerr, in->ino);
out:
	ext2fs_extent_free(h);
	return err;
}

/* Replace the current extent by @a and @b; when that fails put @old back. */
static errcode_t split_in_two(ext2_extent_handle_t h, struct ext2fs_extent *old,
			      struct ext2fs_extent *a, struct ext2fs_extent *b)
{
	errcode_t err = ext2fs_extent_replace(h, 0, a);

	if (err)
		return err;
	err = ext2fs_extent_insert(h, EXT2_EXTENT_INSERT_AFTER, b);
	if (!err)
		return ext2fs_extent_fix_parents(h);
	if (!ext2fs_extent_goto(h, a->e_lblk))
		ext2fs_extent_replace(h, 0, old);
	return err;
}

static struct ext2fs_extent part_of(const struct ext2fs_extent *e, uint64_t start, uint64_t end)
{
	struct ext2fs_extent p = *e;

	p.e_lblk = start;
	p.e_pblk = e->e_pblk + (start - e->e_lblk);
	p.e_len = end - start;
	return p;
}

/*
 * Make the current extent, all of it, written, and join it with a written
 * neighbour of the same leaf.
 */
static errcode_t convert_whole(ext2_extent_handle_t h, struct ext2fs_extent *e)
{
	struct ext2fs_extent left;
	errcode_t err;

	e->e_flags &= ~EXT2_EXTENT_FLAGS_UNINIT;
	err = ext2fs_extent_replace(h, 0, e);
	if (err)
		return err;
	if (ext2fs_extent_get(h, EXT2_EXTENT_PREV_SIB, &left) || !continues(&left, e) ||
	    left.e_len + e->e_len > EXT_INIT_MAX_LEN)
		return 0;
	/* one longer extent, then the other one goes */
	err = ext2fs_extent_get(h, EXT2_EXTENT_NEXT_SIB, e);
	if (!err)
		err = ext2fs_extent_delete(h, 0);
	if (!err)
		err = ext2fs_extent_goto(h, left.e_lblk);
	if (err)
		return err;
	left.e_len += e->e_len;
	return ext2fs_extent_replace(h, 0, &left);
}

/* Only [start of the current extent, @end) has been written. */
static errcode_t convert_head(ext2_extent_handle_t h, struct ext2fs_extent *e, uint64_t end)
{
	struct ext2fs_extent head = part_of(e, e->e_lblk, end);
	struct ext2fs_extent rest = part_of(e, end, end_of(e));
	struct ext2fs_extent left;
	errcode_t err;

	head.e_flags &= ~EXT2_EXTENT_FLAGS_UNINIT;
	/* a file that grows: the written extent before it takes the head over */
	if (!ext2fs_extent_get(h, EXT2_EXTENT_PREV_SIB, &left)) {
		if (continues(&left, &head) && left.e_len + head.e_len <= EXT_INIT_MAX_LEN) {
			left.e_len += head.e_len;
			err = ext2fs_extent_replace(h, 0, &left);
			if (!err)
				err = ext2fs_extent_get(h, EXT2_EXTENT_NEXT_SIB, &left);
			return err ? err : ext2fs_extent_replace(h, 0, &rest);
		}
		err = ext2fs_extent_get(h, EXT2_EXTENT_NEXT_SIB, &left);
		if (err)
			return err;
	}
	return split_in_two(h, e, &head, &rest);
}

/* One extent's part of the conversion; @end_ret: how far it went. */
static int convert_one(struct server *s, struct inode *in, ext2_extent_handle_t h,
		       struct ext2fs_extent *e, uint64_t start, uint64_t end)
{
	struct ext2fs_extent before, after;
	errcode_t err;

	if (start == e->e_lblk && end == end_of(e)) {
		err = convert_whole(h, e);
	} else if (start == e->e_lblk) {
		err = convert_head(h, e, end);
	} else {
		/* cut off what comes before; then the rest begins at @start */
		before = part_of(e, e->e_lblk, start);
		after = part_of(e, start, end_of(e));
		err = split_in_two(h, e, &before, &after);
		if (!err)
			err = ext2fs_extent_goto(h, start);
		if (!err && end == end_of(&after))
			err = convert_whole(h, &after);
		else if (!err)
			err = convert_head(h, &after, end);
	}
	return lib_error(s, err, in->ino);
}

int extent_convert(struct server *s, struct inode *in, uint64_t lblk, uint64_t len)
{
	uint64_t end = lblk + len;
	ext2_extent_handle_t h;
	struct leaf l;
	int err;

	err = leaf_convert(s, in, lblk, len);
	if (err != LEAF_UNUSUAL)
		return err;
	/* the way down to the other end; of what is between little is missing then */
	if (cache_is_trying(s->cache))
		(void)leaf_find(s, in, end - 1, &l);
	err = cold_settle(s);
	if (!err)
		err = open_tree(s, in, &h);
	if (err)
		return err;
	while (lblk < end) {
		struct ext2fs_extent e;
		uint64_t stop;
		int found = seek(s, in, h, lblk, &e);

		if (found == FOUND_BEFORE) {
			found = step(s, in, h, true, &e);
			if (found > 0)
				found = FOUND_AFTER;
		}
		if (found <= FOUND_NONE) {
			err = found;
			break;
		}
		if (found == FOUND_AFTER) {
			if (e.e_lblk <= lblk) {
				err = fs_error(s, in->ino, 0, "extents are out of order");
				break;
			}
			/* not written through this map: punched meanwhile */
			lblk = e.e_lblk;
			continue;
		}
		stop = end < end_of(&e) ? end : end_of(&e);
		if (is_unwritten(&e)) {
			err = convert_one(s, in, h, &e, lblk, stop);
			if (err)
				break;
		}
		lblk = stop;
	}
	ext2fs_extent_free(h);
	return err;
}

/* Take [@start, @end) out of the current extent. */
static errcode_t cut(ext2_extent_handle_t h, struct ext2fs_extent *e, uint64_t start, uint64_t end)
{
	struct ext2fs_extent before, after;
	errcode_t err;

	if (start == e->e_lblk && end == end_of(e)) {
		err = ext2fs_extent_delete(h, 0);
		if (err)
			return err;
		err = ext2fs_extent_fix_parents(h);
		return err == EXT2_ET_NO_CURRENT_NODE ? 0 : err;
	}
	before = part_of(e, e->e_lblk, start);
	after = part_of(e, end, end_of(e));
	if (start == e->e_lblk) {
		err = ext2fs_extent_replace(h, 0, &after);
		return err ? err : ext2fs_extent_fix_parents(h);
	}
	if (end == end_of(e))
		return ext2fs_extent_replace(h, 0, &before);
	return split_in_two(h, e, &before, &after);
}

/* Is a block of the cluster that begins at @first mapped?  1, 0 or -errno */
static int cluster_used(struct server *s, struct inode *in, ext2_extent_handle_t h, uint64_t first)
{
	struct ext2fs_extent e;
	int found = seek(s, in, h, first, &e);

	if (found == FOUND_BEFORE)
		found = step(s, in, h, true, &e);
	return found <= 0 ? found : e.e_lblk <= (first | EXT2FS_CLUSTER_MASK(s->fs));
}

/*
 * [@start, @stop), which @e mapped, has been cut out: free what nothing else of the file is
 * in.  *@freed: blocks of that
 */
static int free_cut(struct server *s, struct inode *in, ext2_extent_handle_t h,
		    const struct ext2fs_extent *e, uint64_t start, uint64_t stop, uint64_t *freed)
{
	uint64_t mask = EXT2FS_CLUSTER_MASK(s->fs);
	uint64_t from = start & ~mask, to = (stop + mask) & ~mask, last = to - mask - 1;
	int used = cluster_check(s, in, e->e_lblk, e->e_pblk);

	if (!used && (from < start || (stop < to && last == from)))
		used = cluster_used(s, in, h, from);
	if (used > 0)
		from += mask + 1;
	if (used >= 0 && stop < to && last >= from) {
		used = cluster_used(s, in, h, last);
		if (used > 0)
			to = last;
	}
	if (used < 0)
		return used;
	if (from < to) {
		alloc_free(s, e->e_pblk + from - e->e_lblk, to - from);
		*freed += to - from;
	}
	return 0;
}

/* Taking out the only extent of a leaf frees the leaf. */
static int check_leaf(struct server *s, struct inode *in, uint64_t lblk)
{
	struct leaf l;

	if (leaf_find(s, in, lblk, &l) || !l.pblk || l.nr > 1 || free_check_in_use(s, l.pblk, 1))
		return 0;
	return fs_error(s, in->ino, l.pblk, "a block of the extent tree is free");
}

/* From the end to the start: then leaves empty without moving their first key. */
int extent_punch(struct server *s, struct inode *in, uint64_t lblk, uint64_t *end_ret)
{
	uint64_t end = *end_ret, freed = 0;
	unsigned int steps = STEPS;
	ext2_extent_handle_t h;
	errcode_t lerr;
	int err;

	err = open_tree(s, in, &h);
	if (err)
		return err;
	while (lblk < end) {
		struct ext2fs_extent e;
		uint64_t start, stop;
		int found = seek(s, in, h, end - 1, &e);

		if (found == FOUND_AFTER) {
			found = step(s, in, h, false, &e);
			if (found > 0)
				found = FOUND_BEFORE;
		}
		if (found <= FOUND_NONE) {
			err = found;
			end = lblk;
			break;
		}
		if (end_of(&e) <= lblk || e.e_lblk >= end) {
			end = lblk;
			break;
		}
		start = e.e_lblk > lblk ? e.e_lblk : lblk;
		stop = end_of(&e) < end ? end_of(&e) : end;
		err = check_leaf(s, in, start);
		if (!err)
			err = lib_error(s, cut(h, &e, start, stop), in->ino);
		if (!err)
			err = free_cut(s, in, h, &e, start, stop, &freed);
		if (err)
			break;
		end = start;
		if (commit_is_due(s) || !--steps)
			break;
	}
	*end_ret = end;
	ext2fs_extent_free(h);
	lerr = ext2fs_iblk_sub_blocks(s->fs, inode_small(in), freed >> s->fs->cluster_ratio_bits);
	return err ? err : lib_error(s, lerr == EOVERFLOW ? 0 : lerr, in->ino);
}

/* Where the extent that moves next is: the first from @lblk on.  1, 0: none, or error. */
static int first_from(struct server *s, struct inode *in, ext2_extent_handle_t h, uint64_t lblk,
		      struct ext2fs_extent *e)
{
	int found = seek(s, in, h, lblk, e);

	if (found == FOUND_BEFORE)
		return step(s, in, h, true, e);
	if (found == FOUND_AT && e->e_lblk < lblk)
		return fs_error(s, in->ino, e->e_pblk, "an extent reaches into what moves");
	return found > 0 ? 1 : found;
}

/* The last extent before @end, if some of it is behind @lblk.  As above. */
static int last_from(struct server *s, struct inode *in, ext2_extent_handle_t h, uint64_t lblk,
		     uint64_t end, struct ext2fs_extent *e)
{
	int found = end ? seek(s, in, h, end - 1, e) : FOUND_NONE;

	if (found == FOUND_AFTER)
		found = step(s, in, h, false, e);
	return found <= 0 ? found : end_of(e) > lblk;
}

/*
 * One extent after the other is taken out and put in at its new place: the nearest to
 * where they go first, so that they don't meet.
 */
int extent_shift(struct server *s, struct inode *in, uint64_t from, uint64_t distance, bool up)
{
	uint64_t end = MAP_MAX_LBLK + 1;
	int there;

	do {
		struct ext2fs_extent e;
		struct mapping m;
		ext2_extent_handle_t h;
		uint64_t start;
		int err = open_tree(s, in, &h);

		if (err)
			return err;
		there = up ? last_from(s, in, h, from, end, &e) :
			     first_from(s, in, h, from, &e);
		if (there > 0) {
			start = e.e_lblk > from ? e.e_lblk : from;
			m = (struct mapping){
				.type = is_unwritten(&e) ? MAP_UNWRITTEN : MAP_MAPPED,
				.lblk = up ? start + distance : start - distance,
				.len = end_of(&e) - start,
				.pblk = e.e_pblk + (start - e.e_lblk),
			};
			/* what has not moved yet */
			end = start;
			if (!up)
				from = end_of(&e);
			err = lib_error(s, cut(h, &e, start, end_of(&e)), in->ino);
		}
		ext2fs_extent_free(h);
		if (!err && there > 0)
			err = extent_insert(s, in, &m);
		/* no space for a block of the tree: it goes back to the place that it left free */
		if (err == -ENOSPC && there > 0) {
			m.lblk = start;
			if (extent_insert(s, in, &m))
				fs_error(s, in->ino, m.pblk, "an extent was lost");
		}
		if (!err && there > 0)
			err = map_pause(s, in);
		if (err)
			return err;
	} while (there > 0);
	return there;
}
