# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A server that wants it hears of a rename over another file when it has heard of all data of
# the renamed one; of other renames at once. Writeback of a file that was cut to nothing begins
# when a writer closes it, once. Neither keeps a task that is killed from ending, or anybody
# when the server is.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
log=$TEST_TMP/puppet.log
stop_flusher
puppet_options=(replace=1)
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size 0
expect_tell ok delalloc on

# rename2 FLAGS OLD NEW: print the errno's number; the server refuses all with EXDEV
rename2()
{
	perl -e 'my $r = syscall(316, -100, "$ARGV[1]", -100, "$ARGV[2]", $ARGV[0] + 0);
		print $r ? $! + 0 : 0' "$@"
}
EXDEV=18 EXCHANGE=2 ENOENT=2

dirty()
{
	expect_op 8192 write "$m/f" 0 8192
	: >"$log"
}

logged()
{
	grep -q "^$1" "$log"
}

# The server has the data on the device and knows of it, but its answer is late.
dirty
expect_tell ok hold ioend
rename2 0 "$m/f" "$m/q" >"$TEST_TMP/result" &
renamer=$!
wait_until 20 logged "held ioend" || fail "no IOEND before RENAME: $(<"$log")"
sleep 1
! logged rename || fail "RENAME before the answer to IOEND"
expect_tell ok release ioend
wait $renamer
expect_equal $EXDEV "$(<"$TEST_TMP/result")" "the rename"
expect_equal "rename f q 0" "$(tail -n 1 "$log")" "the last request"

: >"$log"
expect_equal $EXDEV "$(rename2 0 "$m/f" "$m/q")" "a rename of what is clean"
expect_equal "rename f q 0" "$(grep -v '^release' "$log")" "requests of a rename of what is clean"

# Renames that replace nothing, or nothing that is iomap's
for args in "$EXCHANGE f q" "0 f none" "0 q f"; do
	dirty
	read -r flags from to <<<"$args"
	expect_equal $EXDEV "$(rename2 "$flags" "$m/$from" "$m/$to")" "rename $args"
	expect_equal "rename $from $to $flags" "$(grep -v '^release' "$log")" "requests of rename $args"
done
expect_equal $ENOENT "$(rename2 0 "$m/none" "$m/f")" "a rename of nothing"

# It is too late to refuse what can't be written: that is fsync's business
sync "$m/f"
expect_op 4096 write "$m/f" 1048576 4096
expect_tell ok fail begin 28
expect_equal $EXDEV "$(rename2 0 "$m/f" "$m/q")" "a rename of what gets no space"
expect_op ENOSPC fsync "$m/f"
expect_op 0 fsync "$m/f"

# Cut to nothing
dirty
expect_op 8192 write "$m/f" 0 8192
! logged ioend || fail "written when closed, though nothing was cut"
expect_op 0 truncate "$m/f" 4096
expect_op 8192 write "$m/f" 0 8192
! logged ioend || fail "written when closed, though it was not cut to nothing"
expect_op 0 truncate "$m/f" 0
: >"$log"
: <"$m/f"
: >>"$m/f"
! logged begin || fail "there was nothing to write"
expect_op 8192 write "$m/f" 0 8192
wait_until 20 logged "ioend 0 8192" || fail "not written when closed: $(<"$log")"
sync "$m/f"
dirty
: >>"$m/f"
! logged ioend || fail "written again when closed"

# cutter: one who has cut and written it, and still has it open
start_cutter()
{
	rm -f "$TEST_TMP/ready"
	perl -e 'open(F, ">", $ARGV[0]) or die; syswrite(F, "x" x 8192); open(R, ">", $ARGV[1]); close(R); sleep(100)' \
		"$m/f" "$TEST_TMP/ready" &
	cutter=$!
	wait_until 20 [ -e "$TEST_TMP/ready" ] || fail "the file isn't written"
	: >"$log"
}

has_ended()
{
	! kill -0 "$1" 2>/dev/null
}

start_cutter
expect_tell ok hold begin
kill -KILL $cutter
wait_until 10 has_ended $cutter || fail "it waits for the server"
wait $cutter || :
wait_until 20 logged "held begin" || fail "not written for who was killed: $(<"$log")"
expect_tell ok release begin
wait_until 20 logged "ioend 0 8192" || fail "not written for who was killed: $(<"$log")"

# The server dies while somebody waits in a rename
start_cutter
expect_tell ok hold begin
rename2 0 "$m/f" "$m/q" >"$TEST_TMP/result" &
renamer=$!
wait_until 20 logged "held begin" || fail "no BEGIN before RENAME: $(<"$log")"
kill -KILL "$puppet_pid"
wait_until 10 has_ended $renamer || fail "the rename still waits for a server that is dead"
wait $renamer
[ "$(<"$TEST_TMP/result")" != 0 ] || fail "the rename succeeded without a server"
kill -KILL $cutter
wait_until 10 has_ended $cutter || fail "who has the file open can't end"
wait $cutter || :
wait "$puppet_pid" || :
umount "$m"
