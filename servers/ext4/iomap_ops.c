// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The iomap requests: where the bytes of a file are, and what became of them.
 *
 *	BEGIN   mappings; for writes space is allocated, unwritten, or only promised
 *		until writeback asks again (delayed.h)
 *	IOEND   data has reached the device: convert to written, raise i_size
 *	END     a write came short: what was allocated for it goes back; or the
 *		kernel doesn't need what was promised
 *
 * An answer covers the whole extent, also before the position asked for,
 * because what the kernel knows it needs not ask again.
 *
 * i_size on the disk grows only in IOEND and SETATTR, after the data below it
 * has been written.  Indirect maps have no unwritten state: their new blocks are
 * zeroed first, and a file with blocks behind its size is on the orphan list, so
 * that a crash takes them away.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "atime.h"
#include "bitmaps.h"
#include "cold.h"
#include "durable.h"
#include "file.h"
#include "log.h"
#include "nokey.h"
#include "ops.h"
#include "quota.h"

/* Space for one request, bytes: what a file can't use it gives back */
#define ALLOC_BYTES_MAX	(64ULL << 20)
/* Further mappings in an answer that need no memory of their own */
#define ROOM_ON_STACK	16

static struct server *server_of(fuse_iomap_req_t req)
{
	return fuse_iomap_req_userdata(req);
}

static struct caller caller_of(fuse_iomap_req_t req)
{
	const struct fuse_ctx *ctx = fuse_iomap_req_ctx(req);

	return (struct caller){ .uid = ctx->uid, .gid = ctx->gid };
}

/*
 * CONFIG
 */

static void fill_config(struct server *s, uint64_t flags, int64_t maxbytes,
			struct fuse_iomap_config_out *c)
{
	const struct ext2_super_block *sb = s->fs->super;
	bool wide = EXT2_INODE_SIZE(s->fs->super) >=
		    EXT2_GOOD_OLD_INODE_SIZE + offsetof(struct ext2_inode_large, i_crtime) -
		    offsetof(struct ext2_inode_large, i_extra_isize);

	memset(c, 0, sizeof(*c));
	c->flags = FUSE_IOMAP_CONFIG_SID | FUSE_IOMAP_CONFIG_UUID | FUSE_IOMAP_CONFIG_BLOCKSIZE |
		   FUSE_IOMAP_CONFIG_MAX_LINKS | FUSE_IOMAP_CONFIG_TIME |
		   FUSE_IOMAP_CONFIG_MAXBYTES;
	/* nothing changes mappings here but requests of the kernel */
	c->flags |= flags & (FUSE_IOMAP_CONFIG_MAPPINGS | FUSE_IOMAP_CONFIG_CACHE_MAXBYTES);
	if (c->flags & FUSE_IOMAP_CONFIG_MAPPINGS)
		c->flags |= flags & FUSE_IOMAP_CONFIG_BEFORE;
	/* nor does anything depend on who has which directory open */
	if (!atime_is_strict(s))
		c->flags |= flags & FUSE_IOMAP_CONFIG_DIRS;
	if (s->opt.auto_da_alloc)
		c->flags |= flags & FUSE_IOMAP_CONFIG_REPLACE;
	if (waives_open(s))
		c->flags |= flags & FUSE_IOMAP_CONFIG_NO_OPEN;
	c->flags |= flags & FUSE_IOMAP_CONFIG_READ_ONLY;
	c->cache_maxbytes = s->opt.map_cache;
	memcpy(c->s_id, s->src.name, sizeof(c->s_id) - 1);
	memcpy(c->s_uuid, sb->s_uuid, sizeof(c->s_uuid));
	c->s_uuid_len = sizeof(c->s_uuid);
	c->s_blocksize = s->fs->blocksize;
	c->s_max_links = EXT2_LINK_MAX;
	c->s_time_gran = wide ? 1 : 1000000000;
	c->s_time_min = INT32_MIN;
	c->s_time_max = wide ? INT32_MAX + 3 * (1LL << 32) : INT32_MAX;
	c->s_maxbytes = ext2fs_has_feature_extents(s->fs->super) ? s->maxbytes_extent :
								   s->maxbytes_indirect;
	if (c->s_maxbytes > maxbytes)
		c->s_maxbytes = maxbytes;
}

