# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# An unlinked file lives until its last descriptor is closed, then its blocks and
# inode are free again.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
sync -f "$m"
before=$(stat -f -c '%f %d' "$m")
exec 7<>"$m/f"
head -c 5M /usr/bin/perl >&7
rm "$m/f"
expect_equal 0 "$(stat -L -c %h /proc/self/fd/7)" "links of the unlinked file"
echo more >>/proc/self/fd/7
sync -f "$m"
echo 3 >/proc/sys/vm/drop_caches
size=$(stat -L -c %s /proc/self/fd/7)
cmp -n $((size - 5)) /proc/self/fd/7 <(head -c 5M /usr/bin/perl)
expect_equal more "$(tail -c 5 /proc/self/fd/7)" "bytes appended after the unlink"
truncate -s 100 /proc/self/fd/7
expect_equal 100 "$(stat -L -c %s /proc/self/fd/7)" "size after truncate"
exec 7>&-
same_as_before()
{
	sync -f "$m"
	[ "$(stat -f -c '%f %d' "$m")" = "$before" ]
}
wait_until 10 same_as_before || fail "free blocks and inodes: '$(stat -f -c '%f %d' "$m")', before: '$before'"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
