/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The subcommands.
 */
#ifndef FUSEIOMAP_COMMAND_H
#define FUSEIOMAP_COMMAND_H

enum {
	STATUS_OK = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
};

/* @argv[0] is what the usage calls the program.  They return the exit status. */
int command_status(int argc, char **argv);
int command_map(int argc, char **argv);
int command_quota(int argc, char **argv);

#endif
