#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A journal that can't be replayed as it stands refuses the mount, read-only too, with a sentence
# that says what to run, and nothing on the image changes.  What a crash leaves behind the last
# complete transaction is no reason to refuse.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"

IMG=$TMP/image

# debug IMAGE REQUEST...
debug() {
	local image=$1 request

	shift
	for request; do
		debugfs -w -R "$request" "$image" >/dev/null 2>&1 || fail "debugfs: $request"
	done
}

# In $TMP/good, with the journal at block $JOURNAL:
#	block	0		superblock
#		1..5		transaction 1: descriptor, three copies, commit
#		6..7		transaction 2: revoke of 12002, commit
#		8..10		transaction 3: descriptor, one copy, commit
# journal CHECKSUMS MKE2FS-ARGUMENT...
journal() {
	local checksums=$1

	shift
	echo "== mke2fs $*"
	make_image "$TMP/good" 12M -b 1024 -J size=1 "$@"
	debugfs -w "$TMP/good" >/dev/null 2>&1 <<-END
		journal_open $checksums
		journal_write -b 12001,12002,12003 $TMP/data
		journal_write -r 12002
		journal_write -b 12004 $TMP/data
		journal_close
	END
	dumpe2fs -h "$TMP/good" 2>/dev/null | grep needs_recovery >/dev/null ||
		fail "nothing to replay"
	JOURNAL=$(debugfs -R 'bmap <8> 0' "$TMP/good" 2>/dev/null)
	[[ $* == *ext3* ]] ||
		[ "$(debugfs -R 'bmap <8> 1023' "$TMP/good" 2>/dev/null)" = $((JOURNAL + 1023)) ] ||
		fail "the journal is in pieces"
}

# put IMAGE BLOCK OFFSET HEX: bytes in block BLOCK of the journal
put() {
	python3 - "$1" $(((JOURNAL + $2) * 1024 + $3)) "$4" <<-'PY'
		import sys
		with open(sys.argv[1], 'r+b') as f:
		    f.seek(int(sys.argv[2]))
		    f.write(bytes.fromhex(sys.argv[3]))
	PY
}

# refused WHAT [MESSAGE]: $IMG
refused() {
	local options status

	cp "$IMG" "$TMP/before"
	for options in rw ro; do
		status=0
		"$IOMAP4FS" "$IMG" "$MNT" -o "iomap=off,$options" 2>"$TMP/err" || status=$?
		[ $status = 32 ] || fail "$1, $options: status $status: $(cat "$TMP/err")"
		grep 'e2fsck -f' "$TMP/err" >/dev/null ||
			fail "$1, $options: it doesn't say what to run: $(cat "$TMP/err")"
		grep -e "${2:-}" "$TMP/err" >/dev/null || fail "$1, $options: $(cat "$TMP/err")"
		cmp -s "$TMP/before" "$IMG" || fail "$1, $options: the image has changed"
	done
}

# damaged WHAT BLOCK OFFSET HEX [MESSAGE]
damaged() {
	cp "$TMP/good" "$IMG"
	put "$IMG" "$2" "$3" "$4"
	# a checksum can happen to have these bytes
	cmp -s "$TMP/good" "$IMG" && put "$IMG" "$2" "$3" "${4//5a/a5}"
	cmp -s "$TMP/good" "$IMG" && fail "$1: nothing is damaged"
	refused "$1" "${5:-}"
}

# changed WHAT MESSAGE REQUEST...: with debugfs, which sets checksums
changed() {
	local what=$1 message=$2

	shift 2
	cp "$TMP/good" "$IMG"
	debug "$IMG" "$@"
	refused "$what" "$message"
}

# replayed WHAT [TRANSACTIONS]: $IMG is mounted, and has so many of the three
replayed() {
	local at

	mount_image "$IMG" "" 2>"$TMP/err"
	unmount_image "$IMG"
	for at in 12001:0 12003:2 ${2:+12002:1}; do
		dd if="$IMG" bs=1024 skip="${at%:*}" count=1 status=none |
			cmp - "$TMP/data.${at#*:}" || fail "$1: block ${at%:*}"
	done
	check_image "$IMG"
}

