// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The blocks of a directory: see dir_block.h.
 */
#include "dir_block.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "checksum.h"
#include "htree.h"

/* so many blocks of a directory that is read as a whole are read together */
#define WANT_AHEAD	31

static const uint8_t type_of_mode[16] = {
	[S_IFREG >> 12] = EXT2_FT_REG_FILE, [S_IFDIR >> 12] = EXT2_FT_DIR,
	[S_IFCHR >> 12] = EXT2_FT_CHRDEV, [S_IFBLK >> 12] = EXT2_FT_BLKDEV,
	[S_IFIFO >> 12] = EXT2_FT_FIFO, [S_IFSOCK >> 12] = EXT2_FT_SOCK,
	[S_IFLNK >> 12] = EXT2_FT_SYMLINK,
};

static const mode_t mode_of_type[EXT2_FT_MAX] = {
	[EXT2_FT_REG_FILE] = S_IFREG, [EXT2_FT_DIR] = S_IFDIR, [EXT2_FT_CHRDEV] = S_IFCHR,
	[EXT2_FT_BLKDEV] = S_IFBLK, [EXT2_FT_FIFO] = S_IFIFO, [EXT2_FT_SOCK] = S_IFSOCK,
	[EXT2_FT_SYMLINK] = S_IFLNK,
};

mode_t dir_type_to_mode(uint8_t type)
{
	return type < EXT2_FT_MAX ? mode_of_type[type] : 0;
}

uint8_t dirent_type(const struct server *s, mode_t mode)
{
	if (!ext2fs_has_feature_filetype(s->fs->super))
		return EXT2_FT_UNKNOWN;
	return type_of_mode[(mode & S_IFMT) >> 12];
}

unsigned int dir_block_usable(const struct server *s)
{
	return s->fs->blocksize - (ext2fs_has_feature_metadata_csum(s->fs->super) ?
				   sizeof(struct ext2_dir_entry_tail) : 0);
}

/*
 * Checksums
 */

/* Where the checksum of a block is and how much of the block it covers */
struct sum_place {
	__le32 *sum;
	unsigned int covers;
	bool index;
};

/*
 * The entries of an index go to the end of the block, those of other blocks to the tail: so
 * what the block begins with tells which it is.  The end doesn't, as kernel ext4 leaves the
 * tail there when it makes a block the root of an index.
 */
static bool find_sum(const struct server *s, char *data, struct sum_place *p)
{
	unsigned int bs = s->fs->blocksize;
	struct ext2_dir_entry_tail *tail = EXT2_DIRENT_TAIL(data, bs);
	struct ext2_dx_countlimit *cl = htree_limits(s, data, &p->covers);

	if (!cl) {
		*p = (struct sum_place){ &tail->det_checksum, bs - sizeof(*tail), false };
		return !tail->det_reserved_zero1 && tail->det_rec_len == sizeof(*tail) &&
		       tail->det_reserved_name_len == EXT2_DIR_NAME_LEN_CSUM;
	}
	if (cl->count > cl->limit ||
	    p->covers + (cl->limit + 1) * sizeof(struct ext2_dx_entry) > bs)
		return false;
	p->sum = &((struct ext2_dx_tail *)((struct ext2_dx_entry *)cl + cl->limit))->dt_checksum;
	p->covers += cl->count * sizeof(struct ext2_dx_entry);
	p->index = true;
	return true;
}

static uint32_t compute_sum(const struct server *s, const struct inode *dir, const char *data,
			    const struct sum_place *p)
{
	static const uint32_t zero;
	uint32_t crc = s->fs->csum_seed;

	crc = checksum_crc32c(crc, &dir->ino, sizeof(dir->ino));
	crc = checksum_crc32c(crc, &dir->raw.i_generation, sizeof(dir->raw.i_generation));
	crc = checksum_crc32c(crc, data, p->covers);
	if (!p->index)
		return crc;
	/* with the reserved word before it, and itself as 0 */
	crc = checksum_crc32c(crc, p->sum - 1, sizeof(*p->sum));
	return checksum_crc32c(crc, &zero, sizeof(zero));
}

static bool sum_is_right(const struct server *s, const struct inode *dir, const char *data)
{
	struct sum_place p;

	if (!ext2fs_has_feature_metadata_csum(s->fs->super))
		return true;
	return find_sum(s, (char *)data, &p) && *p.sum == compute_sum(s, dir, data, &p);
}

