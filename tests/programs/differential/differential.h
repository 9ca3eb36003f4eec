/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * differential: apply the same random operations to two directories and compare
 * everything an application can see of them.
 *
 *	generate or read from a log --> struct op --> run on side A --> struct result
 *	                                    |                               | compare
 *	                                    '-------> run on side B --> struct result
 *
 * The world is small on purpose, so that operations meet: a fixed set of names
 * (in two directories) and a fixed set of open handles, each of which is one open
 * file a side. Operations are generated without a look at the world: the same
 * seed and parameters always give the same sequence, a log can be cut down by
 * hand and replayed, and an operation on a name or handle that is not there is
 * a test of errno.
 *
 * What has to be equal, and when:
 *  - after each operation: return value, errno, bytes read, and size, mode, nlink
 *    and owner of what was touched; after an operation on names, of every open
 *    handle as well (an unlinked file keeps its handle);
 *  - at every "check" operation: the directories, and for every file, open or
 *    named, its bytes through the page cache, then its map of holes, then its bytes
 *    again from the device.
 *
 * Holes. SEEK_DATA and SEEK_HOLE report an unwritten extent as data where the
 * page cache holds it and as a hole otherwise, so the map depends on readahead
 * and memory pressure. After fsync nothing is dirty, and after DONTNEED nothing is
 * cached: the map is then a function of what is written on the device. Two file
 * systems with the same block size that follow the same rules (an operation
 * writes exactly the blocks it touches, zeroing never allocates) agree on it. So
 * the maps are compared in that state and no other.
 *
 * One exception, --mmap-may-fill: a store through a mapping makes a whole folio
 * dirty, and a file system with large folios writes all of it, holes included. With
 * that option the holes of a file that was written so since it was created may be
 * data on side A; data of B has to be data of A all the same.
 *
 * What is not compared, because nothing promises it: times (but for a time that
 * was set), blocks in use, directory sizes, bytes past the end in the last page
 * of a mapping after a write to them (no operation writes there).
 */
#ifndef DIFFERENTIAL_H
#define DIFFERENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define NR_HANDLES	8
#define MAX_FILES	64
#define NR_DIRS		3	/* the top one, d0 and d1 */
#define NR_RECENT	24	/* operations shown when something differs */
#define BUF_ALIGN	4096
#define MAX_INO		(1 << 20)	/* larger inode numbers share their places */

enum op_type {
	OP_OPEN,
	OP_CLOSE,
	OP_REOPEN,
	OP_READ,
	OP_PREAD,
	OP_PREADV,
	OP_DREAD,
	OP_MREAD,
	OP_WRITE,
	OP_PWRITE,
	OP_PWRITEV,
	OP_APPEND,
	OP_DWRITE,
	OP_SWRITE,
	OP_MWRITE,
	OP_LSEEK,
	OP_SEEK,
	OP_TRUNCATE,
	OP_FTRUNCATE,
	OP_FALLOCATE,
	OP_KEEPSIZE,
	OP_PUNCH,
	OP_ZERO,
	OP_COLLAPSE,
	OP_INSERT,
	OP_UNSHARE,
	OP_FSYNC,
	OP_FDATASYNC,
	OP_SYNCRANGE,
	OP_DROP,
	OP_COPY,
	OP_CLONE,
	OP_SYNCFS,
	OP_STAT,
	OP_CHMOD,
	OP_CHATTR,
	OP_UTIMES,
	OP_SETXATTR,
	OP_GETXATTR,
	OP_RENAME,
	OP_NOREPLACE,
	OP_EXCHANGE,
	OP_LINK,
	OP_UNLINK,
	OP_SYMLINK,
	OP_READLINK,
	OP_CHECK,
	NR_OPS
};

/* Parts of an operation; which of them one has is in its op_desc. */
enum {
	F_NAME	 = 1 << 0,
	F_NAME2	 = 1 << 1,
	F_HANDLE = 1 << 2,
	F_HANDLE2 = 1 << 3,
	F_OFF	 = 1 << 4,
	F_LEN	 = 1 << 5,
	F_ARG	 = 1 << 6,
	F_SEED	 = 1 << 7,
};

