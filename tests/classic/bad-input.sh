#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What can't be mounted is refused with one sentence on stderr and a status
# other than 0, and the image stays as it was.
. "$(dirname "$0")/lib.sh"

# refuse WHAT PATTERN ARGUMENT...
refuse() {
	local what=$1 pattern=$2 before status=0

	shift 2
	before=$(sha256sum "$IMG" 2>/dev/null || :)
	"$IOMAP4FS" "$@" >"$TMP/out" 2>"$TMP/err" || status=$?
	[ $status != 0 ] || fail "$what: mounted"
	[ $status -lt 126 ] || fail "$what: status $status"
	[ ! -s "$TMP/out" ] || fail "$what: says something on stdout"
	[ "$(wc -l <"$TMP/err")" = 1 ] || {
		cat "$TMP/err" >&2
		fail "$what: not one sentence"
	}
	grep -q "$pattern" "$TMP/err" || {
		cat "$TMP/err" >&2
		fail "$what: expected a message like \"$pattern\""
	}
	[ "$before" = "$(sha256sum "$IMG" 2>/dev/null || :)" ] || fail "$what: the image changed"
	mountpoint -q "$MNT" && fail "$what: something is mounted"
	return 0
}

IMG=$TMP/image
O="-o iomap=off"

head -c 1000000 /dev/urandom >"$IMG"
refuse "random bytes" "not an ext2, ext3 or ext4" "$IMG" "$MNT" $O
: >"$IMG"
refuse "empty file" "not an ext2, ext3 or ext4" "$IMG" "$MNT" $O
rm "$IMG"
refuse "no image" "No such file" "$IMG" "$MNT" $O
refuse "a directory" "neither a block device nor" "$TMP" "$MNT" $O

make_image "$IMG" 32M -t ext4
truncate -s 20M "$IMG"
refuse "truncated image" "truncated" "$IMG" "$MNT" $O

make_image "$IMG" 32M -t ext4 -O quota,ea_inode
refuse "quota and ea_inode" "quota together with ea_inode.*-o ro" "$IMG" "$MNT" $O,rw

# features that mke2fs makes or once made: the sentence has the name. What can be read is
# refused only if writing is asked for; what else is done with it is in what-can-only-be-read.sh
refuse_feature() {
	make_image "$IMG" 32M -t ext2 -O ^resize_inode
	debugfs -w -R "ssv feature_$1 $2" "$IMG" >/dev/null 2>&1
	refuse "$3" "$3" "$IMG" "$MNT" $O,rw
	[ "$1" = incompat ] || grep -e '-o ro' "$TMP/err" >/dev/null ||
		fail "$3: doesn't say how it can be mounted"
	[ "$1" = ro_compat ] || refuse "$3" "$3" "$IMG" "$MNT" $O
}
refuse_feature incompat 0x80000002 "incompat 0x80000000"
refuse_feature incompat 0x3 compression
refuse_feature incompat 0x1002 dirdata
refuse_feature ro_compat 0x81 has_snapshot
refuse_feature ro_compat 0x1001 read-only
refuse_feature ro_compat 0x4001 shared_blocks
refuse_feature ro_compat 0x40000001 "ro_compat 0x40000000"
make_image "$IMG" 32M -O journal_dev
refuse "journal_dev" "journal_dev" "$IMG" "$MNT" $O
make_image "$TMP/journal" 32M -O journal_dev
LOOP=$(losetup -f --show "$TMP/journal")
make_image "$IMG" 32M -t ext4 -J "device=$LOOP"
refuse "external journal" "journal on another device.*-o ro" "$IMG" "$MNT" $O,rw
# nothing is replayed that is on another device
debugfs -w -R "feature needs_recovery" "$IMG" >/dev/null 2>&1
dumpe2fs -h "$IMG" 2>/dev/null | grep needs_recovery >/dev/null || fail "no needs_recovery"
refuse "external journal to be replayed" "journal on another device.*-o ro" "$IMG" "$MNT" $O,rw
refuse "external journal to be replayed" "on another device.*e2fsck -f.*ro,noload" "$IMG" "$MNT" $O,ro
"$IOMAP4FS" "$IMG" "$MNT" $O,ro,noload 2>/dev/null ||
	fail "an image with an external journal to be replayed can't be read"
unmount_image "$IMG"
dumpe2fs -h "$IMG" 2>/dev/null | grep needs_recovery >/dev/null || fail "the flag is gone"
losetup -d "$LOOP"
LOOP=

# the journal of ext3's first years: type 3 where now is 4
make_image "$IMG" 32M -t ext3 -b 1024
journal=$(debugfs -R "bmap <8> 0" "$IMG" 2>/dev/null)
printf '\3' | dd of="$IMG" bs=1 seek=$((journal * 1024 + 7)) conv=notrunc status=none
refuse "old journal" "old format.*-o ro.*tune2fs" "$IMG" "$MNT" $O,rw
# the advice helps
tune2fs -O ^has_journal "$IMG" >/dev/null && tune2fs -j "$IMG" >/dev/null || fail "tune2fs"
mount_image "$IMG"
unmount_image "$IMG"
check_image "$IMG"
make_image "$IMG" 32M -t ext4 -O encrypt,^metadata_csum
debugfs -w -R "ssv encryption_level 9" "$IMG" >/dev/null 2>&1
refuse "encryption level" "encrypt of level 9" "$IMG" "$MNT" $O

make_image "$IMG" 32M -t ext4
# the superblock has a checksum
printf 'x' | dd of="$IMG" bs=1 seek=$((1024 + 0x79)) conv=notrunc status=none
refuse "superblock checksum" "checksum" "$IMG" "$MNT" $O

make_image "$IMG" 32M -t ext4
refuse "no mountpoint" "No such file" "$IMG" "$TMP/none" $O
: >"$TMP/file"
refuse "mountpoint is a file" "not a directory" "$IMG" "$TMP/file" $O
refuse "unknown option" "frobnicate" "$IMG" "$MNT" $O,frobnicate
refuse "bad value" "iomap=maybe" "$IMG" "$MNT" -o iomap=maybe
refuse "too few arguments" "needed" "$IMG"
[ -e /dev/fuseiomap ] || refuse "no module" "fuseiomap" "$IMG" "$MNT" -o iomap=require

# in use
mkdir "$TMP/other"
"$IOMAP4FS" "$IMG" "$TMP/other" $O 2>/dev/null || fail "can't mount"
refuse "mounted already" "in use" "$IMG" "$MNT" $O
umount "$TMP/other"
flock -w 60 "$IMG" true || fail "the server did not end"

LOOP=$(losetup -f --show "$IMG")
"$IOMAP4FS" "$LOOP" "$TMP/other" $O 2>/dev/null || fail "can't mount $LOOP"
refuse "device in use" "in use" "$LOOP" "$MNT" $O
umount "$TMP/other"
for _ in $(seq 300); do
	losetup -d "$LOOP" && ! losetup "$LOOP" >/dev/null 2>&1 && break
	sleep 0.1
done
LOOP=
check_image "$IMG"

if command -v runuser >/dev/null; then
	chmod 755 "$TMP"
	chmod 600 "$IMG"
	status=0
	runuser -u nobody -- "$IOMAP4FS" "$IMG" "$MNT" $O 2>"$TMP/err" || status=$?
	[ $status != 0 ] || fail "nobody may mount root's image"
	grep -q "Permission denied" "$TMP/err" || fail "$(cat "$TMP/err")"
fi