static void iop_config(fuse_iomap_req_t req, uint64_t flags, int64_t maxbytes,
		       uint32_t cache_maxbytes)
{
	struct server *s = server_of(req);
	struct fuse_iomap_config_out config;
	uint32_t bs;
	int dev, err;

	(void)cache_maxbytes;
	dev = fuse_iomap_device_add(s->session, s->src.fd, 0);
	if (dev < 0) {
		log_err("the kernel doesn't take the block device: %s", strerror(-dev));
		fuse_iomap_reply_err(req, -dev);
		return;
	}
	s->iomap_dev = dev;
	/* that of the device is at most a page, that of files may be more */
	bs = sysconf(_SC_PAGESIZE);
	err = fuse_iomap_device_set_blocksize(s->session, dev,
					      s->fs->blocksize < bs ? s->fs->blocksize : bs);
	if (err)
		log_debug("block size of the device: %s", strerror(-err));
	fill_config(s, flags, maxbytes, &config);
	err = fuse_iomap_reply_config(req, &config);
	if (err) {
		log_err("the kernel doesn't take the geometry: %s", strerror(-err));
		return;
	}
	/*
	 * An error of before, which the kernel could not be told of; or the source is open for
	 * reading only, and then the kernel refuses to remount it for writing.
	 */
	server_lock(s);
	if (s->readonly)
		turned_readonly(s);
	server_unlock(s);
	s->ready(s);
}

/*
 * BEGIN
 */

/* Without what it is for */
static inline void to_place(const struct server *s, const struct mapping *m,
			    struct fuse_iomap_io *io)
{
	static const uint16_t types[] = {
		[MAP_HOLE] = FUSE_IOMAP_TYPE_HOLE,
		[MAP_MAPPED] = FUSE_IOMAP_TYPE_MAPPED,
		[MAP_UNWRITTEN] = FUSE_IOMAP_TYPE_UNWRITTEN,
		[MAP_DELAYED] = FUSE_IOMAP_TYPE_DELALLOC,
	};
	bool space = m->type == MAP_MAPPED || m->type == MAP_UNWRITTEN;
	unsigned int bits = block_bits(s);

	*io = (struct fuse_iomap_io){
		.offset = m->lblk << bits,
		.length = m->len << bits,
		.addr = space ? m->pblk << bits : FUSE_IOMAP_NULL_ADDR,
		.type = types[m->type],
		.dev = space ? (uint32_t)s->iomap_dev : FUSE_IOMAP_DEV_NULL,
	};
}

static void to_io(const struct server *s, const struct mapping *m, uint32_t opflags,
		  struct fuse_iomap_io *io)
{
	to_place(s, m, io);
	if (m->fresh)
		io->flags |= FUSE_IOMAP_F_NEW;
	if (m->merged)
		io->flags |= FUSE_IOMAP_F_MERGED;
	/* what hasn't been flushed yet has to be for O_DSYNC; swapon has flushed the file */
	if (fuse_iomap_is_write(opflags) && !(opflags & FUSE_IOMAP_OP_SWAPFILE) &&
	    (s->dirty || m->type != MAP_MAPPED || cache_is_dirty(s->cache) ||
	     (!s->commits.journal && s->commits.busy)))
		io->flags |= FUSE_IOMAP_F_DIRTY;
}

static bool wants_space(uint32_t opflags)
{
	return (opflags & (FUSE_IOMAP_OP_WRITE | FUSE_IOMAP_OP_WRITEBACK)) &&
	       !(opflags & (FUSE_IOMAP_OP_ZERO | FUSE_IOMAP_OP_SWAPFILE |
			    FUSE_IOMAP_OP_OVERWRITE_ONLY));
}

