// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuseiomap quota: what users, groups and projects have and may have on a mount of iomap4fs.
 *
 * quotactl(2) doesn't reach a FUSE server, so this asks the server by ioctls on the mount's
 * directory.
 */
#include "quota.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "command.h"
#include "message.h"
#include "number.h"

enum {
	OPT_SPACE_SOFT = 0x100, OPT_SPACE_HARD, OPT_INODES_SOFT, OPT_INODES_HARD,
	OPT_SPACE_GRACE, OPT_INODES_GRACE,
};

struct arguments {
	const char *mount;
	char **ids;
	size_t nr_ids;
	unsigned int kinds;		/* 1 << kind each */
	bool json;
	struct iomap4fs_quota limits;	/* ->set: which of them */
	bool has_space_grace, has_inodes_grace;
	__u64 space_grace, inodes_grace;
};

static const struct argp_option options[] = {
	{ "user", 'u', NULL, 0, "Quotas of users", 0 },
	{ "group", 'g', NULL, 0, "Quotas of groups", 0 },
	{ "project", 'p', NULL, 0, "Quotas of projects", 0 },
	{ "json", 'j', NULL, 0, "Print JSON", 0 },
	{ "space-soft", OPT_SPACE_SOFT, "BYTES", 0, "Set the soft limit of space, 0: none", 1 },
	{ "space-hard", OPT_SPACE_HARD, "BYTES", 0, "Set the hard limit of space, 0: none", 1 },
	{ "inodes-soft", OPT_INODES_SOFT, "NUMBER", 0, "Set the soft limit of inodes, 0: none", 1 },
	{ "inodes-hard", OPT_INODES_HARD, "NUMBER", 0, "Set the hard limit of inodes, 0: none", 1 },
	{ "space-grace", OPT_SPACE_GRACE, "TIME", 0,
	  "Set how long a soft limit of space may be exceeded", 2 },
	{ "inodes-grace", OPT_INODES_GRACE, "TIME", 0,
	  "Set how long a soft limit of inodes may be exceeded", 2 },
	{ 0 }
};

static __u64 number(struct argp_state *state, const char *arg, char unit, const char *what)
{
	__u64 n;

	if (!quota_number(arg, unit, &n))
		argp_error(state, "%s is not understood", what);
	return n;
}

static void set_limit(struct arguments *args, __u32 which, __u64 *field, __u64 value)
{
	args->limits.set |= which;
	*field = value;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;
	struct iomap4fs_quota *q = &args->limits;

	switch (key) {
	case 'u':
		args->kinds |= 1U << 0;
		return 0;
	case 'g':
		args->kinds |= 1U << 1;
		return 0;
	case 'p':
		args->kinds |= 1U << 2;
		return 0;
	case 'j':
		args->json = true;
		return 0;
	case OPT_SPACE_SOFT:
		set_limit(args, IOMAP4FS_QUOTA_SPACE_SOFT, &q->space_soft,
			  number(state, arg, 'b', "the soft limit of space"));
		return 0;
	case OPT_SPACE_HARD:
		set_limit(args, IOMAP4FS_QUOTA_SPACE_HARD, &q->space_hard,
			  number(state, arg, 'b', "the hard limit of space"));
		return 0;
	case OPT_INODES_SOFT:
		set_limit(args, IOMAP4FS_QUOTA_INODES_SOFT, &q->inodes_soft,
			  number(state, arg, 'n', "the soft limit of inodes"));
		return 0;
	case OPT_INODES_HARD:
		set_limit(args, IOMAP4FS_QUOTA_INODES_HARD, &q->inodes_hard,
			  number(state, arg, 'n', "the hard limit of inodes"));
		return 0;
	case OPT_SPACE_GRACE:
		args->has_space_grace = true;
		args->space_grace = number(state, arg, 't', "the grace period for space");
		return 0;
	case OPT_INODES_GRACE:
		args->has_inodes_grace = true;
		args->inodes_grace = number(state, arg, 't', "the grace period for inodes");
		return 0;
	case ARGP_KEY_ARGS:
		args->mount = state->argv[state->next];
		args->ids = state->argv + state->next + 1;
		args->nr_ids = state->argc - state->next - 1;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "a mount is needed");
		return EINVAL;
	case ARGP_KEY_END:
		if (args->space_grace > UINT32_MAX || args->inodes_grace > UINT32_MAX)
			argp_error(state, "a grace period is too long");
		if ((args->limits.set || args->has_space_grace || args->has_inodes_grace ||
		     args->nr_ids) && __builtin_popcount(args->kinds) != 1)
			argp_error(state, "one of --user, --group and --project is needed");
		if (args->limits.set && !args->nr_ids)
			argp_error(state, "limits are set for an ID");
		if ((args->has_space_grace || args->has_inodes_grace) && args->nr_ids)
			argp_error(state, "grace periods are for all IDs of a kind");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "MOUNT [ID]...",
	.doc = "Show quotas of a mount of iomap4fs, of all who have one or of the given users, "
	       "groups or projects; or set their limits, or the grace periods of a kind.\v"
	       "BYTES may end in K, M, G or T, TIME in s, m, h, d or w. An ID is a number, or the "
	       "name of a user or group. Only root may set anything, or see quotas of others.",
};

