// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Limited messages: see log_limit.h.
 */
#include "log_limit.h"

#include <pthread.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static time_t since;			/* the interval began then, CLOCK_MONOTONIC, s; 0: never */
static unsigned int passed, left_out;	/* passed: in this interval */

bool log_limit_pass(unsigned int *missed)
{
	struct timespec now;
	bool pass;

	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&lock);
	if (!since || now.tv_sec - since >= LOG_LIMIT_SECONDS) {
		since = now.tv_sec ? now.tv_sec : 1;
		passed = 0;
	}
	pass = passed < LOG_LIMIT_MESSAGES;
	*missed = pass ? left_out : 0;
	if (pass) {
		passed++;
		left_out = 0;
	} else {
		left_out++;
	}
	pthread_mutex_unlock(&lock);
	return pass;
}

unsigned int log_limit_rest(void)
{
	unsigned int rest;

	pthread_mutex_lock(&lock);
	rest = left_out;
	left_out = 0;
	pthread_mutex_unlock(&lock);
	return rest;
}
