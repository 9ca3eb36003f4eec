# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Random operations on iomap4fs and on kernel ext4: no difference in bytes, sizes,
# attributes, errno or holes; afterwards the image is clean, and kernel ext4 reads from it
# what iomap4fs showed. Two tests do this, with few and with many operations.

# compare_with_ext4 SEED BLOCK-SIZE OPERATIONS [MKE2FS-ARGUMENT...]
compare_with_ext4()
{
	local a=$TEST_TMP/a b=$TEST_TMP/b options=() seed=$1 bs=$2 ops=$3

	shift 3

	# kernel ext4 has no large folios
	[ ! -d /sys/kernel/mm/transparent_hugepage ] || options+=(--mmap-may-fill)
	make_ext4 "$JOB_DISK1" -b "$bs" "$@"
	make_ext4 "$JOB_DISK2" -b "$bs" "$@"
	mount_iomap4fs "$JOB_DISK1" "$a"
	mount_ext4 "$JOB_DISK2" "$b"
	differential --dir-a "$a" --dir-b "$b" --seed "$seed" --ops "$ops" --keep "${options[@]}" \
		--log "$JOB_OUT/differential.$seed.log" ||
		fail "replay with --replay differential.$seed.log, which is among the results"
	expect_equal 0 "$(request_count "$a" "$FUSE_READ")" "READ requests"
	expect_equal 0 "$(request_count "$a" "$FUSE_WRITE")" "WRITE requests"
	manifest "$a" >"$TEST_TMP/want"
	umount_iomap4fs "$a"
	umount "$b"
	check_clean "$JOB_DISK1"
	mount_ext4 "$JOB_DISK1" "$a" ro
	manifest "$a" >"$TEST_TMP/got"
	umount "$a"
	expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "manifest"
}
