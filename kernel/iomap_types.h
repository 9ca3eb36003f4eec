/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the iomap path remembers about a connection and about an inode.  Both
 * structures are embedded in those of the FUSE client (hooks/6.12, "state"),
 * zeroed by it at allocation and then initialised by fuse_iomap_conn_init()
 * and fuse_iomap_init_inode().
 */
#ifndef _FUSE_IOMAP_TYPES_H
#define _FUSE_IOMAP_TYPES_H

#include <linux/atomic.h>
#include <linux/idr.h>
#include <linux/list.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "fuse_iomap_kernel.h"

/*
 * Requests are counted by opcode: those of <linux/fuse.h> in slots of their
 * own, those of this protocol (FUSE_FREEZE_FS ... FUSE_IOMAP_END) behind them, and
 * FUSE_IOMAP_FORGET last.
 */
#define FUSE_IOMAP_NR_STOCK_OPCODES	64
#define FUSE_IOMAP_NR_OPCODES	(FUSE_IOMAP_NR_STOCK_OPCODES + FUSE_IOMAP_END - FUSE_FREEZE_FS + 2)

struct fuse_iomap_conn {
	/* the mounter may use iomap; set before INIT is sent */
	bool may;
	/* both sides agreed; set by the INIT reply, never cleared */
	bool enabled;
	/* the server does not implement these; set once, racily */
	bool no_end;
	bool no_ioend;
	/* unmount waits for the last request */
	bool draining;
	/* of any connection: FUSE_ROOT_ID, or what the mount option says */
	u64 root_nodeid;
	/* FUSE_IOMAP_SHUT_DOWN and so on */
	unsigned long state;
	/* thaws a mount without server; holds a reference to the connection */
	struct work_struct thaw_work;
	/* the server may turn the mount read-only; does so when it can; holds one, too */
	bool may_turn_read_only;
	struct work_struct read_only_work;
	/* references to inodes that are still to be put, and what else keeps them (iomap_put.c) */
	atomic_t nr_puts;
	/* the server lets the kernel keep what it answers */
	bool keeps_mappings;
	/* and tells mappings that lie before what it is asked for */
	bool tells_before;
	/* the server lists directories that have not been opened */
	bool lists_unopened;
	/* what replaces older contents is written early (iomap_replace.c) */
	bool writes_replacements;
	/* the server answers when it has forgotten an inode without a name (iomap_forget.c) */
	bool answers_forget;
	/* the server has promised space without an address before */
	bool delays;
	/* bytes of mappings to keep for each inode */
	u32 cache_limit;

	/* Block devices (struct fuse_iomap_dev) by id.  Readers use RCU. */
	spinlock_t devices_lock;
	struct idr devices;
	/* the one that is found without a search: most servers have no other */
	struct fuse_iomap_dev __rcu *usual_device;
	/* iomap inodes in core: devices stay registered as long as there is one */
	atomic_long_t nr_inodes;

	/* completions that have to ask the server; may be needed to free memory */
	struct workqueue_struct *completion_wq;
	/* what a close or the last reference leaves to do, and must not wait for the server itself */
	struct workqueue_struct *closed_wq;
	/* notifications that may wait for the server (iomap_inval.c) */
	struct workqueue_struct *notice_wq;

	/* the client's evict_ctr, when an inode was last evicted that had changed (iomap_fresh.c) */
	atomic64_t last_eviction;

	/* answered requests that may have changed any inode (iomap_durable.c) */
	atomic64_t other_changes;

	atomic_long_t requests[FUSE_IOMAP_NR_OPCODES];

	/* mappings kept, their memory, and what memory pressure has taken, bytes */
	atomic_long_t cache_mappings;
	atomic_long_t cache_bytes;
	atomic_long_t cache_evicted;
};

/* fuse_iomap_conn.state */
enum {
	/* nothing may be written any more */
	FUSE_IOMAP_SHUT_DOWN,
	/* frozen by its users, or about to be */
	FUSE_IOMAP_FROZEN,
	/* the server has refused something with EROFS */
	FUSE_IOMAP_READ_ONLY,
	/* it has said that it writes nothing any more (iomap_readonly.c) */
	FUSE_IOMAP_TURNED_READ_ONLY,
	/* unmounted, and no request will be answered (iomap_put.c) */
	FUSE_IOMAP_ENDED,
};

