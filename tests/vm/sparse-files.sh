# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Holes read as zeroes, take no blocks, and stay holes for kernel ext4; files may
# be larger than the device.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
truncate -s 1T "$m/huge"
expect_op 4096 write "$m/huge" $((900 << 30)) 4096
expect_op 5 write "$m/huge" $(((1 << 40) - 5)) 5
sync -f "$m"
expect_equal $((900 << 30)) "$(fileop seekdata "$m/huge" 0)" "first data"
expect_equal $(((900 << 30) + 4096)) "$(fileop seekhole "$m/huge" $((900 << 30)))" "hole after it"
[ "$(stat -c %b "$m/huge")" -lt 200 ] || fail "$(stat -c %b "$m/huge") blocks for 8 KiB of data"
expect_equal 0 "$(dd if="$m/huge" bs=1M count=2 skip=1000 status=none | tr -d '\0' | wc -c)" "bytes in a hole"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$m" ro
expect_equal $((1 << 40)) "$(stat -c %s "$m/huge")" "size for kernel ext4"
expect_equal $((900 << 30)) "$(fileop seekdata "$m/huge" 0)" "first data for kernel ext4"
expect_equal wwwww "$(tail -c 5 "$m/huge")" "last bytes for kernel ext4"
umount "$m"
