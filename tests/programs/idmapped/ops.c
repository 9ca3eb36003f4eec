// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The operations: each one system call, or those that it takes to make one, in a
 * process that ends afterwards. They return -1 with errno, or 0; what they print
 * is printed instead of 0.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "idmapped.h"

static bool printed;
static char **views;
static int nr_views;

void op_views(int count, char **dirs)
{
	nr_views = count;
	views = dirs;
}

static mode_t mode_of(const char *word)
{
	return strtoul(word, NULL, 8);
}

/* -1: leave it */
static unsigned int id_of(const char *word)
{
	return strtol(word, NULL, 10);
}

static int do_mkdir(char **a)
{
	return mkdir(a[0], mode_of(a[1]));
}

static int do_create(char **a)
{
	return open(a[0], O_WRONLY | O_CREAT | O_EXCL, mode_of(a[1])) < 0 ? -1 : 0;
}

static int do_mknod(char **a)
{
	mode_t type = *a[1] == 'p' ? S_IFIFO : *a[1] == 's' ? S_IFSOCK : *a[1] == 'c' ? S_IFCHR :
		      *a[1] == 'b' ? S_IFBLK : S_IFREG;

	return mknod(a[0], type | mode_of(a[2]), makedev(10, 200));
}

static int do_symlink(char **a)
{
	return symlink(a[0], a[1]);
}

static int do_link(char **a)
{
	return link(a[0], a[1]);
}

static int do_rename(char **a)
{
	return rename(a[0], a[1]);
}

static int do_exchange(char **a)
{
	return renameat2(AT_FDCWD, a[0], AT_FDCWD, a[1], RENAME_EXCHANGE);
}

static int do_unlink(char **a)
{
	return unlink(a[0]);
}

static int do_rmdir(char **a)
{
	return rmdir(a[0]);
}

static int do_chown(char **a)
{
	return lchown(a[0], id_of(a[1]), id_of(a[2]));
}

static int do_chmod(char **a)
{
	return chmod(a[0], mode_of(a[1]));
}

static int do_access(char **a)
{
	return access(a[0], mode_of(a[1]));
}

static int do_truncate(char **a)
{
	return truncate(a[0], strtoll(a[1], NULL, 10));
}

static int do_open_truncate(char **a)
{
	return open(a[0], O_WRONLY | O_TRUNC) < 0 ? -1 : 0;
}

static int do_fallocate(char **a)
{
	int fd = open(a[0], O_WRONLY);

	return fd < 0 ? -1 : fallocate(fd, 0, 0, strtoll(a[1], NULL, 10));
}

static int write_with(const char *path, int flags)
{
	static char buf[4096] __attribute__((aligned(4096)));
	int fd = open(path, O_WRONLY | flags);

	memset(buf, 'w', sizeof(buf));
	if (fd < 0 || write(fd, buf, sizeof(buf)) < 0)
		return -1;
	return fsync(fd);
}

static int do_write(char **a)
{
	return write_with(a[0], 0);
}

static int do_direct_write(char **a)
{
	return write_with(a[0], O_DIRECT);
}

static int do_map_write(char **a)
{
	int fd = open(a[0], O_RDWR);
	char *map;

	if (fd < 0)
		return -1;
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -1;
	map[0] = 'm';
	return msync(map, 4096, MS_SYNC);
}

static int do_read(char **a)
{
	int fd = open(a[0], O_RDONLY);
	char c;

	return fd < 0 || read(fd, &c, 1) < 0 ? -1 : 0;
}

/* "now", or any time of the owner's choice */
static int do_times(char **a)
{
	struct timespec ts[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000001 } };

	return utimensat(AT_FDCWD, a[0], strcmp(a[1], "now") ? ts : NULL, 0);
}

/* Run a program; what it prints is the result. */
static int do_exec(char **a)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		execl(a[0], a[0], a[1], NULL);
		_exit(errno);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	if (!WIFEXITED(status)) {
		errno = EINTR;
		return -1;
	}
	errno = WEXITSTATUS(status);
	printed = !errno;
	return errno ? -1 : 0;
}

static int do_setxattr(char **a)
{
	return lsetxattr(a[0], a[1], a[2], strlen(a[2]), 0);
}

static int do_getxattr(char **a)
{
	char value[256];
	ssize_t len = lgetxattr(a[0], a[1], value, sizeof(value));

	if (len < 0)
		return -1;
	printf("\"%.*s\"\n", (int)len, value);
	printed = true;
	return 0;
}

static int do_rmxattr(char **a)
{
	return lremovexattr(a[0], a[1]);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In order of the names: a file system may list them as it likes. */
static int do_listxattr(char **a)
{
	char list[4096], *names[64];
	ssize_t len = llistxattr(a[0], list, sizeof(list));
	size_t nr = 0;

	if (len < 0)
		return -1;
	for (char *p = list; p < list + len && nr < 64; p += strlen(p) + 1)
		names[nr++] = p;
	qsort(names, nr, sizeof(*names), compare_names);
	for (size_t i = 0; i < nr; i++)
		printf("%s ", names[i]);
	putchar('\n');
	printed = true;
	return 0;
}

/* The bits of a program that may bind low ports, for whoever runs it. */
static int do_setcap(char **a)
{
	const struct vfs_cap_data cap = {
		.magic_etc = htole32(VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE),
		.data[0].permitted = htole32(1U << CAP_NET_BIND_SERVICE),
	};

	return lsetxattr(a[0], "security.capability", &cap, XATTR_CAPS_SZ_2, 0);
}

/* Revision, and the user in whose namespace it counts, where the revision has one. */
static int do_getcap(char **a)
{
	struct vfs_ns_cap_data cap;
	ssize_t len = lgetxattr(a[0], "security.capability", &cap, sizeof(cap));

	if (len < 0)
		return -1;
	printf("%08x", le32toh(cap.magic_etc));
	if (len == XATTR_CAPS_SZ_3)
		printf(" root %u", le32toh(cap.rootid));
	putchar('\n');
	printed = true;
	return 0;
}

/* +i -i +a -a +d -d: immutable, append only, no dump */
static int do_flag(char **a)
{
	int flag = a[1][1] == 'i' ? FS_IMMUTABLE_FL : a[1][1] == 'a' ? FS_APPEND_FL : FS_NODUMP_FL;
	int fd = open(a[0], O_RDONLY | O_NONBLOCK), flags;

	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags))
		return -1;
	flags = a[1][0] == '+' ? flags | flag : flags & ~flag;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static int do_project(char **a)
{
	int fd = open(a[0], O_RDONLY | O_NONBLOCK);
	struct fsxattr fsx;

	if (fd < 0 || ioctl(fd, FS_IOC_FSGETXATTR, &fsx))
		return -1;
	fsx.fsx_projid = id_of(a[1]);
	return ioctl(fd, FS_IOC_FSSETXATTR, &fsx);
}

