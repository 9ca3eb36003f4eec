// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Where a mount is now, from /proc/self/mountinfo:
 *
 *	ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAG]... - TYPE SOURCE SUPER-OPTIONS
 *
 * The kernel gives an ID to another mount once it is free.  So device, type and source have to
 * be those that the mount had when it was made, too.
 */
#include <inttypes.h>
#include <stdio.h>
#include "iomap_i.h"

struct line {
	uint64_t id;
	char *device, *mountpoint, *type, *source;
};

/* The kernel writes blanks, tabs, newlines and backslashes as three octal digits. */
static void unescape(char *text)
{
	char *to = text;

	while (*text) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' &&
		    text[2] >= '0' && text[2] <= '7' && text[3] >= '0' && text[3] <= '7') {
			*to++ = (text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0');
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

/* The parts of @text, which is cut in pieces. */
static bool parse(char *text, struct line *l)
{
	char *save = NULL, *field = strtok_r(text, " \n", &save);
	int nr = 0;

	*l = (struct line){ 0 };
	for (; field && strcmp(field, "-"); field = strtok_r(NULL, " \n", &save), nr++) {
		if (nr == 0)
			l->id = strtoull(field, NULL, 10);
		else if (nr == 2)
			l->device = field;
		else if (nr == 4)
			l->mountpoint = field;
	}
	l->type = strtok_r(NULL, " \n", &save);
	l->source = l->type ? strtok_r(NULL, " \n", &save) : NULL;
	if (!l->mountpoint || !l->source)
		return false;
	unescape(l->mountpoint);
	return true;
}

/* What is asked of the mount @mnt_id; to be freed.  NULL: it isn't there, or there is no /proc. */
static char *find(uint64_t mnt_id, char *(*ask)(const struct line *l, const char *arg),
		  const char *arg)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *text = NULL, *answer = NULL;
	size_t size = 0;
	struct line l;

	if (!f)
		return NULL;
	while (!answer && getline(&text, &size, f) > 0)
		if (parse(text, &l) && l.id == mnt_id)
			answer = ask(&l, arg);
	free(text);
	fclose(f);
	return answer;
}

static char *identity_of(const struct line *l, const char *unused)
{
	char *identity;

	return asprintf(&identity, "%s %s %s", l->device, l->type, l->source) < 0 ? NULL : identity;
}

static char *path_of(const struct line *l, const char *identity)
{
	char *theirs = identity_of(l, NULL);
	bool same = theirs && !strcmp(theirs, identity);

	free(theirs);
	return same ? strdup(l->mountpoint) : NULL;
}

char *iomap_mount_identity(uint64_t mnt_id)
{
	return mnt_id ? find(mnt_id, identity_of, NULL) : NULL;
}

char *iomap_mount_path(const struct iomap_mount *mnt)
{
	return mnt->mnt_id && mnt->identity ? find(mnt->mnt_id, path_of, mnt->identity) : NULL;
}
