/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the extent tree takes from where it is compiled: the kernel, or a program
 * that tests it (tests/unit/extent_tree).
 */
#ifndef _EXTENT_TREE_ENV_H
#define _EXTENT_TREE_ENV_H

#ifdef __KERNEL__

#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/prefetch.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/seqlock.h>
#include <linux/slab.h>
#include <linux/string.h>

typedef seqcount_t et_seq_t;
typedef struct rcu_head et_head_t;

#define et_seq_init(s)		seqcount_init(s)

/* A reader that was preempting a writer would wait for it in vain. */
#define et_write_begin(s)	do { preempt_disable(); write_seqcount_begin(s); } while (0)
#define et_write_end(s)		do { write_seqcount_end(s); preempt_enable(); } while (0)

#define et_publish(p, node)	smp_store_release(&(p), node)

#define et_read_lock()		rcu_read_lock()
#define et_read_unlock()	rcu_read_unlock()
#define et_read_begin(s)	read_seqcount_begin(s)
#define et_read_retry(s, v)	read_seqcount_retry(s, v)

/*
 * Writeback may be waiting for what needs this memory.  No group of processes is charged
 * for it: under a group's limit only shrinkers that know groups are asked, so that its
 * processes would be killed for what can be given back.
 */
static inline void *et_alloc(size_t size)
{
	return kmalloc(size, GFP_NOFS | __GFP_NOWARN | __GFP_RECLAIMABLE);
}

/* The index may take many pages. */
static inline void *et_alloc_large(size_t size)
{
	return kvmalloc(size, GFP_NOFS | __GFP_NOWARN);
}

/* What readers may still be in. */
#define et_free(node, head)	kvfree_rcu(node, head)

#define et_div(a, b)		div_u64(a, b)

/* In between of what takes long. */
#define et_pause()		cond_resched()

#else
#include "extent_tree_user.h"
#endif

#endif /* _EXTENT_TREE_ENV_H */
