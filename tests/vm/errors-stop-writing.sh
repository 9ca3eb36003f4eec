# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# When the file system turns out to be corrupt and goes read-only, nothing is written
# to it any more, not even where the kernel knew the blocks already; reads go on.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$m"
head -c 64K /usr/bin/perl >"$m/good"
head -c 64K /usr/bin/perl >"$m/bad"
umount "$m"
debugfs -w -R "set_inode_field bad block[0] 0x1234" "$JOB_DISK1" 2>/dev/null

mount_iomap4fs "$JOB_DISK1" "$m" errors=remount-ro
expect_op 4096 dwrite "$m/good" 0 4096
expect_op 4096 write "$m/good" 4096 4096
expect_op 0 fsync "$m/good"
expect_equal rw "$(findmnt -no OPTIONS "$m" | cut -d, -f1)" "before the error, mounted"
# open for writing, and to be written back
exec 7<>"$m/good"
expect_op 4096 write "$m/good" 12288 4096
expect_op 4096 append "$m/good" 0 4096
expect_op EIO read "$m/bad" 0 4096
expect_equal ro "$(findmnt -no OPTIONS "$m" | cut -d, -f1)" "after the error, mounted"
expect_fail mount -i -o remount,rw "$m" 2>/dev/null
expect_equal ro "$(findmnt -no OPTIONS "$m" | cut -d, -f1)" "after a remount, mounted"
expect_fail sync -f "$m" 2>/dev/null
for op in dwrite write append truncate; do
	expect_op EROFS $op "$m/good" 8192 4096
done
expect_fail touch -c -d @1000000000 "$m/good" 2>/dev/null
expect_equal EROFS "$(fileop mwrite "$m/good" 8192 4096)" "a store"
# nor through what was open before
expect_fail dd if=/usr/bin/perl bs=4096 count=1 conv=fsync status=none >&7 2>"$TEST_TMP/err"
grep "Read-only file system" "$TEST_TMP/err" >/dev/null || fail "open before: $(<"$TEST_TMP/err")"
exec 7>&-
echo 1 >/proc/sys/vm/drop_caches
expect_equal 8192 "$(tr -dc w <"$m/good" | head -c 8192 | wc -c)" "bytes written before, and still readable"
umount_iomap4fs "$m"
dumpe2fs -h "$JOB_DISK1" 2>/dev/null | grep "with errors" >/dev/null || fail "the superblock does not tell of errors"

# An error before the kernel can be told of it: while the mount is being made
make_ext4 "$JOB_DISK1" -e remount-ro
debugfs -w -R "ssv last_orphan 500" "$JOB_DISK1" 2>/dev/null
mount_iomap4fs "$JOB_DISK1" "$m" 2>"$TEST_TMP/err"
grep "going read-only" "$TEST_TMP/err" >/dev/null || fail "no error: $(<"$TEST_TMP/err")"
is_read_only()
{
	[ "$(findmnt -no OPTIONS "$m" | cut -d, -f1)" = ro ]
}
wait_until 10 is_read_only || fail "an error before the mount: the mount table says rw"
expect_fail touch "$m/new" 2>/dev/null
umount_iomap4fs "$m"