/* 1: answered with @io; 0: the file has blocks now; or -errno */
static int begin_inline(struct server *s, struct inode *in, uint64_t pos, uint64_t count,
			uint32_t opflags, const struct caller *who, struct fuse_iomap_io *io)
{
	uint64_t bs = s->fs->blocksize;

	if (fuse_iomap_is_write(opflags)) {
		bool page = opflags & (FUSE_IOMAP_OP_FAULT | FUSE_IOMAP_OP_WRITEBACK |
				       FUSE_IOMAP_OP_DIRECT | FUSE_IOMAP_OP_SWAPFILE);
		int err = super_may_allocate(s);

		if (err)
			return err;
		/* writes inside the data stay in the inode */
		if (page || pos > inode_size(in) || count > inode_size(in) - pos) {
			err = cold_settle(s);
			return err ? err : inline_expand(s, in, who);
		}
	}
	memset(io, 0, sizeof(*io));
	io->addr = FUSE_IOMAP_NULL_ADDR;
	if (pos < bs) {
		io->type = FUSE_IOMAP_TYPE_INLINE;
		io->length = bs;
	} else {
		io->type = FUSE_IOMAP_TYPE_HOLE;
		io->offset = bs;
		io->length = (MAP_MAX_LBLK << block_bits(s)) - bs;
	}
	return 1;
}

/*
 * Space for @len blocks from @lblk on, where there is none yet.  What is promised gets its
 * place with all that is promised in one piece with it, up to @len: it is all dirty.
 */
static int allocate(struct server *s, struct inode *in, uint64_t lblk, uint64_t len,
		    const struct caller *who, struct mapping *m)
{
	struct node *node = node_find(s, in->ino);
	uint64_t end = lblk + len, at = lblk, max = ALLOC_BYTES_MAX >> block_bits(s);
	struct delayed_range r;

	if (node && delayed_find(node, lblk, &r)) {
		if (lblk - r.start < max / 2)
			at = r.start;
		if (end > r.end)
			end = r.end;
	}
	for (;;) {
		/* settles itself */
		int err = map_alloc(s, in, node, at, end - at, who, m);

		/* in pieces, if there is no better place */
		if (err || m->lblk + m->len > lblk)
			return err;
		at = m->lblk + m->len;
	}
}

/* The longest part of [@lblk, @lblk + @len), from its start, with at most @room new promises */
static uint64_t fits(const struct node *node, uint64_t lblk, uint64_t len, uint64_t room)
{
	uint64_t low = 0, high = len;

	while (low < high) {
		uint64_t mid = low + (high - low + 1) / 2;

		if (mid - (node ? delayed_in(node, lblk, mid) : 0) <= room)
			low = mid;
		else
			high = mid - 1;
	}
	return low;
}

/*
 * A write to @hole may be shorter, so that quotas allow it.  A page that is mapped can't: what
 * belongs to it must have its promise, or it is refused.  *@limited: there are limits.
 */
static int limit_promise(struct server *s, struct inode *in, const struct mapping *hole,
			 uint64_t lblk, uint64_t *len, uint32_t opflags,
			 const struct caller *who, bool *limited)
{
	uint64_t behind = hole->lblk + hole->len - lblk, may;
	struct quota_room room;
	int err = quota_room(s, in, who, &room);

	*limited = room.limited;
	if (err || room.blocks == UINT64_MAX)
		return err;
	if (*len > behind)
		*len = behind;
	may = fits(node_find(s, in->ino), lblk, *len, room.blocks);
	if (!may || (may < *len && opflags & FUSE_IOMAP_OP_FAULT))
		return -EDQUOT;
	*len = may;
	return 0;
}

