/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of "fuseiomap quota" share. */
#ifndef FUSEIOMAP_QUOTA_H
#define FUSEIOMAP_QUOTA_H

#include <iomap4fs_quota.h>
#include <stdbool.h>
#include <stddef.h>

#define QUOTA_KINDS	3

extern const char *const quota_kinds[QUOTA_KINDS];

/* One kind of a mount */
struct quota_report {
	unsigned int kind;
	struct iomap4fs_quota_info info;
	struct iomap4fs_quota *quota;	/* to be freed */
	size_t nr;
};

/*
 * number with an optional suffix: K, M, G, T (1024 each) if @unit is 'b', s, m, h, d, w if it
 * is 't', none if it is 'n'.  False: it is none, or too large for a signed number of 64 bits.
 */
bool quota_number(const char *text, char unit, __u64 *out);

/* Print the reports of @nr kinds, as a table or as JSON. */
void quota_print(const char *mount, const struct quota_report *reports, size_t nr);
void quota_print_json(const char *mount, const struct quota_report *reports, size_t nr);

#endif
