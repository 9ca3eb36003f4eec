/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the benchmark's workloads are made of.
 *
 * A workload works in the current directory, the root of a file system that was just
 * made.  prepare() makes what it needs; then the file system is unmounted and mounted
 * again, so nothing is cached; run() may first make warm what has to be warm, and
 * measures between region_begin() and region_end(), once.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

#define KIB	1024ULL
#define MIB	(1024 * KIB)

struct workload {
	const char *name;
	/* @scale: files, extents, entries or what else it is that grows; 0: the usual */
	void (*prepare)(unsigned long scale);
	void (*run)(unsigned long scale);
};

extern const struct workload data_workloads[], mapped_workloads[], name_workloads[],
	sync_workloads[], tree_workloads[], scaling_workloads[];

/*
 * What is between them is measured: time, which is instructions in the VM that is made
 * for it, and requests to the server.  @ops: what the time is divided by.
 */
void region_begin(void);
void region_end(uint64_t ops);

/* All that fail end the program with a message. */
void die(const char *what) __attribute__((noreturn));
int open_file(const char *name, int flags);
void close_file(int fd);
/* @buf is filled with bytes or read into; a short transfer is an error. */
void write_at(int fd, const void *buf, size_t len, uint64_t off);
void read_at(int fd, void *buf, size_t len, uint64_t off);
void make_file(const char *name, uint64_t len);
/* aligned to a page, not zeroes; never freed */
void *new_buffer(size_t len);
/* numbers below @below; the same ones in each run */
uint64_t rnd(uint64_t below);
void run_program(const char *const argv[]);

#endif
