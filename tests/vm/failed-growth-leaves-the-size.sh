# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# fallocate and truncate that would make a file longer fail: after unmounting the file has the
# size and the bytes that it had, and nothing behind its end comes to light.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
make_ext4 "$JOB_DISK1" -O ^has_journal
mount_iomap4fs "$JOB_DISK1" "$m"
# as large as a file can be
max=$(((1 << 44) - 4096))
sizes=(0 100 4096 5000)
for size in "${sizes[@]}"; do
	for state in dirty written; do
		f=$m/$size-$state
		head -c "$size" /dev/zero | tr '\0' x >"$f"
		[ $state = dirty ] || sync "$f"
		cp "$f" "$TEST_TMP/$size-$state"
		expect_op ENOSPC fallocate "$f" 0 $((1 << 40))
		expect_op ENOSPC zero "$f" 65536 $((1 << 40))
		expect_op EFBIG truncate "$f" $((max + 4096 + 1))
		expect_equal "$size" "$(stat -c %s "$f")" "size after what failed"
	done
done
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$m" ro
for size in "${sizes[@]}"; do
	for state in dirty written; do
		expect_equal "$size" "$(stat -c %s "$m/$size-$state")" "$state file, size on the device"
		expect_same_file "$TEST_TMP/$size-$state" "$m/$size-$state" "$size bytes, $state"
	done
done
umount "$m"
