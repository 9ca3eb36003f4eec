# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# INVAL_MAPPINGS is for what begins afterwards. A direct write that has begun goes on to the old
# place, and a server that wants to reuse that place waits for what only comes when no I/O is
# running: SETATTR of the size, or FALLOCATE.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
log=$TEST_TMP/puppet.log
base=$((1 << 20))
make_slow_device
start_puppet "$dm" "$m"
at_exit delay_writes 0
expect_tell ok size 65536
expect_tell ok set r 0 65536 mapped
dd if=/dev/zero of="$JOB_DISK1" bs=1M oflag=direct,seek_bytes seek=$base count=1 conv=notrunc status=none
expect_op 4096 dread "$m/f" 0 4096
# the first write takes set-id bits away; what follows runs beside reads
expect_op 4096 dwrite "$m/f" 8192 4096

# in_io PID: it waits for the device.
in_io()
{
	[ "$(awk '/^State/ { print $2 }' "/proc/$1/status")" = D ]
}

# byte_at ADDR: of the device
byte_at()
{
	dd if="$JOB_DISK1" bs=4096 count=1 iflag=direct,skip_bytes skip="$1" status=none | tr '\0' 0 | head -c 1
}

delay_writes 60000
: >"$log"
fileop dwrite "$m/f" 0 4096 >"$TEST_TMP/written" &
writer=$!
wait_until 20 in_io "$writer" || fail "no write is under way: $(<"$TEST_TMP/written")"
expect_tell ok set r 0 65536 mapped $((base + 65536))
expect_tell ok inval r 0 -1
kill -0 "$writer" || fail "the write has ended: $(<"$TEST_TMP/written")"
# what begins now asks, and is not kept waiting
expect_op 4096 dread "$m/f" 40960 4096
grep -q '^begin 40960 ' "$log" || fail "a read behind the invalidation has not asked"
fileop truncate "$m/f" 32768 >"$TEST_TMP/cut" &
cutter=$!
wait_until 20 in_io "$cutter" || fail "the truncation does not wait: $(<"$TEST_TMP/cut")"
! grep -q '^setattr' "$log" || fail "SETATTR came while a direct write was under way"
delay_writes 0
wait "$writer"
expect_equal 4096 "$(<"$TEST_TMP/written")" "the write"
wait "$cutter"
expect_equal 0 "$(<"$TEST_TMP/cut")" "the truncation"
grep -q '^setattr 32768 ' "$log" || fail "no SETATTR"
expect_equal w0 "$(byte_at $base)$(byte_at $((base + 65536)))" "the old place and the new one"
stop_puppet "$m"
