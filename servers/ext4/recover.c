// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Journal replay.  libext2fs has none, so e2fsck does it, or debugfs, which comes with it, in
 * a child process and before the source is opened here.
 *
 * e2fsck's own progress report (-C) is about its passes, of which replaying is
 * none.  So what is reported here is what the kernel knows of the process: the
 * bytes that it has read and written.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interrupt.h"
#include "log.h"
#include "progress.h"
#include "server.h"

/* e2fsck's exit status: a bit mask */
#define FSCK_CORRECTED	1
#define FSCK_REBOOT	2
#define FSCK_UNCORRECTED 4
#define FSCK_ERROR	8

static const char *const e2fsck_paths[] = { "/sbin/e2fsck", "/usr/sbin/e2fsck" };
static const char *const debugfs_paths[] = { "/sbin/debugfs", "/usr/sbin/debugfs" };

enum way { JOURNAL_AND_ORPHANS, JOURNAL_ALONE, FULL_CHECK };

/*
 * With the journal e2fsck 1.47 takes care of the orphans, and not well:
 *
 * - A cluster of theirs counts as a block in the quotas; a full check puts that right.
 * - An orphan that has a name loses its attribute block for ever. Without extents each file
 *   that grows is one. So there the journal alone is replayed, and the orphans are left to
 *   orphan.c. debugfs does that, but knows no fast commits.
 */
static enum way choose_way(struct ext2_super_block *sb, uint64_t offset)
{
	if (offset)
		return JOURNAL_AND_ORPHANS;
	if (ext2fs_has_feature_bigalloc(sb) && ext2fs_has_feature_quota(sb))
		return FULL_CHECK;
	if (!ext2fs_has_feature_extents(sb) && !ext2fs_has_feature_fast_commit(sb) &&
	    !ext2fs_has_feature_mmp(sb))
		return JOURNAL_ALONE;
	return JOURNAL_AND_ORPHANS;
}

static void run_replay(const char *what, enum way way)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	interrupt_default();
	/* its progress report is no business of mount's caller; errors show in the status */
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
	/*
	 * Its status says nothing; the superblock is looked at afterwards.  Checksums of bitmaps
	 * needn't be right before the replay, which -n is for.
	 */
	for (size_t i = 0; way == JOURNAL_ALONE && i < sizeof(debugfs_paths) / sizeof(debugfs_paths[0]);
	     i++)
		execl(debugfs_paths[i], "debugfs", "-n", "-w", "-R", "journal_run", what,
		      (char *)NULL);
	for (size_t i = 0; i < sizeof(e2fsck_paths) / sizeof(e2fsck_paths[0]); i++) {
		if (way == FULL_CHECK)
			execl(e2fsck_paths[i], "e2fsck", "-f", "-p", what, (char *)NULL);
		execl(e2fsck_paths[i], "e2fsck", "-E", "journal_only", "-y", what, (char *)NULL);
	}
	_exit(127);
}

/* MiB that process @pid has read and written. */
static void bytes_moved(pid_t pid, uint64_t *rd, uint64_t *wr)
{
	char path[64], line[128];
	FILE *f;

	*rd = *wr = 0;
	snprintf(path, sizeof(path), "/proc/%d/io", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		sscanf(line, "rchar: %" SCNu64, rd);
		sscanf(line, "wchar: %" SCNu64, wr);
	}
	fclose(f);
	*rd >>= 20;
	*wr >>= 20;
}

