/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mount options of kernel ext4 and of other programs that change nothing here. */
#ifndef IOMAP4FS_OPTIONS_KERNEL_H
#define IOMAP4FS_OPTIONS_KERNEL_H

#include <stddef.h>

enum verdict { SAME, NO_EFFECT, REFUSED };

/*
 * A name that ends with "=" or "." stands for everything that begins with it and goes on; with
 * "==" for itself with one "=" and no value.  The first that fits counts.
 */
struct known_option {
	const char *name;
	enum verdict verdict;
	const char *why;
};

enum kernel_option {
	KERNEL_OPTION_UNKNOWN,
	KERNEL_OPTION_TAKEN,	/* a warning was given if somebody could be misled */
	KERNEL_OPTION_REFUSED,	/* an error was */
};

/* @option: as written, "name" or "name=value" */
enum kernel_option options_kernel(const char *option);
/* the same for options of FUSE and of mount(8) */
enum kernel_option options_fuse(const char *option);
enum kernel_option options_look_up(const struct known_option *options, size_t nr,
				   const char *option);

#endif
