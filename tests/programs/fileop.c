// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fileop: one system call on one file, and its result in one word, for shell
 * scripts that care about errno:
 *
 *	fileop OP FILE [OFFSET [LENGTH]]
 *
 * prints the number of bytes, or 0 for other success, or the errno's name. The
 * exit status is 0 in both cases, 2 for wrong usage. Reads and writes go by
 * system call, direct (d...) or by mapping (m...); writes put the byte 'w', or
 * that of --byte=C given first. read prints the bytes' checksum as second word. splice reads
 * through a pipe, no more than fits into one.
 * The n... ones may not wait (RWF_NOWAIT); a write of these is preceded by one of LENGTH
 * bytes at offset 0, so that no time has to be set, and is tried again when that was not
 * enough. halfwrite has the first half of its buffer only. The late... ones open the file,
 * print "open" and wait for a line on standard input.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_IO	(64L << 20)	/* bytes read or written by one call */

static unsigned char *buf;
static unsigned char byte = 'w';
static sigjmp_buf bus_error;

static void on_sigbus(int sig)
{
	(void)sig;
	siglongjmp(bus_error, 1);
}

static long do_read(int fd, off_t off, size_t len)
{
	return pread(fd, buf, len, off);
}

static long do_write(int fd, off_t off, size_t len)
{
	return pwrite(fd, buf, len, off);
}

/* Through a pipe, as much as fits into it. */
static long do_splice(int fd, off_t off, size_t len)
{
	long ret = -1;
	int pipes[2];

	if (pipe(pipes))
		return -1;
	ret = splice(fd, &off, pipes[1], NULL, len, 0);
	if (ret > 0)
		ret = read(pipes[0], buf, ret);
	close(pipes[0]);
	close(pipes[1]);
	return ret;
}

static long do_late_splice(int fd, off_t off, size_t len)
{
	puts("open");
	fflush(stdout);
	getchar();
	return do_splice(fd, off, len);
}

static long do_nowait_read(int fd, off_t off, size_t len)
{
	struct iovec iov = { .iov_base = buf, .iov_len = len };

	return preadv2(fd, &iov, 1, off, RWF_NOWAIT);
}

/* Where the second half of the buffer should be is nothing.  LENGTH: two pages or more */
static long do_half_write(int fd, off_t off, size_t len)
{
	if (munmap(buf + len / 2, len / 2))
		return -1;
	return pwrite(fd, buf, len, off);
}

#define NOWAIT_TRIES	50

static long do_nowait_write(int fd, off_t off, size_t len)
{
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	long ret = -1;
	int i;

	for (i = 0; i < NOWAIT_TRIES; i++) {
		if (pwrite(fd, buf, len, 0) < 0)
			return -1;
		ret = pwritev2(fd, &iov, 1, off, RWF_NOWAIT);
		if (ret >= 0 || errno != EAGAIN)
			break;
	}
	return ret;
}

/* O_DSYNC for this write only */
static long do_rwf_dsync_write(int fd, off_t off, size_t len)
{
	struct iovec iov = { .iov_base = buf, .iov_len = len };

	return pwritev2(fd, &iov, 1, off, RWF_DSYNC);
}

static long do_append(int fd, off_t off, size_t len)
{
	(void)off;
	return write(fd, buf, len);
}

/* Through a mapping; a bus error counts as EFAULT. */
static long do_map(int fd, off_t off, size_t len, bool is_write)
{
	off_t start = off - off % sysconf(_SC_PAGESIZE);
	size_t size = off + len - start;
	unsigned char *map;
	long ret = len;

	map = mmap(NULL, size, is_write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd,
		   start);
	if (map == MAP_FAILED)
		return -1;
	if (sigsetjmp(bus_error, 1)) {
		munmap(map, size);
		errno = EFAULT;
		return -1;
	}
	if (is_write) {
		memcpy(map + (off - start), buf, len);
		if (msync(map, size, MS_SYNC))
			ret = -1;
	} else {
		memcpy(buf, map + (off - start), len);
	}
	munmap(map, size);
	return ret;
}

static long do_map_read(int fd, off_t off, size_t len)
{
	return do_map(fd, off, len, false);
}

static long do_map_write(int fd, off_t off, size_t len)
{
	return do_map(fd, off, len, true);
}

/* Writeback's errors are reported by fsync. */
static long do_write_sync(int fd, off_t off, size_t len)
{
	long ret = pwrite(fd, buf, len, off);

	return ret < 0 || fsync(fd) ? -1 : ret;
}

static long do_fsync(int fd, off_t off, size_t len)
{
	(void)off;
	(void)len;
	return fsync(fd);
}

/* Begin to write the range, in pieces of 64 KiB, and don't wait. */
static long do_writeback(int fd, off_t off, size_t len)
{
	const size_t piece = 65536;
	off_t end = off + len;

	for (; off < end; off += piece)
		if (sync_file_range(fd, off, piece, SYNC_FILE_RANGE_WRITE))
			return -1;
	return 0;
}

static long do_truncate(int fd, off_t off, size_t len)
{
	(void)len;
	return ftruncate(fd, off);
}