static int set_sum(struct server *s, const struct inode *dir, char *data)
{
	struct sum_place p;

	if (!ext2fs_has_feature_metadata_csum(s->fs->super))
		return 0;
	if (!find_sum(s, data, &p))
		return fs_error(s, dir->ino, 0, "no place for a directory block's checksum");
	*p.sum = compute_sum(s, dir, data, &p);
	return 0;
}

void dir_block_init_tail(const struct server *s, char *data)
{
	unsigned int bs = s->fs->blocksize;

	if (dir_block_usable(s) != bs)
		ext2fs_initialize_dirent_tail(s->fs, EXT2_DIRENT_TAIL(data, bs));
}

/*
 * Reading
 */

/*
 * Where the blocks are: looking into the map of the directory again and again takes longer
 * than all the rest of a lookup.  A block of a directory stays where it is as long as the
 * directory is there.
 */
static struct dir_place *place_of(struct server *s, const struct inode *dir, uint64_t lblk)
{
	uint64_t key = ((uint64_t)dir->ino << 32 ^ lblk) * 0x9e3779b97f4a7c15ULL;

	return &s->dir_places[key >> 32 & (DIR_PLACES - 1)];
}

/*
 * Places are read and written beside others, too: what is read counts if it is still the
 * same version then.  Who finds somebody else writing does without.
 */
