# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 300
#
# A server that breaks each rule of the protocol in turn: callers get the errno
# that the rule says, the mount lives on, and the kernel logs little or nothing.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
[ -x bin/hostile_server ] || skip "hostile_server is not built"
m=$TEST_TMP/m
mkdir "$m"
at_exit umount_all "$m"
lines=$(dmesg | wc -l)
start=$EPOCHSECONDS

# lie CHECK [OPTION]...: run the server with the options, and the check against it.
lie()
{
	local check=$1 server status=0

	shift
	hostile_server "$@" "$JOB_DISK1" "$m" >"$TEST_TMP/log" 2>&1 &
	server=$!
	wait_until 20 mountpoint -q "$m" || fail "hostile_server does not mount: $(cat "$TEST_TMP/log")"
	hostile_server "$check" "$m" || status=$?
	expect_op 4096 read "$m/good" 0 4096
	umount "$m"
	wait_until 20 eval "! kill -0 $server 2>/dev/null" ||
		{ kill -KILL $server; fail "the server stays"; }
	[ $status -eq 0 ] || fail "hostile_server $check: status $status"
}
lie --check
# This one lets the kernel keep mappings, and gives several at once.
lie --check-kept --config keeps
# And this one tells what is before the place asked for, too.
lie --check-before --config keeps-before

lines=$(($(dmesg | wc -l) - lines))
# The kernel's rate limit is ten lines in five seconds, and one that says so; a few
# more are the page cache's about writes that could not be completed.
limit=$((((EPOCHSECONDS - start) / 5 + 1) * 11 + 5))
[ $lines -le $limit ] || fail "the kernel logged $lines lines, more than $limit"
