#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a crash leaves: a journal to replay, orphaned inodes.  The mount replays
# and deletes them; a read-only one replays, too, as that of kernel ext4 does, if it can.
. "$(dirname "$0")/lib.sh"
have_kernel_ext4 || skip "no kernel ext4"

# a crash of kernel ext4: the image is copied while it is mounted and synced
make_image "$TMP/live" 64M -t ext4
mount_kernel "$TMP/live" rw
mkdir "$KMNT/dir"
cp /etc/passwd "$KMNT/dir/file"
exec 5<>"$KMNT/orphan"
head -c 100000 /dev/zero >&5
rm "$KMNT/orphan"
sync -f "$KMNT"
sync "$TMP/live"
cp "$TMP/live" "$TMP/image"
exec 5>&-
unmount_kernel
dumpe2fs -h "$TMP/image" 2>/dev/null | grep needs_recovery >/dev/null || fail "no journal to replay"

before=$(sha256sum <"$TMP/image")
# on a device that can't be written to, nothing can be replayed
LOOP=$(losetup -r -f --show "$TMP/image")
status=0
"$IOMAP4FS" "$LOOP" "$MNT" -o iomap=off,ro 2>"$TMP/err" || status=$?
[ $status = 32 ] || fail "mounted without replaying the journal: status $status"
grep -q 'journal needs recovery.*-o ro,noload' "$TMP/err" ||
	fail "doesn't say what to do: $(cat "$TMP/err")"
# nor if nobody has said ro
"$IOMAP4FS" "$LOOP" "$MNT" -o iomap=off 2>"$TMP/err" && fail "mounted without the journal"
grep -q 'journal needs recovery.*-o ro,noload' "$TMP/err" ||
	fail "doesn't say what to do: $(cat "$TMP/err")"
"$IOMAP4FS" "$LOOP" "$MNT" -o iomap=off,ro,noload || fail "noload needs no journal"
umount "$MNT"
for _ in $(seq 300); do
	losetup -d "$LOOP" && ! losetup "$LOOP" >/dev/null 2>&1 && break
	sleep 0.1
done
LOOP=
[ "$before" = "$(sha256sum <"$TMP/image")" ] || fail "the image changed"

mount_image "$TMP/image" ro,noload
unmount_image "$TMP/image"
[ "$before" = "$(sha256sum <"$TMP/image")" ] || fail "noload changed the image"
status=0
"$IOMAP4FS" "$TMP/image" "$MNT" -o iomap=off,rw,noload 2>"$TMP/err" || status=$?
[ $status = 32 ] || fail "mounted for writing without the journal: status $status"

cp "$TMP/image" "$TMP/copy"
mount_image "$TMP/copy" ro
cmp /etc/passwd "$MNT/dir/file" || fail "read-only: the journal was not replayed"
touch "$MNT/new" 2>/dev/null && fail "not read-only after replaying"
unmount_image "$TMP/copy"
dumpe2fs -h "$TMP/copy" 2>/dev/null | grep needs_recovery >/dev/null &&
	fail "read-only: the journal was not replayed"

mount_image "$TMP/image"
cmp /etc/passwd "$MNT/dir/file" || fail "the journal was not replayed"
[ -e "$MNT/orphan" ] && fail "the orphan has a name"
unmount_image "$TMP/image"
check_image "$TMP/image"

# crash_server IMAGE OPTIONS: kill the server while a deleted file is open
crash_server() {
	local server

	"$IOMAP4FS" "$1" "$MNT" -f -o "iomap=off$2" 2>/dev/null &
	server=$!
	for _ in $(seq 300); do
		mountpoint -q "$MNT" && break
		sleep 0.1
	done
	cp /etc/passwd "$MNT/kept"
	exec 5<>"$MNT/orphan"
	head -c 300000 /dev/zero >&5
	rm "$MNT/orphan"
	sync "$MNT"
	kill -9 $server
	wait $server || :
	umount -l "$MNT"
	exec 5>&- || :
	flock -w 10 "$1" true
}

# A crash of the server with a journal: what was synced is in the journal, the
# deleted open file on the orphan list; all else is as if it had been unmounted.
make_image "$TMP/image" 64M -t ext4
crash_server "$TMP/image" ""
dumpe2fs -h "$TMP/image" 2>/dev/null | grep needs_recovery >/dev/null || fail "nothing to replay"
cp "$TMP/image" "$TMP/copy"
e2fsck -p "$TMP/copy" >"$TMP/fsck.log" 2>&1 || [ $? = 1 ] || {
	cat "$TMP/fsck.log"
	fail "e2fsck doesn't replay the journal"
}
grep 'orphan' "$TMP/fsck.log" >/dev/null || fail "no orphan"
check_image "$TMP/copy"
# kernel ext4 replays it, too
cp "$TMP/image" "$TMP/copy"
mount_kernel "$TMP/copy" rw
cmp /etc/passwd "$KMNT/kept" || fail "kernel ext4 doesn't find what was synced"
unmount_kernel
check_image "$TMP/copy"
mount_image "$TMP/image"
cmp /etc/passwd "$MNT/kept" || fail "what was synced is lost"
unmount_image "$TMP/image"
check_image "$TMP/image"

# without one: not clean, and the deleted open file is on the orphan list
make_image "$TMP/image" 64M -t ext2
crash_server "$TMP/image" ""
dumpe2fs -h "$TMP/image" 2>/dev/null | grep 'First orphan inode' >/dev/null || fail "no orphan"
dumpe2fs -h "$TMP/image" 2>/dev/null | grep '^Filesystem state: *not clean' >/dev/null ||
	fail "it says that it is clean"
mount_image "$TMP/image" "" 2>"$TMP/err"
cat "$TMP/err"
grep 'orphaned inodes: 1 deleted, 0 truncated' "$TMP/err" >/dev/null ||
	fail "nothing is said of the orphan"
unmount_image "$TMP/image"
e2fsck -fn "$TMP/image" >"$TMP/fsck.log" 2>&1 || {
	cat "$TMP/fsck.log"
	fail "the orphan was not deleted"
}

# nor is a journal used that nobody wants
make_image "$TMP/image" 64M -t ext4
mount_image "$TMP/image" noload
dumpe2fs -h "$TMP/image" 2>/dev/null | grep needs_recovery >/dev/null && fail "noload: a journal"
cp /etc/passwd "$MNT/file"
unmount_image "$TMP/image"
check_image "$TMP/image"
