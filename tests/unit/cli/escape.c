// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Nothing but harmless characters reaches a terminal, and nothing but UTF-8 reaches
 * JSON.
 */
#include "../peer.h"

#include "escape.h"

static void escapes(const char *name, bool utf8, const char *want)
{
	char *got = escape_name(name, utf8);

	if (!got || strcmp(got, want)) {
		fprintf(stderr, "escaped is '%s', not '%s'\n", got, want);
		exit(1);
	}
	free(got);
}

static void becomes(const char *name, const char *want)
{
	char *got = force_utf8(name);

	CHECK(got && !strcmp(got, want));
	CHECK(is_utf8(got));
	CHECK_EQ(is_utf8(name), !strcmp(name, want));
	free(got);
}

int main(void)
{
	char every[256];

	escapes("", true, "");
	escapes("/mnt/a b~", true, "/mnt/a b~");
	escapes("a\nb\033[31m\177", true, "a\\012b\\033[31m\\177");
	escapes("a\\012", true, "a\\134012");
	/* a letter, beyond the first plane, too */
	escapes("\xc3\xa4\xf0\x9f\x90\xa7", true, "\xc3\xa4\xf0\x9f\x90\xa7");
	escapes("\xc3\xa4", false, "\\303\\244");
	/* CSI as one character of C1, and as a byte */
	escapes("\xc2\x9b" "31m", true, "\\302\\233" "31m");
	escapes("\x9b" "31m", true, "\\233" "31m");
	/* right to left, without width, line separator */
	escapes("\xe2\x80\xae\xe2\x80\x8b\xe2\x80\xa8", true,
		"\\342\\200\\256\\342\\200\\213\\342\\200\\250");
	/* too long a form of '/', a surrogate, beyond the last character */
	escapes("\xc0\xaf", true, "\\300\\257");
	escapes("\xed\xa0\x80", true, "\\355\\240\\200");
	escapes("\xf4\x90\x80\x80", true, "\\364\\220\\200\\200");
	/* cut short */
	escapes("\xe2\x82", true, "\\342\\202");
	escapes("\xf0\x9f\x90", true, "\\360\\237\\220");

	becomes("plain\n", "plain\n");
	becomes("\xc3\xa4", "\xc3\xa4");
	becomes("a\xff" "b", "a\xef\xbf\xbd" "b");
	becomes("\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd");
	becomes("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");

	for (int i = 1; i < 256; i++)
		every[i - 1] = i;
	every[255] = '\0';
	for (int i = 0; i < 255; i++) {
		char *text = escape_name(every + i, i % 2), *forced = force_utf8(every + i);

		for (char *p = text; *p; p++)
			CHECK(*p >= ' ' && *p < 127);
		CHECK(is_utf8(forced));
		free(text);
		free(forced);
	}
	return 0;
}
