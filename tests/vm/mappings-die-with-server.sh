# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Once the server has gone, no mapping is used any more: the device may be somebody
# else's by then.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
device_sum()
{
	dd if="$JOB_DISK1" bs=1M count=256 iflag=direct status=none | sha256sum
}

make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
head -c 1M /usr/bin/perl >"$m/f"
sync -f "$m"
exec 7<>"$m/f"
before=$(request_count "$m" $IOMAP_BEGIN)
echo 1 >/proc/sys/vm/drop_caches
dd bs=64K count=1 of=/dev/null status=none <&7
expect_equal "$before" "$(request_count "$m" $IOMAP_BEGIN)" "BEGIN requests for a known mapping"
kill -KILL "$(server_pids)"
wait_until 10 no_server || fail "the server stays"
echo 1 >/proc/sys/vm/drop_caches
expect_fail dd bs=64K count=1 of=/dev/null status=none <&7
expect_fail dd bs=64K count=1 of=/dev/null iflag=direct status=none <&7
sum=$(device_sum)
expect_fail dd if=/dev/zero bs=64K count=1 oflag=direct status=none >&7
# Through the page cache it may seem to work, until it is written.
dd if=/dev/zero bs=64K count=1 conv=fsync status=none >&7 2>/dev/null && fail "written without a server"
expect_equal "$sum" "$(device_sum)" "the device"
exec 7>&-
umount "$m"
e2fsck -fy "$JOB_DISK1" >/dev/null || :
