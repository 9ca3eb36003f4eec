// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Measure the module's extent tree beside the kernel's xfs_iext_tree.c.
 * usage: bench [--check] [--only MAPPINGS] JSON-FILE
 *
 * Both trees take turns in one process, on one processor; each figure is the least
 * of the rounds, as whatever disturbs a measurement makes it longer.  Before each
 * round of each tree memory starts over, so that both find it in the same state.
 * Small trees are built and taken down many times in a round.
 *
 * Both trees have to find the same, or there is no result.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "memory.h"
#include "subject.h"

#define TREES	2
#define SIZES	(sizeof(sizes) / sizeof(sizes[0]))
#define ORDERS	2
#define LOOKUPS ((size_t)1 << 17)
#define CHUNKS	8 /* of so many random lookups are timed one by one */
#define PASSES	3 /* as are passes through all mappings */

enum figure { RANDOM, SEQUENTIAL, INSERT, REMOVE, BYTES, CHAINED, WALK, FIGURES };

static const struct subject *const subjects[TREES] = {
	&extent_tree_subject,
	&xfs_iext_tree_subject,
};
static const size_t sizes[] = {1000, 100 * 1000, 1000 * 1000, 10 * 1000 * 1000};
static const char *const orders[ORDERS] = {"ordered", "random"};
static const char *const titles[FIGURES] = {
	"random lookup", "sequential lookup", "insert", "remove", "bytes/mapping",
	"chained lookup", "walk",
};

struct result {
	double figure[TREES][FIGURES];
	uint64_t sum[TREES];
};

/* Time that this thread has run: what it waited for the processor does not count. */
static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static void least(double *figure, double x)
{
	if (!*figure || x < *figure)
		*figure = x;
}

/* How often a tree is built and taken down in a round: that there is something to measure. */
static size_t times_of(size_t nr)
{
	return nr < 200 * 1000 ? 200 * 1000 / nr : 1;
}

/*
 * An order for each time: a processor that sees the same one again and again learns
 * which way the branches of small trees go.
 */
static uint32_t *make_orders(size_t nr, bool random)
{
	size_t times = times_of(nr), i, t;
	uint32_t *orders_made = malloc(nr * times * sizeof(*orders_made));
	uint64_t state = 1;

	if (!orders_made) {
		perror("bench");
		exit(1);
	}
	for (t = 0; t < times; t++) {
		uint32_t *order = orders_made + t * nr;

		for (i = 0; i < nr; i++)
			order[i] = i;
		for (i = nr - 1; random && i; i--) {
			size_t j = random_block(&state, i + 1, 0);
			uint32_t swap = order[i];

			order[i] = order[j];
			order[j] = swap;
		}
	}
	return orders_made;
}

/* One round of one tree.  Returns a sum of what it found. */
static uint64_t round_of(const struct subject *s, const uint32_t *order, size_t nr,
			 double *figure)
{
	size_t i, times = times_of(nr);
	double start, insert = 0, take_out = 0;
	unsigned int pass;
	uint64_t sum = 0;

	mem_reset();
	for (i = 0; i < times; i++) {
		s->init();
		start = now();
		s->insert(order, nr);
		insert += now() - start;
		if (i + 1 == times)
			break;
		start = now();
		s->remove(order, nr);
		take_out += now() - start;
		order += nr;
	}
	mem_grace_period();
	if (s->bytes() && s->bytes() != mem_bytes()) {
		fprintf(stderr, "bench: %s says it has %zu bytes, of %zu allocated\n", s->name,
			s->bytes(), mem_bytes());
		exit(1);
	}
	figure[BYTES] = (double)mem_bytes() / nr;

	for (i = 0; i < CHUNKS; i++) {
		start = now();
		sum += s->lookup_random(nr, LOOKUPS);
		least(&figure[RANDOM], (now() - start) / LOOKUPS);
	}
	for (i = 0; i < CHUNKS; i++) {
		start = now();
		sum += s->lookup_chained(nr, LOOKUPS);
		least(&figure[CHAINED], (now() - start) / LOOKUPS);
	}
	for (pass = 0; pass < PASSES; pass++) {
		start = now();
		for (i = 0; i < times; i++)
			sum += s->lookup_ascending(nr);
		least(&figure[SEQUENTIAL], (now() - start) / (nr * times));
	}
	for (pass = 0; pass < PASSES; pass++) {
		start = now();
		for (i = 0; i < times; i++)
			sum += s->walk(nr);
		least(&figure[WALK], (now() - start) / (nr * times));
	}

	start = now();
	s->remove(order, nr);
	take_out += now() - start;
	mem_grace_period();
	if (mem_bytes()) {
		fprintf(stderr, "bench: %s keeps %zu bytes for nothing\n", s->name, mem_bytes());
		exit(1);
	}
	least(&figure[INSERT], insert / (nr * times));
	least(&figure[REMOVE], take_out / (nr * times));
	return sum;
}

