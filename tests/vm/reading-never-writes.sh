# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Space that the server calls new has no old contents: whoever reads it gets zeroes,
# however it is read, and nothing is written to the device for that; it may have been
# registered for reading only.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m f=$TEST_TMP/m/f
base=$((1 << 20))
start_puppet "$JOB_DISK1" "$m"
head -c 8192 /dev/zero | tr '\0' o | dd of="$JOB_DISK1" bs=4096 oflag=direct,seek_bytes seek=$base status=none
expect_tell ok size 8192
expect_tell ok set r 0 8192 fresh
zeroes=$(head -c 512 /dev/zero | tr '\0' . )
expect_equal "$zeroes" "$(dd if="$f" bs=512 skip=1 count=1 iflag=direct status=none | tr '\0' .)" "read direct"
expect_equal "$zeroes" "$(dd if="$f" bs=512 skip=9 count=1 status=none | tr '\0' .)" "read by the page cache"
expect_equal 8192 "$(dd if="$JOB_DISK1" bs=8192 count=1 iflag=direct,skip_bytes skip=$base status=none | tr -dc o | wc -c)" \
	"bytes on the device as they were"
# writing part of a new block makes zeroes of the rest
expect_op 512 dwrite "$f" 512 512
expect_equal 3584 "$(dd if="$JOB_DISK1" bs=4096 count=1 iflag=direct,skip_bytes skip=$base status=none | tr -dc '\0' | wc -c)" \
	"zeroes around what was written"
stop_puppet "$m"
