// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Operations as data: the table of them, their random generation, and the text
 * form in logs, one a line: "NUMBER OP field=value ...".
 */
#include "differential.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define IO	(F_HANDLE | F_OFF | F_LEN | F_ARG)

const struct op_desc op_desc[NR_OPS] = {
	[OP_OPEN]	= { "open",	 F_NAME | F_HANDLE | F_ARG | F_SEED,	60 },
	[OP_CLOSE]	= { "close",	 F_HANDLE,				15 },
	[OP_REOPEN]	= { "reopen",	 F_HANDLE | F_ARG | F_SEED,		15 },
	[OP_READ]	= { "read",	 F_HANDLE | F_LEN | F_ARG,		20 },
	[OP_PREAD]	= { "pread",	 IO,					40 },
	[OP_PREADV]	= { "preadv",	 IO,					10 },
	[OP_DREAD]	= { "dread",	 IO,					30 },
	[OP_MREAD]	= { "mread",	 IO,					30 },
	[OP_WRITE]	= { "write",	 F_HANDLE | F_LEN | F_ARG | F_SEED,	30 },
	[OP_PWRITE]	= { "pwrite",	 IO | F_SEED,				60 },
	[OP_PWRITEV]	= { "pwritev",	 IO | F_SEED,				15 },
	[OP_APPEND]	= { "append",	 F_NAME | F_LEN | F_ARG | F_SEED,	20 },
	[OP_DWRITE]	= { "dwrite",	 IO | F_SEED,				40 },
	[OP_SWRITE]	= { "swrite",	 IO | F_SEED,				15 },
	[OP_MWRITE]	= { "mwrite",	 IO | F_SEED,				40 },
	[OP_LSEEK]	= { "lseek",	 F_HANDLE | F_OFF | F_ARG,		8 },
	[OP_SEEK]	= { "seek",	 F_HANDLE,				6 },
	[OP_TRUNCATE]	= { "truncate",	 F_NAME | F_OFF | F_ARG,		20 },
	[OP_FTRUNCATE]	= { "ftruncate", F_HANDLE | F_OFF | F_ARG,		25 },
	[OP_FALLOCATE]	= { "fallocate", IO,					15 },
	[OP_KEEPSIZE]	= { "keepsize",	 IO,					12 },
	[OP_PUNCH]	= { "punch",	 IO,					25 },
	[OP_ZERO]	= { "zero",	 IO,					20 },
	[OP_COLLAPSE]	= { "collapse",	 IO,					8 },
	[OP_INSERT]	= { "insert",	 IO,					8 },
	[OP_UNSHARE]	= { "unshare",	 IO,					3 },
	[OP_FSYNC]	= { "fsync",	 F_HANDLE,				10 },
	[OP_FDATASYNC]	= { "fdatasync", F_HANDLE,				10 },
	[OP_SYNCRANGE]	= { "syncrange", F_HANDLE | F_OFF | F_LEN | F_ARG,	8 },
	[OP_DROP]	= { "drop",	 F_HANDLE,				15 },
	[OP_COPY]	= { "copy",	 IO | F_HANDLE2 | F_SEED,		10 },
	[OP_CLONE]	= { "clone",	 F_HANDLE | F_HANDLE2,			3 },
	[OP_SYNCFS]	= { "syncfs",	 F_HANDLE,				3 },
	[OP_STAT]	= { "stat",	 F_NAME,				10 },
	[OP_CHMOD]	= { "chmod",	 F_NAME | F_ARG,			5 },
	[OP_CHATTR]	= { "chattr",	 F_NAME | F_ARG,			12 },
	[OP_UTIMES]	= { "utimes",	 F_NAME | F_SEED,			5 },
	[OP_SETXATTR]	= { "setxattr",	 F_NAME | F_LEN | F_ARG | F_SEED,	6 },
	[OP_GETXATTR]	= { "getxattr",	 F_NAME | F_ARG,			6 },
	[OP_RENAME]	= { "rename",	 F_NAME | F_NAME2,			15 },
	[OP_NOREPLACE]	= { "noreplace", F_NAME | F_NAME2,			6 },
	[OP_EXCHANGE]	= { "exchange",	 F_NAME | F_NAME2,			6 },
	[OP_LINK]	= { "link",	 F_NAME | F_NAME2,			10 },
	[OP_UNLINK]	= { "unlink",	 F_NAME,				20 },
	[OP_SYMLINK]	= { "symlink",	 F_NAME | F_NAME2,			3 },
	[OP_READLINK]	= { "readlink",	 F_NAME,				4 },
	[OP_CHECK]	= { "check",	 0,					0 },
};

