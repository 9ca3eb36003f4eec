// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Paths on the command line: see path.h.
 */
#include "path.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int path_names_fd(const char *path)
{
	static const char *const places[] = { "/dev/fd/", "/proc/self/fd/" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		size_t len = strlen(places[i]);
		unsigned long fd;
		char *end;

		if (strncmp(path, places[i], len) || !isdigit((unsigned char)path[len]))
			continue;
		fd = strtoul(path + len, &end, 10);
		if (!*end && fd <= INT_MAX)
			return fd;
	}
	return -1;
}

static int is_same_file(const char *a, const char *b)
{
	struct stat st, other;

	return !stat(a, &st) && !stat(b, &other) && st.st_dev == other.st_dev &&
	       st.st_ino == other.st_ino;
}

char *path_absolute(const char *path)
{
	char *real = realpath(path, NULL), *cwd, *joined = NULL;

	/*
	 * A descriptor may be of a file that has been deleted, or that is in another mount
	 * namespace: its link says a path that leads nowhere, or to another file.
	 */
	if (real && is_same_file(path, real))
		return real;
	free(real);
	if (*path == '/')
		return strdup(path);
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return strdup(path);
	if (asprintf(&joined, "%s/%s", strcmp(cwd, "/") ? cwd : "", path) < 0)
		joined = NULL;
	free(cwd);
	return joined;
}
