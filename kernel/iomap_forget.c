// SPDX-License-Identifier: GPL-2.0
/*
 * Who removes a file waits until its space is free (FUSE_IOMAP_CONFIG_FORGET).
 *
 * The server frees the space of an inode without a name when the kernel has forgotten it.  An
 * ordinary FORGET has no answer: the server works on it some time after unlink(2) has returned.
 * df(1) would still show the space as used, and a full file system would refuse the next write.
 *
 *	task				inode			server
 *	unlink(2): UNLINK  -------------------------------->	the name goes
 *	a waiter is made, and
 *	the record of the inode
 *	the last reference is put  ->	is_going
 *					evicted: IOMAP_FORGET ->	the space becomes free
 *	returns to user mode:
 *	waits for the record	<------------------------------	answer
 *
 * IOMAP_FORGET is sent instead of FORGET, not in addition.  It carries the same count.  It is
 * sent only if somebody waits.  It is a background request: eviction itself does not wait, so
 * the rule of iomap_put.c stands.  A waiter that gives up takes nothing back: the request is
 * queued or with the server, and what it counts is dropped there exactly once.
 *
 * These make a waiter, if the inode has no name:
 *
 *	UNLINK, RMDIR, RENAME	whatever they removed (fuse_entry_unlinked())
 *	a file that is closed	close(2), munmap(2), exit(2): fuse_iomap_release(), and that of
 *				directories
 *
 * Why nobody can deadlock:
 *
 *	The wait is task work.  It runs when the task returns to user mode, or late in its exit.
 *	The task holds no lock then, and none of its own references to the inode, the directory
 *	and the mount.  So nothing that the server, an unmount, a freeze or a notification waits
 *	for can be held up.
 *
 *	A fatal signal ends the wait, and so does the end of the connection (abort, a server that
 *	dies, umount -f), which ends all requests.  A task that exits by itself can't be killed
 *	any more: it waits for the answer or for the end of the connection.
 *
 *	The server's threads make no waiter.  They are known by SET_NOFS (PF_MEMALLOC_NOFS).
 *	Kernel threads and io_uring's workers make none, nor does a task that has been killed.
 *
 *	The inode may be handed to a worker, because it has data under writeback.  The worker
 *	evicts it when the IOENDs have been answered, and the waiters wait for that as well.
 *
 *	If somebody else has the inode in use when the task is to wait, it does not wait: the
 *	file is not gone, and its last user frees it.  A handed-over inode can be found by a file
 *	handle and opened again; that ends the wait, too (fuse_iomap_is_used()).
 *
 * The request's end runs in the server's write(2), in an abort or in the release of the device.
 * It wakes tasks and frees memory, and puts no inode.
 *
 * A waiter holds a reference to the module, because its function is called from outside.  After
 * the function has given the reference back, some instructions of it may still be executed:
 * fuse_iomap_forget_exit() waits for these.
 */
#include "iomap_i.h"

#include <linux/completion.h>
#include <linux/module.h>
#include <linux/refcount.h>
#include <linux/task_work.h>

/* The record of an inode without a name that somebody waits for, or has waited for. */
struct fuse_iomap_forgetting {
	refcount_t users;		/* the inode or the request, and each waiter */
	bool is_going;			/* the last reference to the inode is being put */
	struct completion done;
	struct fuse_args args;
	struct fuse_forget_in in;
};

struct waiter {
	struct callback_head work;
	struct fuse_iomap_forgetting *f;
};

static void put_record(struct fuse_iomap_forgetting *f)
{
	if (refcount_dec_and_test(&f->users))
		kfree(f);
}

/* Task work.  Whatever ends the wait, nothing is lost. */
static void wait_for_end(struct callback_head *work)
{
	struct waiter *w = container_of(work, struct waiter, work);
	struct fuse_iomap_forgetting *f = w->f;

	kfree(w);
	if (READ_ONCE(f->is_going))
		wait_for_completion_state(&f->done, TASK_KILLABLE | TASK_FREEZABLE);
	put_record(f);
	module_put(THIS_MODULE);
}

/* The record of @inode with a reference for the caller, made if there is none.  NULL: no memory. */
static struct fuse_iomap_forgetting *get_record(struct inode *inode)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	struct fuse_iomap_forgetting *f, *new = NULL;

	if (!READ_ONCE(fi->iomap.forgetting)) {
		new = kzalloc(sizeof(*new), GFP_KERNEL);
		if (!new)
			return NULL;
		refcount_set(&new->users, 1);
		init_completion(&new->done);
	}
	spin_lock(&fi->lock);
	f = fi->iomap.forgetting;
	if (!f) {
		f = new;
		new = NULL;
		WRITE_ONCE(fi->iomap.forgetting, f);
	}
	/* without memory, and taken away meanwhile */
	if (f)
		refcount_inc(&f->users);
	spin_unlock(&fi->lock);
	kfree(new);
	return f;
}

