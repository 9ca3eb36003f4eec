// SPDX-License-Identifier: GPL-2.0
/*
 * The requests of the iomap path, and how long one waits for them.
 *
 * BEGIN is an ordinary request that a fatal signal ends, even when the server
 * has already read it (fuse_iomap_abandon_request()), but for writeback, which would
 * lose data.  END, IOEND and FSYNC are forced, too: they tell the server what has
 * happened to its blocks, which it must learn even if the task that did it is being
 * killed.  All of them end when the connection does.
 *
 * Context of all: may sleep, may be called under i_rwsem, invalidate_lock or a
 * folio lock (see iomap_i.h).
 */
#include "iomap_i.h"
#include "iomap_trace.h"

/*
 * Does the current task have ids in the server's user namespace?  The client lets
 * no others send requests that are not forced; the flusher threads, for one.
 */
bool fuse_iomap_knows_caller(struct super_block *sb)
{
	struct user_namespace *ns = get_fuse_conn_super(sb)->user_ns;

	return kuid_has_mapping(ns, current_fsuid()) && kgid_has_mapping(ns, current_fsgid());
}

/*
 * Ask where [@pos, @pos + @count) bytes are.  Behind @out there is place for all of @room
 * more mappings, if the server has agreed to send them.  Nothing of the answer is
 * checked yet.  Returns the number of mappings behind @out, or a negative errno, the
 * server's or that of the connection.
 */
int fuse_iomap_send_begin(struct inode *inode, u32 opflags, u64 pos, u64 count,
			  struct fuse_iomap_begin_out *out, struct fuse_iomap_room room)
{
	unsigned int max = room.behind + room.before;
	struct fuse_iomap_begin_in in = {
		.opflags	= opflags,
		.room		= FUSE_IOMAP_ROOM(room.behind, room.before),
		.attr_ino	= get_fuse_inode(inode)->orig_ino,
		.pos		= pos,
		.count		= count,
	};
	FUSE_ARGS(args);
	ssize_t ret;

	memset(out, 0, sizeof(*out));
	args.opcode = FUSE_IOMAP_BEGIN;
	args.nodeid = get_node_id(inode);
	args.in_numargs = 1;
	args.in_args[0].size = sizeof(in);
	args.in_args[0].value = &in;
	args.out_numargs = 1;
	args.out_argvar = max != 0;
	args.out_args[0].size = sizeof(*out) + max * sizeof(struct fuse_iomap_io);
	args.out_args[0].value = out;
	/*
	 * Dirty pages are lost if it fails, whoever writes them back: so not because he is
	 * killed, nor for his ids.
	 */
	args.force = fuse_iomap_must_reach_server(inode, opflags);
	ret = fuse_simple_request(get_fuse_mount(inode), &args);
	if (max && ret >= 0) {
		ret -= sizeof(*out);
		if (ret < 0 || ret % sizeof(struct fuse_iomap_io))
			ret = -EIO;
	}

	trace_iomap_begin(inode, &in, out, ret < 0 ? ret : 0);
	return ret < 0 ? ret : ret / sizeof(struct fuse_iomap_io);
}

/* Tell that a mapping is done with.  A server that does not care is not asked again. */
int fuse_iomap_send_end(struct inode *inode, const struct fuse_iomap_end_in *in)
{
	struct fuse_iomap_conn *ic = &get_fuse_conn(inode)->iomap;
	FUSE_ARGS(args);
	int err;

	args.opcode = FUSE_IOMAP_END;
	args.nodeid = get_node_id(inode);
	args.in_numargs = 1;
	args.in_args[0].size = sizeof(*in);
	args.in_args[0].value = in;
	args.force = true;
	err = fuse_simple_request(get_fuse_mount(inode), &args);
	fuse_iomap_attr_changed(inode);

	trace_iomap_end(inode, in, err);
	if (err == -ENOSYS) {
		WRITE_ONCE(ic->no_end, true);
		err = 0;
	}
	return err;
}

