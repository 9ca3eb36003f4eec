#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Exit statuses are those of mount(8): 1 wrong usage, 2 the machine lacks something,
# 8 interrupted, 32 the mount failed.
. "$(dirname "$0")/lib.sh"

# status WANT ARGUMENT...
status() {
	local want=$1 got=0

	shift
	"$@" >"$TMP/out" 2>&1 || got=$?
	[ $got = "$want" ] || {
		cat "$TMP/out" >&2
		fail "status $got, not $want: $*"
	}
}

make_image "$TMP/image" 64M -t ext4
status 0 "$IOMAP4FS" --help
grep -- '-o offset=N' "$TMP/out" >/dev/null || fail "--help"
status 0 "$IOMAP4FS" --version
status 1 "$IOMAP4FS"
status 1 "$IOMAP4FS" "$TMP/image"
status 1 "$IOMAP4FS" --frobnicate "$TMP/image" "$MNT"
status 1 "$IOMAP4FS" "$TMP/image" "$MNT" -o iomap=off,frobnicate
status 32 "$IOMAP4FS" "$TMP/image" "$MNT" -o remount,ro
grep 'is not a mount of iomap4fs' "$TMP/out" >/dev/null || fail "remount: $(cat "$TMP/out")"
status 32 "$IOMAP4FS" "$TMP/none" "$MNT" -o iomap=off
# what can only be read, when writing is insisted on; else it is read
make_image "$TMP/read" 32M -t ext2 -O ^resize_inode
debugfs -w -R "ssv feature_ro_compat 0x4001" "$TMP/read" >/dev/null 2>&1
status 32 "$IOMAP4FS" "$TMP/read" "$MNT" -o iomap=off,rw
status 32 "$IOMAP4FS" -w "$TMP/read" "$MNT" -o iomap=off
status 0 "$IOMAP4FS" "$TMP/read" "$MNT" -o iomap=off
unmount_image "$TMP/read"
status 32 "$IOMAP4FS" "$TMP/image" "$TMP/none" -o iomap=off

# not enough descriptors to start with
status 2 bash -c 'ulimit -n 4; exec "$@"' - "$IOMAP4FS" "$TMP/image" "$MNT" -o iomap=off

# Interrupted: the image lies on a mount whose server doesn't answer for a while.
make_image "$TMP/outer" 200M -t ext4
mkdir "$TMP/below"
"$IOMAP4FS" "$TMP/outer" "$TMP/below" -f -o iomap=off 2>/dev/null &
outer=$!
at_end() {
	kill -CONT $outer 2>/dev/null
	mountpoint -q "$TMP/below" && umount -l "$TMP/below"
}
for _ in $(seq 300); do
	mountpoint -q "$TMP/below" && break
	sleep 0.1
done
cp "$TMP/image" "$TMP/below/image"
for arguments in "" -f; do
	for signal in TERM INT HUP; do
		got=0
		stat "$TMP/below/image" >/dev/null
		# of what is cached nobody has to be asked
		dd if="$TMP/below/image" iflag=nocache count=0 status=none
		kill -STOP $outer
		# set -m: a shell has its background jobs ignore SIGINT; nohup(1) ignores SIGHUP
		set -m
		# shellcheck disable=SC2086 # no argument if empty
		env --default-signal=TERM,INT,HUP "$IOMAP4FS" "$TMP/below/image" "$MNT" -o iomap=off \
			$arguments 2>"$TMP/err" &
		pid=$!
		set +m
		sleep 1
		kill -$signal $pid
		sleep 0.2
		kill -CONT $outer
		wait $pid || got=$?
		[ $got = 8 ] || { cat "$TMP/err" >&2; fail "SIG$signal $arguments: status $got"; }
		# by the process in the background, maybe when the other has ended
		for _ in $(seq 100); do
			grep interrupted "$TMP/err" >/dev/null && break
			sleep 0.1
		done
		grep interrupted "$TMP/err" >/dev/null || fail "nothing is said: $(cat "$TMP/err")"
		mountpoint -q "$MNT" && fail "SIG$signal $arguments: mounted"
	done
done
cmp "$TMP/image" "$TMP/below/image" || fail "the image changed"
umount "$TMP/below"
# not wait: that may tell of a stop long ago
flock -w 120 "$TMP/outer" true || fail "the outer server did not end"