/*
 * The current task has removed a name of @inode, or is closing a file of it, and has a
 * reference: if no name is left, the task waits for the inode's end before it returns to user
 * mode.  Without memory it does not.  May sleep.
 */
void fuse_iomap_wait_for_end(struct inode *inode)
{
	struct fuse_conn *fc = get_fuse_conn(inode);
	struct fuse_iomap_forgetting *f;
	struct waiter *w;

	if (!fc->iomap.answers_forget || READ_ONCE(inode->i_nlink) || fuse_iomap_must_not_wait() ||
	    (current->flags & (PF_MEMALLOC_NOFS | PF_USER_WORKER)))
		return;
	w = kmalloc(sizeof(*w), GFP_KERNEL);
	if (!w)
		return;
	f = get_record(inode);
	if (!f) {
		kfree(w);
		return;
	}
	w->f = f;
	init_task_work(&w->work, wait_for_end);
	__module_get(THIS_MODULE);
	/* a task that is too far in its exit for task work waits for nothing */
	if (task_work_add(current, &w->work, TWA_RESUME)) {
		module_put(THIS_MODULE);
		put_record(f);
		kfree(w);
	}
}

/* The last reference to @inode is being put.  Caller holds i_lock. */
void fuse_iomap_is_going(struct inode *inode)
{
	struct fuse_iomap_forgetting *f = READ_ONCE(FUSE_IOMAP_I(inode)->forgetting);

	lockdep_assert_held(&inode->i_lock);
	if (f)
		WRITE_ONCE(f->is_going, true);
}

/*
 * @inode is opened.  If it was going, it is not any more, and nobody waits until it is closed.
 * The caller has a reference.
 */
void fuse_iomap_is_used(struct inode *inode)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	struct fuse_iomap_forgetting *f;

	if (likely(!READ_ONCE(fi->iomap.forgetting)))
		return;
	spin_lock(&fi->lock);
	f = fi->iomap.forgetting;
	if (f && READ_ONCE(f->is_going))
		WRITE_ONCE(fi->iomap.forgetting, NULL);
	else
		f = NULL;
	spin_unlock(&fi->lock);
	if (f) {
		complete_all(&f->done);
		put_record(f);
	}
}

/* The server has forgotten the inode, or there is none any more.  Any error says the same. */
static void forget_end(struct fuse_mount *fm, struct fuse_args *args, int error)
{
	struct fuse_iomap_forgetting *f = container_of(args, struct fuse_iomap_forgetting, args);

	complete_all(&f->done);
	put_record(f);
}

/* Returns true if the request has been queued; it has the record from then on. */
static bool send_forget(struct inode *inode, struct fuse_iomap_forgetting *f)
{
	struct fuse_inode *fi = get_fuse_inode(inode);

	f->in.nlookup = fi->nlookup;
	f->args.opcode = FUSE_IOMAP_FORGET;
	f->args.nodeid = get_node_id(inode);
	f->args.in_numargs = 1;
	f->args.in_args[0].size = sizeof(f->in);
	f->args.in_args[0].value = &f->in;
	f->args.force = true;
	f->args.nocreds = true;
	f->args.end = forget_end;
	/* reclaim may be what evicts: it has no right to wait, and FORGET needs no memory */
	return !fuse_simple_background(get_fuse_mount(inode), &f->args, GFP_NOFS | __GFP_NOWARN);
}

/*
 * @inode is being evicted.  If somebody waits for that, and the server has to forget it, ask;
 * then the client sends no FORGET.  Waits for nobody.
 */
void fuse_iomap_forget(struct inode *inode)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	struct fuse_iomap_forgetting *f = fi->iomap.forgetting;

	if (likely(!f))
		return;
	/* nobody has a reference to the inode, so nobody comes to wait */
	WARN_ON_ONCE(atomic_read(&inode->i_count));
	fi->iomap.forgetting = NULL;
	if (fi->nlookup && (inode->i_sb->s_flags & SB_ACTIVE) && refcount_read(&f->users) > 1 &&
	    send_forget(inode, f)) {
		fi->nlookup = 0;
		return;
	}
	complete_all(&f->done);
	put_record(f);
}

/* Module unload: no waiter is left, but some may not have returned from their function. */
void fuse_iomap_forget_exit(void)
{
	synchronize_rcu_tasks();
}
