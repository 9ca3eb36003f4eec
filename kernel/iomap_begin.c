// SPDX-License-Identifier: GPL-2.0
/*
 * The callbacks by which fs/iomap learns where a file's bytes are: iomap_begin
 * and iomap_end, and the check that an answer is still true.
 *
 * What the cache does not know is asked of the server.  An answer describes the
 * file at some moment between the question and the reply.  Whoever changes mappings moves
 * mapping_seq on when the change is done.  An answer that is true when it has come carries the
 * value from then, others the value from before the question (iomap_question.c).  Equal values
 * then mean: no change since.
 */
#include "iomap_i.h"
#include "iomap_trace.h"

/*
 * Is @iomap, which fuse_iomap_resolve() made, still true?  Called with the folio
 * locked that is about to be used; false makes the caller ask again.
 */
bool fuse_iomap_is_valid(struct inode *inode, const struct iomap *iomap)
{
	return iomap->validity_cookie ==
	       (u64)atomic64_read(&FUSE_IOMAP_I(inode)->mapping_seq) &&
	       !fuse_iomap_is_unusable(inode);
}

static const struct iomap_folio_ops fuse_iomap_folio_ops = {
	.iomap_valid	= fuse_iomap_is_valid,
};

/*
 * Out-of-place writing: the data goes to the write mapping, what a partial block
 * keeps of its old contents comes from the read mapping.  The completion must
 * tell the server, which then makes the new place the file's.
 */
static int map_out_of_place(struct inode *inode, const struct fuse_iomap_begin_out *out,
			    struct iomap *iomap, struct iomap *srcmap)
{
	int err;

	err = fuse_iomap_from_wire(inode, &out->write, true, iomap);
	if (err)
		return err;
	iomap->flags |= IOMAP_F_SHARED;
	err = fuse_iomap_from_wire(inode, &out->read, false, srcmap);
	if (err)
		return err;

	/*
	 * Where the source is a hole fs/iomap forgets about it, and takes the target to be
	 * without old contents to its end.
	 */
	if (srcmap->type == IOMAP_HOLE)
		iomap->length = min(iomap->offset + iomap->length,
				    srcmap->offset + srcmap->length) - iomap->offset;
	/*
	 * Without a source, the rest of a partial block is zeroes: not what the new place
	 * happens to hold, which fs/iomap would read if the source is a hole.
	 */
	if (srcmap->type != IOMAP_MAPPED)
		iomap->flags |= IOMAP_F_NEW;
	return 0;
}

/*
 * Would a direct write of [@pos, @pos + @count) leave part of a block of its new place
 * unwritten that should be as the old place has it?  fs/iomap copies for buffered writes
 * only.
 */
static bool direct_needs_copy(const struct inode *inode, loff_t pos, loff_t count,
			      const struct iomap *iomap, const struct iomap *srcmap)
{
	u64 end = min3((u64)(pos + count), iomap->offset + iomap->length,
		       srcmap->offset + srcmap->length);

	return srcmap->type == IOMAP_MAPPED && !IS_ALIGNED(pos | end, i_blocksize(inode));
}

/*
 * How many mappings to make room for on each side: few at first, as most files have few, and
 * more each time most of the room was used.  (Not only if all of it was: a server may end
 * where a block of its own metadata ends.)  Answers are a power of two in memory at most.
 */
#define FIRST_ROOM	8
#define MOST_ROOM	(SZ_32K / sizeof(struct fuse_iomap_io) -	\
			 sizeof(struct fuse_iomap_begin_out) / sizeof(struct fuse_iomap_io))

static unsigned int usual_room(struct inode *inode)
{
	return max_t(unsigned int, FIRST_ROOM, READ_ONCE(FUSE_IOMAP_I(inode)->room));
}

static struct fuse_iomap_room room_for_more(struct inode *inode, u64 pos, u32 opflags)
{
	const struct fuse_iomap_conn *ic = &get_fuse_conn(inode)->iomap;
	struct fuse_iomap_room room = { 0 };
	u64 before, behind;