/*
 * Tell that data has reached the device, or has not.  *@newsize is the file's
 * size on disk that counts if the server does not say another one.  -ENOSYS is
 * the caller's to interpret.
 */
int fuse_iomap_send_ioend(struct inode *inode, const struct fuse_iomap_ioend_in *in,
			  u64 *newsize)
{
	struct fuse_iomap_ioend_out out = { .newsize = *newsize };
	FUSE_ARGS(args);
	int err;

	args.opcode = FUSE_IOMAP_IOEND;
	args.nodeid = get_node_id(inode);
	args.in_numargs = 1;
	args.in_args[0].size = sizeof(*in);
	args.in_args[0].value = in;
	args.out_numargs = 1;
	args.out_args[0].size = sizeof(out);
	args.out_args[0].value = &out;
	args.force = true;
	err = fuse_simple_request(get_fuse_mount(inode), &args);

	trace_iomap_ioend(inode, in, out.newsize, err);
	if (!err)
		*newsize = out.newsize;
	return err;
}

int fuse_iomap_send_fsync(struct file *file, bool datasync)
{
	struct inode *inode = file_inode(file);
	struct fuse_file *ff = file->private_data;
	struct fuse_fsync_in in = {
		.fh		= ff->fh,
		.fsync_flags	= datasync ? FUSE_FSYNC_FDATASYNC : 0,
	};
	FUSE_ARGS(args);

	args.opcode = FUSE_FSYNC;
	args.nodeid = get_node_id(inode);
	args.in_numargs = 1;
	args.in_args[0].size = sizeof(in);
	args.in_args[0].value = &in;
	args.force = true;
	return fuse_simple_request(get_fuse_mount(inode), &args);
}

/* Take @req from the queue of those that no server has read, if it is there. */
static bool take_unread(struct fuse_req *req)
{
	struct fuse_iqueue *fiq = &req->fm->fc->iq;
	bool found;

	spin_lock(&fiq->lock);
	found = test_and_clear_bit(FR_PENDING, &req->flags);
	if (found)
		list_del_init(&req->list);
	spin_unlock(&fiq->lock);
	return found;
}

/*
 * Take @req from the server that is working on it.  False if it can't be found:
 * it is being copied to or from the server right now, or has ended.
 */
static bool take_back(struct fuse_req *req)
{
	struct fuse_conn *fc = req->fm->fc;
	struct fuse_dev *fud;
	bool found = false;

	/* a server may have all that it was sent queued once more (FUSE_NOTIFY_RESEND) */
	if (take_unread(req))
		return true;

	spin_lock(&fc->lock);
	list_for_each_entry(fud, &fc->devices, entry) {
		struct fuse_pqueue *fpq = &fud->pq;
		struct fuse_req *r;
		unsigned int i;

		spin_lock(&fpq->lock);
		for (i = 0; i < FUSE_PQ_HASH_SIZE && !found; i++) {
			list_for_each_entry(r, &fpq->processing[i], list) {
				if (r == req) {
					list_del_init(&req->list);
					clear_bit(FR_SENT, &req->flags);
					found = true;
					break;
				}
			}
		}
		spin_unlock(&fpq->lock);
		if (found)
			break;
	}
	spin_unlock(&fc->lock);
	return found;
}

/*
 * The waiter for @req has got a fatal signal and @req is not queued any more.
 * Returns true when the waiter may go: the request has ended, with -EINTR or
 * with its answer.  Returns false for requests that must be waited for; only
 * BEGIN can be given up, as it promises nothing a reply would have to undo.  The
 * server's late answer then finds no request, as after an abort.
 */
bool fuse_iomap_abandon_request(struct fuse_req *req)
{
	if (req->args->opcode != FUSE_IOMAP_BEGIN)
		return false;

	while (!wait_event_timeout(req->waitq, test_bit(FR_FINISHED, &req->flags), HZ / 50)) {
		if (take_back(req)) {
			req->out.h.error = -EINTR;
			fuse_request_end(req);
			break;
		}
	}
	return true;
}
