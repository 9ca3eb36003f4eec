/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Encrypted files as somebody without the key sees them: this program never has one.
 *
 * Names and the targets of symlinks are ciphertext.  What is shown instead are kernel
 * ext4's no-key names: text, and the same file can be found by it again.
 */
#ifndef IOMAP4FS_NOKEY_H
#define IOMAP4FS_NOKEY_H

#include "dir.h"

#define NOKEY_NAME_MAX	252	/* characters */

/* Are the names of @dir encrypted? */
static inline bool nokey_dir(const struct inode *dir)
{
	return dir->raw.i_flags & EXT4_ENCRYPT_FL;
}

/* How the hashes in the names of a directory are made */
struct nokey_hash {
	enum { NOKEY_HASH_NONE, NOKEY_HASH_STORED, NOKEY_HASH_COMPUTED } kind;
	int version;
};

int nokey_hash_init(struct server *s, struct inode *dir, struct nokey_hash *h);
/*
 * What to show for the entry @e of an encrypted directory.  Returns the length, no NUL;
 * or -EUCLEAN if it is too short to be an encrypted name.
 */
int nokey_show(struct server *s, const struct nokey_hash *h, const struct dir_entry *e,
	       char text[NOKEY_NAME_MAX]);
/* ... for the target of a symlink, @len bytes as they are on the disk; or -errno */
int nokey_show_target(const void *data, size_t len, char text[NOKEY_NAME_MAX]);
/* The length of that if @len, the size of the symlink, is right */
size_t nokey_target_len(size_t len);

/* A name to look for, decoded once */
struct nokey_wanted {
	uint8_t raw[192];
	size_t len;		/* of raw, bytes */
};

/* False: this is not the name of any file in an encrypted directory. */
bool nokey_decode(struct dir_name shown, struct nokey_wanted *w);
/* Is it what is shown for @name, which is on the disk? */
bool nokey_matches(const struct nokey_wanted *w, struct dir_name name);

/* The bytes of a file can't be had: -ENOKEY; -EOPNOTSUPP if it has verity; else 0. */
int nokey_data(const struct inode *in);

#endif