head -c 3072 /dev/urandom >"$TMP/data"
for n in 0 1 2; do
	dd if="$TMP/data" of="$TMP/data.$n" bs=1024 skip=$n count=1 status=none
done

inode_is_wrong() {
	changed "no inode" "" "clri <8>"
	changed "a deleted inode" "deleted" "sif <8> links_count 0"
	changed "a directory" "not a file" "sif <8> mode 040600"
	changed "an empty inode" "" "sif <8> size 0"
	changed "a short inode" "" "sif <8> size 524288"
	changed "another inode" "inode 8" "ssv journal_inum 12"
	changed "an inode beyond the end" "inode 8" "ssv journal_inum 4000000000"
}

journal -c -t ext4
cp "$TMP/good" "$IMG"
replayed "nothing is wrong"
# its checksum covers all of it; with one beyond the fields
for at in 3 7 14 18 23 27 31 35 39 43 47 50 80 87 100 255 1000; do
	damaged "byte $at of the superblock" 0 $at 5a
done
damaged "a descriptor" 1 100 5a "transaction 1 of the journal has a wrong checksum"
damaged "no descriptor" 1 3 5a "transaction 1 was committed"
damaged "the end of a descriptor" 8 19 00 "transaction 3"
damaged "a tag" 1 15 5a "transaction 1 of the journal has a wrong checksum"
damaged "the first copy" 2 500 5a5a5a5a5a "copy of block 12001.*wrong checksum"
damaged "the last copy" 9 500 5a5a5a5a5a "copy of block 12004.*wrong checksum"
damaged "a commit in the middle" 5 57 5a "transaction 1 of the journal has a wrong checksum"
damaged "the last commit" 10 17 5a "transaction 3 of the journal has a wrong checksum"
damaged "a revoke" 6 12 5a "transaction 2 of the journal has a wrong checksum"
inode_is_wrong
# the descriptor of the only group: a wrong checksum, then a place that is impossible
cp "$TMP/good" "$IMG"
printf 'x' | dd of="$IMG" bs=1 seek=$((2048 + 12)) conv=notrunc status=none
refused "a group descriptor" "descriptor"
changed "a group descriptor" "descriptor" "set_bg 0 inode_table 2" "set_bg 0 checksum calc"
# 12002 was revoked: what is in its copy makes no difference
cp "$TMP/good" "$IMG"
put "$IMG" 3 500 5a5a5a5a
replayed "a revoked copy"
# what a crash leaves
cp "$TMP/good" "$IMG"
put "$IMG" 11 0 "c03b3998000000010000000400002ee10000000000000000"
replayed "a torn descriptor behind the end"
cp "$TMP/good" "$IMG"
put "$IMG" 10 0 00000000
replayed "no commit block at the end"

