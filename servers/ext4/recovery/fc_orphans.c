// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which inodes are on the orphan list, or in the orphan file?  They are worked on by orphan.c when
 * the file system is mounted, so a replay must leave them there.
 */
#include <errno.h>
#include <stdlib.h>

#include "recovery/fc_apply.h"

static int add(struct fc *fc, ext2_ino_t ino)
{
	int ret;

	if (!ino || ino > fc->s->fs->super->s_inodes_count)
		return fc_refuse(fc, "the orphan list names inode %u", ino);
	ret = block_set_add(&fc->orphans, ino);
	return ret < 0 ? ret : 0;
}

static int list(struct fc *fc)
{
	ext2_ino_t ino = fc->s->fs->super->s_last_orphan;

	while (ino) {
		struct inode in;
		int err;

		if (block_set_has(&fc->orphans, ino))
			return fc_refuse(fc, "the orphan list goes around");
		err = add(fc, ino);
		if (!err)
			err = inode_load(fc->s, ino, &in);
		if (err == -ESTALE)
			return fc_refuse(fc, "a free inode is on the orphan list");
		if (err)
			return err;
		ino = in.raw.i_dtime;
	}
	return 0;
}

static int file_block(struct fc *fc, ext2_ino_t file, uint64_t pblk, char *buf)
{
	ext2_filsys fs = fc->s->fs;
	uint64_t bs = fs->blocksize;
	const uint32_t *inos = (const uint32_t *)buf;
	int err = cache_read(fc->s->cache, pblk * bs, buf, bs);

	if (err)
		return err;
	if (ext2fs_orphan_block_tail(fs, buf)->ob_magic != EXT4_ORPHAN_BLOCK_MAGIC ||
	    !ext2fs_orphan_file_block_csum_verify(fs, file, pblk, buf))
		return fc_refuse(fc, "the orphan file is damaged");
	for (int i = 0; i < ext2fs_inodes_per_orphan_block(fs) && !err; i++)
		err = inos[i] ? add(fc, inos[i]) : 0;
	return err;
}

static int file(struct fc *fc)
{
	struct inode in = { .ino = fc->s->fs->super->s_orphan_file_inum };
	uint64_t bs = fc->s->fs->blocksize, blocks;
	struct block_set seen = { 0 };
	char *buf;
	int err;

	err = lib_error(fc->s, ext2fs_read_inode_full(fc->s->fs, in.ino, inode_small(&in),
						      sizeof(in.raw)), in.ino);
	if (err)
		return err;
	blocks = inode_size(&in) / bs;
	buf = malloc(bs);
	if (!buf)
		return -ENOMEM;
	/* each block is another one, so there are not more than the device has */
	for (uint64_t lblk = 0; lblk < blocks && !err; lblk++) {
		struct mapping m;
		int ret = 0;

		err = map_lookup(fc->s, &in, lblk, 0, &m);
		if (!err && m.type == MAP_MAPPED)
			ret = block_set_add(&seen, m.pblk + (lblk - m.lblk));
		if (!err && ret <= 0)
			err = ret ? ret : fc_refuse(fc, "the orphan file is damaged");
		if (!err)
			err = file_block(fc, in.ino, m.pblk + (lblk - m.lblk), buf);
	}
	free(buf);
	block_set_destroy(&seen);
	return err;
}

int fc_find_orphans(struct fc *fc)
{
	int err = list(fc);

	if (!err && ext2fs_has_feature_orphan_present(fc->s->fs->super))
		err = file(fc);
	return err;
}
