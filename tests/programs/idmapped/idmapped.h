/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of idmapped share. */
#ifndef IDMAPPED_H
#define IDMAPPED_H

#include <stddef.h>

/* userns.c: a user namespace with the ids of MAP; exits on failure */
int userns_open(const char *map);

/* who.c: become who a line says, exits on failure */
void who_become(const char *who, int userns);

/* acl.c: ACLs as text; 0 or -1 with errno */
int acl_set(const char *path, const char *which, const char *text);
int acl_print(const char *path, const char *which);

/* ops.c */
int op_run(int argc, char **argv);
void op_views(int count, char **dirs);

#endif /* IDMAPPED_H */
