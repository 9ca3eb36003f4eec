// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The memory of the machine, or of the smallest of the cgroups around this process.
 *
 * A line of /proc/self/cgroup names the process's place in a hierarchy, "0::/a/b"
 * for v2, "4:memory:/a/b" for v1.  Every group from there up to the root may have a
 * limit, and in v2 another one, memory.high, from which on its processes are slowed down
 * and their memory is taken back: that is as good as the end.  In a container the file system
 * may show only a part of the hierarchy: a folder that isn't there is passed over.
 */
#include "memory.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* a part of the memory, and bounds, bytes */
#define CACHE_PART	32
#define CACHE_MIN	(4ULL << 20)
#define CACHE_MAX	(256ULL << 20)

static bool read_number(const char *path, uint64_t *n)
{
	FILE *f = fopen(path, "re");
	bool found;

	if (!f)
		return false;
	/* "max" is none */
	found = fscanf(f, "%" SCNu64, n) == 1;
	fclose(f);
	return found;
}

static uint64_t machine(const char *root)
{
	char path[PATH_MAX], line[128];
	uint64_t kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/proc/meminfo", root);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (!kib && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemTotal: %" SCNu64, &kib) != 1)
			kib = 0;
	fclose(f);
	return kib << 10;
}

/* The group's path in the hierarchy of v2 or, if @v1, of the memory controller. */
static bool own_group(const char *root, bool v1, char *group, size_t size)
{
	char path[PATH_MAX], line[PATH_MAX + 64];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f)) {
		char *controllers = strchr(line, ':');
		char *place = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!place)
			continue;
		*place++ = '\0';
		controllers++;
		place[strcspn(place, "\n")] = '\0';
		found = v1 ? !strcmp(controllers, "memory") : !*controllers;
		if (found && snprintf(group, size, "%s", place) >= (int)size)
			found = false;
	}
	fclose(f);
	return found;
}

/* The smallest of @files, of @group and those above it.  @group is used up. */
static void smallest(const char *mount, char *group, const char *const *files, uint64_t *limit)
{
	char path[2 * PATH_MAX];
	uint64_t n;

	for (;;) {
		char *end = strrchr(group, '/');

		for (size_t i = 0; files[i]; i++) {
			snprintf(path, sizeof(path), "%s%s/%s", mount, group, files[i]);
			if (read_number(path, &n) && n && n < *limit)
				*limit = n;
		}
		if (!*group)
			return;
		if (!end)
			end = group;
		*end = '\0';
	}
}

/* The second beside hierarchies of version 1 */
static const char *const v2_mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

#define NR_V2_MOUNTS	(sizeof(v2_mounts) / sizeof(v2_mounts[0]))

uint64_t memory_limit(const char *root)
{
	static const char *const v2_files[] = { "memory.max", "memory.high", NULL };
	static const char *const v1_files[] = { "memory.limit_in_bytes", NULL };
	char group[PATH_MAX], mount[PATH_MAX];
	uint64_t total = machine(root), limit = total ? total : UINT64_MAX;

	for (size_t i = 0; i < NR_V2_MOUNTS; i++) {
		if (!own_group(root, false, group, sizeof(group)))
			break;
		snprintf(mount, sizeof(mount), "%s%s", root, v2_mounts[i]);
		smallest(mount, group, v2_files, &limit);
	}
	if (own_group(root, true, group, sizeof(group))) {
		snprintf(mount, sizeof(mount), "%s/sys/fs/cgroup/memory", root);
		smallest(mount, group, v1_files, &limit);
	}
	return limit == UINT64_MAX ? 0 : limit;
}

uint64_t memory_cache_size(const char *root)
{
	uint64_t size = memory_limit(root) / CACHE_PART;

	if (size < CACHE_MIN)
		return CACHE_MIN;
	return size > CACHE_MAX ? CACHE_MAX : size;
}

bool memory_pressure_file(const char *root, char *path, size_t size)
{
	char group[PATH_MAX];

	/* the root's is the machine's */
	if (!own_group(root, false, group, sizeof(group)) || !strcmp(group, "/"))
		return false;
	for (size_t i = 0; i < NR_V2_MOUNTS; i++)
		if (snprintf(path, size, "%s%s%s/memory.pressure", root, v2_mounts[i], group) <
		    (int)size && !access(path, F_OK))
			return true;
	return false;
}
