# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A server tells that a name has gone (INVAL_ENTRY, DELETE) or an inode has changed
# (INVAL_INODE), while data of the file is being written, which only the server can complete.
# A name that goes waits for no data. A wait for data ends when the server is killed.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
make_slow_device
start_puppet "$dm" "$m"
at_exit delay_writes 0
expect_tell ok size 0

# begin_writing BYTE: 64 KiB of the file are on their way to the device.
begin_writing()
{
	delay_writes 60000
	expect_op 65536 "--byte=$1" write "$m/f" 0 65536
	expect_op 0 writeback "$m/f"
}

# The messages: parent, child, length of the name, flags, name
begin_writing a
expect_tell ok message 3 18 1 0 1 0 0x66
expect_equal 65536 "$(stat -c %s "$m/f")" "the size of the file that is found again"
expect_tell ok message 6 26 1 0 2 0 1 0 0x66
expect_tell ENOENT message 6 26 1 0 2 0 1 0 0x66
! grep -q '^ioend' "$TEST_TMP/puppet.log" || fail "the data was on the device too early"
delay_writes 0
wait_until 20 grep -q '^ioend' "$TEST_TMP/puppet.log" || fail "no completion"

# inode, first byte, bytes; this one waits, and no answer comes before the server is killed
begin_writing b
echo message 2 24 2 0 0 0 0 0 >&5
if read -r -t 1 answer <&6; then
	fail "INVAL_INODE has not waited for the data: $answer"
fi
kill -KILL "$puppet_pid"
wait_until 20 process_is_gone "$puppet_pid" || fail "the server survives SIGKILL: $(cat /proc/"$puppet_pid"/task/*/stack)"
delay_writes 0
exec 5>&- 6<&-
timeout 20 umount "$m" || fail "umount hangs"
