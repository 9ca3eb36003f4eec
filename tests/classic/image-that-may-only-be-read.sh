#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A user who may only read an image can mount it, several times at once; it is read-only
# then, and so he is told if he hasn't said -o ro.
. "$(dirname "$0")/lib.sh"
command -v runuser >/dev/null || skip "no runuser"
chmod 755 "$TMP"

make_image "$TMP/image" 32M -t ext4
mount_image "$TMP/image"
cp /etc/passwd "$MNT/file"
unmount_image "$TMP/image"
chmod 644 "$TMP/image"
before=$(sha256sum <"$TMP/image")
for dir in one two; do
	mkdir "$TMP/$dir"
	chown nobody "$TMP/$dir"
done

user_mount() {
	runuser -u nobody -- "$IOMAP4FS" "$TMP/image" "$@"
}

status=0
user_mount "$TMP/one" -o iomap=off,rw 2>"$TMP/err" || status=$?
[ $status = 32 ] || fail "mounted for writing: status $status"
grep 'may only be read.*-o ro' "$TMP/err" >/dev/null || fail "no hint: $(cat "$TMP/err")"

# all but mounting
ln -s "$IOMAP4FS" "$TMP/mount.iomap4fs"
runuser -u nobody -- "$TMP/mount.iomap4fs" "$TMP/image" "$TMP/one" -f -o iomap=off,ro ||
	fail "can't be opened for reading"
runuser -u nobody -- "$TMP/mount.iomap4fs" "$TMP/image" "$TMP/one" -f -o iomap=off,rw \
	2>"$TMP/err" || fail "is not opened for reading: $(cat "$TMP/err")"
grep 'may only be read.*mounted read-only' "$TMP/err" >/dev/null || fail "$(cat "$TMP/err")"
[ "$before" = "$(sha256sum <"$TMP/image")" ] || fail "opening it changed the image"

command -v fusermount3 >/dev/null || skip "no fusermount3 to mount with"
runuser -u nobody -- test -w /dev/fuse || skip "users may not open /dev/fuse"
for dir in one two; do
	options=iomap=off,ro
	[ $dir = one ] || options=iomap=off
	user_mount "$TMP/$dir" -o $options 2>"$TMP/err" || fail "can't mount it in $dir"
	[ $dir = one ] || grep 'may only be read.*mounted read-only' "$TMP/err" >/dev/null ||
		fail "nothing is said: $(cat "$TMP/err")"
	grep "$TMP/$dir [^ ]* ro," /proc/mounts >/dev/null || fail "$dir: not ro for the kernel"
	runuser -u nobody -- cmp /etc/passwd "$TMP/$dir/file" || fail "can't read"
	cat "$TMP/$dir/file" 2>/dev/null && fail "it is for the mounting user alone"
	runuser -u nobody -- touch "$TMP/$dir/file" 2>/dev/null && fail "can be written to"
done
for dir in one two; do
	runuser -u nobody -- fusermount3 -u "$TMP/$dir" || fail "can't unmount"
done
flock -w 60 "$TMP/image" true || fail "the server did not end"
[ "$before" = "$(sha256sum <"$TMP/image")" ] || fail "the image changed"
