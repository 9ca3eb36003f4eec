// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Parsing /proc/self/mountinfo.
 *
 *	36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
 *	id parent |  root point options  |         | type source    superblock options
 *	     major:minor             any number of optional fields
 *
 * Fields are separated by single blanks.  Blanks, line ends, backslashes and, in some,
 * number signs in them are written as \ooo, so a backslash always begins three octal
 * digits.  The source may be empty.  Users choose mount points, sources and subtypes,
 * so nothing about their length or bytes is taken for granted.
 */
#include "mountinfo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"

/* dev_t of the kernel: 12 and 20 bits */
#define MAJOR_MAX	0xfffU
#define MINOR_MAX	0xfffffU

/* Cut the next field off *@rest; NULL if there is none.  A field may be empty. */
static char *next_field(char **rest)
{
	return strsep(rest, " ");
}

static bool unescape(char *field)
{
	char *to = field;

	while (*field) {
		unsigned int byte = 0;

		if (*field != '\\') {
			*to++ = *field++;
			continue;
		}
		for (int i = 1; i <= 3; i++) {
			if (field[i] < '0' || field[i] > '7')
				return false;
			byte = byte << 3 | (field[i] - '0');
		}
		if (!byte || byte > 0xff)
			return false;
		*to++ = (char)byte;
		field += 4;
	}
	*to = '\0';
	return true;
}

static bool parse_device(const char *field, struct mount *m)
{
	const char *colon = strchr(field, ':');
	uint64_t n;

	if (!colon || !parse_number(field, colon - field, MAJOR_MAX, &n))
		return false;
	m->major = n;
	if (!parse_number(colon + 1, strlen(colon + 1), MINOR_MAX, &n))
		return false;
	m->minor = n;
	return true;
}

static bool parse_fields(char *rest, struct mount *m)
{
	char *id, *parent, *device, *root, *point, *options, *field, *type, *source;
	uint64_t ignored;

	id = next_field(&rest);
	parent = next_field(&rest);
	device = next_field(&rest);
	root = next_field(&rest);
	point = next_field(&rest);
	options = next_field(&rest);
	do {
		field = next_field(&rest);
	} while (field && strcmp(field, "-"));
	type = next_field(&rest);
	source = next_field(&rest);
	/* the superblock's options come last: without them the line has been cut */
	if (!next_field(&rest))
		return false;
	if (!parse_number(id, strlen(id), UINT64_MAX, &m->id) ||
	    !parse_number(parent, strlen(parent), UINT64_MAX, &ignored) ||
	    !parse_device(device, m) || !*root || !*point || !*options || !*type)
		return false;
	if (!unescape(root) || !unescape(point) || !unescape(type) || !unescape(source))
		return false;
	m->root = root;
	m->point = point;
	m->type = type;
	m->source = source;
	return true;
}

int mount_parse(const char *line, struct mount *m)
{
	m->line = strdup(line);
	if (!m->line)
		return -ENOMEM;
	if (parse_fields(m->line, m))
		return 0;
	free(m->line);
	m->line = NULL;
	return -EINVAL;
}

int mounts_read(FILE *file, struct mounts *mounts)
{
	char *line = NULL;
	size_t room = 0, allocated = 0;
	int err = 0;
	ssize_t len;

	memset(mounts, 0, sizeof(*mounts));
	while (!err && (errno = 0, len = getline(&line, &room, file)) >= 0) {
		if (len && line[len - 1] == '\n')
			line[--len] = '\0';
		if (mounts->nr == allocated) {
			struct mount *more;

			allocated = allocated ? allocated * 2 : 64;
			more = reallocarray(mounts->mount, allocated, sizeof(*more));
			if (!more) {
				err = -ENOMEM;
				break;
			}
			mounts->mount = more;
		}
		/* a NUL cuts the line: what is behind it was not looked at */
		err = strlen(line) == (size_t)len ?
			mount_parse(line, &mounts->mount[mounts->nr]) : -EINVAL;
		if (!err)
			mounts->nr++;
		if (err == -EINVAL) {
			mounts->nr_bad++;
			err = 0;
		}
	}
	if (!err && !feof(file))
		err = errno ? -errno : -EIO;
	free(line);
	return err;
}

void mounts_free(struct mounts *mounts)
{
	for (size_t i = 0; i < mounts->nr; i++)
		free(mounts->mount[i].line);
	free(mounts->mount);
	memset(mounts, 0, sizeof(*mounts));
}

const struct mount *mounts_find(const struct mounts *mounts, uint64_t id)
{
	for (size_t i = 0; i < mounts->nr; i++)
		if (mounts->mount[i].id == id)
			return &mounts->mount[i];
	return NULL;
}

bool mount_is_ours(const struct mount *m)
{
	size_t len = strcspn(m->type, ".");

	return (len == strlen("fuseiomap") && !strncmp(m->type, "fuseiomap", len)) ||
	       (len == strlen("fuseiomapblk") && !strncmp(m->type, "fuseiomapblk", len));
}