journal "" -t ext4 -O ^metadata_csum,64bit
cp "$TMP/good" "$IMG"
replayed "nothing is wrong"
damaged "no superblock" 0 0 00
damaged "an unknown version" 0 7 05 "unknown version"
damaged "an older version" 0 7 03 "version 1, but has features"
damaged "other blocks" 0 12 00000800 "blocks of 2048 bytes"
damaged "more blocks" 0 16 00000401 "1025 blocks"
damaged "fewer blocks" 0 16 000003ff "1023 blocks"
damaged "no first block" 0 20 00000000 "begins at block 0"
damaged "another first block" 0 20 00000002 "begins at block 2"
damaged "an older transaction" 0 24 00000000 "transaction 1 was committed"
damaged "another start" 0 28 00000003 "transaction 1 was committed"
damaged "a start behind the end" 0 28 00000400 "block 1024, which is not in the log"
damaged "an unknown feature" 0 40 00000042 "unknown feature"
damaged "an unknown read-only feature" 0 44 00000001 "unknown feature"
damaged "another size of tags" 0 40 00000001 "lacks the file system's feature 64bit"
damaged "two kinds of checksums" 0 40 0000001b "two kinds of checksums"
damaged "an old kind besides" 0 36 000000010000001b "two kinds of checksums"
damaged "an impossible tag" 1 18 0010 "descriptor in transaction 1"
damaged "a block beyond the end" 1 12 7fffffff "beyond the end of the device"
damaged "a block far beyond the end" 1 20 7fffffff "beyond the end of the device"
damaged "a block of the journal" 1 12 "$(printf %08x $((JOURNAL + 20)))" "journal's own"
damaged "too many revokes" 6 12 00000401 "table of revoked blocks"
damaged "less than none" 6 12 00000008 "table of revoked blocks"
damaged "no descriptor in the middle" 8 0 00 "transaction 3 was committed"
damaged "no commit block in the middle" 5 0 00 "transaction [23] was committed"
inode_is_wrong
# The whole ring in one transaction
cp "$TMP/good" "$IMG"
python3 - "$IMG" "$JOURNAL" <<-'PY'
	import sys
	with open(sys.argv[1], 'r+b') as f:
	    for n in range(1, 1024):
	        f.seek((int(sys.argv[2]) + n) * 1024)
	        # descriptors without a tag that is the last
	        f.write(bytes.fromhex('c03b3998' '00000001' '00000001') + bytes(1012))
PY
refused "a transaction without an end" "longer than the journal"

# A log that is full but for some blocks ends in a descriptor that a crash has torn: its tags lead
# past the beginning of the log.  jbd2 finds an older block there, which ends the log.
make_image "$TMP/good" 12M -b 1024 -J size=1 -t ext4 -O ^metadata_csum,64bit
JOURNAL=$(debugfs -R 'bmap <8> 0' "$TMP/good" 2>/dev/null)
head -c $((990 * 1024)) /dev/urandom >"$TMP/much"
debugfs -w "$TMP/good" >/dev/null 2>&1 <<-END
	journal_open
	journal_write -b $(seq -s, 9001 9990) $TMP/much
	journal_close
END
cp "$TMP/good" "$IMG"
# behind 12 descriptors, full ones without a tag that is the last, 990 copies and a commit block
put "$IMG" 1004 0 "c03b39980000000100000002"
# whatever was there before: tags of which none is the last
put "$IMG" 1004 12 "$(for _ in $(seq 1012); do printf 02; done)"
cp "$IMG" "$TMP/torn"
mount_image "$IMG" ""
unmount_image "$IMG"
check_image "$IMG"
dd if="$IMG" bs=1024 skip=9001 count=990 status=none | cmp - "$TMP/much" ||
	fail "a torn descriptor at the end: the transaction before it"
# what was committed behind it is not given up
cp "$TMP/torn" "$IMG"
put "$IMG" 1010 0 "c03b39980000000200000002"
# later than debugfs's, which puts the seconds into the upper half
put "$IMG" 1010 48 7fffffff00000000
refused "a damaged descriptor at the end" "transaction 2 was committed"

journal "" -t ext3
cp "$TMP/good" "$IMG"
replayed "nothing is wrong"
inode_is_wrong
changed "a hole" "hole" "sif <8> block[3] 0"
changed "a block of the superblock" "" "sif <8> block[3] 1"
changed "a block of the inode table" "map of its inode" \
	"sif <8> block[3] $(dumpe2fs "$TMP/good" 2>/dev/null | sed -n 's/^ *Inode table at \([0-9]*\)-.*/\1/p' | head -1)"
changed "a block twice" "twice" "sif <8> block[3] $((JOURNAL + 4))"
changed "a block outside" "" "sif <8> block[3] 12288"
# the journal's first block is its superblock
changed "no first block" "" "sif <8> block[0] 0"
