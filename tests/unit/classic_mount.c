// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * classic_mount SERVER CASE: the real thing without the module.  The smallest
 * server, SERVER, serves a regular file on stock /dev/fuse, and CASE says what
 * is tried.  Skipped where this machine does not let us mount.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "peer.h"

#define SKIP		77
#define SIZE		(1024 * 1024)
#define PATIENCE_MS	10000
#define NOBODY		65534

static const char *server;
static char dir[] = "/tmp/fuse-iomap-XXXXXX";
static char mnt[64], image[64], file[80];
static dev_t dir_dev;
static pid_t server_pid;
static unsigned char data[SIZE];

/* Nothing of ours may stay behind, however the test ends. */
static void clean_up(void)
{
	if (server_pid)
		kill(server_pid, SIGKILL);
	umount2(mnt, MNT_DETACH);
	rmdir(mnt);
	unlink(image);
	rmdir(dir);
}

static void set_up(uid_t uid)
{
	size_t i;
	int fd;

	CHECK(mkdtemp(dir));
	snprintf(mnt, sizeof(mnt), "%s/mnt", dir);
	snprintf(image, sizeof(image), "%s/image", dir);
	snprintf(file, sizeof(file), "%s/device", mnt);
	atexit(clean_up);
	CHECK_EQ(mkdir(mnt, 0700), 0);
	for (i = 0; i < SIZE; i++)
		data[i] = i * 2654435761U >> 24;
	fd = open(image, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, data, SIZE), SIZE);
	close(fd);
	if (uid) {
		CHECK_EQ(chown(dir, uid, uid), 0);
		CHECK_EQ(chown(mnt, uid, uid), 0);
		CHECK_EQ(chown(image, uid, uid), 0);
	}
}

static dev_t device_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_dev : 0;
}

/* Looks at the mount table only: another user's mount is not for us to stat. */
static bool is_mounted(void)
{
	char line[512];
	bool found = false;
	FILE *mounts = fopen("/proc/self/mounts", "re");

	CHECK(mounts);
	while (!found && fgets(line, sizeof(line), mounts))
		found = strstr(line, mnt) && strstr(line, "fuse.iomap_one_file");
	fclose(mounts);
	return found;
}

static void start(uid_t uid)
{
	int i;

	dir_dev = device_of(mnt);
	server_pid = fork();
	CHECK(server_pid >= 0);
	if (!server_pid) {
		if (uid && (setgid(uid) < 0 || setuid(uid) < 0))
			_exit(126);
		execl(server, server, image, mnt, NULL);
		_exit(127);
	}
	for (i = 0; i < PATIENCE_MS; i++) {
		if (is_mounted())
			return;
		CHECK_EQ(waitpid(server_pid, NULL, WNOHANG), 0);
		usleep(1000);
	}
	CHECK(!"mounted in time");
}

/* The server ends by itself, with status 0. */
static void expect_end(void)
{
	int i, status;

	for (i = 0; i < PATIENCE_MS; i++) {
		if (waitpid(server_pid, &status, WNOHANG) == server_pid) {
			server_pid = 0;
			CHECK(WIFEXITED(status));
			CHECK_EQ(WEXITSTATUS(status), 0);
			return;
		}
		usleep(1000);
	}
	CHECK(!"ended in time");
}

static void still_serves(void)
{
	usleep(200000);
	CHECK_EQ(waitpid(server_pid, NULL, WNOHANG), 0);
}

static void unmounted(void)
{
	CHECK_EQ(device_of(mnt), dir_dev);
}

static void check_read(int fd, off_t pos, size_t len)
{
	static unsigned char buf[SIZE];

	/* not from the page cache: the server has to serve it */
	CHECK_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	CHECK_EQ(pread(fd, buf, len, pos), (ssize_t)len);
	CHECK(!memcmp(buf, data + pos, len));
}