	BUILD_BUG_ON(MOST_ROOM > FUSE_IOMAP_ROOM_MAX);
	if (!ic->keeps_mappings || (opflags & FUSE_IOMAP_OP_NOCACHE_MASK))
		return room;
	/*
	 * No more than up to what is known: where it is asked here and there, all would be told
	 * again and again.  Nothing if space for a known hole is asked for.
	 */
	if (!fuse_iomap_cache_gap(inode, pos, &before, &behind))
		return room;
	room.behind = min_t(u64, behind, usual_room(inode));
	if (ic->tells_before)
		room.before = min_t(u64, before, usual_room(inode));
	return room;
}

/*
 * The server told @nr mappings, which is fine, for @room: is there to be more room next time?
 * Not if it was what is known around, or memory, that left so little.
 */
static void note_room(struct inode *inode, struct fuse_iomap_room room, unsigned int nr)
{
	unsigned int usual = usual_room(inode);

	if ((room.behind >= usual || room.before >= usual) &&
	    nr > (room.behind + room.before) / 2)
		WRITE_ONCE(FUSE_IOMAP_I(inode)->room, min(usual * 8, MOST_ROOM));
}

/* An answer and what comes with it; the first few need no memory of their own. */
struct answer {
	struct fuse_iomap_begin_out out;
	struct fuse_iomap_io more[FIRST_ROOM];
};

/* Memory for an answer with @room, or @small with as much of it as is there. */
static struct answer *answer_for(struct fuse_iomap_room *room, struct answer *small)
{
	unsigned int max = room->behind + room->before;
	struct answer *a;

	if (max <= FIRST_ROOM)
		return small;
	a = kvmalloc(struct_size(a, more, 0) + max * sizeof(a->more[0]),
		     GFP_NOFS | __GFP_NOWARN | __GFP_NORETRY);
	if (a)
		return a;
	room->behind = min_t(unsigned int, room->behind, FIRST_ROOM);
	room->before = min_t(unsigned int, room->before, FIRST_ROOM - room->behind);
	return small;
}

/* How often in a row the server may say "look again". */
#define MAX_RETRIES	64

static bool says_retry(const struct fuse_iomap_begin_out *out)
{
	return out->read.type == FUSE_IOMAP_TYPE_RETRY_CACHE ||
	       out->write.type == FUSE_IOMAP_TYPE_RETRY_CACHE;
}

/*
 * Ask the server, check what it says and remember what may be.  *@seq: of the
 * answer.  *@partly_old: it counts for the blocks asked for only.  Returns 0 or a negative
 * errno.  The answer may be to look at the cache again (says_retry()).
 */
static int ask(struct inode *inode, u32 opflags, u64 pos, u64 count,
	       struct fuse_iomap_begin_out *out, u64 *seq, bool *partly_old)
{
	struct fuse_iomap_room room = room_for_more(inode, pos, opflags);
	struct answer small, *a = answer_for(&room, &small);
	u64 blocksize = i_blocksize(inode);
	struct fuse_iomap_question q;
	int nr, err;

	fuse_iomap_question_begin(inode, &q);
	nr = fuse_iomap_send_begin(inode, opflags, pos, count, &a->out, room);
	err = min(nr, 0);
	if (!err)
		err = fuse_iomap_check_begin(inode, opflags, pos, &a->out);
	/* before the answer can be found by others; a writer's may be new space */
	if (!err && ((opflags & FUSE_IOMAP_OP_WRITE_MASK) ||
		     ((a->out.read.flags | a->out.write.flags) & FUSE_IOMAP_F_DIRTY)))
		fuse_iomap_metadata_changed(inode);
	if (!err && says_retry(&a->out)) {
		*out = a->out;
		goto out;
	}
	if (!err)
		err = fuse_iomap_check_more(inode, &a->out.read, a->more, nr, room);
	if (err == -EINTR && (opflags & FUSE_IOMAP_OP_WRITE_MASK))
		fuse_iomap_delalloc_unheard(inode);
	if (!err) {
		fuse_iomap_delalloc_promised(inode, &a->out, a->more, nr);
		fuse_iomap_cache_fill(inode, &q, opflags, pos, &a->out, a->more, nr);
		*out = a->out;
		note_room(inode, room, nr);
	}
out:
	*seq = fuse_iomap_question_end(inode, &q, round_down(pos, blocksize),
				       round_up(pos + count, blocksize));
	*partly_old = fuse_iomap_question_is_partly_old(&q, &a->out.read) ||
		      fuse_iomap_question_is_partly_old(&q, &a->out.write);
	if (a != &small)
		kvfree(a);
	return err;
}