/* For a buffered write a promise may do. */
static int promise_or_allocate(struct server *s, struct inode *in, uint64_t lblk, uint64_t len,
			       uint32_t opflags, const struct caller *who, struct mapping *m)
{
	bool grow = !(opflags & FUSE_IOMAP_OP_FAULT), limited = false;
	struct node *node = node_find(s, in->ino);
	uint64_t stop;
	int err = map_lookup(s, in, lblk, 0, m);

	if (!err && m->type == MAP_HOLE)
		err = cold_settle(s);
	if (err || m->type != MAP_HOLE)
		return err;
	/* with clusters nothing is promised, and a hole in one that the file has costs nothing */
	if (!EXT2FS_CLUSTER_MASK(s->fs))
		err = limit_promise(s, in, m, lblk, &len, opflags, who, &limited);
	if (err)
		return err;
	/* what is promised ahead would count, and others of the same owner would be refused */
	if (delayed_write(s, in, lblk, lblk + len, grow && !limited, who, m, &stop))
		return limited ? quota_reserve_timers(s, node->delayed.owner) : 0;
	return map_alloc(s, in, node, lblk, stop - lblk, who, m);
}

static int begin(struct server *s, struct inode *in, uint64_t pos, uint64_t count,
		 uint32_t opflags, const struct caller *who, struct fuse_iomap_io *io)
{
	unsigned int bits = block_bits(s);
	uint64_t lblk = pos >> bits;
	struct mapping m;
	int err;

	if (!inode_is_reg(in))
		return -EINVAL;
	err = nokey_data(in);
	if (err)
		return err;
	if (fuse_iomap_is_write(opflags)) {
		err = super_may_allocate(s);
		if (err)
			return err;
		if (pos >= (uint64_t)inode_maxbytes(s, in))
			return -EFBIG;
	}
	if (inode_is_inline(in)) {
		err = begin_inline(s, in, pos, count, opflags, who, io);
		if (err)
			return err < 0 ? err : 0;
	}
	if (wants_space(opflags) && opflags & FUSE_IOMAP_OP_DIRECT && !inode_has_extents(in) &&
	    lblk << bits < inode_size(in)) {
		/*
		 * As in kernel ext4: direct writes fill no holes of indirect
		 * maps, the kernel takes the page cache instead.
		 */
		err = map_lookup(s, in, lblk, 0, &m);
		if (!err && m.type == MAP_HOLE)
			err = -ENOTBLK;
	} else if (wants_space(opflags)) {
		uint64_t max = inode_maxbytes(s, in);
		uint64_t end = count > max - pos ? max : pos + count;

		if (end - pos > ALLOC_BYTES_MAX)
			end = pos + ALLOC_BYTES_MAX;
		end = (end + s->fs->blocksize - 1) >> bits;
		if (opflags & (FUSE_IOMAP_OP_DIRECT | FUSE_IOMAP_OP_WRITEBACK))
			err = allocate(s, in, lblk, end - lblk, who, &m);
		else
			err = promise_or_allocate(s, in, lblk, end - lblk, opflags, who, &m);
	} else {
		err = map_lookup(s, in, lblk, opflags & FUSE_IOMAP_OP_REPORT ? MAP_EXACT : 0,
				 &m);
		/* direct I/O has had dirty pages written: what is still promised are zeroes */
		if (!err && !(opflags & FUSE_IOMAP_OP_DIRECT))
			delayed_overlay(node_find(s, in->ino), lblk, &m);
		if (!err && (opflags & FUSE_IOMAP_OP_OVERWRITE_ONLY) && m.type != MAP_MAPPED)
			err = -EAGAIN;
	}
	if (!err && m.fresh)
		err = orphan_add_growing(s, in, (m.lblk + m.len) << bits);
	if (!err)
		to_io(s, &m, opflags, io);
	return err;
}

/*
 * Further mappings of an answer, those before the one asked for up to the middle of a list, the
 * others from there on:
 *
 *	| room | before | behind | room |
 *	                ^ middle
 */
struct more {
	const struct server *s;
	const struct node *node;
	struct fuse_iomap_io *middle;
	unsigned int before, behind;
	unsigned int room_before, room_behind;
};

