// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Do index blocks point into the file system itself?  See extent_check.h.
 */
#include "extent_check.h"

#include "extent_leaf.h"
#include "map.h"
#include "store/io_manager.h"

#define DEPTH_MAX	5

/* The first child that no tree may have, or 0.  @eh is in memory, @bytes long. */
static uint64_t find_bad_child(const struct server *s, const struct ext3_extent_header *eh,
			       size_t bytes)
{
	const struct ext3_extent_idx *ix = (const void *)(eh + 1);
	unsigned int nr = ext2fs_le16_to_cpu(eh->eh_entries);
	unsigned int depth = ext2fs_le16_to_cpu(eh->eh_depth);

	/* a leaf, or nothing that libext2fs takes for a node of a tree */
	if (ext2fs_le16_to_cpu(eh->eh_magic) != EXT3_EXT_MAGIC || !depth || depth > DEPTH_MAX ||
	    nr > (bytes - sizeof(*eh)) / sizeof(*ix))
		return 0;
	for (unsigned int i = 0; i < nr; i++) {
		uint64_t child = ext2fs_le32_to_cpu(ix[i].ei_leaf) |
				 (uint64_t)ext2fs_le16_to_cpu(ix[i].ei_leaf_hi) << 32;

		if (!map_valid_range(s, child, 1))
			return child ? child : UINT64_MAX;
	}
	return 0;
}

/*
 * No other block that libext2fs reads begins like an index block with such a depth: neither do
 * inodes, whose type would be impossible, nor attributes.  Values of attributes in inodes of their
 * own can; xattr.c has them read without this check.
 */
static errcode_t check_block(void *arg, const void *block)
{
	const struct server *s = arg;

	return find_bad_child(s, block, s->fs->blocksize) ? EXT2_ET_EXTENT_HEADER_BAD : 0;
}

void extent_check_begin(struct server *s)
{
	store_check_reads(check_block, s);
}

int extent_check_root(struct server *s, const struct inode *in)
{
	uint64_t bad = find_bad_child(s, (const void *)in->raw.i_block, sizeof(in->raw.i_block));

	return bad ? fs_error(s, in->ino, bad, "bad index block") : 0;
}
