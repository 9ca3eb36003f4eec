# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 300
#
# iomap4fs promises space to buffered writes and finds it at writeback: files that are
# written side by side are in one piece each, what is deleted before is never allocated,
# df counts what is promised, and all of it comes back.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m

free_blocks()
{
	stat -f -c %f "$m"
}

questions()
{
	echo $(($(request_count "$m" "$IOMAP_BEGIN") + $(request_count "$m" "$IOMAP_END")))
}

nr_extents()
{
	filefrag "$1" | sed -n 's/.*: \([0-9]*\) extent.*/\1/p'
}

# two_files A B: 1 MiB each, 4 KiB of one after 4 KiB of the other
two_files()
{
	local i

	exec 7>"$m/$1" 8>"$m/$2"
	for ((i = 0; i < 256; i++)); do
		printf '%04095d\n' $i >&7
		printf '%04095d\n' $((i + 1000)) >&8
	done
	exec 7>&- 8>&-
	sync "$m/$1" "$m/$2"
}

make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m" nodelalloc
n=$(questions)
two_files a b
figure "questions for 512 appends, not delayed" $(($(questions) - n))
[ "$(nr_extents "$m/a")" -gt 1 ] || fail "side by side and not delayed, but in one piece"
umount_iomap4fs "$m"
mount_iomap4fs "$JOB_DISK1" "$m"
rm "$m/a" "$m/b"
n=$(questions)
two_files a b
figure "questions for 512 appends, delayed" $(($(questions) - n))
expect_equal 1 "$(nr_extents "$m/a")" "extents of a"
expect_equal 1 "$(nr_extents "$m/b")" "extents of b"
expect_equal 2048 "$(stat -c %b "$m/a")" "blocks of a"

# Nothing hears of data that goes before it is written.
sync -f "$m"
before=$(free_blocks)
ioends=$(request_count "$m" "$IOMAP_IOEND")
head -c 8M /dev/urandom >"$m/short"
expect_equal $((before - 2048)) "$(free_blocks)" "free blocks with 8 MiB promised"
expect_equal 16384 "$(stat -c %b "$m/short")" "blocks of a delayed file"
[[ $(filefrag -v "$m/short") == *delalloc* ]] || fail "not delayed: $(filefrag -v "$m/short")"
expect_op 8388608 seekhole "$m/short" 0
rm "$m/short"
is_back()
{
	[ "$(free_blocks)" = "$before" ]
}
wait_until 10 is_back || fail "$before blocks were free, $(free_blocks) are"
expect_equal "$ioends" "$(request_count "$m" "$IOMAP_IOEND")" "IOENDs of data that was never written"

# Cut off, punched out, given up by a write that came short, jumped over.
: >"$m/f"
expect_op 4194304 write "$m/f" 0 4194304
expect_op 0 truncate "$m/f" 0
expect_equal "$before" "$(free_blocks)" "free blocks after truncate"
expect_op 2097152 write "$m/f" 0 2097152
expect_op 0 punch "$m/f" 0 2097152
expect_equal "$before" "$(free_blocks)" "free blocks after punch"
expect_op 0 truncate "$m/f" 0
expect_op 524288 halfwrite "$m/f" 0 1048576
expect_equal $((before - 128)) "$(free_blocks)" "free blocks after half a write"
# the second half of this one is dirty from before
expect_op 0 truncate "$m/f" 0
expect_op 65536 write "$m/f" 983040 65536
expect_op 524288 halfwrite "$m/f" 0 1048576
expect_equal $((before - 128 - 16)) "$(free_blocks)" "free blocks after half a write before others"
expect_op 65536 --byte=x write "$m/f" 131072 65536
sync "$m/f"
expect_equal $((before - 128 - 16)) "$(free_blocks)" "free blocks when that is written"
expect_equal 65536 "$(tail -c 65536 "$m/f" | tr -d -c w | wc -c)" "bytes behind the half write"
rm "$m/f"
sync -f "$m"
wait_until 10 is_back || fail "$before blocks were free, $(free_blocks) are"
exec 7>"$m/f"
for ((i = 0; i < 20; i++)); do
	printf '%04095d\n' $i >&7
done
expect_op 4096 write "$m/f" 1048576 4096
exec 7>&-
expect_equal $((21 * 8)) "$(stat -c %b "$m/f")" "blocks of a file with a hole"
expect_op 81920 seekhole "$m/f" 0
expect_op 1048576 seekdata "$m/f" 81920
sync "$m/f"
expect_equal $((21 * 8)) "$(stat -c %b "$m/f")" "blocks of a file with a hole, written"
rm "$m/f"

