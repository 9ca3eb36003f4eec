# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A server hangs. A RELEASE, with the last reference to an inode, waits for it, and behind that
# the completion of the inode's data. Aborting the connection ends both.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
make_slow_device
start_puppet "$dm" "$m"
at_exit delay_writes 0
expect_tell ok size 0
dir=$(connection_dir "$m")

waiting()
{
	[ "$(cat "$dir/waiting")" -ge "$1" ]
}

ended()
{
	! kill -0 "$1" 2>/dev/null
}

delay_writes 60000
exec 7<>"$m/f"
head -c 65536 /dev/zero >&7
rm "$m/f"
expect_op 0 writeback /dev/fd/7
stop_server "$puppet_pid"
at_exit eval "kill -KILL $puppet_pid 2>/dev/null || :"
exec 7>&-
wait_until 20 waiting 1 || fail "no RELEASE waits for the server"
delay_writes 0
wait_until 20 waiting 2 || fail "no completion waits for the server"

bash -c 'echo 1 >"$0"' "$dir/abort" &
wait_until 20 ended $! || fail "the abort hangs"
kill -KILL "$puppet_pid"
wait "$puppet_pid" || :
exec 5>&- 6<&-
timeout 20 umount "$m" || fail "umount hangs"
