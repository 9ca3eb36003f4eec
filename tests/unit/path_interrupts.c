// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuse_config.intr: an operation of a path-based server is interrupted by a signal when
 * the kernel asks for it, in whichever worker it runs; without the option it is not.
 */
#include <poll.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include "peer.h"

#define PATIENCE_MS	10000

static atomic_int running;

static bool want_intr;

static void *on_init(struct fuse_conn_info *conn, struct fuse_config *cfg)
{
	cfg->intr = want_intr;
	return NULL;
}

static int on_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	*st = (struct stat) { .st_ino = 1, .st_mode = S_IFDIR | 0755, .st_nlink = 2 };
	return 0;
}

static int on_access(const char *path, int mask)
{
	int res;

	atomic_fetch_add(&running, 1);
	res = poll(NULL, 0, mask ? PATIENCE_MS : 300);
	return res < 0 ? -errno : -ETIMEDOUT;
}

static const struct fuse_operations op = {
	.init = on_init, .getattr = on_getattr, .access = on_access,
};
static const struct fuse_iomap_path_ops iop;

static void start(struct peer *p, bool intr, unsigned int threads)
{
	struct peer_reply r;

	want_intr = intr;
	peer_new_path(p, &op, &iop, NULL, false);
	peer_run(p, threads);
	peer_init(p, 31, false, &r);
	atomic_store(&running, 0);
}

static uint64_t send_access(struct peer *p, uint32_t mask)
{
	struct fuse_access_in in = { .mask = mask };
	int before = atomic_load(&running);
	uint64_t unique = peer_send(p, FUSE_ACCESS, 1, &in, sizeof(in));

	while (atomic_load(&running) == before)
		usleep(1000);
	return unique;
}

int main(void)
{
	struct fuse_interrupt_in intr;
	struct peer_reply r;
	uint64_t unique[3];
	struct peer p;
	unsigned int i;

	/* all workers but the one that the INTERRUPTs need are in the operation */
	start(&p, true, 4);
	for (i = 0; i < 3; i++)
		unique[i] = send_access(&p, 1);
	for (i = 0; i < 3; i++) {
		intr.unique = unique[i];
		peer_send(&p, FUSE_INTERRUPT, 0, &intr, sizeof(intr));
		peer_recv(&p, &r);
		CHECK_EQ(r.out.unique, unique[i]);
		CHECK_EQ(r.out.error, -EINTR);
	}
	CHECK_EQ(peer_stop(&p), 0);

	start(&p, false, 2);
	unique[0] = send_access(&p, 0);
	intr.unique = unique[0];
	peer_send(&p, FUSE_INTERRUPT, 0, &intr, sizeof(intr));
	/* a newer libfuse answers the INTERRUPT, to have no more of them */
	do
		peer_recv(&p, &r);
	while (r.out.unique != unique[0]);
	CHECK_EQ(r.out.error, -ETIMEDOUT);
	CHECK_EQ(peer_stop(&p), 0);
	return 0;
}
