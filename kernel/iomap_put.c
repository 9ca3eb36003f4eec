// SPDX-License-Identifier: GPL-2.0
/*
 * The last reference to an iomap inode: who puts it, and who waits for the inode's end.
 *
 * An inode without a name, or a bad one, is evicted when its last reference is put.  Eviction
 * waits until no page of it is under writeback.  That takes the completion of the data, which
 * the server has to answer (IOEND).  So a task that puts a reference waits for the server, and
 * that task can be the server itself, or one that the server waits for.
 *
 * So nobody who puts a reference ever evicts an inode that has writeback in flight.
 * fuse_iomap_drop_inode() sees each last reference, whoever puts it and however, under i_lock.
 * If eviction would wait, it takes the reference back and hands it to a worker of the
 * connection.  The rule depends on the inode's state and not on the caller, so it needs no list
 * of callers to be right.  These are the callers that the rule is for:
 *
 *	the end of a request, in the server's write(2) to the device, in an abort, or in the
 *	release of the device (end_requests()):
 *		RELEASE			fuse_release_end() puts the inode.  A READ that was the
 *					last user of a file sends RELEASE from there, and does not
 *					wait.
 *		asynchronous I/O	of files without iomap: drops the file, see below
 *		CONFIG, SHUTDOWN_FS, NOTIFY_REPLY, INIT, IOMAP_FORGET
 *					free memory and put no inode
 *		all others		wake up their task
 *	a notification, in the same write(2):
 *		UPSERT, INVAL_MAPPINGS, STORE, RETRIEVE, INVAL_INODE	find an inode and put it
 *		INVAL_ENTRY, DELETE	drop dentries, and these the inode; what else these three
 *					wait for is in iomap_inval.c
 *	a descriptor of a file of the mount that the server closes or has in a socket, a pipe or
 *	a ring, or that an asynchronous request held: the file is released by task work of the
 *	server, or by a kernel thread.  RELEASE is not waited for.  Before it, iomap_delalloc.c
 *	and iomap_replace.c may ask the server, which a server must not wait for: it must not
 *	use its own mount (doc/protocol.md).  An abort ends that wait.
 *	reclaim, in any task, so in the server and in kswapd:
 *		dentries		the inode of a dentry that goes may have no name
 *		inodes			only those without pages: nothing is waited for.  An inode
 *					that is dirty or being written isn't looked at.
 *		kept mappings		iomap_cache.c: asks nobody, puts nothing
 *		pages			are never written by reclaim: there is no writepage.  A task
 *					in a group of processes of the old kind (cgroup v1) waits for
 *					writeback there, unless it has used SET_NOFS as servers do.
 *	users of the mount: unlink(2), close(2), a name that turns out to be old.  They could wait.
 *	But a killed task is not to.  They wait later, without locks (iomap_forget.c).
 *	the flusher and fsync: put references to inodes that they have just written
 *
 * What eviction still does in the caller waits for nobody: dirty pages are thrown away, the
 * completion worker, which has nothing left to do, returns, and FORGET is queued in memory that
 * was there before.  IOMAP_FORGET needs memory; without it FORGET is queued.
 *
 * No writeback begins behind the check.  It takes a reference to the inode or I_SYNC, which is
 * set under i_lock, and not on an inode that is being freed, which the VFS marks before it gives
 * up i_lock.
 *
 * The worker evicts: it waits for IOENDs, and these for the server.  It holds no lock, and nobody
 * waits for it but unmounting and a task that looks up the same node.  A server that dies or is
 * killed, or an abort, ends all IOENDs with an error, and so writeback and the worker.  Reclaim
 * needs no worker: pages become clean without it.  So the queue has no rescuer.  It is the
 * connection's own: a server that hangs holds up no other mount.
 *
 * Unmounting waits for the references that are still to be put (nr_puts): before DESTROY, so that
 * no inode stays in use, and once more when the connection has ended.  From then on
 * (FUSE_IOMAP_ENDED) inodes are evicted by who puts them, as nothing waits for the server any
 * more.
 *
 * A file system on a block device that is pulled out (fuseiomapblk) loses its inodes in the task
 * that removes the device: the VFS evicts them itself, and waits.  It ends with the connection.
 */
#include "iomap_i.h"

#include <linux/pagemap.h>

static void put_done(struct fuse_iomap_conn *ic)
{
	if (atomic_dec_and_test(&ic->nr_puts))
		wake_up_var(&ic->nr_puts);
}

/*
 * Keep the mounts of @fc from being unmounted to the end.  False: it is too late.  To be
 * followed by fuse_iomap_let_unmount().  Any context.
 */
