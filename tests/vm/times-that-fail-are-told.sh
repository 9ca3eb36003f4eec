# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Times are told when nobody waits for them, as by sync(2). If the server fails to take
# them, the next fsync says so, once; what it may take another time is told again.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m f=$TEST_TMP/m/f
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size 8192
expect_tell ok set r 0 8192 mapped

setattrs()
{
	request_count "$m" 4
}

# dirty: times that the server hasn't been told of
dirty()
{
	expect_op 4096 write "$f" 0 4096
	expect_op 0 fsync "$f"
	expect_op 4096 write "$f" 0 4096
	before=$(setattrs)
}

dirty
expect_tell ok fail times 5
sync
expect_equal $((before + 1)) "$(setattrs)" "SETATTRs by sync"
expect_op EIO fsync "$f"
expect_op 0 fsync "$f"

# ENOMEM: by the flusher, which has nobody to tell, or by sync
dirty
expect_tell ok fail times 12
sync
fileop fsync "$f" || :
expect_op 0 fsync "$f"
expect_equal $((before + 2)) "$(setattrs)" "SETATTRs for times that were not taken at first"
stop_puppet "$m"
