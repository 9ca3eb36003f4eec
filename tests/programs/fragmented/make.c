// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * make_fragmented DEVICE FILES EXTENTS: put files 0, 1, ... FILES - 1 of EXTENTS extents
 * each (see fragmented.h) into the root directory of the ext4 file system on DEVICE,
 * which has just been made, with blocks of 4 KiB and without checksums.
 *
 * Writing millions of extents through a file system takes hours in a test machine. Here
 * libext2fs finds the blocks and keeps the books, and the extent trees are written as a
 * whole: a root in the inode, nodes of indexes, leaves, all but the last ones full.
 *
 *	inode: up to 4 indexes -> nodes of up to 340 indexes -> leaves of up to 340 extents
 *
 * with one more level of nodes if that is not enough.
 */
#include <com_err.h>
#include <endian.h>
#include <err.h>
#include <ext2fs/ext2fs.h>
#include <ext2fs/ext3_extents.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fragmented.h"

#define PER_NODE	((BLOCK_SIZE - sizeof(struct ext3_extent_header)) / sizeof(struct ext3_extent))
#define PER_ROOT	4
#define MAX_DEPTH	3
#define MAX_EXTENTS	10000000

_Static_assert(sizeof(struct ext3_extent) == sizeof(struct ext3_extent_idx), "one size");

struct node {
	struct ext3_extent_header head;
	union {
		struct ext3_extent extent[PER_NODE];
		struct ext3_extent_idx index[PER_NODE];
	};
	char rest[BLOCK_SIZE - sizeof(struct ext3_extent_header) -
		  PER_NODE * sizeof(struct ext3_extent)];
};

_Static_assert(sizeof(struct node) == BLOCK_SIZE, "a node is a block");

static ext2_filsys fs;
/* What is left of the run of blocks that was found last */
static blk64_t run_start, run_length;

static void check(errcode_t res, const char *what)
{
	if (res)
		errx(1, "%s: %s", what, error_message(res));
}

static blk64_t take_block(void)
{
	if (!run_length) {
		check(ext2fs_new_range(fs, 0, run_start, BLOCK_SIZE * 8, NULL, &run_start,
				       &run_length), "space");
		ext2fs_block_alloc_stats_range(fs, run_start, run_length, 1);
	}
	run_length--;
	return run_start++;
}

static void write_block(blk64_t block, const void *data)
{
	check(io_channel_write_blk64(fs->io, block, 1, data), "write");
}

static void start_node(struct ext3_extent_header *head, unsigned int max, unsigned int depth)
{
	head->eh_magic = htole16(EXT3_EXT_MAGIC);
	head->eh_max = htole16(max);
	head->eh_depth = htole16(depth);
}

/* One more entry for the node at @block, which has the extents from @first on. */
static void add_index(struct ext3_extent_header *head, struct ext3_extent_idx *entries,
		      uint32_t first, blk64_t block)
{
	unsigned int nr = le16toh(head->eh_entries);

	if (nr == le16toh(head->eh_max))
		errx(1, "too many extents for a tree of this depth");
	entries[nr].ei_block = htole32(first);
	entries[nr].ei_leaf = htole32(block);
	entries[nr].ei_leaf_hi = htole16(block >> 32);
	head->eh_entries = htole16(nr + 1);
}

static void add_extent(struct node *leaf, uint32_t file, uint32_t number)
{
	unsigned int nr = le16toh(leaf->head.eh_entries);
	struct ext3_extent *e = &leaf->extent[nr];
	blk64_t block = take_block();

	e->ee_block = htole32(number);
	e->ee_len = htole16(number % 2 ? EXT_INIT_MAX_LEN + 1 : 1);
	e->ee_start = htole32(block);
	e->ee_start_hi = htole16(block >> 32);
	leaf->head.eh_entries = htole16(nr + 1);
	if (number % MARK_EVERY == 0) {
		uint64_t data[BLOCK_SIZE / sizeof(uint64_t)] = { mark_of(file, number) };

		write_block(block, data);
	}
}

