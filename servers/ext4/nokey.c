// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Encrypted files without the key: see nokey.h.
 *
 * A no-key name is base64url of
 *
 *	| hash | minor hash | ciphertext, up to 149 bytes | SHA-256 of the rest |
 *
 * The hashes are those that kernel ext4 orders directories by; they are 0 where it
 * reads them in order of their blocks, and in symlinks.  They are shown as there and
 * ignored when a name is looked for, which the ciphertext tells.
 *
 * Verity files are here too, because the answer is as short: whether their bytes are
 * right would have to be checked against a tree of hashes, which this program doesn't
 * do, and unchecked ones are not what somebody expects who reads them.
 */
#include "nokey.h"

#include <errno.h>

#include "map.h"
#include "sha256.h"

#define HEAD		8U	/* bytes of the hashes */
#define PLAIN_MAX	149U	/* bytes of ciphertext that are shown as they are */
#define RAW_MAX		(HEAD + PLAIN_MAX + SHA256_SIZE)
#define CIPHERTEXT_MIN	16U
#define INFO_OFFSET	24U	/* of struct ext2_dx_root_info: after "." and ".." */

_Static_assert((RAW_MAX * 4 + 2) / 3 == NOKEY_NAME_MAX, "length of a no-key name");
_Static_assert(RAW_MAX <= sizeof(((struct nokey_wanted *)0)->raw), "room for a no-key name");

static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t encode(const uint8_t *from, size_t len, char *to)
{
	uint32_t bits = 0;
	unsigned int nr = 0;
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | from[i];
		nr += 8;
		while (nr >= 6) {
			nr -= 6;
			to[n++] = digits[bits >> nr & 63];
		}
	}
	if (nr)
		to[n++] = digits[bits << (6 - nr) & 63];
	return n;
}

/* Returns the number of bytes, 0: that is no encoding of any. */
static size_t decode(const char *from, size_t len, uint8_t *to, size_t room)
{
	uint32_t bits = 0;
	unsigned int nr = 0;
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		const char *digit = from[i] ? strchr(digits, from[i]) : NULL;

		if (!digit)
			return 0;
		bits = bits << 6 | (uint32_t)(digit - digits);
		nr += 6;
		if (nr < 8)
			continue;
		nr -= 8;
		if (n == room)
			return 0;
		to[n++] = bits >> nr;
	}
	/* bits that stand for nothing */
	return nr >= 6 || bits & ((1U << nr) - 1) ? 0 : n;
}

static bool is_dots(struct dir_name name)
{
	return name.str[0] == '.' && (name.len == 1 || (name.len == 2 && name.str[1] == '.'));
}

/* The hash version that an index has in its first block */
static int index_version(struct server *s, struct inode *dir, int *version)
{
	const struct ext2_dx_root_info *info;
	struct mapping m;
	const void *data;
	int err = map_lookup(s, dir, 0, 0, &m);

	if (!err && m.type != MAP_MAPPED)
		err = fs_error(s, dir->ino, 0, "hole in a directory");
	if (!err)
		err = cache_peek(s->cache, m.pblk, &data, NULL);
	if (err)
		return err;
	info = (const void *)((const char *)data + INFO_OFFSET);
	*version = info->hash_version;
	return 0;
}

int nokey_hash_init(struct server *s, struct inode *dir, struct nokey_hash *h)
{
	int err = 0;

	*h = (struct nokey_hash){ .kind = NOKEY_HASH_NONE };
	if (dir->raw.i_flags & EXT4_CASEFOLD_FL) {
		h->kind = NOKEY_HASH_STORED;
		return 0;
	}
	if (!ext2fs_has_feature_dir_index(s->fs->super))
		return 0;
	h->version = s->fs->super->s_def_hash_version;
	if (dir->raw.i_flags & EXT2_INDEX_FL && !inode_is_inline(dir))
		err = index_version(s, dir, &h->version);
	else if (!inode_is_inline(dir) && inode_size(dir) != s->fs->blocksize)
		return 0;
	if (h->version <= EXT2_HASH_TEA && s->fs->super->s_flags & EXT2_FLAGS_UNSIGNED_HASH)
		h->version += 3;
	h->kind = NOKEY_HASH_COMPUTED;
	return err;
}

