# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Project ids are set, inherited and seen by kernel ext4; an image without a place for
# them refuses.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1" -O project -I 256
mount_iomap4fs "$JOB_DISK1" "$m"
mkdir "$m/d"
touch "$m/f"
chattr -p 1234 "$m/f"
chattr +P -p 77 "$m/d"
touch "$m/d/child"
mkdir "$m/d/sub"
chattr +i "$m/f"
expect_fail chattr -p 5 "$m/f" 2>/dev/null
chattr -i "$m/f"

projects()
{
	lsattr -pd "$m/f" "$m/d" "$m/d/child" "$m/d/sub" | awk '{ print $1 }' | paste -sd' '
}
expect_equal "1234 77 77 77" "$(projects)" "project ids"
umount_iomap4fs "$m"
# A kernel without quotas mounts such an image for reading only.
mount_ext4 "$JOB_DISK1" "$m" ro
expect_equal "1234 77 77 77" "$(projects)" "project ids as kernel ext4 sees them"
umount "$m"
check_clean "$JOB_DISK1"

make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
touch "$m/f"
expect_fail chattr -p 1 "$m/f" 2>/dev/null
umount_iomap4fs "$m"
