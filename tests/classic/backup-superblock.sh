#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# -o ro,sb=N: a file system whose first superblock is gone can be read through a backup.
. "$(dirname "$0")/lib.sh"

for bs in 1024 4096; do
	make_image "$TMP/image" 256M -t ext4 -b $bs
	mount_image "$TMP/image"
	cp -a /etc/passwd /etc/ssl "$MNT"
	remember_tree
	unmount_image "$TMP/image"
	# as mount(8) has it: in units of 1 KiB
	[ $bs = 1024 ] && sb=8193 || sb=131072
	dd if=/dev/urandom of="$TMP/image" bs=1024 seek=1 count=1 conv=notrunc status=none
	before=$(sha256sum <"$TMP/image")
	"$IOMAP4FS" "$TMP/image" "$MNT" -o iomap=off,ro 2>/dev/null && fail "there is a superblock"
	mount_image "$TMP/image" "ro,sb=$sb"
	manifest "$MNT" >"$TMP/got"
	unmount_image "$TMP/image"
	cmp "$TMP/remembered" "$TMP/got" || fail "block size $bs: another tree"
	[ "$before" = "$(sha256sum <"$TMP/image")" ] || fail "the image changed"
done

# refuse OPTIONS PATTERN STATUS
refuse() {
	local status=0

	"$IOMAP4FS" "$TMP/image" "$MNT" -o "iomap=off,$1" 2>"$TMP/err" || status=$?
	[ $status = "$3" ] || fail "$1: status $status"
	grep "$2" "$TMP/err" >/dev/null || fail "$1: $(cat "$TMP/err")"
}
refuse sb=131072 "together with ro" 1
refuse ro,sb=131076 "no superblock at 131076 KiB" 32
refuse ro,sb=999999999 "too small" 32
refuse ro,sb=x "bad mount option" 1
# 1 is the first one, which is gone
refuse sb=1 "not an ext2, ext3 or ext4" 32
