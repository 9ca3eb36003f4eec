// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The system tells of what it could not write once.  A flush after one that has failed must not
 * be believed, whoever asked for the first: here it fails for want of a descriptor, and the
 * next one has a good one.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "store/device.h"

static int failures;

#define CHECK_EQ(got, want) do {						\
	int got_ = (got), want_ = (want);					\
										\
	if (got_ != want_) {							\
		printf("FAILED: line %d: %d, not %d\n", __LINE__, got_, want_);	\
		failures++;							\
	}									\
} while (0)

int main(void)
{
	FILE *f = tmpfile();
	struct device dev;
	int error = 0;

	if (!f || ftruncate(fileno(f), 4096) || device_init(&dev, fileno(f), false)) {
		perror("temporary file");
		return 1;
	}
	CHECK_EQ(device_flush(&dev), 0);
	dev.flush_error = &error;
	CHECK_EQ(device_flush(&dev), 0);
	dev.fd = -1;
	CHECK_EQ(device_flush(&dev), -EBADF);
	dev.fd = fileno(f);
	CHECK_EQ(device_flush(&dev), -EBADF);
	CHECK_EQ(device_flush(&dev), -EBADF);
	/* another device is another matter */
	dev.flush_error = NULL;
	CHECK_EQ(device_flush(&dev), 0);
	fclose(f);
	return failures != 0;
}