int op_type_by_name(const char *name)
{
	int type;

	for (type = 0; type < NR_OPS; type++) {
		if (!strcmp(op_desc[type].name, name))
			return type;
	}
	return -1;
}

/* Bits of an open's arg. Most opens create: an absent file teaches errno only. */
static const struct {
	unsigned int bit;
	int flag;
	unsigned int percent;
} open_bits[] = {
	{ 1 << 0, O_CREAT,	85 },
	{ 1 << 1, O_EXCL,	6 },
	{ 1 << 2, O_TRUNC,	6 },
	{ 1 << 3, O_APPEND,	10 },
	{ 1 << 4, O_DIRECT,	15 },
	{ 1 << 5, O_DSYNC,	5 },
	{ 1 << 6, O_SYNC,	5 },
	{ 1 << 7, O_NOFOLLOW,	10 },
};

#define NR_OPEN_BITS	(sizeof(open_bits) / sizeof(open_bits[0]))

int op_open_flags(const struct world *w, const struct op *op)
{
	int flags = O_RDWR | O_CLOEXEC;
	size_t i;

	for (i = 0; i < NR_OPEN_BITS; i++) {
		if (op->arg & open_bits[i].bit)
			flags |= open_bits[i].flag;
	}
	/* O_EXCL without O_CREAT is undefined, and a reopen creates nothing. */
	if (op->type == OP_REOPEN)
		flags &= ~(O_CREAT | O_EXCL | O_NOFOLLOW);
	else if (!(flags & O_CREAT))
		flags &= ~O_EXCL;
	return w->no_direct ? flags & ~O_DIRECT : flags;
}

mode_t op_open_mode(const struct op *op)
{
	return op->seed & 07777;
}

void op_name(const struct world *w, unsigned int index, char *buf, size_t size)
{
	unsigned int dir = index / w->files;

	if (dir)
		snprintf(buf, size, "d%u/f%u", dir - 1, index % w->files);
	else
		snprintf(buf, size, "f%u", index);
}

/* Offsets gather where bugs do: at block and page borders, at 0, anywhere else. */
static uint64_t pick_offset(const struct world *w, struct rng *rng)
{
	uint64_t off = rng_below(rng, w->max_size);

	switch (rng_below(rng, 8)) {
	case 0:
		return rng_below(rng, 3);
	case 1:
	case 2:
		return off & ~(uint64_t)4095;
	case 3:
		off &= ~(uint64_t)4095;
		return off + rng_below(rng, 5) - (off ? 2 : 0);
	case 4:
		return off & ~(uint64_t)1023;
	case 5:
		return off & ~(uint64_t)65535;
	default:
		return off;
	}
}

static uint64_t pick_len(const struct world *w, struct rng *rng)
{
	uint64_t len = 1 + rng_below(rng, w->max_len);

	switch (rng_below(rng, 8)) {
	case 0:
		return rng_below(rng, 16);
	case 1:
	case 2:
		return 1 + rng_below(rng, 4096 + 64);
	case 3:
		return 4096 * (1 + rng_below(rng, 8));
	case 4:
		return 512 * (1 + rng_below(rng, 16));
	case 5:
		return len & ~(uint64_t)4095;
	default:
		return 1 + len / 4;
	}
}

