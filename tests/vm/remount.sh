# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# mount -o remount,ro and remount,rw of a mount with iomap, through the helper and without it.
# The kernel refuses to make a mount writable whose server has the device open for reading only.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
echo one >"$m/f"
for how in "mount -t iomap4fs" "mount -i"; do
	$how -o remount,ro "$JOB_DISK1" "$m" || fail "$how -o remount,ro"
	expect_fail touch "$m/g" 2>/dev/null
	expect_equal one "$(<"$m/f")" "$how: the file when read-only"
	$how -o remount,rw "$JOB_DISK1" "$m" || fail "$how -o remount,rw"
	echo two >"$m/g"
	rm "$m/g"
done
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"

mount_iomap4fs "$JOB_DISK1" "$m" ro
for how in "mount -t iomap4fs" "mount -i"; do
	expect_fail $how -o remount,rw "$JOB_DISK1" "$m" 2>/dev/null
	expect_equal ro "$(findmnt -no OPTIONS "$m" | cut -d, -f1)" "after $how -o remount,rw"
done
umount_iomap4fs "$m"