/* Bits of op.arg. Open flags have a list of their own, see op_open_flags(). */
enum {
	ARG_FROM_EOF	= 1 << 0,	/* off counts from 8 KiB before the end */
	ARG_ODD_DIRECT	= 1 << 1,	/* direct I/O that is not aligned */
	ARG_MSYNC	= 1 << 2,
	ARG_ASYNC	= 1 << 3,
	ARG_DSYNC	= 1 << 4,
	ARG_VEC_SHIFT	= 8,		/* 2 bits: vectors - 1 */
};

struct op {
	enum op_type type;
	unsigned int number;
	unsigned int name, name2;
	unsigned int handle, handle2;
	uint64_t off, len;
	unsigned int arg;
	uint64_t seed;
};

struct op_desc {
	const char *name;
	unsigned int fields;
	unsigned int weight;	/* share of all operations */
};

extern const struct op_desc op_desc[NR_OPS];

struct result {
	long ret;
	int err;		/* 0 on success */
	const char *step;	/* what failed, when an operation has parts */
	unsigned char *data;	/* ret or data_len bytes read */
	size_t data_len;
	char text[256];		/* a result that is not a number */
};

struct side {
	char label;
	const char *path;
	int dir;
	int fd[NR_HANDLES];
	unsigned char *buf;
};

struct world {
	struct side side[2];
	bool open[NR_HANDLES];
	bool direct[NR_HANDLES];	/* opened with O_DIRECT */
	unsigned int files;
	uint64_t max_size, max_len;
	unsigned int dio_align;
	bool enabled[NR_OPS];
	unsigned char *pattern;
	size_t buf_size;
	FILE *log;
	bool verbose;
	bool no_direct, no_holes;	/* leave these out */
	bool mmap_may_fill;
	bool mapped[MAX_INO];	/* written by mapping; index: B's inode number */
	struct op recent[NR_RECENT];
	unsigned int nr_recent;
	uint64_t compared_bytes;
	unsigned int checks;
};

struct rng {
	uint64_t state;
};

/* splitmix64: every seed is as good as another, and it never repeats early. */
static inline uint64_t rng_next(struct rng *rng)
{
	uint64_t z = rng->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static inline uint64_t rng_below(struct rng *rng, uint64_t bound)
{
	return bound ? rng_next(rng) % bound : 0;
}

/* op.c */
void op_generate(const struct world *w, struct rng *rng, struct op *op);
int op_type_by_name(const char *name);
int op_open_flags(const struct world *w, const struct op *op);
mode_t op_open_mode(const struct op *op);
void op_name(const struct world *w, unsigned int index, char *buf, size_t size);
void op_format(const struct op *op, char *buf, size_t size);
/* 0, or -1 when the line is not an operation. */
int op_parse(const struct world *w, const char *line, struct op *op);

/* execute.c: false means that a difference was found and reported. */
bool execute(struct world *w, const struct op *op);

/* io_ops.c, space_ops.c, name_ops.c: one side. False when the operation is another's. */
bool run_io(struct world *w, int side, const struct op *op, struct result *res);
bool run_space(struct world *w, int side, const struct op *op, struct result *res);
/*
 * Give file @name of a side the flags @new_flags, of immutable, append-only and sync;
 * *@old: those it had.  0 or -1 and errno.
 */
int change_flags(const struct side *s, const char *name, int new_flags, int *old);
bool run_name(struct world *w, int side, const struct op *op, struct result *res);
void set_result(struct result *res, long ret);

/* compare.c */
bool compare_results(struct world *w, const struct op *op, const struct result *a,
		     const struct result *b);
bool compare_fds(struct world *w, const struct op *op, const char *what, int a, int b);
bool compare_names(struct world *w, const struct op *op, unsigned int name);
void note_mapped(struct world *w, int fd, bool mapped);
bool check_world(struct world *w, const struct op *op);

/* report.c */
void remember(struct world *w, const struct op *op);
void report(struct world *w, const struct op *op, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void report_bytes(const unsigned char *a, const unsigned char *b, size_t len, uint64_t base);

/* inject.c: make the sides differ, to prove that it is noticed. */
int inject(struct world *w, const char *kind);

#endif