static int hash_name(struct server *s, const struct nokey_hash *h, const struct dir_entry *e,
		     uint32_t hash[2])
{
	/* the last value means the end of a directory */
	const uint32_t end = 0x7fffffffU << 1;

	hash[0] = hash[1] = 0;
	if (h->kind == NOKEY_HASH_STORED)
		memcpy(hash, e->hash, sizeof(e->hash));
	if (h->kind != NOKEY_HASH_COMPUTED)
		return 0;
	if (ext2fs_dirhash(h->version, e->name.str, e->name.len, s->fs->super->s_hash_seed,
			   &hash[0], &hash[1]))
		return -EUCLEAN;
	if (hash[0] == end)
		hash[0] = end - 2;
	return 0;
}

static int show(const uint32_t hash[2], struct dir_name name, char *text)
{
	uint8_t raw[RAW_MAX];
	size_t plain = name.len < PLAIN_MAX ? name.len : PLAIN_MAX;

	memcpy(raw, hash, HEAD);
	memcpy(raw + HEAD, name.str, plain);
	if (plain == name.len)
		return (int)encode(raw, HEAD + plain, text);
	sha256(name.str + plain, name.len - plain, raw + HEAD + plain);
	return (int)encode(raw, RAW_MAX, text);
}

int nokey_show(struct server *s, const struct nokey_hash *h, const struct dir_entry *e,
	       char text[NOKEY_NAME_MAX])
{
	uint32_t hash[2];
	int err;

	if (is_dots(e->name)) {
		memcpy(text, e->name.str, e->name.len);
		return (int)e->name.len;
	}
	if (e->name.len < CIPHERTEXT_MIN)
		return -EUCLEAN;
	err = hash_name(s, h, e, hash);
	return err ? err : show(hash, e->name, text);
}

int nokey_show_target(const void *data, size_t len, char text[NOKEY_NAME_MAX])
{
	static const uint32_t no_hash[2];
	struct dir_name name;
	uint16_t n;

	if (len < sizeof(n))
		return -EUCLEAN;
	memcpy(&n, data, sizeof(n));
	name = (struct dir_name){ (const char *)data + sizeof(n), n };
	if (n < CIPHERTEXT_MIN || n > len - sizeof(n))
		return -EUCLEAN;
	return show(no_hash, name, text);
}

size_t nokey_target_len(size_t len)
{
	size_t n = len > sizeof(uint16_t) ? len - sizeof(uint16_t) : 0;

	return ((n <= PLAIN_MAX ? HEAD + n : RAW_MAX) * 4 + 2) / 3;
}

bool nokey_decode(struct dir_name shown, struct nokey_wanted *w)
{
	w->len = decode(shown.str, shown.len, w->raw, RAW_MAX);
	return w->len > HEAD && (w->len <= HEAD + PLAIN_MAX || w->len == RAW_MAX);
}

bool nokey_matches(const struct nokey_wanted *w, struct dir_name name)
{
	uint8_t digest[SHA256_SIZE];

	if (w->len != RAW_MAX)
		return name.len == w->len - HEAD && !memcmp(name.str, w->raw + HEAD, name.len);
	if (name.len <= PLAIN_MAX || memcmp(name.str, w->raw + HEAD, PLAIN_MAX))
		return false;
	sha256(name.str + PLAIN_MAX, name.len - PLAIN_MAX, digest);
	return !memcmp(digest, w->raw + HEAD + PLAIN_MAX, sizeof(digest));
}

int nokey_data(const struct inode *in)
{
	if (!inode_is_reg(in))
		return 0;
	if (in->raw.i_flags & EXT4_ENCRYPT_FL)
		return -ENOKEY;
	return in->raw.i_flags & EXT4_VERITY_FL ? -EOPNOTSUPP : 0;
}
