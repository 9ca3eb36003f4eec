// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The other end of the fuse descriptor; see peer.h.
 */
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include "peer.h"

#define PATIENCE_MS	10000

static void attach(struct peer *p, enum fuse_iomap_mode mode, bool iomap)
{
	int fds[2];

	p->next_unique = 2;	/* even, as the kernel's */
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
	p->fd = fds[0];
	CHECK(p->fis);
	CHECK_EQ(fuse_iomap_session_attach(p->fis, fds[1], mode, iomap), 0);
}

void peer_new(struct peer *p, const struct fuse_lowlevel_ops *ll,
	      const struct fuse_iomap_ops *iop, enum fuse_iomap_mode mode, bool iomap)
{
	char *argv[] = { "test", NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);

	memset(p, 0, sizeof(*p));
	p->fis = fuse_iomap_session_new(&args, ll, sizeof(*ll), iop, iop ? sizeof(*iop) : 0, p);
	attach(p, mode, iomap);
	fuse_opt_free_args(&args);
}

void peer_new_path(struct peer *p, const struct fuse_operations *op,
		   const struct fuse_iomap_path_ops *iop, const char *options, bool iomap)
{
	char *argv[] = { "test", "-o", (char *)options, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(options ? 3 : 1, argv);

	memset(p, 0, sizeof(*p));
	p->fis = fuse_iomap_path_session_new(&args, op, sizeof(*op), iop, sizeof(*iop), p);
	attach(p, FUSE_IOMAP_MODE_AUTO, iomap);
	fuse_opt_free_args(&args);
}

static void *run(void *arg)
{
	struct peer *p = arg;

	p->result = fuse_iomap_session_loop(p->fis, p->threads);
	return NULL;
}

void peer_run(struct peer *p, unsigned int threads)
{
	p->threads = threads;
	CHECK_EQ(pthread_create(&p->thread, NULL, run, p), 0);
}

uint64_t peer_send(struct peer *p, uint32_t opcode, uint64_t nodeid,
		   const void *body, size_t len)
{
	struct fuse_in_header in = {
		.len = sizeof(in) + len,
		.opcode = opcode,
		.unique = p->next_unique,
		.nodeid = nodeid,
		.uid = 1234,
		.gid = 5678,
		.pid = 4321,
	};
	struct iovec iov[2] = {
		{ &in, sizeof(in) },
		{ (void *)body, len },
	};

	p->next_unique += 2;
	CHECK_EQ(writev(p->fd, iov, len ? 2 : 1), (ssize_t)in.len);
	return in.unique;
}

bool peer_is_silent(struct peer *p, int ms)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };

	return poll(&pfd, 1, ms) == 0;
}

void peer_recv(struct peer *p, struct peer_reply *r)
{
	struct iovec iov[2] = {
		{ &r->out, sizeof(r->out) },
		{ r->body, sizeof(r->body) },
	};
	ssize_t n;

	CHECK(!peer_is_silent(p, PATIENCE_MS));
	n = readv(p->fd, iov, 2);
	CHECK(n >= (ssize_t)sizeof(r->out));
	CHECK_EQ(r->out.len, n);
	r->len = n - sizeof(r->out);
}

int peer_call(struct peer *p, uint32_t opcode, uint64_t nodeid,
	      const void *body, size_t len, struct peer_reply *r)
{
	uint64_t unique = peer_send(p, opcode, nodeid, body, len);

	peer_recv(p, r);
	CHECK_EQ(r->out.unique, unique);
	CHECK(r->out.error <= 0);
	if (r->out.error)
		CHECK_EQ(r->len, 0);
	return -r->out.error;
}

void peer_init(struct peer *p, uint32_t minor, bool offer, struct peer_reply *r)
{
	struct fuse_init_in in = {
		.major = FUSE_KERNEL_VERSION,
		.minor = minor,
		.max_readahead = 131072,
		.flags = FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_DO_READDIRPLUS |
			 FUSE_MAX_PAGES | FUSE_INIT_EXT,
		.flags2 = offer ? FUSE_IOMAP >> 32 : 0,
	};

	peer_call(p, FUSE_INIT, 0, &in, sizeof(in), r);
}

void peer_start(struct peer *p, const struct fuse_lowlevel_ops *ll,
		const struct fuse_iomap_ops *iop, unsigned int threads)
{
	struct peer_reply r;

	peer_new(p, ll, iop, FUSE_IOMAP_MODE_REQUIRE, true);
	peer_run(p, threads);
	peer_init(p, FUSE_IOMAP_MINOR_VERSION, true, &r);
	CHECK_EQ(r.out.error, 0);
	CHECK(fuse_iomap_session_negotiated(p->fis));
}

int peer_join(struct peer *p)
{
	CHECK_EQ(pthread_join(p->thread, NULL), 0);
	close(p->fd);
	fuse_iomap_session_unmount(p->fis);
	fuse_iomap_session_destroy(p->fis);
	return p->result;
}

int peer_stop(struct peer *p)
{
	shutdown(p->fd, SHUT_RDWR);
	return peer_join(p);
}
