// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Options in the superblock: see options_stored.h.
 *
 * As in kernel ext4 the bits come first, then the string, then the command line, and a stored
 * option that can't be honoured never keeps anybody from mounting.  Options that mean the same
 * thing form a group; if the command line has one of a group, what is stored of it is left out.
 */
#include "options_stored.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "options_kernel.h"

#define COMMIT_MAX	900

enum group { GROUP_GRPID, GROUP_DELALLOC, GROUP_DA_ALLOC, GROUP_DF, GROUP_ERRORS, GROUP_COMMIT,
	GROUP_RESUID, GROUP_RESGID, GROUP_STRIPE };

/* A name that ends with '=' has a value. */
static const struct {
	const char *name;
	enum group group;
	int64_t value;		/* without one */
} table[] = {
	{ "grpid",		GROUP_GRPID,	true },
	{ "bsdgroups",		GROUP_GRPID,	true },
	{ "nogrpid",		GROUP_GRPID,	false },
	{ "sysvgroups",		GROUP_GRPID,	false },
	{ "delalloc",		GROUP_DELALLOC,	true },
	{ "nodelalloc",		GROUP_DELALLOC,	false },
	{ "auto_da_alloc",	GROUP_DA_ALLOC,	true },
	{ "auto_da_alloc=",	GROUP_DA_ALLOC,	0 },
	{ "noauto_da_alloc",	GROUP_DA_ALLOC,	false },
	{ "minixdf",		GROUP_DF,	true },
	{ "bsddf",		GROUP_DF,	false },
	{ "errors=continue",	GROUP_ERRORS,	ERRORS_CONTINUE },
	{ "errors=remount-ro",	GROUP_ERRORS,	ERRORS_REMOUNT_RO },
	{ "errors=panic",	GROUP_ERRORS,	ERRORS_PANIC },
	{ "commit=",		GROUP_COMMIT,	0 },
	{ "resuid=",		GROUP_RESUID,	0 },
	{ "resgid=",		GROUP_RESGID,	0 },
	{ "stripe=",		GROUP_STRIPE,	0 },
};

#define NR_TABLE	(sizeof(table) / sizeof(table[0]))

/* The entry for @option, or -1.  *@value: what it says; -2: that makes no sense */
static int find(const char *option, int64_t *value)
{
	for (size_t i = 0; i < NR_TABLE; i++) {
		size_t len = strlen(table[i].name);
		char *end;

		if (table[i].name[len - 1] != '=') {
			if (strcmp(option, table[i].name))
				continue;
			*value = table[i].value;
			return i;
		}
		if (strncmp(option, table[i].name, len))
			continue;
		errno = 0;
		*value = strtoll(option + len, &end, 10);
		if (errno || *end || !isdigit((unsigned char)option[len]) ||
		    *value >= UINT32_MAX ||
		    (table[i].group == GROUP_COMMIT && *value > COMMIT_MAX))
			return -2;
		return i;
	}
	return -1;
}

/* Each option of @list, which is destroyed */
static void each(char *list, void (*fn)(void *arg, const char *option), void *arg)
{
	char *save = NULL;

	for (char *p = strtok_r(list, ",", &save); p; p = strtok_r(NULL, ",", &save))
		fn(arg, p);
}

struct context {
	struct options *opt;
	unsigned int given;	/* groups, 1 << enum group */
};

static void note_given(void *arg, const char *option)
{
	struct context *c = arg;
	int64_t value;
	int i = find(option, &value);

	if (i >= 0)
		c->given |= 1U << table[i].group;
	/* whatever it is set to, it is said */
	if (!strncmp(option, "commit=", 7))
		c->given |= 1U << GROUP_COMMIT;
}

static void set(struct options *opt, enum group group, int64_t value)
{
	switch (group) {
	case GROUP_GRPID:
		opt->grpid = value;
		break;
	case GROUP_DELALLOC:
		opt->delalloc = value;
		break;
	case GROUP_DA_ALLOC:
		opt->auto_da_alloc = value;
		break;
	case GROUP_DF:
		opt->minixdf = value;
		break;
	case GROUP_ERRORS:
		opt->errors = value;
		break;
	case GROUP_COMMIT:
		opt->commit_interval = value;
		break;
	case GROUP_RESUID:
		opt->resuid = value;
		break;
	case GROUP_RESGID:
		opt->resgid = value;
		break;
	case GROUP_STRIPE:
		opt->stripe = value;
		break;
	}
}

static void apply(void *arg, const char *option)
{
	struct context *c = arg;
	int64_t value;
	int i = find(option, &value);

	if (i >= 0) {
		if (!(c->given & 1U << table[i].group))
			set(c->opt, table[i].group, value);
		return;
	}
	/* says itself why it has no effect, or why it is refused */
	if (i == -2 || options_kernel(option) != KERNEL_OPTION_TAKEN)
		log_warn("the default mount option \"%s\" in the superblock is ignored", option);
}

char *options_given(int argc, char **argv)
{
	char *list = NULL;

	for (int i = 1; i < argc; i++) {
		const char *more = NULL;
		char *longer;

		if (!strcmp(argv[i], "-o") && i + 1 < argc)
			more = argv[++i];
		else if (!strncmp(argv[i], "-o", 2))
			more = argv[i] + 2;
		if (!more)
			continue;
		if (asprintf(&longer, "%s%s%s", list ? list : "", list ? "," : "", more) < 0)
			continue;
		free(list);
		list = longer;
	}
	return list;
}

static void apply_bits(struct context *c, uint32_t bits)
{
	if (bits & EXT2_DEFM_BSDGROUPS)
		apply(c, "grpid");
	if (bits & EXT4_DEFM_NODELALLOC)
		apply(c, "nodelalloc");
	if (bits & EXT4_DEFM_DISCARD)
		apply(c, "discard");
	if (bits & EXT2_DEFM_UID16)
		apply(c, "nouid32");
	if ((bits & EXT3_DEFM_JMODE) == EXT3_DEFM_JMODE_DATA)
		apply(c, "data=journal");
	/* the rest is how this server works: attributes, ACLs, barriers, checks of blocks */
}

void options_stored(struct options *opt, const struct ext2_super_block *sb)
{
	struct context c = { .opt = opt };
	char *list = opt->given ? strdup(opt->given) : NULL;

	if (list)
		each(list, note_given, &c);
	free(list);
	apply_bits(&c, sb->s_default_mount_opts);
	list = strndup((const char *)sb->s_mount_opts, sizeof(sb->s_mount_opts));
	if (list)
		each(list, apply, &c);
	free(list);
	/* as in kernel ext4, tune2fs -e, -u and -g under a mount are for the next one */
	if (opt->errors == ERRORS_SUPERBLOCK)
		opt->errors = sb->s_errors == EXT2_ERRORS_RO ? ERRORS_REMOUNT_RO :
			      sb->s_errors == EXT2_ERRORS_PANIC ? ERRORS_PANIC : ERRORS_CONTINUE;
	if (opt->resuid < 0)
		opt->resuid = sb->s_def_resuid;
	if (opt->resgid < 0)
		opt->resgid = sb->s_def_resgid;
}
