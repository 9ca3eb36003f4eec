#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A replay that takes long says now and then how far it is.  Nobody else can mount the image
# meanwhile.  It can be interrupted: then nothing is mounted, and the next mount replays.
. "$(dirname "$0")/lib.sh"
[ -e "${GATE_IO:-}" ] || fail "GATE_IO does not name the library"

GATE=$TMP/gate

make_image "$TMP/image" 64M -t ext4
"$IOMAP4FS" "$TMP/image" "$MNT" -f -o iomap=off 2>/dev/null &
server=$!
for _ in $(seq 300); do
	mountpoint -q "$MNT" && break
	sleep 0.1
done
mkdir "$MNT/a" "$MNT/b"
cp /etc/passwd "$MNT/file"
sync "$MNT/file"
kill -9 $server
wait $server || :
umount -l "$MNT"
flock -w 10 "$TMP/image" true
sum=$(sha256sum <"$TMP/image")

# slow_mount OPTIONS: the replay's first write waits; $PID
slow_mount() {
	rm -f "$GATE.write.waiting"
	touch "$GATE.write"
	LD_PRELOAD="$GATE_IO" GATE_IO_IMAGE="$TMP/image" GATE_IO_GATE="$GATE" \
		"$IOMAP4FS" "$TMP/image" "$MNT" -o "iomap=off,$1" 2>"$TMP/err" &
	PID=$!
	for _ in $(seq 300); do
		[ -e "$GATE.write.waiting" ] && return
		sleep 0.1
	done
	fail "nothing is replayed: $(cat "$TMP/err")"
}

# two mounts can't replay one journal
mkdir "$TMP/other"
for first in rw ro; do
	slow_mount $first
	for second in rw ro; do
		status=0
		"$IOMAP4FS" "$TMP/image" "$TMP/other" -o "iomap=off,$second" 2>"$TMP/second" ||
			status=$?
		[ $status = 32 ] || fail "$second beside the replay of $first: status $status"
		grep 'in use' "$TMP/second" >/dev/null || fail "$second: $(cat "$TMP/second")"
	done
	status=0
	kill -TERM $PID
	sleep 0.2
	rm "$GATE.write"
	wait $PID || status=$?
	[ $status = 8 ] || fail "$first: status $status: $(cat "$TMP/err")"
	mountpoint -q "$MNT" && fail "$first: mounted all the same"
	flock -w 10 "$TMP/image" true
	dumpe2fs -h "$TMP/image" 2>/dev/null | grep needs_recovery >/dev/null ||
		fail "$first: interrupted, and the journal counts as replayed"
done
[ "$sum" != "$(sha256sum <"$TMP/image")" ] || fail "it was not interrupted in the middle"

slow_mount rw
sleep 11
rm "$GATE.write"
wait $PID || fail "$(cat "$TMP/err")"
cat "$TMP/err"
grep -E 'replaying the journal since 1[0-9] s: writing, [0-9]+ of [0-9]+ blocks' "$TMP/err" \
	>/dev/null || fail "no progress is told"
cmp /etc/passwd "$MNT/file" || fail "the journal was not replayed"
unmount_image "$TMP/image"
check_image "$TMP/image"
