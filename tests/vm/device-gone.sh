# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A device that is pulled out takes its mount with it: the server is told, everything
# fails with EIO, and it can be unmounted.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
SHUTDOWN_FS=4091
config=/sys/kernel/config/nullb
if modprobe -q null_blk nr_devices=0; then
	at_exit rmmod null_blk
fi
if ! mountpoint -q /sys/kernel/config; then
	mount -t configfs none /sys/kernel/config
	at_exit umount /sys/kernel/config
fi
[ -d $config ] || skip "the kernel has no null_blk"
mkdir $config/pull
at_exit rmdir $config/pull
echo 128 >$config/pull/size
echo 1 >$config/pull/memory_backed
echo 1 >$config/pull/power
at_exit sh -c "echo 0 >$config/pull/power"
device=/dev/pull
wait_until 10 test -b "$device" || fail "no device $device"

mke2fs -q -F -t ext4 "$device" 64M
mount_iomap4fs "$device" "$m"
head -c 1M /usr/bin/perl >"$m/f"
sync "$m/f"
expect_op 65536 read "$m/f" 0 65536
expect_op 4096 write "$m/f" 0 4096
echo 0 >$config/pull/power
expect_op EIO dread "$m/f" 0 4096
expect_op EIO fsync "$m/f"
expect_op EIO write "$m/f" 0 4096
expect_op EIO read "$m/f" 0 4096
expect_equal 1 "$(request_count "$m" $SHUTDOWN_FS)" "shutdown requests"
umount_iomap4fs "$m"
