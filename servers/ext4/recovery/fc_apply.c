// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applying the tags of fast commits to the file system in memory: see fc_run.c.
 */
#include "recovery/fc_apply.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "bitmaps.h"
#include "recovery/state.h"

/* tags between two looks at whether to go on */
#define STEP	64

int fc_refuse(struct fc *fc, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(fc->no->why, sizeof(fc->no->why), fmt, args);
	va_end(args);
	return -EUCLEAN;
}

static int apply(struct fc *fc, const struct fc_tag *tag)
{
	switch (tag->kind) {
	case FC_ADD_RANGE:
	case FC_DEL_RANGE:
		return fc_range_tag(fc, tag);
	case FC_CREAT:
	case FC_LINK:
	case FC_UNLINK:
		return fc_name_tag(fc, tag);
	case FC_INODE:
		return fc_inode_tag(fc, tag);
	default:
		return fc_refuse(fc, "a fast commit in the journal has an unknown tag");
	}
}

static int finish(struct fc *fc)
{
	int err = 0;

	for (unsigned int i = 0; i < FC_BUCKETS; i++)
		for (struct fc_inode *fi = fc->buckets[i]; fi && !err; fi = fi->next)
			err = fc_inode_finish(fc, fi);
	return err;
}

int fc_apply(struct fc *fc, const struct fc_tags *tags)
{
	uint32_t errors = fc->s->fs->super->s_error_count;
	int err = bitmaps_load(fc->s);

	/*
	 * The server lock is not held, and mmp.c's thread drops bitmaps when it takes the lock: it
	 * must find none to drop.
	 */
	fc->s->bitmap_runs_max = UINT64_MAX;
	fc->end = tags->list + tags->nr;
	fc->range_end = tags->list;
	if (!err)
		err = fc_find_orphans(fc);
	if (!err)
		err = fc_blocks_keep(fc, tags);
	for (size_t i = 0; i < tags->nr && !err; i++) {
		if (i % STEP == 0)
			err = replay_step(fc->r, "applying fast commits", i, tags->nr);
		if (!err)
			err = apply(fc, &tags->list[i]);
	}
	if (!err)
		err = finish(fc);
	fc_blocks_release(fc);
	fc_inodes_free(fc);
	/* some damage is only noted, and the operation goes on */
	if (!err && fc->s->fs->super->s_error_count != errors)
		err = -EUCLEAN;
	return err;
}
