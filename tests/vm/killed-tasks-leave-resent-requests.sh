# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A task that is killed need not wait for the answer to its BEGIN: not while the
# server works on it, and not when the server has had it queued again and reads
# nothing any more. The answer that comes later is for nobody.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
start_puppet "$JOB_DISK1" "$m"

# reader: one that waits for the answer to a BEGIN that the server has read
start_reader()
{
	expect_tell ok hold begin
	fileop dread "$m/f" "$1" 4096 >/dev/null &
	reader=$!
	wait_until 10 grep -q "^held begin" "$TEST_TMP/puppet.log" || fail "no BEGIN"
}

kill_reader()
{
	kill -KILL $reader
	wait_until 10 eval "! kill -0 $reader 2>/dev/null" || fail "$1: the reader is still there"
	wait $reader || :
}

start_reader 0
kill_reader "the server works on it"
expect_tell ok release begin
: >"$TEST_TMP/puppet.log"

start_reader 65536
kill -STOP "$puppet_pid"
at_exit eval "kill -CONT $puppet_pid 2>/dev/null || :"
resend "$puppet_pid"
kill_reader "it is queued again"
kill -CONT "$puppet_pid"
expect_tell ok release begin
expect_op 4096 dread "$m/f" 131072 4096
stop_puppet "$m"
