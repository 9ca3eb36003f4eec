# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# On a kernel whose page cache has no large folios, an image with blocks larger than a page is
# served in classic mode, or refused if iomap is required. Either is known when mount returns.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
[ ! -d /sys/kernel/mm/transparent_hugepage ] || skip "this kernel has large folios"
m=$TEST_TMP/m
mkdir "$m"
at_exit umount_all "$m"
wipefs -qa "$JOB_DISK1"
mke2fs -q -F -t ext4 -b 65536 -E lazy_itable_init=0,nodiscard "$JOB_DISK1" 256M 2>/dev/null

expect_fail mount -t iomap4fs -o iomap=require "$JOB_DISK1" "$m" 2>"$TEST_TMP/err"
grep 'blocks of 65536 bytes' "$TEST_TMP/err" >/dev/null ||
	fail "the refusal does not name the block size: $(<"$TEST_TMP/err")"
expect_fail mountpoint -q "$m"
wait_until 30 no_server || fail "the server of the refused mount is still there"

mount -t iomap4fs "$JOB_DISK1" "$m"
echo contents >"$m/f"
expect_equal contents "$(<"$m/f")" "what was written"
expect_equal fuse.iomap4fs "$(findmnt -no FSTYPE "$m")" "the type of the mount"
umount_iomap4fs "$m"
e2fsck -fn "$JOB_DISK1" >"$TEST_TMP/fsck" 2>&1 || fail "e2fsck: $(<"$TEST_TMP/fsck")"