bool fuse_iomap_keep_mounted(struct fuse_conn *fc)
{
	struct fuse_iomap_conn *ic = &fc->iomap;

	atomic_inc(&ic->nr_puts);
	/* first counted, then looked: pairs with fuse_iomap_last_puts() */
	smp_mb__after_atomic();
	if (!test_bit(FUSE_IOMAP_ENDED, &ic->state))
		return true;
	put_done(ic);
	return false;
}

void fuse_iomap_let_unmount(struct fuse_conn *fc)
{
	put_done(&fc->iomap);
}

/* With a reference to the inode, which an unmount waits for: the last one, unless others came. */
void fuse_iomap_put_worker(struct work_struct *work)
{
	struct fuse_iomap_inode *ii = container_of(work, struct fuse_iomap_inode, put_work);
	struct inode *inode = &container_of(ii, struct fuse_inode, iomap)->inode;
	struct fuse_conn *fc = get_fuse_conn(inode);

	iput(inode);
	fuse_iomap_let_unmount(fc);
}

/* Is the current task the worker that may wait for the end of @inode? */
static bool is_put_worker(struct inode *inode)
{
	return current_work() == &FUSE_IOMAP_I(inode)->put_work;
}

/* Would evicting @inode, without references, wait for the server? */
static bool eviction_would_wait(struct inode *inode)
{
	lockdep_assert_held(&inode->i_lock);
	return (inode->i_state & I_SYNC) ||
	       mapping_tagged(inode->i_mapping, PAGECACHE_TAG_WRITEBACK);
}

/*
 * The last reference to @inode is being put: give it to the worker instead.  False: there is
 * nobody to give it to, and no need.
 */
static bool hand_over(struct inode *inode)
{
	struct fuse_conn *fc = get_fuse_conn(inode);

	/* the VFS looks at the same flag when it has our answer; see iput_final() */
	if (is_put_worker(inode) || !(inode->i_sb->s_flags & SB_ACTIVE) ||
	    !fuse_iomap_keep_mounted(fc))
		return false;
	WARN_ON_ONCE(atomic_inc_return(&inode->i_count) != 1);
	/* with this the VFS would go on without looking at the count */
	inode->i_state &= ~I_DONTCACHE;
	/* who has been queued has a reference: then this was not the last one */
	WARN_ON_ONCE(!queue_work(fc->iomap.closed_wq, &FUSE_IOMAP_I(inode)->put_work));
	return true;
}

/*
 * super_operations.drop_inode: @inode has no users.  Stock FUSE drops it at once, and so must
 * have written all before.  An iomap inode stays in the inode cache, dirty or not, until memory
 * is short, as long as it has a name.  Caller holds i_lock.
 */
int fuse_iomap_drop_inode(struct inode *inode)
{
	if (!fuse_is_iomap(inode)) {
		fuse_iomap_is_going(inode);
		return generic_delete_inode(inode);
	}
	if (!fuse_is_bad(inode) && !generic_drop_inode(inode)) {
		/* the client sets it for FUSE_ATTR_DAX; the VFS would write the inode here and now */
		inode->i_state &= ~I_DONTCACHE;
		return 0;
	}
	fuse_iomap_is_going(inode);
	return !eviction_would_wait(inode) || !hand_over(inode);
}

/* @inode is being evicted, and its pages are still there. */
void fuse_iomap_begin_evict(struct inode *inode)
{
	struct super_block *sb = inode->i_sb;

	if (!fuse_is_iomap(inode) || !mapping_tagged(&inode->i_data, PAGECACHE_TAG_WRITEBACK))
		return;
	/* a device that is pulled out is the only one to come here otherwise */
	WARN_ON_ONCE(!is_put_worker(inode) && !sb->s_bdev &&
		     !test_bit(FUSE_IOMAP_ENDED, &get_fuse_conn(inode)->iomap.state));
}

/* Wait for the references that are still to be put. */
void fuse_iomap_wait_for_puts(struct fuse_conn *fc)
{
	wait_var_event(&fc->iomap.nr_puts, !atomic_read(&fc->iomap.nr_puts));
}

/* The connection of a mount that goes has ended: from now on who puts an inode evicts it. */
void fuse_iomap_last_puts(struct fuse_conn *fc)
{
	set_bit(FUSE_IOMAP_ENDED, &fc->iomap.state);
	/* pairs with fuse_iomap_keep_mounted() */
	smp_mb__after_atomic();
	fuse_iomap_wait_for_puts(fc);
}
