// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LD_PRELOAD: a file system without locks.  flock(2) and open file description locks fail as on
 * those where nobody has implemented them, with the error in $NO_LOCKS: a number.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

static int refuse(void)
{
	const char *error = getenv("NO_LOCKS");

	errno = error ? atoi(error) : ENOSYS;
	return -1;
}

int flock(int fd, int operation)
{
	(void)fd;
	(void)operation;
	return refuse();
}

/* With 64 bit offsets the C library calls it fcntl64, here and in the server. */
int fcntl(int fd, int cmd, ...)
{
	int (*next)(int, int, ...);
	void *symbol = dlsym(RTLD_NEXT, "fcntl64"), *arg;
	va_list ap;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (cmd == F_OFD_SETLK || cmd == F_OFD_GETLK)
		return refuse();
	memcpy(&next, &symbol, sizeof(next));
	return next(fd, cmd, arg);
}
