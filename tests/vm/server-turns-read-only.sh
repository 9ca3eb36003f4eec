# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A server that has agreed to do so may turn the mount read-only, once and for all: at once, or
# when those are ready who are busy with the mount; nothing but that happens, whatever it
# does afterwards.
. "$(dirname "$0")/lib.sh"

m=$TEST_TMP/m
READ_ONLY=1001

# shown WANT [DIR]: in the mount table
shown()
{
	[ "$(findmnt -no OPTIONS "${2:-$m}" | cut -d, -f1)" = "$1" ]
}

expect_shown()
{
	shown "$@" || fail "expected $1, the mount table says: $(findmnt -no OPTIONS "${2:-$m}")"
}

expect_ended()
{
	exec 5>&- 6<&-
	wait "$puppet_pid" || fail "the server failed"
	rm "$TEST_TMP/puppet.in" "$TEST_TMP/puppet.out"
}

# Who hasn't agreed is refused.
start_puppet "$JOB_DISK1" "$m"
expect_tell EOPNOTSUPP message $READ_ONLY 8
expect_shown rw
umount "$m"
expect_ended

puppet_options=(readonly=1 freeze=1)
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size 65536
expect_tell ok set r 0 65536 mapped
for size in 0 4 12 16; do
	expect_tell EINVAL message $READ_ONLY $size
done
expect_tell EINVAL message $READ_ONLY 8 1
expect_tell EINVAL message $READ_ONLY 8 0 1
expect_shown rw
expect_op 4096 write "$m/f" 0 4096

# With one file open for writing, one to be written back, and two mounts of it
mkdir "$TEST_TMP/other"
mount --bind "$m" "$TEST_TMP/other"
at_exit umount_all "$TEST_TMP/other"
exec 7<>"$m/f"
expect_tell ok message $READ_ONLY 8
expect_shown ro
expect_shown ro "$TEST_TMP/other"
expect_tell ok message $READ_ONLY 8
expect_tell EINVAL message $READ_ONLY 8 1
expect_op EROFS write "$m/f" 0 4096
expect_op EROFS write "$TEST_TMP/other/f" 0 4096
expect_fail touch "$m/new" 2>/dev/null
expect_op 4096 read "$m/f" 0 4096
umount "$TEST_TMP/other"

# Whoever syncs is told that it is for nothing.
expect_fail sync -f "$m" 2>"$TEST_TMP/err"
grep "Input/output error" "$TEST_TMP/err" >/dev/null || fail "sync -f: $(<"$TEST_TMP/err")"

# There is no way back.
expect_fail mount -i -o remount,rw "$m" 2>/dev/null
expect_shown ro
mount -i -o remount,ro "$m"
mount -i -o remount,bind,nosuid "$m"
expect_fail mount -i -o remount,rw "$m" 2>/dev/null
expect_shown ro
fsfreeze -f "$m"
fsfreeze -u "$m"
exec 7>&-
umount "$m"
expect_ended

# Dirty pages that are never written any more
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size 65536
expect_tell ok set r 0 65536 mapped
expect_op 4096 write "$m/f" 0 4096
expect_tell ok message $READ_ONLY 8
expect_shown ro
umount "$m"
expect_ended

# Frozen: when it is thawed, and those who wait to write hear of it.
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size 65536
expect_tell ok set r 0 65536 mapped
expect_op 4096 write "$m/f" 0 4096
fsfreeze -f "$m"
at_exit eval "! mountpoint -q $m || fsfreeze -u $m 2>/dev/null || :"
expect_tell ok message $READ_ONLY 8
expect_shown rw
touch "$m/f" 2>"$TEST_TMP/err" &
writer=$!
sleep 1
expect_shown rw
fsfreeze -u "$m"
wait_until 10 shown ro || fail "thawed, but it is not read-only"
wait "$writer" || :
expect_op EROFS write "$m/f" 0 4096
umount "$m"
expect_ended

# While it is unmounted: that waits for the server, who doesn't wait for it.
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size 65536
expect_tell ok set r 0 65536 unwritten
expect_op 4096 write "$m/f" 0 4096
expect_tell ok hold ioend
umount "$m" &
unmounting=$!
sleep 1
expect_tell ok message $READ_ONLY 8
# no time for an answer: it ends with the mount
echo release ioend >&5
wait "$unmounting" || fail "umount"
expect_ended

# While it is synced, too
start_puppet "$JOB_DISK1" "$m"
expect_tell ok size 65536
expect_tell ok set r 0 65536 unwritten
expect_op 4096 write "$m/f" 0 4096
expect_tell ok hold ioend
sync -f "$m" &
syncing=$!
sleep 1
expect_tell ok message $READ_ONLY 8
expect_tell ok release ioend
wait "$syncing" || :
wait_until 10 shown ro || fail "synced, but it is not read-only"
umount "$m"
expect_ended

# While others freeze, thaw and remount it all the time
unrest()
{
	while [ ! -e "$TEST_TMP/stop" ]; do
		mount -i -o remount,rw "$m" 2>/dev/null || :
		fsfreeze -f "$m" 2>/dev/null || :
		fsfreeze -u "$m" 2>/dev/null || :
		mount -i -o remount,ro "$m" 2>/dev/null || :
		touch "$m/f" 2>/dev/null || :
	done
	fsfreeze -u "$m" 2>/dev/null || :
}
at_exit touch "$TEST_TMP/stop"
for round in 1 2 3 4; do
	rm -f "$TEST_TMP/stop"
	start_puppet "$JOB_DISK1" "$m"
	unrest &
	unrest=($!)
	unrest &
	unrest+=($!)
	sleep "0.$round"
	expect_tell ok message $READ_ONLY 8
	wait_until 10 shown ro || fail "round $round: not read-only"
	sleep 0.3
	shown ro || fail "round $round: not read-only any more"
	touch "$TEST_TMP/stop"
	wait "${unrest[@]}"
	shown ro || fail "round $round: not read-only at the end"
	# it is not frozen: whatever is refused is so at once
	expect_op EROFS write "$m/f" 0 4096
	umount "$m"
	expect_ended
done

# The server dies first.
start_puppet "$JOB_DISK1" "$m"
expect_tell ok message $READ_ONLY 8
expect_shown ro
kill -9 "$puppet_pid"
wait "$puppet_pid" 2>/dev/null || :
expect_shown ro
umount "$m"
exec 5>&- 6<&-