static long do_fallocate(int fd, off_t off, size_t len)
{
	return fallocate(fd, 0, off, len);
}

static long do_keepsize(int fd, off_t off, size_t len)
{
	return fallocate(fd, FALLOC_FL_KEEP_SIZE, off, len);
}

static long do_punch(int fd, off_t off, size_t len)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len);
}

static long do_zero(int fd, off_t off, size_t len)
{
	return fallocate(fd, FALLOC_FL_ZERO_RANGE, off, len);
}

static long do_collapse(int fd, off_t off, size_t len)
{
	return fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, off, len);
}

static long do_insert(int fd, off_t off, size_t len)
{
	return fallocate(fd, FALLOC_FL_INSERT_RANGE, off, len);
}

static long do_unshare(int fd, off_t off, size_t len)
{
	return fallocate(fd, FALLOC_FL_UNSHARE_RANGE, off, len);
}

static long do_seek_data(int fd, off_t off, size_t len)
{
	(void)len;
	return lseek(fd, off, SEEK_DATA);
}

static long do_seek_hole(int fd, off_t off, size_t len)
{
	(void)len;
	return lseek(fd, off, SEEK_HOLE);
}

static long do_fiemap(int fd, off_t off, size_t len)
{
	struct fiemap fm = { .fm_start = off, .fm_length = len ? len : FIEMAP_MAX_OFFSET };

	return ioctl(fd, FS_IOC_FIEMAP, &fm) ? -1 : (long)fm.fm_mapped_extents;
}

/* The file system's: prints it. */
static long do_uuid(int fd, off_t off, size_t len)
{
	/* FS_IOC_GETFSUUID, which older headers have not */
	struct {
		uint8_t len;
		uint8_t uuid[16];
	} arg;

	(void)off;
	(void)len;
	if (ioctl(fd, _IOR(0x15, 0, arg), &arg))
		return -1;
	printf("%.*s ", (int)sizeof(arg.uuid), (char *)arg.uuid);
	return arg.len;
}

/* The file system's block size, bytes. */
static long do_blocksize(int fd, off_t off, size_t len)
{
	int size;

	(void)off;
	(void)len;
	return ioctl(fd, FIGETBSZ, &size) ? -1 : size;
}

/* The block on the device of block OFFSET. */
static long do_bmap(int fd, off_t off, size_t len)
{
	int block = off;

	(void)len;
	return ioctl(fd, FIBMAP, &block) ? -1 : block;
}

static long do_open(int fd, off_t off, size_t len)
{
	(void)fd;
	(void)off;
	(void)len;
	return 0;
}

/* Keep the file open until a line, or the end, comes on standard input. */
static long do_hold(int fd, off_t off, size_t len)
{
	(void)fd;
	(void)off;
	(void)len;
	puts("holding");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}

/* Open and map the file, and store or write when a line comes. */
static long do_late_write(int fd, off_t off, size_t len)
{
	puts("open");
	fflush(stdout);
	getchar();
	return pwrite(fd, buf, len, off);
}

static long do_late_map_write(int fd, off_t off, size_t len)
{
	puts("open");
	fflush(stdout);
	getchar();
	return do_map(fd, off, len, true);
}

/* Of the file system.  OFFSET: 0 as a freeze first, 1 metadata first, 2 at once. */
static long do_shutdown(int fd, off_t off, size_t len)
{
	uint32_t how = off;

	(void)len;
	return ioctl(fd, _IOR('X', 125, uint32_t), &how);
}

/* The label of the file system becomes "label-OFFSET". */
static long do_set_label(int fd, off_t off, size_t len)
{
	char label[256] = { 0 };

	(void)len;
	snprintf(label, sizeof(label), "label-%ld", (long)off);
	return ioctl(fd, _IOW(0x94, 50, char[256]), label);
}

/* What statx(2) says beyond stat(2). */
static long do_statx(int fd, off_t off, size_t len)
{
	struct statx stx;

	(void)off;
	(void)len;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME | STATX_DIOALIGN, &stx))
		return -1;
	if (stx.stx_mask & STATX_BTIME)
		printf("btime ");
	if (stx.stx_mask & STATX_DIOALIGN)
		printf("dio %u ", stx.stx_dio_offset_align);
	if (stx.stx_attributes & STATX_ATTR_IMMUTABLE)
		printf("immutable ");
	if (stx.stx_attributes & STATX_ATTR_APPEND)
		printf("append ");
	return 0;
}