static void make_file(uint32_t file, uint32_t extents)
{
	struct ext2_inode inode = { .i_mode = LINUX_S_IFREG | 0644, .i_links_count = 1,
				    .i_flags = EXT4_EXTENTS_FL };
	struct { struct ext3_extent_header head; struct ext3_extent_idx index[PER_ROOT]; } root = { 0 };
	/* leaves, and one node of each level above them: what is being filled */
	static struct node node[MAX_DEPTH];
	static const uint32_t span[MAX_DEPTH] = {	/* extents below a node */
		PER_NODE, PER_NODE * PER_NODE, PER_NODE * PER_NODE * PER_NODE,
	};
	unsigned int depth = extents > PER_ROOT * span[1] ? 3 : 2;
	blk64_t block[MAX_DEPTH] = { 0 };
	uint32_t nodes = 0;
	ext2_ino_t ino;
	char name[16];

	_Static_assert(sizeof(root) == sizeof(inode.i_block), "the root is in the inode");
	start_node(&root.head, PER_ROOT, depth);
	for (uint32_t i = 0; i < extents; i++) {
		for (unsigned int k = depth; k--;) {
			if (i % span[k])
				continue;
			memset(&node[k], 0, sizeof(node[k]));
			start_node(&node[k].head, PER_NODE, k);
			block[k] = take_block();
			nodes++;
			if (k == depth - 1)
				add_index(&root.head, root.index, i, block[k]);
			else
				add_index(&node[k + 1].head, node[k + 1].index, i, block[k]);
		}
		add_extent(&node[0], file, i);
		for (unsigned int k = 0; k < depth; k++)
			if ((i + 1) % span[k] == 0 || i == extents - 1)
				write_block(block[k], &node[k]);
	}
	memcpy(inode.i_block, &root, sizeof(root));
	check(ext2fs_new_inode(fs, EXT2_ROOT_INO, inode.i_mode, NULL, &ino), "inode");
	ext2fs_inode_alloc_stats2(fs, ino, 1, 0);
	check(ext2fs_inode_size_set(fs, &inode, (ext2_off64_t)extents * BLOCK_SIZE), "size");
	check(ext2fs_iblk_set(fs, &inode, (blk64_t)extents + nodes), "blocks");
	check(ext2fs_write_new_inode(fs, ino, &inode), "inode");
	snprintf(name, sizeof(name), "%u", file);
	check(ext2fs_link(fs, EXT2_ROOT_INO, name, ino, EXT2_FT_REG_FILE), "link");
}

int main(int argc, char **argv)
{
	unsigned long files, extents, i;

	if (argc != 4) {
		fprintf(stderr, "usage: make_fragmented DEVICE FILES EXTENTS\n");
		return 2;
	}
	files = strtoul(argv[2], NULL, 0);
	extents = strtoul(argv[3], NULL, 0);
	initialize_ext2_error_table();
	if (!files || files > 1000 || !extents || extents > MAX_EXTENTS)
		errx(2, "bad number of files or extents");
	check(ext2fs_open(argv[1], EXT2_FLAG_RW | EXT2_FLAG_64BITS, 0, 0, unix_io_manager, &fs),
	      argv[1]);
	if (fs->blocksize != BLOCK_SIZE || ext2fs_has_feature_metadata_csum(fs->super) ||
	    !ext2fs_has_feature_extents(fs->super))
		errx(1, "%s: not a file system of the right kind", argv[1]);
	check(ext2fs_read_bitmaps(fs), "bitmaps");
	for (i = 0; i < files; i++)
		make_file(i, extents);
	/* what was taken at once and not used */
	if (run_length)
		ext2fs_block_alloc_stats_range(fs, run_start, run_length, -1);
	check(ext2fs_close(fs), "close");
	return 0;
}