static void reads_and_writes(void)
{
	static const char text[] = "written through the mount";
	char back[sizeof(text)];
	struct stat st;
	int fd, raw;

	start(0);
	CHECK_EQ(stat(file, &st), 0);
	CHECK_EQ(st.st_size, SIZE);
	fd = open(file, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0);
	check_read(fd, 0, SIZE);
	CHECK_EQ(pwrite(fd, text, sizeof(text), 5000), sizeof(text));
	CHECK_EQ(fsync(fd), 0);
	CHECK_EQ(pwrite(fd, text, sizeof(text), SIZE), -1);
	CHECK_EQ(errno, ENOSPC);
	close(fd);
	raw = open(image, O_RDONLY | O_CLOEXEC);
	CHECK(raw >= 0);
	CHECK_EQ(pread(raw, back, sizeof(back), 5000), sizeof(back));
	CHECK(!memcmp(back, text, sizeof(text)));
	close(raw);
	CHECK_EQ(umount2(mnt, 0), 0);
	expect_end();
	unmounted();
}

static void signal_unmounts(void)
{
	start(0);
	CHECK_EQ(kill(server_pid, SIGTERM), 0);
	expect_end();
	unmounted();
}

/* In use: gone from the tree, served until the last user has left. */
static void signal_while_in_use(void)
{
	int fd;

	start(0);
	fd = open(file, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_EQ(kill(server_pid, SIGTERM), 0);
	still_serves();
	unmounted();
	check_read(fd, 4096, 65536);
	close(fd);
	expect_end();
}

static void second_signal_cuts(void)
{
	char byte;
	int fd;

	start(0);
	fd = open(file, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_EQ(kill(server_pid, SIGTERM), 0);
	still_serves();
	CHECK_EQ(kill(server_pid, SIGINT), 0);
	expect_end();
	unmounted();
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	CHECK_EQ(pread(fd, &byte, 1, 0), -1);
	CHECK_EQ(errno, ENOTCONN);
	close(fd);
}

/* Somebody else's mount on top of ours is not ours to unmount. */
static void mounted_over(void)
{
	dev_t over;

	start(0);
	CHECK_EQ(mount("none", mnt, "tmpfs", 0, "size=64k"), 0);
	over = device_of(mnt);
	CHECK_EQ(kill(server_pid, SIGTERM), 0);
	still_serves();
	CHECK_EQ(device_of(mnt), over);
	CHECK_EQ(umount2(mnt, 0), 0);
	CHECK_EQ(umount2(mnt, 0), 0);
	expect_end();
	unmounted();
}

/* Through fusermount3, as somebody who may not mount. */
static void ordinary_user(void)
{
	start(NOBODY);
	CHECK_EQ(kill(server_pid, SIGTERM), 0);
	expect_end();
	unmounted();
}

static bool may_mount(void)
{
	int status;
	pid_t pid;

	if (access("/dev/fuse", R_OK | W_OK) < 0)
		return false;
	pid = fork();
	CHECK(pid >= 0);
	if (!pid)
		_exit(unshare(CLONE_NEWNS) < 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool has_helper(void)
{
	struct stat st;

	/* the helper opens the device with the rights of its caller */
	if (stat("/dev/fuse", &st) < 0 || (st.st_mode & 06) != 06)
		return false;
	return stat("/usr/bin/fusermount3", &st) == 0 && (st.st_mode & S_ISUID) &&
	       st.st_uid == 0;
}

int main(int argc, char **argv)
{
	static const struct { const char *name; void (*run)(void); uid_t uid; } cases[] = {
		{ "reads_and_writes", reads_and_writes, 0 },
		{ "signal_unmounts", signal_unmounts, 0 },
		{ "signal_while_in_use", signal_while_in_use, 0 },
		{ "second_signal_cuts", second_signal_cuts, 0 },
		{ "mounted_over", mounted_over, 0 },
		{ "ordinary_user", ordinary_user, NOBODY },
	};
	size_t i;

	CHECK_EQ(argc, 3);
	server = argv[1];
	if (!may_mount())
		return SKIP;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (strcmp(cases[i].name, argv[2]))
			continue;
		if (cases[i].uid && !has_helper())
			return SKIP;
		set_up(cases[i].uid);
		cases[i].run();
		return 0;
	}
	CHECK(!"a known case");
}
