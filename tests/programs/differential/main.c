// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Command line and main loop; differential.h says what this program is.
 * Exit status: 0 no difference, 1 a difference, 2 trouble of another kind.
 */
#include "differential.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct params {
	uint64_t seed;
	unsigned int ops, stop_at, check_every, inject_at;
	const char *log, *replay, *inject;
	bool keep;
};

enum {
	OPT_DIR_A = 256, OPT_DIR_B, OPT_SEED, OPT_OPS, OPT_FILES, OPT_MAX_SIZE, OPT_MAX_LEN,
	OPT_ALIGN, OPT_SKIP, OPT_ONLY, OPT_LOG, OPT_REPLAY, OPT_STOP, OPT_CHECK, OPT_INJECT,
	OPT_KEEP, OPT_NO_DIRECT, OPT_NO_HOLES, OPT_FILL, OPT_VERBOSE, OPT_LIST, OPT_HELP,
};

static const struct option options[] = {
	{ "dir-a", required_argument, NULL, OPT_DIR_A },
	{ "dir-b", required_argument, NULL, OPT_DIR_B },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "ops", required_argument, NULL, OPT_OPS },
	{ "files", required_argument, NULL, OPT_FILES },
	{ "max-size", required_argument, NULL, OPT_MAX_SIZE },
	{ "max-len", required_argument, NULL, OPT_MAX_LEN },
	{ "dio-align", required_argument, NULL, OPT_ALIGN },
	{ "skip", required_argument, NULL, OPT_SKIP },
	{ "only", required_argument, NULL, OPT_ONLY },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "replay", required_argument, NULL, OPT_REPLAY },
	{ "stop-at", required_argument, NULL, OPT_STOP },
	{ "check-every", required_argument, NULL, OPT_CHECK },
	{ "inject", required_argument, NULL, OPT_INJECT },
	{ "keep", no_argument, NULL, OPT_KEEP },
	{ "no-direct", no_argument, NULL, OPT_NO_DIRECT },
	{ "no-holes", no_argument, NULL, OPT_NO_HOLES },
	{ "mmap-may-fill", no_argument, NULL, OPT_FILL },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "list", no_argument, NULL, OPT_LIST },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 }
};

static const char usage_text[] =
"usage: differential --dir-a DIR --dir-b DIR [OPTION]...\n"
"Applies the same random operations to both directories and compares them.\n"
"  --seed N         of the sequence (default: from the clock; printed)\n"
"  --ops N          operations (10000)\n"
"  --files N        names a directory (6, at most 64)\n"
"  --max-size N     of a file, bytes (1 MiB)\n"
"  --max-len N      of an operation, bytes (64 KiB)\n"
"  --dio-align N    sector size of direct I/O, bytes (512)\n"
"  --skip OP        leave an operation out (again for more); --list names them\n"
"  --only OP        run only this and the other --only operations, and open\n"
"  --check-every N  compare everything after each N operations (500)\n"
"  --log FILE       write each operation to FILE before it is run\n"
"  --replay FILE    run the operations of a log instead of random ones\n"
"  --stop-at N      stop after operation N\n"
"  --inject KIND@N  at operation N change B: byte, size, mode, hole or name\n"
"  --no-direct      no direct I/O\n"
"  --no-holes       do not compare maps of holes, nor odd direct I/O\n"
"  --mmap-may-fill  A may have data for holes of files written by mmap; no odd direct I/O\n"
"  --keep           leave the files there\n"
"  --verbose        show each operation and its result\n";

static __attribute__((noreturn, format(printf, 1, 2))) void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fprintf(stderr, "differential: ");
	vfprintf(stderr, fmt, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(2);
}

static uint64_t number(const char *text, uint64_t min, uint64_t max)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end || value < min || value > max)
		die("'%s' is not a number from %llu to %llu", text, (unsigned long long)min,
		    (unsigned long long)max);
	return value;
}

static int op_or_die(const char *name)
{
	int type = op_type_by_name(name);

	if (type < 0)
		die("there is no operation '%s', see --list", name);
	return type;
}

