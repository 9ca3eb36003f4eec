# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The root may have any node id, as it has on the disk; then 1 is a node like others.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
start_puppet "$JOB_DISK1" "$m" 128
expect_tell ok size 65536
expect_equal "128 directory" "$(stat -c '%i %F' "$m")" "the root"
expect_equal "1 regular file" "$(stat -c '%i %F' "$m/f")" "the file"
expect_op 4096 write "$m/f" 4096 4096
expect_op 4096 dwrite "$m/f" 8192 4096
sync "$m/f"
expect_op ENOENT open "$m/g"
grep -q " $m .*root_nodeid=128" /proc/mounts || fail "the mount options don't show it"
expect_tell ok inval r 0 -1
expect_fail fsfreeze -f "$m" 2>"$TEST_TMP/err"
grep -qi "not supported" "$TEST_TMP/err" || fail "a server that can't freeze: $(<"$TEST_TMP/err")"
stop_puppet "$m"

# Not 0; all else about this mount is right.
mount_root()
{
	mount -i -t fuseiomap -o "fd=0,rootmode=40000,user_id=0,group_id=0,root_nodeid=$1" none "$m" \
		<>/dev/fuseiomap
}
mount_root 5 || fail "a mount with root 5"
umount "$m"
expect_fail mount_root 0 2>/dev/null
