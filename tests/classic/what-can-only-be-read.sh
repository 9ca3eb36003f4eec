#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What can be read but not written is mounted read-only, with a sentence that says why; the
# mount table says so, nothing can be changed, and the image stays as it is. Who insists on
# writing is refused.
. "$(dirname "$0")/lib.sh"

IMG=$TMP/image

# image ARGUMENT...: make one that has a file in it
image() {
	make_image "$IMG" 32M "$@"
	debugfs -w -R "write /etc/passwd file" "$IMG" >/dev/null 2>&1
}

# refused EXPECTED SOURCE OPTIONS: by who insists on writing
refused() {
	local status=0

	"$IOMAP4FS" "$2" "$MNT" -o "iomap=off,rw$3" 2>"$TMP/err" || status=$?
	[ $status = 32 ] || fail "$1: rw gave status $status"
	[ "$(wc -l <"$TMP/err")" = 1 ] || fail "$1: not one sentence: $(cat "$TMP/err")"
	grep "$1.*use -o ro" "$TMP/err" >/dev/null || fail "$1: rw: $(cat "$TMP/err")"
	mountpoint -q "$MNT" && fail "$1: mounted"
	return 0
}

# only_read EXPECTED [SOURCE [OPTIONS]]
only_read() {
	local source=${2:-$IMG} before status=0

	before=$(sha256sum <"$IMG")
	refused "$1" "$source" "${3:-}"
	"$IOMAP4FS" "$source" "$MNT" -o "iomap=off${3:-}" 2>"$TMP/err" || fail "$1: $(cat "$TMP/err")"
	[ "$(wc -l <"$TMP/err")" = 1 ] || fail "$1: not one sentence: $(cat "$TMP/err")"
	grep "$1.*mounted read-only" "$TMP/err" >/dev/null || fail "$1: $(cat "$TMP/err")"
	grep " $MNT [^ ]* ro," /proc/mounts >/dev/null || fail "$1: $(grep "$MNT" /proc/mounts)"
	cmp /etc/passwd "$MNT/file" || fail "$1: can't be read"
	for change in "touch new" "touch file" "rm file" "mkdir new" "mv file new" "chmod 600 file" \
		"truncate -s 0 file" "setfattr -n user.a -v b file"; do
		# shellcheck disable=SC2086 # words
		(cd "$MNT" && $change) 2>"$TMP/err" && fail "$1: $change"
		grep 'Read-only file system' "$TMP/err" >/dev/null || fail "$1: $change: $(cat "$TMP/err")"
	done
	# nor can it be made writable later
	mount -o remount,rw "$MNT" 2>/dev/null && touch "$MNT/new" 2>/dev/null && fail "$1: remounted"
	# others may read it, too
	if [ "$source" = "$IMG" ]; then
		flock -n -s "$IMG" true || fail "$1: locked as for writing"
	fi
	umount "$MNT"
	if [ "$source" = "$IMG" ]; then
		flock -w 60 "$IMG" true || fail "$1: the server did not end"
	fi
	[ "$before" = "$(sha256sum <"$IMG")" ] || fail "$1: the image changed"
}

# drop_loop FILE: the server may still have it
drop_loop() {
	losetup -d "$LOOP"
	LOOP=
	for _ in $(seq 300); do
		[ -n "$(losetup -j "$1")" ] || return 0
		sleep 0.1
	done
	fail "the loop device on $1 stays"
}

# features
image -t ext4 -O quota,ea_inode
only_read "quota together with ea_inode"
for feature in "0x81 has_snapshot" "0x801 replica" "0x1001 read-only" "0x4001 shared_blocks" \
	"0x40000001 ro_compat.0x40000000"; do
	image -t ext2 -O ^resize_inode
	debugfs -w -R "ssv feature_ro_compat ${feature% *}" "$IMG" >/dev/null 2>&1
	only_read "${feature#* }"
done
# with one that only writers look at: nobody takes it
image -t ext4 -O mmp,^metadata_csum
debugfs -w -R "ssv feature_ro_compat 0x4001" "$IMG" >/dev/null 2>&1
only_read shared_blocks

# journals
make_image "$TMP/journal" 32M -O journal_dev
LOOP=$(losetup -f --show "$TMP/journal")
image -t ext4 -J "device=$LOOP"
only_read "journal on another device"
drop_loop "$TMP/journal"

# journal_byte OFFSET VALUE: in the superblock of the journal
journal_byte() {
	local block

	block=$(debugfs -R "bmap <8> 0" "$IMG" 2>/dev/null)
	# shellcheck disable=SC2059 # an escape
	printf "\\$2" | dd of="$IMG" bs=1 seek=$((block * 1024 + $1)) conv=notrunc status=none
}

# that of ext3's first years: type 3 where now is 4; then one of years to come
image -t ext3 -b 1024
journal_byte 7 3
only_read "old format"
image -t ext3 -b 1024
journal_byte 7 4
journal_byte 40 100
only_read "unknown feature"
image -t ext4
debugfs -w -R "feature needs_recovery" "$IMG" >/dev/null 2>&1
only_read "needs recovery" "$IMG" ,noload

# devices and images that can't be written to
image -t ext4
LOOP=$(losetup -r -f --show "$IMG")
only_read "$LOOP is write-protected" "$LOOP"
drop_loop "$IMG"
mkdir "$TMP/folder"
mount --bind "$TMP/folder" "$TMP/folder"
at_end() {
	umount "$TMP/folder"
}
cp "$IMG" "$TMP/folder/image"
IMG=$TMP/folder/image
mount -o remount,bind,ro "$TMP/folder"
only_read "is on a read-only file system"
