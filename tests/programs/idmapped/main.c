// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * idmapped: make idmapped mounts, and see what different users can do there.
 *
 *	idmapped mount MAP SOURCE TARGET
 *
 * mounts the directory SOURCE at TARGET as well, with ids mapped by MAP:
 * ID:SHOWN:COUNT[,...] shows the file system's ids from ID on as SHOWN and up. Prints
 * 0 or the errno's name of the call that failed.
 *
 *	idmapped run MAP DIR...
 *
 * reads steps from standard input, one a line:
 *
 *	WHO OPERATION ARG...
 *
 * does each in a process of its own and prints the line with the result: a word, 0 or
 * the errno's name. WHO is UID:GID[,GID...][+CAPS] (who.c); N before it means ids within
 * a user namespace with the ids of MAP. "umask MODE" holds for the steps that follow.
 * The operations are in ops.c; "look" shows a file as it is in each DIR.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "idmapped.h"

#define MAX_WORDS	16

static int mount_mapped(const char *map, const char *source, const char *target)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_IDMAP,
		.userns_fd = userns_open(map),
	};
	int fd;

	fd = open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) ||
	    move_mount(fd, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH)) {
		puts(strerrorname_np(errno));
		return 1;
	}
	puts("0");
	return 0;
}

/* One line, split where it has blanks.  The result goes to standard output. */
static void step(char *line, int userns)
{
	char *words[MAX_WORDS];
	int nr = 0, status;
	pid_t child;

	for (char *w = strtok(line, " \t\n"); w && nr < MAX_WORDS; w = strtok(NULL, " \t\n"))
		words[nr++] = w;
	if (!nr || words[0][0] == '#')
		return;
	for (int i = 0; i < nr; i++)
		printf("%s ", words[i]);
	if (!strcmp(words[0], "umask") && nr == 2) {
		umask(strtoul(words[1], NULL, 8));
		putchar('\n');
		return;
	}
	printf("= ");
	fflush(stdout);
	child = fork();
	if (child < 0) {
		perror("fork");
		exit(2);
	}
	if (!child) {
		who_become(words[0], userns);
		status = op_run(nr - 1, words + 1);
		fflush(stdout);
		_exit(status);
	}
	if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "idmapped: can't do: %s %s\n", words[0], nr > 1 ? words[1] : "");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	char line[1024];
	int userns;

	if (argc == 5 && !strcmp(argv[1], "mount"))
		return mount_mapped(argv[2], argv[3], argv[4]);
	if (argc < 4 || strcmp(argv[1], "run")) {
		fprintf(stderr, "usage: idmapped mount MAP SOURCE TARGET\n"
				"       idmapped run MAP DIR... <STEPS\n");
		return 2;
	}
	userns = userns_open(argv[2]);
	op_views(argc - 3, argv + 3);
	while (fgets(line, sizeof(line), stdin))
		step(line, userns);
	return 0;
}