/*
 * 6.12's page cache I/O joins blocks that follow each other on the file and by sector
 * number into one bio, without a look at the device.  So all that is cached of a file
 * has to be on one; direct I/O may go to any.
 */
static int check_cached_device(struct inode *inode, const struct fuse_iomap_io *io,
			       const struct iomap *iomap)
{
	struct fuse_iomap_inode *ii = FUSE_IOMAP_I(inode);

	if (!iomap->bdev)
		return 0;
	if (iomap->bdev == READ_ONCE(ii->cached_bdev) ||
	    !cmpxchg(&ii->cached_bdev, NULL, iomap->bdev) || iomap->bdev == ii->cached_bdev)
		return 0;
	return fuse_iomap_refuse(inode, io, "a second device for the page cache of a file");
}

/* Of mapping @iomap only what is needed for [@pos, @pos + @count) bytes counts. */
static void trim(const struct inode *inode, u64 pos, u64 count, struct iomap *iomap)
{
	u64 start = round_down(pos, (u64)i_blocksize(inode));
	u64 end = round_up(pos + count, (u64)i_blocksize(inode));

	end = min(end, iomap->offset + iomap->length);
	/* inline data begins where its mapping does */
	if (iomap->type != IOMAP_INLINE) {
		start = max_t(u64, start, iomap->offset);
		if (iomap->addr != IOMAP_NULL_ADDR)
			iomap->addr += start - iomap->offset;
		iomap->offset = start;
	}
	iomap->length = end - iomap->offset;
}

/*
 * Where is byte @pos?  @count bytes are wanted.  Fills in @iomap, and @srcmap for
 * out-of-place writes.  @flags: IOMAP_* and FUSE_IOMAP_WRITEBACK.  Returns 0 or a
 * negative errno; -EAGAIN for IOMAP_NOWAIT and IOMAP_OVERWRITE_ONLY if the server would
 * have to be asked.
 */
int fuse_iomap_resolve(struct inode *inode, loff_t pos, loff_t count, unsigned int flags,
		       struct iomap *iomap, struct iomap *srcmap)
{
	u32 opflags = fuse_iomap_wire_opflags(flags);
	bool write = opflags & FUSE_IOMAP_OP_WRITE_MASK;
	struct fuse_iomap_begin_out out;
	unsigned int tries = 0;
	bool partly_old = false;
	u64 seq;
	int err;

	if (fuse_iomap_is_unusable(inode))
		return -EIO;
	/* a file may be as large as the server says; fs/iomap warns behind this */
	if (pos >= FUSE_IOMAP_MAX_BYTES)
		return -EFBIG;
	/* a device without its server may have another one by now */
	if (!READ_ONCE(get_fuse_conn(inode)->connected))
		return -ENOTCONN;

	for (;;) {
		/* pairs with the full barriers of who changes mappings */
		seq = atomic64_read_acquire(&FUSE_IOMAP_I(inode)->mapping_seq);
		if (fuse_iomap_cache_find(inode, seq, pos, opflags, &out)) {
			trace_iomap_cache_hit(inode, get_fuse_inode(inode)->orig_ino, pos, opflags,
					      &out);
			break;
		}
		/* the second: a write that would rather be done in another way than ask */
		if (flags & (IOMAP_NOWAIT | IOMAP_OVERWRITE_ONLY))
			return -EAGAIN;
		err = ask(inode, opflags, pos, count, &out, &seq, &partly_old);
		if (err)
			return err;
		if (!says_retry(&out))
			break;
		/* what writeback can't place is lost */
		if (!(flags & FUSE_IOMAP_WRITEBACK) && fatal_signal_pending(current))
			return -EINTR;
		if (++tries > MAX_RETRIES)
			return fuse_iomap_refuse(inode, &out.read, "look again, without end");
	}

