/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mount -o remount */
#ifndef IOMAP4FS_REMOUNT_H
#define IOMAP4FS_REMOUNT_H

#include <stdint.h>
#include <sys/ioctl.h>

#include "options.h"

/*
 * To the root directory of a mount: out: 1 if its server can write, 0 if it has the source open
 * for reading only or has stopped writing.  Anybody may ask.
 */
#define IOMAP4FS_IOC_CAN_WRITE	_IOR('f', 0xe4, uint32_t)

/*
 * Give the mount at opt->mountpoint the flags of @opt.  Says what is wrong and returns a negative
 * errno if that can't be.
 */
int remount(const struct options *opt);

#endif
