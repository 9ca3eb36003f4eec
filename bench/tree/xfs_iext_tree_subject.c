// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel's xfs_iext_tree.c, as it is measured.  Inserting and removing begin with
 * a lookup, which gives the cursor: so do XFS's own callers for a place in the file
 * that they have not just been at.
 */
#include "subject.h"
#include "xfs.h"

static struct xfs_inode inode;
static struct xfs_ifork *const fork = &inode.i_df;

static void init(void)
{
	memset(&inode, 0, sizeof(inode));
}

static void insert(const uint32_t *order, size_t nr)
{
	struct xfs_iext_cursor cursor;
	struct xfs_bmbt_irec got;
	size_t i;

	for (i = 0; i < nr; i++) {
		struct xfs_bmbt_irec new = {
			.br_startoff = (uint64_t)order[i] * LENGTH,
			.br_startblock = mapping_addr(order[i]),
			.br_blockcount = LENGTH,
			.br_state = XFS_EXT_NORM,
		};

		xfs_iext_lookup_extent(&inode, fork, new.br_startoff, &cursor, &got);
		xfs_iext_insert(&inode, &cursor, &new, 0);
	}
}

static uint64_t lookup_random(size_t nr, size_t times)
{
	struct xfs_bmbt_irec got;
	struct xfs_iext_cursor cursor;
	uint64_t state = 1, sum = 0;

	while (times--) {
		uint64_t block = random_block(&state, (uint64_t)nr * LENGTH, 0);

		if (!xfs_iext_lookup_extent(&inode, fork, block, &cursor, &got))
			return 0;
		sum += got.br_startblock;
	}
	return sum;
}

static uint64_t lookup_chained(size_t nr, size_t times)
{
	struct xfs_bmbt_irec got = { .br_startblock = 0 };
	struct xfs_iext_cursor cursor;
	uint64_t state = 1, sum = 0;

	while (times--) {
		uint64_t block = random_block(&state, (uint64_t)nr * LENGTH, got.br_startblock);

		if (!xfs_iext_lookup_extent(&inode, fork, block, &cursor, &got))
			return 0;
		sum += got.br_startblock;
	}
	return sum;
}

static uint64_t lookup_ascending(size_t nr)
{
	struct xfs_iext_cursor cursor;
	struct xfs_bmbt_irec got;
	uint64_t block = 0, sum = 0;

	while (xfs_iext_lookup_extent(&inode, fork, block, &cursor, &got)) {
		sum += got.br_startblock;
		block = got.br_startoff + got.br_blockcount;
	}
	return sum;
}

static uint64_t walk(size_t nr)
{
	struct xfs_iext_cursor cursor;
	struct xfs_bmbt_irec got;
	uint64_t sum = 0;

	for (xfs_iext_first(fork, &cursor); xfs_iext_get_extent(fork, &cursor, &got);
	     xfs_iext_next(fork, &cursor))
		sum += got.br_startblock;
	return sum;
}

static void remove_all(const uint32_t *order, size_t nr)
{
	struct xfs_iext_cursor cursor;
	struct xfs_bmbt_irec got;
	size_t i;

	for (i = 0; i < nr; i++) {
		xfs_iext_lookup_extent(&inode, fork, (uint64_t)order[i] * LENGTH, &cursor, &got);
		xfs_iext_remove(&inode, &cursor, 0);
	}
}

static size_t bytes(void)
{
	return 0;
}

const struct subject xfs_iext_tree_subject = {
	.name = "xfs_iext_tree",
	.init = init,
	.insert = insert,
	.lookup_random = lookup_random,
	.lookup_chained = lookup_chained,
	.lookup_ascending = lookup_ascending,
	.walk = walk,
	.remove = remove_all,
	.bytes = bytes,
};