	if (write && out.write.type != FUSE_IOMAP_TYPE_PURE_OVERWRITE)
		err = map_out_of_place(inode, &out, iomap, srcmap);
	else
		err = fuse_iomap_from_wire(inode, &out.read, write, iomap);
	if (!err && !(flags & (IOMAP_DIRECT | IOMAP_REPORT)))
		err = check_cached_device(inode, &out.read, iomap) ?:
		      check_cached_device(inode, &out.read, srcmap);
	if (err)
		return err;
	if (partly_old)
		trim(inode, pos, count, iomap);
	if (flags & IOMAP_REPORT)
		fuse_iomap_delalloc_report(inode, pos, iomap);

	iomap->validity_cookie = seq;
	iomap->folio_ops = &fuse_iomap_folio_ops;
	return 0;
}

/* What is looked up without more ado: reads and writes, not of parts that only exist so. */
#define PLAIN_FLAGS	(IOMAP_WRITE | IOMAP_DIRECT | IOMAP_NOWAIT | IOMAP_OVERWRITE_ONLY)

/*
 * fuse_iomap_resolve() for what is most common: written space, in place, that is kept.  False:
 * it is something else.
 */
static bool resolve_plain(struct inode *inode, loff_t pos, unsigned int flags,
			  struct iomap *iomap)
{
	if ((flags & ~PLAIN_FLAGS) || trace_iomap_cache_hit_enabled() ||
	    fuse_iomap_is_unusable(inode) || !READ_ONCE(get_fuse_conn(inode)->connected))
		return false;
	if (!fuse_iomap_cache_find_plain(inode, pos, flags & IOMAP_WRITE, iomap))
		return false;
	if (!(flags & IOMAP_DIRECT)) {
		iomap->folio_ops = &fuse_iomap_folio_ops;
		return iomap->bdev == READ_ONCE(FUSE_IOMAP_I(inode)->cached_bdev);
	}
	return true;
}

static int fuse_iomap_end(struct inode *inode, loff_t pos, loff_t count, ssize_t written,
			  unsigned int flags, struct iomap *iomap);

static int fuse_iomap_begin(struct inode *inode, loff_t pos, loff_t count, unsigned int flags,
			    struct iomap *iomap, struct iomap *srcmap)
{
	int err;

	/* a plain mapping wants no END */
	if (resolve_plain(inode, pos, flags, iomap))
		return (flags & IOMAP_OVERWRITE_ONLY) &&
		       iomap->offset + iomap->length < pos + count ? -EAGAIN : 0;

	err = fuse_iomap_resolve(inode, pos, count, flags, iomap, srcmap);
	if (err == -ENOSYS && (flags & IOMAP_DIRECT))
		return -ENOTBLK;	/* fs/iomap's word for "do it buffered" */
	if (err)
		return err;
	/* END is waited for; it isn't owed for a kept mapping that has not been used */
	if ((flags & IOMAP_NOWAIT) && (iomap->flags & FUSE_IOMAP_F_WANT_END) &&
	    !READ_ONCE(get_fuse_conn(inode)->iomap.no_end))
		return -EAGAIN;

	/* all or nothing: what has been submitted could not be taken back */
	if ((flags & IOMAP_OVERWRITE_ONLY) &&
	    (iomap->type != IOMAP_MAPPED || (iomap->flags & IOMAP_F_SHARED) ||
	     iomap->offset + iomap->length < pos + count)) {
		err = -EAGAIN;
		goto unused;
	}
	if ((flags & IOMAP_DIRECT) && (flags & IOMAP_WRITE) &&
	    direct_needs_copy(inode, pos, count, iomap, srcmap)) {
		/* the server has its space back before it is asked again, if it wants that */
		fuse_iomap_end(inode, pos, count, 0, flags, iomap);
		return -ENOTBLK;
	}
	if (iomap->type != IOMAP_INLINE)
		return 0;
	/* into the page cache: fuse_iomap_read_folio() does it */
	if (!(flags & ~IOMAP_NOWAIT)) {
		set_bit(FUSE_IOMAP_HAD_INLINE, &FUSE_IOMAP_I(inode)->state);
		err = -EIO;
		goto unused;
	}
	err = fuse_iomap_inline_begin(inode, iomap, !(flags & IOMAP_REPORT));
	if (err)
		goto unused;
	return 0;

unused:	/* fs/iomap won't say so */
	if (iomap->flags & FUSE_IOMAP_F_WANT_END)
		fuse_iomap_end(inode, pos, count, 0, flags, iomap);
	return err;
}

