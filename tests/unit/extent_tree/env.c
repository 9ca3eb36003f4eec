// SPDX-License-Identifier: GPL-2.0-or-later
/* Memory for the extent tree in tests: it can be made to run out. */
#include "extent_tree_user.h"

et_head_t *et_garbage;
long et_fail_after = -1;

void et_read_lock(void)
{
}

void et_read_unlock(void)
{
}

void *et_alloc(size_t size)
{
	if (et_fail_after >= 0 && et_fail_after-- == 0)
		return NULL;
	return malloc(size);
}

void et_collect_garbage(void)
{
	et_head_t *h, *next;

	for (h = et_garbage; h; h = next) {
		next = h->next;
		free(h->node);
	}
	et_garbage = NULL;
}
