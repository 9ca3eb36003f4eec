# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# mount -t iomap4fs works on a device and on an image file, shows up under the
# right names, honours ro, and umount frees the device, the loop device and the
# server.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
expect_equal fuseiomap.iomap4fs "$(findmnt -no FSTYPE "$m")" "type"
expect_equal "$JOB_DISK1" "$(findmnt -no SOURCE "$m")" "source"
echo one >"$m/f"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"

# The device is free: somebody else may have it for himself.
mount_iomap4fs "$JOB_DISK1" "$m" ro
expect_equal one "$(cat "$m/f")" "file after remount"
expect_fail touch "$m/g" 2>/dev/null
expect_op EROFS write "$m/f"
umount_iomap4fs "$m"

truncate -s 64M "$TEST_TMP/image"
mke2fs -q -t ext4 "$TEST_TMP/image"
mount_iomap4fs "$TEST_TMP/image" "$m"
cp /usr/bin/perl "$m/perl"
sync -f "$m"
expect_equal 0 "$(request_count "$m" $FUSE_WRITE)" "WRITE requests"
umount_iomap4fs "$m"
no_loop()
{
	[ -z "$(losetup -j "$TEST_TMP/image")" ]
}
wait_until 10 no_loop || fail "the loop device stays"
check_clean "$TEST_TMP/image"
mount -o loop,ro "$TEST_TMP/image" "$m"
cmp /usr/bin/perl "$m/perl"
umount "$m"
