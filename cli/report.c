// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The output of "status".  The JSON is described in fuseiomap(8): programs read it, so
 * what it says does not change its meaning.
 */
#include "report.h"

#include <fuse_iomap_kernel.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "message.h"

static const char *const probe_names[] = {
	[PROBE_UNKNOWN] = "unknown",
	[PROBE_ANSWERS] = "answers",
	[PROBE_SILENT] = "silent",
	[PROBE_ENDED] = "ended",
};

/*
 * The kernel sends CONFIG, once, when both sides have agreed on iomap, and does not
 * serve the mount before it has been answered.
 */
static bool uses_iomap(const struct control *control)
{
	return counters_of_opcode(&control->requests, FUSE_IOMAP_CONFIG) > 0;
}

static void print_field(const char *name)
{
	printf("  %-12s", name);
}

static void print_requests(const struct counters *requests)
{
	for (size_t i = 0; i < requests->nr; i++) {
		print_field(i ? "" : "requests");
		printf("%-16s %12" PRIu64 "\n", requests->counter[i].name,
		       requests->counter[i].count);
	}
}

static void print_cache(const struct counters *cache)
{
	print_field("cache");
	for (size_t i = 0; i < cache->nr; i++)
		printf("%s%s %" PRIu64, i ? ", " : "", cache->counter[i].name,
		       cache->counter[i].count);
	putchar('\n');
}

static void print_report(const struct mount_report *r)
{
	const struct control *control = &r->control;

	print_name(stdout, r->mount->point);
	putchar('\n');
	print_field("source");
	print_name(stdout, r->mount->source);
	putchar('\n');
	print_field("type");
	print_name(stdout, r->mount->type);
	putchar('\n');
	if (strcmp(r->mount->root, "/")) {
		print_field("shows");
		print_name(stdout, r->mount->root);
		putchar('\n');
	}
	print_field("iomap");
	puts(!control->has_requests ? "unknown" : uses_iomap(control) ? "on" : "off");
	print_field("connection");
	fputs(probe_names[r->probe], stdout);
	if (control->has_waiting)
		printf(", %" PRIu64 " requests waiting", control->waiting);
	putchar('\n');
	if (control->has_mappings)
		print_cache(&control->mappings);
	if (control->has_requests)
		print_requests(&control->requests);
}

void report_text(const struct mount_report *reports, size_t nr)
{
	if (!nr)
		puts("no fuseiomap mounts");
	for (size_t i = 0; i < nr; i++) {
		if (i)
			putchar('\n');
		print_report(&reports[i]);
	}
}

static struct json_object *json_counters(const struct counters *counters)
{
	struct json_object *object = json_new_object();

	for (size_t i = 0; i < counters->nr; i++)
		json_add(object, counters->counter[i].name,
			 json_new_number(counters->counter[i].count));
	return object;
}

static struct json_object *json_report(const struct mount_report *r)
{
	const struct control *control = &r->control;
	struct json_object *object = json_new_object();
	char device[24];

	snprintf(device, sizeof(device), "%" PRIu32 ":%" PRIu32, r->mount->major,
		 r->mount->minor);
	json_add_name(object, "mount", r->mount->point);
	json_add_name(object, "root", r->mount->root);
	json_add_name(object, "source", r->mount->source);
	json_add_name(object, "type", r->mount->type);
	json_add(object, "device", json_new_text(device));
	json_add(object, "iomap", control->has_requests ?
		 json_object_new_boolean(uses_iomap(control)) : NULL);
	json_add(object, "connection", json_new_text(probe_names[r->probe]));
	json_add(object, "waiting", control->has_waiting ?
		 json_new_number(control->waiting) : NULL);
	json_add(object, "cache", control->has_mappings ?
		 json_counters(&control->mappings) : NULL);
	json_add(object, "requests", control->has_requests ?
		 json_counters(&control->requests) : NULL);
	json_add(object, "error", control->error ? json_new_text(control->error) : NULL);
	return object;
}

void report_json(const struct mount_report *reports, size_t nr)
{
	struct json_object *object = json_new_object(), *mounts = json_new_array();

	for (size_t i = 0; i < nr; i++)
		json_append(mounts, json_report(&reports[i]));
	json_add(object, "mounts", mounts);
	json_print(object);
}
