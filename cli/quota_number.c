// SPDX-License-Identifier: GPL-2.0-or-later
/* Sizes, times and counts on the command line of "fuseiomap quota". */
#include <string.h>

#include "number.h"
#include "quota.h"

static const struct {
	char unit, suffix;
	__u64 factor;
} suffixes[] = {
	{ 'b', 'K', 1ULL << 10 }, { 'b', 'M', 1ULL << 20 }, { 'b', 'G', 1ULL << 30 },
	{ 'b', 'T', 1ULL << 40 }, { 't', 's', 1 }, { 't', 'm', 60 }, { 't', 'h', 3600 },
	{ 't', 'd', 86400 }, { 't', 'w', 7 * 86400 },
};

bool quota_number(const char *text, char unit, __u64 *out)
{
	size_t len = strlen(text);
	uint64_t n, factor = 1;

	for (size_t i = 0; len && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if (suffixes[i].unit == unit && suffixes[i].suffix == text[len - 1]) {
			factor = suffixes[i].factor;
			len--;
			break;
		}
	}
	if (!parse_number(text, len, INT64_MAX / factor, &n))
		return false;
	*out = n * factor;
	return true;
}
