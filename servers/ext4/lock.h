/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A lock that many can share who only look, or one has alone, with condition variables.
 *
 *	state:	| how many share it | is the door shut? |
 *
 * Who wants it alone takes the mutex, shuts the door, and waits until the last of those who are
 * behind it has left.  Who finds the door shut queues for the mutex.  So who comes later
 * can't hold up who waits to have it alone, and has no worse place than anybody else that a
 * mutex is contended by.
 *
 * Sharing it is one atomic addition, where there is no contention, and so is letting go: less
 * than a mutex takes.  A thread may not share it twice, nor have it alone beside that: it
 * lets go first, and then nothing need be as it was.
 */
#ifndef IOMAP4FS_LOCK_H
#define IOMAP4FS_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct lock {
	pthread_mutex_t mutex;
	uint32_t state;
};

#define LOCK_INITIALIZER	{ .mutex = PTHREAD_MUTEX_INITIALIZER }

#define LOCK_SHUT	1U	/* the door; changed by who has the mutex only */
#define LOCK_ONE	2U	/* who shares it */

/* What is seldom needed of the functions below */
void lock_wait_for_door(struct lock *l);
void lock_wait_for_last(struct lock *l);
void lock_wake(struct lock *l);

static inline void lock_shared(struct lock *l)
{
	uint32_t state = __atomic_load_n(&l->state, __ATOMIC_RELAXED);

	while (!(state & LOCK_SHUT))
		if (__atomic_compare_exchange_n(&l->state, &state, state + LOCK_ONE, true,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return;
	lock_wait_for_door(l);
}

static inline void unlock_shared(struct lock *l)
{
	if (__atomic_sub_fetch(&l->state, LOCK_ONE, __ATOMIC_RELEASE) == LOCK_SHUT)
		lock_wake(l);
}

/* With the mutex */
static inline void lock_shut(struct lock *l)
{
	if (__atomic_add_fetch(&l->state, LOCK_SHUT, __ATOMIC_ACQUIRE) != LOCK_SHUT)
		lock_wait_for_last(l);
}

/* Nobody is behind the door, and who waits for it has not counted himself. */
static inline void lock_open(struct lock *l)
{
	__atomic_store_n(&l->state, 0, __ATOMIC_RELEASE);
}

static inline void lock_alone(struct lock *l)
{
	pthread_mutex_lock(&l->mutex);
	lock_shut(l);
}

/* False: others have it, or wait for it.  Doesn't wait. */
static inline bool lock_try_alone(struct lock *l)
{
	uint32_t open = 0;

	if (pthread_mutex_trylock(&l->mutex))
		return false;
	if (__atomic_compare_exchange_n(&l->state, &open, LOCK_SHUT, false, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED))
		return true;
	pthread_mutex_unlock(&l->mutex);
	return false;
}

static inline void unlock_alone(struct lock *l)
{
	lock_open(l);
	pthread_mutex_unlock(&l->mutex);
}

/*
 * As pthread_cond_wait() and pthread_cond_timedwait(), with the lock alone; all others can have
 * it meanwhile.
 */
void lock_wait(struct lock *l, pthread_cond_t *cond);
int lock_timedwait(struct lock *l, pthread_cond_t *cond, const struct timespec *until);

#endif
