/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kinds of quotas, numbered as by quotactl(2). */
#ifndef IOMAP4FS_QUOTA_TYPE_H
#define IOMAP4FS_QUOTA_TYPE_H

enum quota_type { QUOTA_USER, QUOTA_GROUP, QUOTA_PROJECT, NR_QUOTAS };

#endif
