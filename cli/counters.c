// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Parsing counters: see counters.h.  A newer module may count more things than this
 * command knows of, so any name will do; the form of the lines is fixed.
 */
#include "counters.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"
#include "opcode.h"

static bool parse_opcode(const char *text, size_t len, struct counter *c)
{
	const char *name;
	uint64_t n;

	if (!parse_number(text, len, UINT32_MAX, &n))
		return false;
	c->opcode = n;
	name = opcode_name(c->opcode);
	if (name)
		snprintf(c->name, sizeof(c->name), "%s", name);
	else
		snprintf(c->name, sizeof(c->name), "%u", (unsigned int)c->opcode);
	return true;
}

static bool parse_name(const char *text, size_t len, struct counter *c)
{
	if (!len || len >= sizeof(c->name))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!text[i] || !strchr("abcdefghijklmnopqrstuvwxyz0123456789_", text[i]))
			return false;
	memcpy(c->name, text, len);
	c->name[len] = '\0';
	c->opcode = 0;
	return true;
}

static bool parse_line(const char *line, size_t len, bool by_opcode, struct counter *c)
{
	const char *blank = memchr(line, ' ', len);
	size_t name_len;

	if (!blank)
		return false;
	name_len = blank - line;
	if (!(by_opcode ? parse_opcode(line, name_len, c) : parse_name(line, name_len, c)))
		return false;
	return parse_number(blank + 1, len - name_len - 1, UINT64_MAX, &c->count);
}

static bool has_name(const struct counters *counters, const char *name)
{
	for (size_t i = 0; i < counters->nr; i++)
		if (!strcmp(counters->counter[i].name, name))
			return true;
	return false;
}

int counters_parse(const char *text, size_t len, bool by_opcode, struct counters *counters,
		   size_t *bad_line)
{
	const char *end = text + len;

	memset(counters, 0, sizeof(*counters));
	for (*bad_line = 1; text < end; ++*bad_line) {
		const char *eol = memchr(text, '\n', end - text);
		struct counter c, *more;

		/* a line without its end has been cut */
		if (!eol || !parse_line(text, eol - text, by_opcode, &c) ||
		    has_name(counters, c.name))
			return -EINVAL;
		more = reallocarray(counters->counter, counters->nr + 1, sizeof(c));
		if (!more)
			return -ENOMEM;
		counters->counter = more;
		counters->counter[counters->nr++] = c;
		text = eol + 1;
	}
	return 0;
}

void counters_free(struct counters *counters)
{
	free(counters->counter);
	memset(counters, 0, sizeof(*counters));
}

uint64_t counters_of_opcode(const struct counters *counters, uint32_t opcode)
{
	for (size_t i = 0; i < counters->nr; i++)
		if (counters->counter[i].opcode == opcode)
			return counters->counter[i].count;
	return 0;
}
