#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# mount -o remount makes a mount read-only and writable again. One that was made read-only
# stays so, with a sentence. What is no mount of this program is left alone.

. "$(dirname "$0")/lib.sh"

IMG=$TMP/image
make_image "$IMG" 32M -t ext4
remount() {
	"$IOMAP4FS" "$IMG" "$MNT" -o "remount,$1"
}

mount_image "$IMG"
echo one >"$MNT/f"
remount ro,user_id=0,group_id=0,default_permissions,allow_other || fail "remount,ro"
: 2>/dev/null >"$MNT/g" && fail "writable after remount,ro"
[ "$(cat "$MNT/f")" = one ] || fail "not readable after remount,ro"
remount rw,nosuid || fail "remount,rw"
echo two >"$MNT/g" || fail "not writable after remount,rw"
findmnt -no OPTIONS "$MNT" | grep nosuid >/dev/null || fail "nosuid was not set"
exec 7>>"$MNT/g"
remount ro 2>"$TMP/err" && fail "read-only while a file is open for writing"
exec 7>&-
unmount_image "$IMG"
check_image "$IMG"

mount_image "$IMG" ro
remount rw 2>"$TMP/err" && fail "writable after a mount that was read-only"
grep "server of $MNT can't write" "$TMP/err" >/dev/null ||
	fail "the refusal says: $(cat "$TMP/err")"
findmnt -no OPTIONS "$MNT" | grep '^ro' >/dev/null || fail "the mount table says rw"
unmount_image "$IMG"

before=$(findmnt -no OPTIONS -T "$TMP")
remount ro 2>"$TMP/err" && fail "remounted what is no mount of iomap4fs"
grep 'is not a mount of iomap4fs' "$TMP/err" >/dev/null ||
	fail "the refusal says: $(cat "$TMP/err")"
[ "$before" = "$(findmnt -no OPTIONS -T "$TMP")" ] || fail "another mount was changed"
