// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel remembers of a file's mappings, so that it need not ask again.
 *
 * An inode gets a cache with its first answer that may be kept: the server has
 * agreed to that (FUSE_IOMAP_CONFIG_MAPPINGS), the operation is not one that wants
 * the server's own view (FUSE_IOMAP_OP_NOCACHE_MASK), and the mapping has a form
 * that the tree can hold.  Memory is given back under pressure and above a limit
 * per inode, coldest leaves first; a mapping that is gone is asked for again.
 *
 * Never an old answer
 *
 * mapping_seq counts the changes of an inode's mappings.  Whoever changes them
 * (truncate, fallocate, completions, allocating writes) does so at the server and
 * then moves the count on and takes the range out of the cache, both under the
 * cache's lock.  An answer enters the cache under the same lock and only if the
 * count is what it was before the question was sent.  (It is used once if what was asked for is
 * still true: iomap_question.c.)  So nothing is in the cache
 * that was true only before a change that has been completed.  Who looks something
 * up reads the count first: if it is still the same when the mapping is used, the
 * mapping was not taken out meanwhile.  An inode without a
 * cache has no lock for this; there each side first writes what the other reads
 * (the count, the pointer to the cache) and then looks at the other's, with full
 * barriers, so that at least one of them sees that it is late.
 *
 * Between the change at the server and the count a lookup may still give the old
 * mapping.  Its users are kept out by the locks under which changes are made (see
 * iomap_attr.c, iomap_fallocate.c), or the old mapping is as good: unwritten space
 * that has just become written, or the place that an out-of-place write has left, which
 * can only be read (writes don't get a SHARED mapping from here) and which the server
 * leaves alone for a while (doc/protocol.md).
 *
 * Locking: lookups take no lock (extent_tree.c).  cache->lock is taken under
 * i_rwsem, invalidate_lock or a folio lock, no upcall happens under it, and memory
 * is allocated under it without entering file systems.
 */
#include "iomap_i.h"
#include "iomap_trace.h"
#include "extent_tree.h"

#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/shrinker.h>

/* The forks of a file: where its bytes are read, and where they are written. */
enum { FORK_READ, FORK_WRITE, NR_FORKS };

struct fuse_iomap_cache {
	struct mutex lock;		/* of writers of the trees */
	struct extent_tree tree[NR_FORKS];
	/*
	 * Has the server ever had something written elsewhere than where it is read?
	 * Only then the write fork is used, and says KIND_IN_PLACE where it hasn't.
	 */
	bool out_of_place;
	unsigned int blkbits;
	unsigned int hand;		/* the fork where the shrinker goes on */
	struct fuse_iomap_conn *ic;	/* for the counters, until the inode goes */
	dev_t dev;			/* for trace events */
	u64 ino;

	refcount_t ref;			/* the inode's and the shrinker's */
	struct list_head entry;		/* of "caches" */
	struct rcu_head rcu;
};

/* All caches, the ones that the shrinker comes by next first. */
static LIST_HEAD(caches);
static DEFINE_SPINLOCK(caches_lock);
static atomic_long_t caches_bytes = ATOMIC_LONG_INIT(0);
static struct shrinker *shrinker;

/* An extent's kind: type and flags of its mapping. */
#define KIND_TYPE	0x0007
#define KIND_FLAGS_SHIFT 3
#define KIND_FLAGS	(0xff << KIND_FLAGS_SHIFT)
/* In the write fork: where the read fork says */
#define KIND_IN_PLACE	KIND_TYPE

/* Not remembered: the first says what was true once, the second is kept per inode. */
#define FLAGS_DROPPED	(FUSE_IOMAP_F_NEW | FUSE_IOMAP_F_DIRTY)

/* What a cache holds; taken before a change, to account for it afterwards. */
struct contents {
	size_t bytes, extents;
};

static struct contents contents_of(const struct fuse_iomap_cache *cache)
{
	return (struct contents){
		.bytes = cache->tree[FORK_READ].bytes + cache->tree[FORK_WRITE].bytes,
		.extents = cache->tree[FORK_READ].nr + cache->tree[FORK_WRITE].nr,
	};
}

static void account(struct fuse_iomap_cache *cache, struct contents before)
{
	struct contents now = contents_of(cache);

	atomic_long_add((long)(now.bytes - before.bytes), &caches_bytes);
	if (cache->ic) {
		atomic_long_add((long)(now.bytes - before.bytes), &cache->ic->cache_bytes);
		atomic_long_add((long)(now.extents - before.extents),
				&cache->ic->cache_mappings);
	}
}

static void cache_put(struct fuse_iomap_cache *cache)
{
	if (refcount_dec_and_test(&cache->ref)) {
		mutex_destroy(&cache->lock);
		kfree_rcu(cache, rcu);
	}
}

static struct fuse_iomap_cache *cache_of(struct inode *inode)
{
	/* pairs with the exchange in get_cache() */
	return smp_load_acquire(&FUSE_IOMAP_I(inode)->cache);
}

static struct fuse_iomap_cache *get_cache(struct inode *inode)
{
	struct fuse_iomap_cache *cache = cache_of(inode), *old;

	if (cache)
		return cache;
	cache = kzalloc(sizeof(*cache), GFP_NOFS | __GFP_NOWARN | __GFP_ACCOUNT);
	if (!cache)
		return NULL;
	mutex_init(&cache->lock);
	et_init(&cache->tree[FORK_READ]);
	et_init(&cache->tree[FORK_WRITE]);
	cache->blkbits = inode->i_blkbits;
	cache->ic = &get_fuse_conn(inode)->iomap;
	cache->dev = inode->i_sb->s_dev;
	cache->ino = get_fuse_inode(inode)->orig_ino;
	refcount_set(&cache->ref, 1);
	INIT_LIST_HEAD(&cache->entry);

	old = cmpxchg(&FUSE_IOMAP_I(inode)->cache, NULL, cache);
	if (old) {
		kfree(cache);
		return old;
	}
	spin_lock(&caches_lock);
	list_add_tail(&cache->entry, &caches);
	spin_unlock(&caches_lock);
	return cache;
}

static bool reads_zeroes(const struct et_extent *e)
{
	return (e->kind & KIND_TYPE) == FUSE_IOMAP_TYPE_HOLE ||
	       (e->kind & KIND_TYPE) == FUSE_IOMAP_TYPE_UNWRITTEN;
}

/* May a write of @opflags go where @e says, if @read is there so far? */
static bool fits_write(const struct et_extent *e, const struct et_extent *read, u32 opflags)
{
	switch (e->kind & KIND_TYPE) {
	case FUSE_IOMAP_TYPE_HOLE:
		/* fs/iomap takes it that there is nothing to do */
		return (opflags & (FUSE_IOMAP_OP_ZERO | FUSE_IOMAP_OP_UNSHARE)) &&
		       reads_zeroes(read);
	case FUSE_IOMAP_TYPE_DELALLOC:
		return !(opflags & (FUSE_IOMAP_OP_DIRECT | FUSE_IOMAP_OP_WRITEBACK |
				    FUSE_IOMAP_OP_OVERWRITE_ONLY));
	case FUSE_IOMAP_TYPE_UNWRITTEN:
		return !(opflags & FUSE_IOMAP_OP_OVERWRITE_ONLY);
	default:
		return true;
	}
}

static void to_wire(const struct fuse_iomap_cache *cache, const struct et_extent *e,
		    struct fuse_iomap_io *io)
{
	io->offset = e->offset << cache->blkbits;
	io->length = e->length << cache->blkbits;
	io->addr = e->addr == ET_NO_ADDR ? FUSE_IOMAP_NULL_ADDR : e->addr << cache->blkbits;
	io->dev = e->dev;
	io->type = e->kind & KIND_TYPE;
	io->flags = (e->kind & KIND_FLAGS) >> KIND_FLAGS_SHIFT;
}

/* Make @e no longer than @bound, which overlaps it. */
static void clip(struct et_extent *e, const struct et_extent *bound)
{
	u64 end = min(e->offset + e->length, bound->offset + bound->length);

	if (e->offset < bound->offset) {
		if (e->addr != ET_NO_ADDR)
			e->addr += bound->offset - e->offset;
		e->offset = bound->offset;
	}
	e->length = end - e->offset;
}

/*
 * Is the mapping of byte @pos known, and good for an operation with @opflags?  It is
 * given in @out as the server once said it; whoever uses it took mapping_seq before,
 * which was @seq.
 */
bool fuse_iomap_cache_find(struct inode *inode, u64 seq, u64 pos, u32 opflags,
			   struct fuse_iomap_begin_out *out)
{
	struct fuse_iomap_inode *ii = FUSE_IOMAP_I(inode);
	struct fuse_iomap_cache *cache = cache_of(inode);
	struct et_extent r, w = { .kind = KIND_IN_PLACE };

	if (!cache || (opflags & FUSE_IOMAP_OP_NOCACHE_MASK))
		return false;
	pos >>= cache->blkbits;
	if (!et_lookup(&cache->tree[FORK_READ], pos, &r))
		return false;
	if (opflags & FUSE_IOMAP_OP_WRITE_MASK) {
		/* pairs with the store in set_out_of_place() */
		if (smp_load_acquire(&cache->out_of_place)) {
			if (!et_lookup(&cache->tree[FORK_WRITE], pos, &w))
				return false;
			/* two lookups: nothing may have changed in between */
			smp_rmb();
			if ((u64)atomic64_read(&ii->mapping_seq) != seq)
				return false;
			if (w.kind == KIND_IN_PLACE)
				clip(&r, &w);
		}
		if (w.kind == KIND_IN_PLACE &&
		    (r.kind & (FUSE_IOMAP_F_SHARED << KIND_FLAGS_SHIFT)))
			return false;
		if (!fits_write(w.kind == KIND_IN_PLACE ? &r : &w, &r, opflags))
			return false;
	} else if ((opflags & FUSE_IOMAP_OP_DIRECT) &&
		   (r.kind & KIND_TYPE) == FUSE_IOMAP_TYPE_DELALLOC) {
		return false;
	}

	to_wire(cache, &r, &out->read);
	if (w.kind == KIND_IN_PLACE)
		out->write.type = FUSE_IOMAP_TYPE_PURE_OVERWRITE;
	else
		to_wire(cache, &w, &out->write);
	if (fuse_iomap_metadata_is_dirty(inode)) {
		out->read.flags |= FUSE_IOMAP_F_DIRTY;
		out->write.flags |= FUSE_IOMAP_F_DIRTY;
	}
	return true;
}

/*
 * Fill in @iomap if the mapping of byte @pos is known to be written space without flags, read
 * and, if @write, also written there: good for any operation, and most are.  False: it isn't,
 * or that is not known.
 */
bool fuse_iomap_cache_find_plain(struct inode *inode, u64 pos, bool write, struct iomap *iomap)
{
	struct fuse_iomap_cache *cache = cache_of(inode);
	struct block_device *bdev;
	struct et_extent e;
	u64 seq;

	if (!cache)
		return false;
	/* pairs with the full barriers of who changes mappings */
	seq = atomic64_read_acquire(&FUSE_IOMAP_I(inode)->mapping_seq);
	if (!et_lookup(&cache->tree[FORK_READ], pos >> cache->blkbits, &e) ||
	    e.kind != FUSE_IOMAP_TYPE_MAPPED)
		return false;
	/* pairs with the store in set_out_of_place() */
	if (write && smp_load_acquire(&cache->out_of_place))
		return false;
	/* fs/iomap can't count to there */
	if (e.offset + e.length > FUSE_IOMAP_MAX_BYTES >> cache->blkbits)
		return false;
	bdev = fuse_iomap_dev_get(get_fuse_conn(inode), e.dev, write);
	if (IS_ERR(bdev))
		return false;

	iomap->addr = e.addr << cache->blkbits;
	iomap->offset = e.offset << cache->blkbits;
	iomap->length = e.length << cache->blkbits;
	iomap->type = IOMAP_MAPPED;
	iomap->flags = write && fuse_iomap_metadata_is_dirty(inode) ? IOMAP_F_DIRTY : 0;
	iomap->bdev = bdev;
	iomap->dax_dev = NULL;
	iomap->inline_data = NULL;
	iomap->private = (void *)(uintptr_t)e.dev;
	iomap->validity_cookie = seq;
	return true;
}

/*
 * Of how many blocks is nothing known, good for an operation or not, *@before that of byte @pos
 * and *@behind it?  U64_MAX: of none to the end.  False if something is known of its own.
 */
bool fuse_iomap_cache_gap(struct inode *inode, u64 pos, u64 *before, u64 *behind)
{
	struct fuse_iomap_cache *cache = cache_of(inode);
	u64 block = pos >> inode->i_blkbits, start = 0, end = U64_MAX;
	bool unknown = true;

	if (cache) {
		mutex_lock(&cache->lock);
		unknown = et_gap(&cache->tree[FORK_READ], block, &start, &end);
		mutex_unlock(&cache->lock);
	}
	if (!unknown)
		return false;
	*before = block - start;
	*behind = end == U64_MAX ? end : end - block - 1;
	return true;
}

/* Where the delayed space that byte @pos is known to be in ends, bytes; 0: it isn't known. */
u64 fuse_iomap_cache_delayed_end(struct inode *inode, u64 pos)
{
	struct fuse_iomap_cache *cache = cache_of(inode);
	struct et_extent e;

	if (!cache || !et_lookup(&cache->tree[FORK_READ], pos >> cache->blkbits, &e) ||
	    (e.kind & KIND_TYPE) != FUSE_IOMAP_TYPE_DELALLOC)
		return 0;
	return (e.offset + e.length) << cache->blkbits;
}

/* Are bytes [@pos, @pos + @count) known to be one piece of space to be overwritten? */
bool fuse_iomap_cache_has_written(struct inode *inode, u64 pos, u64 count)
{
	u64 seq = atomic64_read_acquire(&FUSE_IOMAP_I(inode)->mapping_seq);
	struct fuse_iomap_begin_out out;

	return fuse_iomap_cache_find(inode, seq, pos,
				     FUSE_IOMAP_OP_WRITE | FUSE_IOMAP_OP_DIRECT |
				     FUSE_IOMAP_OP_OVERWRITE_ONLY, &out) &&
	       out.write.type == FUSE_IOMAP_TYPE_PURE_OVERWRITE &&
	       out.read.type == FUSE_IOMAP_TYPE_MAPPED &&
	       out.read.offset + out.read.length >= pos + count;
}

/* Caller holds cache->lock. */
static void set_out_of_place(struct fuse_iomap_cache *cache)
{
	/* pairs with fuse_iomap_cache_find() */
	smp_store_release(&cache->out_of_place, true);
}

static void remove_wire(struct fuse_iomap_cache *cache, int fork,
			const struct fuse_iomap_io *io)
{
	et_remove(&cache->tree[fork], io->offset >> cache->blkbits,
		  io->length >> cache->blkbits);
}

/* The write fork says: the range of @io is written where it is read. */
static void store_in_place(struct fuse_iomap_cache *cache, const struct fuse_iomap_io *io)
{
	struct et_extent e = {
		.offset	= io->offset >> cache->blkbits,
		.length	= min(io->length >> cache->blkbits, ET_MAX_LENGTH),
		.addr	= ET_NO_ADDR,
		.kind	= KIND_IN_PLACE,
	};

	remove_wire(cache, FORK_WRITE, io);
	et_store(&cache->tree[FORK_WRITE], &e);
}

/*
 * Remember checked mapping @io in @fork, or of a very long one the part around @pos.
 * What the tree can't hold is not remembered, and nothing else for its range is.
 */
static void store(struct fuse_iomap_cache *cache, int fork, const struct fuse_iomap_io *io,
		  u64 pos)
{
	struct extent_tree *tree = &cache->tree[fork];
	unsigned int bits = cache->blkbits;
	struct et_extent e = {
		.offset	= io->offset >> bits,
		.length	= io->length >> bits,
		.addr	= ET_NO_ADDR,
		.kind	= io->type | (io->flags & ~FLAGS_DROPPED) << KIND_FLAGS_SHIFT,
	};

	BUILD_BUG_ON(FUSE_IOMAP_F_SERVER_MASK & ~(KIND_FLAGS >> KIND_FLAGS_SHIFT));
	BUILD_BUG_ON(FUSE_IOMAP_TYPE_UNWRITTEN >= KIND_IN_PLACE);
	BUILD_BUG_ON((KIND_TYPE | KIND_FLAGS) > ET_MAX_KIND);
	BUILD_BUG_ON(FUSE_IOMAP_MAX_DEVICES > ET_MAX_DEV);

	if (io->addr != FUSE_IOMAP_NULL_ADDR) {
		e.addr = io->addr >> bits;
		e.dev = io->dev;
	}
	if (e.length > ET_MAX_LENGTH) {
		u64 before = min(ET_MAX_LENGTH / 2, (pos >> bits) - e.offset);
		u64 skip = (pos >> bits) - e.offset - before;

		e.offset += skip;
		if (e.addr != ET_NO_ADDR)
			e.addr += skip;
		e.length = min(ET_MAX_LENGTH, e.length - skip);
	}
	/* written space that may hold old contents around what is written now */
	if ((io->type == FUSE_IOMAP_TYPE_MAPPED && (io->flags & FUSE_IOMAP_F_NEW)) ||
	    (e.addr != ET_NO_ADDR && !IS_ALIGNED(io->addr, 1ULL << bits)) ||
	    io->type > FUSE_IOMAP_TYPE_UNWRITTEN)
		et_remove(tree, e.offset, e.length);
	else if (et_store(tree, &e) == -ERANGE)
		et_remove(tree, e.offset, e.length);
}

/* The same for further mappings; if not @elsewhere, they are written where they are read. */
static void store_more(struct fuse_iomap_cache *cache, const struct fuse_iomap_io *more,
		       unsigned int nr, bool elsewhere)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		store(cache, FORK_READ, &more[i], more[i].offset);
		if (cache->out_of_place && !elsewhere)
			store_in_place(cache, &more[i]);
	}
}

