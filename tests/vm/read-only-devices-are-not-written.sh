# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A device is set read-only while a mount uses it: nothing is written to it any more, whoever
# writes is told, and reads go on. Set back, it is written again.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
at_exit blockdev --setrw "$JOB_DISK1"
stop_flusher
start_puppet "$JOB_DISK1" "$m"
expect_tell ok set r 0 65536 mapped
expect_tell ok set r 65536 65536 unwritten
expect_op 4096 --byte=a dwrite "$m/f" 0 4096
expect_op 4096 dread "$m/f" 65536 4096
expect_op 0 fsync "$m/f"
# in the page cache when the device changes
expect_op 4096 --byte=b write "$m/f" 4096 4096

contents()
{
	dd if="$JOB_DISK1" iflag=direct bs=4096 skip=256 count=32 status=none | sha256sum
}

before=$(contents)
blockdev --setro "$JOB_DISK1"
expect_op EROFS fsync "$m/f"
expect_op EROFS dwrite "$m/f" 0 4096
expect_op EROFS dwrite "$m/f" 65536 4096
expect_op EROFS write "$m/f" 8192 4096
expect_op EFAULT mwrite "$m/f" 12288 4096
expect_equal "4096 $(fileop dread "$m/f" 0 4096 | cut -d' ' -f2)" "$(fileop read "$m/f" 0 4096)" "what is read"
expect_equal "$before" "$(contents)" "the device"

blockdev --setrw "$JOB_DISK1"
expect_op 4096 --byte=c dwrite "$m/f" 0 4096
expect_op 4096 swrite "$m/f" 4096 4096
[ "$before" != "$(contents)" ] || fail "nothing is written to a device that can be written again"
stop_puppet "$m"
