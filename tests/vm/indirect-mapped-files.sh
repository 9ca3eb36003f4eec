# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 240
#
# Files without extents, on an ext2 image, an ext3 image and an ext4 image that
# lost the feature: read as kernel ext4 wrote them, written, truncated, punched.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
for type in ext2 ext3 "ext4 -O ^extent,^64bit"; do
	wipefs -qa "$JOB_DISK1"
	# shellcheck disable=SC2086 # options
	mke2fs -q -F -b 1024 -t $type "$JOB_DISK1" 128M
	mount_ext4 "$JOB_DISK1" "$m"
	head -c 14M /dev/zero | tr '\0' k >"$m/large"
	cp /usr/bin/perl "$m/perl"
	truncate -s 72M "$m/sparse"
	expect_op 3000 write "$m/sparse" 70000000 3000
	umount "$m"
	mount_ext4 "$JOB_DISK1" "$m" ro
	manifest "$m" >"$TEST_TMP/want"
	umount "$m"
	mount_iomap4fs "$JOB_DISK1" "$m"
	for mode in buffered direct mmap; do
		manifest "$m" --mode $mode >"$TEST_TMP/got"
		expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "manifest ($type, $mode)"
	done
	head -c 2M /dev/zero | tr '\0' n >"$m/new"
	expect_op 65536 dwrite "$m/large" 1048576 65536
	expect_op 5000 mwrite "$m/sparse" 40000000 5000
	expect_op 7 append "$m/perl" 0 7
	truncate -s 13000000 "$m/large"
	expect_op 0 punch "$m/large" 300000 5000000
	sync -f "$m"
	expect_equal 0 "$(head -c 5000000 "$m/large" | tail -c 4000000 | tr -d '\0' | wc -c)" "bytes in the punched range"
	rm "$m/new"
	manifest "$m" >"$TEST_TMP/want"
	expect_equal 0 "$(request_count "$m" $FUSE_WRITE)" "WRITE requests"
	umount_iomap4fs "$m"
	check_clean "$JOB_DISK1"
	mount_ext4 "$JOB_DISK1" "$m" ro
	manifest "$m" >"$TEST_TMP/got"
	umount "$m"
	expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "manifest ($type, after changes)"
done
