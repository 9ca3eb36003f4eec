# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A disk on which no two free blocks are neighbours, and the last block is in use, can
# still be written.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
wipefs -qa "$JOB_DISK1"
mke2fs -q -F -t ext4 -b 1024 -m 0 -N 8192 "$JOB_DISK1" 24M
mount_ext4 "$JOB_DISK1" "$m"
mkdir "$m/small"
for ((i = 0; i < 4000; i++)); do
	printf 'file %d' "$i" >"$m/small/$i"
done
sync -f "$m"
dd if=/dev/zero bs=1K of="$m/filler" conv=fsync 2>/dev/null || :
(cd "$m/small" && rm -- *[13579])
umount "$m"

mount_iomap4fs "$JOB_DISK1" "$m"
free=$(stat -f -c %a "$m")
[ "$free" -ge 1500 ] || fail "only $free blocks are free"
dd if=/dev/zero bs=64K count=16 of="$m/new" conv=fsync status=none
expect_op 262144 dwrite "$m/new" 1048576 262144
extents=$(fileop fiemap "$m/new" 0 1310720 | cut -d' ' -f1)
[ "$extents" -gt 600 ] || fail "$extents extents: the space was not fragmented"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
