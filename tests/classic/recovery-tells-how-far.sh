#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A replay that takes long says now and then how far it is, and can be interrupted:
# e2fsck is ended, nothing is mounted, and the next mount replays.
. "$(dirname "$0")/lib.sh"
command -v unshare >/dev/null || skip "no unshare"

# An e2fsck that takes 12 s, in the place of the real one, for this test's processes only
if [ "${1:-}" != inside ]; then
	rm -r "$TMP"
	exec unshare -m --propagation private "$0" inside
fi
real=$(readlink -f "$(command -v e2fsck)")
cp "$real" "$TMP/e2fsck"
cat >"$TMP/slow" <<-END
	#!/bin/bash
	trap 'echo killed >"$TMP/killed"; kill %1; exit 32' TERM
	echo started >"$TMP/started"
	head -c 3000000 "$TMP/image" >/dev/null
	sleep 12 & wait
	exec "$TMP/e2fsck" "\$@"
END
chmod +x "$TMP/slow"

make_image "$TMP/image" 64M -t ext4
"$IOMAP4FS" "$TMP/image" "$MNT" -f -o iomap=off 2>/dev/null &
server=$!
for _ in $(seq 50); do
	mountpoint -q "$MNT" && break
	sleep 0.1
done
cp /etc/passwd "$MNT/file"
sync "$MNT/file"
kill -9 $server
wait $server || :
umount -l "$MNT"
flock -w 10 "$TMP/image" true
mount --bind "$TMP/slow" "$real"

status=0
"$IOMAP4FS" "$TMP/image" "$MNT" -o iomap=off 2>"$TMP/err" &
pid=$!
for _ in $(seq 100); do
	[ -e "$TMP/started" ] && break
	sleep 0.1
done
kill -TERM $pid
wait $pid || status=$?
[ $status = 8 ] || fail "status $status: $(cat "$TMP/err")"
[ -e "$TMP/killed" ] || fail "e2fsck goes on"
mountpoint -q "$MNT" && fail "mounted all the same"

mount_image "$TMP/image" "" 2>"$TMP/err"
cat "$TMP/err"
grep -E 'replaying the journal since 1[0-2] s: [0-9]+ MiB read' "$TMP/err" >/dev/null ||
	fail "no progress is told"
cmp /etc/passwd "$MNT/file" || fail "the journal was not replayed"
unmount_image "$TMP/image"
umount "$real"
check_image "$TMP/image"
