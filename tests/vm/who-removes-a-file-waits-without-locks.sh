# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A task that has removed a file waits until the server has forgotten it (IOMAP_FORGET). It holds no
# lock meanwhile, and it can be killed. The count of references arrives exactly once, whatever
# ends the wait.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
log=$TEST_TMP/puppet.log
new_ino=1000005

# expect_forgotten NUMBER WHAT: so often, by IOMAP_FORGET and not by FORGET
expect_forgotten()
{
	expect_equal "$1" "$(grep -c "^iomap_forget $new_ino 1$" "$log")" "IOMAP_FORGETs, $2"
	! grep '^forget new' "$log" || fail "FORGET was sent, too, $2"
}

# begin_rm: its FORGET has arrived and is not answered
begin_rm()
{
	: >"$m/new"
	expect_tell ok hold forget
	: >"$log"
	rm "$m/new" &
	rm_pid=$!
	wait_until 20 grep -q '^held forget' "$log" || fail "IOMAP_FORGET was not sent: $(<"$log")"
	kill -0 $rm_pid || fail "rm has not waited"
}

end_rm()
{
	expect_tell ok release forget
	wait $rm_pid || fail "rm failed"
	expect_forgotten 1 "$1"
}

# In the drain of requests, which comes before DESTROY: the mount is in no table any more
umount_is_waiting()
{
	! mountpoint -q "$m" && kill -0 $umount_pid
}

# A RELEASE that is not answered yet has the inode in use
puppet_options=(forget=1 freeze=1 noopen=1)
start_puppet "$JOB_DISK1" "$m" 0 idmap

begin_rm
# the directory isn't locked, and nothing keeps the file system from being frozen
mkdir "$m/newdir"
timeout 20 fsfreeze -f "$m" || fail "who waits holds up a freeze"
fsfreeze -u "$m"
timeout 20 sync -f "$m" || fail "who waits holds up syncfs"
end_rm "rm that waited"

begin_rm
kill -KILL $rm_pid
wait_until 20 process_is_gone $rm_pid || fail "rm survives SIGKILL"
! wait $rm_pid || fail "rm was not killed"
expect_tell ok release forget
expect_forgotten 1 "rm that was killed"

# Who has not to wait, does not: the file has another user
: >"$m/new"
exec 7<"$m/new"
: >"$log"
timeout 20 rm "$m/new" || fail "rm waits for another user of the file"
! grep -q 'forget' "$log" || fail "a file in use is forgotten"
exec 7<&-

# An error of the server ends the wait, and is nobody's
: >"$m/new"
: >"$log"
expect_tell ok fail forget EIO
rm "$m/new"
expect_forgotten 1 "an error of the server"

# umount waits for the answer, as for any
begin_rm
umount "$m" &
umount_pid=$!
wait_until 20 umount_is_waiting || fail "umount does not wait for the answer"
# the server may end before it says "ok"
echo "release forget" >&5
wait $rm_pid || fail "rm failed"
expect_forgotten 1 "an unmount"
wait $umount_pid || fail "umount failed"
wait $puppet_pid || :
exec 5>&- 6<&-

# The end of the connection ends the wait
for how in abort kill; do
	rm "$TEST_TMP"/puppet.*
	start_puppet "$JOB_DISK1" "$m" 0 idmap
	begin_rm
	if [ $how = abort ]; then
		echo 1 >"$(connection_dir "$m")/abort"
		# its thread is still at it
		echo "release forget" >&5
	else
		kill -KILL "$puppet_pid"
	fi
	wait_until 20 process_is_gone $rm_pid || fail "rm survives the connection: $how"
	wait $rm_pid || fail "the file was removed, but rm failed: $how"
	exec 5>&- 6<&-
	umount "$m"
	wait "$puppet_pid" || :
done