static bool add_behind(void *arg, const struct mapping *m)
{
	struct more *more = arg;
	uint64_t at = m->lblk, end = m->lblk + m->len;

	/* a hole may be some of promised and other ones */
	while (at < end && more->behind < more->room_behind) {
		struct mapping part = *m;

		if (m->type == MAP_HOLE)
			delayed_overlay(more->node, at, &part);
		to_place(more->s, &part, &more->middle[more->behind++]);
		at = part.lblk + part.len;
	}
	return more->behind < more->room_behind;
}

static bool add_before(void *arg, const struct mapping *m)
{
	struct more *more = arg;
	uint64_t end = m->lblk + m->len;

	while (end > m->lblk && more->before < more->room_before) {
		struct mapping part = *m;

		if (m->type == MAP_HOLE)
			delayed_overlay(more->node, end - 1, &part);
		to_place(more->s, &part, more->middle - ++more->before);
		end = part.lblk;
	}
	return more->before < more->room_before;
}

/*
 * The mappings around @first, to the end of the file or as many as there is room for: for a
 * file in many pieces that saves most of the questions.
 */
static void begin_more(struct server *s, struct inode *in, const struct fuse_iomap_io *first,
		       struct more *more)
{
	uint64_t bs = s->fs->blocksize, lblk = first->offset / bs;
	bool settled = !cache_is_trying(s->cache);

	/* not needed: nobody waits for blocks of these with the lock held */
	if (settled)
		cache_try(s->cache);
	else
		map_want(s, in, lblk, more->room_before, more->room_behind);
	more->node = node_find(s, in->ino);
	if (!cache_missed(s->cache)) {
		map_walk(s, in, lblk + first->length / bs, (inode_size(in) + bs - 1) / bs,
			 more->room_behind, add_behind, more);
		map_walk_back(s, in, lblk, more->room_before, add_before, more);
	}
	if (settled && cache_try_end(s->cache))
		more->before = more->behind = 0;
}

/*
 * Who is told of unwritten extents writes into them without asking again, and they are
 * converted when nobody can be told of an error any more: what that takes has to be there before.
 * If it can't be, they are holes, for which it will ask.
 */
static void prepare_unwritten(struct server *s, struct fuse_iomap_io *first, struct more *more)
{
	bool unwritten = first->type == FUSE_IOMAP_TYPE_UNWRITTEN;

	for (unsigned int i = 0; i < more->before + more->behind; i++)
		unwritten |= (more->middle - more->before)[i].type == FUSE_IOMAP_TYPE_UNWRITTEN;
	if (!unwritten || s->readonly || !bitmaps_load(s))
		return;
	more->before = more->behind = 0;
	if (first->type == FUSE_IOMAP_TYPE_UNWRITTEN) {
		first->type = FUSE_IOMAP_TYPE_HOLE;
		first->addr = FUSE_IOMAP_NULL_ADDR;
		first->dev = FUSE_IOMAP_DEV_NULL;
	}
}