struct block_device;
struct fuse_iomap_cache;
struct fuse_iomap_forgetting;
struct fuse_iomap_listing;

/* fuse_iomap_inode.state */
enum {
	/* some of the file's bytes have been in the server's metadata */
	FUSE_IOMAP_HAD_INLINE,
	/* of the root: it has been asked by GETATTR */
	FUSE_IOMAP_ROOT_ASKED,
	/* it was cut to nothing: what is written next takes the place of what was there */
	FUSE_IOMAP_EMPTIED,
	/* it has been closed since, writeback has still to begin */
	FUSE_IOMAP_TO_WRITE,
	/* it has been cut, the rest of its last block is being zeroed (iomap_size.c) */
	FUSE_IOMAP_ZEROES_REST,
};

struct fuse_iomap_inode {
	/* only this mount changes the inode; set at instantiation */
	bool exclusive;
	/* and its data goes through iomap */
	bool enabled;
	/* and nobody but the kernel looks at who may use it (iomap_walk.c) */
	bool short_way;
	/*
	 * The server has said that there are no capabilities, or the inode is new; and how
	 * often a request that changes extended attributes has been sent, or, for
	 * capabilities, answered.  Both protected by fuse_inode.lock.
	 */
	bool no_caps;
	u32 xattr_changes;
	/* FUSE_ATTR_TELLS_STATX and what comes with it; stored under the same lock */
	u32 statx_attrs;

	/* how often permissions were given, and up to which the server knows; the same lock */
	u32 mode_changes;
	u32 mode_told;

	/* of a directory (iomap_dir.c): a guess how large its listing is, and that; the same lock */
	u8 listing_size;
	struct fuse_iomap_listing *listing;

	/* tasks wait for the end of the inode (iomap_forget.c); set under the same lock */
	struct fuse_iomap_forgetting *forgetting;

	/* Times that are being told, or have been: odd while the inode is written (iomap_attr.c). */
	atomic_t tellings;
	/*
	 * Size the server is known to have recorded, bytes; and how often it was set, or
	 * became doubtful (iomap_size.c).  Both protected by fuse_inode.lock.
	 */
	loff_t disk_size;
	u32 size_changes;
	/* Held to read while folios are submitted, to write while the file is cut. */
	struct rw_semaphore writeback_lock;
	/* No delayed space is behind this, bytes (iomap_delalloc.c).  The same lock. */
	u64 delayed_end;

	/*
	 * Changes whenever an answer to a BEGIN may have become untrue: whoever
	 * uses an answer after having given up the locks under which it was
	 * asked for compares the value it read before asking.
	 */
	atomic64_t mapping_seq;
	/* struct fuse_iomap_question: BEGINs that the server has; protected by fuse_inode.lock */
	struct list_head questions;
	struct fuse_iomap_cache *cache; /* NULL until there is something to keep */
	/* mappings to make room for in the answer to the next BEGIN; racy, a guess */
	u16 room;
	unsigned long state;
	/*
	 * Counts what the server has changed for the file's data to be found; and how
	 * much of that has been made durable.
	 */
	atomic64_t metadata_changes;
	atomic64_t metadata_durable;
	/* the same of all else that it has changed of the inode (iomap_durable.c) */
	atomic64_t attr_changes;
	atomic64_t attr_durable;
	/* up to which of the connection's other_changes an FSYNC has come */
	atomic64_t others_durable;
	/* why the server did not take inline bytes; protected by i_rwsem, held to write */
	int inline_error;
	/* the device of what is in the page cache; compared, never followed */
	const struct block_device *cached_bdev;

	/* Finished writeback that the server must hear of. */
	spinlock_t ioend_lock;		/* taken from interrupts */
	struct list_head ioend_list;	/* struct iomap_ioend.io_list */
	struct work_struct ioend_work;

	/* puts the last reference if that has to wait (iomap_put.c) */
	struct work_struct put_work;
	/* does what a killed task leaves to do (iomap_delalloc.c); holds a reference, too */
	struct work_struct closed_work;
};

#endif /* _FUSE_IOMAP_TYPES_H */
