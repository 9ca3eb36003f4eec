// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The mount options of kernel ext4 that have no counterpart here, so that an fstab
 * line written for it works, or fails with a reason:
 *
 *  - what describes how this server works anyway, and hints that only tune the
 *    kernel's code, are taken without a word;
 *  - what asks for something that doesn't happen, and harms nobody by not
 *    happening, is taken with a warning;
 *  - what promises something that can't be kept is refused.
 */
#include "options_kernel.h"

#include <stddef.h>
#include <string.h>

#include "log.h"

static const struct known_option table[] = {
	{ "data=ordered",		SAME,		NULL },
	{ "data=writeback",		SAME,		NULL },
	{ "data=journal",		REFUSED,	"file data never goes to the journal" },
	{ "data_err=ignore",		SAME,		NULL },
	{ "data_err=abort",		NO_EFFECT,	"fsync tells of data that could not be "
							"written; its blocks stay unwritten" },
	{ "barrier",			SAME,		NULL },
	{ "barrier=1",			SAME,		NULL },
	{ "barrier=0",			NO_EFFECT,	"the device's cache is flushed anyway" },
	{ "nobarrier",			NO_EFFECT,	"the device's cache is flushed anyway" },
	{ "journal_checksum",		NO_EFFECT,	"the image decides whether its journal "
							"has checksums" },
	{ "nojournal_checksum",		NO_EFFECT,	"the image decides whether its journal "
							"has checksums" },
	{ "journal_async_commit",	NO_EFFECT,	"a commit is written after what it "
							"commits" },
	{ "journal_ioprio=",		SAME,		NULL },
	{ "journal_dev=",		REFUSED,	"the journal has to be in the image" },
	{ "journal_path=",		REFUSED,	"the journal has to be in the image" },
	{ "max_batch_time=",		SAME,		NULL },
	{ "min_batch_time=",		SAME,		NULL },
	{ "discard",			NO_EFFECT,	"blocks that become free are not "
							"discarded" },
	{ "nodiscard",			SAME,		NULL },
	{ "acl",			SAME,		NULL },
	{ "noacl",			NO_EFFECT,	"ACLs stay in force" },
	{ "user_xattr",			SAME,		NULL },
	{ "nouser_xattr",		NO_EFFECT,	"there are user attributes all the same" },
	{ "nouid32",			REFUSED,	"user and group ids have 32 bits" },
	{ "max_dir_size_kb=",		REFUSED,	"directories have no limit" },
	{ "usrjquota==",		SAME,		NULL },
	{ "grpjquota==",		SAME,		NULL },
	{ "usrjquota=",			REFUSED,	"accounts are kept in the hidden files of "
							"the quota feature only" },
	{ "grpjquota=",			REFUSED,	"accounts are kept in the hidden files of "
							"the quota feature only" },
	{ "jqfmt=",			REFUSED,	"accounts are kept in the hidden files of "
							"the quota feature only" },
	{ "dax=never",			SAME,		NULL },
	{ "dax=inode",			SAME,		NULL },
	{ "dax=always",			REFUSED,	"the device can't be mapped directly" },
	{ "dax",			REFUSED,	"the device can't be mapped directly" },
	{ "test_dummy_encryption",	REFUSED,	"files can't be encrypted" },
	{ "test_dummy_encryption=",	REFUSED,	"files can't be encrypted" },
	{ "inlinecrypt",		SAME,		NULL },
	{ "abort",			REFUSED,	"it is for the kernel's own tests" },
	{ "i_version",			SAME,		NULL },
	{ "iversion",			SAME,		NULL },
	{ "noiversion",			SAME,		NULL },
	{ "inode_readahead_blks=",	SAME,		NULL },
	{ "init_itable",		SAME,		NULL },
	{ "init_itable=",		SAME,		NULL },
	{ "noinit_itable",		SAME,		NULL },
	{ "dioread_lock",		SAME,		NULL },
	{ "dioread_nolock",		SAME,		NULL },
	{ "nodioread_nolock",		SAME,		NULL },
	{ "block_validity",		SAME,		NULL },
	{ "noblock_validity",		SAME,		NULL },
	{ "prefetch_block_bitmaps",	SAME,		NULL },
	{ "no_prefetch_block_bitmaps",	SAME,		NULL },
	{ "mb_optimize_scan=",		SAME,		NULL },
	{ "nombcache",			SAME,		NULL },
	{ "no_mbcache",			SAME,		NULL },
	{ "mblk_io_submit",		SAME,		NULL },
	{ "nomblk_io_submit",		SAME,		NULL },
	{ "orlov",			SAME,		NULL },
	{ "oldalloc",			SAME,		NULL },
	{ "nocheck",			SAME,		NULL },
	{ "check=none",			SAME,		NULL },
	{ "check=normal",		NO_EFFECT,	"e2fsck checks file systems" },
	{ "check=strict",		NO_EFFECT,	"e2fsck checks file systems" },
	{ "bh",				SAME,		NULL },
	{ "nobh",			SAME,		NULL },
	{ "reservation",		SAME,		NULL },
	{ "noreservation",		SAME,		NULL },
	{ "nowarn_on_error",		SAME,		NULL },
	{ "warn_on_error",		NO_EFFECT,	"errors are logged anyway" },
	{ "debug_want_extra_isize=",	NO_EFFECT,	"the image says how large inodes are" },
	{ "journal=",			REFUSED,	"the superblock says where the journal is" },
	{ "fc_debug_force",		REFUSED,	"it is for the kernel's own tests" },
	{ "fc_debug_max_replay=",	REFUSED,	"it is for the kernel's own tests" },
	{ "xip",			REFUSED,	"the device can't be mapped directly" },
};

static int fits(const char *name, const char *option)
{
	size_t len = strlen(name);

	if (!strcmp(name + len - 2, "=="))
		return !strncmp(option, name, len - 1) && !option[len - 1];
	if (name[len - 1] == '=' || name[len - 1] == '.')
		return !strncmp(option, name, len) && option[len];
	return !strcmp(option, name);
}

enum kernel_option options_look_up(const struct known_option *options, size_t nr,
				   const char *option)
{
	for (size_t i = 0; i < nr; i++) {
		const struct known_option *known = &options[i];

		if (!fits(known->name, option))
			continue;
		if (known->verdict == REFUSED) {
			log_err("mount option \"%s\" is refused: %s", option, known->why);
			return KERNEL_OPTION_REFUSED;
		}
		if (known->verdict == NO_EFFECT)
			log_warn("mount option \"%s\" has no effect: %s", option, known->why);
		return KERNEL_OPTION_TAKEN;
	}
	return KERNEL_OPTION_UNKNOWN;
}

enum kernel_option options_kernel(const char *option)
{
	return options_look_up(table, sizeof(table) / sizeof(table[0]), option);
}
