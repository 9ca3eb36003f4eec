// SPDX-License-Identifier: GPL-2.0-or-later
/* Sizes, times and counts of "fuseiomap quota": suffixes of their unit only, nothing that wraps. */
#include "../peer.h"

#include "quota.h"

static bool is(const char *text, char unit, uint64_t want)
{
	__u64 n;

	return quota_number(text, unit, &n) && n == want;
}

static bool refused(const char *text, char unit)
{
	__u64 n;

	return !quota_number(text, unit, &n);
}

int main(void)
{
	CHECK(is("0", 'b', 0));
	CHECK(is("4096", 'b', 4096));
	CHECK(is("3K", 'b', 3072));
	CHECK(is("2T", 'b', 2ULL << 40));
	CHECK(is("9223372036854775807", 'b', INT64_MAX));
	CHECK(refused("9223372036854775808", 'b'));
	CHECK(is("8388607T", 'b', 8388607ULL << 40));
	CHECK(refused("8388608T", 'b'));
	CHECK(refused("", 'b'));
	CHECK(refused("K", 'b'));
	CHECK(refused("-1", 'b'));
	CHECK(refused("3k", 'b'));
	CHECK(refused("3d", 'b'));
	CHECK(is("7d", 't', 604800));
	CHECK(is("90", 't', 90));
	CHECK(is("2m", 't', 120));
	CHECK(is("1w", 't', 604800));
	CHECK(refused("2M", 't'));
	CHECK(is("5", 'n', 5));
	CHECK(refused("5K", 'n'));
	return 0;
}
