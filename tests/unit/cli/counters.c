// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Counters are understood by opcode and by name, opcodes that nobody knows, too, and
 * a line that is no counter spoils the file.
 */
#include "../peer.h"

#include "counters.h"
#include "opcode.h"

static int parse(const char *text, bool by_opcode, struct counters *counters, size_t *line)
{
	return counters_parse(text, strlen(text), by_opcode, counters, line);
}

static void check_requests(void)
{
	struct counters c;
	size_t line;

	CHECK_EQ(parse("15 1\n52 4\n63 7\n4092 1\n4094 18446744073709551615\n4294967295 2\n",
		       true, &c, &line), 0);
	CHECK_EQ(c.nr, 6);
	CHECK(!strcmp(c.counter[0].name, "READ"));
	CHECK(!strcmp(c.counter[1].name, "STATX"));
	CHECK(!strcmp(c.counter[2].name, "63"));
	CHECK(!strcmp(c.counter[3].name, "CONFIG"));
	CHECK(!strcmp(c.counter[4].name, "BEGIN"));
	CHECK(!strcmp(c.counter[5].name, "4294967295"));
	CHECK(counters_of_opcode(&c, 4094) == UINT64_MAX);
	CHECK_EQ(counters_of_opcode(&c, 4095), 0);
	counters_free(&c);
	CHECK_EQ(parse("", true, &c, &line), 0);
	CHECK_EQ(c.nr, 0);
	counters_free(&c);
}

static void check_names(void)
{
	struct counters c;
	size_t line;

	CHECK_EQ(parse("mappings 0\nbytes 4096\nsome_more2 3\n", false, &c, &line), 0);
	CHECK_EQ(c.nr, 3);
	CHECK(!strcmp(c.counter[2].name, "some_more2"));
	CHECK_EQ(c.counter[2].count, 3);
	counters_free(&c);
	/* the longest that fits */
	CHECK_EQ(parse("a234567890123456789012345678901 1\n", false, &c, &line), 0);
	CHECK_EQ(strlen(c.counter[0].name), 31);
	counters_free(&c);
}

static void refuses(const char *text, size_t len, bool by_opcode, size_t want_line)
{
	struct counters c;
	size_t line;

	CHECK_EQ(counters_parse(text, len, by_opcode, &c, &line), -EINVAL);
	CHECK_EQ(line, want_line);
	counters_free(&c);
}

static void check_wrong(void)
{
	static const char *const requests[] = {
		"\n", "1", "1 \n", " 1\n", "1 2 3\n", "1  2\n", "1\t2\n", "-1 2\n", "1 -2\n",
		"READ 1\n", "4294967296 1\n", "1 18446744073709551616\n", "1 2", "1 2\r\n",
	};
	static const char *const names[] = {
		"\n", "a\n", "a \n", " 1\n", "A 1\n", "a-b 1\n", "a\033 1\n", "a 1", "a 1 \n",
		"a2345678901234567890123456789012 1\n",
	};

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		refuses(requests[i], strlen(requests[i]), true, 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		refuses(names[i], strlen(names[i]), false, 1);
	refuses("1 1\n2 2\n1 3\n", 12, true, 3);
	refuses("a 1\na 1\n", 8, false, 2);
	refuses("a\0 1\n", 5, false, 1);
	refuses("a 1\0\n", 5, false, 1);
	/* exactly the length given is looked at */
	refuses("1 1\n2 2\n", 7, true, 2);
}

int main(void)
{
	check_requests();
	check_names();
	check_wrong();
	CHECK(!opcode_name(0) && !opcode_name(7) && !opcode_name(53) && !opcode_name(4096));
	CHECK(!opcode_name(UINT32_MAX));
	return 0;
}
