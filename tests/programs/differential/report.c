// SPDX-License-Identifier: GPL-2.0-or-later
/* What is said when the sides differ. */
#include "differential.h"

#include <stdarg.h>
#include <string.h>

#define MAX_RANGES	8
#define BYTES_SHOWN	16

void remember(struct world *w, const struct op *op)
{
	w->recent[w->nr_recent++ % NR_RECENT] = *op;
}

static void print_op(const struct world *w, const struct op *op)
{
	unsigned int fields = op_desc[op->type].fields;
	char line[256], name[64];

	op_format(op, line, sizeof(line));
	printf("  %s", line);
	if (fields & F_NAME) {
		op_name(w, op->name, name, sizeof(name));
		printf("  # %s", name);
	}
	if (fields & F_NAME2) {
		op_name(w, op->name2, name, sizeof(name));
		printf(" %s", name);
	}
	printf("\n");
}

void report(struct world *w, const struct op *op, const char *fmt, ...)
{
	unsigned int i, first = w->nr_recent > NR_RECENT ? w->nr_recent - NR_RECENT : 0;
	va_list args;

	printf("DIFFERENCE at operation %u (%s)\nthe last operations:\n", op->number,
	       op_desc[op->type].name);
	for (i = first; i < w->nr_recent; i++)
		print_op(w, &w->recent[i % NR_RECENT]);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
}

static void dump(char label, const unsigned char *p, size_t len)
{
	size_t i;

	printf("    %c:", label);
	for (i = 0; i < len && i < BYTES_SHOWN; i++)
		printf(" %02x", p[i]);
	printf("%s\n", len > BYTES_SHOWN ? " ..." : "");
}

static bool all_zero(const unsigned char *p, size_t len)
{
	while (len--) {
		if (*p++)
			return false;
	}
	return true;
}

void report_bytes(const unsigned char *a, const unsigned char *b, size_t len, uint64_t base)
{
	size_t at = 0, start, ranges = 0, bytes = 0, i;

	for (i = 0; i < len; i++)
		bytes += a[i] != b[i];
	printf("  %zu of %zu bytes differ\n", bytes, len);
	while (at < len && ranges < MAX_RANGES) {
		while (at < len && a[at] == b[at])
			at++;
		if (at == len)
			break;
		/* Eight equal bytes end a range: single ones agree by chance. */
		start = at;
		for (i = at; i < len && i < at + 8; i++) {
			if (a[i] != b[i])
				at = i + 1;
		}
		ranges++;
		printf("  [%llu, %llu)%s%s\n", (unsigned long long)(base + start),
		       (unsigned long long)(base + at),
		       all_zero(a + start, at - start) ? ", A is zeroes" : "",
		       all_zero(b + start, at - start) ? ", B is zeroes" : "");
		dump('A', a + start, at - start);
		dump('B', b + start, at - start);
	}
}
