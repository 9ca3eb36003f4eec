// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Inherited state: see startup.h.
 */
#include "startup.h"

#include <dirent.h>
#include <errno.h>
#include <fuse_iomap.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "path.h"

int startup_prepare(void)
{
	int closed = fuse_iomap_prepare_process();

	if (closed < 0)
		return closed;
	if (closed & 1 << STDERR_FILENO)
		log_to_syslog();
	/* this program makes no files; those that it starts shall make ordinary ones */
	umask(022);
	return 0;
}

void startup_close_others(const struct options *opt)
{
	int source = path_names_fd(opt->source), mountpoint = path_names_fd(opt->mountpoint);
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *de;

	log_restart();
	/* without /proc it stays as it is; nothing depends on it */
	if (!dir)
		return;
	while ((de = readdir(dir))) {
		char *end;
		long fd = strtol(de->d_name, &end, 10);

		if (*end || end == de->d_name || fd <= STDERR_FILENO || fd == dirfd(dir) ||
		    fd == source || fd == mountpoint)
			continue;
		close(fd);
	}
	closedir(dir);
}
