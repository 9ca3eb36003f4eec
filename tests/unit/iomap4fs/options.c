// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The command line of iomap4fs: what every option means, which combinations are
 * refused, and that no argument is taken for something that it isn't.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "options.h"
#include "quota_type.h"

static int failures;

static void failed(const char *what, const char *why)
{
	printf("FAILED: \"%s\": %s\n", what, why);
	failures++;
}

/* Parse "SOURCE DIR -o @list" as program @self. */
static int parse(const char *self, const char *extra, const char *list, struct options *opt)
{
	char name[32], more[8], o[512];
	char *argv[] = { name, "/dev/null", "/", "-o", o, extra ? more : NULL, NULL };

	snprintf(name, sizeof(name), "%s", self);
	snprintf(o, sizeof(o), "%s", list);
	if (extra)
		snprintf(more, sizeof(more), "%s", extra);
	return options_parse(opt, extra ? 6 : 5, argv);
}

#define EXPECT(list, condition) do {						\
	struct options opt;							\
										\
	if (parse("iomap4fs", NULL, list, &opt))				\
		failed(list, "refused");					\
	else if (!(condition))							\
		failed(list, "not " #condition);				\
	options_free(&opt);							\
} while (0)

static void refuse(const char *list)
{
	struct options opt;

	if (parse("iomap4fs", NULL, list, &opt) >= 0)
		failed(list, "taken");
	options_free(&opt);
}

static void accept(const char *list)
{
	struct options opt;

	if (parse("iomap4fs", NULL, list, &opt))
		failed(list, "refused");
	options_free(&opt);
}

static void own_options(void)
{
	EXPECT("defaults", !opt.readonly && !opt.offset && !opt.superblock && opt.uid == -1 &&
	       opt.gid == -1 && opt.resuid == -1 && opt.resgid == -1 && !opt.fakeroot &&
	       opt.default_permissions && opt.cache_size == 0);
	EXPECT("ro", opt.readonly && opt.mount_flags & MS_RDONLY);
	EXPECT("ro,rw", !opt.readonly && !(opt.mount_flags & MS_RDONLY));
	EXPECT("rw,ro", opt.readonly && !opt.readwrite);
	EXPECT("defaults", !opt.readwrite);
	EXPECT("rw", opt.readwrite);
	EXPECT("noload", opt.noload);
	EXPECT("norecovery", opt.noload);
	EXPECT("nodev", opt.delalloc);
	EXPECT("nodelalloc", !opt.delalloc);
	EXPECT("nodelalloc,delalloc", opt.delalloc);
	EXPECT("nodev", opt.auto_da_alloc);
	EXPECT("noauto_da_alloc", !opt.auto_da_alloc);
	EXPECT("noauto_da_alloc,auto_da_alloc", opt.auto_da_alloc);
	EXPECT("auto_da_alloc=0", !opt.auto_da_alloc);
	EXPECT("auto_da_alloc=1", opt.auto_da_alloc);
	EXPECT("offset=1M", opt.offset == 1048576);
	EXPECT("offset=0", opt.offset == 0);
	EXPECT("offset=32256", opt.offset == 63 * 512);
	EXPECT("ro,sb=8193", opt.superblock == 8193);
	EXPECT("sb=1", opt.superblock == 0);
	EXPECT("sb=8193,ro", opt.superblock == 8193);
	EXPECT("uid=0,gid=4294967294", opt.uid == 0 && opt.gid == 4294967294);
	EXPECT("remount,ro", opt.remount && opt.readonly);
	EXPECT("resuid=7,resgid=8", opt.resuid == 7 && opt.resgid == 8);
	EXPECT("fakeroot", opt.fakeroot && !opt.default_permissions &&
	       opt.mount_flags & MS_NOSUID && opt.mount_flags & MS_NODEV);
	EXPECT("fakeroot,suid", opt.fakeroot && !(opt.mount_flags & MS_NOSUID));
	EXPECT("allow_other", opt.allow_other);
	EXPECT("noallow_other", !opt.allow_other);
	EXPECT("commit=7", opt.commit_interval == 7);
	EXPECT("cache_size=2M", opt.cache_size == 2097152);
	EXPECT("errors=continue", opt.errors == ERRORS_CONTINUE);
	EXPECT("errors=remount-ro", opt.errors == ERRORS_REMOUNT_RO);
	EXPECT("errors=panic", opt.errors == ERRORS_PANIC);
	EXPECT("iomap=off", opt.iomap == FUSE_IOMAP_MODE_OFF);
	EXPECT("log=fields", opt.log_format == LOG_FORMAT_FIELDS);
	EXPECT("noatime,lazytime,nodev", opt.mount_flags & MS_NOATIME &&
	       opt.mount_flags & MS_LAZYTIME && opt.mount_flags & MS_NODEV);
	EXPECT("user", opt.mount_flags & MS_NOEXEC && opt.mount_flags & MS_NOSUID);
	EXPECT("noquota", !opt.quota);
	EXPECT("quota", opt.quota == 1U << QUOTA_USER);
	EXPECT("usrquota,grpquota", opt.quota == (1U << QUOTA_USER | 1U << QUOTA_GROUP));
	EXPECT("usrquota,noquota", !opt.quota);
	EXPECT("grpquota", opt.quota == 1U << QUOTA_GROUP);
	EXPECT("prjquota", opt.quota == 1U << QUOTA_PROJECT);
	EXPECT("user,exec", !(opt.mount_flags & MS_NOEXEC));
}

