# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The page cache holds files in large folios, both what is written and what is
# read ahead; what an operation changes in the midst of one is what the file
# then holds, in memory and on the device.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
[ -d /sys/kernel/mm/transparent_hugepage ] || skip "this kernel has no large folios"
m=$TEST_TMP/m f=$TEST_TMP/m/f plain=$TEST_TMP/plain
tracing=/sys/kernel/tracing
event=$tracing/events/filemap/mm_filemap_add_to_page_cache

# largest_order FILE COMMAND [ARG]...: the largest order of the folios that enter
# the page cache of the file while the command runs.
largest_order()
{
	local ino

	ino=$(printf '%x' "$(stat -c %i "$1")")
	shift
	echo >$tracing/trace
	echo 1 >$event/enable
	"$@"
	echo 0 >$event/enable
	sed -n "s/.* ino $ino .* order=\([0-9]*\)$/\1/p" $tracing/trace | sort -n | tail -n 1
}

# both OP [ARG]...: the same system call on our file and on a plain one; afterwards
# they are the same, in memory and on the device.
both()
{
	local op=$1

	shift
	expect_equal "$(fileop "$op" "$plain" "$@")" "$(fileop "$op" "$f" "$@")" "$op $*"
	cmp "$f" "$plain" || fail "differs in memory after: $op $*"
	sync -d "$f"
	dd if="$f" of="$TEST_TMP/direct" bs=1M iflag=direct status=none
	cmp "$TEST_TMP/direct" "$plain" || fail "differs on the device after: $op $*"
}

at_exit eval "echo 0 >$event/enable; echo >$tracing/trace"
make_ext4 "$JOB_DISK1"
mount_iomap4fs "$JOB_DISK1" "$m"
: >"$f"
order=$(largest_order "$f" dd if=/dev/urandom of="$f" bs=1M count=4 conv=notrunc status=none)
[ "${order:-0}" -ge 4 ] || fail "1 MiB writes have folios of order '$order' at most"
sync -d "$f"
cp "$f" "$plain"
umount_iomap4fs "$m"
mount_iomap4fs "$JOB_DISK1" "$m"
order=$(largest_order "$f" cmp "$f" "$plain")
[ "${order:-0}" -ge 4 ] || fail "reading ahead has folios of order '$order' at most"
expect_equal 0 "$(request_count "$m" $FUSE_READ)" "READ requests"

# into the midst of large folios, clean and dirty, at the edges of pages and not
both mwrite 1000000 5000
both write 1100000 1
both punch 1400000 300000
both punch $((1 << 20)) 4096
both zero 2000001 99999
both dwrite $((5 << 18)) 65536
both truncate 3500001
both truncate 4000000
both fallocate 3900000 400000
both mwrite 4100000 100000
both collapse $((1 << 20)) 12288
both insert $((1 << 20)) 4096
both truncate 1100001
# a store through a mapping into folios that were read ahead from a hole
rm "$f" "$plain"
truncate -s 2M "$f" "$plain"
cmp "$f" "$plain"
both mwrite 700000 1
both write 1000001 1
both punch 690000 30000
both truncate 1000000
umount_iomap4fs "$m"
check_clean "$JOB_DISK1"
