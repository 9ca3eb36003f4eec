// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ACLs as text: u::rwx,u:1:r,g::rx,g:2:-,m::rwx,o::- in this order, "none" for no ACL.
 *
 *	xattr: u32 version 2, then { u16 tag, u16 perm, u32 id } each
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "idmapped.h"

#define MAX_ENTRIES	32

struct acl {
	uint32_t version;
	struct {
		uint16_t tag, perm;
		uint32_t id;
	} e[MAX_ENTRIES];
};

static const struct {
	char letter;
	uint16_t plain, named;
} tags[] = {
	{ 'u', 0x01, 0x02 }, { 'g', 0x04, 0x08 }, { 'm', 0x10, 0 }, { 'o', 0x20, 0 },
};

#define NR_TAGS	(sizeof(tags) / sizeof(tags[0]))

static const char *name_of(const char *which)
{
	return !strcmp(which, "default") ? "system.posix_acl_default" :
					   "system.posix_acl_access";
}

/* The number of entries, or -1. */
static int parse(const char *text, struct acl *acl)
{
	const char *p = text;
	int nr = 0;

	acl->version = 2;
	while (*p && nr < MAX_ENTRIES) {
		size_t t = 0;
		char *end;

		while (t < NR_TAGS && tags[t].letter != *p)
			t++;
		if (t == NR_TAGS || p[1] != ':')
			return -1;
		acl->e[nr].id = strtoul(p + 2, &end, 10);
		acl->e[nr].tag = end > p + 2 ? tags[t].named : tags[t].plain;
		if (end == p + 2)
			acl->e[nr].id = UINT32_MAX;
		acl->e[nr].perm = 0;
		if (*end != ':')
			return -1;
		for (p = end + 1; *p && *p != ','; p++)
			acl->e[nr].perm |= *p == 'r' ? 4 : *p == 'w' ? 2 : *p == 'x';
		if (*p)
			p++;
		nr++;
	}
	return nr;
}

int acl_set(const char *path, const char *which, const char *text)
{
	struct acl acl;
	int nr;

	if (!strcmp(text, "none"))
		return removexattr(path, name_of(which));
	nr = parse(text, &acl);
	if (nr < 0) {
		errno = EBADMSG;
		return -1;
	}
	return setxattr(path, name_of(which), &acl, offsetof(struct acl, e) + nr * sizeof(acl.e[0]),
			0);
}

int acl_print(const char *path, const char *which)
{
	struct acl acl;
	ssize_t len = getxattr(path, name_of(which), &acl, sizeof(acl));

	if (len < 0)
		return -1;
	for (size_t i = 0; i < (len - offsetof(struct acl, e)) / sizeof(acl.e[0]); i++) {
		size_t t = 0;

		while (t < NR_TAGS && tags[t].plain != acl.e[i].tag &&
		       (!tags[t].named || tags[t].named != acl.e[i].tag))
			t++;
		printf("%s%c:", i ? "," : "", t < NR_TAGS ? tags[t].letter : '?');
		if (t < NR_TAGS && tags[t].plain != acl.e[i].tag)
			printf("%u", acl.e[i].id);
		printf(":%s%s%s", acl.e[i].perm & 4 ? "r" : "", acl.e[i].perm & 2 ? "w" : "",
		       acl.e[i].perm & 1 ? "x" : "");
	}
	return 0;
}
