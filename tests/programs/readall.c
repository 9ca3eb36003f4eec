// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * readall: read a whole tree and print a manifest of it, one line an entry in
 * order of the path, so that the manifests of two mounts can be compared with
 * cmp or diff:
 *
 *	path type mode uid gid size mtime nlink target checksum xattrs
 *
 * Fields are separated by tabs, "-" where an entry has none. The size is left out
 * for directories, whose blocks are the file system's own business.
 *
 * The checksum is XXH64: the test machines are emulated, where SHA-256 of the
 * demo's data would take longer than all else. It has to find mistakes, not
 * forgeries.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#define BUF_SIZE	(1 << 20)
#define MAP_WINDOW	(64L << 20)	/* bytes mapped at a time */
#define MAX_EXCLUDES	32
#define MAX_XATTRS	65536

enum read_mode { READ_NONE, READ_BUFFERED, READ_DIRECT, READ_MMAP };

static struct {
	enum read_mode mode;
	const char *excludes[MAX_EXCLUDES];
	unsigned int nr_excludes;
	bool no_times, no_xattrs, forget;
	uint64_t limit;			/* bytes to read of a file */
	FILE *out;
	unsigned char *buf;
	XXH64_state_t *hash;
	uint64_t files, bytes;
	unsigned int failures;
} g;

static sigjmp_buf bus_error;

static void on_sigbus(int sig)
{
	(void)sig;
	siglongjmp(bus_error, 1);
}

static void complain(const char *path, const char *what, int err)
{
	fprintf(stderr, "readall: %s: %s: %s\n", path, what, strerror(err));
	g.failures++;
}

/* Names may hold anything but a slash and zero; tabs and newlines are ours. */
static void print_escaped(const char *s)
{
	for (; *s; s++) {
		unsigned char c = *s;

		if (c <= ' ' || c == '\\' || c >= 0x7f)
			fprintf(g.out, "\\%03o", c);
		else
			fputc(c, g.out);
	}
}

static int hash_read(int fd, uint64_t *len)
{
	ssize_t n = 0;

	/* also behind what should be the end: nothing may be there */
	while (*len < g.limit && (n = read(fd, g.buf, BUF_SIZE)) > 0) {
		XXH64_update(g.hash, g.buf, n);
		*len += n;
	}
	return n < 0 ? errno : 0;
}

static int hash_map(int fd, uint64_t size, uint64_t *len)
{
	/* volatile: they outlive a longjmp */
	volatile uint64_t off, part;
	void *volatile map;

	for (off = 0; off < size; off += MAP_WINDOW) {
		part = size - off;
		if (part > MAP_WINDOW)
			part = MAP_WINDOW;
		map = mmap(NULL, part, PROT_READ, MAP_SHARED, fd, off);
		if (map == MAP_FAILED)
			return errno;
		madvise(map, part, MADV_SEQUENTIAL);
		if (sigsetjmp(bus_error, 1)) {
			munmap(map, part);
			return EFAULT;
		}
		XXH64_update(g.hash, map, part);
		munmap(map, part);
		*len += part;
	}
	return 0;
}

static void hash_file(int dir, const char *name, const char *path, const struct stat *st)
{
	int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOATIME, fd, err;
	uint64_t size = st->st_size, len = 0;

	if (size > g.limit)
		size = g.limit;
	if (g.mode == READ_NONE) {
		fputc('-', g.out);
		return;
	}
	fd = openat(dir, name, flags | (g.mode == READ_DIRECT ? O_DIRECT : 0));
	if (fd < 0) {
		complain(path, "open", errno);
		fputs("failed", g.out);
		return;
	}
	XXH64_reset(g.hash, 0);
	err = g.mode == READ_MMAP ? hash_map(fd, size, &len) : hash_read(fd, &len);
	if (g.forget)
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
	g.files++;
	g.bytes += len;
	if (err) {
		complain(path, "read", err);
		fprintf(g.out, "failed-%s", strerrorname_np(err));
	} else if (len != size) {
		fprintf(stderr, "readall: %s: read %llu bytes of %llu\n", path,
			(unsigned long long)len, (unsigned long long)size);
		g.failures++;
		fputs("short", g.out);
	} else {
		fprintf(g.out, "%016llx", (unsigned long long)XXH64_digest(g.hash));
	}
}

