// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which on-disk features this server can serve.  The rules are ext4's: an
 * incompatible feature that isn't known forbids the mount, a read-only
 * compatible one forbids writing.
 */
#include <stdio.h>

#include "server.h"

#define INCOMPAT_OK	(EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_RECOVER | \
			 EXT2_FEATURE_INCOMPAT_META_BG | EXT3_FEATURE_INCOMPAT_EXTENTS | \
			 EXT4_FEATURE_INCOMPAT_64BIT | EXT4_FEATURE_INCOMPAT_MMP | \
			 EXT4_FEATURE_INCOMPAT_FLEX_BG | \
			 EXT4_FEATURE_INCOMPAT_EA_INODE | EXT4_FEATURE_INCOMPAT_CSUM_SEED | \
			 EXT4_FEATURE_INCOMPAT_LARGEDIR | EXT4_FEATURE_INCOMPAT_INLINE_DATA | \
			 EXT4_FEATURE_INCOMPAT_ENCRYPT | EXT4_FEATURE_INCOMPAT_CASEFOLD)
#define RO_COMPAT_OK	(EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE | \
			 EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM | \
			 EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE | \
			 EXT4_FEATURE_RO_COMPAT_METADATA_CSUM | EXT4_FEATURE_RO_COMPAT_PROJECT | \
			 EXT4_FEATURE_RO_COMPAT_VERITY | EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT | \
			 EXT4_FEATURE_RO_COMPAT_QUOTA | EXT4_FEATURE_RO_COMPAT_BIGALLOC)

struct name {
	uint32_t bit;
	const char *name;
};

static const struct name incompat_names[] = {
	{ EXT2_FEATURE_INCOMPAT_COMPRESSION,	"compression" },
	{ EXT3_FEATURE_INCOMPAT_JOURNAL_DEV,	"journal_dev (this is an external journal)" },
	{ EXT4_FEATURE_INCOMPAT_DIRDATA,	"dirdata" },
	{ 0, NULL }
};

static const struct name ro_compat_names[] = {
	{ EXT4_FEATURE_RO_COMPAT_HAS_SNAPSHOT,	"has_snapshot" },
	{ EXT4_FEATURE_RO_COMPAT_REPLICA,	"replica" },
	{ EXT4_FEATURE_RO_COMPAT_READONLY,	"read-only" },
	{ EXT4_FEATURE_RO_COMPAT_SHARED_BLOCKS,	"shared_blocks" },
	{ 0, NULL }
};

static const char *name_of(const struct name *names, uint32_t bits, const char *kind)
{
	static char text[48];

	for (; names->bit; names++)
		if (bits & names->bit)
			return names->name;
	snprintf(text, sizeof(text), "%s 0x%x", kind, bits);
	return text;
}

const char *features_unsupported(const struct ext2_super_block *super, bool readonly)
{
	uint32_t bits;

	if (super->s_rev_level == EXT2_GOOD_OLD_REV)
		return NULL;
	bits = super->s_feature_incompat & ~INCOMPAT_OK;
	if (bits)
		return name_of(incompat_names, bits, "incompat");
	if (super->s_feature_ro_compat & EXT4_FEATURE_RO_COMPAT_BIGALLOC &&
	    !(super->s_feature_incompat & EXT3_FEATURE_INCOMPAT_EXTENTS))
		return "bigalloc without extent";
	if (readonly)
		return NULL;
	bits = super->s_feature_ro_compat & ~RO_COMPAT_OK;
	if (bits)
		return name_of(ro_compat_names, bits, "ro_compat");
	/* there all who share an attribute's inode have to account for it */
	if (super->s_feature_ro_compat & EXT4_FEATURE_RO_COMPAT_QUOTA &&
	    super->s_feature_incompat & EXT4_FEATURE_INCOMPAT_EA_INODE)
		return "quota together with ea_inode";
	return NULL;
}
