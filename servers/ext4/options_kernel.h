/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mount options of kernel ext4 that change nothing here. */
#ifndef IOMAP4FS_OPTIONS_KERNEL_H
#define IOMAP4FS_OPTIONS_KERNEL_H

enum kernel_option {
	KERNEL_OPTION_UNKNOWN,
	KERNEL_OPTION_TAKEN,	/* a warning was given if somebody could be misled */
	KERNEL_OPTION_REFUSED,	/* an error was */
};

/* @option: as written, "name" or "name=value" */
enum kernel_option options_kernel(const char *option);

#endif