static int by_pointed_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, values in hexadecimal: file systems list them in any order. */
static void print_xattrs(const char *path)
{
	static char names[MAX_XATTRS], value[MAX_XATTRS];
	char *list[1024], *p;
	size_t n = 0, i;
	ssize_t len, j;

	len = llistxattr(path, names, sizeof(names));
	if (len < 0 && errno != EOPNOTSUPP)
		complain(path, "listxattr", errno);
	for (p = names; p < names + len && n < 1024; p += strlen(p) + 1)
		list[n++] = p;
	qsort(list, n, sizeof(list[0]), by_pointed_text);
	for (i = 0; i < n; i++) {
		len = lgetxattr(path, list[i], value, sizeof(value));
		if (len < 0)
			complain(path, list[i], errno);
		if (i)
			fputc(',', g.out);
		print_escaped(list[i]);
		fputc('=', g.out);
		for (j = 0; j < len; j++)
			fprintf(g.out, "%02x", (unsigned char)value[j]);
	}
	if (!n)
		fputc('-', g.out);
}

static const char *type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return "file";
	case S_IFDIR: return "dir";
	case S_IFLNK: return "link";
	case S_IFCHR: return "char";
	case S_IFBLK: return "block";
	case S_IFIFO: return "fifo";
	case S_IFSOCK: return "socket";
	default: return "unknown";
	}
}

static void print_entry(int dir, const char *name, const char *path, const char *shown,
			const struct stat *st)
{
	char target[4097];
	ssize_t n;

	print_escaped(shown);
	fprintf(g.out, "\t%s\t%04o\t%u\t%u\t", type_name(st->st_mode), st->st_mode & 07777,
		st->st_uid, st->st_gid);
	if (S_ISDIR(st->st_mode))
		fputs("-\t", g.out);
	else if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		fprintf(g.out, "%u:%u\t", major(st->st_rdev), minor(st->st_rdev));
	else
		fprintf(g.out, "%lld\t", (long long)st->st_size);
	if (g.no_times)
		fputs("-\t", g.out);
	else
		fprintf(g.out, "%lld.%09ld\t", (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
	fprintf(g.out, "%lu\t", (unsigned long)st->st_nlink);
	if (S_ISLNK(st->st_mode)) {
		n = readlinkat(dir, name, target, sizeof(target) - 1);
		if (n < 0)
			complain(path, "readlink", errno);
		target[n < 0 ? 0 : n] = 0;
		print_escaped(target);
	} else {
		fputc('-', g.out);
	}
	fputc('\t', g.out);
	if (S_ISREG(st->st_mode))
		hash_file(dir, name, path, st);
	else
		fputc('-', g.out);
	fputc('\t', g.out);
	if (g.no_xattrs)
		fputc('-', g.out);
	else
		print_xattrs(path);
	fputc('\n', g.out);
}

static bool is_excluded(const char *shown)
{
	unsigned int i;

	for (i = 0; i < g.nr_excludes; i++) {
		if (!strcmp(g.excludes[i], shown))
			return true;
	}
	return false;
}

static void walk(int dir, const char *path, const char *shown);

static void visit(int dir, const char *name, const char *path, const char *shown)
{
	struct stat st;
	int fd;

	if (is_excluded(shown))
		return;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW)) {
		complain(path, "stat", errno);
		return;
	}
	print_entry(dir, name, path, shown, &st);
	if (!S_ISDIR(st.st_mode))
		return;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		complain(path, "open", errno);
		return;
	}
	walk(fd, path, shown);
}

static int add_name(char ***names, size_t *n, size_t *room, const char *name)
{
	if (*n == *room) {
		size_t more = *room ? *room * 2 : 64;
		char **grown = realloc(*names, more * sizeof(*grown));

		if (!grown)
			return -1;
		*names = grown;
		*room = more;
	}
	(*names)[*n] = strdup(name);
	if (!(*names)[*n])
		return -1;
	(*n)++;
	return 0;
}

/* Closes dir. */
static void walk(int dir, const char *path, const char *shown)
{
	size_t n = 0, room = 0, i;
	char **names = NULL;
	struct dirent *de;
	DIR *d = fdopendir(dir);

	if (!d) {
		complain(path, "fdopendir", errno);
		close(dir);
		return;
	}
	while (errno = 0, (de = readdir(d))) {
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		if (add_name(&names, &n, &room, de->d_name)) {
			complain(path, "readdir", ENOMEM);
			break;
		}
	}
	if (errno)
		complain(path, "readdir", errno);
	qsort(names, n, sizeof(*names), by_pointed_text);
	for (i = 0; i < n; i++) {
		char *sub, *sub_shown;

		if (asprintf(&sub, "%s/%s", path, names[i]) < 0 ||
		    asprintf(&sub_shown, "%s%s%s", shown, *shown ? "/" : "", names[i]) < 0) {
			fprintf(stderr, "readall: no memory\n");
			exit(2);
		}
		visit(dirfd(d), names[i], sub, sub_shown);
		free(sub);
		free(sub_shown);
		free(names[i]);
	}
	free(names);
	closedir(d);
}

