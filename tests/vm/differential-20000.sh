# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 900
#
# 20,000 random operations of fixed seeds on iomap4fs and on kernel ext4: no
# difference in bytes, sizes, attributes, errno or holes; afterwards the image is
# clean, and kernel ext4 reads from it what iomap4fs showed.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
a=$TEST_TMP/a b=$TEST_TMP/b options=()
# kernel ext4 has no large folios
[ ! -d /sys/kernel/mm/transparent_hugepage ] || options+=(--mmap-may-fill)
for run in "0x10ca1 4096 14000" "0x5eed5 1024 6000"; do
	read -r seed block ops <<<"$run"
	make_ext4 "$JOB_DISK1" -b "$block"
	make_ext4 "$JOB_DISK2" -b "$block"
	mount_iomap4fs "$JOB_DISK1" "$a"
	mount_ext4 "$JOB_DISK2" "$b"
	differential --dir-a "$a" --dir-b "$b" --seed "$seed" --ops "$ops" --keep "${options[@]}" \
		--log "$JOB_OUT/differential.$seed.log" ||
		fail "replay with --replay differential.$seed.log, which is among the results"
	expect_equal 0 "$(request_count "$a" $FUSE_READ)" "READ requests"
	expect_equal 0 "$(request_count "$a" $FUSE_WRITE)" "WRITE requests"
	manifest "$a" >"$TEST_TMP/want"
	umount_iomap4fs "$a"
	umount "$b"
	check_clean "$JOB_DISK1"
	mount_ext4 "$JOB_DISK1" "$a" ro
	manifest "$a" >"$TEST_TMP/got"
	umount "$a"
	expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "manifest"
done
