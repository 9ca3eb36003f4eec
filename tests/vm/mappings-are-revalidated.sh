# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A mapping that went stale between the server's answer and its use is not used: a
# write does not take for unwritten what has been written meanwhile, writeback goes
# where the file is now, and the server is not asked to free what is being written to.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
start_puppet "$JOB_DISK1" "$m"
base=$((1 << 20))
expect_tell ok size 65536

await_log()
{
	wait_until 20 grep -q "$1" "$TEST_TMP/puppet.log" || fail "no \"$1\" in the server's log"
}

# at ADDR: the byte there, on the device
at()
{
	dd if="$JOB_DISK1" bs=4096 iflag=direct,skip_bytes skip="$1" count=1 status=none | head -c 1
}

# The answer to a write's question says unwritten. Before it is used, the block gets
# written by writeback and leaves memory.
fileop --byte=a write "$m/f" 0 4096 >/dev/null
expect_tell ok inval r 0 -1
expect_tell ok hold begin
fileop --byte=b write "$m/f" 100 100 >"$TEST_TMP/out" &
writer=$!
await_log '^held begin'
expect_op 0 fsync "$m/f"
await_log '^ioend 0 '
echo 1 >/proc/sys/vm/drop_caches
expect_tell ok release begin
wait $writer
expect_equal 100 "$(<"$TEST_TMP/out")" "the held write"
expect_equal "a:3996 b:100 " "$(head -c 4096 "$m/f" | fold -w 1 | sort | uniq -c | awk '{ printf "%s:%s ", $2, $1 }')" \
	"bytes of the first block"

# Writeback has a mapping of three dirty pages, and waits for the second page, which a
# store has locked. Then the server moves the third one's block.
expect_tell ok set r 0 65536 mapped
expect_tell ok inval r 0 -1
for i in 0 4 8; do
	fileop --byte=$i write "$m/f" $((i * 4096)) 4096 >/dev/null
done
expect_tell ok inval r 0 -1
: >"$TEST_TMP/puppet.log"
expect_tell ok hold begin
fileop --byte=s mwrite "$m/f" $((4 * 4096)) 10 >"$TEST_TMP/out" &
writer=$!
await_log '^held begin'
sync "$m/f" &
syncer=$!
await_log '^begin 0 .* 800$'
expect_tell ok set r 32768 4096 mapped $((base + 1048576))
expect_tell ok inval r 32768 4096
expect_tell ok release begin
wait $writer
wait $syncer
expect_equal 0s8 "$(at $base)$(at $((base + 16384)))$(at $((base + 1048576)))" "the pages on the device"
[ "$(at $((base + 32768)))" != 8 ] || fail "writeback went to the block's old place"

# Truncating waits for writeback that has its answer.
fileop --byte=z write "$m/f" 0 4096 >/dev/null
expect_tell ok inval r 0 -1
: >"$TEST_TMP/puppet.log"
expect_tell ok hold begin
sync "$m/f" &
syncer=$!
await_log '^held begin'
truncate -s 0 "$m/f" &
writer=$!
sleep 1
! grep -q '^setattr 0' "$TEST_TMP/puppet.log" || fail "blocks were freed under writeback"
expect_tell ok release begin
wait $syncer
wait $writer
await_log '^setattr 0'
expect_equal 0 "$(stat -c %s "$m/f")" "size"
stop_puppet "$m"