static void enforce_limit(struct fuse_iomap_cache *cache)
{
	size_t limit = cache->ic->cache_limit, freed;
	int fork;

	for (fork = 0; fork < NR_FORKS; fork++) {
		if (cache->tree[fork].bytes <= limit)
			continue;
		freed = et_evict(&cache->tree[fork], limit / 4 * 3, UINT_MAX);
		trace_iomap_cache_evict(cache->dev, cache->ino, freed, contents_of(cache).bytes,
					true);
	}
}

/* The server may have given space in an answer: what it told before is void. */
static void changed_by_answer(struct inode *inode, const struct fuse_iomap_begin_out *out,
			      struct fuse_iomap_question *q)
{
	u64 start = out->read.offset, end = start + out->read.length;

	if (out->write.type != FUSE_IOMAP_TYPE_PURE_OVERWRITE) {
		start = min(start, out->write.offset);
		end = max(end, out->write.offset + out->write.length);
	}
	fuse_iomap_mapping_changed(inode, start, end, q);
}

/*
 * The server has answered @out and @nr mappings @more to question @q for byte @pos; all of it
 * is checked.  Remember what may be.
 */
void fuse_iomap_cache_fill(struct inode *inode, struct fuse_iomap_question *q, u32 opflags,
			   u64 pos, const struct fuse_iomap_begin_out *out,
			   const struct fuse_iomap_io *more, unsigned int nr)
{
	struct fuse_iomap_inode *ii = FUSE_IOMAP_I(inode);
	struct fuse_iomap_conn *ic = &get_fuse_conn(inode)->iomap;
	bool write = opflags & FUSE_IOMAP_OP_WRITE_MASK;
	bool in_place = out->write.type == FUSE_IOMAP_TYPE_PURE_OVERWRITE;
	struct fuse_iomap_cache *cache;
	struct contents before;
	unsigned int i = 0;
	bool late;

	if (!ic->keeps_mappings || (opflags & FUSE_IOMAP_OP_NOCACHE_MASK))
		return;
	cache = get_cache(inode);
	if (!cache) {
		/* space may have been allocated */
		if (write)
			changed_by_answer(inode, out, q);
		return;
	}

	mutex_lock(&cache->lock);
	before = contents_of(cache);
	if (!in_place)
		set_out_of_place(cache);
	late = (u64)atomic64_read(&ii->mapping_seq) != q->seq;
	if (write) {
		remove_wire(cache, FORK_READ, &out->read);
		if (cache->out_of_place)
			remove_wire(cache, FORK_WRITE, in_place ? &out->read : &out->write);
		/* an answer from before this allocation must not come later */
		changed_by_answer(inode, out, q);
	}
	if (!late) {
		/* in the order of the file: that is the tree's shortest way */
		while (i < nr && more[i].offset < out->read.offset)
			i++;
		store_more(cache, more, i, !in_place);
		store(cache, FORK_READ, &out->read, pos);
		if (!in_place)
			store(cache, FORK_WRITE, &out->write, pos);
		else if (cache->out_of_place)
			store_in_place(cache, &out->read);
		store_more(cache, more + i, nr - i, !in_place);
		enforce_limit(cache);
	}
	account(cache, before);
	mutex_unlock(&cache->lock);
	trace_iomap_cache_fill(inode, cache->ino, pos, nr, late);
}

