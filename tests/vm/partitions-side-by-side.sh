# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Two partitions of one image file are mounted for writing at once: each has a loop device that
# ends where it does. The same one is not mounted twice.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
make_ext4 "$JOB_DISK2"
mount_ext4 "$JOB_DISK2" "$TEST_TMP/storage"
disk=$TEST_TMP/storage/disk
a=$((1 << 20)) b=$((33 << 20))
truncate -s 32M "$TEST_TMP/part"
mke2fs -q -F -t ext4 "$TEST_TMP/part"
truncate -s 80M "$disk"
for at in $a $b; do
	dd if="$TEST_TMP/part" of="$disk" bs=1M oflag=seek_bytes seek=$at conv=notrunc status=none
done

mkdir "$TEST_TMP/a" "$TEST_TMP/b" "$TEST_TMP/c"
at_exit umount_all "$TEST_TMP/a"
at_exit umount_all "$TEST_TMP/b"
# not by mount(8), which makes loop devices itself
bin/iomap4fs "$disk" "$TEST_TMP/a" -o iomap=require,offset=$a
bin/iomap4fs "$disk" "$TEST_TMP/b" -o iomap=require,offset=$b
for loop in $(losetup -j "$disk" -n -O NAME); do
	expect_equal $((32 << 11)) "$(cat "/sys/block/$(basename "$loop")/size")" "sectors of $loop"
done
for name in a b; do
	head -c 3000000 /usr/bin/perl >"$TEST_TMP/$name/file"
	mkdir "$TEST_TMP/$name/dir"
done
status=0
bin/iomap4fs "$disk" "$TEST_TMP/c" -o "iomap=require,offset=$b" 2>"$TEST_TMP/err" || status=$?
[ $status -ne 0 ] || { umount "$TEST_TMP/c"; fail "a partition is mounted twice"; }
grep 'in use' "$TEST_TMP/err" >/dev/null || fail "refused otherwise: $(cat "$TEST_TMP/err")"

umount "$TEST_TMP/a" "$TEST_TMP/b"
wait_until 30 no_server || fail "the servers are still there"
for at in $a $b; do
	dd if="$disk" of="$TEST_TMP/part" bs=1M iflag=skip_bytes,count_bytes skip=$at count=32M \
		status=none
	check_clean "$TEST_TMP/part"
	debugfs -R 'dump /file /dev/stdout' "$TEST_TMP/part" 2>/dev/null |
		cmp - <(head -c 3000000 /usr/bin/perl) || fail "other data"
done
umount "$TEST_TMP/storage"
