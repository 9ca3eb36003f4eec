// SPDX-License-Identifier: GPL-2.0-or-later
/* Memory for the extent tree in tests: it can be made to run out. */
#include <pthread.h>
#include "extent_tree_user.h"

/* held shared by readers in the tree, who let the one that waits for them go first */
static pthread_rwlock_t in_tree = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

et_head_t *et_garbage;
long et_fail_after = -1;

void et_read_lock(void)
{
	pthread_rwlock_rdlock(&in_tree);
}

void et_read_unlock(void)
{
	pthread_rwlock_unlock(&in_tree);
}

void *et_alloc(size_t size)
{
	if (et_fail_after >= 0 && et_fail_after-- == 0)
		return NULL;
	/* as kmalloc() aligns sizes that are powers of 2 */
	return aligned_alloc(64, size);
}

void et_collect_garbage(void)
{
	et_head_t *h, *next;

	/* nobody comes upon them any more, so this is enough of a grace period */
	pthread_rwlock_wrlock(&in_tree);
	pthread_rwlock_unlock(&in_tree);
	for (h = et_garbage; h; h = next) {
		next = h->next;
		free(h->node);
	}
	et_garbage = NULL;
}