/*
 * The server tells mappings @read and @write (NULL: nothing about this fork), which
 * are checked.  A write mapping of type PURE_OVERWRITE has a range only.  They are true
 * now: what asks later must not find older ones, and answers on their way don't count.
 * Returns 0 or -ENOMEM.
 */
int fuse_iomap_cache_upsert(struct inode *inode, const struct fuse_iomap_io *read,
			    const struct fuse_iomap_io *write)
{
	struct fuse_iomap_cache *cache = get_cache(inode);
	u64 start = U64_MAX, end = 0;
	struct contents before;

	if (!cache)
		return -ENOMEM;
	if (read) {
		start = read->offset;
		end = read->offset + read->length;
	}
	if (write) {
		start = min(start, write->offset);
		end = max(end, write->offset + write->length);
	}
	/* it may be space that the server has just taken */
	fuse_iomap_metadata_changed(inode);
	mutex_lock(&cache->lock);
	before = contents_of(cache);
	/* full barriers around it, as in fuse_iomap_cache_drop() */
	fuse_iomap_mapping_changed(inode, start, end, NULL);
	if (write && write->type != FUSE_IOMAP_TYPE_PURE_OVERWRITE) {
		set_out_of_place(cache);
		remove_wire(cache, FORK_WRITE, write);
		store(cache, FORK_WRITE, write, write->offset);
	} else if (write && cache->out_of_place) {
		store_in_place(cache, write);
	}
	if (read) {
		remove_wire(cache, FORK_READ, read);
		store(cache, FORK_READ, read, read->offset);
	}
	enforce_limit(cache);
	fuse_iomap_mapping_changed(inode, start, end, NULL);
	account(cache, before);
	mutex_unlock(&cache->lock);
	return 0;
}

