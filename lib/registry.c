// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * From libfuse's callbacks back to our session.
 *
 * libfuse hands its writev callback the descriptor and the *server's* userdata,
 * and a fuse_req_t leads no further than that userdata.  Neither names our
 * session, so the process keeps a list of the mounted ones.  A worker thread
 * knows its session (io.c) and does not come here: only replies from threads of
 * the server's own do.
 *
 * The lock is a leaf and held for a few instructions.
 */
#include "iomap_i.h"

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct fuse_iomap_session *registry;

void iomap_registry_add(struct fuse_iomap_session *fis)
{
	pthread_mutex_lock(&registry_lock);
	fis->next = registry;
	registry = fis;
	pthread_mutex_unlock(&registry_lock);
}

void iomap_registry_del(struct fuse_iomap_session *fis)
{
	struct fuse_iomap_session **p;

	pthread_mutex_lock(&registry_lock);
	for (p = &registry; *p; p = &(*p)->next) {
		if (*p == fis) {
			*p = fis->next;
			break;
		}
	}
	pthread_mutex_unlock(&registry_lock);
}

struct fuse_iomap_session *iomap_registry_by_fd(int fd)
{
	struct fuse_iomap_session *fis = iomap_this_thread()->fis;

	if (fis && fis->fd == fd)
		return fis;
	pthread_mutex_lock(&registry_lock);
	for (fis = registry; fis && fis->fd != fd; fis = fis->next)
		;
	pthread_mutex_unlock(&registry_lock);
	return fis;
}

struct fuse_iomap_session *iomap_registry_by_userdata(const void *userdata)
{
	struct fuse_iomap_session *fis = iomap_this_thread()->fis;

	if (fis && fis->userdata == userdata)
		return fis;
	pthread_mutex_lock(&registry_lock);
	for (fis = registry; fis && fis->userdata != userdata; fis = fis->next)
		;
	pthread_mutex_unlock(&registry_lock);
	return fis;
}
