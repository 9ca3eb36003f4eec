// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Numbers are digits, without anything that strtoull() would also take, and within
 * their limit.
 */
#include "../peer.h"

#include "number.h"

static bool parses(const char *text, uint64_t max, uint64_t want)
{
	uint64_t n = 4711;

	if (!parse_number(text, strlen(text), max, &n)) {
		CHECK(n == 4711);
		return false;
	}
	return n == want;
}

int main(void)
{
	static const char *const wrong[] = {
		"", " ", "-1", "+1", " 1", "1 ", "01", "00", "0x1", "1.", "1e3", "\xb2",
		"18446744073709551616", "18446744073709551620", "99999999999999999999",
		"100000000000000000000000000000000000000000000",
	};
	uint64_t n;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(!parses(wrong[i], UINT64_MAX, 0));
	CHECK(parses("0", 0, 0));
	CHECK(parses("9", 9, 9));
	CHECK(!parses("10", 9, 10));
	CHECK(parses("4294967295", UINT32_MAX, UINT32_MAX));
	CHECK(!parses("4294967296", UINT32_MAX, 0));
	CHECK(parses("18446744073709551615", UINT64_MAX, UINT64_MAX));
	/* the length counts, not a NUL */
	CHECK(parse_number("12x", 2, 99, &n) && n == 12);
	CHECK(!parse_number("1\0", 2, 99, &n));
	return 0;
}
