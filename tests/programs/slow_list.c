// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * slow_list [-r] DIR BYTES: list DIR a few entries at a time, as much as fits into a buffer of
 * BYTES, and print the names. Then, unless -r:
 *	go back to each position that was told: the same entries must follow;
 *	make a file, begin anew: it must be there, and gone again when it has been removed.
 * -r: remove each file as soon as it is told.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NEW	"made by slow_list"

struct entry {
	off_t before, behind;	/* positions */
	char name[256];
};

struct list {
	struct entry *entries;
	size_t nr;
};

static int fd;
static size_t bytes;

static void add(struct list *list, off_t before, off_t behind, const char *name)
{
	list->entries = reallocarray(list->entries, list->nr + 1, sizeof(*list->entries));
	if (!list->entries)
		err(1, "memory");
	list->entries[list->nr] = (struct entry){ before, behind };
	snprintf(list->entries[list->nr++].name, sizeof(list->entries[0].name), "%s", name);
}

/* All entries from @pos on */
static struct list read_from(off_t pos, bool removes)
{
	struct list list = { 0 };
	char *buf = malloc(bytes);
	ssize_t n;

	if (!buf)
		err(1, "memory");
	if (lseek(fd, pos, SEEK_SET) != pos)
		err(1, "lseek to %jd", (intmax_t)pos);
	while ((n = syscall(SYS_getdents64, fd, buf, bytes)) > 0) {
		for (ssize_t at = 0; at < n;) {
			struct dirent64 *d = (void *)(buf + at);

			add(&list, pos, d->d_off, d->d_name);
			pos = d->d_off;
			at += d->d_reclen;
			if (removes && d->d_name[0] != '.' && unlinkat(fd, d->d_name, 0))
				err(1, "removing %s", d->d_name);
		}
	}
	if (n < 0)
		err(1, "getdents64");
	free(buf);
	return list;
}

static void check_positions(const struct list *all)
{
	for (size_t i = 0; i < all->nr; i++) {
		struct list rest = read_from(all->entries[i].before, false);

		if (rest.nr != all->nr - i)
			errx(1, "%zu entries from %s on, not %zu", rest.nr, all->entries[i].name,
			     all->nr - i);
		for (size_t k = 0; k < rest.nr; k++)
			if (strcmp(rest.entries[k].name, all->entries[i + k].name))
				errx(1, "%s where %s was", rest.entries[k].name,
				     all->entries[i + k].name);
		free(rest.entries);
	}
}

static bool is_listed(const char *name)
{
	struct list list = read_from(0, false);
	bool found = false;

	for (size_t i = 0; i < list.nr; i++)
		found |= !strcmp(list.entries[i].name, name);
	free(list.entries);
	return found;
}

static void check_beginnings(void)
{
	int made = openat(fd, NEW, O_CREAT | O_EXCL | O_WRONLY, 0600);

	if (made < 0)
		err(1, "making a file");
	close(made);
	if (!is_listed(NEW))
		errx(1, "the new file is not listed");
	if (unlinkat(fd, NEW, 0))
		err(1, "removing it");
	if (is_listed(NEW))
		errx(1, "the removed file is listed");
}

int main(int argc, char **argv)
{
	bool removes = argc > 1 && !strcmp(argv[1], "-r");
	struct list all;

	argv += removes;
	if (argc - removes != 3)
		errx(2, "usage: slow_list [-r] DIR BYTES");
	bytes = strtoul(argv[2], NULL, 10);
	fd = open(argv[1], O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		err(1, "%s", argv[1]);
	all = read_from(0, removes);
	for (size_t i = 0; i < all.nr; i++)
		puts(all.entries[i].name);
	if (!removes) {
		check_positions(&all);
		check_beginnings();
	}
	free(all.entries);
	return 0;
}
