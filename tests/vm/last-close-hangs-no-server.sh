# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A deleted file is closed while its data is being written. The answer to RELEASE gives back the
# last reference to the inode, and the server goes on at once: its only thread can answer the
# completion, and it can be killed.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
log=$TEST_TMP/puppet.log
make_slow_device

# close_deleted: the file is written, deleted and closed, and its writes are still under way.
close_deleted()
{
	delay_writes 60000
	exec 7<>"$m/f"
	head -c 65536 /dev/zero >&7
	rm "$m/f"
	expect_op 0 writeback /dev/fd/7
	: >"$log"
	# its answer comes when nobody else has the inode
	stop_server "$puppet_pid"
	exec 7>&-
	kill -CONT "$puppet_pid"
	wait_until 20 grep -q '^release' "$log" || fail "no RELEASE: $(<"$log")"
}

# One thread, which has to answer RELEASE and then the completion
puppet_options=(threads=1)
start_puppet "$dm" "$m"
at_exit delay_writes 0
expect_tell ok size 0
close_deleted
# Only a server whose write(2) has returned answers this.
timeout 20 stat "$m/q" >/dev/null || fail "the server hangs in its answer to RELEASE"
! grep -q '^ioend' "$log" || fail "the data was on the device too early"
delay_writes 0
wait_until 20 grep -q '^ioend' "$log" || fail "no completion: $(<"$log")"
# The inode has gone with its data: the name is looked up and gives a new one.
stop_puppet "$m"

# A server that is killed at that moment
rm "$TEST_TMP"/puppet.*
puppet_options=(threads=4)
start_puppet "$dm" "$m"
expect_tell ok size 0
close_deleted
kill -KILL "$puppet_pid"
delay_writes 0
wait_until 20 process_is_gone "$puppet_pid" || fail "the server survives SIGKILL"
exec 5>&- 6<&-
timeout 20 umount "$m" || fail "umount hangs"