static int do_acl(char **a)
{
	return acl_set(a[0], a[1], a[2]);
}

static void print_acl(const char *path, const char *which)
{
	printf(" %s ", which);
	if (acl_print(path, which))
		printf("%s", errno == ENODATA ? "-" : strerrorname_np(errno));
}

static void look_at(const char *path)
{
	struct statx stx;
	struct stat st;

	/* what asks for more goes another way through the kernel */
	if (lstat(path, &st) || statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC,
				      STATX_BASIC_STATS | STATX_BTIME, &stx)) {
		printf("    %s: %s\n", path, strerrorname_np(errno));
		return;
	}
	printf("    %s: %06o %u:%u", path, st.st_mode, st.st_uid, st.st_gid);
	if (stx.stx_uid != st.st_uid || stx.stx_gid != st.st_gid || stx.stx_mode != st.st_mode)
		printf(" but %06o %u:%u by statx", stx.stx_mode, stx.stx_uid, stx.stx_gid);
	if (!S_ISDIR(st.st_mode))
		printf(" links %lu size %lld rdev %lx", (unsigned long)st.st_nlink,
		       (long long)st.st_size, (unsigned long)st.st_rdev);
	if (!S_ISLNK(st.st_mode)) {
		print_acl(path, "access");
		if (S_ISDIR(st.st_mode))
			print_acl(path, "default");
	}
	putchar('\n');
}

static int do_look(char **a)
{
	char path[512];

	putchar('\n');
	for (int i = 0; i < nr_views; i++) {
		snprintf(path, sizeof(path), "%s/%s", views[i], a[0]);
		look_at(path);
	}
	printed = true;
	return 0;
}

static const struct {
	const char *name;
	int nr_args;
	int (*run)(char **args);
} ops[] = {
	{ "access",	2, do_access },		/* PATH 0-7 */
	{ "acl",	3, do_acl },		/* PATH access|default ACL */
	{ "chmod",	2, do_chmod },		/* PATH MODE */
	{ "chown",	3, do_chown },		/* PATH UID GID */
	{ "create",	2, do_create },		/* PATH MODE */
	{ "dwrite",	1, do_direct_write },	/* PATH */
	{ "exchange",	2, do_exchange },	/* OLD NEW */
	{ "exec",	2, do_exec },		/* PATH ARG */
	{ "fallocate",	2, do_fallocate },	/* PATH LENGTH */
	{ "flag",	2, do_flag },		/* PATH +-LETTER */
	{ "getcap",	1, do_getcap },		/* PATH */
	{ "getxattr",	2, do_getxattr },	/* PATH NAME */
	{ "link",	2, do_link },		/* OLD NEW */
	{ "listxattr",	1, do_listxattr },	/* PATH */
	{ "look",	1, do_look },		/* PATH in each view */
	{ "mkdir",	2, do_mkdir },		/* PATH MODE */
	{ "mknod",	3, do_mknod },		/* PATH p|s|c|b|f MODE */
	{ "mwrite",	1, do_map_write },	/* PATH */
	{ "opentrunc",	1, do_open_truncate },	/* PATH */
	{ "project",	2, do_project },	/* PATH ID */
	{ "read",	1, do_read },		/* PATH */
	{ "rename",	2, do_rename },		/* OLD NEW */
	{ "rmdir",	1, do_rmdir },		/* PATH */
	{ "rmxattr",	2, do_rmxattr },	/* PATH NAME */
	{ "setcap",	1, do_setcap },		/* PATH */
	{ "setxattr",	3, do_setxattr },	/* PATH NAME VALUE */
	{ "symlink",	2, do_symlink },	/* TARGET PATH */
	{ "times",	2, do_times },		/* PATH now|then */
	{ "truncate",	2, do_truncate },	/* PATH SIZE */
	{ "unlink",	1, do_unlink },		/* PATH */
	{ "write",	1, do_write },		/* PATH */
};

#define NR_OPS	(sizeof(ops) / sizeof(ops[0]))

/* Returns 0 if the operation could be tried. */
int op_run(int argc, char **argv)
{
	size_t i = 0;

	while (i < NR_OPS && (argc < 1 || strcmp(ops[i].name, argv[0])))
		i++;
	if (i == NR_OPS || argc != ops[i].nr_args + 1) {
		fprintf(stderr, "idmapped: no such operation, or wrong number of arguments\n");
		return 2;
	}
	if (ops[i].run(argv + 1))
		puts(strerrorname_np(errno));
	else if (!printed)
		puts("0");
	return 0;
}