static const char usage_text[] =
"usage: readall [OPTION]... DIR\n"
"Reads all below DIR and prints a manifest.\n"
"  --mode M        how to read: none, buffered, direct, mmap (buffered)\n"
"  --exclude PATH  leave out PATH, relative to DIR, and what is below it\n"
"  --limit BYTES   read only the first BYTES of each file, a multiple of 1 MiB\n"
"  --no-times      leave out the modification times\n"
"  --no-xattrs     leave out the extended attributes\n"
"  --forget        drop each file's pages from the page cache after reading it\n"
"  --output FILE   write the manifest to FILE\n"
"  --stats FILE    write counts as JSON to FILE\n";

static int usage(void)
{
	fputs(usage_text, stderr);
	return 2;
}

static int parse_mode(const char *name)
{
	static const char *const modes[] = { "none", "buffered", "direct", "mmap" };
	unsigned int i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (!strcmp(modes[i], name))
			return i;
	}
	return -1;
}

static int write_stats(const char *path, double seconds)
{
	FILE *f = fopen(path, "we");

	if (!f) {
		fprintf(stderr, "readall: %s: %s\n", path, strerror(errno));
		return -1;
	}
	fprintf(f, "{ \"files\": %llu, \"bytes\": %llu, \"seconds\": %.3f, \"failures\": %u }\n",
		(unsigned long long)g.files, (unsigned long long)g.bytes, seconds, g.failures);
	return fclose(f);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "mode", required_argument, NULL, 'm' },
		{ "exclude", required_argument, NULL, 'x' },
		{ "limit", required_argument, NULL, 'l' },
		{ "no-times", no_argument, NULL, 't' },
		{ "no-xattrs", no_argument, NULL, 'a' },
		{ "forget", no_argument, NULL, 'f' },
		{ "output", required_argument, NULL, 'o' },
		{ "stats", required_argument, NULL, 's' },
		{ 0 }
	};
	struct sigaction sa = { .sa_handler = on_sigbus };
	const char *output = NULL, *stats = NULL;
	struct timespec start, end;
	int c, dir, mode = READ_BUFFERED;

	g.limit = UINT64_MAX;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'm':
			mode = parse_mode(optarg);
			if (mode < 0)
				return usage();
			break;
		case 'x':
			if (g.nr_excludes == MAX_EXCLUDES)
				return usage();
			g.excludes[g.nr_excludes++] = optarg;
			break;
		case 'l':
			g.limit = strtoull(optarg, NULL, 10);
			if (!g.limit || g.limit % BUF_SIZE)
				return usage();
			break;
		case 't': g.no_times = true; break;
		case 'a': g.no_xattrs = true; break;
		case 'f': g.forget = true; break;
		case 'o': output = optarg; break;
		case 's': stats = optarg; break;
		default: return usage();
		}
	}
	if (optind + 1 != argc)
		return usage();
	g.mode = mode;
	g.out = output ? fopen(output, "we") : stdout;
	if (!g.out) {
		fprintf(stderr, "readall: %s: %s\n", output, strerror(errno));
		return 2;
	}
	g.hash = XXH64_createState();
	if (!g.hash || posix_memalign((void **)&g.buf, 4096, BUF_SIZE)) {
		fprintf(stderr, "readall: no memory\n");
		return 2;
	}
	sigaction(SIGBUS, &sa, NULL);
	dir = open(argv[optind], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		fprintf(stderr, "readall: %s: %s\n", argv[optind], strerror(errno));
		return 2;
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	walk(dir, argv[optind], "");
	clock_gettime(CLOCK_MONOTONIC, &end);
	XXH64_freeState(g.hash);
	free(g.buf);
	if (fflush(g.out) || ferror(g.out) || (output && fclose(g.out))) {
		fprintf(stderr, "readall: cannot write the manifest\n");
		return 2;
	}
	if (stats && write_stats(stats, (end.tv_sec - start.tv_sec) +
				 (end.tv_nsec - start.tv_nsec) / 1e9))
		return 2;
	return g.failures ? 1 : 0;
}
