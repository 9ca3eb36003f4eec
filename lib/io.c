// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The read and writev callbacks that libfuse gets in place of the system calls.
 *
 * Every reply of libfuse passes iomap_io_writev(), which is the one place where
 * they can be changed (INIT, attributes) and counted (inflight.c).
 *
 * Why a thread-local is enough to carry what is to be changed: libfuse writes a
 * reply synchronously in the thread that calls fuse_reply_*(), before that
 * returns.  So a value set just before the call is seen by exactly the writev
 * of this reply, whichever thread of the server makes it, worker or not, and no
 * other reply of this thread can come between.
 */
#include <fcntl.h>
#include <unistd.h>
#include "iomap_i.h"
#include "path.h"

static _Thread_local struct iomap_thread this_thread;

struct iomap_thread *iomap_this_thread(void)
{
	return &this_thread;
}

/* The largest reply body that is ever patched: CREATE's. */
struct entry_open_out {
	struct fuse_entry_out entry;
	struct fuse_open_out open;
};

static ssize_t iomap_io_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct iomap_thread *thread = &this_thread;
	struct fuse_iomap_session *fis = iomap_registry_by_fd(fd);
	union {
		struct fuse_init_out init;
		struct fuse_attr_out attr;
		struct entry_open_out entry;
		char bytes[sizeof(struct entry_open_out)];
	} body;
	const struct fuse_out_header *out;
	struct iovec patched[2];
	struct fuse_out_header refusal;
	bool is_init = false, path = false;
	uint64_t unique = 0;
	int saved_errno;
	ssize_t res;

	if (fis && count > 0 && iov[0].iov_len >= sizeof(*out)) {
		out = iov[0].iov_base;
		unique = out->unique;
		is_init = unique && thread->init_pending;
		path = fis->path && unique;
		if (path && iomap_path_reply_dropped(iov, count))
			return out->len;
		/*
		 * libfuse's buffer belongs to the caller and may be constant:
		 * the reply that goes out is a changed copy.
		 */
		if (unique && !out->error && count == 2 &&
		    (is_init || thread->attr_pending) && iov[1].iov_len <= sizeof(body)) {
			memset(&body, 0, sizeof(body));
			memcpy(&body, iov[1].iov_base, iov[1].iov_len);
			if (is_init && iov[1].iov_len == sizeof(body.init))
				iomap_init_reply(fis, &body.init);
			else if (!is_init && fuse_iomap_session_negotiated(fis))
				iomap_attr_flags_patch(body.bytes, iov[1].iov_len,
						       thread->attr_flags);
			patched[0] = iov[0];
			patched[1].iov_base = body.bytes;
			patched[1].iov_len = iov[1].iov_len;
			iov = patched;
		}
	}

	if (path && iomap_path_reply_patch(fis, iov, count) < 0) {
		/* to libfuse as if nobody had waited for it, so that it undoes its part */
		refusal = (struct fuse_out_header) {
			.len = sizeof(refusal),
			.error = -ENOMEM,
			.unique = unique,
		};
		patched[0].iov_base = &refusal;
		patched[0].iov_len = sizeof(refusal);
		(void)!writev(fd, patched, 1);
		res = -1;
		saved_errno = ENOENT;
	} else {
		res = writev(fd, iov, count);
		saved_errno = errno;
		if (path && res < 0)
			iomap_path_reply_undo(fis, iov, count);
	}

	if (is_init) {
		thread->init_pending = false;
		atomic_store(&fis->initialised, true);
		iomap_loop_wake(fis);
	}
	/*
	 * A reply that the kernel refuses is an answer all the same.  Odd
	 * numbers are INTERRUPTs sent back to be queued again, zero is a
	 * notification: neither was counted.
	 */
	if (unique && !(unique & 1))
		iomap_inflight_put(fis);
	errno = saved_errno;
	return res;
}

/* Our loop reads by itself; libfuse only insists that there is a callback. */
static ssize_t iomap_io_read(int fd, void *buf, size_t len, void *userdata)
{
	return read(fd, buf, len);
}

int iomap_io_install(struct fuse_iomap_session *fis, int fd)
{
	static const struct fuse_custom_io io = {
		.writev	= iomap_io_writev,
		.read	= iomap_io_read,
		/* no splice: replies must come through as memory */
	};

	return fuse_session_custom_io(fis->se, &io, fd);
}