static void drop(struct inode *inode, u64 offset, u64 length, bool read, bool write)
{
	struct fuse_iomap_cache *cache;
	u64 first, end = offset + length;
	struct contents before;

	if (end < offset || end > LLONG_MAX)
		end = LLONG_MAX;
	/* full barriers around it: see above */
	fuse_iomap_mapping_changed(inode, offset, end, NULL);
	cache = cache_of(inode);
	if (!cache)
		return;
	trace_iomap_cache_drop(inode, cache->ino, offset, length);

	first = offset >> cache->blkbits;
	end = (end >> cache->blkbits) + 1;
	mutex_lock(&cache->lock);
	before = contents_of(cache);
	if (read)
		et_remove(&cache->tree[FORK_READ], first, end - first);
	if (write && cache->out_of_place)
		et_remove(&cache->tree[FORK_WRITE], first, end - first);
	/* again: somebody may have found what was still there with the count of above */
	fuse_iomap_mapping_changed(inode, offset, end << cache->blkbits, NULL);
	account(cache, before);
	mutex_unlock(&cache->lock);
}

/*
 * The server has changed (or is about to change) the mappings of @length bytes from
 * @offset on; LLONG_MAX or more: to the end of the file.
 */
void fuse_iomap_cache_drop(struct inode *inode, u64 offset, u64 length)
{
	drop(inode, offset, length, true, true);
}

