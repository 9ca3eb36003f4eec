# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 180
#
# A full file system says ENOSPC, to write, direct write and fallocate; what was
# written is whole, what fsync confirmed is there, and room freed can be used.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
wipefs -qa "$JOB_DISK1"
mke2fs -q -F -t ext4 -b 1024 -m 0 "$JOB_DISK1" 24M
mount_iomap4fs "$JOB_DISK1" "$m"
head -c 1M /usr/bin/perl >"$m/keep"
sync "$m/keep"
expect_op ENOSPC fallocate "$m/keep" 0 $((1 << 30))
expect_equal 1048576 "$(stat -c %s "$m/keep")" "size after a failed fallocate"
status=0
dd if=/dev/zero bs=64K conv=fsync of="$m/filler" 2>"$TEST_TMP/dd" || status=$?
[ $status -ne 0 ] || fail "the disk never was full"
grep -q 'No space left' "$TEST_TMP/dd" || fail "$(cat "$TEST_TMP/dd")"
expect_equal 0 "$(fileop create "$m/direct")" "create on a full disk"
expect_op ENOSPC dwrite "$m/direct" 0 8388608
[ "$(fileop swrite "$m/direct" 0 8388608)" = ENOSPC ] || fail "a synced write on a full disk succeeds"
cmp "$m/keep" <(head -c 1M /usr/bin/perl)
expect_op 4096 --byte=k write "$m/keep" 8192 4096
sync "$m/keep"
rm "$m/filler" "$m/direct"
sync -f "$m"
# The server hears of the last use of a file a little later.
has_room()
{
	[ "$(stat -f -c %f "$m")" -gt 9000 ]
}
wait_until 10 has_room || fail "room does not become free: $(stat -f "$m")"
head -c 8M /dev/zero | tr '\0' n >"$m/new"
sync "$m/new"
expect_equal 8388608 "$(tr -d -c n <"$m/new" | wc -c)" "bytes written into freed room"
manifest "$m" >"$TEST_TMP/want"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$m" ro
manifest "$m" >"$TEST_TMP/got"
umount "$m"
expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "manifest"
