// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The command line.  It is what mount(8) gives to its helpers
 *
 *	mount.iomap4fs SOURCE DIR [-sfnv] [-N ns] [-o option,...]
 *
 * with the difference that -f means "foreground" when the program is called by
 * its own name and "fake" only when it is called as mount.iomap4fs.
 *
 * Options are three kinds: those of the VFS become mount flags, those that only
 * mount(8) cares about are ignored, the rest must be ours.
 */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "options_kernel.h"
#include "path.h"
#include "quota_type.h"

#ifndef IOMAP4FS_VERSION
#define IOMAP4FS_VERSION	"unknown"
#endif

#ifndef MS_NOSYMFOLLOW		/* Linux 5.10 */
#define MS_NOSYMFOLLOW		256
#endif

#define CACHE_SIZE_MIN		(1ULL << 20)

static const struct {
	const char *name;
	unsigned long set, clear;
} vfs_options[] = {
	{ "rw",			0,		MS_RDONLY },
	{ "suid",		0,		MS_NOSUID },
	{ "nosuid",		MS_NOSUID,	0 },
	{ "dev",		0,		MS_NODEV },
	{ "nodev",		MS_NODEV,	0 },
	{ "exec",		0,		MS_NOEXEC },
	{ "noexec",		MS_NOEXEC,	0 },
	{ "async",		0,		MS_SYNCHRONOUS },
	{ "sync",		MS_SYNCHRONOUS,	0 },
	{ "dirsync",		MS_DIRSYNC,	0 },
	{ "atime",		0,		MS_NOATIME },
	{ "noatime",		MS_NOATIME,	0 },
	{ "diratime",		0,		MS_NODIRATIME },
	{ "nodiratime",		MS_NODIRATIME,	0 },
	{ "relatime",		MS_RELATIME,	0 },
	{ "norelatime",		0,		MS_RELATIME },
	{ "strictatime",	MS_STRICTATIME,	0 },
	{ "nostrictatime",	0,		MS_STRICTATIME },
	{ "lazytime",		MS_LAZYTIME,	0 },
	{ "nolazytime",		0,		MS_LAZYTIME },
	{ "nosymfollow",	MS_NOSYMFOLLOW,	0 },
	{ "symfollow",		0,		MS_NOSYMFOLLOW },
};

/* fstab's and mount(8)'s own; and what a FUSE mount is anyway */
static const char *const ignored[] = {
	"defaults", "auto", "noauto", "nofail", "_netdev", "nouser", "nousers", "nogroup",
	"noowner", "silent", "loud", "loop",
};

static bool has_prefix(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static bool is_ignored(const char *opt)
{
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		if (!strcmp(opt, ignored[i]))
			return true;
	return has_prefix(opt, "x-") || has_prefix(opt, "X-") || has_prefix(opt, "comment=") ||
	       has_prefix(opt, "uhelper=") || has_prefix(opt, "helper=");
}

/* mount(8) repeats at a remount what the mount table shows of the FUSE client's options. */
static bool is_of_fuse(const char *opt)
{
	return has_prefix(opt, "user_id=") || has_prefix(opt, "group_id=") ||
	       has_prefix(opt, "rootmode=") || has_prefix(opt, "blksize=") ||
	       has_prefix(opt, "max_read=");
}

/*
 * Mounts by users imply that what they bring must not be trusted.  With fakeroot anybody
 * can make a set-id program or a device.
 */
static bool user_option(struct options *opt, const char *name)
{
	if (!strcmp(name, "fakeroot")) {
		opt->mount_flags |= MS_NOSUID | MS_NODEV;
		opt->fakeroot = true;
		return true;
	}
	if (!strcmp(name, "group") || !strcmp(name, "owner")) {
		opt->mount_flags |= MS_NOSUID | MS_NODEV;
		return true;
	}
	if (strcmp(name, "user") && strcmp(name, "users") && !has_prefix(name, "user="))
		return false;
	opt->mount_flags |= MS_NOSUID | MS_NODEV | MS_NOEXEC;
	return true;
}

static void read_only(struct options *opt)
{
	opt->readonly = true;
	opt->readwrite = false;
}

static void read_write(struct options *opt, bool insist)
{
	opt->readonly = false;
	opt->readwrite = insist;
	opt->mount_flags &= ~MS_RDONLY;
}

static bool vfs_option(struct options *opt, const char *name)
{
	for (size_t i = 0; i < sizeof(vfs_options) / sizeof(vfs_options[0]); i++) {
		if (strcmp(name, vfs_options[i].name))
			continue;
		opt->mount_flags |= vfs_options[i].set;
		opt->mount_flags &= ~vfs_options[i].clear;
		/* mount(8) says so to its helpers whenever nobody has said "ro" */
		if (!strcmp(name, "rw"))
			read_write(opt, !opt->helper);
		return true;
	}
	return false;
}

static int parse_size(const char *text, uint64_t *size)
{
	unsigned long long n;
	int shift = 0;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || end == text || !isdigit((unsigned char)*text))
		return -1;
	switch (*end) {
	case 'k': case 'K':
		shift = 10;
		break;
	case 'm': case 'M':
		shift = 20;
		break;
	case 'g': case 'G':
		shift = 30;
		break;
	}
	if (shift)
		end++;
	if (*end || n > UINT64_MAX >> shift)
		return -1;
	*size = (uint64_t)n << shift;
	return 0;
}

