// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The blocks of a journal as a set: see runs.h.
 */
#include "journal/runs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int by_phys(const void *a, const void *b)
{
	const struct journal_run *x = a, *y = b;

	return (x->phys > y->phys) - (x->phys < y->phys);
}

int journal_area_init(struct journal_area *area, const struct journal_run *runs, size_t nr)
{
	*area = (struct journal_area){ .runs = calloc(nr ? nr : 1, sizeof(*runs)), .nr = nr };
	if (!area->runs)
		return -ENOMEM;
	if (nr)
		memcpy(area->runs, runs, nr * sizeof(*runs));
	qsort(area->runs, nr, sizeof(*runs), by_phys);
	for (size_t i = 1; i < nr; i++) {
		const struct journal_run *before = &area->runs[i - 1];

		if (area->runs[i].phys - before->phys < before->len) {
			journal_area_free(area);
			return -EUCLEAN;
		}
	}
	return 0;
}

void journal_area_free(struct journal_area *area)
{
	free(area->runs);
	*area = (struct journal_area){ .runs = NULL };
}

bool journal_area_touches(const struct journal_area *area, uint64_t first, uint64_t len)
{
	size_t low = 0, high = area->nr;

	/* the first run that ends behind @first */
	while (low < high) {
		size_t mid = (low + high) / 2;

		if (area->runs[mid].phys + area->runs[mid].len <= first)
			low = mid + 1;
		else
			high = mid;
	}
	/* @first + @len may be beyond 64 bits */
	return low < area->nr &&
	       (area->runs[low].phys <= first || area->runs[low].phys - first < len);
}
