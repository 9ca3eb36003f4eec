# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 360
#
# Copy on write: a file that shares its space with a snapshot is written, buffered, direct
# and by mapping, whole blocks and parts of them, and unshared. It is then what the same
# writes make of a plain file, and the snapshot is what it was, now and after remounting.
# The same with a server that writes nothing in place, when the kernel keeps mappings and
# when it doesn't, when writes fail, and when there is no space.
. "$(dirname "$0")/lib.sh"

[ -x bin/iomap_cow ] || skip "iomap_cow is not built"
module_loaded || skip "the module is not loaded"
m=$TEST_TMP/m
model=$TEST_TMP/model
mkdir "$m"
at_exit umount_all "$m"
size=5000000
server=
byte=a

# start DEVICE [OPTION]...
start()
{
	local device=$1

	shift
	iomap_cow "$@" "$device" "$m" >"$TEST_TMP/log" 2>&1 &
	server=$!
	wait_until 20 mountpoint -q "$m" ||
		fail "iomap_cow $* does not mount: $(cat "$TEST_TMP/log")"
}

stop()
{
	umount "$m"
	wait $server || fail "iomap_cow ends with status $?: $(cat "$TEST_TMP/log")"
}

# both OP OFFSET LENGTH: on "data", and by a plain write, if it writes, on the model.
both()
{
	local letters

	expect_op "$3" --byte="$byte" "$1" "$m/data" "$2" "$3"
	expect_op "$3" --byte="$byte" write "$model" "$2" "$3"
	letters=abcdefghijklmnopqrstuvwxyza
	letters=${letters#*"$byte"}
	byte=${letters:0:1}
}

# shared FILE: bytes of it that are shared; private FILE: those that are not.
shared()
{
	filemap fiemap "$1" | awk '/ shared$/ { n += $3 } END { print n + 0 }'
}

private()
{
	filemap fiemap "$1" | awk '!/ shared$/ { n += $3 } END { print n + 0 }'
}

forget_pages()
{
	sync -f "$m"
	echo 1 >/proc/sys/vm/drop_caches
}

# expect_bytes WHEN: everything is what it should be, also on the device.
expect_bytes()
{
	local i

	for i in cached read; do
		cmp "$model" "$m/data" || fail "$mode: data, $i, $1"
		expect_equal "$snapshot" "$(sha256sum <"$m/snapshot")" "$mode: snapshot, $i, $1"
		forget_pages
	done
}

# The file: some data, a hole, an end inside a block.
make_data()
{
	cat /usr/bin/perl /usr/bin/perl >"$model"
	truncate -s $size "$model"
	fileop punch "$model" 2000000 1000000 >/dev/null
	start "$1" --format
	dd if="$model" of="$m/data" bs=100000 conv=sparse,notrunc status=none
	expect_op 0 truncate "$m/data" $size
	stop
	snapshot=$(sha256sum <"$model")
}

modes=(--keep "--always --ask")
# All of them where it is fast
[ "$FUSEIOMAP_RIG" != uml ] || modes=(--keep --always --ask "--always --ask")
for mode in "${modes[@]}"; do
	options=()
	[ "$mode" = --keep ] || read -ra options <<<"$mode"
	make_data "$JOB_DISK1"
	start "$JOB_DISK1" --snapshot "${options[@]}"
	expect_bytes "before"
	expect_equal 0 "$(private "$m/data")" "$mode: bytes not shared before"
	[ "$(shared "$m/data")" -ge 3900000 ] || fail "$mode: $(shared "$m/data") bytes shared"

	both write 0 4096
	both write 5000 100
	both write 4090 10
	both swrite 20000 10000
	both mwrite 40970 10
	both mwrite 1500000 9000
	both dwrite 1048576 65536
	both dwrite 1200128 512
	both dwrite 1300480 12288
	both dsyncwrite 1400000 5000
	# Again, now that they are not shared, and while they are being written.
	both write 0 4096
	both write 5001 50
	both mwrite 5002 10
	both dwrite 1050624 1024
	# Into the hole, over its edges, over the end of the file.
	both write 2500000 3000
	both dwrite 2600448 512
	both mwrite 2700000 5000
	both write 1999000 5000
	both dwrite 2998272 4096
	both write $((size - 10)) 1000
	both write 5100000 10
	both dwrite 5242880 4096
	for op in "truncate 5200001" "truncate 5150000" "punch 3500000 20000" "truncate 5300000"; do
		read -ra args <<<"$op"
		for file in "$m/data" "$model"; do
			expect_op 0 "${args[0]}" "$file" "${args[@]:1}"
		done
	done
	expect_bytes "after writing"
	written=$(private "$m/data")
	if [ "$written" -lt 100000 ] || [ "$written" -gt 400000 ]; then
		fail "$mode: $written bytes not shared after writing"
	fi

	# A part, that has dirty pages, and all.
	both write 801000 10
	expect_op 0 unshare "$m/data" 800001 100000
	expect_equal $((written + 102400)) "$(private "$m/data")" "$mode: bytes not shared"
	expect_bytes "after unsharing a part"
	expect_op 0 unshare "$m/data" 0 5400000
	expect_op 0 truncate "$model" 5400000
	expect_equal 0 "$(shared "$m/data")" "$mode: bytes shared after unsharing"
	expect_equal 0 "$(shared "$m/snapshot")" "$mode: bytes of the snapshot shared"
	expect_equal 5400000 "$(stat -c %s "$m/data")" "$mode: size after unsharing"
	[ "$(private "$m/data")" -lt 4700000 ] || fail "$mode: unsharing filled the hole"
	expect_bytes "after unsharing"
	[ "$(request_count "$m" $IOMAP_IOEND)" -ge 10 ] || fail "$mode: few IOENDs"
	stop
	start "$JOB_DISK1" "${options[@]}"
	expect_bytes "after remounting"
	expect_equal 0 "$(shared "$m/data")" "$mode: bytes shared after remounting"
	stop

	# Both files at once, sharing what they have, with pages under writeback.
	start "$JOB_DISK1" --snapshot "${options[@]}"
	cp "$model" "$model.snapshot"
	random_io --flush "$m/snapshot" "$model.snapshot" 1 600 6000000 &
	random=$!
	random_io --flush "$m/data" "$model" 2 600 6000000 || fail "$mode: random_io on data"
	wait $random || fail "$mode: random_io on the snapshot"
	snapshot=$(sha256sum <"$model.snapshot")
	expect_bytes "after random I/O"
	stop
	start "$JOB_DISK1" "${options[@]}"
	expect_bytes "after random I/O, remounted"
	# Many at once, into holes and over it; fio reads all of it back.
	expect_op 0 truncate "$m/data" 0
	expect_op 0 truncate "$m/data" 4194304
	for engine in libaio io_uring; do
		fio --name=test --filename="$m/data" --ioengine=$engine --direct=1 --bs=4k \
			--rw=randwrite --size=1M --iodepth=16 --fallocate=none --randseed=7 \
			--verify=crc32c --output="$TEST_TMP/fio" >/dev/null 2>&1 ||
			fail "$mode: fio, $engine: $(tail -n 20 "$TEST_TMP/fio")"
	done
	expect_equal "$snapshot" "$(sha256sum <"$m/snapshot")" "$mode: snapshot after fio"
	stop
	echo "$mode: ok"
done

# A device that can be made to fail, and that ends after 7 MiB.
sectors=$((7 * 2048))
dm_table()
{
	if [ "$1" = good ]; then
		echo "0 $sectors linear $JOB_DISK1 0"
	else
		echo "0 $sectors flakey $JOB_DISK1 0 0 600 1 error_writes"
	fi
}

make_device()
{
	dmsetup suspend cow
	dmsetup reload cow --table "$(dm_table "$1")"
	dmsetup resume --noudevsync cow
}

modprobe -q dm-flakey || :
dmsetup create --noudevsync cow --table "$(dm_table bad)" || skip "no dm-flakey in this kernel"
at_exit dmsetup remove --retry cow
at_exit umount_all "$m"
dm=/dev/$(dmsetup info -c --noheadings -o blkdevname cow)
free_blocks()
{
	stat -f -c %f "$m"
}

make_device good
for mode in --keep --always; do
	options=()
	[ "$mode" = --keep ] || options=("$mode")
	make_data "$dm"
	start "$dm" --snapshot "${options[@]}"
	free=$(free_blocks)
	make_device bad
	expect_op EIO dwrite "$m/data" 0 65536
	expect_op EIO dwrite "$m/data" 70144 512
	expect_op EIO swrite "$m/data" 100000 5000
	expect_op EIO mwrite "$m/data" 200000 5000
	expect_op EIO unshare "$m/data" 300000 5000
	make_device good
	# This one tells of the writes that failed.
	sync -f "$m" 2>/dev/null || :
	expect_equal "$free" "$(free_blocks)" "$mode: free blocks after failed writes"
	echo 1 >/proc/sys/vm/drop_caches
	expect_bytes "after failed writes"

	# The file is larger than what is left.
	expect_op ENOSPC unshare "$m/data" 0 $size
	expect_bytes "after unsharing without space"
	cat /usr/bin/perl /usr/bin/perl >"$TEST_TMP/other"
	truncate -s $size "$TEST_TMP/other"
	expect_fail dd if="$TEST_TMP/other" of="$m/data" bs=64k conv=notrunc status=none
	forget_pages
	expect_equal "$snapshot" "$(sha256sum <"$m/snapshot")" "$mode: snapshot without space"
	expect_op 0 truncate "$m/data" 100
	both write 0 100
	expect_op 0 truncate "$model" 100
	expect_bytes "with space again"
	stop
	start "$dm" "${options[@]}"
	expect_bytes "with space again, remounted"
	stop
done

# With nothing written in place, a server that dies leaves what was synced last, whole,
# because nothing else has been put where that is, though the writes go round the device.
mode=crash
make_data "$dm"
start "$dm" --snapshot --always
both write 70000 100000
sync "$m/data"
for i in 1 2 3 4 5 6 7 8; do
	expect_op 1002496 dwrite "$m/data" 4096 1002496
done
! cmp -s "$model" "$m/data" || fail "$mode: the writes did nothing"
kill -KILL $server
wait $server || :
umount "$m"
start "$dm"
expect_bytes "after the server was killed"
stop
