// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Access times: see atime.h.
 */
#include "atime.h"

#include <sys/mount.h>

#include "cold.h"
#include "commit.h"
#include "inode.h"

#define A_DAY	(24 * 60 * 60)

bool atime_is_strict(const struct server *s)
{
	return s->opt.mount_flags & MS_STRICTATIME && !(s->opt.mount_flags & MS_NOATIME);
}

static bool is_later(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

static bool is_due_at(struct server *s, const struct inode *in, struct timespec now)
{
	struct timespec accessed = inode_get_time(s, in, TIME_ACCESS);

	/* reading goes on while the device is frozen, and must not change it */
	if (s->opt.mount_flags & (MS_NOATIME | MS_RDONLY) || s->readonly || s->frozen)
		return false;
	if (inode_is_dir(in) && s->opt.mount_flags & MS_NODIRATIME)
		return false;
	if (in->raw.i_flags & EXT2_NOATIME_FL)
		return false;
	/* the kernel's */
	if (inode_is_reg(in) && fuse_iomap_session_negotiated(s->session))
		return false;
	if (atime_is_strict(s))
		return is_later(now, accessed);
	return !is_later(accessed, inode_get_time(s, in, TIME_MODIFY)) ||
	       !is_later(accessed, inode_get_time(s, in, TIME_CHANGE)) ||
	       now.tv_sec - accessed.tv_sec >= A_DAY;
}

bool atime_is_due(struct server *s, const struct inode *in)
{
	return is_due_at(s, in, inode_now());
}

/* Returns 0, 1 if the time of @in, which is loaded, is to be moved to *@now, or -errno. */
static int look(struct server *s, ext2_ino_t ino, struct inode *in, struct timespec *now)
{
	int err = inode_load(s, ino, in);

	if (err)
		return err;
	/*
	 * What was queued may have been deleted, and be the value of an attribute now: that has a
	 * checksum where others have the access time.
	 */
	if (!in->raw.i_links_count || in->raw.i_flags & EXT4_EA_INODE_FL)
		return 0;
	*now = inode_now();
	return is_due_at(s, in, *now);
}

static int move(struct server *s, ext2_ino_t ino)
{
	struct timespec now;
	struct inode in;
	int err = super_may_write(s);

	if (!err)
		err = look(s, ino, &in, &now);
	if (err <= 0)
		return err;
	err = cold_settle(s);
	if (err)
		return err;
	inode_set_time(s, &in, TIME_ACCESS, now);
	return inode_store(s, &in);
}

static void move_until_done(struct server *s, ext2_ino_t ino)
{
	struct cold cold = { 0 };

	do {
		commit_if_large(s);
		cold_begin(s, &cold);
		move(s, ino);
	} while (cold_again(s, &cold));
}

/*
 * Those who only read are not to wait for each other, and whoever waits for the lock alone holds
 * up all who come later.  So this is left to the flusher.  If the queue is full the time is not
 * moved: then it is still due at the next read.
 */
static void move_later(struct server *s, ext2_ino_t ino)
{
	struct atime_queue *q = &s->atimes;
	bool queued = false;

	pthread_mutex_lock(&q->mutex);
	for (unsigned int i = 0; i < q->nr && !queued; i++)
		queued = q->inos[i] == ino;
	if (!queued && q->nr < sizeof(q->inos) / sizeof(q->inos[0]))
		q->inos[q->nr++] = ino;
	pthread_mutex_unlock(&q->mutex);
}

void atime_move_queued(struct server *s)
{
	struct atime_queue *q = &s->atimes;
	ext2_ino_t ino;

	do {
		pthread_mutex_lock(&q->mutex);
		ino = q->nr ? q->inos[--q->nr] : 0;
		pthread_mutex_unlock(&q->mutex);
		if (ino)
			move_until_done(s, ino);
	} while (ino);
}

void atime_was_read(struct server *s, ext2_ino_t ino)
{
	struct cold cold = { 0 };
	struct timespec now;
	struct inode in;
	int due;

	if (s->opt.mount_flags & (MS_NOATIME | MS_RDONLY))
		return;
	/* most often there is nothing to do, for which the lock can be shared */
	cold_lock(s, &cold);
	do {
		cold_begin(s, &cold);
		due = look(s, ino, &in, &now);
	} while (cold_again(s, &cold));
	cold_unlock(s, &cold);
	if (due <= 0)
		return;
	if (server_try_lock(s)) {
		move_until_done(s, ino);
		server_unlock(s);
	} else {
		move_later(s, ino);
	}
}