/* The same for one fork only. */
void fuse_iomap_cache_drop_fork(struct inode *inode, bool write, u64 offset, u64 length)
{
	drop(inode, offset, length, !write, write);
}

/*
 * The server has made unwritten space of [@offset, @offset + @length) bytes written.
 * Blocks that are only partly in the range are asked for again.
 */
void fuse_iomap_cache_written(struct inode *inode, u64 offset, u64 length)
{
	struct fuse_iomap_cache *cache = cache_of(inode);
	struct extent_tree *tree;
	struct contents before;
	u64 block, end, mask;
	struct et_extent e;

	if (!cache) {
		fuse_iomap_cache_drop(inode, offset, length);
		return;
	}
	trace_iomap_cache_written(inode, cache->ino, offset, length);
	tree = &cache->tree[FORK_READ];
	mask = (1ULL << cache->blkbits) - 1;
	mutex_lock(&cache->lock);
	before = contents_of(cache);
	block = offset >> cache->blkbits;
	end = (offset + length) >> cache->blkbits;
	/* who writes elsewhere has the completion say so, and does not come here */
	if (cache->out_of_place)
		et_remove(&cache->tree[FORK_WRITE], block, end - block + 1);
	if ((offset + length) & mask)
		et_remove(tree, end, 1);
	if (offset & mask)
		et_remove(tree, block++, 1);

	while (block < end && et_next(tree, block, &e) && e.offset < end) {
		u64 stop = min(e.offset + e.length, end);

		if (e.offset < block) {
			if (e.addr != ET_NO_ADDR)
				e.addr += block - e.offset;
			e.offset = block;
		}
		e.length = stop - e.offset;
		block = stop;
		switch (e.kind & KIND_TYPE) {
		case FUSE_IOMAP_TYPE_MAPPED:
			break;
		case FUSE_IOMAP_TYPE_UNWRITTEN:
			e.kind += FUSE_IOMAP_TYPE_MAPPED - FUSE_IOMAP_TYPE_UNWRITTEN;
			et_store(tree, &e);
			break;
		default:
			et_remove(tree, e.offset, e.length);
		}
	}
	fuse_iomap_mapping_changed(inode, offset, offset + length, NULL);
	account(cache, before);
	mutex_unlock(&cache->lock);
}

