# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A buffered read that may not wait (RWF_NOWAIT), of pages that are not in memory, is
# EAGAIN and asks the server nothing: it hangs on no server that does not answer.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size 1048576
expect_tell ok set r 0 1048576 mapped
expect_op 0 open "$m/f"
expect_op EAGAIN nread "$m/f" 65536 4096
expect_equal 0 "$(request_count "$m" $IOMAP_BEGIN)" "BEGIN requests"
expect_equal 4096 "$(fileop read "$m/f" 65536 4096 | cut -d' ' -f1)" "bytes read by waiting"
expect_equal 4096 "$(fileop nread "$m/f" 65536 4096 | cut -d' ' -f1)" "bytes read then"
stop_puppet "$m"
