# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 120
#
# At the largest offsets that an extent can have, each call does what it does on kernel ext4: no
# block number wraps, nothing overlaps.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
a=$TEST_TMP/a b=$TEST_TMP/b

# both FILE OP ARGUMENT...: the same happens to the file in both
both()
{
	local file=$1 m

	shift
	for m in "$a" "$b"; do
		[ -e "$m/$file" ] || head -c 256K /usr/bin/perl >"$m/$file"
		fileop "$1" "$m/$file" "${@:2}" >"$TEST_TMP/result.${m##*/}" 2>&1 || :
	done
	expect_same_file "$TEST_TMP/result.b" "$TEST_TMP/result.a" "$type: $file: $*"
	[ "$1" = insert ] || same_size "$file" "$*"
}

# same_size FILE WHAT
same_size()
{
	local sizes

	sizes=$(stat -c %s "$a/$1" "$b/$1")
	[ "${sizes%$'\n'*}" = "${sizes#*$'\n'}" ] || fail "$type: $1: sizes after $2: $sizes"
}

# too_far FILE OFFSET LENGTH: an insertion is refused as kernel ext4 does, which leaves a larger
# size behind then
too_far()
{
	local size

	size=$(stat -c %s "$a/$1")
	both "$1" insert "$2" "$3"
	expect_op EINVAL insert "$a/$1" "$2" "$3"
	expect_equal "$size" "$(stat -c %s "$a/$1")" "$type: $1: size after it was refused"
	expect_op 0 truncate "$b/$1" "$size"
	# kernel ext4 takes this for the end of the space behind the file, too
	expect_op 0 truncate "$a/$1" "$size"
	both "$1" keepsize $far 16384
}

# begin MAX MKE2FS-ARGUMENT...: MAX is the size of the largest file, bytes
begin()
{
	max=$1
	shift
	wipefs -qa "$JOB_DISK1" "$JOB_DISK2"
	type="$*"
	mke2fs -q -F "$@" "$JOB_DISK1" 128M
	mke2fs -q -F "$@" "$JOB_DISK2" 128M
	mount_iomap4fs "$JOB_DISK1" "$a"
	mount_ext4 "$JOB_DISK2" "$b"
	both limit truncate "$max"
	expect_equal "$max" "$(stat -c %s "$b/limit")" "$type: the largest size"
	both limit truncate $((max + 1))
}

# end FILE...: they have the same contents in both
end()
{
	local file

	for file; do
		same_size "$file" "the end"
		expect_equal "$(filemap seek "$b/$file")" "$(filemap seek "$a/$file")" \
			"$type: $file: holes"
		cmp -n 1M "$b/$file" "$a/$file" || fail "$type: $file: bytes"
	done
	umount_iomap4fs "$a"
	umount "$b"
	check_clean "$JOB_DISK1"
}

ends_of_files()
{
	local bs=$1

	both last write $((max - bs)) "$bs"
	both last write $((max - 100)) 200
	both last write "$max" 1
	both last dwrite $((max / bs * bs - 2 * bs)) $((2 * bs))
	both last dwrite $((max / bs * bs)) "$bs"
	for at in 0 300000 $((max - 2 * bs)) $((max - 1)) "$max" $((max + bs)); do
		both last seekdata "$at"
		both last seekhole "$at"
	done
	both last read $((max - bs)) $((2 * bs))
	both last punch $((max - bs)) "$bs"
	both last punch $((max - 2 * bs)) $((4 * bs))
	both last append 100
	both last truncate $((max + 1))
	both last truncate "$max"
	both last append 100
	both last truncate 1000
	both cut truncate "$max"
	both cut mwrite $((max / 65536 * 65536 - 65536)) 4096
	both cut truncate 5000
	for len in "$bs" $((2 * bs)); do
		both kept keepsize $((max - bs)) "$len"
		both grown fallocate $((max - bs)) "$len"
		both zeroed zero $((max - bs)) "$len"
	done
}

begin $((0xffffffff * 4096)) -t ext4 -b 4096
ends_of_files 4096
far=$((0xfffffff0 * 4096))
# ends at block 0xfffffff4: 11 more fit
both wraps keepsize $far 16384
too_far wraps 0 131072
too_far wraps 0 49152
both wraps insert 0 45056
both wraps collapse 0 8192
both wraps insert 4096 8192
both long truncate $((max - 4096))
both long insert 0 8192
both long insert 4096 4096
both long insert 4096 4096
both long collapse 4096 $((max - 4096 - 1))
both long collapse 4096 $((max - 8192))
both long collapse 4096 4096
end last cut kept grown zeroed wraps long

# Files without extents end earlier. They come from before the file system had the feature.
type="ext4 with files without extents"
wipefs -qa "$JOB_DISK1"
mke2fs -q -F -t ext4 -b 1024 -O ^extents,^64bit "$JOB_DISK1" 128M
mount_ext4 "$JOB_DISK1" "$b"
for file in last cut kept grown zeroed; do
	head -c 256K /usr/bin/perl >"$b/$file"
done
umount "$b"
tune2fs -O extents "$JOB_DISK1" >"$TEST_TMP/said"
e2fsck -fy "$JOB_DISK1" >"$TEST_TMP/said" || [ $? -lt 4 ]
dd if="$JOB_DISK1" of="$JOB_DISK2" bs=1M count=128 conv=fsync status=none
max=$(((12 + 256 + 256 * 256 + 256 * 256 * 256) * 1024))
mount_iomap4fs "$JOB_DISK1" "$a"
mount_ext4 "$JOB_DISK2" "$b"
for at in 0 1024 $((max - 3072)); do
	both last punch "$at" $((max - at))
	both last punch "$at" $((max - at + 1))
	both last punch "$at" $((max + 1048576))
done
for at in "$max" $((max + 1024)) $((0xffffffff * 1024 - 4096)); do
	both last punch "$at" 4096
done
both last punch $((0xffffffff * 1024 - 4096)) 8192
both last truncate $max
both last punch $((max - 4096)) 8192
both last truncate 300000
both last punch 200000 $max
# not a matter of the place
for at in 0 $((max - 1024)) $((max + 1024)); do
	both kept keepsize "$at" 4096
	# beyond the end the server refuses the size first: EFBIG
	[ "$at" -gt "$max" ] || both grown fallocate "$at" 1024
	[ "$at" -gt "$max" ] || both zeroed zero "$at" 1024
done
both kept collapse 0 4096
both kept insert 0 4096
both cut write $((max - 1024)) 1024
both cut write $((max - 100)) 200
both cut write $max 1
both cut truncate $((max + 1))
both cut truncate 5000
end last cut kept grown zeroed
