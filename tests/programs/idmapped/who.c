// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whose process it is: [N]UID:GID[,GID...][+CAPS]. User 0 has all capabilities, others
 * those whose letters are given:
 *
 *	c CHOWN  d DAC_OVERRIDE  i LINUX_IMMUTABLE  m MKNOD  o FOWNER  s FSETID
 */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "idmapped.h"

#define MAX_GROUPS	8

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(2);
}

static uint32_t capability(char letter)
{
	switch (letter) {
	case 'c':
		return 1U << CAP_CHOWN;
	case 'd':
		return 1U << CAP_DAC_OVERRIDE;
	case 'i':
		return 1U << CAP_LINUX_IMMUTABLE;
	case 'm':
		return 1U << CAP_MKNOD;
	case 'o':
		return 1U << CAP_FOWNER;
	case 's':
		return 1U << CAP_FSETID;
	default:
		errno = EINVAL;
		must(false, "capability");
		return 0;
	}
}

void who_become(const char *who, int userns)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2] = { 0 };
	gid_t gid, groups[MAX_GROUPS];
	size_t nr = 0;
	uint32_t mask = 0;
	uid_t uid;
	char *p;

	if (*who == 'N') {
		must(!setns(userns, CLONE_NEWUSER), "setns");
		who++;
	}
	uid = strtoul(who, &p, 10);
	errno = EINVAL;
	must(*p == ':', who);
	gid = strtoul(p + 1, &p, 10);
	while (*p == ',' && nr < MAX_GROUPS)
		groups[nr++] = strtoul(p + 1, &p, 10);
	if (*p == '+')
		while (*++p)
			mask |= capability(*p);
	errno = EINVAL;
	must(!*p, who);

	must(!setgroups(nr, groups), "setgroups");
	must(!setresgid(gid, gid, gid), "setresgid");
	must(!prctl(PR_SET_KEEPCAPS, 1), "PR_SET_KEEPCAPS");
	must(!setresuid(uid, uid, uid), "setresuid");
	if (!uid)
		return;
	caps[0].permitted = caps[0].effective = mask;
	must(!syscall(SYS_capset, &header, caps), "capset");
}