static void measure(struct result *r, size_t nr, bool random)
{
	uint32_t *order = make_orders(nr, random);
	unsigned int rounds = nr > 1000 * 1000 ? 3 : 7, i, tree;
	uint64_t sum[TREES];

	while (rounds--) {
		for (i = 0; i < TREES; i++) {
			/* who comes first takes turns, too */
			tree = (i + rounds) % TREES;
			sum[tree] = round_of(subjects[tree], order, nr, r->figure[tree]);
		}
		if (sum[0] != sum[1]) {
			fprintf(stderr, "bench: the trees did not find the same\n");
			exit(1);
		}
	}
	free(order);
}

/* What the figure may be: a ratio to the other tree's, or bytes; 0: anything. */
static double target(enum figure f, size_t nr, bool random)
{
	switch (f) {
	case RANDOM:
		return nr == 1000 * 1000 ? 0.45 : 0;
	case SEQUENTIAL:
		return 0.5;
	case INSERT:
	case REMOVE:
		return 0.7;
	case BYTES:
		return random ? 28 : 20;
	default:
		return 0;
	}
}

static bool print(const struct result *r, size_t nr, bool random)
{
	bool good = true;
	enum figure f;

	for (f = 0; f < FIGURES; f++) {
		double ours = r->figure[0][f], theirs = r->figure[1][f];
		double limit = target(f, nr, random);
		double value = f == BYTES ? ours : ours / theirs;

		printf("%9zu  %-8s %-18s %8.1f %8.1f %7.2f", nr, orders[random], titles[f], ours,
		       theirs, ours / theirs);
		if (limit)
			printf("  %6g%s  %s", limit, f == BYTES ? " B" : "  ",
			       value <= limit ? "PASS" : "over");
		printf("\n");
		good = good && (!limit || value <= limit);
	}
	return good;
}

static void write_row(FILE *f, const char *structure, size_t nr, const char *order,
		      const double *figure, bool last)
{
	fprintf(f,
		"    {\"structure\": \"%s\", \"mappings\": %zu, \"order\": \"%s\", "
		"\"random_lookup_ns\": %.2f, \"sequential_lookup_ns\": %.2f, "
		"\"insert_ns\": %.2f, \"remove_ns\": %.2f, \"bytes_per_mapping\": %.2f}%s\n",
		structure, nr, order, figure[RANDOM], figure[SEQUENTIAL], figure[INSERT],
		figure[REMOVE], figure[BYTES], last ? "" : ",");
}

static void bind_to_one_processor(void)
{
	int cpu = sched_getcpu();
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu < 0 ? 0 : cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

int main(int argc, char **argv)
{
	static struct result results[SIZES][ORDERS];
	bool check = false, good = true;
	size_t only = 0, i, order, tree;
	FILE *json;

	while (argc > 2 && argv[1][0] == '-') {
		if (!strcmp(argv[1], "--check")) {
			check = true;
		} else if (!strcmp(argv[1], "--only")) {
			only = strtoull(argv[2], NULL, 0);
			argc--, argv++;
		} else {
			break;
		}
		argc--, argv++;
	}
	if (argc != 2) {
		fprintf(stderr, "usage: bench [--check] [--only MAPPINGS] JSON-FILE\n");
		return 2;
	}
	bind_to_one_processor();

	printf("%9s  %-8s %-18s %8s %8s %7s  %s\n", "mappings", "built", "ns each", "ours", "XFS's",
	       "ratio", "target");
	for (i = 0; i < SIZES; i++) {
		for (order = 0; order < ORDERS; order++) {
			if (only && only != sizes[i])
				continue;
			measure(&results[i][order], sizes[i], order);
			good &= print(&results[i][order], sizes[i], order);
			fflush(stdout);
		}
	}
	if (!mem_is_huge())
		printf("(without huge pages, unlike in a kernel: both wait for the TLB)\n");

	json = fopen(argv[1], "w");
	if (!json) {
		perror(argv[1]);
		return 1;
	}
	fprintf(json, "{\n  \"rows\": [\n");
	for (i = 0; i < SIZES; i++) {
		for (order = 0; order < ORDERS; order++) {
			for (tree = 0; tree < TREES; tree++) {
				if (only && only != sizes[i])
					continue;
				write_row(json, subjects[tree]->name, sizes[i], orders[order],
					  results[i][order].figure[tree],
					  (only || i + 1 == SIZES) && order + 1 == ORDERS &&
						  tree + 1 == TREES);
			}
		}
	}
	fprintf(json, "  ]\n}\n");
	if (fclose(json)) {
		perror(argv[1]);
		return 1;
	}
	return check && !good;
}