static void parse(struct world *w, struct params *p, int argc, char **argv)
{
	bool only = false;
	char *at;
	int c, i;

	for (i = 0; i < NR_OPS; i++)
		w->enabled[i] = true;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case OPT_DIR_A: w->side[0].path = optarg; break;
		case OPT_DIR_B: w->side[1].path = optarg; break;
		case OPT_SEED: p->seed = number(optarg, 0, UINT64_MAX); break;
		case OPT_OPS: p->ops = number(optarg, 1, 1U << 30); break;
		case OPT_FILES: w->files = number(optarg, 1, MAX_FILES); break;
		case OPT_MAX_SIZE: w->max_size = number(optarg, 65536, 1ULL << 40); break;
		case OPT_MAX_LEN: w->max_len = number(optarg, 16384, 1 << 26); break;
		case OPT_ALIGN: w->dio_align = number(optarg, 512, BUF_ALIGN); break;
		case OPT_LOG: p->log = optarg; break;
		case OPT_REPLAY: p->replay = optarg; break;
		case OPT_STOP: p->stop_at = number(optarg, 0, 1U << 30); break;
		case OPT_CHECK: p->check_every = number(optarg, 1, 1U << 30); break;
		case OPT_KEEP: p->keep = true; break;
		case OPT_NO_DIRECT:
			w->no_direct = true;
			w->enabled[OP_DREAD] = w->enabled[OP_DWRITE] = false;
			break;
		case OPT_NO_HOLES: w->no_holes = true; break;
		case OPT_FILL: w->mmap_may_fill = true; break;
		case OPT_VERBOSE: w->verbose = true; break;
		case OPT_SKIP: w->enabled[op_or_die(optarg)] = false; break;
		case OPT_ONLY:
			for (i = 0; i < NR_OPS && !only; i++)
				w->enabled[i] = i == OP_OPEN || i == OP_CHECK;
			only = true;
			w->enabled[op_or_die(optarg)] = true;
			break;
		case OPT_INJECT:
			at = strchr(optarg, '@');
			if (!at)
				die("--inject takes KIND@N");
			p->inject_at = number(at + 1, 1, 1U << 30);
			*at = 0;
			p->inject = optarg;
			break;
		case OPT_LIST:
			for (i = 0; i < NR_OPS; i++)
				puts(op_desc[i].name);
			exit(0);
		case OPT_HELP:
			fputs(usage_text, stdout);
			exit(0);
		default:
			fputs(usage_text, stderr);
			exit(2);
		}
	}
	if (optind != argc || !w->side[0].path || !w->side[1].path) {
		fputs(usage_text, stderr);
		exit(2);
	}
}

static void *allocate(size_t size)
{
	void *p = NULL;

	if (posix_memalign(&p, BUF_ALIGN, size))
		die("no memory");
	memset(p, 0, size);
	return p;
}

static void open_side(struct world *w, struct side *s, char label)
{
	int i;

	s->label = label;
	s->dir = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		die("%s: %s", s->path, strerror(errno));
	s->buf = allocate(w->buf_size);
	for (i = 0; i < NR_HANDLES; i++)
		s->fd[i] = -1;
	for (i = 0; i < NR_DIRS - 1; i++) {
		char name[8];

		snprintf(name, sizeof(name), "d%d", i);
		if (mkdirat(s->dir, name, 0755))
			die("%s/%s: %s", s->path, name, strerror(errno));
	}
}

static void close_side(struct world *w, struct side *s, bool keep)
{
	unsigned int i;
	char name[64];
	int old;

	for (i = 0; i < NR_HANDLES; i++) {
		if (s->fd[i] >= 0)
			close(s->fd[i]);
	}
	for (i = 0; !keep && i < w->files * NR_DIRS; i++) {
		op_name(w, i, name, sizeof(name));
		change_flags(s, name, 0, &old);
		unlinkat(s->dir, name, 0);
	}
	for (i = 0; !keep && i < NR_DIRS - 1; i++) {
		snprintf(name, sizeof(name), "d%u", i);
		unlinkat(s->dir, name, AT_REMOVEDIR);
	}
	close(s->dir);
	free(s->buf);
}

static bool maybe_inject(struct world *w, const struct params *p, unsigned int op_number)
{
	if (!p->inject || op_number != p->inject_at)
		return true;
	if (!inject(w, p->inject))
		return true;
	fprintf(stderr, "differential: cannot inject '%s' at operation %u\n", p->inject, op_number);
	return false;
}

