// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Locks on image files: see source_lock.h.
 *
 * QEMU's protocol, so that neither opens what the other is writing:
 *
 *	byte 100 + i	read-locked by everybody who uses permission i
 *	byte 200 + i	read-locked by everybody who can't bear others to use it
 *
 * First one's own locks are taken, then it is tested whether others have the bytes that
 * contradict them.  Of two who begin at once at least one sees the other.
 *
 * A partition of an image leaves the others to whoever wants them, also for writing.  So its
 * server takes byte 101 but neither 201 nor 203, and doesn't mind 101 alone, which may be another
 * one's of its kind.  A program that writes all of the image has 101 and at least one of 201 and
 * 203.
 */
#include "source_lock.h"

#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "interrupt.h"
#include "lock_holder.h"
#include "log.h"
#include "store/device.h"

#define QEMU_USED	100
#define QEMU_NOT_SHARED	200
#define QEMU_END	300
/* permissions */
#define CONSISTENT_READ	0
#define WRITE		1
#define RESIZE		3

/* the size of a file system may change until it is locked */
#define TRIES		4
/* so long a server that has been unmounted may take to end */
#define WAIT_MS		30000
#define PAUSE_MS	20

struct range {
	uint64_t start, len;	/* bytes; length 0: to the end, whatever that is */
};

/* 0, -EAGAIN: somebody else has it, or what the file system says to such locks at all. */
static int set_lock(int fd, short type, struct range range)
{
	struct flock lock = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = range.start, .l_len = range.len,
	};

	if (!fcntl(fd, F_OFD_SETLK, &lock))
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

static int lock_byte(int fd, uint64_t byte)
{
	return set_lock(fd, F_RDLCK, (struct range){ byte, 1 });
}

/* Has anybody else locked @byte in any way? */
static bool is_locked(int fd, uint64_t byte)
{
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1,
	};

	return !fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK;
}

/*
 * Where the file system at @offset lies, as its superblock says; all of the rest if that can't
 * be told.  It doesn't begin below its superblock: nothing else is there, and QEMU's bytes are.
 */
static struct range range_of(int fd, uint64_t offset)
{
	struct range range = { offset > QEMU_END ? offset : SUPERBLOCK_OFFSET, 0 };
	struct ext2_super_block sb;
	uint64_t blocks;

	if (pread(fd, &sb, sizeof(sb), offset + SUPERBLOCK_OFFSET) != sizeof(sb) ||
	    sb.s_magic != EXT2_SUPER_MAGIC || sb.s_log_block_size > 6)
		return range;
	blocks = sb.s_blocks_count;
	if (sb.s_feature_incompat & EXT4_FEATURE_INCOMPAT_64BIT)
		blocks |= (uint64_t)sb.s_blocks_count_hi << 32;
	if (!blocks || blocks > (INT64_MAX - offset) >> (10 + sb.s_log_block_size))
		return range;
	range.len = offset + (blocks << (10 + sb.s_log_block_size)) - range.start;
	return range;
}

static int lock_range(int fd, uint64_t offset, bool readonly, uint64_t *end)
{
	struct range range = range_of(fd, offset);

	*end = 0;

	for (int i = 0; i < TRIES; i++) {
		int err = set_lock(fd, readonly ? F_RDLCK : F_WRLCK, range);
		struct range now;

		if (err)
			return err;
		now = range_of(fd, offset);
		if (now.len == range.len) {
			*end = range.len ? range.start + range.len : 0;
			return 0;
		}
		set_lock(fd, F_UNLCK, range);
		range = now;
	}
	return -EAGAIN;
}

/* As QEMU does it.  -EAGAIN: it, or a program that does the same, has the image. */
static int lock_like_qemu(int fd, bool part, bool readonly)
{
	int err = lock_byte(fd, QEMU_USED + CONSISTENT_READ);

	if (!err && !readonly)
		err = lock_byte(fd, QEMU_USED + WRITE);
	if (!err && !part)
		err = lock_byte(fd, QEMU_NOT_SHARED + WRITE);
	if (!err && !part)
		err = lock_byte(fd, QEMU_NOT_SHARED + RESIZE);
	if (err)
		return err;
	if (is_locked(fd, QEMU_NOT_SHARED + CONSISTENT_READ) ||
	    (!readonly && is_locked(fd, QEMU_NOT_SHARED + WRITE)))
		return -EAGAIN;
	if (is_locked(fd, QEMU_USED + RESIZE) ||
	    (is_locked(fd, QEMU_USED + WRITE) &&
	     (!part || is_locked(fd, QEMU_NOT_SHARED + WRITE) ||
	      is_locked(fd, QEMU_NOT_SHARED + RESIZE))))
		return -EAGAIN;
	return 0;
}

/*
 * In classic mode umount(8) of an image file returns before the server has written everything.
 * So whoever mounts again at once waits for the server to end.
 */
static int busy(int fd, const char *path, bool may_wait)
{
	struct lock_holder holder;
	bool found = lock_holder_find(fd, &holder);

	/* nobody has it any more, or it is about to be free */
	if (may_wait && (!found || lock_holder_ends(&holder, path)))
		return -EAGAIN;
	if (!found)
		log_err("%s is in use by another program", path);
	else
		log_err("%s is in use by %s (process %d)", path, holder.name, holder.pid);
	return -EBUSY;
}

/* The file system beneath can't do it: that is no reason not to mount. */
static bool has_no_locks(int err)
{
	return err == -ENOSYS || err == -EOPNOTSUPP || err == -ENOLCK || err == -EINVAL ||
	       err == -ENOTTY;
}

/* -EAGAIN only if @may_wait: try again a little later. */
static int try_lock(int fd, const char *path, uint64_t offset, bool readonly, bool may_wait,
		    uint64_t *end)
{
	bool shared = readonly || offset;
	int err = flock(fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) ? -errno : 0;
	int range_err;

	if (err == -EWOULDBLOCK)
		return busy(fd, path, may_wait);
	if (err && !has_no_locks(err)) {
		log_err("can't lock %s: %s", path, strerror(-err));
		return err;
	}
	range_err = lock_range(fd, offset, readonly, end);
	if (!range_err)
		range_err = lock_like_qemu(fd, offset, readonly);
	if (range_err == -EAGAIN)
		return busy(fd, path, may_wait);
	if (range_err && !has_no_locks(range_err)) {
		log_err("can't lock %s: %s", path, strerror(-range_err));
		return range_err;
	}
	/* one of both keeps other mounts away */
	if (err && range_err)
		log_msg(LOG_WARNING | LOG_OUTCOME, "%s can't be locked where it lies (%s): nothing "
			"keeps others from writing to it", path, strerror(-err));
	else if (err || range_err)
		log_warn("%s can't be locked in every way (%s)", path,
			 strerror(err ? -err : -range_err));
	return 0;
}

int source_lock(int fd, const char *path, uint64_t offset, bool readonly, uint64_t *end)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	int err;

	for (int i = 0;; i++) {
		err = try_lock(fd, path, offset, readonly, i < WAIT_MS / PAUSE_MS, end);
		if (err != -EAGAIN)
			return err;
		if (interrupted())
			return -EINTR;
		nanosleep(&pause, NULL);
	}
}
