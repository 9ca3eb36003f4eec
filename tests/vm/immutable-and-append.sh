# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# An immutable file cannot be opened for writing, an append-only one only for
# appending, from chattr on and after the next mount.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
# Opened before: nothing that was learned then may let the later ones through.
echo fixed >"$m/fixed"
echo log >"$m/log"
sync -f "$m"
chattr +i "$m/fixed"
chattr +a "$m/log"

check_refused()
{
	expect_op EPERM write "$m/fixed" 0 4
	expect_op EPERM dwrite "$m/fixed" 0 4096
	expect_op EPERM write "$m/log" 0 4
	expect_equal fixed "$(cat "$m/fixed")" "the immutable file"
}
check_refused
echo more >>"$m/log"
umount_iomap4fs "$m"
mount_iomap4fs "$JOB_DISK1" "$m"
check_refused
expect_equal "log more" "$(paste -sd' ' "$m/log")" "the append-only file"
chattr -i "$m/fixed"
chattr -a "$m/log"
expect_op 4 write "$m/fixed" 0 4
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
