// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * POSIX ACLs.
 *
 *	xattr:  u32 version 2, then { u16 tag, u16 perm, u32 id } each
 *	ext4:   u32 version 1, then { u16 tag, u16 perm } each, followed by
 *	        u32 id only for named users and groups
 */
#include "acl.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define XATTR_VERSION	2U
#define DISK_VERSION	1U

#define TAG_USER_OBJ	0x01
#define TAG_USER	0x02
#define TAG_GROUP_OBJ	0x04
#define TAG_GROUP	0x08
#define TAG_MASK	0x10
#define TAG_OTHER	0x20

#define ID_NONE		0xffffffffU

static bool is_named(uint16_t tag)
{
	return tag == TAG_USER || tag == TAG_GROUP;
}

/* One each of the three basic entries, a mask if there are names, in order. */
static bool is_valid(const struct acl *acl)
{
	unsigned int seen = 0;
	bool names = false;
	uint16_t last = 0;

	for (size_t i = 0; i < acl->count; i++) {
		const struct acl_entry *e = &acl->e[i];

		if (e->perm & ~7 || e->tag < last)
			return false;
		last = e->tag;
		switch (e->tag) {
		case TAG_USER_OBJ: case TAG_GROUP_OBJ: case TAG_MASK: case TAG_OTHER:
			if (seen & e->tag)
				return false;
			seen |= e->tag;
			break;
		case TAG_USER: case TAG_GROUP:
			names = true;
			break;
		default:
			return false;
		}
	}
	if ((seen & (TAG_USER_OBJ | TAG_GROUP_OBJ | TAG_OTHER)) !=
	    (TAG_USER_OBJ | TAG_GROUP_OBJ | TAG_OTHER))
		return false;
	return !names || seen & TAG_MASK;
}

static int checked(struct acl *a, struct acl **acl)
{
	if (!is_valid(a)) {
		free(a);
		return -EINVAL;
	}
	*acl = a;
	return 0;
}

int acl_from_xattr(const void *value, size_t size, struct acl **acl)
{
	const char *p = value;
	struct acl *a;
	uint32_t version;

	if (size < 4 || (size - 4) % 8)
		return -EINVAL;
	memcpy(&version, p, 4);
	if (version != XATTR_VERSION)
		return -EOPNOTSUPP;
	a = malloc(sizeof(*a) + (size - 4) / 8 * sizeof(a->e[0]));
	if (!a)
		return -ENOMEM;
	a->count = (size - 4) / 8;
	for (size_t i = 0; i < a->count; i++) {
		memcpy(&a->e[i].tag, p + 4 + i * 8, 2);
		memcpy(&a->e[i].perm, p + 6 + i * 8, 2);
		memcpy(&a->e[i].id, p + 8 + i * 8, 4);
	}
	return checked(a, acl);
}

int acl_from_disk(const void *value, size_t size, struct acl **acl)
{
	const char *p = value, *end = p + size;
	uint32_t version;
	struct acl *a;

	if (size < 4)
		return -EINVAL;
	memcpy(&version, p, 4);
	if (version != DISK_VERSION)
		return -EINVAL;
	a = malloc(sizeof(*a) + size / 4 * sizeof(a->e[0]));
	if (!a)
		return -ENOMEM;
	a->count = 0;
	for (p += 4; end - p >= 4;) {
		struct acl_entry *e = &a->e[a->count++];

		memcpy(&e->tag, p, 2);
		memcpy(&e->perm, p + 2, 2);
		e->id = ID_NONE;
		p += 4;
		if (!is_named(e->tag))
			continue;
		if (end - p < 4)
			break;
		memcpy(&e->id, p, 4);
		p += 4;
	}
	if (p != end) {
		free(a);
		return -EINVAL;
	}
	return checked(a, acl);
}

int acl_to_xattr(const struct acl *acl, void **value, size_t *size)
{
	const uint32_t version = XATTR_VERSION;
	char *p;

	*size = 4 + acl->count * 8;
	*value = p = malloc(*size);
	if (!p)
		return -ENOMEM;
	memcpy(p, &version, 4);
	for (size_t i = 0; i < acl->count; i++) {
		memcpy(p + 4 + i * 8, &acl->e[i].tag, 2);
		memcpy(p + 6 + i * 8, &acl->e[i].perm, 2);
		memcpy(p + 8 + i * 8, &acl->e[i].id, 4);
	}
	return 0;
}

int acl_to_disk(const struct acl *acl, void **value, size_t *size)
{
	const uint32_t version = DISK_VERSION;
	char *p;

	*value = p = malloc(4 + acl->count * 8);
	if (!p)
		return -ENOMEM;
	memcpy(p, &version, 4);
	p += 4;
	for (size_t i = 0; i < acl->count; i++) {
		memcpy(p, &acl->e[i].tag, 2);
		memcpy(p + 2, &acl->e[i].perm, 2);
		p += 4;
		if (is_named(acl->e[i].tag)) {
			memcpy(p, &acl->e[i].id, 4);
			p += 4;
		}
	}
	*size = p - (char *)*value;
	return 0;
}

int acl_to_mode(const struct acl *acl, mode_t *mode)
{
	const struct acl_entry *mask = NULL;
	mode_t m = 0;
	int more = 0;

	for (size_t i = 0; i < acl->count; i++) {
		const struct acl_entry *e = &acl->e[i];

		switch (e->tag) {
		case TAG_USER_OBJ:
			m |= e->perm << 6;
			break;
		case TAG_GROUP_OBJ:
			m |= e->perm << 3;
			break;
		case TAG_OTHER:
			m |= e->perm;
			break;
		case TAG_MASK:
			mask = e;
			more = 1;
			break;
		default:
			more = 1;
		}
	}
	if (mask)
		m = (m & ~070) | mask->perm << 3;
	*mode = (*mode & ~0777) | m;
	return more;
}

static struct acl_entry *group_class(struct acl *acl)
{
	struct acl_entry *group = NULL;

	for (size_t i = 0; i < acl->count; i++) {
		if (acl->e[i].tag == TAG_MASK)
			return &acl->e[i];
		if (acl->e[i].tag == TAG_GROUP_OBJ)
			group = &acl->e[i];
	}
	return group;
}

void acl_chmod(struct acl *acl, mode_t mode)
{
	for (size_t i = 0; i < acl->count; i++) {
		if (acl->e[i].tag == TAG_USER_OBJ)
			acl->e[i].perm = mode >> 6 & 7;
		else if (acl->e[i].tag == TAG_OTHER)
			acl->e[i].perm = mode & 7;
	}
	group_class(acl)->perm = mode >> 3 & 7;
}

void acl_create(struct acl *acl, mode_t *mode)
{
	struct acl_entry *group = group_class(acl);
	mode_t m = *mode;

	for (size_t i = 0; i < acl->count; i++) {
		struct acl_entry *e = &acl->e[i];

		if (e->tag == TAG_USER_OBJ) {
			e->perm &= m >> 6;
			m &= e->perm << 6 | ~(mode_t)0700;
		} else if (e->tag == TAG_OTHER) {
			e->perm &= m;
			m &= e->perm | ~(mode_t)07;
		}
	}
	group->perm &= m >> 3;
	m &= group->perm << 3 | ~(mode_t)070;
	*mode = m;
}
