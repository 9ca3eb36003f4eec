// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * device_ioctl OP [VALUE]...: the ioctls of /dev/fuseiomap that need no mount, in turn, on
 * one descriptor; a line for each, with its result or the errno's name:
 *
 *	support		the flags of IOMAP_SUPPORT
 *	approve		ADD_IOMAP
 *	nofs VALUE	SET_NOFS
 *	badsupport	IOMAP_SUPPORT and SET_NOFS with a pointer to nowhere
 *	badnofs
 *	drop		not an ioctl: give CAP_SYS_RAWIO and CAP_SYS_RESOURCE up
 *	task		not an ioctl: what SET_NOFS has set, as the kernel shows it, of this
 *			thread and of one that it starts: "THREAD NEW-THREAD", each "none",
 *			"nofs", "throttle" or "nofs,throttle"
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fuse_iomap.h>

/* include/linux/sched.h of the kernels that the module is for */
#define PF_MEMALLOC_NOFS	0x00040000U
#define PF_LOCAL_THROTTLE	0x00100000U

static const char *task_flags(void)
{
	unsigned int flags;
	char line[512], *p;
	FILE *f = fopen("/proc/thread-self/stat", "re");

	if (!f || !fgets(line, sizeof(line), f))
		err(1, "/proc/thread-self/stat");
	fclose(f);
	/* the name may have anything in it; then a letter, five numbers, the flags */
	p = strrchr(line, ')');
	if (!p || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) != 1)
		errx(1, "odd line: %s", line);
	switch (flags & (PF_MEMALLOC_NOFS | PF_LOCAL_THROTTLE)) {
	case 0:
		return "none";
	case PF_MEMALLOC_NOFS:
		return "nofs";
	case PF_LOCAL_THROTTLE:
		return "throttle";
	default:
		return "nofs,throttle";
	}
}

static void *task_of_thread(void *arg)
{
	*(const char **)arg = task_flags();
	return NULL;
}

static int tell_task(void)
{
	const char *other = "?";
	pthread_t thread;

	if (pthread_create(&thread, NULL, task_of_thread, &other))
		errx(1, "no thread");
	pthread_join(thread, NULL);
	printf("%s %s\n", task_flags(), other);
	return 0;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return -1;
	data[0].effective &= ~(CAP_TO_MASK(CAP_SYS_RAWIO) | CAP_TO_MASK(CAP_SYS_RESOURCE));
	return syscall(SYS_capset, &header, data);
}

int main(int argc, char **argv)
{
	struct fuse_iomap_support support;
	int fd = open("/dev/fuseiomap", O_RDWR | O_CLOEXEC);
	const char *op;
	uint32_t value;
	int res;

	if (fd < 0)
		err(1, "/dev/fuseiomap");
	for (int i = 1; i < argc; i++) {
		op = argv[i];
		if (!strcmp(op, "task")) {
			tell_task();
			continue;
		}
		if (!strcmp(op, "drop")) {
			res = drop_capabilities();
		} else if (!strcmp(op, "support")) {
			memset(&support, 0xff, sizeof(support));
			res = ioctl(fd, FUSE_DEV_IOC_IOMAP_SUPPORT, &support);
			if (!res && support.padding)
				errx(1, "padding");
			if (!res)
				res = support.flags;
		} else if (!strcmp(op, "approve")) {
			res = ioctl(fd, FUSE_DEV_IOC_ADD_IOMAP);
		} else if (!strcmp(op, "nofs") && i + 1 < argc) {
			value = strtoul(argv[++i], NULL, 0);
			res = ioctl(fd, FUSE_DEV_IOC_SET_NOFS, &value);
		} else if (!strcmp(op, "badnofs")) {
			res = ioctl(fd, FUSE_DEV_IOC_SET_NOFS, NULL);
		} else if (!strcmp(op, "badsupport")) {
			res = ioctl(fd, FUSE_DEV_IOC_IOMAP_SUPPORT, NULL);
		} else {
			errx(2, "no such operation: %s", op);
		}
		if (res < 0)
			puts(strerrorname_np(errno));
		else
			printf("%d\n", res);
	}
	return 0;
}
