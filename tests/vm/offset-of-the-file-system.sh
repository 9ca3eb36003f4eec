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
size=$((64 * 1048576))

# around SOURCE OFFSET: checksum of 1 MiB before the file system and 1 MiB behind it
around()
{
	dd if="$1" iflag=skip_bytes,count_bytes bs=64K skip=$(($2 - 1048576)) count=1048576 \
		status=none | sha256sum
	dd if="$1" iflag=skip_bytes,count_bytes bs=64K skip=$(($2 + size)) count=1048576 \
		status=none | sha256sum
}

no_loop()
{
	! losetup -nl -O BACK-FILE | grep -F "$1" >/dev/null
}

# try SOURCE OFFSET COMMAND...: mount with COMMAND -o ..., use it, look at the result
try()
{
	local source=$1 offset=$2 before

	shift 2
	echo "$source at $offset: $*"
	dd if=/dev/urandom of="$source" bs=1M count=68 conv=notrunc status=none
	truncate -s $size "$TEST_TMP/part"
	mke2fs -q -F -t ext4 "$TEST_TMP/part"
	dd if="$TEST_TMP/part" of="$source" oflag=seek_bytes seek="$offset" bs=1M conv=notrunc \
		status=none
	sync "$source"
	before=$(around "$source" "$offset")
	"$@" "$source" "$m" -o "iomap=require,offset=$offset"
	expect_equal fuseiomap.iomap4fs "$(findmnt -no FSTYPE "$m")" "type"
	fill_tree "$m"
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

truncate -s 68M "$TEST_TMP/disk"
# a multiple of the file system's blocks, of a sector only
try "$TEST_TMP/disk" 1048576 bin/iomap4fs
try "$TEST_TMP/disk" $((1048576 + 63 * 512)) bin/iomap4fs
try "$JOB_DISK1" $((1048576 + 63 * 512)) bin/iomap4fs
# mount(8) makes the loop device itself
try "$TEST_TMP/disk" 2097152 mount -t iomap4fs
