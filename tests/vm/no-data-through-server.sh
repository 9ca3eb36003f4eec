# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# No way of reading or writing file data sends a READ or WRITE request; each asks
# for mappings, and completions that change metadata are reported.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
expect_equal 0 "$(request_count "$m" $IOMAP_BEGIN)" "BEGIN requests of a fresh mount"
head -c 3M /usr/bin/perl >"$m/f"
sync "$m/f"
[ "$(request_count "$m" $IOMAP_IOEND)" -gt 0 ] || fail "no IOEND request for a new file"
for op in read dread mread write dwrite mwrite dsyncwrite swrite; do
	before=$(request_count "$m" $IOMAP_BEGIN)
	echo 3 >/proc/sys/vm/drop_caches
	fileop $op "$m/f" 65536 65536 >/dev/null
	sync "$m/f"
	[ "$(request_count "$m" $IOMAP_BEGIN)" -gt "$before" ] || fail "no BEGIN request for $op"
done
# Overwriting what is written changes no metadata.
before=$(request_count "$m" $IOMAP_IOEND)
expect_op 65536 dwrite "$m/f" 65536 65536
expect_equal "$before" "$(request_count "$m" $IOMAP_IOEND)" "IOEND requests after an overwrite"
expect_equal 0 "$(request_count "$m" $FUSE_READ)" "READ requests"
expect_equal 0 "$(request_count "$m" $FUSE_WRITE)" "WRITE requests"
umount_iomap4fs "$m"
