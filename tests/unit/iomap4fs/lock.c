// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The lock that many can share: that they really do, that who has it alone has it alone, that
 * those who come later don't hold up who waits to have it alone, and that others have it while
 * somebody waits for a condition.
 *
 * Where something would be wrong a thread waits for ever, and the alarm ends the test.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lock.h"

#define THREADS	6
#define ROUNDS	20000

static int failures;

#define CHECK(condition) do {							\
	if (!(condition)) {							\
		printf("FAILED: line %d: %s\n", __LINE__, #condition);		\
		__atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);		\
	}									\
} while (0)

static struct lock l = LOCK_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static bool entered, left, told;

static pthread_t start(void *(*fn)(void *))
{
	pthread_t t;

	if (pthread_create(&t, NULL, fn, NULL))
		abort();
	return t;
}

static bool is_set(const bool *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static void set(bool *flag)
{
	__atomic_store_n(flag, true, __ATOMIC_RELEASE);
}

/* Only together with all others can one leave. */
static void *meet(void *arg)
{
	lock_shared(&l);
	pthread_barrier_wait(&barrier);
	unlock_shared(&l);
	return arg;
}

static void test_is_shared(void)
{
	pthread_t t[THREADS];

	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		t[i] = start(meet);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	pthread_barrier_destroy(&barrier);
	CHECK(!l.state);
}

static void *come_later(void *arg)
{
	lock_shared(&l);
	set(&entered);
	unlock_shared(&l);
	return arg;
}

static void *have_it_alone(void *arg)
{
	lock_alone(&l);
	CHECK(is_set(&left));
	CHECK(!is_set(&entered));
	unlock_alone(&l);
	return arg;
}

static void test_nobody_is_passed_over(void)
{
	pthread_t alone, later;

	entered = left = false;
	lock_shared(&l);
	alone = start(have_it_alone);
	while (!(__atomic_load_n(&l.state, __ATOMIC_RELAXED) & LOCK_SHUT))
		sched_yield();
	later = start(come_later);
	/* time to do wrong */
	usleep(100000);
	CHECK(!is_set(&entered));
	set(&left);
	unlock_shared(&l);
	pthread_join(alone, NULL);
	pthread_join(later, NULL);
	CHECK(entered);
	CHECK(!l.state);
}

static void *wait_until_told(void *arg)
{
	lock_alone(&l);
	set(&entered);
	while (!told)
		lock_wait(&l, &cond);
	unlock_alone(&l);
	return arg;
}

static void test_others_have_it_meanwhile(void)
{
	struct timespec past = { 0 };
	pthread_t waiter;

	entered = false;
	waiter = start(wait_until_told);
	while (!is_set(&entered))
		sched_yield();
	lock_shared(&l);
	CHECK(!told);
	unlock_shared(&l);
	lock_alone(&l);
	CHECK(lock_timedwait(&l, &cond, &past) == ETIMEDOUT);
	told = true;
	pthread_cond_signal(&cond);
	unlock_alone(&l);
	pthread_join(waiter, NULL);
	CHECK(!l.state);
}

/* Two that are the same whenever nobody has the lock alone */
static unsigned long one, two;

static void *change(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		lock_alone(&l);
		one++;
		if (i % 100 == 0) {
			/* before others have it */
			two++;
			lock_timedwait(&l, &cond, &(struct timespec){ 0 });
		} else {
			sched_yield();
			two++;
		}
		unlock_alone(&l);
	}
	return arg;
}

static void *look(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		lock_shared(&l);
		CHECK(one == two);
		unlock_shared(&l);
	}
	return arg;
}

static void test_alone_is_alone(void)
{
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		t[i] = start(i % 2 ? look : change);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	CHECK(one == two);
	CHECK(one == THREADS / 2 * ROUNDS);
	CHECK(!l.state);
}

int main(void)
{
	alarm(120);
	test_is_shared();
	test_nobody_is_passed_over();
	test_others_have_it_meanwhile();
	test_alone_is_alone();
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
