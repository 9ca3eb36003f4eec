// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Casefolded directories: see casefold.h.
 *
 * The rules are libext2fs's table for Unicode 12.1, which is the kernel's:
 * canonical decomposition, ignorable code points left out, and full case folding.
 * A name that isn't UTF-8 is the same as itself only, or not allowed at all where the
 * superblock says so (strict).  Its hash in an index is that of its bytes.
 *
 * The FUSE client compares names byte by byte.  So it must not remember what names in
 * such a directory mean, or that there are none: who answers a lookup in one has to
 * say that it is good for this moment only (namei_names_last()).
 */
#include "casefold.h"

#include <errno.h>

bool casefold_is_on(const struct server *s, const struct inode *dir)
{
	/* the names of an encrypted directory are no text without the key */
	return (dir->raw.i_flags & EXT4_CASEFOLD_FL) && !(dir->raw.i_flags & EXT4_ENCRYPT_FL) &&
	       s->fs->encoding;
}

static unsigned char lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

/*
 * Do the names differ in an ASCII character, with nothing but ASCII before it?  These
 * fold by themselves, whatever follows, so nothing can make such names the same.
 */
static bool differ_early(struct dir_name a, struct dir_name b)
{
	for (size_t i = 0;; i++) {
		unsigned char x = i < a.len ? a.str[i] : 0, y = i < b.len ? b.str[i] : 0;

		if ((x | y) & 0x80)
			return false;
		if (lower(x) != lower(y))
			return true;
		if (!x)
			return false;
	}
}

bool casefold_same(const struct server *s, struct dir_name a, struct dir_name b)
{
	if (a.len == b.len && !memcmp(a.str, b.str, a.len))
		return true;
	if (differ_early(a, b))
		return false;
	return !ext2fs_casefold_cmp(s->fs->encoding, (const unsigned char *)a.str, a.len,
				    (const unsigned char *)b.str, b.len);
}

int casefold_check_name(const struct server *s, const struct inode *dir, struct dir_name name)
{
	char *pos;

	if (!casefold_is_on(s, dir) ||
	    !(s->fs->super->s_encoding_flags & EXT4_ENC_STRICT_MODE_FL))
		return 0;
	return ext2fs_check_encoded_name(s->fs->encoding, (char *)name.str, name.len, &pos) ?
	       -EINVAL : 0;
}

bool casefold_encoding_known(const struct ext2_super_block *sb)
{
	return ext2fs_load_nls_table(sb->s_encoding);
}
