/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What fs/xfs/libxfs/xfs_iext_tree.c takes from the kernel and from XFS, outside of
 * both: types, kernel words, memory from memory.h.  As in a kernel without XFS_DEBUG
 * and with nobody tracing, assertions, statistics and trace points cost nothing.
 */
#ifndef SHIM_XFS_H
#define SHIM_XFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "memory.h"

#define ASSERT(x)		((void)0)
#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)	(*(volatile __typeof__(x) *)&(x) = (v))
#define _RET_IP_		0

#define GFP_KERNEL		0
#define __GFP_NOLOCKDEP		0
#define __GFP_NOFAIL		0

static inline void *kzalloc(size_t size, int flags)
{
	return memset(mem_alloc(size), 0, size);
}

static inline void kfree(void *p)
{
	if (p)
		mem_free(p);
}

static inline void *krealloc(void *p, size_t size, int flags)
{
	void *new;

	if (p && mem_room(p) >= size)
		return p;
	new = mem_alloc(size);
	if (p) {
		memcpy(new, p, mem_room(p));
		mem_free(p);
	}
	return new;
}

typedef uint64_t xfs_fileoff_t, xfs_fsblock_t, xfs_filblks_t, xfs_extnum_t;

typedef enum {
	XFS_EXT_NORM,
	XFS_EXT_UNWRITTEN,
} xfs_exntst_t;

struct xfs_bmbt_irec {
	xfs_fileoff_t br_startoff;
	xfs_fsblock_t br_startblock;
	xfs_filblks_t br_blockcount;
	xfs_exntst_t br_state;
};

/* how many bits of a record are what */
#define BMBT_STARTOFF_BITLEN	54
#define BMBT_STARTBLOCK_BITLEN	52
#define BMBT_BLOCKCOUNT_BITLEN	21

#define xfs_mask64hi(n)		((uint64_t)-1 << (64 - (n)))
#define xfs_mask64lo(n)		(((uint64_t)1 << (n)) - 1)

struct xfs_iext_leaf;

struct xfs_iext_cursor {
	struct xfs_iext_leaf *leaf;
	int pos;
};

struct xfs_ifork {
	int64_t if_bytes;
	unsigned int if_seq;
	int if_height;
	void *if_data;
};

struct xfs_inode {
	struct xfs_ifork i_df;
};

static inline struct xfs_ifork *xfs_iext_state_to_fork(struct xfs_inode *ip, int state)
{
	return &ip->i_df;
}

#define XFS_STATS_INC(mount, what)			((void)0)
#define trace_xfs_iext_insert(ip, cur, state, ip_)	((void)0)
#define trace_xfs_iext_remove(ip, cur, state, ip_)	((void)0)
#define trace_xfs_bmap_pre_update(ip, cur, state, ip_)	((void)0)
#define trace_xfs_bmap_post_update(ip, cur, state, ip_)	((void)0)

xfs_extnum_t xfs_iext_count(struct xfs_ifork *ifp);
void xfs_iext_first(struct xfs_ifork *ifp, struct xfs_iext_cursor *cur);
void xfs_iext_last(struct xfs_ifork *ifp, struct xfs_iext_cursor *cur);
void xfs_iext_next(struct xfs_ifork *ifp, struct xfs_iext_cursor *cur);
void xfs_iext_prev(struct xfs_ifork *ifp, struct xfs_iext_cursor *cur);
void xfs_iext_insert_raw(struct xfs_ifork *ifp, struct xfs_iext_cursor *cur,
			 struct xfs_bmbt_irec *irec);
void xfs_iext_insert(struct xfs_inode *ip, struct xfs_iext_cursor *cur,
		     struct xfs_bmbt_irec *irec, int state);
void xfs_iext_remove(struct xfs_inode *ip, struct xfs_iext_cursor *cur, int state);
bool xfs_iext_lookup_extent(struct xfs_inode *ip, struct xfs_ifork *ifp, xfs_fileoff_t offset,
			    struct xfs_iext_cursor *cur, struct xfs_bmbt_irec *gotp);
bool xfs_iext_lookup_extent_before(struct xfs_inode *ip, struct xfs_ifork *ifp,
				   xfs_fileoff_t *end, struct xfs_iext_cursor *cur,
				   struct xfs_bmbt_irec *gotp);
void xfs_iext_update_extent(struct xfs_inode *ip, int state, struct xfs_iext_cursor *cur,
			    struct xfs_bmbt_irec *new);
bool xfs_iext_get_extent(struct xfs_ifork *ifp, struct xfs_iext_cursor *cur,
			 struct xfs_bmbt_irec *gotp);
void xfs_iext_destroy(struct xfs_ifork *ifp);

static inline bool xfs_iext_prev_extent(struct xfs_ifork *ifp, struct xfs_iext_cursor *cur,
					struct xfs_bmbt_irec *gotp)
{
	xfs_iext_prev(ifp, cur);
	return xfs_iext_get_extent(ifp, cur, gotp);
}

#endif /* SHIM_XFS_H */
