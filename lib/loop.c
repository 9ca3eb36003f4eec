// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Serving: workers that read requests, and a supervisor that watches.
 *
 * The calling thread is the supervisor and serves nothing.  It is the one that
 * takes signals, which the workers block, so a signal handler that sets the
 * session's exit flag always interrupts the supervisor's wait.
 *
 * Workers block in read(): the kernel wakes one reader for a request, where
 * poll() would wake all of them.  A worker leaves when the kernel ends the
 * connection (ENODEV), or is cancelled; it can be cancelled only in read().
 * The first worker starts alone, because only the answer to INIT says how large
 * a request can be.
 *
 * A signal does not stop the workers: dirty data has to be written before the
 * mount can go, and its mappings and completions are asked of this server.
 *
 *	signal --> supervisor --> unmount thread: umount2()
 *	                               |  kernel writes back, asks us
 *	           workers  <----------+
 *	              |  DESTROY, then ENODEV
 *	              v
 *	           supervisor joins all, returns the signal
 *
 * A second signal cuts the connection: the descriptor is replaced by an unused
 * one, the kernel sees the last reference go and fails what is outstanding.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "iomap_i.h"
#include "path.h"

/*
 * A handler of the server's own may set the exit flag in a thread that is not
 * ours; nothing wakes the supervisor then but this.
 */
static const struct timespec exit_flag_interval = { .tv_sec = 1 };

struct iomap_worker {
	pthread_t thread;
	struct iomap_loop *loop;
	char *buf;
	size_t bufsize;
};

struct iomap_loop {
	struct fuse_iomap_session *fis;
	struct iomap_worker *workers;
	unsigned int started;
	atomic_uint running;
	pthread_t unmounter;
	bool unmounting;		/* the thread exists */
	int signal;			/* that began the end */
};

void iomap_loop_wake(struct fuse_iomap_session *fis)
{
	const uint64_t one = 1;

	/* fails only when the counter is about to overflow: it is readable then */
	if (write(fis->wake_efd, &one, sizeof(one)) < 0)
		return;
}

/* End the session with @err (negative); the first error counts. */
void iomap_session_fail(struct fuse_iomap_session *fis, int err)
{
	int none = 0;

	atomic_compare_exchange_strong(&fis->error, &none, err);
	atomic_store(&fis->stop, true);
	iomap_loop_wake(fis);
}

/*
 * Break the connection.  The number stays taken, so that a late reply of the
 * server's threads finds an unused device there and not somebody's file.
 */
void iomap_session_cut(struct fuse_iomap_session *fis)
{
	int fd;

	if (atomic_exchange(&fis->aborted, true))
		return;
	fd = open(fis->iomap ? IOMAP_DEV_PATH : "/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		dup3(fd, fis->fd, O_CLOEXEC);
		close(fd);
	} else {
		fuse_log(FUSE_LOG_ERR, "fuseiomap: can't cut the connection: %s\n",
			 strerror(errno));
	}
	iomap_inflight_wake(fis);
}

static int worker_grow(struct iomap_worker *w, size_t size)
{
	void *buf;

	if (w->bufsize >= size)
		return 0;
	if (posix_memalign(&buf, sysconf(_SC_PAGESIZE), size))
		return -ENOMEM;
	free(w->buf);
	w->buf = buf;
	w->bufsize = size;
	return 0;
}

/* One request.  1: go on, 0: the connection has ended, negative: broken. */
static int worker_step(struct iomap_worker *w)
{
	struct fuse_iomap_session *fis = w->loop->fis;
	ssize_t n;
	int err;

	err = worker_grow(w, atomic_load(&fis->bufsize));
	if (err)
		return err;
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	n = read(fis->fd, w->buf, w->bufsize);
	err = n < 0 ? -errno : 0;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);

	switch (err) {
	case 0:
		break;
	case -ENOENT:		/* interrupted before we got it */
	case -EINTR:
	case -EAGAIN:
		return 1;
	case -ENODEV:
		return 0;
	default:
		return atomic_load(&fis->aborted) ? 0 : err;
	}
	if (n == 0)
		return 0;
	err = iomap_dispatch(fis, w->buf, n);
	if (err)
		return err;
	if (fuse_session_exited(fis->se))
		iomap_loop_wake(fis);
	return 1;
}

static void *worker_main(void *arg)
{
	struct iomap_worker *w = arg;
	struct iomap_loop *loop = w->loop;
	int res;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	iomap_this_thread()->fis = loop->fis;
	/*
	 * What reclaim waits for may be what this thread is to answer.  A server without the
	 * right can't, and its mount has no iomap then.
	 */
	fuse_iomap_disable_fsreclaim(loop->fis, true);
	iomap_path_worker(loop->fis);
	while ((res = worker_step(w)) > 0)
		;
	if (res < 0)
		fuse_log(FUSE_LOG_ERR, "fuseiomap: reading a request: %s\n", strerror(-res));
	iomap_this_thread()->fis = NULL;
	atomic_fetch_sub(&loop->running, 1);
	if (res < 0)
		iomap_session_fail(loop->fis, res);
	else
		iomap_loop_wake(loop->fis);
	return NULL;
}

