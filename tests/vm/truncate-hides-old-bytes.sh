# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Bytes cut off by a truncate never come back: growing again, by truncate, write
# or fallocate, shows zeroes, in the page cache, on the device and in kernel ext4.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m

# count_old FILE: bytes of the old contents below the old size but above the cut
count_old()
{
	tail -c +$((cut + 1)) "$1" | tr -d -c o | wc -c
}

make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
for cut in 0 1 4095 4096 10000 65536; do
	for way in truncate write fallocate zero; do
		for dropped in no yes; do
			f=$m/$cut-$way-$dropped
			head -c 100000 /dev/zero | tr '\0' o >"$f"
			[ $dropped = no ] || { sync "$f"; echo 1 >/proc/sys/vm/drop_caches; }
			truncate -s $cut "$f"
			expect_equal $cut "$(stat -c %s "$f")" "size after truncate"
			case $way in
			truncate) truncate -s 100000 "$f" ;;
			write) expect_op 1000 write "$f" 99000 1000 ;;
			fallocate) expect_op 0 fallocate "$f" 0 100000 ;;
			zero) expect_op 0 zero "$f" 50000 50000 ;;
			esac
			expect_equal 100000 "$(stat -c %s "$f")" "size after growth by $way"
			expect_equal 0 "$(count_old "$f")" "old bytes after growth by $way from $cut"
		done
	done
done
manifest "$m" >"$TEST_TMP/want"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$m" ro
manifest "$m" >"$TEST_TMP/got"
umount "$m"
expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "manifest"