static const char *why(int err)
{
	switch (err) {
	case ENOTTY:
		return "not a mount of iomap4fs";
	case ESRCH:
		return "the file system keeps no accounts of this kind, or is mounted read-only";
	case EPERM:
		return "only root may do that";
	}
	return strerror(err);
}

static bool get_id(unsigned int kind, const char *text, __u32 *id)
{
	const struct passwd *pw;
	const struct group *gr;
	uint64_t n;

	if (parse_number(text, strlen(text), UINT32_MAX, &n)) {
		*id = (__u32)n;
		return true;
	}
	if (kind == 0 && (pw = getpwnam(text))) {
		*id = pw->pw_uid;
		return true;
	}
	if (kind == 1 && (gr = getgrnam(text))) {
		*id = gr->gr_gid;
		return true;
	}
	complain(text, "there is no such %s", quota_kinds[kind]);
	return false;
}

/* 0 or an errno */
static int ask(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) < 0 ? errno : 0;
}

static void append(struct quota_report *r, const struct iomap4fs_quota *q, size_t nr)
{
	r->quota = reallocarray(r->quota, r->nr + nr + 1, sizeof(*q));
	if (!r->quota)
		no_memory();
	memcpy(r->quota + r->nr, q, nr * sizeof(*q));
	r->nr += nr;
}

static int read_one(int fd, struct quota_report *r, __u32 id)
{
	struct iomap4fs_quota_list l = { .type = r->kind, .exact = 1, .next = id };
	int err = ask(fd, IOMAP4FS_IOC_QUOTA_LIST, &l);

	if (!err && l.nr != 1)
		err = EUCLEAN;
	if (!err)
		append(r, l.quota, 1);
	return err;
}

static int read_all(int fd, struct quota_report *r)
{
	struct iomap4fs_quota_list l = { .type = r->kind };
	int err;

	do {
		__u64 from = l.next;

		err = ask(fd, IOMAP4FS_IOC_QUOTA_LIST, &l);
		/* a server that doesn't come to an end */
		if (!err && (l.nr > IOMAP4FS_QUOTA_LIST_MAX || (!l.done && l.next <= from)))
			err = EUCLEAN;
		if (!err)
			append(r, l.quota, l.nr);
	} while (!err && !l.done);
	return err;
}

/* Those of the caller: who isn't root may see no others. */
static int read_own(int fd, struct quota_report *r)
{
	gid_t *groups;
	int nr, err = 0;

	if (r->kind == 0)
		return read_one(fd, r, getuid());
	if (r->kind == 2)
		return EPERM;
	nr = getgroups(0, NULL);
	groups = calloc(nr > 0 ? nr + 1 : 1, sizeof(*groups));
	if (!groups)
		no_memory();
	nr = getgroups(nr > 0 ? nr : 0, groups);
	err = read_one(fd, r, getgid());
	for (int i = 0; !err && i < nr; i++)
		if (groups[i] != getgid())
			err = read_one(fd, r, groups[i]);
	free(groups);
	return err;
}

