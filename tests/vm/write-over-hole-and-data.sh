# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A write that goes elsewhere than where is read may begin over a hole and end inside a
# block that has data, with one new place for all of it: the rest of that block stays.
# And where writes go nowhere, zeroing is no way round that.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
start_puppet "$JOB_DISK1" "$m"
base=$((1 << 20))
expect_tell ok size 81920
expect_op 0 open "$m/f"

for op in write dwrite; do
	head -c 81920 /dev/zero | tr '\0' o |
		dd of="$JOB_DISK1" bs=80K oflag=direct,seek_bytes seek=$base iflag=fullblock conv=notrunc status=none
	head -c 81920 /dev/zero | tr '\0' x |
		dd of="$JOB_DISK1" bs=80K oflag=direct,seek_bytes seek=$((base + 8388608)) iflag=fullblock conv=notrunc status=none
	expect_tell ok set r 0 40960 hole
	expect_tell ok set r 40960 40960 mapped
	expect_tell ok set w 0 81920 mapped $((base + 8388608))
	expect_tell ok inval r 0 -1
	expect_tell ok inval w 0 -1
	echo 1 >/proc/sys/vm/drop_caches
	expect_op 59392 --byte=n $op "$m/f" 20480 59392
	sync "$m/f"
	echo 1 >/proc/sys/vm/drop_caches
	expect_equal "n:59392 o:2048 " \
		"$(tail -c +20481 "$m/f" | fold -w 1 | sort | uniq -c | awk '{ printf "%s:%s ", $2, $1 }')" \
		"bytes after $op"
done

expect_tell ok set r 0 81920 mapped
expect_tell ok set w 0 81920 hole
expect_tell ok inval r 0 -1
expect_tell ok inval w 0 -1
# the server has agreed to cut the file, and then has no place for the zeroes in its last block
expect_op 0 truncate "$m/f" 100
expect_equal 100 "$(stat -c %s "$m/f")" "size"
expect_op EUCLEAN fsync "$m/f"
stop_puppet "$m"
