#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The file system that a sparse image lies on fills up. What fsync has promised is there
# afterwards, what can't be written is told to somebody, and nothing is damaged: where metadata
# can't be written the mount turns read-only.
. "$(dirname "$0")/lib.sh"

BACK=$TMP/back
IMG=$BACK/image
mkdir "$BACK"
mount -t tmpfs -o size=24M none "$BACK" || skip "no tmpfs"
at_end() {
	mountpoint -q "$MNT" && umount -l "$MNT"
	umount -l "$BACK"
}

# start SIZE MKE2FS-ARGUMENT...: serve an image in the foreground
start() {
	make_image "$IMG" "$@"
	"$IOMAP4FS" "$IMG" "$MNT" -f -o iomap=off,commit=900 2>"$TMP/err" &
	server=$!
	for _ in $(seq 1500); do
		mountpoint -q "$MNT" && break
		sleep 0.02
	done
	head -c 1000000 /dev/urandom >"$TMP/data"
	cp "$TMP/data" "$MNT/promised"
	sync "$MNT/promised"
}

# full [BYTES]: all that is free of the storage but so much is gone
full() {
	head -c 30M /dev/zero >"$BACK/ballast" 2>/dev/null || :
	[ "$(stat -f -c %a "$BACK")" = 0 ] || fail "the storage isn't full"
	[ -z "${1:-}" ] || truncate -s -"$1" "$BACK/ballast"
}

# end: unmount, let there be space again, and look at what is left
end() {
	umount "$MNT"
	wait $server || :
	rm -f "$BACK/ballast"
	cp "$IMG" "$TMP/left"
	"$IOMAP4FS" "$IMG" "$MNT" -o iomap=off || fail "$1: can't be mounted again"
	cmp "$TMP/data" "$MNT/promised" || fail "$1: what fsync promised is gone"
	unmount_image "$IMG"
	e2fsck -fp "$IMG" >"$TMP/fsck" 2>&1 || [ $? = 1 ] || {
		cat "$TMP/fsck" >&2
		fail "$1: damaged"
	}
}

# Data: the writer is told, by write(2) or at fsync, and the rest goes on
start 64M -t ext4
full 200K
if head -c 5000000 /dev/urandom >"$MNT/data" 2>"$TMP/out" && sync "$MNT/data" 2>>"$TMP/out"; then
	fail "5 MB are in 200 KB"
fi
grep -E 'No space left|Input/output' "$TMP/out" >/dev/null || fail "data: $(cat "$TMP/out")"
cmp "$TMP/data" "$MNT/promised" || fail "data: an old file can't be read"
end data

# Metadata: whoever asks for it to be durable is told
start 64M -t ext4 -O ^has_journal
full
for i in $(seq 2000); do
	mkdir "$MNT/dir$i" 2>/dev/null || break
done
if sync "$MNT/lost+found" 2>/dev/null && [ ! -e "$MNT/dir2000" ]; then
	fail "without a journal: nobody is told"
fi
end "without a journal"

# The journal itself has no place: nothing of it has been written before
start 64M -t ext4 -E lazy_journal_init=1 -J size=16
full
told=
for i in $(seq 300); do
	if ! mkdir "$MNT/dir$i" || ! sync "$MNT/dir$i"; then
		told=1
		break
	fi
done 2>/dev/null
[ $told ] || fail "journal: 300 commits have a place, or nobody is told"
mkdir "$MNT/more" 2>/dev/null && fail "journal: it is still written to"
cmp "$TMP/data" "$MNT/promised" || fail "journal: an old file can't be read"
grep 'read-only' "$TMP/err" >/dev/null || fail "journal: $(cat "$TMP/err")"
# what fsync had said yes to
umount "$MNT"
wait $server || :
rm "$BACK/ballast"
"$IOMAP4FS" "$IMG" "$MNT" -o iomap=off || fail "journal: can't be mounted again"
for j in $(seq $((i - 1))); do
	[ -d "$MNT/dir$j" ] || fail "journal: dir$j was durable and is gone"
done
unmount_image "$IMG"
e2fsck -fp "$IMG" >"$TMP/fsck" 2>&1 || [ $? = 1 ] || fail "journal: $(cat "$TMP/fsck")"
