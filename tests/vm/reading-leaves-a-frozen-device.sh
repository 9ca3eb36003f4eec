# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Directories and links can be read while the file system is frozen. Their access times, which are
# due, are not moved then: that would change the device.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_small_ext4 "$JOB_DISK1"
mkdir "$m"
at_exit umount_all "$m"
mount -t iomap4fs -o iomap=require,commit=1 "$JOB_DISK1" "$m"
mkdir "$m/d"
touch "$m/d/f"
ln -s "$(printf '%0100d' 1)" "$m/d/link"
sync "$m"
umount_iomap4fs "$m"
mount -t iomap4fs -o iomap=require,commit=1 "$JOB_DISK1" "$m"

fsfreeze -f "$m"
before=$(small_checksum "$JOB_DISK1")
expect_equal "f link" "$(cd "$m/d" && echo *)" "the names"
expect_equal "$(printf '%0100d' 1)" "$(readlink "$m/d/link")" "the link"
# the next commit is due after a second
sleep 2.5
after=$(small_checksum "$JOB_DISK1")
fsfreeze -u "$m"
expect_equal "$before" "$after" "the frozen device"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