static const struct {
	const char *name;
	long (*run)(int fd, off_t off, size_t len);
	int flags;
	bool reads;
} ops[] = {
	{ "open",	do_open,	O_RDONLY,		false },
	{ "openrw",	do_open,	O_RDWR,			false },
	{ "opentrunc",	do_open,	O_RDWR | O_TRUNC,	false },
	{ "create",	do_open,	O_RDWR | O_CREAT,	false },
	{ "hold",	do_hold,	O_RDONLY,		false },
	{ "holdrw",	do_hold,	O_RDWR,			false },
	{ "statx",	do_statx,	O_RDONLY,		false },
	{ "shutdown",	do_shutdown,	O_RDONLY,		false },
	{ "setlabel",	do_set_label,	O_RDONLY,		false },
	{ "read",	do_read,	O_RDONLY,		true },
	{ "dread",	do_read,	O_RDONLY | O_DIRECT,	true },
	{ "mread",	do_map_read,	O_RDONLY,		true },
	{ "splice",	do_splice,	O_RDONLY,		true },
	{ "latesplice",	do_late_splice,	O_RDONLY,		true },
	{ "nread",	do_nowait_read,	O_RDONLY,		true },
	{ "ndread",	do_nowait_read,	O_RDONLY | O_DIRECT,	true },
	{ "write",	do_write,	O_RDWR,			false },
	{ "halfwrite",	do_half_write,	O_RDWR,			false },
	{ "swrite",	do_write_sync,	O_RDWR,			false },
	{ "dwrite",	do_write,	O_RDWR | O_DIRECT,	false },
	{ "dsyncwrite",	do_write,	O_RDWR | O_DSYNC,	false },
	{ "ddsyncwrite", do_write,	O_RDWR | O_DIRECT | O_DSYNC, false },
	{ "rwfwrite",	do_rwf_dsync_write, O_RDWR,		false },
	{ "drwfwrite",	do_rwf_dsync_write, O_RDWR | O_DIRECT,	false },
	{ "ndwrite",	do_nowait_write, O_RDWR | O_DIRECT,	false },
	{ "mwrite",	do_map_write,	O_RDWR,			false },
	{ "latewrite",	do_late_write,	O_RDWR,			false },
	{ "latemwrite",	do_late_map_write, O_RDWR,		false },
	{ "append",	do_append,	O_WRONLY | O_APPEND,	false },
	{ "fsync",	do_fsync,	O_RDONLY,		false },
	{ "writeback",	do_writeback,	O_RDONLY,		false },
	{ "truncate",	do_truncate,	O_RDWR,			false },
	{ "fallocate",	do_fallocate,	O_RDWR,			false },
	{ "keepsize",	do_keepsize,	O_RDWR,			false },
	{ "punch",	do_punch,	O_RDWR,			false },
	{ "zero",	do_zero,	O_RDWR,			false },
	{ "collapse",	do_collapse,	O_RDWR,			false },
	{ "insert",	do_insert,	O_RDWR,			false },
	{ "unshare",	do_unshare,	O_RDWR,			false },
	{ "seekdata",	do_seek_data,	O_RDONLY,		false },
	{ "seekhole",	do_seek_hole,	O_RDONLY,		false },
	{ "fiemap",	do_fiemap,	O_RDONLY,		false },
	{ "bmap",	do_bmap,	O_RDONLY,		false },
	{ "uuid",	do_uuid,	O_RDONLY,		false },
	{ "blocksize",	do_blocksize,	O_RDONLY,		false },
};

#define NR_OPS	(sizeof(ops) / sizeof(ops[0]))

static int usage(void)
{
	size_t i;

	fprintf(stderr, "usage: fileop [--byte=C] OP FILE [OFFSET [LENGTH]]\nOP is one of");
	for (i = 0; i < NR_OPS; i++)
		fprintf(stderr, " %s", ops[i].name);
	fprintf(stderr, "\n");
	return 2;
}

static uint32_t checksum(const unsigned char *p, size_t len)
{
	uint32_t sum = 2166136261U;

	while (len--)
		sum = (sum ^ *p++) * 16777619U;
	return sum;
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_sigbus };
	size_t i, len = 4096;
	off_t off = 0;
	long ret;
	int fd;

	if (argc > 1 && !strncmp(argv[1], "--byte=", 7)) {
		byte = argv[1][7];
		argv++;
		argc--;
	}
	if (argc < 3 || argc > 5)
		return usage();
	for (i = 0; i < NR_OPS && strcmp(ops[i].name, argv[1]); i++)
		;
	if (i == NR_OPS)
		return usage();
	if (argc > 3)
		off = strtoll(argv[3], NULL, 0);
	if (argc > 4)
		len = strtoull(argv[4], NULL, 0);
	/* More is for operations that move no bytes. */
	if (posix_memalign((void **)&buf, 4096, (len <= MAX_IO ? len : 0) + 4096))
		return usage();
	if (len <= MAX_IO)
		memset(buf, byte, len);
	else if (ops[i].reads || strstr(ops[i].name, "write") || ops[i].run == do_append)
		return usage();
	sigaction(SIGBUS, &sa, NULL);
	fd = open(argv[2], ops[i].flags | O_CLOEXEC, 0644);
	ret = fd < 0 ? -1 : ops[i].run(fd, off, len);
	if (ret < 0)
		printf("%s\n", strerrorname_np(errno));
	else if (ops[i].reads)
		printf("%ld %08x\n", ret, checksum(buf, ret));
	else
		printf("%ld\n", ret);
	if (fd >= 0)
		close(fd);
	free(buf);
	return 0;
}
