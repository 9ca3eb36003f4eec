# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 240
#
# With iomap=off the server moves the data itself, through the stock FUSE, says so
# in one line, and gets everything right as well.
. "$(dirname "$0")/lib.sh"

[ -x bin/iomap4fs ] || skip "iomap4fs is not built"
m=$TEST_TMP/m
mkdir "$m"
at_exit umount_all "$m"
make_ext4 "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$m"
fill_tree "$m"
umount "$m"
mount_ext4 "$JOB_DISK1" "$m" ro
manifest "$m" >"$TEST_TMP/want"
umount "$m"
mount -t iomap4fs -o iomap=off "$JOB_DISK1" "$m" 2>"$TEST_TMP/err" ||
	fail "mounting: $(<"$TEST_TMP/err")"
cat "$TEST_TMP/err"
[ "$(wc -l <"$TEST_TMP/err")" -le 1 ] || fail "more than one line on stderr"
[[ $(findmnt -no FSTYPE "$m") == fuse?(blk)?(.*) ]] || fail "not on the stock FUSE"
for mode in buffered direct mmap; do
	manifest "$m" --mode $mode >"$TEST_TMP/got"
	expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "manifest ($mode)"
done
expect_op 100000 write "$m/perl" 50000 100000
expect_op 5000 mwrite "$m/perl" 500000 5000
expect_op 65536 dwrite "$m/extents" 65536 65536
expect_op 0 punch "$m/perl" 4096 8192
truncate -s 12345 "$m/unwritten"
cp -a /etc "$m/etc2"
sync -f "$m"
manifest "$m" --no-times >"$TEST_TMP/want"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$m" ro
manifest "$m" --no-times >"$TEST_TMP/got"
umount "$m"
expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "manifest after changes"
