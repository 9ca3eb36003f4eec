// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a lock does when somebody has to wait: see lock.h.
 */
#include "lock.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What comes of it is looked at again: so nothing that it returns matters. */
static void futex(uint32_t *word, int op, uint32_t value)
{
	syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

void lock_wait_for_door(struct lock *l)
{
	/* whoever shuts it has the mutex all the time, so now it is open */
	pthread_mutex_lock(&l->mutex);
	__atomic_add_fetch(&l->state, LOCK_ONE, __ATOMIC_ACQUIRE);
	pthread_mutex_unlock(&l->mutex);
}

void lock_wait_for_last(struct lock *l)
{
	uint32_t state;

	while ((state = __atomic_load_n(&l->state, __ATOMIC_ACQUIRE)) != LOCK_SHUT)
		futex(&l->state, FUTEX_WAIT, state);
}

/* There is one at most who waits: who has the mutex. */
void lock_wake(struct lock *l)
{
	futex(&l->state, FUTEX_WAKE, 1);
}

void lock_wait(struct lock *l, pthread_cond_t *cond)
{
	lock_open(l);
	pthread_cond_wait(cond, &l->mutex);
	lock_shut(l);
}

int lock_timedwait(struct lock *l, pthread_cond_t *cond, const struct timespec *until)
{
	int err;

	lock_open(l);
	err = pthread_cond_timedwait(cond, &l->mutex, until);
	lock_shut(l);
	return err;
}