/* The inode goes: nobody uses its mappings any more. */
void fuse_iomap_cache_free(struct inode *inode)
{
	struct fuse_iomap_cache *cache = FUSE_IOMAP_I(inode)->cache;
	struct contents before;

	if (!cache)
		return;
	FUSE_IOMAP_I(inode)->cache = NULL;
	spin_lock(&caches_lock);
	list_del_init(&cache->entry);
	spin_unlock(&caches_lock);

	mutex_lock(&cache->lock);
	before = contents_of(cache);
	et_destroy(&cache->tree[FORK_READ]);
	et_destroy(&cache->tree[FORK_WRITE]);
	account(cache, before);
	cache->ic = NULL;
	mutex_unlock(&cache->lock);
	cache_put(cache);
}

/*
 * Memory pressure.  The objects of the shrinker are units of the smallest leaf.
 *
 * There is one clock for all caches: its hand goes through one cache to the end (the place
 * in it is the tree's) and then on to the next one on the list, so that it comes by each
 * leaf once in a round, in small files and in large ones.  A leaf that was used since then
 * stays.
 */

#define SHRINK_UNIT	64

/* Bytes that were freed, and the grace period behind which readers have left most of them. */
static atomic_long_t freed_lately = ATOMIC_LONG_INIT(0);
static unsigned long grace_period;
static bool has_grace_period;

