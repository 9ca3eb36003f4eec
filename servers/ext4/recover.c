// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Journal replay.  libext2fs has none, so e2fsck does it, in a child process
 * and before the source is opened here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "server.h"

/* e2fsck's exit status: a bit mask */
#define FSCK_CORRECTED	1
#define FSCK_REBOOT	2

static const char *const e2fsck_paths[] = { "/sbin/e2fsck", "/usr/sbin/e2fsck" };

static void run_e2fsck(const char *path)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* its progress report is no business of mount's caller; errors show in the status */
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
	for (size_t i = 0; i < sizeof(e2fsck_paths) / sizeof(e2fsck_paths[0]); i++)
		execl(e2fsck_paths[i], "e2fsck", "-E", "journal_only", "-y", path, (char *)NULL);
	_exit(127);
}

int recover_journal(const char *path)
{
	int status;
	pid_t pid;

	log_info("the journal needs recovery: replaying it with e2fsck");
	pid = fork();
	if (pid < 0) {
		int err = -errno;

		log_err("can't start e2fsck: %s", strerror(-err));
		return err;
	}
	if (!pid)
		run_e2fsck(path);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
		log_err("%s has to be recovered and there is no e2fsck here: run \"e2fsck -fy %s\"",
			path, path);
		return -EUCLEAN;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) & ~(FSCK_CORRECTED | FSCK_REBOOT)) {
		log_err("replaying the journal failed: run \"e2fsck -fy %s\"", path);
		return -EUCLEAN;
	}
	return 0;
}
