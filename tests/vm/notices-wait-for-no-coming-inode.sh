# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The kernel asks for the attributes of a file that it is bringing into memory, because the answer
# to LOOKUP may be old. A server that tells something about that file meanwhile, before it answers,
# is not kept waiting for its own answer.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m log=$TEST_TMP/puppet.log
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size 4096
stat "$m/f" >/dev/null

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
expect_tell ok hold getattr
expect_tell ok release lookup
wait_until 30 grep '^held getattr' "$log" >/dev/null || fail "no GETATTR: $(cat "$log")"

# INVAL_INODE: inode, first byte (-1: no pages), bytes
echo message 2 24 2 0 0xffffffff 0xffffffff 0 0 >&5
answer=none
read -r -t 20 answer <&6 || :
abort_puppet()
{
	echo 1 >"/sys/fs/fuseiomap/connections/$(mountpoint -d "$m" | cut -d: -f2)/abort" || :
}
[ "$answer" != none ] || {
	umount -f "$m" 2>/dev/null || abort_puppet
	fail "the notification waits for the server"
}
expect_equal ENOENT "$answer" "INVAL_INODE of an inode that is not in memory yet"
expect_tell ok release getattr
wait $looker
expect_equal 12288 "$(cat "$TEST_TMP/size")" "size"
stop_puppet "$m"
