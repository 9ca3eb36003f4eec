# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Direct I/O that may not wait (RWF_NOWAIT) sends no END, for which it would wait: where the server
# wants to hear of the end of each use it is EAGAIN.
. "$(dirname "$0")/lib.sh"

want_end=128
m=$TEST_TMP/m
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size 65536
dd if=/dev/zero of="$JOB_DISK1" bs=64K oflag=direct,seek_bytes seek=$((1 << 20)) count=1 conv=notrunc status=none

ends()
{
	request_count "$m" $IOMAP_END
}

# use WANT OP: at 4096
use()
{
	expect_op "$1" "$2" "$m/f" 4096 4096
}

expect_tell ok flags $want_end
expect_tell ok set r 0 65536 mapped
use 4096 dread
use 4096 dwrite
[ "$(ends)" -ge 2 ] || fail "END was sent $(ends) times"
before=$(ends)
use EAGAIN ndread
expect_equal "$before" "$(ends)" "ENDs of a read that may not wait"
# fileop writes at 0 before each try, in the usual way
use EAGAIN ndwrite
: >"$TEST_TMP/puppet.log"
use EAGAIN ndwrite
! grep -q '^end 4096 ' "$TEST_TMP/puppet.log" || fail "a write that may not wait has sent END"

# Without the wish it is done.
expect_tell ok flags 0
expect_tell ok set r 0 65536 mapped
expect_tell ok inval r 0 -1
use 4096 dwrite
use 4096 ndwrite
before=$(ends)
use 4096 ndread
expect_equal "$before" "$(ends)" "ENDs of a mapping without the wish"
stop_puppet "$m"
