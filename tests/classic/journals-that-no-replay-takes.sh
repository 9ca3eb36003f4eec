#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A journal that a replay would refuse is not written, though it is empty and could be: the mount
# is read-only and says why.  Otherwise the first crash would leave a file system that can't be
# mounted.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"

IMG=$TMP/image

# set_fields OFFSET:HEX...: bytes of the journal's superblock, with its checksum if it has one
set_fields() {
	python3 - "$IMG" "$(debugfs -R 'bmap <8> 0' "$IMG" 2>/dev/null)" "$@" <<-'PY'
		import struct, sys
		def crc32c(data):
		    crc = 0xffffffff
		    for byte in data:
		        crc ^= byte
		        for _ in range(8):
		            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
		    return crc
		with open(sys.argv[1], 'r+b') as f:
		    f.seek(int(sys.argv[2]) * 1024)
		    block = bytearray(f.read(1024))
		    for field in sys.argv[3:]:
		        at, value = field.split(':')
		        value = bytes.fromhex(value)
		        block[int(at):int(at) + len(value)] = value
		    if block[43] & 0x18:
		        block[80] = 4
		        block[252:256] = bytes(4)
		        block[252:256] = struct.pack('>I', crc32c(block))
		    f.seek(int(sys.argv[2]) * 1024)
		    f.write(block)
	PY
}

# only_read WHAT MESSAGE FIELD...: of the empty journal in $TMP/good
only_read() {
	local what=$1 message=$2 status=0

	shift 2
	cp "$TMP/good" "$IMG"
	set_fields "$@"
	cp "$IMG" "$TMP/before"
	mount_image "$IMG" "" 2>"$TMP/err"
	grep -e "can't be written.*$message.*mounted read-only" "$TMP/err" >/dev/null ||
		fail "$what: $(cat "$TMP/err")"
	grep " $MNT [^ ]* ro," /proc/mounts >/dev/null || fail "$what: it is not read-only"
	! mkdir "$MNT/new" 2>/dev/null || fail "$what: it is written"
	[ -d "$MNT/lost+found" ] || fail "$what: it can't be read"
	unmount_image "$IMG"
	cmp -s "$TMP/before" "$IMG" || fail "$what: the image has changed"
	# who asks for writing gets that or nothing
	"$IOMAP4FS" "$IMG" "$MNT" -o iomap=off,rw 2>"$TMP/err" && fail "$what: rw"
	grep -e "$message" "$TMP/err" >/dev/null || fail "$what, rw: $(cat "$TMP/err")"
}

# replayed WHAT FIELD...: the same journal is written, and after the server is killed replayed
replayed() {
	local what=$1

	shift
	cp "$TMP/good" "$IMG"
	set_fields "$@"
	"$IOMAP4FS" "$IMG" "$MNT" -f -o iomap=off,commit=300 2>"$TMP/err" &
	local server=$!
	for _ in $(seq 300); do
		mountpoint -q "$MNT" && break
		sleep 0.1
	done
	mkdir "$MNT/new" || fail "$what: $(cat "$TMP/err")"
	sync "$MNT/new"
	kill -9 $server
	wait $server 2>/dev/null || :
	umount -l "$MNT"
	flock -w 60 "$IMG" true
	dumpe2fs -h "$IMG" 2>/dev/null | grep needs_recovery >/dev/null ||
		fail "$what: nothing to replay"
	mount_image "$IMG" "" 2>"$TMP/err"
	[ -d "$MNT/new" ] || fail "$what: lost"
	unmount_image "$IMG"
	check_image "$IMG"
}

make_image "$TMP/good" 32M -b 1024 -J size=2 -t ext4 -O ^metadata_csum,^64bit
replayed "nothing is wrong"
only_read "a short journal" "1023 blocks" 16:000003ff
only_read "a journal shorter than its inode" "1024 blocks, and it has 2048" 16:00000400
only_read "another first block" "begins at block 2" 20:00000002
cp "$TMP/good" "$IMG"
set_fields 40:00000020 84:00000401
! "$IOMAP4FS" "$IMG" "$MNT" -o iomap=off 2>"$TMP/err" || fail "no log beside fast commits"
grep "fast commit area is too large" "$TMP/err" >/dev/null || fail "$(cat "$TMP/err")"
replayed "fast commits that leave just enough" 40:00000020 84:00000400
replayed "checksums of an old kind" 36:00000001

# checksums confirm what is odd
make_image "$TMP/good" 32M -b 1024 -J size=2 -t ext4 -O metadata_csum,64bit
replayed "another first block, and checksums" 40:00000010 20:00000002
replayed "shorter than its inode, and checksums" 40:00000010 16:00000400
only_read "a short journal, and checksums" "too short (1023 blocks" 40:00000010 16:000003ff
only_read "two kinds of checksums" "two kinds of checksums" 40:00000018
# the file system has none: so will its journal
make_image "$TMP/good" 32M -b 1024 -J size=2 -t ext4 -O ^metadata_csum,64bit
only_read "another first block, and checksums that go" "begins at block 2" \
	40:00000010 20:00000002
