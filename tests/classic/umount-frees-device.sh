#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A block device that is mounted in classic mode is free when umount returns: kernel ext4 can
# mount it at once, and sees all that was written.

. "$(dirname "$0")/lib.sh"

IMG=$TMP/image
make_image "$IMG" 32M -t ext4
LOOP=$(losetup -f --show "$IMG")
data=$(printf '%100000s' x)
for i in $(seq 20); do
	"$IOMAP4FS" "$LOOP" "$MNT" -o iomap=off || fail "mounting, the ${i}th time"
	type=$(findmnt -no FSTYPE "$MNT")
	[ "$type" = fuseblk.iomap4fs ] || fail "mounted as $type"
	printf %s "$data" >"$MNT/f$i"
	umount "$MNT"
	mount -t ext4 -o noload "$LOOP" "$KMNT" 2>"$TMP/err" ||
		fail "mounting with kernel ext4, the ${i}th time: $(cat "$TMP/err")"
	[ "$(stat -c %s "$KMNT/f$i")" = 100000 ] || fail "the file is not whole the ${i}th time"
	umount "$KMNT"
done
# the kernel holds it as long as it is mounted
"$IOMAP4FS" "$LOOP" "$MNT" -o iomap=off
"$IOMAP4FS" "$LOOP" "$KMNT" -o iomap=off 2>"$TMP/err" && fail "mounted twice"
grep 'is in use' "$TMP/err" >/dev/null || fail "the refusal says: $(cat "$TMP/err")"
umount "$MNT"
# The kernel holds the device that the mount's source names: with another name there it is none of
# the kernel's, least of all another device.
for name in some-name "$IMG.other"; do
	[ "$name" = some-name ] || { truncate -s 32M "$name" && OTHER=$(losetup -f --show "$name"); }
	"$IOMAP4FS" "$LOOP" "$MNT" -o "iomap=off,fsname=${OTHER:-$name}" ||
		fail "mounting with fsname=${OTHER:-$name}"
	type=$(findmnt -no FSTYPE "$MNT")
	[ "$type" = fuse.iomap4fs ] || fail "mounted as $type with fsname=${OTHER:-$name}"
	umount "$MNT"
	# here the server closes the device after umount has returned
	for _ in $(seq 500); do
		mount -t ext4 -o noload "$LOOP" "$KMNT" 2>"$TMP/err" && break
		sleep 0.02
	done
	umount "$KMNT" || fail "the device is not free: $(cat "$TMP/err")"
done
losetup -d "$OTHER"
check_image "$IMG"
losetup -d "$LOOP"
LOOP=
