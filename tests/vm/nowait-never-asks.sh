# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# I/O that may not wait (RWF_NOWAIT) is done where the kernel knows where the bytes are,
# and is EAGAIN, without a question to the server, where it doesn't.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
base=$((1 << 20))
high=$((512 << 10))
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size $((2 * high))
expect_tell ok set r 0 $((2 * high)) mapped
dd if=/dev/zero of="$JOB_DISK1" bs=1M oflag=direct,seek_bytes seek=$base count=1 conv=notrunc status=none

begins()
{
	request_count "$m" $IOMAP_BEGIN
}

# nowait WANT OP OFFSET: nothing is asked whatever comes of it
nowait()
{
	local before

	before=$(begins)
	expect_op "$1" "$2" "$m/f" "$3" 4096
	expect_equal "$before" "$(begins)" "BEGIN requests of $2 at $3"
}

# All is known; then only the lower half is.
expect_op 4096 dread "$m/f" 0 4096
expect_op 4096 dwrite "$m/f" 0 4096
nowait 4096 ndread $high
nowait 4096 ndwrite $high
sync "$m/f"
echo 1 >/proc/sys/vm/drop_caches
expect_tell ok inval r $high -1
nowait 4096 ndread 4096
nowait EAGAIN ndread $high
nowait 4096 ndwrite 4096
nowait EAGAIN ndwrite $((high + 4096))

# Pages that are there need no mapping.
expect_op 4096 read "$m/f" 8192 4096
expect_op 4096 read "$m/f" $high 4096
expect_tell ok inval r 0 -1
nowait 4096 nread 8192
nowait 4096 nread $high

# The bytes are where they belong.
for at in 4096 $high; do
	expect_equal 4096 "$(dd if="$JOB_DISK1" bs=4096 count=1 iflag=direct,skip_bytes skip=$((base + at)) \
		status=none | tr -cd w | wc -c)" "bytes written at $at"
done
# To the end and not further
expect_op 4096 dwrite "$m/f" 0 4096
nowait EAGAIN ndwrite $((2 * high + 4096))
expect_equal $((2 * high)) "$(stat -c %s "$m/f")" "the file's size"
stop_puppet "$m"
