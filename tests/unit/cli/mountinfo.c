// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lines of mountinfo are understood whatever names are in them, and a line that is not
 * one is refused.
 */
#include "../peer.h"

#include "mountinfo.h"

static void parses(const char *line, struct mount *m)
{
	int err = mount_parse(line, m);

	if (err) {
		fprintf(stderr, "%d for '%s'\n", err, line);
		exit(1);
	}
}

static void check_names(void)
{
	struct mount m;

	parses("36 35 0:1048575 / /mnt rw,noatime shared:1 master:2 - "
	       "fuseiomap.iomap4fs /dev/sda1 rw,user_id=0", &m);
	CHECK_EQ(m.id, 36);
	CHECK_EQ(m.major, 0);
	CHECK_EQ(m.minor, 1048575);
	CHECK(!strcmp(m.root, "/") && !strcmp(m.point, "/mnt"));
	CHECK(!strcmp(m.type, "fuseiomap.iomap4fs") && !strcmp(m.source, "/dev/sda1"));
	free(m.line);

	/* no optional field; blanks, line ends, backslashes; no source */
	parses("1 0 8:1 /a\\040b /x\\012\\134040y\\011\\377 rw - fuseiomapblk  rw", &m);
	CHECK(!strcmp(m.root, "/a b") && !strcmp(m.point, "/x\n\\040y\t\xff"));
	CHECK(!strcmp(m.source, ""));
	free(m.line);

	/* a mount point that looks like the separator is not one */
	parses("1 0 8:1 / /-\\040-\\040ext4 rw - xfs - rw", &m);
	CHECK(!strcmp(m.point, "/- - ext4") && !strcmp(m.type, "xfs") && !strcmp(m.source, "-"));
	free(m.line);
}

static void check_wrong(void)
{
	static const char *const lines[] = {
		"", " ", "-", "1", "36 35 0:1 / /mnt rw", "36 35 0:1 / /mnt rw -",
		"36 35 0:1 / /mnt rw - ext4", "36 35 0:1 / /mnt rw - ext4 src",
		" 36 35 0:1 / /mnt rw - ext4 src rw",
		"-1 35 0:1 / /mnt rw - ext4 src rw",
		"36 x 0:1 / /mnt rw - ext4 src rw",
		"36 35 0 / /mnt rw - ext4 src rw",
		"36 35 0:1:2 / /mnt rw - ext4 src rw",
		"36 35 0:1048576 / /mnt rw - ext4 src rw",
		"36 35 4096:1 / /mnt rw - ext4 src rw",
		"36 35 :1 / /mnt rw - ext4 src rw",
		"36 35 0:1 /  rw - ext4 src rw",
		"36 35 0:1 / /mnt rw -  src rw",
		"36 35 0:1 / /mnt\\ rw - ext4 src rw",
		"36 35 0:1 / /mnt\\04 rw - ext4 src rw",
		"36 35 0:1 / /mnt\\048 rw - ext4 src rw",
		"36 35 0:1 / /mnt\\000 rw - ext4 src rw",
		"36 35 0:1 / /mnt\\400 rw - ext4 src rw",
		"36 35 0:1 / /mnt rw - ext4 src\\0 rw",
		"99999999999999999999 35 0:1 / /mnt rw - ext4 src rw",
	};
	struct mount m;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (mount_parse(lines[i], &m) != -EINVAL) {
			fprintf(stderr, "taken: '%s'\n", lines[i]);
			exit(1);
		}
	}
}

static void check_types(void)
{
	static const char *const ours[] = {
		"fuseiomap", "fuseiomap.x", "fuseiomap.", "fuseiomapblk", "fuseiomapblk.x",
	};
	static const char *const others[] = {
		"fuse", "fuse.fuseiomap", "fuseiomapctl", "fuseioma", "fuseiomapx", "fuseblk", "",
	};
	struct mount m = { 0 };

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		m.type = ours[i];
		CHECK(mount_is_ours(&m));
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		m.type = others[i];
		CHECK(!mount_is_ours(&m));
	}
}

/* Thousands of lines, some of them very long, wrong, or with a NUL. */
static void check_file(void)
{
	const size_t long_name = 100000;
	struct mounts mounts;
	FILE *file = tmpfile();

	CHECK(file);
	for (int i = 1; i <= 3000; i++) {
		fprintf(file, "%d 1 0:%d / /", i, i);
		for (size_t n = 0; i % 1000 == 0 && n < long_name; n++)
			fputs("\\040", file);
		fprintf(file, "m%d rw - fuseiomap s rw\n", i);
	}
	fputs("wrong\n", file);
	fwrite("1 1 0:1 / /m rw - fuseiomap s rw\0\n", 1, 34, file);
	/* the last one without a line end */
	fputs("7777 1 0:1 / /last rw - fuseiomap s rw", file);
	rewind(file);
	CHECK_EQ(mounts_read(file, &mounts), 0);
	CHECK_EQ(mounts.nr, 3001);
	CHECK_EQ(mounts.nr_bad, 2);
	CHECK_EQ(strlen(mounts_find(&mounts, 2000)->point), long_name + strlen("/m2000"));
	CHECK(!strcmp(mounts_find(&mounts, 7777)->point, "/last"));
	CHECK(!mounts_find(&mounts, 5000));
	mounts_free(&mounts);
	fclose(file);
}

int main(void)
{
	check_names();
	check_wrong();
	check_types();
	check_file();
	return 0;
}
