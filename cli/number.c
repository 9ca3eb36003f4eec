// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Strict decimal numbers: see number.h.
 */
#include "number.h"

bool parse_number(const char *text, size_t len, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;

	if (!len || (len > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned int digit = (unsigned char)text[i] - '0';

		if (digit > 9 || n > max / 10 || n * 10 > max - digit)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return true;
}
