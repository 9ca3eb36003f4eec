// SPDX-License-Identifier: GPL-2.0
/*
 * The stock notifications that wait: for a directory or a file that somebody has locked while
 * he waits for the server (INVAL_ENTRY, DELETE), or for pages that are being written
 * (INVAL_INODE).  A server that has another thread for the answer sees them done.  One that has
 * not, waits for itself.
 *
 * That wait must end when the server is killed: its descriptor of the device is closed, and the
 * connection ends, only when write(2) has returned.  So a worker does what was asked for, and the
 * server's thread waits for the worker until it is killed.  The worker then goes on by itself; it
 * ends with the connection at the latest.
 *
 * The workers have a queue of their own: nothing else in it keeps one from beginning.  An unmount
 * waits for them as for references that are to be put (iomap_put.c).
 *
 * Nobody waits under killsb for pages: others need it to find an inode, and an unmount that wants
 * it keeps them away.  Under killsb a name is looked for and dropped; the locks that takes are
 * those of users of the mount, and there are none when it is unmounted.
 */
#include "iomap_i.h"

#include <linux/completion.h>
#include <linux/pagemap.h>
#include <linux/posix_acl.h>
#include <linux/refcount.h>

struct notice {
	struct work_struct work;
	struct completion done;
	refcount_t users;		/* the server's thread and the worker */
	struct fuse_conn *fc;
	int err;

	bool is_name;
	struct fuse_notify_inval_inode_out node;
	u64 parent, child;		/* of a name; child 0: any */
	u32 flags;
	unsigned int name_length;
	char name[] __counted_by(name_length);
};

static void put_notice(struct notice *n)
{
	if (refcount_dec_and_test(&n->users))
		kfree(n);
}

/*
 * For find_inode_nowait(): 1 with a reference, -1 if it is coming, 0 if it is another one or
 * going.  One that is coming may wait for the server's answer to GETATTR (iomap_fresh.c).
 */
static int match_node(struct inode *inode, unsigned long hash, void *data)
{
	if (get_node_id(inode) != *(u64 *)data)
		return 0;
	if (READ_ONCE(inode->i_state) & I_NEW)
		return -1;
	return igrab(inode) ? 1 : 0;
}

/*
 * The inode with @nodeid, with a reference, or NULL.  As ilookup5(), but it waits for nothing:
 * an inode that is being brought into memory or is being evicted isn't there.  Nobody has used
 * the first one yet, so there is nothing to forget of it.
 */
struct inode *fuse_iomap_ilookup(struct super_block *sb, u64 nodeid)
{
	return find_inode_nowait(sb, nodeid, match_node, &nodeid);
}

/*
 * What is known of the inode is old, and pages of it are; dirty ones are left.  The caller keeps
 * it mounted.
 */
static int forget_node(struct fuse_conn *fc, const struct fuse_notify_inval_inode_out *node)
{
	struct fuse_inode *fi;
	struct inode *inode;
	pgoff_t last = -1;

	if (down_read_killable(&fc->killsb))
		return -EINTR;
	inode = fuse_ilookup(fc, node->ino, NULL);
	up_read(&fc->killsb);
	if (!inode)
		return -ENOENT;

	fi = get_fuse_inode(inode);
	spin_lock(&fi->lock);
	fi->attr_version = atomic64_inc_return(&fc->attr_version);
	spin_unlock(&fi->lock);
	fuse_invalidate_attr(inode);
	forget_all_cached_acls(inode);
	fuse_iomap_forget_listing(inode);
	if (node->off >= 0) {
		if (node->len > 0)
			last = ((u64)node->off + node->len - 1) >> PAGE_SHIFT;
		invalidate_inode_pages2_range(inode->i_mapping, node->off >> PAGE_SHIFT, last);
	}
	iput(inode);
	return 0;
}

static int forget_name(struct notice *n)
{
	struct qstr name = QSTR_INIT(n->name, n->name_length);
	int err;

	down_read(&n->fc->killsb);
	err = fuse_reverse_inval_entry(n->fc, n->parent, n->child, &name, n->flags);
	up_read(&n->fc->killsb);
	return err;
}

static void notice_worker(struct work_struct *work)
{
	struct notice *n = container_of(work, struct notice, work);
	struct fuse_conn *fc = n->fc;

	n->err = n->is_name ? forget_name(n) : forget_node(fc, &n->node);
	complete(&n->done);
	put_notice(n);
	fuse_iomap_let_unmount(fc);
}

static struct notice *new_notice(struct fuse_conn *fc, unsigned int name_length)
{
	struct notice *n = kzalloc(struct_size(n, name, name_length), GFP_KERNEL);

	if (!n)
		return NULL;
	INIT_WORK(&n->work, notice_worker);
	init_completion(&n->done);
	refcount_set(&n->users, 2);
	n->fc = fc;
	n->name_length = name_length;
	return n;
}

/* Have a worker do what @n says, and return its result; -EINTR: the caller has been killed. */
static int do_notice(struct notice *n)
{
	struct fuse_conn *fc = n->fc;
	int err;

	/* then there is no inode, either */
	if (!fuse_iomap_keep_mounted(fc)) {
		kfree(n);
		return -ENOENT;
	}
	queue_work(fc->iomap.notice_wq, &n->work);
	err = wait_for_completion_killable(&n->done) ? -EINTR : n->err;
	put_notice(n);
	return err;
}

/* FUSE_NOTIFY_INVAL_INODE on a connection with iomap. */
int fuse_iomap_inval_inode(struct fuse_conn *fc, const struct fuse_notify_inval_inode_out *node)
{
	struct notice *n;
	int err;

	/* pages may be waited for; nothing else is */
	if (node->off < 0) {
		if (!fuse_iomap_keep_mounted(fc))
			return -ENOENT;
		err = forget_node(fc, node);
		fuse_iomap_let_unmount(fc);
		return err;
	}
	n = new_notice(fc, 0);
	if (!n)
		return -ENOMEM;
	n->node = *node;
	return do_notice(n);
}

/* FUSE_NOTIFY_INVAL_ENTRY (@child 0) and _DELETE on a connection with iomap.  Frees @buf. */
int fuse_iomap_inval_name(struct fuse_conn *fc, u64 parent, u64 child, char *buf,
			  unsigned int length, u32 flags)
{
	struct notice *n = new_notice(fc, length);
	int err = -ENOMEM;

	if (n) {
		n->is_name = true;
		n->parent = parent;
		n->child = child;
		n->flags = flags;
		memcpy(n->name, buf, length);
		err = do_notice(n);
	}
	kfree(buf);
	return err;
}
