// SPDX-License-Identifier: GPL-2.0-or-later
/* Run one operation on both sides and compare what came of it. */
#include "differential.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void set_result(struct result *res, long ret)
{
	res->ret = ret;
	res->err = ret < 0 ? errno : 0;
}

/* Bytes that depend on the operation and the place: a byte tells where it is from. */
static void fill_pattern(struct world *w, const struct op *op)
{
	uint64_t len = op->len > w->max_len ? w->max_len : op->len, i;
	struct rng rng = { .state = op->seed };

	for (i = 0; i < len + w->dio_align; i += sizeof(uint64_t)) {
		/* No byte is zero: zeroes come from the file system only. */
		uint64_t word = rng_next(&rng) | 0x0101010101010101ULL;

		memcpy(w->pattern + i, &word, sizeof(word));
	}
}

static void run(struct world *w, int side, const struct op *op, struct result *res)
{
	if ((op_desc[op->type].fields & F_HANDLE) && op->type != OP_OPEN && !w->open[op->handle]) {
		errno = EBADF;
		set_result(res, -1);
		return;
	}
	if (run_io(w, side, op, res) || run_space(w, side, op, res))
		return;
	run_name(w, side, op, res);
}

static bool changes_names(enum op_type type)
{
	switch (type) {
	case OP_OPEN:
	case OP_RENAME:
	case OP_NOREPLACE:
	case OP_EXCHANGE:
	case OP_LINK:
	case OP_UNLINK:
	case OP_CHMOD:
	case OP_TRUNCATE:
	case OP_APPEND:
		return true;
	default:
		return false;
	}
}

static bool compare_touched(struct world *w, const struct op *op)
{
	unsigned int fields = op_desc[op->type].fields, i;
	char what[32];

	if ((fields & F_NAME) && !compare_names(w, op, op->name))
		return false;
	if ((fields & F_NAME2) && !compare_names(w, op, op->name2))
		return false;
	for (i = 0; i < NR_HANDLES; i++) {
		bool touched = ((fields & F_HANDLE) && i == op->handle) ||
			       ((fields & F_HANDLE2) && i == op->handle2);

		if (!w->open[i] || !(touched || changes_names(op->type)))
			continue;
		snprintf(what, sizeof(what), "handle %u", i);
		if (!compare_fds(w, op, what, w->side[0].fd[i], w->side[1].fd[i]))
			return false;
	}
	return true;
}

bool execute(struct world *w, const struct op *op)
{
	struct result res[2] = { 0 };
	char line[256], name[64];
	bool creates = false;
	int side;

	op_format(op, line, sizeof(line));
	if (w->log) {
		/* Before the operation: a crash must leave what led to it. */
		fprintf(w->log, "%s\n", line);
		fflush(w->log);
	}
	if (w->verbose)
		printf("%s\n", line);
	remember(w, op);
	if (op->type == OP_CHECK)
		return check_world(w, op);
	if (op_desc[op->type].fields & F_SEED)
		fill_pattern(w, op);

	if (op->type == OP_OPEN) {
		op_name(w, op->name, name, sizeof(name));
		creates = faccessat(w->side[1].dir, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
	}
	for (side = 0; side < 2; side++)
		run(w, side, op, &res[side]);
	if (w->verbose)
		printf("  = %ld %s\n", res[0].ret, res[0].err ? strerrorname_np(res[0].err) : "");
	if (!compare_results(w, op, &res[0], &res[1]))
		return false;
	if (op->type == OP_OPEN || op->type == OP_REOPEN) {
		w->open[op->handle] = !res[0].err;
		if (creates && !res[1].err)
			note_mapped(w, w->side[1].fd[op->handle], false);
		w->direct[op->handle] = op_open_flags(w, op) & O_DIRECT;
	} else if (op->type == OP_MWRITE && res[1].ret > 0) {
		note_mapped(w, w->side[1].fd[op->handle], true);
	} else if (op->type == OP_CLOSE) {
		w->open[op->handle] = false;
	}
	return compare_touched(w, op);
}
