// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hammer DIR SECONDS: I/O of every kind on files in DIR, one process a kind, each
 * until its first error, or until SECONDS have passed. Prints a line a process:
 * "KIND COUNT RESULT", RESULT being "end" or the errno's name. It is for tests
 * that take the server away: whatever happens to the mount, every process must
 * come to its end. A process that does not is killed; "KIND - hung" is printed
 * and the exit status is 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHUNK		65536
#define FILE_SIZE	(4 << 20)
#define GRACE		20	/* seconds that the last system call may take */

static unsigned char *buf;
static sigjmp_buf bus_error;

static void on_sigbus(int sig)
{
	(void)sig;
	siglongjmp(bus_error, 1);
}

static off_t place(unsigned long n)
{
	return (n * 7919 * CHUNK) % FILE_SIZE;
}

static int step_read(int fd, unsigned long n)
{
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return pread(fd, buf, CHUNK, place(n)) < 0;
}

static int step_write(int fd, unsigned long n)
{
	return pwrite(fd, buf, CHUNK, place(n)) < 0 || (n % 16 == 15 && fsync(fd));
}

static int step_direct(int fd, unsigned long n)
{
	return (n & 1 ? pwrite(fd, buf, CHUNK, place(n)) : pread(fd, buf, CHUNK, place(n))) < 0;
}

static int step_map(int fd, unsigned long n)
{
	/* volatile: it outlives a longjmp */
	unsigned char *volatile map;
	int ret = 0;

	map = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, place(n));
	if (map == MAP_FAILED)
		return 1;
	if (sigsetjmp(bus_error, 1)) {
		munmap(map, CHUNK);
		errno = EFAULT;
		return 1;
	}
	memset(map, n, CHUNK);
	if (n % 16 == 15)
		ret = msync(map, CHUNK, MS_SYNC);
	munmap(map, CHUNK);
	return ret;
}

static int step_size(int fd, unsigned long n)
{
	if (ftruncate(fd, n & 1 ? FILE_SIZE : n % FILE_SIZE))
		return 1;
	return n % 4 == 3 && fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, place(n),
				       CHUNK);
}

static int step_names(int dir, unsigned long n)
{
	int fd = openat(dir, "hammer.new", O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	(void)n;
	if (fd < 0)
		return 1;
	if (write(fd, buf, 4096) < 0) {
		close(fd);
		return 1;
	}
	close(fd);
	return renameat(dir, "hammer.new", dir, "hammer.old") || unlinkat(dir, "hammer.old", 0);
}

static const struct kind {
	const char *name;
	int (*step)(int fd, unsigned long n);
	int flags;
} kinds[] = {
	{ "read",	step_read,	O_RDWR },
	{ "write",	step_write,	O_RDWR },
	{ "direct",	step_direct,	O_RDWR | O_DIRECT },
	{ "map",	step_map,	O_RDWR },
	{ "size",	step_size,	O_RDWR },
	{ "names",	step_names,	O_RDONLY | O_DIRECTORY },
};

#define NR_KINDS	((int)(sizeof(kinds) / sizeof(kinds[0])))

/* Opens, and fills files, so that there is something to read. */
static int prepare(const char *dir, const struct kind *kind)
{
	char path[4096];
	int fd, i;

	if (kind->flags & O_DIRECTORY)
		return open(dir, kind->flags | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/hammer.%s", dir, kind->name);
	fd = open(path, kind->flags | O_CREAT | O_CLOEXEC, 0644);
	for (i = 0; fd >= 0 && i < FILE_SIZE / CHUNK; i++) {
		if (pwrite(fd, buf, CHUNK, (off_t)i * CHUNK) != CHUNK) {
			close(fd);
			return -1;
		}
	}
	return fd;
}

static void work(const struct kind *kind, int fd, time_t end)
{
	unsigned long n;

	for (n = 0; time(NULL) < end; n++) {
		if (kind->step(fd, n)) {
			printf("%s %lu %s\n", kind->name, n, strerrorname_np(errno));
			exit(0);
		}
	}
	printf("%s %lu end\n", kind->name, n);
	exit(0);
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_sigbus };
	pid_t pids[NR_KINDS] = { 0 };
	int fds[NR_KINDS], i, left = NR_KINDS, status = 0;
	time_t end;

	if (argc != 3 || posix_memalign((void **)&buf, 4096, CHUNK)) {
		fprintf(stderr, "usage: hammer DIR SECONDS\n");
		return 2;
	}
	memset(buf, 'h', CHUNK);
	sigaction(SIGBUS, &sa, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < NR_KINDS; i++) {
		fds[i] = prepare(argv[1], &kinds[i]);
		if (fds[i] < 0) {
			fprintf(stderr, "hammer: %s: %s\n", kinds[i].name, strerror(errno));
			return 2;
		}
	}
	puts("ready");
	end = time(NULL) + atoi(argv[2]);
	for (i = 0; i < NR_KINDS; i++) {
		pids[i] = fork();
		if (!pids[i])
			work(&kinds[i], fds[i], end);
		if (pids[i] < 0)
			left--;
	}
	while (left && time(NULL) < end + GRACE) {
		for (i = 0; i < NR_KINDS; i++) {
			if (pids[i] > 0 && waitpid(pids[i], NULL, WNOHANG) == pids[i]) {
				pids[i] = 0;
				left--;
			}
		}
		usleep(20000);
	}
	for (i = 0; i < NR_KINDS; i++) {
		if (pids[i] > 0) {
			printf("%s - hung\n", kinds[i].name);
			kill(pids[i], SIGKILL);
			status = 1;
		}
	}
	/* The files stay open till here: a close may wait for the server, too. */
	return status;
}
