# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 240
#
# With iomap, too, a file system that is a part of an image or of a block device can be
# mounted (-o offset=): the kernel moves the data to and from the right place, nothing
# around it changes, and the loop device that this takes goes away with the mount.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
mkdir "$m"
at_exit umount_all "$m"
size=$((24 * 1048576))

# edges OFFSET: where the 64 KiB before the file system and behind it begin
edges()
{
	echo $(($1 - 65536)) $(($1 + size))
}

# around SOURCE OFFSET: checksum of what is there
around()
{
	local at

	for at in $(edges "$2"); do
		dd if="$1" iflag=skip_bytes bs=64K skip="$at" count=1 status=none | sha256sum
	done
}

no_loop()
{
	! losetup -nl -O BACK-FILE | grep -F "$1" >/dev/null
}

# try SOURCE OFFSET COMMAND...: mount with COMMAND -o ..., use it, look at the result
try()
{
	local source=$1 offset=$2 before at

	shift 2
	echo "$source at $offset: $*"
	for at in $(edges "$offset"); do
		dd if=/dev/urandom of="$source" oflag=seek_bytes bs=64K seek="$at" count=1 \
			iflag=fullblock conv=notrunc status=none
	done
	truncate -s $size "$TEST_TMP/part"
	mke2fs -q -F -t ext4 "$TEST_TMP/part"
	dd if="$TEST_TMP/part" of="$source" oflag=seek_bytes seek="$offset" bs=1M conv=notrunc \
		status=none
	sync "$source"
	before=$(around "$source" "$offset")
	"$@" "$source" "$m" -o "iomap=require,offset=$offset"
	expect_equal fuseiomap.iomap4fs "$(findmnt -no FSTYPE "$m")" "type"
	cp /usr/bin/perl "$m/perl"
	mkdir "$m/d"
	truncate -s 1M "$m/d/sparse"
	expect_op 5000 write "$m/d/sparse" 500000 5000
	fallocate -l 1M "$m/d/unwritten"
	expect_op 65536 dwrite "$m/d/unwritten" 65536 65536
	sync -f "$m"
	expect_equal 0 "$(request_count "$m" $FUSE_WRITE)" "WRITE requests"
	manifest "$m" >"$TEST_TMP/want"
	echo 3 >/proc/sys/vm/drop_caches
	manifest "$m" --mode direct >"$TEST_TMP/got"
	expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "read by direct I/O"
	umount_iomap4fs "$m"
	wait_until 10 no_loop "$source" || fail "the loop device stays"
	expect_equal "$before" "$(around "$source" "$offset")" "what lies around the file system"
	dd if="$source" of="$TEST_TMP/part" iflag=skip_bytes,count_bytes skip="$offset" \
		count=$size bs=1M status=none
	check_clean "$TEST_TMP/part"
	mount -t ext4 -o loop,ro "$TEST_TMP/part" "$m"
	manifest "$m" >"$TEST_TMP/got"
	umount "$m"
	expect_same_file "$TEST_TMP/want" "$TEST_TMP/got" "what kernel ext4 sees"
	rm "$TEST_TMP/part"
}

truncate -s 28M "$TEST_TMP/disk"
# no multiple of the file system's blocks, but of a sector
try "$TEST_TMP/disk" $((1048576 + 63 * 512)) bin/iomap4fs
try "$JOB_DISK1" $((1048576 + 63 * 512)) bin/iomap4fs
# mount(8) makes the loop device itself
try "$TEST_TMP/disk" 2097152 mount -t iomap4fs
