// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuseiomap status: the mounts through the module, or those that hold the given paths.
 *
 * Servers may hang, and this is the command with which people find out.  So nothing
 * here waits for a server without a limit: paths are looked up without asking for
 * attributes, the counters come from the kernel, and who answers is found out by
 * children (probe.c).  Only a path below a mount point is looked up by its server.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "command.h"
#include "message.h"
#include "number.h"
#include "report.h"

#define MOUNTINFO	"/proc/self/mountinfo"
#define TIMEOUT_DEFAULT	5		/* s */
#define TIMEOUT_MAX	86400

struct arguments {
	char **paths;
	size_t nr;
	uint64_t timeout;		/* s */
	bool json;
};

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "Print JSON", 0 },
	{ "timeout", 't', "SECONDS", 0, "How long servers may take to answer (5)", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;

	switch (key) {
	case 'j':
		args->json = true;
		return 0;
	case 't':
		if (!parse_number(arg, strlen(arg), TIMEOUT_MAX, &args->timeout))
			argp_error(state, "the timeout is a number of seconds of at most %d",
				   TIMEOUT_MAX);
		return 0;
	case ARGP_KEY_ARGS:
		args->paths = state->argv + state->next;
		args->nr = state->argc - state->next;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "[MOUNT]...",
	.doc = "Show the fuse-iomap mounts of this machine, or those that hold the given paths: "
	       "whether iomap is used, whether the server answers, how many requests it has been "
	       "sent, and what the kernel keeps of its answers.",
};

static int read_mounts(struct mounts *mounts)
{
	FILE *file = fopen(MOUNTINFO, "re");
	int err;

	if (!file) {
		complain(MOUNTINFO, "%s", strerror(errno));
		return STATUS_FAILED;
	}
	err = mounts_read(file, mounts);
	fclose(file);
	if (err) {
		complain(MOUNTINFO, "%s", strerror(-err));
		return STATUS_FAILED;
	}
	if (mounts->nr_bad) {
		complain(MOUNTINFO, "%zu lines are not understood", mounts->nr_bad);
		return STATUS_FAILED;
	}
	return STATUS_OK;
}

/* STATUS_OK and STATUS_FAILED are 0 and 1: what went wrong anywhere is or-ed together. */

/* The fuse-iomap mount that holds @path, or NULL after having said why there is none. */
static const struct mount *mount_of(const struct mounts *mounts, const char *path)
{
	const struct mount *m;
	struct statx stx;

	/* asks for nothing, so that the server is not asked either */
	if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, 0, &stx) < 0) {
		complain(path, "%s", strerror(errno));
		return NULL;
	}
	m = stx.stx_mask & STATX_MNT_ID ? mounts_find(mounts, stx.stx_mnt_id) : NULL;
	if (!m) {
		complain(path, "its mount is not in %s", MOUNTINFO);
		return NULL;
	}
	if (!mount_is_ours(m)) {
		complain(path, "not on a fuse-iomap mount");
		return NULL;
	}
	return m;
}

static void choose_all(const struct mounts *mounts, struct mount_report *reports, size_t *nr)
{
	for (size_t i = 0; i < mounts->nr; i++)
		if (mount_is_ours(&mounts->mount[i]))
			reports[(*nr)++].mount = &mounts->mount[i];
}

static bool is_chosen(const struct mount *m, const struct mount_report *reports, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (reports[i].mount == m)
			return true;
	return false;
}

static int choose(const struct mounts *mounts, const struct arguments *args,
		  struct mount_report *reports, size_t *nr)
{
	int status = STATUS_OK;

	for (size_t i = 0; i < args->nr; i++) {
		const struct mount *m = mount_of(mounts, args->paths[i]);

		if (!m)
			status = STATUS_FAILED;
		else if (!is_chosen(m, reports, *nr))
			reports[(*nr)++].mount = m;
	}
	return status;
}

static int collect(struct mount_report *reports, size_t nr, uint64_t timeout)
{
	struct probe *probes = calloc(nr ? nr : 1, sizeof(*probes));
	int status = STATUS_OK;
	struct timespec end;

	if (!probes)
		no_memory();
	for (size_t i = 0; i < nr; i++) {
		control_read(reports[i].mount, &reports[i].control);
		if (!reports[i].control.error)
			continue;
		complain(reports[i].mount->point, "%s", reports[i].control.error);
		status = STATUS_FAILED;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += timeout;
	/* all at once, so that several that hang take no longer than one */
	for (size_t i = 0; i < nr; i++)
		probe_start(&probes[i], reports[i].mount);
	for (size_t i = 0; i < nr; i++)
		reports[i].probe = probe_finish(&probes[i], &end);
	free(probes);
	return status;
}

int command_status(int argc, char **argv)
{
	struct arguments args = { .timeout = TIMEOUT_DEFAULT };
	struct mount_report *reports;
	struct mounts mounts = { 0 };
	size_t nr = 0;
	int status;

	if (argp_parse(&argp, argc, argv, 0, NULL, &args))
		return STATUS_FAILED;
	status = read_mounts(&mounts);
	reports = calloc(mounts.nr + args.nr + 1, sizeof(*reports));
	if (!reports)
		no_memory();
	if (args.nr)
		status |= choose(&mounts, &args, reports, &nr);
	else
		choose_all(&mounts, reports, &nr);
	status |= collect(reports, nr, args.timeout);
	if (args.json)
		report_json(reports, nr);
	else if (nr || !args.nr)
		report_text(reports, nr);
	for (size_t i = 0; i < nr; i++)
		control_free(&reports[i].control);
	free(reports);
	mounts_free(&mounts);
	return status;
}
