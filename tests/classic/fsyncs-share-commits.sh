#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Many fsyncs at once share commits, and while they wait for the device there is somebody to
# answer other requests, however few threads there are.  An image without a journal is no
# other, and when the commit fails all are told.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"
[ -e "${GATE_IO:-}" ] || fail "GATE_IO does not name the library"

# it tells how many requests are on their way
mount -t fusectl fusectl "$KMNT" || skip "no fusectl"

GATE=$TMP/gate
PIDS=()

# Who waits for a reply can't be killed: so the gate opens by itself when it takes too long.
close_gate() {
	rm -f "$GATE.flush.waiting"
	touch "$GATE.flush"
	(
		for _ in $(seq 300); do
			sleep 0.1
			[ -e "$GATE.flush" ] || exit 0
		done
		touch "$TMP/late"
		rm -f "$GATE.flush"
	) &
}

# in_background COMMAND...
in_background() {
	"$@" >"$TMP/background.${#PIDS[@]}" 2>&1 &
	PIDS+=($!)
}

open_gate() {
	local n

	rm -f "$GATE.flush"
	for n in "${!PIDS[@]}"; do
		wait "${PIDS[n]}" || fail "fsync $n: $(cat "$TMP/background.$n")"
	done
	PIDS=()
	[ ! -e "$TMP/late" ] || fail "$1: who needs nothing of the device waited for it"
}

waiting() {
	for _ in $(seq 300); do
		[ ! -e "$GATE.flush.waiting" ] || return 0
		sleep 0.1
	done
	fail "no flush waits"
}

# in_flight NUMBER: until the kernel waits for so many replies
in_flight() {
	local file n

	file=$KMNT/$(mountpoint -d "$MNT" | sed 's/.*://')/waiting
	for _ in $(seq 300); do
		n=$(<"$file")
		[ "$n" -lt "$1" ] || return 0
		sleep 0.1
	done
	fail "$n requests are on their way, not $1"
}

append_and_sync() {
	python3 -c 'import os, sys, time
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
os.write(fd, b"data" * 1024)
while not os.path.exists(sys.argv[2]):
	time.sleep(0.01)
	if not os.path.exists(os.path.dirname(sys.argv[2])):
		sys.exit("the test has ended")
os.fsync(fd)' "$1" "$TMP/go"
}

# What is written waits for nothing; then the fsyncs come at once.
syncs() {
	local n

	rm -f "$TMP/go"
	for n in $(seq "$1"); do
		in_background append_and_sync "$MNT/f$n"
	done
	for n in $(seq "$1"); do
		until [ "$(stat --cached=never -c %s "$MNT/f$n")" != "${SIZES[n]:-0}" ]; do
			sleep 0.05
		done
		SIZES[n]=$(stat --cached=never -c %s "$MNT/f$n")
	done
	close_gate
	touch "$TMP/go"
	waiting
	in_flight "$1"
}

# answered: whatever is in the cache, of which the kernel doesn't know.  It has locked the
# files that are being synced.
next=0
answered() {
	for _ in 1 2 3 4 5 6; do
		next=$((next + 1))
		[ "$(stat -c %F "$MNT/none$next" 2>&1)" != directory ] || fail "there is no such file"
		stat --cached=never "$MNT/f1" >/dev/null
		chmod 600 "$MNT/other"
		chmod 644 "$MNT/other"
	done
}

# share LEAST MOST: 32 fsyncs cause so many flushes
share() {
	local n

	for n in $(seq 32); do
		: >"$MNT/f$n"
	done
	: >"$MNT/other"
	sync "$MNT/f1"
	SIZES=()
	syncs 8
	answered
	open_gate "8 fsyncs"

	: >"$GATE.flushes"
	syncs 32
	answered
	open_gate "32 fsyncs"
	n=$(wc -l <"$GATE.flushes")
	rm "$GATE.flushes"
	echo "flushes of 32 fsyncs: $n"
	[ "$n" -ge "$1" ] || fail "what was done after a commit began can't be in it"
	[ "$n" -le "$2" ] || fail "32 fsyncs caused $n flushes"
}

go() {
	local image=$TMP/image

	echo "== mke2fs $*"
	make_image "$image" 64M "$@"
	LD_PRELOAD="$GATE_IO" GATE_IO_IMAGE="$image" GATE_IO_GATE="$GATE" \
		mount_image "$image" threads=4,commit=300
}

go -t ext4
share 4 8
unmount_image "$TMP/image"
check_image "$TMP/image"

# in up to four steps
go -t ext2
share 4 10
unmount_image "$TMP/image"
check_image "$TMP/image"

# The device fails
go -t ext4
for n in $(seq 8); do
	: >"$MNT/f$n"
done
SIZES=()
syncs 8
touch "$GATE.broken"
rm -f "$GATE.flush"
for n in "${!PIDS[@]}"; do
	wait "${PIDS[n]}" && fail "the flush failed, and fsync $n says all is well"
	grep "Errno 5" "$TMP/background.$n" >/dev/null || fail "fsync $n: $(cat "$TMP/background.$n")"
done
PIDS=()
rm "$GATE.broken"
touch "$MNT/new" 2>/dev/null && fail "a commit failed, and there are more"
unmount_image "$TMP/image"

# The connection is cut while they wait: nobody is left behind, the server ends.
go -t ext4
for n in $(seq 8); do
	: >"$MNT/f$n"
done
SIZES=()
syncs 8
umount -f "$MNT" 2>/dev/null || :
rm -f "$GATE.flush"
for n in "${!PIDS[@]}"; do
	wait "${PIDS[n]}" 2>/dev/null || :
done
umount -l "$MNT" 2>/dev/null || :
flock -w 120 "$TMP/image" true || fail "the server did not end"
e2fsck -p "$TMP/image" >"$TMP/fsck.log" 2>&1 || [ $? = 1 ] || fail "$(cat "$TMP/fsck.log")"
check_image "$TMP/image"
