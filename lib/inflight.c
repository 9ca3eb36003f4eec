// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Requests in flight, and the wait for them before DESTROY.
 *
 * The server may free everything in its destroy(), so that must not run while a
 * handler runs or an answer is owed.  One counter covers both: a request adds
 * one for the dispatch, taken back when the handler returns, and one for the
 * reply if it wants one, taken back when a reply is written.
 *
 * The wake-up costs the hot path one load: a put stores the counter, then loads
 * "draining"; the drain stores "draining", then loads the counter.  All four are
 * sequentially consistent, so one of the two sees the other.
 */
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "iomap_i.h"

void iomap_inflight_get(struct fuse_iomap_session *fis, unsigned int n)
{
	atomic_fetch_add(&fis->inflight, n);
}

void iomap_inflight_put(struct fuse_iomap_session *fis)
{
	uint_fast64_t old = atomic_load(&fis->inflight);

	/* a server that answers one request twice must not wrap the counter */
	while (old && !atomic_compare_exchange_weak(&fis->inflight, &old, old - 1))
		;
	if (atomic_load(&fis->draining))
		iomap_inflight_wake(fis);
}

void iomap_inflight_wake(struct fuse_iomap_session *fis)
{
	const uint64_t one = 1;

	/* fails only when the counter is about to overflow: it is readable then */
	if (write(fis->drain_efd, &one, sizeof(one)) < 0)
		return;
}

/*
 * Wait until only the caller's own @own counts are left, the kernel has dropped
 * the connection, or the session is aborted.
 */
void iomap_inflight_drain(struct fuse_iomap_session *fis, unsigned int own)
{
	struct pollfd pfd[2] = {
		{ .fd = fis->drain_efd, .events = POLLIN },
		{ .fd = fis->fd, .events = 0 },		/* POLLERR, POLLHUP */
	};
	uint64_t count;

	atomic_store(&fis->draining, true);
	while (atomic_load(&fis->inflight) > own && !atomic_load(&fis->aborted)) {
		if (poll(pfd, 2, -1) < 0 && errno != EINTR)
			break;
		if (pfd[1].revents)
			break;
		if ((pfd[0].revents & POLLIN) &&
		    read(fis->drain_efd, &count, sizeof(count)) < 0 &&
		    errno != EAGAIN && errno != EINTR)
			break;
	}
	atomic_store(&fis->draining, false);
}
