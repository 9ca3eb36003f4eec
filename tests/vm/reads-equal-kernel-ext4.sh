# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 240
#
# What kernel ext4 wrote, iomap4fs reads: through the page cache, with O_DIRECT and
# through mappings; bytes, sizes, times, modes, owners, links and xattrs. With
# blocks of 4096 and of 1024 bytes.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
for block in 4096 1024; do
	make_ext4 "$JOB_DISK1" -b $block
	mount_ext4 "$JOB_DISK1" "$m"
	fill_tree "$m"
	setfattr -n user.colour -v blue "$m/perl"
	umount "$m"
	mount_ext4 "$JOB_DISK1" "$m" ro
	manifest "$m" >"$TEST_TMP/want"
	umount "$m"
	for mode in buffered direct mmap; do
		mount_iomap4fs "$JOB_DISK1" "$m" ro
		manifest "$m" --mode $mode >"$TEST_TMP/got"
		expect_equal 0 "$(request_count "$m" $FUSE_READ)" "READ requests"
		[ "$(request_count "$m" $IOMAP_BEGIN)" -gt 0 ] || fail "no BEGIN requests"
		umount_iomap4fs "$m"
		expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "manifest ($mode, blocks of $block)"
	done
done
