// SPDX-License-Identifier: GPL-2.0-or-later
/* Memory for the compared trees; see memory.h. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "memory.h"

#define PAGE		4096
#define HUGE		((size_t)2 << 20)
#define ARENA		((size_t)1 << 30)
#define MAX_LATER	512 /* pointers in the page that kfree_rcu() collects them in */

/* kmalloc's, up to what is asked for here */
static const unsigned short classes[] = {8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048};

#define SMALL	(sizeof(classes) / sizeof(classes[0]))
#define CLASSES	(SMALL + 32) /* above those: powers of 2, from a page on */

struct object {
	struct object *next;
};

static char *arena;
static size_t used; /* bytes of the arena that were ever given out */
static unsigned char class_of_page[ARENA / PAGE];
static unsigned char class_of_size[2048 / 8 + 1];
static struct object *unused[CLASSES];
static size_t bytes;
static void *later[MAX_LATER];
static unsigned int nr_later;

static void make_arena(void)
{
	char *p = mmap(NULL, ARENA + HUGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	unsigned int i, class = 0;

	if (p == MAP_FAILED) {
		perror("memory");
		exit(1);
	}
	arena = (char *)(((uintptr_t)p + HUGE - 1) & ~(uintptr_t)(HUGE - 1));
	(void)madvise(arena, ARENA, MADV_HUGEPAGE);
	for (i = 0; i < sizeof(class_of_size); i++) {
		while (classes[class] < i * 8)
			class++;
		class_of_size[i] = class;
	}
}

void mem_reset(void)
{
	if (!arena)
		make_arena();
	memset(unused, 0, sizeof(unused));
	used = 0;
	bytes = 0;
	nr_later = 0;
}

size_t mem_bytes(void)
{
	return bytes;
}

bool mem_is_huge(void)
{
	unsigned long start, kib = 0;
	bool here = false;
	char line[512];
	FILE *f = fopen("/proc/self/smaps", "r");

	while (f && fgets(line, sizeof(line), f)) {
		/* a line with the range begins each mapping's, in small letters */
		if (sscanf(line, "%lx-%*x ", &start) == 1 && line[0] >= '0' &&
		    strcspn(line, "-") < strcspn(line, ":"))
			here = start == (uintptr_t)arena;
		else if (here && sscanf(line, "AnonHugePages: %lu", &kib) == 1)
			break;
	}
	if (f)
		fclose(f);
	return kib;
}

static size_t class_size(unsigned int class)
{
	return class < SMALL ? classes[class] : (size_t)PAGE << (class - SMALL);
}

static unsigned int class_for(size_t size)
{
	unsigned int class = SMALL;

	if (size < sizeof(class_of_size) * 8 - 7)
		return class_of_size[(size + 7) / 8];
	while (class_size(class) < size)
		class++;
	return class;
}

static void refill(unsigned int class)
{
	size_t i, size = class_size(class), pages = size < PAGE ? PAGE : size;
	char *page = arena + used;
	struct object **end = &unused[class];

	if (used + pages > ARENA) {
		fprintf(stderr, "memory: the trees take more than %zu MiB\n", ARENA >> 20);
		exit(1);
	}
	class_of_page[used / PAGE] = class;
	used += pages;
	for (i = 0; i + size <= pages; i += size) {
		*end = (struct object *)(page + i);
		end = &(*end)->next;
	}
	*end = NULL;
}

void *mem_alloc(size_t size)
{
	unsigned int class = class_for(size);
	struct object *o;

	if (!unused[class])
		refill(class);
	o = unused[class];
	unused[class] = o->next;
	bytes += class_size(class);
	return o;
}

size_t mem_room(const void *p)
{
	return class_size(class_of_page[((const char *)p - arena) / PAGE]);
}

void mem_free(void *p)
{
	unsigned int class = class_of_page[((char *)p - arena) / PAGE];
	struct object *o = p;

	o->next = unused[class];
	unused[class] = o;
	bytes -= class_size(class);
}

void mem_grace_period(void)
{
	while (nr_later)
		mem_free(later[--nr_later]);
}

void mem_free_later(void *p)
{
	if (nr_later == MAX_LATER)
		mem_grace_period();
	later[nr_later++] = p;
}
