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

enum verdict { SAME, NO_EFFECT, REFUSED };

/* A name that ends with '=' stands for all values.  The first that fits counts. */
static const struct {
	const char *name;
	enum verdict verdict;
	const char *why;
} table[] = {
	{ "data=ordered",		SAME,		NULL },
	{ "data=writeback",		SAME,		NULL },
	{ "data=journal",		REFUSED,	"file data never goes to the journal" },
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
	{ "stripe=",			SAME,		NULL },
	{ "inode_readahead_blks=",	SAME,		NULL },
	{ "init_itable",		SAME,		NULL },
	{ "init_itable=",		SAME,		NULL },
	{ "noinit_itable",		SAME,		NULL },
	{ "dioread_lock",		SAME,		NULL },
	{ "dioread_nolock",		SAME,		NULL },
	{ "nodioread_nolock",		SAME,		NULL },
	{ "block_validity",		SAME,		NULL },
	{ "noblock_validity",		SAME,		NULL },
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
};

static int fits(const char *name, const char *option)
{
	size_t len = strlen(name);

	if (name[len - 1] == '=')
		return !strncmp(option, name, len) && option[len];
	return !strcmp(option, name);
}

enum kernel_option options_kernel(const char *option)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (!fits(table[i].name, option))
			continue;
		if (table[i].verdict == REFUSED) {
			log_err("mount option \"%s\" is refused: %s", option, table[i].why);
			return KERNEL_OPTION_REFUSED;
		}
		if (table[i].verdict == NO_EFFECT)
			log_warn("mount option \"%s\" has no effect: %s", option, table[i].why);
		return KERNEL_OPTION_TAKEN;
	}
	return KERNEL_OPTION_UNKNOWN;
}
