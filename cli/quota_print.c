// SPDX-License-Identifier: GPL-2.0-or-later
/* "fuseiomap quota": what it shows, as a table and as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "json.h"
#include "message.h"
#include "quota.h"

const char *const quota_kinds[QUOTA_KINDS] = { "user", "group", "project" };

static const char *limit(__u64 n, char buf[24])
{
	if (!n)
		return "-";
	snprintf(buf, 24, "%" PRIu64, (uint64_t)n);
	return buf;
}

/* Seconds as days, hours and so on, the two largest of them */
static const char *span(__u64 n, char buf[24])
{
	uint64_t days = n / 86400, hours = n / 3600 % 24, minutes = n / 60 % 60;

	if (days)
		snprintf(buf, 24, "%" PRIu64 "d%02" PRIu64 "h", days, hours);
	else if (hours)
		snprintf(buf, 24, "%" PRIu64 "h%02" PRIu64 "m", hours, minutes);
	else
		snprintf(buf, 24, "%" PRIu64 "m%02us", minutes, (unsigned int)(n % 60));
	return buf;
}

static const char *timer(__u64 until, char buf[24])
{
	uint64_t now = (uint64_t)time(NULL);

	if (!until)
		return "-";
	return until <= now ? "over" : span(until - now, buf);
}

static void print_one(const struct iomap4fs_quota *q)
{
	char a[24], b[24], c[24], d[24], e[24], f[24];

	printf("%10" PRIu32 " %15" PRIu64 " %15s %15s %8s %10" PRIu64 " %10s %10s %8s\n", q->id,
	       (uint64_t)q->space, limit(q->space_soft, a), limit(q->space_hard, b),
	       timer(q->space_timer, c), (uint64_t)q->inodes, limit(q->inodes_soft, d),
	       limit(q->inodes_hard, e), timer(q->inodes_timer, f));
}

void quota_print(const char *mount, const struct quota_report *reports, size_t nr)
{
	char a[24], b[24];

	for (size_t i = 0; i < nr; i++) {
		const struct quota_report *r = &reports[i];

		if (i)
			putchar('\n');
		print_name(stdout, mount);
		printf(": %s quotas, limits are %s, grace periods %s for space, %s for inodes\n",
		       quota_kinds[r->kind],
		       r->info.flags & IOMAP4FS_QUOTA_ENFORCED ? "enforced" : "not enforced",
		       span(r->info.space_grace, a), span(r->info.inode_grace, b));
		printf("%10s %15s %15s %15s %8s %10s %10s %10s %8s\n", "ID", "SPACE", "SOFT",
		       "HARD", "GRACE", "INODES", "SOFT", "HARD", "GRACE");
		for (size_t j = 0; j < r->nr; j++)
			print_one(&r->quota[j]);
	}
}

static struct json_object *to_json(const struct iomap4fs_quota *q)
{
	struct json_object *o = json_new_object();

	json_add(o, "id", json_new_number(q->id));
	json_add(o, "space", json_new_number(q->space));
	json_add(o, "space_soft", json_new_number(q->space_soft));
	json_add(o, "space_hard", json_new_number(q->space_hard));
	json_add(o, "space_timer", json_new_number(q->space_timer));
	json_add(o, "inodes", json_new_number(q->inodes));
	json_add(o, "inodes_soft", json_new_number(q->inodes_soft));
	json_add(o, "inodes_hard", json_new_number(q->inodes_hard));
	json_add(o, "inodes_timer", json_new_number(q->inodes_timer));
	return o;
}

void quota_print_json(const char *mount, const struct quota_report *reports, size_t nr)
{
	struct json_object *o = json_new_object(), *kinds = json_new_array();

	json_add_name(o, "mount", mount);
	for (size_t i = 0; i < nr; i++) {
		const struct quota_report *r = &reports[i];
		struct json_object *kind = json_new_object(), *list = json_new_array();
		bool enforced = r->info.flags & IOMAP4FS_QUOTA_ENFORCED;

		json_add(kind, "kind", json_new_text(quota_kinds[r->kind]));
		json_add(kind, "enforced", json_object_new_boolean(enforced));
		json_add(kind, "space_grace", json_new_number(r->info.space_grace));
		json_add(kind, "inodes_grace", json_new_number(r->info.inode_grace));
		for (size_t j = 0; j < r->nr; j++)
			json_append(list, to_json(&r->quota[j]));
		json_add(kind, "quotas", list);
		json_append(kinds, kind);
	}
	json_add(o, "kinds", kinds);
	json_print(o);
}