static unsigned long shrink_count(struct shrinker *s, struct shrink_control *sc)
{
	long bytes = atomic_long_read(&caches_bytes);

	return bytes > 0 ? bytes / SHRINK_UNIT : SHRINK_EMPTY;
}

/*
 * Go on in @cache until @wanted bytes are free or *@leaves have been looked at.  *@end: the
 * hand has come to the end of it.
 */
static size_t shrink_one(struct fuse_iomap_cache *cache, size_t wanted, unsigned int *leaves,
			 bool *end)
{
	struct contents before;
	size_t freed = 0;

	*end = true;
	/* its holder may be waiting for memory */
	if (!mutex_trylock(&cache->lock))
		return 0;
	before = contents_of(cache);
	do {
		struct extent_tree *tree = &cache->tree[cache->hand];
		size_t more = wanted - freed;

		freed += et_sweep(tree, tree->bytes > more ? tree->bytes - more : 0, leaves);
		*end = !tree->clock;
		if (*end)
			cache->hand = (cache->hand + 1) % NR_FORKS;
	} while (*end && cache->hand && freed < wanted && *leaves);
	*end &= !cache->hand;
	account(cache, before);
	if (cache->ic)
		atomic_long_add(freed, &cache->ic->cache_evicted);
	if (freed)
		trace_iomap_cache_evict(cache->dev, cache->ino, freed, contents_of(cache).bytes,
					false);
	mutex_unlock(&cache->lock);
	return freed;
}

