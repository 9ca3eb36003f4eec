#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# SIGTERM, once or many times, unmounts, and everything is where it belongs; also
# while programs write.  The exit status is 0.
. "$(dirname "$0")/lib.sh"

# start: serve $TMP/image in the foreground, as $server
start() {
	"$IOMAP4FS" "$TMP/image" "$MNT" -f -o iomap=off 2>"$TMP/err" &
	server=$!
	for _ in $(seq 300); do
		mountpoint -q "$MNT" && return
		sleep 0.1
	done
	fail "not mounted"
}

ended() {
	local status=0

	wait $server || status=$?
	[ $status = 0 ] || { cat "$TMP/err" >&2; fail "$1: status $status"; }
	mountpoint -q "$MNT" && fail "$1: still mounted"
	check_image "$TMP/image"
	return 0
}

make_image "$TMP/image" 128M -t ext4
start
cp -a /etc "$MNT/etc"
remember_tree
kill -TERM $server
ended "one SIGTERM"
kernel_sees_remembered "$TMP/image"

start
cp -a /etc "$MNT/etc2"
remember_tree
for _ in 1 2 3 4 5; do
	kill -TERM $server 2>/dev/null || break
done
ended "five SIGTERMs"
kernel_sees_remembered "$TMP/image"

# A SIGTERM after a SIGINT cuts nothing either; -m: a shell has its jobs ignore SIGINT
set -m
start
set +m
cp -a /etc "$MNT/etc3"
remember_tree
kill -INT $server
kill -TERM $server 2>/dev/null || :
ended "SIGINT and SIGTERM"
kernel_sees_remembered "$TMP/image"

# With a file open: the mount disappears from the tree at once, the file stays until it
# is closed, also with more signals.
start
exec 5>"$MNT/open"
echo one >&5
kill -TERM $server
for _ in $(seq 300); do
	mountpoint -q "$MNT" || break
	sleep 0.1
done
mountpoint -q "$MNT" && fail "in use: still mounted"
kill -TERM $server
sleep 0.3
echo two >&5 || fail "the open file is gone"
exec 5>&-
ended "in use"
mount_image "$TMP/image" ro
[ "$(cat "$MNT/open")" = "$(printf 'one\ntwo')" ] || fail "what was written last is lost"
unmount_image "$TMP/image"
