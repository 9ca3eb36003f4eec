# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 240
#
# What was written through iomap4fs is there for kernel ext4 after umount, with the
# same attributes, and e2fsck finds nothing. No data went through the server.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
for block in 4096 1024; do
	make_ext4 "$JOB_DISK1" -b $block
	mount_iomap4fs "$JOB_DISK1" "$m"
	fill_tree "$m"
	setfattr -n user.colour -v blue "$m/perl"
	chown -h 1000:1001 "$m/many/soft" "$m/many/size-1"
	touch -d '1999-12-31 23:59:59.123456789' "$m/many/size-512"
	manifest "$m" >"$TEST_TMP/want"
	expect_equal 0 "$(request_count "$m" $FUSE_WRITE)" "WRITE requests"
	umount_iomap4fs "$m"
	check_clean "$JOB_DISK1"
	mount_ext4 "$JOB_DISK1" "$m" ro
	manifest "$m" >"$TEST_TMP/got"
	umount "$m"
	expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "manifest (blocks of $block)"
	cmp /usr/bin/perl <(debugfs -R 'cat perl' "$JOB_DISK1" 2>/dev/null)
done