static void bad_values(void)
{
	static const char *const bad[] = {
		"offset", "offset=", "offset=1", "offset=513", "offset=-512", "offset=0x200",
		"offset=18446744073709551616", "offset=17179869184G", "offset=1MB",
		"sb=8193", "sb=", "ro,sb=-1", "ro,sb=1k", "ro,sb=4294967296",
		"uid", "uid=", "uid=-1", "uid=4294967295", "uid=root", "gid=1x", "gid= 1",
		"resuid=", "resgid=4294967295", "commit=901", "commit=x", "cache_size=1",
		"errors=", "errors=stop", "iomap=maybe", "log=xml", "log", "threads=0",
		"auto_da_alloc=", "auto_da_alloc=x", "noauto_da_alloc=1", "threads=65", "map_cache=1", "rox", "no", "=",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refuse(bad[i]);
}

static void options_of_kernel_ext4(void)
{
	static const char *const good[] = {
		"data=ordered", "data=writeback", "barrier", "barrier=1", "nobarrier", "discard",
		"nodiscard", "acl", "noacl", "user_xattr", "delalloc", "nodelalloc",
		"auto_da_alloc", "stripe=16", "inode_readahead_blks=64", "init_itable=10",
		"journal_checksum", "journal_async_commit", "max_batch_time=1", "lazytime",
		"dax=never", "noquota", "quota", "usrquota", "grpquota",
		"prjquota", "bsddf", "minixdf", "grpid", "nogrpid", "bsdgroups",
		"sysvgroups", "block_validity", "mb_optimize_scan=1", "i_version", "loop",
		"x-systemd.automount", "nofail,_netdev,auto,noauto", "comment=x",
	};
	static const char *const bad[] = {
		"data=journal", "data=", "data", "dax", "dax=always",
		"usrjquota=a", "grpjquota=a", "jqfmt=vfsv1", "journal_dev=0x801", "journal_path=/x", "max_dir_size_kb=1",
		"test_dummy_encryption", "abort", "nouid32", "stripe", "stripe=", "barrier=2",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		accept(good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refuse(bad[i]);
}

/* Of mount(8), ext4(5), fuse2fs(1) and mount.fuse(8): none of them is unknown. */
static void options_of_others(void)
{
	static const char *const good[] = {
		"data_err=ignore", "data_err=abort", "usrjquota=", "grpjquota=", "bh", "nobh",
		"reservation", "noreservation", "warn_on_error", "nowarn_on_error",
		"debug_want_extra_isize=32", "prefetch_block_bitmaps", "check=strict",
		"no_default_opts", "kernel", "direct", "fuse2fs_debug", "mand", "nomand",
		"symfollow", "nosymfollow", "group", "owner", "kernel_cache", "auto_cache",
		"entry_timeout=1", "attr_timeout=1", "ac_attr_timeout=1", "negative_timeout=1",
		"noforget", "remember=1", "hard_remove", "use_ino", "readdir_ino", "nonempty",
		"large_read", "big_writes", "atomic_o_trunc", "no_remote_lock", "async_read",
		"sync_read", "splice_read", "no_splice_move", "clone_fd", "intr", "intr_signal=1",
		"direct_io", "max_read=4096", "max_write=4096", "max_readahead=1",
		"max_background=1", "congestion_threshold=1", "max_idle_threads=1", "blkdev",
		"blksize=512", "subtype=x", "default_permissions", "sync", "dirsync", "async",
	};
	static const char *const bad[] = {
		"journal=8", "fc_debug_force", "fc_debug_max_replay=1", "xip", "lockfile=/x",
		"context=\"a:b:c:s0,d\"", "fscontext=x", "defcontext=x", "rootcontext=x",
		"loop=/dev/loop0", "sizelimit=1", "encryption=x", "verity.roothash=x", "bind",
		"allow_root", "auto_unmount", "umask=022", "modules=iconv", "subdir=/x",
		"setuid=x", "drop_privileges", "fd=3", "rootmode=40000", "user_id=0",
		"group_id=0", "x-label=\"a,ro", "fsname=", "verity", "context", "usrjquota",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		accept(good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refuse(bad[i]);
	EXPECT("fsname=a name,ro", !strcmp(opt.fsname, "a name") && opt.readonly);
	EXPECT("x-label=\"a,frobnicate\",ro", opt.readonly);
	EXPECT(",,ro,", opt.readonly);
	EXPECT("nosymfollow", opt.mount_flags & 256);
	EXPECT("owner", opt.mount_flags & MS_NOSUID && opt.mount_flags & MS_NODEV);
	EXPECT("group,suid", !(opt.mount_flags & MS_NOSUID));
}

static void arguments(void)
{
	char *behind[] = { "iomap4fs", "-o", "ro", "--", "-o", "/", NULL };
	char *two[] = { "iomap4fs", "--", "/dev/null", "--", NULL };
	struct options opt;

	if (options_parse(&opt, 6, behind) || !opt.readonly || !strstr(opt.source, "/-o"))
		failed("-- -o /", "\"-o\" is not the source");
	options_free(&opt);
	if (options_parse(&opt, 4, two) || !strstr(opt.mountpoint, "/--"))
		failed("-- /dev/null --", "the second \"--\" is not the directory");
	options_free(&opt);
}

static void as_mount_helper(void)
{
	struct options opt;

	if (parse("/sbin/mount.iomap4fs", "-f", "ro", &opt) || !opt.fake || opt.foreground)
		failed("mount.iomap4fs -f", "not fake");
	options_free(&opt);
	if (parse("iomap4fs", "-f", "ro", &opt) || opt.fake || !opt.foreground)
		failed("iomap4fs -f", "not in the foreground");
	options_free(&opt);
	/* mount(8) says "rw" by itself */
	if (parse("mount.iomap4fs", NULL, "rw", &opt) || opt.readonly || opt.readwrite)
		failed("mount.iomap4fs -o rw", "is taken for the user's word");
	options_free(&opt);
	if (parse("iomap4fs", "-w", "ro", &opt) || opt.readonly || !opt.readwrite ||
	    opt.mount_flags & MS_RDONLY)
		failed("iomap4fs -w", "not for writing");
	options_free(&opt);
	if (parse("iomap4fs", "-r", "rw", &opt) || !opt.readonly || opt.readwrite)
		failed("iomap4fs -r", "not read-only");
	options_free(&opt);
	/* also for what stands before it */
	if (parse("mount.iomap4fs", "-s", "frobnicate,ro", &opt) || !opt.readonly)
		failed("mount.iomap4fs -s", "unknown options are not ignored");
	options_free(&opt);
	if (parse("mount.iomap4fs", "-s", "data=journal", &opt) >= 0)
		failed("mount.iomap4fs -s", "what would break a promise is ignored");
	options_free(&opt);
	if (parse("iomap4fs", "-s", "frobnicate", &opt) >= 0)
		failed("iomap4fs -s", "unknown options are ignored");
	options_free(&opt);
}

int main(void)
{
	log_init(NULL, LOG_FORMAT_PLAIN, false);
	own_options();
	bad_values();
	options_of_kernel_ext4();
	options_of_others();
	arguments();
	as_mount_helper();
	return failures ? 1 : 0;
}
