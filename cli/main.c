// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuseiomap: look at mounts through the module, and at where files lie.
 *
 *	main.c		options before the subcommand
 *	status.c	"status": which mounts, what is known of each
 *	report.c	"status": as text and as JSON
 *	mountinfo.c, control.c, counters.c, opcode.c, probe.c
 *			"status": where that comes from
 *	map.c		"map": a file's mappings, as text and as JSON
 *	extents.c	"map": FIEMAP
 *	quota.c		"quota": quotas of a mount of iomap4fs, shown and set
 *	quota_print.c	"quota": as text and as JSON
 *	quota_number.c	"quota": sizes and times on the command line
 *	escape.c, message.c, json.c, number.c
 *			what they share
 *
 * Mount points, sources, types and file names are chosen by others and hold any byte;
 * they are printed by print_name() and json_add_name() only.
 */
#include <argp.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "escape.h"
#include "message.h"

const char *argp_program_version = "fuseiomap " FUSEIOMAP_VERSION;

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "map",	command_map },
	{ "quota",	command_quota },
	{ "status",	command_status },
};

/* Run the subcommand that the rest of the line starts with. */
static int run(struct argp_state *state, const char *name)
{
	int argc = state->argc - state->next + 1;
	char **argv = state->argv + state->next - 1;
	char *text;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		int status;

		if (strcmp(name, commands[i].name))
			continue;
		if (asprintf(&argv[0], "fuseiomap %s", name) < 0)
			no_memory();
		status = commands[i].run(argc, argv);
		free(argv[0]);
		return status;
	}
	text = escape_name(name, false);
	argp_error(state, "there is no command \"%s\"", text ? text : "");
	return STATUS_USAGE;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	int *status = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		*status = run(state, arg);
		/* the subcommand has had the rest */
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "a command is needed: status, map or quota");
		return EINVAL;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "status [MOUNT]...\nmap FILE...\nquota MOUNT [ID]...",
	.doc = "Look at fuse-iomap mounts, at where files lie on their device, and at quotas.\v"
	       "\"fuseiomap COMMAND --help\" lists the options of a command.\n\n"
	       "The exit status is 0 if all is well, 1 if something could not be found out, "
	       "and 2 if the command line is wrong.",
};

/* A descriptor that we open must not become somebody's standard output. */
static void fill_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

int main(int argc, char **argv)
{
	int status = STATUS_OK;

	fill_standard_descriptors();
	setlocale(LC_CTYPE, "");
	argp_err_exit_status = STATUS_USAGE;
	/* without arguments in order, options of the subcommand would come here */
	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &status))
		return STATUS_FAILED;
	return finish_output() ? STATUS_FAILED : status;
}
