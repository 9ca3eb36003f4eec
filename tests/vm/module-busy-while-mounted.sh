# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The module cannot be unloaded under a mount.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$TEST_TMP/m"
expect_fail rmmod fuseiomap
echo still >"$TEST_TMP/m/f"
expect_equal still "$(cat "$TEST_TMP/m/f")" "a file of the mount"
umount_iomap4fs "$TEST_TMP/m"