/* Wait for it and say now and then how far it is.  -EINTR: it was stopped half-way. */
static int watch(pid_t pid, int *status)
{
	/* readable when the process has ended; without one nothing is said meanwhile */
	struct pollfd pfd = { .fd = syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	struct progress progress;
	bool killed = false;
	uint64_t rd, wr;

	progress_start(&progress);
	while (pfd.fd >= 0 && poll(&pfd, 1, 200) <= 0) {
		/* a replay that was interrupted begins again the next time */
		if (interrupted() && !killed) {
			kill(pid, SIGTERM);
			killed = true;
		}
		if (progress_is_due(&progress)) {
			bytes_moved(pid, &rd, &wr);
			log_info("replaying the journal since %u s: %" PRIu64 " MiB read, %"
				 PRIu64 " MiB written", progress_seconds(&progress), rd, wr);
		}
	}
	if (pfd.fd >= 0)
		close(pfd.fd);
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return killed && (!WIFEXITED(*status) || WEXITSTATUS(*status) & ~FSCK_CORRECTED) ?
	       -EINTR : 0;
}

static char *name_for_e2fsck(const char *path, uint64_t offset)
{
	char *what;

	if (!offset)
		return strdup(path);
	return asprintf(&what, "%s?offset=%" PRIu64, path, offset) < 0 ? NULL : what;
}

/*
 * e2fsck 1.47 replays the journal at an offset, and then opens the file system again
 * without it.  That fails, when all that matters here is done; whether it is, the
 * caller has to look.  But it must not find another file system there.
 */
static bool would_go_astray(const struct device *dev)
{
	struct device whole = *dev;
	struct ext2_super_block sb;

	if (!dev->base)
		return false;
	whole.size += whole.base;
	whole.base = 0;
	return device_read(&whole, &sb, sizeof(sb), SUPERBLOCK_OFFSET) ||
	       sb.s_magic == EXT2_SUPER_MAGIC;
}

static bool is_failure(int status, uint64_t offset)
{
	int fine = FSCK_CORRECTED | FSCK_REBOOT;

	if (offset)
		fine |= FSCK_UNCORRECTED | FSCK_ERROR;
	return !WIFEXITED(status) || WEXITSTATUS(status) & ~fine;
}

int recover_journal(struct source *src, const char *path, struct ext2_super_block *sb)
{
	uint64_t offset = src->dev.base;
	char *what = name_for_e2fsck(path, offset);
	int status = 0, guard = -1, err;
	enum way way;
	pid_t pid;

	if (!what) {
		log_err("out of memory");
		return -ENOMEM;
	}
	if (would_go_astray(&src->dev)) {
		log_err("the journal needs recovery, and another file system is in e2fsck's way: "
			"use losetup -o %llu", (unsigned long long)offset);
		free(what);
		return -EBUSY;
	}
	/* readers share an image: it must not change beneath them */
	if (src->image_fd >= 0 && flock(src->image_fd, LOCK_EX | LOCK_NB)) {
		log_err("%s: the journal needs recovery, and another mount is using it: use "
			"-o ro,noload to see it without", path);
		free(what);
		return -EBUSY;
	}
	way = choose_way(sb, offset);
	/* e2fsck wants it for itself; debugfs is content with less, and we keep others away */
	if (way == JOURNAL_ALONE)
		guard = fcntl(src->image_fd >= 0 ? src->image_fd : src->fd, F_DUPFD_CLOEXEC, 0);
	source_close(src);
	log_info("the journal needs recovery: replaying it with e2fsck");
	pid = fork();
	if (pid < 0) {
		err = -errno;
		log_err("can't start e2fsck: %s", strerror(-err));
		goto out;
	}
	if (!pid)
		run_replay(what, way);
	err = watch(pid, &status);
	if (err == -EINTR) {
		log_err("interrupted: the journal is not replayed yet");
	} else if (err) {
		log_err("can't wait for e2fsck: %s", strerror(-err));
	} else if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
		log_err("%s has to be recovered and there is no e2fsck here: run \"e2fsck -fy %s\"",
			path, what);
		err = -EUCLEAN;
	} else if (is_failure(status, offset)) {
		log_err("replaying the journal failed: run \"e2fsck -fy %s\"", what);
		err = -EUCLEAN;
	}
out:
	if (guard >= 0)
		close(guard);
	free(what);
	return err;
}
