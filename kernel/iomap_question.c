// SPDX-License-Identifier: GPL-2.0
/*
 * Changes of mappings, and questions that they overtake.
 *
 * mapping_seq counts the changes of an inode's mappings.  Who uses an answer compares the count
 * with the one it got with the answer.  If that were the count from before the question, each
 * change anywhere in the file would void it; and while writeback of the file goes on, a
 * completion may come during every question.  A writer would ask for ever.
 *
 * So a question is on a list of its inode while the server has it, and collects what changes
 * meanwhile.  When the answer is there, and nothing that is asked for has changed, the answer is
 * true now, and counts from now on.  If other parts of the mapping have changed, only the part
 * that was asked for counts.
 *
 * Who changes a mapping does so at the server, then comes here, and then takes the range out of
 * the cache.  A change and the look at the list, a question's beginning, and its end are each
 * made under fuse_inode.lock.  So a change that the answer may be without is either found on the
 * list at the end, or the count moves on behind the end, and the answer's user sees that.
 */
#include "iomap_i.h"

/* A question is about to be sent. */
void fuse_iomap_question_begin(struct inode *inode, struct fuse_iomap_question *q)
{
	struct fuse_inode *fi = get_fuse_inode(inode);

	q->changed_from = U64_MAX;
	q->changed_to = 0;
	spin_lock(&fi->lock);
	list_add(&q->entry, &fi->iomap.questions);
	q->seq = atomic64_read(&fi->iomap.mapping_seq);
	spin_unlock(&fi->lock);
}

/*
 * The mappings of bytes [@start, @end) have changed at the server.  @own: the question by
 * whose answer they have, or NULL.  A full barrier before and behind.
 */
void fuse_iomap_mapping_changed(struct inode *inode, u64 start, u64 end,
				struct fuse_iomap_question *own)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	struct fuse_iomap_question *q;

	spin_lock(&fi->lock);
	list_for_each_entry(q, &fi->iomap.questions, entry) {
		if (q == own)
			continue;
		q->changed_from = min(q->changed_from, start);
		q->changed_to = max(q->changed_to, end);
	}
	smp_mb__before_atomic();
	atomic64_inc(&fi->iomap.mapping_seq);
	smp_mb__after_atomic();
	spin_unlock(&fi->lock);
}

static bool has_changed(const struct fuse_iomap_question *q, u64 start, u64 end)
{
	return q->changed_from < end && start < q->changed_to;
}

/*
 * The answer, of which [@start, @end) bytes are wanted (whole blocks), has been dealt with.
 * Returns the sequence number that its users compare: an old one if what they want has changed.
 */
u64 fuse_iomap_question_end(struct inode *inode, struct fuse_iomap_question *q, u64 start,
			    u64 end)
{
	struct fuse_inode *fi = get_fuse_inode(inode);

	spin_lock(&fi->lock);
	list_del(&q->entry);
	if (!has_changed(q, start, end))
		q->seq = atomic64_read(&fi->iomap.mapping_seq);
	else
		WARN_ON_ONCE(q->seq == (u64)atomic64_read(&fi->iomap.mapping_seq));
	spin_unlock(&fi->lock);
	return q->seq;
}

/* After the end: does mapping @io, which was answered, count only where it was asked for? */
bool fuse_iomap_question_is_partly_old(const struct fuse_iomap_question *q,
				       const struct fuse_iomap_io *io)
{
	return io->type != FUSE_IOMAP_TYPE_PURE_OVERWRITE &&
	       has_changed(q, io->offset, io->offset + io->length);
}
