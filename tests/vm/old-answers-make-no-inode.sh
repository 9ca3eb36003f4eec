# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# While a LOOKUP is on its way, the file is made longer under another name and leaves memory.
# The answer, which is older than that, doesn't bring the old size back.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m log=$TEST_TMP/puppet.log
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size 4096
expect_equal 4096 "$(stat -c %s "$m/f")" "size at first"

expect_tell ok hold lookup
stat -c %s "$m/f2" >"$TEST_TMP/size" &
looker=$!
wait_until 30 grep '^held lookup' "$log" >/dev/null || fail "no LOOKUP: $(cat "$log")"
expect_op 8192 append "$m/f" 0 8192
sync "$m/f"
evicted()
{
	echo 3 >/proc/sys/vm/drop_caches
	grep '^forget' "$log" >/dev/null
}
wait_until 60 evicted || fail "the file stays in memory"
expect_tell ok release lookup
wait $looker
expect_equal 12288 "$(cat "$TEST_TMP/size")" "size, as the LOOKUP says"

: >"$log"
expect_op 4096 append "$m/f2" 0 4096
sync "$m/f2"
grep '^ioend 12288 4096' "$log" >/dev/null || fail "the append went elsewhere: $(cat "$log")"
stop_puppet "$m"