static int parse_number(const char *text, uint64_t max, uint64_t *n)
{
	char *end;

	errno = 0;
	*n = strtoull(text, &end, 10);
	return errno || *end || !isdigit((unsigned char)*text) || *n > max ? -1 : 0;
}

static int parse_id(const char *text, int64_t *id)
{
	uint64_t n;

	/* the last one is "no id" */
	if (parse_number(text, UINT32_MAX - 1, &n))
		return -1;
	*id = n;
	return 0;
}

/* What needs another value than a size. */
static int place_or_id(struct options *opt, const char *name, const char *value)
{
	if (has_prefix(name, "offset="))
		return parse_size(value, &opt->offset) || opt->offset > INT64_MAX ? -1 : 0;
	if (has_prefix(name, "sb="))
		return parse_number(value, UINT32_MAX, &opt->superblock);
	if (has_prefix(name, "uid="))
		return parse_id(value, &opt->uid);
	if (has_prefix(name, "gid="))
		return parse_id(value, &opt->gid);
	if (has_prefix(name, "resuid="))
		return parse_id(value, &opt->resuid);
	if (has_prefix(name, "resgid="))
		return parse_id(value, &opt->resgid);
	if (!has_prefix(name, "log="))
		return -1;
	if (!strcmp(value, "auto"))
		opt->log_format = LOG_FORMAT_AUTO;
	else if (!strcmp(value, "plain"))
		opt->log_format = LOG_FORMAT_PLAIN;
	else if (!strcmp(value, "fields"))
		opt->log_format = LOG_FORMAT_FIELDS;
	else
		return -1;
	return 0;
}

static int value_option(struct options *opt, const char *name)
{
	const char *value = strchr(name, '=');

	if (!value)
		return -1;
	value++;
	if (has_prefix(name, "iomap=")) {
		if (!strcmp(value, "require"))
			opt->iomap = FUSE_IOMAP_MODE_REQUIRE;
		else if (!strcmp(value, "auto"))
			opt->iomap = FUSE_IOMAP_MODE_AUTO;
		else if (!strcmp(value, "off"))
			opt->iomap = FUSE_IOMAP_MODE_OFF;
		else
			return -1;
		return 0;
	}
	if (has_prefix(name, "errors=")) {
		if (!strcmp(value, "continue"))
			opt->errors = ERRORS_CONTINUE;
		else if (!strcmp(value, "remount-ro"))
			opt->errors = ERRORS_REMOUNT_RO;
		else if (!strcmp(value, "panic"))
			opt->errors = ERRORS_PANIC;
		else
			return -1;
		return 0;
	}
	if (has_prefix(name, "cache_size="))
		return parse_size(value, &opt->cache_size) ||
		       opt->cache_size < CACHE_SIZE_MIN ? -1 : 0;
	if (has_prefix(name, "map_cache=")) {
		uint64_t n;

		if (parse_size(value, &n) || n < FUSE_IOMAP_CACHE_MAXBYTES_MIN ||
		    n > FUSE_IOMAP_CACHE_MAXBYTES_KEPT_MAX)
			return -1;
		opt->map_cache = n;
		return 0;
	}
	if (has_prefix(name, "commit=")) {
		uint64_t n;

		if (parse_size(value, &n) || n > 900)
			return -1;
		opt->commit_interval = n;
		return 0;
	}
	if (has_prefix(name, "stripe=")) {
		uint64_t n;

		if (parse_number(value, UINT32_MAX, &n))
			return -1;
		opt->stripe = n;
		return 0;
	}
	if (has_prefix(name, "auto_da_alloc=")) {
		uint64_t n;

		if (parse_number(value, UINT32_MAX, &n))
			return -1;
		opt->auto_da_alloc = n;
		return 0;
	}
	if (has_prefix(name, "threads=")) {
		uint64_t n;

		if (parse_size(value, &n) || n < 1 || n > 64)
			return -1;
		opt->threads = n;
		return 0;
	}
	return place_or_id(opt, name, value);
}

