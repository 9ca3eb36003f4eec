#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The label, read and set while the file system is mounted: in the superblock and in all
# its backups, durable at once.  And the generation number of a file.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"

# label FILE [LABEL]: print it, or set it
label() {
	python3 - "$@" <<'PYTHON'
import fcntl, os, sys
GETFSLABEL, SETFSLABEL = 0x81009431, 0x41009432
fd = os.open(sys.argv[1], os.O_RDONLY)
try:
    if len(sys.argv) > 2:
        fcntl.ioctl(fd, SETFSLABEL, sys.argv[2].encode().ljust(256, b'\0'))
    else:
        buf = bytearray(256)
        fcntl.ioctl(fd, GETFSLABEL, buf)
        print(bytes(buf).split(b'\0')[0].decode())
except OSError as e:
    sys.exit(e.strerror)
PYTHON
}

label_of_backup() {
	local at

	# superblock=0 would be the first one
	at=$2
	dumpe2fs -h -o superblock="$at" -o blocksize="$3" "$1" 2>/dev/null |
		sed -n 's/^Filesystem volume name: *//p'
}

for features in "-t ext4 -b 1024" "-t ext4 -b 4096 -g 4096" "-t ext2 -b 1024" \
	"-t ext4 -b 1024 -O meta_bg,^resize_inode,^sparse_super"; do
	# shellcheck disable=SC2086
	make_image "$TMP/image" 96M $features -L before
	mount_image "$TMP/image"
	[ "$(label "$MNT")" = before ] || fail "$features: the label is $(label "$MNT")"
	touch "$MNT/file"
	label "$MNT/file" "sixteen bytes at" || fail "$features: no new label"
	[ "$(label "$MNT")" = "sixteen bytes at" ] || fail "$features: the label is $(label "$MNT")"
	label "$MNT" "seventeen bytes !" 2>"$TMP/err" && fail "a label that is too long"
	grep -q "Invalid argument" "$TMP/err" || fail "too long: $(cat "$TMP/err")"
	chmod 755 "$TMP"
	if command -v runuser >/dev/null; then
		runuser -u nobody -- python3 -c '
import fcntl, os, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x41009432, b"nobody".ljust(256, b"\0"))
' "$MNT" 2>"$TMP/err" && fail "anybody may set the label"
		grep -q "PermissionError" "$TMP/err" || fail "for nobody: $(cat "$TMP/err")"
	fi
	# it is there after a crash: the journal of a copy is replayed
	cp "$TMP/image" "$TMP/copy"
	e2fsck -fp "$TMP/copy" >/dev/null || [ $? = 1 ] || fail "$features: e2fsck of a copy"
	[ "$(e2label "$TMP/copy")" = "sixteen bytes at" ] || fail "$features: lost in a crash"
	unmount_image "$TMP/image"
	check_image "$TMP/image"
	[ "$(e2label "$TMP/image")" = "sixteen bytes at" ] || fail "$features: not kept"
	bs=$(dumpe2fs -h "$TMP/image" 2>/dev/null | sed -n 's/^Block size: *//p')
	dumpe2fs "$TMP/image" 2>/dev/null |
		sed -n 's/.*Backup superblock at \([0-9]*\).*/\1/p' >"$TMP/backups"
	[ -s "$TMP/backups" ] || fail "$features: no backups"
	while read -r at; do
		got=$(label_of_backup "$TMP/image" "$at" "$bs")
		[ "$got" = "sixteen bytes at" ] || fail "$features: the backup at $at has '$got'"
	done <"$TMP/backups"

	mount_image "$TMP/image"
	label "$MNT" "" || fail "$features: no empty label"
	[ -z "$(label "$MNT")" ] || fail "$features: not empty"
	unmount_image "$TMP/image"
	check_image "$TMP/image"
	[ -z "$(e2label "$TMP/image")" ] || fail "$features: not empty on the disk"
done

mount_image "$TMP/image" ro
label "$MNT" new 2>"$TMP/err" && fail "a label for a read-only mount"
grep -q "Read-only" "$TMP/err" || fail "read-only: $(cat "$TMP/err")"
[ -z "$(label "$MNT")" ] || fail "read-only: another label"

# the generation, which lsattr -v shows
got=$(lsattr -v "$MNT/file" | awk '{ print $1 }')
unmount_image "$TMP/image"
want=$(debugfs -R 'stat /file' "$TMP/image" 2>/dev/null | sed -n 's/.*Generation: \([0-9]*\).*/\1/p')
[ "$got" = "$want" ] || fail "the generation is $want, lsattr -v says $got"
