#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A mount that works says nothing on stderr, as with kernel ext4: scripts compare what commands
# say. A terminal is told, and so is everybody of what is an error or another result.
. "$(dirname "$0")/lib.sh"

unset IOMAP4FS_NOTES
IMG=$TMP/image

# dirty: an image whose journal has to be replayed, with an orphan
dirty() {
	make_image "$IMG" 32M -t ext4
	"$IOMAP4FS" "$IMG" "$MNT" -f -o iomap=off 2>/dev/null &
	server=$!
	for _ in $(seq 1500); do
		mountpoint -q "$MNT" && break
		sleep 0.02
	done
	cp /etc/passwd "$MNT/open"
	exec 5<"$MNT/open"
	rm "$MNT/open"
	sync "$MNT"
	kill -KILL $server
	wait $server 2>/dev/null && fail "not killed"
	exec 5<&-
	umount "$MNT"
}

# silent WHAT OPTIONS
silent() {
	"$IOMAP4FS" "$IMG" "$MNT" -o "$2" >"$TMP/out" 2>&1 || fail "$1: not mounted"
	[ ! -s "$TMP/out" ] || fail "$1: $(cat "$TMP/out")"
	unmount_image "$IMG"
}

dirty
silent "a journal to replay" iomap=off
silent "options without effect" iomap=off,discard,noacl,nobarrier,quota
[ -e /dev/fuseiomap ] || silent "no module" iomap=auto
tune2fs -E force_fsck "$IMG" >/dev/null 2>&1
silent "errors in the file system" iomap=off

# one that is not mounted as asked for, and one that is not mounted
make_image "$IMG" 32M -t ext2 -O ^resize_inode
debugfs -w -R "ssv feature_ro_compat 0x4001" "$IMG" >/dev/null 2>&1
"$IOMAP4FS" "$IMG" "$MNT" -o iomap=off 2>"$TMP/err" || fail "not mounted"
grep 'mounted read-only' "$TMP/err" >/dev/null || fail "ro without a word"
unmount_image "$IMG"
"$IOMAP4FS" "$IMG" "$MNT" -o iomap=off,rw 2>"$TMP/err" && fail "mounted"
[ -s "$TMP/err" ] || fail "an error without a word"

# in the foreground stderr is the log
dirty
"$IOMAP4FS" "$IMG" "$MNT" -f -o iomap=off,discard 2>"$TMP/err" &
server=$!
for _ in $(seq 1500); do
	mountpoint -q "$MNT" && break
	sleep 0.02
done
umount "$MNT"
wait $server || fail "status $?"
for what in journal discard; do
	grep $what "$TMP/err" >/dev/null || fail "-f: nothing of $what: $(cat "$TMP/err")"
done

# syslog has them
if unshare -m true 2>/dev/null; then
	mkdir "$TMP/dev"
	cp -a /dev/null /dev/zero /dev/urandom /dev/fuse "$TMP/dev/"
	perl -e 'use Socket;
		socket(S, AF_UNIX, SOCK_DGRAM, 0) or die;
		bind(S, pack_sockaddr_un($ARGV[0])) or die("bind: $!\n");
		$| = 1;
		while (defined(recv(S, my $message, 8192, 0))) {
			print("$message\n");
		}' "$TMP/dev/log" >"$TMP/syslog" &
	syslog=$!
	at_end() {
		kill "$syslog"
	}
	for _ in $(seq 1500); do
		[ -S "$TMP/dev/log" ] && break
		sleep 0.02
	done
	# shellcheck disable=SC2016 # the inner shell's
	unshare -m bash -c 'set -e
		mount --bind "$1" /dev
		"$IOMAP4FS" "$2" "$3" -o iomap=off,discard
		mkdir "$3/dir"
		umount "$3"' - "$TMP/dev" "$IMG" "$MNT" >"$TMP/out" 2>&1 || fail "$(cat "$TMP/out")"
	[ ! -s "$TMP/out" ] || fail "with a syslog: $(cat "$TMP/out")"
	flock -w 60 "$IMG" true || fail "the server did not end"
	grep 'iomap4fs\[[0-9]*\]: level=warning.*discard' "$TMP/syslog" >/dev/null ||
		fail "syslog has nothing of discard: $(cat "$TMP/syslog")"
	check_image "$IMG"
else
	LEFT_OUT="what goes to syslog: no mount namespace of its own"
fi

# a terminal
command -v script >/dev/null || skip "no script(1)"
dirty
script -qec "$(printf '%q ' "$IOMAP4FS" "$IMG" "$MNT" -o iomap=off,discard)" /dev/null </dev/null \
	>"$TMP/out" || fail "not mounted"
for what in journal discard; do
	grep $what "$TMP/out" >/dev/null || fail "a terminal: nothing of $what: $(cat "$TMP/out")"
done
unmount_image "$IMG"
check_image "$IMG"