static void iop_begin(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t attr_ino, uint64_t pos,
		      uint64_t count, uint32_t opflags)
{
	struct server *s = server_of(req);
	struct caller who = caller_of(req);
	struct fuse_iomap_io io = { 0 }, few[ROOM_ON_STACK], *list = few;
	struct more more = {
		.s = s,
		.room_before = fuse_iomap_req_room_before(req),
		.room_behind = fuse_iomap_req_room(req),
	};
	unsigned int room = more.room_before + more.room_behind;
	struct fuse_iomap_io none;
	struct cold cold = { 0 };
	unsigned int tries = 0;
	bool no_writes;
	struct inode in;
	int err = attr_ino == ino_of_node(nodeid) ? 0 : -ESTALE;

	if (room > ROOM_ON_STACK) {
		list = malloc(room * sizeof(*list));
		if (!list)
			room = more.room_before = more.room_behind = 0;
	}
	more.middle = list + more.room_before;
	/* the page was accepted, and reserved for, by whoever made it dirty */
	who.unlimited = opflags & FUSE_IOMAP_OP_WRITEBACK;
	/* most of these allocate or promise something */
	if (wants_space(opflags))
		server_lock(s);
	else
		cold_lock(s, &cold);
	if (!err) {
		do {
			if (wants_space(opflags))
				commit_if_large(s);
			cold_begin(s, &cold);
			more.before = more.behind = 0;
			err = inode_load(s, ino_of_node(nodeid), &in);
			if (!err)
				err = begin(s, &in, pos, count, opflags, &who, &io);
			if (!err && room)
				begin_more(s, &in, &io, &more);
			if (!err)
				prepare_unwritten(s, &io, &more);
		} while (cold_again(s, &cold) ||
		 (wants_space(opflags) && commit_frees_space(s, err, &tries)));
	}
	/* read-only because of an error: the kernel may keep this, but must ask for writes */
	none = (struct fuse_iomap_io){
		.offset = io.offset, .length = io.length, .addr = FUSE_IOMAP_NULL_ADDR,
		.type = FUSE_IOMAP_TYPE_HOLE, .dev = FUSE_IOMAP_DEV_NULL,
	};
	no_writes = s->readonly && !s->opt.readonly;
	cold_unlock(s, &cold);
	if (err)
		fuse_iomap_reply_err(req, -err);
	else
		fuse_iomap_reply_begin_around(req, &io, no_writes ? &none : NULL,
					      more.middle - more.before, more.before,
					      more.middle, more.behind);
	if (list != few)
		free(list);
}

/*
 * END
 */

/*
 * Give back the blocks that this write got and didn't use, if they are beyond
 * the end of an indirect-mapped file, where e2fsck doesn't want them.  Below the
 * end they read as zeroes and do no harm.  Nor do unwritten extents anywhere;
 * and the kernel's size may be beyond ours, with dirty pages over such blocks.
 */
static int end(struct server *s, ext2_ino_t ino, const struct fuse_iomap_end_in *arg)
{
	uint64_t written = arg->written > 0 ? arg->written : 0;
	uint64_t used = arg->pos + written, map_end = arg->map.offset + arg->map.length;
	uint64_t bs = s->fs->blocksize, first, last;
	struct node *node;
	struct inode in;
	int err;

	if (!(arg->opflags & FUSE_IOMAP_OP_WRITE) || written >= arg->count ||
	    arg->opflags & (FUSE_IOMAP_OP_FAULT | FUSE_IOMAP_OP_ZERO) || used < arg->pos)
		return 0;
	if (arg->map.type == FUSE_IOMAP_TYPE_DELALLOC) {
		/* the kernel has looked: there are no dirty pages */
		if (arg->count <= UINT64_MAX - arg->pos)
			delayed_cut(s, node_find(s, ino), (used + bs - 1) / bs,
				    (arg->pos + arg->count) / bs);
		return 0;
	}
	if (!(arg->map.flags & FUSE_IOMAP_F_NEW) ||
	    map_end < arg->map.offset ||
	    (arg->map.type != FUSE_IOMAP_TYPE_UNWRITTEN && arg->map.type != FUSE_IOMAP_TYPE_MAPPED))
		return 0;
	err = inode_load(s, ino, &in);
	if (!err && !inode_has_extents(&in))
		err = cold_settle(s);
	if (err || inode_has_extents(&in))
		return err;
	if (used < inode_size(&in))
		used = inode_size(&in);
	/* all of the mapping is fresh: also the block that nothing was written to */
	if (!written && used == arg->pos)
		first = used / bs;
	else
		first = (used + bs - 1) / bs;
	last = map_end / bs;
	if (first >= last)
		return 0;
	err = map_punch(s, &in, first, last - first);
	node = node_find(s, ino);
	return err || !node || node->beyond != last * bs ? err : orphan_settle(s, &in, first * bs);
}

