#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An image file can be mounted again as soon as umount has returned: the new server waits for the
# old one, which is still writing. An image that is mounted is refused at once, also one whose name
# the mount table can't show as it is.
. "$(dirname "$0")/lib.sh"

IMG="$TMP/an image\\of 1"
make_image "$IMG" 64M -t ext4
for i in $(seq 30); do
	"$IOMAP4FS" "$IMG" "$MNT" -o iomap=off || fail "mounting, the ${i}th time"
	head -c 3000000 /dev/zero >"$MNT/f$((i % 5))"
	umount "$MNT"
done
mount_image "$IMG"
start=$EPOCHSECONDS
"$IOMAP4FS" "$IMG" "$KMNT" -o iomap=off 2>"$TMP/err" && fail "mounted twice"
grep 'is in use by' "$TMP/err" >/dev/null || fail "the refusal says: $(cat "$TMP/err")"
[ $((EPOCHSECONDS - start)) -lt 25 ] || fail "the refusal was waited for"
unmount_image "$IMG"
check_image "$IMG"
