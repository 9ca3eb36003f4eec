// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * make_names DEVICE DIRS FILES: make DIRS directories of FILES empty files each in the
 * root directory of the ext4 file system on DEVICE, which has just been made, with blocks of
 * 4 KiB, inodes of 256 bytes and no checksums.
 *
 * A million files one by one take long in an emulated machine. Here inode tables and
 * directory blocks are written as a whole; libext2fs keeps the books.
 */
#include <com_err.h>
#include <err.h>
#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK		4096
#define INODE		256
#define PER_BLOCK	(BLOCK / INODE)
#define MAX_BLOCKS	4		/* of a directory: its extents are in the inode */
#define TIME		1767225600U

struct dir_data {
	uint8_t data[MAX_BLOCKS][BLOCK];
	unsigned int block, used;	/* bytes of the block */
	struct ext2_dir_entry *last;
};

static ext2_filsys fs;
static uint8_t table[BLOCK];		/* inodes not written yet */
static ext2_ino_t next_ino;

static void check(errcode_t e, const char *what)
{
	if (e)
		errx(1, "%s: %s", what, error_message(e));
}

static void flush_table(ext2_ino_t ino)
{
	dgrp_t group = ext2fs_group_of_ino(fs, ino);
	uint64_t index = (ino - 1) % EXT2_INODES_PER_GROUP(fs->super);

	check(io_channel_write_blk64(fs->io, ext2fs_inode_table_loc(fs, group) + index / PER_BLOCK, 1,
				     table), "inode table");
	memset(table, 0, sizeof(table));
}

/* In order: the next inode of the disk */
static ext2_ino_t add_inode(const struct ext2_inode *inode, int is_dir)
{
	ext2_ino_t ino = next_ino++;

	if (ino > fs->super->s_inodes_count)
		errx(1, "not enough inodes");
	ext2fs_inode_alloc_stats2(fs, ino, 1, is_dir);
	memcpy(table + (ino - 1) % PER_BLOCK * INODE, inode, sizeof(*inode));
	/* i_extra_isize, behind the part that libext2fs's struct has */
	table[(ino - 1) % PER_BLOCK * INODE + sizeof(*inode)] = 32;
	if (!(ino % PER_BLOCK))
		flush_table(ino);
	return ino;
}

static void add_entry(struct dir_data *d, ext2_ino_t ino, const char *name, int type)
{
	size_t len = strlen(name), need = (8 + len + 3) & ~3UL;
	struct ext2_dir_entry *de;

	if (d->used + need > BLOCK) {
		if (++d->block == MAX_BLOCKS)
			errx(1, "too many files for a directory");
		d->used = 0;
		d->last = NULL;
	}
	if (d->last)
		d->last->rec_len = (8 + (d->last->name_len & 0xff) + 3) & ~3U;
	de = (struct ext2_dir_entry *)(d->data[d->block] + d->used);
	de->inode = ino;
	de->rec_len = BLOCK - d->used;
	de->name_len = len | type << 8;
	memcpy(de->name, name, len);
	d->last = de;
	d->used += need;
}

static void make_dir(const char *name, unsigned int files)
{
	static struct dir_data d;
	struct ext2_inode inode = { .i_mode = LINUX_S_IFDIR | 0755, .i_links_count = 2,
				    .i_atime = TIME, .i_ctime = TIME, .i_mtime = TIME };
	ext2_ino_t dir = next_ino;
	unsigned int blocks;

	memset(&d, 0, sizeof(d));
	add_entry(&d, dir, ".", EXT2_FT_DIR);
	add_entry(&d, EXT2_ROOT_INO, "..", EXT2_FT_DIR);
	for (unsigned int i = 0; i < files; i++) {
		char file[32];

		snprintf(file, sizeof(file), "f%u", i);
		add_entry(&d, dir + 1 + i, file, EXT2_FT_REG_FILE);
	}
	blocks = d.block + 1;
	inode.i_size = blocks * BLOCK;
	/* the old map: four direct blocks need nothing else */
	for (unsigned int i = 0; i < blocks; i++) {
		blk64_t blk;

		check(ext2fs_new_block2(fs, 0, NULL, &blk), "block");
		ext2fs_block_alloc_stats2(fs, blk, 1);
		check(io_channel_write_blk64(fs->io, blk, 1, d.data[i]), "directory");
		inode.i_block[i] = blk;
	}
	check(ext2fs_iblk_set(fs, &inode, blocks), "blocks");
	add_inode(&inode, 1);
	inode = (struct ext2_inode){ .i_mode = LINUX_S_IFREG | 0644, .i_links_count = 1,
				     .i_atime = TIME, .i_ctime = TIME, .i_mtime = TIME };
	while (files--)
		add_inode(&inode, 0);
	for (;;) {
		errcode_t e = ext2fs_link(fs, EXT2_ROOT_INO, name, dir, EXT2_FT_DIR);

		if (e != EXT2_ET_DIR_NO_SPACE) {
			check(e, name);
			break;
		}
		check(ext2fs_expand_dir(fs, EXT2_ROOT_INO), "root directory");
	}
}

int main(int argc, char **argv)
{
	struct ext2_inode root;
	unsigned int dirs, files;

	if (argc != 4 || sscanf(argv[2], "%u", &dirs) != 1 || sscanf(argv[3], "%u", &files) != 1)
		errx(2, "usage: make_names DEVICE DIRS FILES");
	initialize_ext2_error_table();
	check(ext2fs_open(argv[1], EXT2_FLAG_RW | EXT2_FLAG_64BITS, 0, 0, unix_io_manager, &fs),
	      argv[1]);
	check(ext2fs_read_bitmaps(fs), "bitmaps");
	if (fs->blocksize != BLOCK || EXT2_INODE_SIZE(fs->super) != INODE ||
	    ext2fs_has_feature_metadata_csum(fs->super))
		errx(1, "blocks of 4 KiB, inodes of 256 bytes and no checksums are needed");
	/* from a block of the table on that has nothing yet */
	next_ino = (fs->super->s_first_ino + 2 * PER_BLOCK) / PER_BLOCK * PER_BLOCK + 1;
	for (unsigned int i = 0; i < dirs; i++) {
		char name[32];

		snprintf(name, sizeof(name), "d%u", i);
		make_dir(name, files);
	}
	if ((next_ino - 1) % PER_BLOCK)
		flush_table(next_ino - 1);
	check(ext2fs_read_inode(fs, EXT2_ROOT_INO, &root), "root");
	root.i_links_count += dirs;
	check(ext2fs_write_inode(fs, EXT2_ROOT_INO, &root), "root");
	check(ext2fs_close_free(&fs), "close");
	return 0;
}