static void iop_end(fuse_iomap_req_t req, fuse_ino_t nodeid, const struct fuse_iomap_end_in *in)
{
	struct server *s = server_of(req);
	struct cold cold = { 0 };
	int err;

	server_lock(s);
	do {
		commit_if_large(s);
		cold_begin(s, &cold);
		err = end(s, ino_of_node(nodeid), in);
	} while (cold_again(s, &cold));
	server_unlock(s);
	fuse_iomap_reply_err(req, -err);
}

/*
 * IOEND
 */

static int ioend(struct server *s, ext2_ino_t ino, const struct fuse_iomap_ioend_in *arg,
		 uint64_t *newsize)
{
	uint64_t bs = s->fs->blocksize, end = arg->pos + arg->written;
	struct inode in;
	int err;

	if (arg->error) {
		log_inode(LOG_ERR, ino, 0, "writing %llu bytes at %llu failed: %s",
			  (unsigned long long)arg->written, (unsigned long long)arg->pos,
			  strerror(-arg->error));
		/* what got no place: its pages are clean now */
		if (end >= arg->pos)
			delayed_cut(s, node_find(s, ino), arg->pos / bs, (end + bs - 1) / bs);
		return arg->error < 0 ? arg->error : -EIO;
	}
	err = inode_load(s, ino, &in);
	if (err)
		return err;
	if (end < arg->pos || end > (uint64_t)s->maxbytes_extent)
		return -EINVAL;
	if (arg->written && arg->flags & FUSE_IOMAP_IOEND_UNWRITTEN) {
		uint64_t first = arg->pos / bs;

		err = map_convert(s, &in, first, (end + bs - 1) / bs - first);
		if (err)
			return err;
	}
	/*
	 * With APPEND or without: what has been written below the kernel's i_size belongs to the
	 * file.  No IOEND comes after a SETATTR or FALLOCATE that has cut what it is about, as
	 * the kernel waits for writes beyond the new end before it asks (doc/protocol.md, 5).
	 */
	if (arg->written && !(arg->flags & FUSE_IOMAP_IOEND_SWAPOFF) && end > inode_size(&in)) {
		err = super_may_write(s);
		if (!err)
			err = inode_set_size(s, &in, end);
		if (!err)
			err = inode_store(s, &in);
		if (!err)
			err = orphan_settle(s, &in, UINT64_MAX);
		if (err)
			return err;
	}
	*newsize = inode_size(&in);
	return 0;
}

static void iop_ioend(fuse_iomap_req_t req, fuse_ino_t nodeid,
		      const struct fuse_iomap_ioend_in *in)
{
	struct server *s = server_of(req);
	struct cold cold = { 0 };
	uint64_t newsize = 0;
	int err;

	server_lock(s);
	do {
		commit_if_large(s);
		cold_begin(s, &cold);
		err = ioend(s, ino_of_node(nodeid), in, &newsize);
	} while (cold_again(s, &cold));
	server_unlock(s);
	if (err)
		fuse_iomap_reply_err(req, -err);
	else
		fuse_iomap_reply_ioend(req, newsize);
}

/*
 * The rest
 */

static void reply_done(void *req, int err)
{
	fuse_iomap_reply_err(req, -err);
}

static void iop_syncfs(fuse_iomap_req_t req, fuse_ino_t nodeid)
{
	(void)nodeid;
	durable_when(server_of(req), reply_done, req);
}

static struct statx_timestamp to_statx_time(struct timespec ts)
{
	return (struct statx_timestamp){ .tv_sec = ts.tv_sec, .tv_nsec = ts.tv_nsec };
}