static int start_worker(struct iomap_loop *loop)
{
	struct iomap_worker *w = &loop->workers[loop->started];
	int err;

	w->loop = loop;
	atomic_fetch_add(&loop->running, 1);
	err = pthread_create(&w->thread, NULL, worker_main, w);
	if (err) {
		atomic_fetch_sub(&loop->running, 1);
		return -err;
	}
	loop->started++;
	return 0;
}

static void *unmount_main(void *arg)
{
	struct fuse_iomap_session *fis = arg;
	int err = iomap_unmount(&fis->mnt);

	if (err) {
		fuse_log(FUSE_LOG_ERR, "fuseiomap: can't unmount %s: %s\n", fis->mnt.path,
			 strerror(-err));
		/* then what is dirty must go while we still serve */
		iomap_sync_mount(&fis->mnt);
		iomap_session_cut(fis);
		iomap_loop_wake(fis);
	}
	return NULL;
}

/*
 * The session is to end.  The first time unmount and go on serving; the second
 * time, or when there is nothing that we could unmount, cut the connection.
 */
static void begin_end(struct iomap_loop *loop, bool again)
{
	struct fuse_iomap_session *fis = loop->fis;

	if (!again && fis->mnt.path &&
	    pthread_create(&loop->unmounter, NULL, unmount_main, fis) == 0)
		loop->unmounting = true;
	else
		iomap_session_cut(fis);
}

/* Has somebody asked for the end since the last call? */
static bool end_requested(struct iomap_loop *loop)
{
	struct fuse_iomap_session *fis = loop->fis;
	bool asked = atomic_exchange(&fis->stop, false);
	int res;

	if (!fuse_session_exited(fis->se))
		return asked;
	/*
	 * libfuse keeps the signal's number to itself.  Its own loop returns it,
	 * at once when the exit flag is set, and clears the flag.
	 */
	res = fuse_session_loop(fis->se);
	if (res > 0 && !loop->signal)
		loop->signal = res;
	else if (res < 0)
		iomap_session_fail(fis, res);
	return true;
}

static void supervise(struct iomap_loop *loop, unsigned int threads, const sigset_t *mask)
{
	struct fuse_iomap_session *fis = loop->fis;
	struct pollfd pfd = { .fd = fis->wake_efd, .events = POLLIN };
	bool ending = false;
	uint64_t count;
	int err;

	while (atomic_load(&loop->running) && !atomic_load(&fis->aborted)) {
		if (end_requested(loop)) {
			begin_end(loop, ending);
			ending = true;
			continue;
		}
		while (atomic_load(&fis->initialised) && loop->started < threads) {
			err = start_worker(loop);
			if (!err)
				continue;
			fuse_log(FUSE_LOG_WARNING, "fuseiomap: %u threads instead of %u: %s\n",
				 loop->started, threads, strerror(-err));
			threads = loop->started;
		}
		/* signals come in here and nowhere else */
		if (ppoll(&pfd, 1, &exit_flag_interval, mask) > 0 &&
		    read(fis->wake_efd, &count, sizeof(count)) < 0)
			continue;	/* somebody has emptied it: look again */
	}
}

int fuse_iomap_session_loop(struct fuse_iomap_session *fis, unsigned int threads)
{
	struct iomap_loop loop = { .fis = fis };
	sigset_t all, mask;
	unsigned int i;
	int err;

	if (fis->fd < 0)
		return -ENOTCONN;
	if (threads < 1)
		threads = 1;
	loop.workers = calloc(threads, sizeof(*loop.workers));
	if (!loop.workers)
		return -ENOMEM;

	/* all but those that a thread brings on itself: crash handlers need them */
	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGABRT);
	sigdelset(&all, SIGTRAP);
	pthread_sigmask(SIG_SETMASK, &all, &mask);
	err = iomap_path_start(fis);
	if (err) {
		free(loop.workers);
		pthread_sigmask(SIG_SETMASK, &mask, NULL);
		return err;
	}
	err = start_worker(&loop);
	if (!err)
		supervise(&loop, threads, &mask);

	if (atomic_load(&fis->aborted))
		for (i = 0; i < loop.started; i++)
			pthread_cancel(loop.workers[i].thread);
	for (i = 0; i < loop.started; i++) {
		pthread_join(loop.workers[i].thread, NULL);
		free(loop.workers[i].buf);
	}
	if (loop.unmounting)
		pthread_join(loop.unmounter, NULL);
	iomap_path_stop(fis);
	free(loop.workers);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);

	if (!err)
		err = atomic_load(&fis->error);
	if (!err)
		err = loop.signal;
	return err;
}