/* None of those above. */
static int foreign_option(struct options *opt, const char *name)
{
	enum kernel_option known;

	known = options_kernel(name);
	if (known == KERNEL_OPTION_UNKNOWN)
		known = options_fuse(name);
	switch (known) {
	case KERNEL_OPTION_TAKEN:
		return 0;
	case KERNEL_OPTION_REFUSED:
		return -1;
	case KERNEL_OPTION_UNKNOWN:
		break;
	}
	if (opt->sloppy) {
		log_warn("unknown or bad mount option \"%s\" is ignored", name);
		return 0;
	}
	log_err("unknown or bad mount option \"%s\"", name);
	return -1;
}

static int one_option(struct options *opt, const char *name)
{
	if (!*name || is_ignored(name) || user_option(opt, name) || vfs_option(opt, name))
		return 0;
	if (!strcmp(name, "ro"))
		read_only(opt);
	else if (!strcmp(name, "remount"))
		opt->remount = true;
	else if (opt->remount && is_of_fuse(name))
		return 0;
	else if (!strcmp(name, "noload") || !strcmp(name, "norecovery"))
		opt->noload = true;
	else if (!strcmp(name, "delalloc"))
		opt->delalloc = true;
	else if (!strcmp(name, "nodelalloc"))
		opt->delalloc = false;
	else if (!strcmp(name, "auto_da_alloc"))
		opt->auto_da_alloc = true;
	else if (!strcmp(name, "noauto_da_alloc"))
		opt->auto_da_alloc = false;
	else if (!strcmp(name, "minixdf"))
		opt->minixdf = true;
	else if (!strcmp(name, "bsddf"))
		opt->minixdf = false;
	else if (!strcmp(name, "grpid") || !strcmp(name, "bsdgroups"))
		opt->grpid = true;
	else if (!strcmp(name, "nogrpid") || !strcmp(name, "sysvgroups"))
		opt->grpid = false;
	else if (!strcmp(name, "quota") || !strcmp(name, "usrquota"))
		opt->quota |= 1U << QUOTA_USER;
	else if (!strcmp(name, "grpquota"))
		opt->quota |= 1U << QUOTA_GROUP;
	else if (!strcmp(name, "prjquota"))
		opt->quota |= 1U << QUOTA_PROJECT;
	else if (!strcmp(name, "noquota"))
		opt->quota = 0;
	else if (!strcmp(name, "allow_other"))
		opt->allow_other = true;
	else if (!strcmp(name, "noallow_other"))
		opt->allow_other = false;
	else if (!strcmp(name, "default_permissions"))
		opt->default_permissions = true;
	else if (has_prefix(name, "fsname=") && name[strlen("fsname=")])
		opt->fsname = name + strlen("fsname=");
	else if (!strcmp(name, "debug") || !strcmp(name, "fuse2fs_debug"))
		opt->debug = true;
	else if (value_option(opt, name))
		return foreign_option(opt, name);
	return 0;
}

/*
 * The end of the option at @list: the next comma that is not in double quotes, as mount(8) has
 * it for labels.  NULL: the quotes have no end.
 */
static char *option_end(char *list)
{
	bool quoted = false;

	for (; *list && (quoted || *list != ','); list++)
		if (*list == '"')
			quoted = !quoted;
	return quoted ? NULL : list;
}