/* 0, or STATUS_FAILED after having said why. */
static int report(int fd, const struct arguments *args, struct quota_report *r)
{
	int err;

	r->info.type = r->kind;
	err = ask(fd, IOMAP4FS_IOC_QUOTA_INFO, &r->info);
	if (!err && !args->nr_ids)
		err = geteuid() ? read_own(fd, r) : read_all(fd, r);
	for (size_t i = 0; !err && i < args->nr_ids; i++) {
		__u32 id;

		if (!get_id(r->kind, args->ids[i], &id))
			return STATUS_FAILED;
		err = read_one(fd, r, id);
	}
	if (err)
		complain(args->mount, "%s quotas: %s", quota_kinds[r->kind], why(err));
	return err ? STATUS_FAILED : STATUS_OK;
}

static int show(int fd, const struct arguments *args)
{
	struct quota_report reports[QUOTA_KINDS] = { 0 };
	int status = STATUS_OK;
	size_t nr = 0;

	for (unsigned int kind = 0; kind < QUOTA_KINDS; kind++) {
		struct iomap4fs_quota_info info = { .type = kind };

		if (args->kinds && !(args->kinds & 1U << kind))
			continue;
		/* without a wish: what there is, and what this user may see */
		if (!args->kinds && (ask(fd, IOMAP4FS_IOC_QUOTA_INFO, &info) == ESRCH ||
				     (geteuid() && kind == 2)) && (kind < 2 || nr))
			continue;
		reports[nr].kind = kind;
		if (report(fd, args, &reports[nr]))
			status = STATUS_FAILED;
		else
			nr++;
	}
	if (args->json)
		quota_print_json(args->mount, reports, nr);
	else
		quota_print(args->mount, reports, nr);
	for (size_t i = 0; i < nr; i++)
		free(reports[i].quota);
	return status;
}

static int set_limits(int fd, const struct arguments *args, unsigned int kind)
{
	for (size_t i = 0; i < args->nr_ids; i++) {
		struct iomap4fs_quota_set a = { .type = kind, .quota = args->limits };
		int err;

		if (!get_id(kind, args->ids[i], &a.quota.id))
			return STATUS_FAILED;
		err = ask(fd, IOMAP4FS_IOC_QUOTA_SET, &a);
		if (err) {
			complain(args->mount, "limits of %s %s: %s", quota_kinds[kind],
				 args->ids[i], why(err));
			return STATUS_FAILED;
		}
	}
	return STATUS_OK;
}

static int set_grace(int fd, const struct arguments *args, unsigned int kind)
{
	struct iomap4fs_quota_info info = { .type = kind };
	int err = ask(fd, IOMAP4FS_IOC_QUOTA_INFO, &info);

	info.flags = 0;
	if (args->has_space_grace)
		info.space_grace = (__u32)args->space_grace;
	if (args->has_inodes_grace)
		info.inode_grace = (__u32)args->inodes_grace;
	if (!err)
		err = ask(fd, IOMAP4FS_IOC_QUOTA_SET_INFO, &info);
	if (!err)
		return STATUS_OK;
	complain(args->mount, "grace periods of %s quotas: %s", quota_kinds[kind], why(err));
	return STATUS_FAILED;
}

int command_quota(int argc, char **argv)
{
	struct arguments args = { 0 };
	struct statvfs st;
	unsigned int kind;
	int fd, status;

	if (argp_parse(&argp, argc, argv, 0, NULL, &args))
		return STATUS_FAILED;
	fd = open(args.mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		complain(args.mount, "%s", strerror(errno));
		return STATUS_FAILED;
	}
	if ((args.limits.set || args.has_space_grace || args.has_inodes_grace) &&
	    !fstatvfs(fd, &st) && st.f_flag & ST_RDONLY) {
		complain(args.mount, "mounted read-only");
		close(fd);
		return STATUS_FAILED;
	}
	kind = args.kinds ? (unsigned int)__builtin_ctz(args.kinds) : 0;
	if (args.limits.set)
		status = set_limits(fd, &args, kind);
	else if (args.has_space_grace || args.has_inodes_grace)
		status = set_grace(fd, &args, kind);
	else
		status = show(fd, &args);
	close(fd);
	return status;
}