void op_generate(const struct world *w, struct rng *rng, struct op *op)
{
	unsigned int number = op->number, total = 0, pick;
	int type;
	size_t i;

	for (type = 0; type < NR_OPS; type++)
		total += w->enabled[type] ? op_desc[type].weight : 0;
	pick = rng_below(rng, total);
	for (type = 0; type < NR_OPS; type++) {
		unsigned int weight = w->enabled[type] ? op_desc[type].weight : 0;

		if (pick < weight)
			break;
		pick -= weight;
	}

	*op = (struct op) {
		.type = type,
		.number = number,
		.name = rng_below(rng, w->files * NR_DIRS),
		.name2 = rng_below(rng, w->files * NR_DIRS),
		.handle = rng_below(rng, NR_HANDLES),
		.handle2 = rng_below(rng, NR_HANDLES),
		.off = pick_offset(w, rng),
		.len = pick_len(w, rng),
	};
	op->seed = rng_next(rng);
	if (type == OP_OPEN || type == OP_REOPEN) {
		for (i = 0; i < NR_OPEN_BITS; i++) {
			if (rng_below(rng, 100) < open_bits[i].percent)
				op->arg |= open_bits[i].bit;
		}
		/* Half of the modes are plain, so that most files are too. */
		op->seed = rng_below(rng, 2) ? 0644 : rng_below(rng, 010000);
		return;
	}
	op->arg = rng_below(rng, 4) << ARG_VEC_SHIFT;
	if (!rng_below(rng, 4)) {
		op->arg |= ARG_FROM_EOF;
		op->off = rng_below(rng, 16384);
	}
	if (!rng_below(rng, 12))
		op->arg |= ARG_ODD_DIRECT;
	if (!rng_below(rng, 3))
		op->arg |= ARG_MSYNC;
	if (!rng_below(rng, 3))
		op->arg |= ARG_ASYNC;
	if (rng_below(rng, 2))
		op->arg |= ARG_DSYNC;
	if (type == OP_CHMOD)
		op->arg = rng_below(rng, 010000);
	/* Most of the time none, for little works on such files. */
	if (type == OP_CHATTR)
		op->arg = rng_below(rng, 6) ? 0 : rng_below(rng, 8);
	/* Anything else than blocks is EINVAL; that is worth an eighth. */
	if ((type == OP_COLLAPSE || type == OP_INSERT) && rng_below(rng, 8)) {
		op->arg &= ~ARG_FROM_EOF;
		op->off &= ~(uint64_t)4095;
		op->len = (op->len & ~(uint64_t)4095) + 4096;
	}
	if (type == OP_SETXATTR)
		op->len = rng_below(rng, 4) ? op->len % 64 : op->len % 2000;
}

void op_format(const struct op *op, char *buf, size_t size)
{
	unsigned int fields = op_desc[op->type].fields;
	size_t n;

	n = snprintf(buf, size, "%u %s", op->number, op_desc[op->type].name);
#define ADD(bit, fmt, value) do { \
	if ((fields & (bit)) && n < size) \
		n += snprintf(buf + n, size - n, fmt, value); \
} while (0)
	ADD(F_NAME, " name=%u", op->name);
	ADD(F_NAME2, " name2=%u", op->name2);
	ADD(F_HANDLE, " h=%u", op->handle);
	ADD(F_HANDLE2, " h2=%u", op->handle2);
	ADD(F_OFF, " off=%llu", (unsigned long long)op->off);
	ADD(F_LEN, " len=%llu", (unsigned long long)op->len);
	ADD(F_ARG, " arg=%#x", op->arg);
	ADD(F_SEED, " seed=%#llx", (unsigned long long)op->seed);
#undef ADD
}

static uint64_t field(const char *line, const char *key, bool *missing)
{
	const char *at = strstr(line, key);

	if (!at) {
		*missing = true;
		return 0;
	}
	return strtoull(at + strlen(key), NULL, 0);
}

int op_parse(const struct world *w, const char *line, struct op *op)
{
	unsigned int fields;
	bool missing = false;
	char name[32];
	int type;

	*op = (struct op) { 0 };
	if (sscanf(line, "%u %31s", &op->number, name) != 2)
		return -1;
	type = op_type_by_name(name);
	if (type < 0)
		return -1;
	op->type = type;
	fields = op_desc[type].fields;
#define GET(bit, member, key) do { \
	if (fields & (bit)) \
		op->member = field(line, key, &missing); \
} while (0)
	GET(F_NAME, name, " name=");
	GET(F_NAME2, name2, " name2=");
	GET(F_HANDLE, handle, " h=");
	GET(F_HANDLE2, handle2, " h2=");
	GET(F_OFF, off, " off=");
	GET(F_LEN, len, " len=");
	GET(F_ARG, arg, " arg=");
	GET(F_SEED, seed, " seed=");
#undef GET
	if (missing || op->name >= w->files * NR_DIRS || op->name2 >= w->files * NR_DIRS ||
	    op->handle >= NR_HANDLES || op->handle2 >= NR_HANDLES)
		return -1;
	return 0;
}