static int option_list(struct options *opt, char *list)
{
	while (*list) {
		char *end = option_end(list), *next;

		if (!end) {
			log_err("mount option \"%s\" has an open quote", list);
			return -1;
		}
		next = *end ? end + 1 : end;
		if (*end)
			*end = '\0';
		if (one_option(opt, list))
			return -1;
		list = next;
	}
	return 0;
}

static void usage(FILE *to)
{
	fputs("usage: iomap4fs IMAGE-OR-DEVICE DIR [-o OPTION,...] [-f] [-d]\n"
	      "Mount an ext2, ext3 or ext4 file system that is served by this process.\n"
	      "\n"
	      "  -f, --foreground   stay in the foreground\n"
	      "  -d, --debug        foreground, and show every request\n"
	      "  -o ro, -o rw       read only; for writing, or not at all if that can't be.\n"
	      "                     If neither is given, what can't be written is mounted\n"
	      "                     read-only with a warning\n"
	      "  -o iomap=MODE      require, auto (default) or off: let the kernel move the\n"
	      "                     file data (needs the fuseiomap module)\n"
	      "  -o errors=WHAT     continue, remount-ro or panic when corruption is found\n"
	      "  -o noload          don't use the journal, neither to recover nor to write\n"
	      "  -o nodelalloc      find space when it is written to, not at writeback\n"
	      "  -o noauto_da_alloc what replaces a file is not written early\n"
	      "  -o offset=N        the file system begins N bytes into the image\n"
	      "  -o sb=N            read the superblock at N KiB (with ro only)\n"
	      "  -o uid=N, -o gid=N all files seem to belong to this user or group\n"
	      "  -o fakeroot        who may use the mount may do in it what root may\n"
	      "  -o commit=N        make changes durable every N seconds (5; 30 if there is\n"
	      "                     no journal)\n"
	      "  -o stripe=N        blocks in a stripe of the RAID (what the image says)\n"
	      "  -o cache_size=N    bytes of metadata to cache at most (1/32 of the memory)\n"
	      "  -o map_cache=N     bytes of mappings that the kernel keeps for each file (64M)\n"
	      "  -o threads=N       worker threads (4)\n"
	      "  -o minixdf         statfs counts the metadata as part of the size\n"
	      "  -o grpid           new files get the group of their directory\n"
	      "  -o resuid=N, -o resgid=N\n"
	      "                     who, beside root, may use the reserved blocks\n"
	      "  -o allow_other     others than the mounting user may use it (root: the default)\n"
	      "  -o noallow_other   only the mounting user may use it\n"
	      "  -o log=FORMAT      plain, fields or auto (default): how messages look\n"
	      "  -h, --help; -V, --version\n"
	      "The options of mount(8) for all file systems work too; those of kernel ext4 are\n"
	      "taken or refused with a reason.  iomap4fs(8) says more.\n", to);
}

/* What no option is wrong with by itself. */
static int check_together(struct options *opt)
{
	if (opt->offset % 512) {
		log_err("offset=%llu is not a multiple of 512", (unsigned long long)opt->offset);
		return -1;
	}
	/* kernel ext4 counts from 1 for the first */
	if (opt->superblock == 1)
		opt->superblock = 0;
	if (opt->superblock && !opt->readonly) {
		log_err("a backup of the superblock knows nothing of recent changes and the "
			"journal: use sb= together with ro, or repair the first with e2fsck -b");
		return -1;
	}
	opt->default_permissions = !opt->fakeroot;
	if (opt->readonly)
		opt->mount_flags |= MS_RDONLY;
	return 0;
}

/*
 * mount.fuse3 -o drop_privileges and others mount a descriptor of /dev/fuse themselves and give
 * /dev/fd/N for the directory.  -1: @path is no such thing.
 */
static int mounted_fd(const char *path)
{
	struct stat st;
	int fd = path_names_fd(path);

	return fd >= 0 && has_prefix(path, "/dev/fd/") && !fstat(fd, &st) && S_ISCHR(st.st_mode) ?
	       fd : -1;
}

/* Is @name in @list, options with commas between them? */
static bool list_has(const char *list, const char *name)
{
	const char *p = list;
	size_t len = strlen(name);

	while (*p) {
		size_t n = strcspn(p, ",");

		if (n == len && !strncmp(p, name, n))
			return true;
		p += n + (p[n] == ',');
	}
	return false;
}

