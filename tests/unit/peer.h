/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plays the kernel for the library.
 *
 * A SOCK_SEQPACKET pair keeps message boundaries as /dev/fuse does, so the real
 * library on the real libfuse serves one end, in a thread, and the test writes
 * requests and reads replies at the other, byte for byte.
 */
#ifndef PEER_H
#define PEER_H

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fuse_iomap_highlevel.h>

#define CHECK(cond)							\
	do {								\
		if (!(cond)) {						\
			fprintf(stderr, "%s:%d: not true: %s\n",	\
				__FILE__, __LINE__, #cond);		\
			exit(1);					\
		}							\
	} while (0)

#define CHECK_EQ(a, b)							\
	do {								\
		long long a_ = (long long)(a), b_ = (long long)(b);	\
		if (a_ != b_) {						\
			fprintf(stderr, "%s:%d: %s is %lld, not %s = %lld\n", \
				__FILE__, __LINE__, #a, a_, #b, b_);	\
			exit(1);					\
		}							\
	} while (0)

struct peer {
	int fd;				/* the kernel's end */
	uint64_t next_unique;
	struct fuse_iomap_session *fis;
	pthread_t thread;		/* runs the loop */
	unsigned int threads;
	int result;			/* of the loop */
};

struct peer_reply {
	struct fuse_out_header out;
	unsigned char body[65536];
	size_t len;			/* of the body */
};

/* Create a session over a socket pair; does not run it. */
void peer_new(struct peer *p, const struct fuse_lowlevel_ops *ll,
	      const struct fuse_iomap_ops *iop, enum fuse_iomap_mode mode, bool iomap);
/* The same of a path-based server; @options for libfuse's -o, or NULL. */
void peer_new_path(struct peer *p, const struct fuse_operations *op,
		   const struct fuse_iomap_path_ops *iop, const char *options, bool iomap);
/* Run the loop in a thread. */
void peer_run(struct peer *p, unsigned int threads);
/* Send a request; returns its number. */
uint64_t peer_send(struct peer *p, uint32_t opcode, uint64_t nodeid,
		   const void *body, size_t len);
/* Receive the next reply; fails the test after ten seconds. */
void peer_recv(struct peer *p, struct peer_reply *r);
/* Is there nothing to receive for @ms milliseconds? */
bool peer_is_silent(struct peer *p, int ms);
/* Send and receive the answer; returns the positive errno in it. */
int peer_call(struct peer *p, uint32_t opcode, uint64_t nodeid,
	      const void *body, size_t len, struct peer_reply *r);
/* INIT as a 6.12 kernel with the module sends it. */
void peer_init(struct peer *p, uint32_t minor, bool offer, struct peer_reply *r);
/* Everything up to a negotiated session with @threads workers. */
void peer_start(struct peer *p, const struct fuse_lowlevel_ops *ll,
		const struct fuse_iomap_ops *iop, unsigned int threads);
/* The kernel hangs up; waits for the loop, frees the session, returns the result. */
int peer_stop(struct peer *p);
/* The same without hanging up. */
int peer_join(struct peer *p);

#endif /* PEER_H */
