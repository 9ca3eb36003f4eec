#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# -o uid=, gid=: all files seem to belong to one user or group, on the disk they keep
# their owners.  -o fakeroot: whoever may use the mount may do what root may.
# -o resuid=, resgid=: who may use the reserved blocks.
. "$(dirname "$0")/lib.sh"
command -v runuser >/dev/null || skip "no runuser"
chmod 755 "$TMP"

as() {
	runuser -u "$1" -- "${@:2}"
}

# on_disk PATH: its owner in the image
on_disk() {
	debugfs -R "stat $1" "$TMP/image" 2>/dev/null |
		sed -n 's/^User: *\([0-9]*\) *Group: *\([0-9]*\) .*/\1:\2/p'
}

NOBODY=$(id -u nobody)
make_image "$TMP/image" 64M -t ext4
mount_image "$TMP/image"
mkdir -m 700 "$MNT/private"
echo secret >"$MNT/private/file"
chown 1234:1235 "$MNT/private/file"
chmod 600 "$MNT/private/file"
echo other >"$MNT/foreign"
chown 1234:1235 "$MNT/foreign"
as nobody cat "$MNT/private/file" 2>/dev/null && fail "permissions are not checked"
unmount_image "$TMP/image"

# squashed
mount_image "$TMP/image" "uid=$NOBODY,gid=4321"
[ "$(stat -c %u:%g "$MNT" "$MNT/private/file" | sort -u)" = "$NOBODY:4321" ] ||
	fail "not everything belongs to the one user"
as nobody cat "$MNT/private/file" >/dev/null || fail "the one user can't read his files"
as nobody sh -c "echo more >>'$MNT/private/file'" || fail "the one user can't write"
as nobody touch "$MNT/private/new" || fail "the one user can't create files"
as nobody chmod 640 "$MNT/foreign" || fail "the one user can't change the mode"
# there is nobody else
chown "$NOBODY:4321" "$MNT/foreign" || fail "giving a file to its owner"
chown 99 "$MNT/foreign" 2>/dev/null && fail "a file was given to somebody else"
chgrp 99 "$MNT/foreign" 2>/dev/null && fail "a file was given to another group"
as daemon cat "$MNT/private/file" 2>/dev/null && fail "other users may read it, too"
unmount_image "$TMP/image"
[ "$(on_disk /private/file)" = 1234:1235 ] || fail "the owner on the disk changed"
[ "$(on_disk /foreign)" = 1234:1235 ] || fail "chown changed the owner on the disk"
[ "$(on_disk /private/new)" = "$NOBODY:$(id -g nobody)" ] || fail "a new file is not its creator's"
check_image "$TMP/image"

# one of them
mount_image "$TMP/image" "gid=4321"
[ "$(stat -c %u:%g "$MNT/foreign")" = 1234:4321 ] || fail "gid alone"
chown 77 "$MNT/foreign" || fail "the user can't be changed"
unmount_image "$TMP/image"
[ "$(on_disk /foreign)" = 77:1235 ] || fail "the wrong one was changed"

# fakeroot
mount_image "$TMP/image" fakeroot
[ "$(stat -c %u:%g "$MNT/private/file")" = 1234:1235 ] || fail "fakeroot hides the owner"
[ "$(as nobody cat "$MNT/private/file" | head -n 1)" = secret ] || fail "fakeroot can't read all"
as nobody chown 5:6 "$MNT/private/file" || fail "fakeroot can't give files away"
as nobody mkdir "$MNT/private/dir" || fail "fakeroot can't write everywhere"
findmnt -no OPTIONS "$MNT" | grep "nosuid.*nodev" >/dev/null || fail "set-id programs of anybody"
unmount_image "$TMP/image"
[ "$(on_disk /private/file)" = 5:6 ] || fail "chown has not reached the disk"
[ "$(on_disk /private/dir)" = "$NOBODY:$(id -g nobody)" ] || fail "a directory of somebody else"
check_image "$TMP/image"

# reserved blocks: 50 % of them
make_image "$TMP/image" 32M -t ext4 -m 50
for who in "" "resuid=$NOBODY" "resgid=$(id -g nobody)"; do
	mount_image "$TMP/image" "$who"
	mkdir -m 777 "$MNT/d"
	as nobody dd if=/dev/zero of="$MNT/d/f" bs=64K 2>/dev/null || :
	size=$(stat -c %s "$MNT/d/f")
	case $who in
	"") small=$size ;;
	*) [ "$size" -gt $((small + 8000000)) ] || fail "$who: $size bytes, without: $small" ;;
	esac
	rm -r "$MNT/d"
	unmount_image "$TMP/image"
done
check_image "$TMP/image"
