// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes that bring an inode into memory.
 *
 * Of an iomap file the kernel owns size and times.  It takes the server's values only when the
 * inode is instantiated, from the answer to LOOKUP or READDIRPLUS.  That answer may be old:
 *
 *	one task		the server		another task
 *	LOOKUP	 ------------->	answers, size 4096
 *				<--------------------	write, IOEND: size 8192
 *							the inode is evicted
 *	an inode of 4096 bytes
 *
 * The next append would overwrite the last 4096 bytes.  So evictions are counted: the client
 * takes the count (evict_ctr) before it asks.  last_eviction is the count after the last
 * eviction of an inode that requests of this kernel had changed.  If the answer was asked for
 * before that, the attributes are asked for again.  While that inode is I_NEW nobody else can
 * use it, so nothing changes meanwhile.
 */
#include "iomap_i.h"

/* @inode, an iomap file, is being evicted.  Its last request has been answered. */
void fuse_iomap_count_eviction(struct inode *inode)
{
	struct fuse_iomap_inode *ii = FUSE_IOMAP_I(inode);
	struct fuse_conn *fc = get_fuse_conn(inode);
	s64 last, now;

	/* both are 1 when the inode comes into memory */
	if (atomic64_read(&ii->metadata_changes) == 1 && atomic64_read(&ii->attr_changes) == 1)
		return;
	now = atomic64_inc_return(&fc->evict_ctr);
	last = atomic64_read(&fc->iomap.last_eviction);
	while (last < now && !atomic64_try_cmpxchg(&fc->iomap.last_eviction, &last, now))
		;
}

static int ask_again(struct inode *inode, struct fuse_attr *attr)
{
	struct fuse_getattr_in in = {};
	struct fuse_attr_out out = {};
	FUSE_ARGS(args);
	int err;

	args.opcode = FUSE_GETATTR;
	args.nodeid = get_node_id(inode);
	args.in_numargs = 1;
	args.in_args[0].size = sizeof(in);
	args.in_args[0].value = &in;
	args.out_numargs = 1;
	args.out_args[0].size = sizeof(out);
	args.out_args[0].value = &out;
	err = fuse_simple_request(get_fuse_mount(inode), &args);
	if (err)
		return err;
	if (fuse_invalid_attr(&out.attr) || (out.attr.mode ^ attr->mode) & S_IFMT)
		return -EIO;
	*attr = out.attr;
	return 0;
}

/*
 * @inode, which is I_NEW, is about to be instantiated from @attr.  They were asked for when
 * evict_ctr was @evict_ctr; 0: they are those of a file that was just created.  If they may be
 * old, fresh ones take their place.  Returns 0; or a negative errno, and the inode is gone.
 * Upcall.
 */
int fuse_iomap_renew_attr(struct inode *inode, struct fuse_attr *attr, u64 evict_ctr)
{
	struct fuse_conn *fc = get_fuse_conn(inode);
	int err;

	if (!fc->iomap.enabled || !evict_ctr || !S_ISREG(attr->mode) ||
	    (attr->flags & FUSE_ATTR_IOMAP) != FUSE_ATTR_IOMAP ||
	    evict_ctr >= atomic64_read(&fc->iomap.last_eviction))
		return 0;
	WARN_ON_ONCE(!(inode->i_state & I_NEW));
	err = ask_again(inode, attr);
	if (err) {
		/* whoever waits for it looks it up again */
		fuse_make_bad(inode);
		unlock_new_inode(inode);
		iput(inode);
	}
	return err;
}
