// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Escaping: see escape.h.
 *
 * A file name may hold any byte but NUL and the slash, so it may hold a terminal's
 * control sequences, among them those of the C1 set, which UTF-8 writes as two bytes,
 * and characters that turn the direction of the text, with which a name can pretend
 * to be another.
 */
#include "escape.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* in UTF-8 */
#define REPLACEMENT	"\xef\xbf\xbd"

/*
 * The length of the character at @s, which ends with a NUL, and the character in
 * *@c; 0 if it is not UTF-8.  Longer forms than needed, surrogates and what is
 * beyond Unicode are not.
 */
static size_t decode(const char *s, uint32_t *c)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = *s;
	size_t len;

	if (first < 0x80) {
		*c = first;
		return 1;
	}
	if (first >= 0xc0 && first < 0xe0) {
		len = 2;
		*c = first & 0x1f;
	} else if (first >= 0xe0 && first < 0xf0) {
		len = 3;
		*c = first & 0x0f;
	} else if (first >= 0xf0 && first < 0xf8) {
		len = 4;
		*c = first & 0x07;
	} else {
		return 0;
	}
	/* the NUL is no continuation, so this stays within the string */
	for (size_t i = 1; i < len; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | ((unsigned char)s[i] & 0x3f);
	}
	if (*c < smallest[len] || (*c >= 0xd800 && *c < 0xe000) || *c > 0x10ffff)
		return 0;
	return len;
}

static bool is_harmless(uint32_t c, bool utf8)
{
	if (c < 0x80)
		return c >= 0x20 && c != 0x7f && c != '\\';
	return utf8 && c >= 0xa0 &&		/* C1 */
	       !(c >= 0x200b && c <= 0x200f) &&	/* without width, directions */
	       !(c >= 0x2028 && c <= 0x202e) &&	/* line ends, directions */
	       !(c >= 0x2060 && c <= 0x206f) &&
	       c != 0x061c && c != 0xfeff && !(c >= 0xfff9 && c <= 0xfffb);
}

char *escape_name(const char *name, bool utf8)
{
	char *out = malloc(strlen(name) * 4 + 1), *to = out;
	uint32_t c;
	size_t len;

	if (!out)
		return NULL;
	while (*name) {
		len = decode(name, &c);
		if (len && is_harmless(c, utf8)) {
			to = mempcpy(to, name, len);
			name += len;
			continue;
		}
		for (len = len ? len : 1; len; len--) {
			unsigned char byte = *name++;

			*to++ = '\\';
			*to++ = '0' + (byte >> 6);
			*to++ = '0' + (byte >> 3 & 7);
			*to++ = '0' + (byte & 7);
		}
	}
	*to = '\0';
	return out;
}

bool is_utf8(const char *name)
{
	uint32_t c;
	size_t len;

	for (; *name; name += len) {
		len = decode(name, &c);
		if (!len)
			return false;
	}
	return true;
}

char *force_utf8(const char *name)
{
	char *out = malloc(strlen(name) * strlen(REPLACEMENT) + 1), *to = out;
	uint32_t c;
	size_t len;

	if (!out)
		return NULL;
	while (*name) {
		len = decode(name, &c);
		to = mempcpy(to, len ? name : REPLACEMENT, len ? len : strlen(REPLACEMENT));
		name += len ? len : 1;
	}
	*to = '\0';
	return out;
}