static bool read_place(const struct dir_place *p, const struct inode *dir, uint64_t lblk,
		       uint64_t *pblk)
{
	uint32_t version = __atomic_load_n(&p->version, __ATOMIC_ACQUIRE);
	bool found = __atomic_load_n(&p->next, __ATOMIC_RELAXED) == lblk + 1 &&
		     __atomic_load_n(&p->ino, __ATOMIC_RELAXED) == dir->ino &&
		     __atomic_load_n(&p->generation, __ATOMIC_RELAXED) == dir->raw.i_generation;

	*pblk = __atomic_load_n(&p->pblk, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return found && !(version & 1) && __atomic_load_n(&p->version, __ATOMIC_RELAXED) == version;
}

static void write_place(struct dir_place *p, const struct inode *dir, uint64_t lblk,
			uint64_t pblk)
{
	uint32_t version = __atomic_load_n(&p->version, __ATOMIC_RELAXED);

	if (version & 1 ||
	    !__atomic_compare_exchange_n(&p->version, &version, version + 1, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&p->ino, dir->ino, __ATOMIC_RELAXED);
	__atomic_store_n(&p->generation, dir->raw.i_generation, __ATOMIC_RELAXED);
	__atomic_store_n(&p->next, lblk + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&p->pblk, pblk, __ATOMIC_RELAXED);
	__atomic_store_n(&p->room, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&p->version, version + 2, __ATOMIC_RELEASE);
}

/* With the lock alone */
static bool is_place(const struct dir_place *p, const struct inode *dir, uint64_t lblk)
{
	return p->next == lblk + 1 && p->ino == dir->ino && p->generation == dir->raw.i_generation;
}

/* What was found in the directory may be somewhere else. */
static void forget_hints(struct server *s, const struct inode *dir)
{
	for (unsigned int i = 0; i < DIR_HINTS; i++)
		if (s->dir_hints[i].dir == dir->ino)
			s->dir_hints[i].dir = 0;
}

void dir_forget(struct server *s, const struct inode *dir)
{
	uint64_t blocks = dir_blocks(s, dir);

	forget_hints(s, dir);
	if (blocks > DIR_PLACES) {
		memset(s->dir_places, 0, sizeof(s->dir_places));
		return;
	}
	for (uint64_t lblk = 0; lblk < blocks; lblk++) {
		struct dir_place *p = place_of(s, dir, lblk);

		if (p->ino == dir->ino)
			*p = (struct dir_place){ 0 };
	}
}

static int find_place(struct server *s, struct inode *dir, uint64_t lblk, uint64_t *pblk)
{
	struct dir_place *p = place_of(s, dir, lblk);
	struct mapping m;
	int err;

	if (read_place(p, dir, lblk, pblk))
		return 0;
	err = map_lookup(s, dir, lblk, 0, &m);
	if (err)
		return err;
	if (m.type != MAP_MAPPED)
		return fs_error(s, dir->ino, 0, "hole in a directory");
	*pblk = m.pblk + (lblk - m.lblk);
	write_place(p, dir, lblk, *pblk);
	return 0;
}

int dir_block_load(struct server *s, struct inode *dir, struct block_iter *it)
{
	const void *data;
	bool *verified;
	int err = find_place(s, dir, it->lblk, &it->pblk);

	if (!err)
		err = cache_peek(s->cache, it->pblk, &data, &verified);
	if (err)
		return err;
	it->data = data;
	if (cache_is_verified(verified))
		return 0;
	if (!sum_is_right(s, dir, data))
		return fs_error(s, dir->ino, it->pblk, "directory block has a bad checksum");
	cache_set_verified(verified);
	return 0;
}

void dir_blocks_want(struct server *s, struct inode *dir, uint64_t lblk)
{
	uint64_t end = lblk + WANT_AHEAD, pblk;

	/* where that is may be in a block that is missing, too */

	if (end > dir_blocks(s, dir))
		end = dir_blocks(s, dir);
	for (; lblk < end && !find_place(s, dir, lblk, &pblk); lblk++)
		cache_want(s->cache, pblk);
}

void dir_block_want(struct server *s, struct inode *dir, uint64_t lblk)
{
	uint64_t pblk;

	if (lblk < dir_blocks(s, dir) && !find_place(s, dir, lblk, &pblk))
		cache_want(s->cache, pblk);
}

/* @wide: lengths are written in another way */
static inline int find_room(const struct server *s, const char *block, unsigned int at,
			    unsigned int want, bool wide)
{
	const unsigned int bs = s->fs->blocksize, end = dir_block_usable(s);
	unsigned int len, used;

	for (; at + DIRENT_HEAD <= bs; at += len) {
		const struct ext2_dir_entry *de = (const void *)(block + at);

		len = wide ? dirent_len(s, de) : de->rec_len;
		if (len < DIRENT_HEAD || len % 4)
			return -2;
		/* most entries are as long as they need */
		if (len < want || at + len > end)
			continue;
		used = de->inode ? dirent_needs(ext2fs_dirent_name_len(de)) : 0;
		if (len >= used && len - used >= want)
			return at;
	}
	return at == bs ? -1 : -2;
}

int dir_block_find_room(struct server *s, const struct inode *dir, const struct block_iter *it,
			unsigned int want)
{
	const struct dir_place *p = place_of(s, dir, it->lblk);
	int at = -1;

	if (s->fs->blocksize > UINT16_MAX)
		return find_room(s, it->data, 0, want, true);
	/* what was put there last took the first of free space that ends behind it */
	if (p->room && is_place(p, dir, it->lblk))
		at = find_room(s, it->data, p->room, want, false);
	return at >= 0 ? at : find_room(s, it->data, 0, want, false);
}

void dir_block_moved(struct server *s, const struct inode *dir, uint64_t lblk)
{
	struct dir_place *p = place_of(s, dir, lblk);

	if (p->ino == dir->ino)
		p->room = 0;
}

/*
 * Changing
 */

int dir_block_change(struct server *s, struct inode *dir, uint64_t pblk, char **data)
{
	struct sum_place p;
	const void *now;
	void *block;
	int err = cache_peek(s->cache, pblk, &now, NULL);

	if (err)
		return err;
	if (ext2fs_has_feature_metadata_csum(s->fs->super) && !find_sum(s, (char *)now, &p))
		return fs_error(s, dir->ino, pblk, "no place for a directory block's checksum");
	err = cache_change(s->cache, pblk, &block);
	if (!err)
		careful_dir_changed(s, pblk);
	*data = block;
	return err;
}

int dir_block_new(struct server *s, uint64_t pblk, char **data)
{
	void *block;
	int err = cache_new(s->cache, pblk, &block);

	*data = block;
	return err;
}

int dir_block_changed(struct server *s, struct inode *dir, char *data)
{
	int err = set_sum(s, dir, data);

	s->dirty = true;
	forget_hints(s, dir);
	if (!err)
		node_dir_changed(s, dir->ino);
	return err;
}

int dir_block_write(struct server *s, struct inode *dir, uint64_t pblk, char *data)
{
	int err = set_sum(s, dir, data);

	if (!err)
		err = cache_write(s->cache, pblk * s->fs->blocksize, data, s->fs->blocksize);
	if (!err)
		careful_dir_changed(s, pblk);
	s->dirty = true;
	forget_hints(s, dir);
	if (!err)
		node_dir_changed(s, dir->ino);
	return err;
}

void dirent_fill(const struct server *s, struct ext2_dir_entry *de, unsigned int len,
		 struct dir_name name, ext2_ino_t ino, mode_t mode)
{
	de->inode = ino;
	ext2fs_set_rec_len(s->fs, len, de);
	ext2fs_dirent_set_name_len(de, name.len);
	ext2fs_dirent_set_file_type(de, dirent_type(s, mode));
	memcpy(de->name, name.str, name.len);
}

int dir_block_put(struct server *s, struct inode *dir, const struct block_iter *it,
		  unsigned int at, struct dir_name name, ext2_ino_t ino, mode_t mode)
{
	struct dir_place *p = place_of(s, dir, it->lblk);
	struct ext2_dir_entry *de;
	unsigned int len, used;
	char *data;
	int err = dir_block_change(s, dir, it->pblk, &data);

	if (err)
		return err;
	de = (struct ext2_dir_entry *)(data + at);
	len = dirent_len(s, de);
	if (de->inode) {
		used = dirent_needs(ext2fs_dirent_name_len(de));
		ext2fs_set_rec_len(s->fs, used, de);
		de = (struct ext2_dir_entry *)(data + at + used);
		len -= used;
	}
	dirent_fill(s, de, len, name, ino, mode);
	if (is_place(p, dir, it->lblk))
		p->room = (unsigned int)((char *)de - data);
	return dir_block_changed(s, dir, data);
}

/*
 * The block @pblk goes to the end of the directory, if there is a place for it in the
 * inode: a new directory has all there.  Otherwise false.
 */
static bool append_in_inode(struct inode *dir, uint64_t lblk, uint64_t pblk)
{
	struct ext3_extent_header *eh = (void *)dir->raw.i_block;
	struct ext3_extent *last = (struct ext3_extent *)(eh + 1) + eh->eh_entries - 1;
	const unsigned int max = (sizeof(dir->raw.i_block) - sizeof(*eh)) / sizeof(*last);

	if (eh->eh_magic != EXT3_EXT_MAGIC || eh->eh_depth || eh->eh_max != max ||
	    eh->eh_entries > max || lblk > UINT32_MAX)
		return false;
	if (eh->eh_entries && last->ee_block + last->ee_len == lblk &&
	    last->ee_len < EXT_INIT_MAX_LEN &&
	    (last->ee_start | (uint64_t)last->ee_start_hi << 32) + last->ee_len == pblk) {
		last->ee_len++;
		return true;
	}
	if (eh->eh_entries == max || (eh->eh_entries && last->ee_block >= lblk))
		return false;
	last[1] = (struct ext3_extent){
		.ee_block = (uint32_t)lblk, .ee_len = 1,
		.ee_start = (uint32_t)pblk, .ee_start_hi = (uint16_t)(pblk >> 32),
	};
	eh->eh_entries++;
	return true;
}

static int append(struct server *s, struct inode *dir, const struct mapping *m)
{
	uint64_t inserted = 0;

	if (!inode_has_extents(dir))
		return indirect_insert(s, dir, m, &inserted);
	return append_in_inode(dir, m->lblk, m->pblk) ? 0 : extent_insert(s, dir, m);
}

int dir_grow(struct server *s, struct inode *dir, const struct caller *who, uint64_t *lblk,
	     uint64_t *pblk)
{
	struct mapping m = { .type = MAP_MAPPED, .lblk = dir_blocks(s, dir), .len = 1 };
	struct mapping last;
	struct space sp;
	uint64_t goal = 0;
	int err;

	if (!ext2fs_has_feature_largedir(s->fs->super) &&
	    inode_size(dir) + s->fs->blocksize > INT32_MAX)
		return -ENOSPC;
	if (m.lblk && !map_lookup(s, dir, m.lblk - 1, MAP_EXACT, &last) && last.pblk)
		goal = last.pblk + (m.lblk - last.lblk);
	if (!goal)
		goal = ext2fs_find_inode_goal(s->fs, dir->ino, inode_small(dir), m.lblk);
	/* a size that is too small: what is there has names */
	err = map_lookup(s, dir, m.lblk, MAP_EXACT, &last);
	if (!err && last.type != MAP_HOLE)
		err = fs_error(s, dir->ino, last.pblk, "directory has blocks behind its end");
	if (!err)
		err = space_take(s, dir, goal, m.lblk, 1, 0, who, &sp);
	if (err)
		return err;
	m.pblk = sp.pblk;
	err = append(s, dir, &m);
	if (err) {
		space_give_back(s, &sp);
		inode_store(s, dir);
		return err;
	}
	err = space_count(s, dir, &sp);
	if (!err)
		err = inode_set_size(s, dir, inode_size(dir) + s->fs->blocksize);
	if (!err)
		err = inode_store(s, dir);
	*lblk = m.lblk;
	*pblk = m.pblk;
	return err;
}