# What was promised ahead goes back when the file is closed, also by a task that is killed.
# A long file in several pieces has blocks of its extent tree, too; what is promised ahead is 16
# blocks at least.
no_more_than_data()
{
	local more=$(($(stat -c %b "$1") / 8 - ($(stat -c %s "$1") + 4095) / 4096))

	[ $more -ge 0 ] && [ $more -le 4 ]
}
sync -f "$m"
wait_until 10 is_back || fail "$before blocks were free, $(free_blocks) are"
exec 7>"$m/f"
for ((i = 0; i < 3; i++)); do
	printf '%04095d\n' $i >&7
done
[ "$(free_blocks)" -lt $((before - 3)) ] || fail "nothing is promised ahead"
expect_op 12288 seekhole "$m/f" 0
exec 7>&-
expect_equal $((before - 3)) "$(free_blocks)" "free blocks with a closed file of three"
rm "$m/f"
dd if=/dev/zero of="$m/f" bs=4k count=100000 status=none &
pid=$!
sleep 2
kill -9 $pid
wait $pid || :
wait_until 10 no_more_than_data "$m/f" || fail "promised to a killed writer: $(stat "$m/f")"
rm "$m/f"

# Other ways to the same blocks
: >"$m/g"
expect_op 1048576 write "$m/g" 0 1048576
expect_op 65536 --byte=d dwrite "$m/g" 262144 65536
expect_op 0 fallocate "$m/g" 524288 1048576
expect_op 4096 --byte=m mwrite "$m/g" 1044480 4096
expect_op 0 zero "$m/g" 0 4096
expect_op 0 collapse "$m/g" 65536 65536
expect_op 100 --byte=e write "$m/g" 2000000 100

# A stream of small appends, and a small file: how many questions?
n=$(questions)
dd if=/dev/zero of="$m/stream" bs=4k count=16384 status=none
appends=$(($(questions) - n))
sync "$m/stream"
figure "questions for 64 MiB of 4 KiB appends" $appends
figure "questions for these with writeback" $(($(questions) - n))
figure "extents of these" "$(nr_extents "$m/stream")"
[ $appends -le 40 ] || fail "$appends questions for 64 MiB of appends"
expect_equal 131072 "$(stat -c %b "$m/stream")" "blocks of 64 MiB"
n=$(questions)
head -c 4096 /usr/bin/perl >"$m/small"
figure "questions for a small file" $(($(questions) - n))
expect_equal 1 $(($(questions) - n)) "questions for a small file"
n=$(questions)
sync "$m/small"
expect_equal 1 $(($(questions) - n)) "questions for writing it back"

manifest "$m" >"$TEST_TMP/want"
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
mount_ext4 "$JOB_DISK1" "$m" ro
manifest "$m" >"$TEST_TMP/got"
expect_equal 4096 "$(tr -d -c m <"$m/g" | wc -c)" "bytes of the mapped store"
expect_equal 65536 "$(tr -d -c d <"$m/g" | wc -c)" "bytes of the direct write"
umount "$m"
expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "manifest"

# Full: write() says so, and what it has taken is there after sync.
head -c 33M /dev/urandom >"$TEST_TMP/much"
for block in 1024 4096; do
	wipefs -qa "$JOB_DISK1"
	mke2fs -q -F -t ext4 -b $block -m 0 "$JOB_DISK1" 32M
	mount_iomap4fs "$JOB_DISK1" "$m"
	expect_fail split -b 100001 -a 4 "$TEST_TMP/much" "$m/x" 2>"$TEST_TMP/split"
	grep 'No space left' "$TEST_TMP/split" >/dev/null || fail "$(cat "$TEST_TMP/split")"
	sync -f "$m"
	echo 3 >/proc/sys/vm/drop_caches
	cat "$m"/x* >"$TEST_TMP/got"
	size=$(stat -c %s "$TEST_TMP/got")
	figure "bytes written to 32 MiB with blocks of $block" "$size"
	((size > 24 << 20)) || fail "the disk is full with $size bytes"
	cmp -n "$size" "$TEST_TMP/much" "$TEST_TMP/got"
	umount_iomap4fs "$m"
	check_clean "$JOB_DISK1"
done