static void fill_statx(struct server *s, struct inode *in, struct statx *stx)
{
	static const struct {
		uint32_t fl, attr;
	} map[] = {
		{ EXT2_APPEND_FL, STATX_ATTR_APPEND }, { EXT2_COMPR_FL, STATX_ATTR_COMPRESSED },
		{ EXT4_ENCRYPT_FL, STATX_ATTR_ENCRYPTED },
		{ EXT2_IMMUTABLE_FL, STATX_ATTR_IMMUTABLE },
		{ EXT2_NODUMP_FL, STATX_ATTR_NODUMP }, { EXT4_VERITY_FL, STATX_ATTR_VERITY },
	};
	struct timespec birth = inode_get_time(s, in, TIME_BIRTH);
	struct stat st;

	inode_stat(s, in, &st);
	memset(stx, 0, sizeof(*stx));
	stx->stx_mask = STATX_BASIC_STATS;
	stx->stx_blksize = st.st_blksize;
	stx->stx_nlink = st.st_nlink;
	stx->stx_uid = st.st_uid;
	stx->stx_gid = st.st_gid;
	stx->stx_mode = st.st_mode;
	stx->stx_ino = st.st_ino;
	stx->stx_size = st.st_size;
	stx->stx_blocks = st.st_blocks;
	stx->stx_atime = to_statx_time(st.st_atim);
	stx->stx_mtime = to_statx_time(st.st_mtim);
	stx->stx_ctime = to_statx_time(st.st_ctim);
	if (birth.tv_sec || birth.tv_nsec) {
		stx->stx_btime = to_statx_time(birth);
		stx->stx_mask |= STATX_BTIME;
	}
	stx->stx_rdev_major = major(st.st_rdev);
	stx->stx_rdev_minor = minor(st.st_rdev);
	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
		stx->stx_attributes_mask |= map[i].attr;
		if (in->raw.i_flags & map[i].fl)
			stx->stx_attributes |= map[i].attr;
	}
}

static void iop_statx(fuse_iomap_req_t req, fuse_ino_t nodeid, bool has_fh, uint64_t fh,
		      uint32_t flags, uint32_t mask)
{
	struct server *s = server_of(req);
	struct cold cold = { 0 };
	struct statx stx;
	struct inode in;
	int err;

	(void)has_fh; (void)fh; (void)flags; (void)mask;
	cold_lock(s, &cold);
	do {
		cold_begin(s, &cold);
		err = inode_load(s, ino_of_node(nodeid), &in);
	} while (cold_again(s, &cold));
	if (!err)
		fill_statx(s, &in, &stx);
	cold_unlock(s, &cold);
	if (err)
		fuse_iomap_reply_err(req, -err);
	else
		fuse_iomap_reply_statx(req, &stx, ATTR_TIMEOUT);
}

static void iop_freezefs(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t unlinked)
{
	struct server *s = server_of(req);
	int err;

	(void)nodeid; (void)unlinked;
	server_lock(s);
	err = super_freeze(s);
	server_unlock(s);
	fuse_iomap_reply_err(req, -err);
}

static void iop_unfreezefs(fuse_iomap_req_t req, fuse_ino_t nodeid)
{
	struct server *s = server_of(req);
	int err;

	(void)nodeid;
	server_lock(s);
	err = super_thaw(s);
	server_unlock(s);
	fuse_iomap_reply_err(req, -err);
}

static void iop_shutdownfs(fuse_iomap_req_t req, fuse_ino_t nodeid, uint64_t flags)
{
	struct server *s = server_of(req);

	(void)nodeid; (void)flags;
	server_lock(s);
	log_err("the device is gone or the file system was shut down: nothing is written any more");
	s->readonly = s->shut_down = true;
	/* what is on its way already */
	commit_wait_idle(s);
	trim_wait(s);
	server_unlock(s);
	fuse_iomap_reply_err(req, 0);
}

const struct fuse_iomap_ops iomap_operations = {
	.config		= iop_config,
	.begin		= iop_begin,
	.end		= iop_end,
	.ioend		= iop_ioend,
	.syncfs		= iop_syncfs,
	.statx		= iop_statx,
	.tmpfile	= op_tmpfile,
	.freezefs	= iop_freezefs,
	.unfreezefs	= iop_unfreezefs,
	.shutdownfs	= iop_shutdownfs,
};