/* That much may be freed before its readers have left it, bytes. */
static long freed_limit(void)
{
	return max_t(long, SZ_1M, atomic_long_read(&caches_bytes) / 16);
}

static void note_freed(size_t freed)
{
	if (atomic_long_add_return(freed, &freed_lately) > freed_limit() &&
	    !xchg(&has_grace_period, true))
		WRITE_ONCE(grace_period, start_poll_synchronize_rcu());
}

/*
 * Readers may still be in what was freed.  Reclaim that sees no memory come asks for more
 * and more, until nothing is left.  So once much has been freed the next one who comes waits for
 * readers, but not for long: reclaim holds locks that others wait for, and a reader may be kept
 * from running.  If readers are still there after that, this call of the shrinker frees nothing.
 */
static bool may_free_more(void)
{
	if (!READ_ONCE(has_grace_period))
		return true;
	if (!poll_state_synchronize_rcu(READ_ONCE(grace_period))) {
		schedule_timeout_uninterruptible(HZ / 50 + 1);
		if (!poll_state_synchronize_rcu(READ_ONCE(grace_period)))
			return false;
	}
	atomic_long_set(&freed_lately, 0);
	WRITE_ONCE(has_grace_period, false);
	return true;
}

static unsigned long shrink_scan(struct shrinker *s, struct shrink_control *sc)
{
	size_t wanted = sc->nr_to_scan * SHRINK_UNIT, freed = 0;
	unsigned int tries = 1024, leaves = sc->nr_to_scan;
	struct fuse_iomap_cache *cache;
	bool end;

	if (!may_free_more())
		return SHRINK_STOP;
	while (freed < wanted && leaves && tries--) {
		spin_lock(&caches_lock);
		cache = list_first_entry_or_null(&caches, struct fuse_iomap_cache, entry);
		/* on the list, so the inode's reference is there */
		if (cache)
			refcount_inc(&cache->ref);
		spin_unlock(&caches_lock);
		if (!cache)
			break;
		freed += shrink_one(cache, wanted - freed, &leaves, &end);
		if (end) {
			spin_lock(&caches_lock);
			if (!list_empty(&cache->entry))
				list_move_tail(&cache->entry, &caches);
			spin_unlock(&caches_lock);
		}
		cache_put(cache);
		cond_resched();
	}
	if (freed)
		note_freed(freed);
	else if (leaves == sc->nr_to_scan)
		return SHRINK_STOP;
	return freed / SHRINK_UNIT;
}

/* Module load and unload.  Without a shrinker, the limit per inode remains. */
void __init fuse_iomap_cache_init(void)
{
	shrinker = shrinker_alloc(0, "fuseiomap-mappings");
	if (!shrinker)
		return;
	shrinker->count_objects = shrink_count;
	shrinker->scan_objects = shrink_scan;
	shrinker->seeks = DEFAULT_SEEKS;
	shrinker_register(shrinker);
}

void fuse_iomap_cache_exit(void)
{
	shrinker_free(shrinker);
}
