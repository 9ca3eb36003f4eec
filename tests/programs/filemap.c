// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * filemap seek|fiemap FILE: print a file's map so that it can be compared
 * between mounts of the same image.
 *
 * seek: lines "data OFFSET LENGTH" and "hole OFFSET LENGTH" from SEEK_DATA and
 * SEEK_HOLE. fiemap: lines "OFFSET PHYSICAL LENGTH unwritten|written [shared]", in
 * bytes, with neighbours joined where bytes continue on the device: whether a long run
 * is one record or many depends on who reports it.
 *
 * Either way the file is synced and dropped from the page cache first, because
 * cached pages count as data.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH	256

static int fail(const char *path, const char *what)
{
	fprintf(stderr, "filemap: %s: %s: %s\n", path, what, strerrorname_np(errno));
	return 1;
}

static int print_seek(int fd, const char *path)
{
	off_t off = 0, next;
	struct stat st;

	if (fstat(fd, &st))
		return fail(path, "stat");
	while (off < st.st_size) {
		next = lseek(fd, off, SEEK_DATA);
		if (next < 0 && errno == ENXIO)
			next = st.st_size;
		else if (next < 0)
			return fail(path, "SEEK_DATA");
		if (next > off)
			printf("hole %lld %lld\n", (long long)off, (long long)(next - off));
		off = next;
		if (off >= st.st_size)
			break;
		next = lseek(fd, off, SEEK_HOLE);
		if (next < 0)
			return fail(path, "SEEK_HOLE");
		if (next <= off) {
			fprintf(stderr, "filemap: %s: SEEK_HOLE stands still at %lld\n", path,
				(long long)off);
			return 1;
		}
		printf("data %lld %lld\n", (long long)off, (long long)(next - off));
		off = next;
	}
	return 0;
}

static void print_extent(const struct fiemap_extent *e)
{
	if (!e->fe_length)
		return;
	printf("%llu %llu %llu %s%s\n", e->fe_logical, e->fe_physical, e->fe_length,
	       e->fe_flags & FIEMAP_EXTENT_UNWRITTEN ? "unwritten" : "written",
	       e->fe_flags & FIEMAP_EXTENT_SHARED ? " shared" : "");
}

static bool continues(const struct fiemap_extent *a, const struct fiemap_extent *b)
{
	return a->fe_length && a->fe_logical + a->fe_length == b->fe_logical &&
	       a->fe_physical + a->fe_length == b->fe_physical &&
	       !((a->fe_flags ^ b->fe_flags) &
		 (FIEMAP_EXTENT_UNWRITTEN | FIEMAP_EXTENT_SHARED));
}

static int print_fiemap(int fd, const char *path)
{
	size_t size = sizeof(struct fiemap) + BATCH * sizeof(struct fiemap_extent);
	struct fiemap_extent pending = { 0 };
	struct fiemap *fm = calloc(1, size);
	bool last = false;
	unsigned int i;

	if (!fm)
		return fail(path, "memory");
	while (!last) {
		fm->fm_length = FIEMAP_MAX_OFFSET - fm->fm_start;
		fm->fm_flags = FIEMAP_FLAG_SYNC;
		fm->fm_extent_count = BATCH;
		fm->fm_mapped_extents = 0;
		if (ioctl(fd, FS_IOC_FIEMAP, fm)) {
			free(fm);
			return fail(path, "FIEMAP");
		}
		if (!fm->fm_mapped_extents)
			break;
		for (i = 0; i < fm->fm_mapped_extents; i++) {
			const struct fiemap_extent *e = &fm->fm_extents[i];

			last = e->fe_flags & FIEMAP_EXTENT_LAST;
			fm->fm_start = e->fe_logical + e->fe_length;
			if (continues(&pending, e)) {
				pending.fe_length += e->fe_length;
				continue;
			}
			print_extent(&pending);
			pending = *e;
		}
	}
	print_extent(&pending);
	free(fm);
	return 0;
}

int main(int argc, char **argv)
{
	int fd, status;

	if (argc != 3 || (strcmp(argv[1], "seek") && strcmp(argv[1], "fiemap"))) {
		fprintf(stderr, "usage: filemap seek|fiemap FILE\n");
		return 2;
	}
	fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(argv[2], "open");
	/* A file system that is mounted read-only has nothing to sync. */
	if (fsync(fd) && errno != EROFS)
		return fail(argv[2], "fsync");
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	status = argv[1][0] == 's' ? print_seek(fd, argv[2]) : print_fiemap(fd, argv[2]);
	close(fd);
	return status;
}
