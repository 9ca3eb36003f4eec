// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Messages and names on a terminal: see message.h.
 */
#include "message.h"

#include <errno.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"

void print_name(FILE *to, const char *name)
{
	char *text = escape_name(name, !strcmp(nl_langinfo(CODESET), "UTF-8"));

	if (!text)
		no_memory();
	fputs(text, to);
	free(text);
}

void complain(const char *name, const char *format, ...)
{
	va_list ap;

	fputs("fuseiomap: ", stderr);
	print_name(stderr, name);
	fputs(": ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void no_memory(void)
{
	fputs("fuseiomap: out of memory\n", stderr);
	exit(1);
}

int finish_output(void)
{
	int failed = ferror(stdout);

	errno = 0;
	if (!fflush(stdout) && !failed)
		return 0;
	complain("standard output", "%s", errno ? strerror(errno) : "not everything was written");
	return 1;
}