/* Returns the exit status. */
static int run_random(struct world *w, const struct params *p)
{
	struct op check = { .type = OP_CHECK };
	struct rng rng = { .state = p->seed };
	unsigned int i;

	for (i = 1; i <= p->ops; i++) {
		struct op op = { .number = i };

		op_generate(w, &rng, &op);
		if (!execute(w, &op))
			return 1;
		if (!maybe_inject(w, p, i))
			return 2;
		if (i % p->check_every && i != p->ops && i != p->stop_at)
			continue;
		check.number = i;
		if (!execute(w, &check))
			return 1;
		if (i == p->stop_at)
			break;
	}
	return 0;
}

static int run_log(struct world *w, const struct params *p)
{
	FILE *in = fopen(p->replay, "re");
	struct op op = { 0 };
	char line[512];
	int status = 0;

	if (!in)
		die("%s: %s", p->replay, strerror(errno));
	while (!status && fgets(line, sizeof(line), in)) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (op_parse(w, line, &op)) {
			fprintf(stderr, "differential: not an operation: %s", line);
			status = 2;
			break;
		}
		if (p->stop_at && op.number > p->stop_at)
			break;
		if (!execute(w, &op))
			status = 1;
		else if (!maybe_inject(w, p, op.number))
			status = 2;
	}
	fclose(in);
	op.type = OP_CHECK;
	if (!status && !execute(w, &op))
		status = 1;
	return status;
}

static void print_params(FILE *to, const char *prefix, const struct world *w,
			 const struct params *p)
{
	int i;

	fprintf(to, "%s--seed %#llx --ops %u --files %u --max-size %llu --max-len %llu "
		"--dio-align %u --check-every %u", prefix, (unsigned long long)p->seed, p->ops,
		w->files, (unsigned long long)w->max_size, (unsigned long long)w->max_len,
		w->dio_align, p->check_every);
	for (i = 0; i < NR_OPS; i++) {
		if (!w->enabled[i])
			fprintf(to, " --skip %s", op_desc[i].name);
	}
	fprintf(to, "%s%s%s\n", w->no_direct ? " --no-direct" : "", w->no_holes ? " --no-holes" : "",
		w->mmap_may_fill ? " --mmap-may-fill" : "");
}

int main(int argc, char **argv)
{
	static struct world w = {
		.files = 6, .max_size = 1 << 20, .max_len = 1 << 16, .dio_align = 512,
	};
	struct params p = { .ops = 10000, .check_every = 500 };
	struct timespec start, end;
	int status;

	clock_gettime(CLOCK_REALTIME, &start);
	p.seed = start.tv_sec * 1000003ULL + start.tv_nsec;
	parse(&w, &p, argc, argv);
	w.max_size -= w.max_size % BUF_ALIGN;
	if (w.max_len > w.max_size)
		w.max_len = w.max_size;
	setvbuf(stdout, NULL, _IOLBF, 0);
	print_params(stdout, "differential: ", &w, &p);

	/* Modes are as given, or the sides' results would be the umask's. */
	umask(0);
	w.buf_size = w.max_len + 2 * BUF_ALIGN;
	w.pattern = allocate(w.buf_size);
	if (p.log) {
		w.log = fopen(p.log, "we");
		if (!w.log)
			die("%s: %s", p.log, strerror(errno));
		print_params(w.log, "# ", &w, &p);
	}
	open_side(&w, &w.side[0], 'A');
	open_side(&w, &w.side[1], 'B');

	clock_gettime(CLOCK_MONOTONIC, &start);
	status = p.replay ? run_log(&w, &p) : run_random(&w, &p);
	clock_gettime(CLOCK_MONOTONIC, &end);
	if (!status)
		printf("no difference: %u operations with %u full checks, %llu MiB compared, "
		       "%.1f s\n", w.nr_recent - w.checks, w.checks,
		       (unsigned long long)w.compared_bytes >> 20,
		       (end.tv_sec - start.tv_sec) + (end.tv_nsec - start.tv_nsec) / 1e9);

	/* A difference leaves its files for a look at them. */
	close_side(&w, &w.side[0], p.keep || status);
	close_side(&w, &w.side[1], p.keep || status);
	free(w.pattern);
	if (w.log && fclose(w.log))
		die("%s: %s", p.log, strerror(errno));
	return status;
}
