# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 300
#
# What the server has said once is not asked again: rereading and overwriting,
# buffered, direct and by mapping, cost no BEGIN, and a file of many extents costs
# few, however it is read: one answer fills a gap on both sides of the place asked for.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
head -c 1M /usr/bin/perl >"$m/f"
make_extents "$m/many" 10000
make_extents "$m/some" 7
sync -f "$m"

# Reading takes the page cache away, the inodes stay.
asked()
{
	local before=$1

	echo "$(($(request_count "$m" $IOMAP_BEGIN) - before))"
}

for op in read dread mread write dwrite mwrite dsyncwrite; do
	echo 1 >/proc/sys/vm/drop_caches
	before=$(request_count "$m" $IOMAP_BEGIN)
	expect_op 65536 $op "$m/f" 65536 65536
	sync "$m/f"
	expect_equal 0 "$(asked "$before")" "BEGIN requests for a second $op"
done

before=$(sha256sum <"$m/many")
umount_iomap4fs "$m"
mount_iomap4fs "$JOB_DISK1" "$m"
expect_equal "$before" "$(sha256sum <"$m/many")" "checksum of the file of 10,000 extents"
[ "$(asked 0)" -le 100 ] || fail "$(asked 0) BEGIN requests to read 10,000 extents"
before=$(request_count "$m" $IOMAP_BEGIN)
dd if="$m/many" of=/dev/null bs=1M iflag=direct status=none
expect_equal 0 "$(asked "$before")" "BEGIN requests to read it again, direct"
grep -qx 'mappings [1-9][0-9]*' "$(connection_dir "$m")/mappings" ||
	fail "the connection tells of no mappings"

# One answer tells what is around the place asked for, before it, too.
before=$(request_count "$m" $IOMAP_BEGIN)
expect_op 4096 dread "$m/some" 24576 4096
dd if="$m/some" of=/dev/null bs=4096 iflag=direct status=none
expect_equal 1 "$(asked "$before")" "BEGIN requests to read 7 extents, from the middle on"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
