// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How much memory there is: the machine's, or that of the smallest cgroup around the
 * process, of either version, as files of a /proc and /sys made up here say.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

#define MIB	(1ULL << 20)

static char root[] = "/tmp/memory.XXXXXX";
static int failures;

/* Write @text to @name, with the folders above it. */
static void put(const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", root, name);
	for (char *p = path + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (mkdir(path, 0700) && errno != EEXIST) {
			perror(path);
			exit(1);
		}
		*p = '/';
	}
	f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f)) {
		perror(path);
		exit(1);
	}
}

static void expect(const char *what, uint64_t want, uint64_t got)
{
	if (want == got)
		return;
	printf("FAILED: %s: %llu, not %llu\n", what, (unsigned long long)got,
	       (unsigned long long)want);
	failures++;
}

static void start_again(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s/proc %s/sys", root, root);
	if (system(command))
		exit(1);
}

int main(void)
{
	char path[256], want[256];

	if (!mkdtemp(root)) {
		perror(root);
		return 1;
	}
	expect("nothing known", 0, memory_limit(root));
	expect("a cache all the same", 4 * MIB, memory_cache_size(root));

	put("/proc/meminfo", "MemTotal:        2097152 kB\nMemFree: 1 kB\n");
	expect("no cgroups", 2048 * MIB, memory_limit(root));
	expect("a part of it", 64 * MIB, memory_cache_size(root));

	put("/proc/self/cgroup", "0::/a/b c/d\n");
	expect("a group that isn't seen", 2048 * MIB, memory_limit(root));
	put("/sys/fs/cgroup/a/b c/d/memory.max", "max\n");
	put("/sys/fs/cgroup/a/b c/memory.max", "268435456\n");
	put("/sys/fs/cgroup/a/memory.max", "536870912\n");
	expect("the smallest above", 256 * MIB, memory_limit(root));
	put("/sys/fs/cgroup/a/b c/d/memory.max", "134217728\n");
	expect("the own", 128 * MIB, memory_limit(root));
	expect("no less than a minimum", 4 * MIB, memory_cache_size(root));
	put("/sys/fs/cgroup/a/b c/d/memory.high", "max\n");
	expect("no limit from which it is slowed down", 128 * MIB, memory_limit(root));
	put("/sys/fs/cgroup/a/b c/memory.high", "100663296\n");
	expect("slowed down before the end", 96 * MIB, memory_limit(root));
	put("/sys/fs/cgroup/a/b c/d/memory.high", "67108864\n");
	expect("the own, slowed down", 64 * MIB, memory_limit(root));
	put("/sys/fs/cgroup/a/b c/memory.high", "max\n");
	put("/sys/fs/cgroup/a/b c/d/memory.high", "268435456\n");
	expect("slowed down behind the end", 128 * MIB, memory_limit(root));
	put("/sys/fs/cgroup/a/b c/d/memory.max", "8589934592\n");
	put("/sys/fs/cgroup/a/b c/d/memory.high", "max\n");
	put("/sys/fs/cgroup/a/b c/memory.max", "max\n");
	put("/sys/fs/cgroup/a/memory.max", "max\n");
	expect("more than the machine has", 2048 * MIB, memory_limit(root));

	if (memory_pressure_file(root, path, sizeof(path)))
		expect("no file about pressure", 0, 1);
	put("/sys/fs/cgroup/a/b c/d/memory.pressure", "some avg10=0.00\n");
	snprintf(want, sizeof(want), "%s/sys/fs/cgroup/a/b c/d/memory.pressure", root);
	expect("the file about pressure", 1, memory_pressure_file(root, path, sizeof(path)) &&
	       !strcmp(path, want));

	start_again();
	put("/proc/meminfo", "MemTotal:       67108864 kB\n");
	put("/proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/no\n3:memory:/x/y\n0::/\n");
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	put("/sys/fs/cgroup/memory/x/y/memory.limit_in_bytes", "1073741824\n");
	expect("version 1", 1024 * MIB, memory_limit(root));
	put("/proc/self/cgroup", "3:memory:/x/y\n0::/z\n");
	put("/sys/fs/cgroup/unified/z/memory.pressure", "some avg10=0.00\n");
	snprintf(want, sizeof(want), "%s/sys/fs/cgroup/unified/z/memory.pressure", root);
	expect("about pressure beside version 1", 1,
	       memory_pressure_file(root, path, sizeof(path)) && !strcmp(path, want));
	put("/proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/no\n3:memory:/x/y\n0::/\n");
	put("/sys/fs/cgroup/memory/x/y/memory.limit_in_bytes", "9223372036854771712\n");
	expect("version 1 without a limit", 65536 * MIB, memory_limit(root));
	expect("no more than a maximum", 256 * MIB, memory_cache_size(root));
	put("/sys/fs/cgroup/memory.max", "33554432\n");
	expect("the root of a container", 32 * MIB, memory_limit(root));
	put("/sys/fs/cgroup/memory.pressure", "some avg10=0.00\n");
	if (memory_pressure_file(root, path, sizeof(path)))
		expect("the root's file is the machine's", 0, 1);

	start_again();
	rmdir(root);
	return failures ? 1 : 0;
}