/* What concerns options before it, too. */
static void look_ahead(struct options *opt, int argc, char **argv)
{
	bool stays = false;

	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		const char *arg = argv[i];

		stays |= !strcmp(arg, "--foreground") || !strcmp(arg, "--debug");
		if (!strcmp(arg, "-o") && i + 1 < argc)
			opt->remount |= list_has(argv[i + 1], "remount");
		if (*arg != '-' || arg[1] == '-' || arg[1] == 'o')
			continue;
		opt->sloppy |= strchr(arg, 's') && opt->helper;
		stays |= strchr(arg, 'd') || (strchr(arg, 'f') && !opt->helper);
	}
	if (!stays)
		log_notes_to_syslog();
}

int options_parse(struct options *opt, int argc, char **argv)
{
	const char *self = strrchr(argv[0], '/');
	char *paths[2] = { NULL, NULL };
	bool rest = false;		/* behind "--" there are no options */
	int nr = 0;

	self = self ? self + 1 : argv[0];
	*opt = (struct options){
		.helper = has_prefix(self, "mount."),
		.iomap = FUSE_IOMAP_MODE_AUTO,
		.delalloc = true,
		.auto_da_alloc = true,
		.uid = -1,
		.gid = -1,
		.resuid = -1,
		.resgid = -1,
		.threads = 4,
		.map_cache = FUSE_IOMAP_CACHE_MAXBYTES_KEPT_MAX,
		.allow_other = geteuid() == 0,
		.default_permissions = true,
	};
	if (geteuid())
		opt->mount_flags = MS_NOSUID | MS_NODEV;
	look_ahead(opt, argc, argv);

	for (int i = 1; i < argc; i++) {
		char *arg = argv[i];

		if (!rest && !strcmp(arg, "--")) {
			rest = true;
		} else if (rest || *arg != '-' || !arg[1]) {
			if (nr == 2) {
				log_err("one source and one directory are enough: \"%s\"", arg);
				return -1;
			}
			paths[nr++] = arg;
		} else if (!strcmp(arg, "--help") || !strcmp(arg, "-h")) {
			usage(stdout);
			return 1;
		} else if (!strcmp(arg, "--version") || !strcmp(arg, "-V")) {
			const char *lib;

			ext2fs_get_library_version(&lib, NULL);
			printf("iomap4fs %s (libext2fs %s, libfuse %s)\n", IOMAP4FS_VERSION, lib,
			       fuse_pkgversion());
			return 1;
		} else if (!strcmp(arg, "-o") || !strcmp(arg, "-N") || !strcmp(arg, "-t")) {
			if (++i == argc) {
				log_err("%s needs an argument", arg);
				return -1;
			}
			if (arg[1] == 'o' && option_list(opt, argv[i]))
				return -1;
		} else if (has_prefix(arg, "-o")) {
			if (option_list(opt, arg + 2))
				return -1;
		} else if (!strcmp(arg, "--foreground")) {
			opt->foreground = true;
		} else if (!strcmp(arg, "--debug")) {
			opt->debug = opt->foreground = true;
		} else if (arg[1] == '-') {
			log_err("unknown option \"%s\"", arg);
			return -1;
		} else {
			for (const char *p = arg + 1; *p; p++) {
				if (*p == 'f' && opt->helper)
					opt->fake = true;
				else if (*p == 'f')
					opt->foreground = true;
				else if (*p == 'd')
					opt->debug = opt->foreground = true;
				else if (*p == 'r')
					read_only(opt);
				else if (*p == 'w')
					read_write(opt, true);
				else if (!strchr("snv", *p)) {
					log_err("unknown option \"-%c\"", *p);
					return -1;
				}
			}
		}
	}
	if (nr != 2) {
		log_err("a source and a directory are needed (--help shows how)");
		return -1;
	}
	if (check_together(opt))
		return -1;
	opt->source = path_absolute(paths[0]);
	/* a mounted descriptor has no path that would mean the same */
	opt->mounted_fd = mounted_fd(paths[1]);
	opt->mountpoint = opt->mounted_fd < 0 ? path_absolute(paths[1]) : strdup(paths[1]);
	if (!opt->source || !opt->mountpoint) {
		log_err("out of memory");
		return -1;
	}
	return 0;
}

void options_free(struct options *opt)
{
	free(opt->source);
	free(opt->mountpoint);
	free(opt->given);
}
