# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The kernel keeps access and modification times as the mount options say, and they
# reach the disk: strictatime, relatime, noatime, lazytime.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
echo contents >"$m/f"
umount_iomap4fs "$m"

# atime_after OPTIONS ATIME MTIME: of a file that is read, on the disk
atime_after()
{
	mount_iomap4fs "$JOB_DISK1" "$m" "$1"
	touch -m -d "$3" "$m/f"
	touch -a -d "$2" "$m/f"
	cat "$m/f" >/dev/null
	fileop dread "$m/f" 0 4096 >/dev/null
	umount_iomap4fs "$m"
	mount_ext4 "$JOB_DISK1" "$m" ro,noload
	stat -c %X "$m/f"
	umount "$m"
}

old=946684800 new=$(date +%s)
expect_equal $old "$(atime_after noatime @$old @$((old + 10)))" "atime with noatime"
[ "$(atime_after strictatime @$((new - 100)) @$old)" -ge "$new" ] || fail "no new atime with strictatime"
# Later than the last change, and not a day old
expect_equal $((new + 1000)) "$(atime_after relatime @$((new + 1000)) @$old)" "atime with relatime, read lately"
[ "$(atime_after relatime @$old @$((old + 10)))" -ge "$new" ] || fail "no new atime with relatime"

# With lazytime times are kept in memory, but not lost.
mount_iomap4fs "$JOB_DISK1" "$m" lazytime,strictatime
cat "$m/f" >/dev/null
cat "$m/f" >/dev/null
expect_op 0 fsync "$m/f"
sync -f "$m"
umount_iomap4fs "$m"
mount_ext4 "$JOB_DISK1" "$m" ro,noload
[ "$(stat -c %X "$m/f")" -ge "$new" ] || fail "lazytime lost the atime"
umount "$m"
check_clean "$JOB_DISK1"
