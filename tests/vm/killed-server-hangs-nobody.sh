# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 240
#
# The server is killed with -9 in the middle of I/O of all kinds: each process
# gets an error and ends, new callers get errors, umount works, the device can be
# mounted again, and e2fsck can make it clean.
. "$(dirname "$0")/lib.sh"

need_iomap4fs
m=$TEST_TMP/m
for round in 1 2 3; do
	make_ext4 "$JOB_DISK1"
	mount_iomap4fs "$JOB_DISK1" "$m"
	server=$(server_pids)
	cp /usr/bin/perl "$m/synced"
	sync "$m/synced"
	sync -f "$m"
	hammer "$m" 30 >"$TEST_TMP/hammer" 2>&1 &
	hammer=$!
	wait_until 60 grep -q '^ready' "$TEST_TMP/hammer" || fail "no start: $(cat "$TEST_TMP/hammer")"
	sleep "$((round - 1)).$((round * 3))"
	kill -KILL "$server"
	killed=$EPOCHSECONDS
	wait $hammer || fail "$(grep hung "$TEST_TMP/hammer")"
	[ $((EPOCHSECONDS - killed)) -le 25 ] || fail "it took $((EPOCHSECONDS - killed)) s"
	grep -v '^ready' "$TEST_TMP/hammer"
	for kind in read write direct map size names; do
		grep -qE "^$kind [0-9]+ (ENOTCONN|EIO|ECONNABORTED|EFAULT|EROFS)$" "$TEST_TMP/hammer" ||
			fail "$kind: $(grep "^$kind" "$TEST_TMP/hammer")"
	done
	expect_fail timeout 10 ls "$m" >/dev/null 2>&1
	expect_fail timeout 10 cat "$m/synced" >/dev/null 2>&1
	timeout 20 umount "$m" || fail "umount fails"
	wait_until 10 no_server
	status=0
	e2fsck -fy "$JOB_DISK1" >"$TEST_TMP/e2fsck" 2>&1 || status=$?
	[ $status -le 1 ] || fail "e2fsck -fy: $(cat "$TEST_TMP/e2fsck")"
	mount_ext4 "$JOB_DISK1" "$m" ro
	cmp /usr/bin/perl "$m/synced"
	umount "$m"
done