/* Does the server want to hear that @written of @count bytes of a mapping were used? */
static bool want_end(const struct fuse_iomap_conn *ic, u32 opflags, loff_t count,
		     ssize_t written, const struct iomap *iomap)
{
	if (READ_ONCE(ic->no_end))
		return false;
	if (iomap->flags & FUSE_IOMAP_F_WANT_END)
		return true;
	if (!(opflags & FUSE_IOMAP_OP_WRITE_MASK))
		return false;
	if (written < count)
		return true;
	/* who lets mappings be kept isn't asked for each write, nor told of it */
	return (iomap->flags & IOMAP_F_SIZE_CHANGED) && !ic->keeps_mappings;
}

static int tell_end(struct inode *inode, loff_t pos, loff_t count, ssize_t written, u32 opflags,
		    struct iomap *iomap)
{
	struct fuse_iomap_end_in in = {
		.opflags	= opflags,
		.attr_ino	= get_fuse_inode(inode)->orig_ino,
		.pos		= pos,
		.count		= count,
		.written	= written,
	};
	int err;

	fuse_iomap_to_wire(inode, iomap, &in.map);
	if (written >= count || !(opflags & FUSE_IOMAP_OP_WRITE_MASK))
		return fuse_iomap_send_end(inode, &in);

	/* the server may take back what the rest was given: not while it is in use */
	fuse_iomap_cache_drop(inode, iomap->offset, iomap->length);
	err = fuse_iomap_send_end(inode, &in);
	fuse_iomap_cache_drop(inode, iomap->offset, iomap->length);
	return err;
}

static int fuse_iomap_end(struct inode *inode, loff_t pos, loff_t count, ssize_t written,
			  unsigned int flags, struct iomap *iomap)
{
	u32 opflags;

	/* a read that nobody wants to hear of */
	if (!(flags & ~(IOMAP_DIRECT | IOMAP_NOWAIT)) && !iomap->inline_data &&
	    !(iomap->flags & FUSE_IOMAP_F_WANT_END))
		return 0;
	opflags = fuse_iomap_wire_opflags(flags);

	/* blocks in use may have changed; the server knows */
	if (opflags & FUSE_IOMAP_OP_WRITE_MASK)
		fuse_invalidate_attr_mask(inode, STATX_BLOCKS);

	/* for inline data the WRITE request has told the server all */
	if (iomap->inline_data)
		return fuse_iomap_inline_end(inode, pos, written, flags, iomap);

	/*
	 * Who must not wait has used a mapping that was kept, and was promised nothing by the
	 * server.  What he hasn't used is there for the next one, as it was before.
	 */
	if (flags & IOMAP_NOWAIT)
		return 0;
	if (!want_end(&get_fuse_conn(inode)->iomap, opflags, count, written, iomap))
		return 0;
	if (written < count && iomap->type == IOMAP_DELALLOC &&
	    !(iomap->flags & FUSE_IOMAP_F_WANT_END) &&
	    (opflags & ~FUSE_IOMAP_OP_NOWAIT) == FUSE_IOMAP_OP_WRITE) {
		/* if the mapping has changed meanwhile the write goes on with what is there now */
		if (!(iomap->flags & IOMAP_F_STALE))
			fuse_iomap_delalloc_short(inode, pos, count, written, iomap);
		return 0;
	}
	return tell_end(inode, pos, count, written, opflags, iomap);
}

const struct iomap_ops fuse_iomap_ops = {
	.iomap_begin	= fuse_iomap_begin,
	.iomap_end	= fuse_iomap_end,
};
