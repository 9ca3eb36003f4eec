#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Inline directories and inline data with lengths that make no sense: each use of them ends, with
# an error, and the server goes on.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"

# inode_at PATH: byte offset of an inode in the image
inode_at() {
	debugfs -R "imap $1" "$TMP/image" 2>/dev/null |
		sed -n 's/.*block \([0-9]*\).*offset \(0x[0-9a-f]*\).*/\1 \2/p' |
		while read -r block offset; do echo $((block * 4096 + offset)); done
}

make_base() {
	make_image "$TMP/image" 4M -t ext4 -b 4096 -I 256 \
		-O inline_data,^metadata_csum,^has_journal
	echo other >"$TMP/other"
	head -c 100 /dev/zero | tr '\0' x >"$TMP/data"
	debugfs -w -R "mkdir d" "$TMP/image" >/dev/null 2>&1
	debugfs -w -R "write $TMP/other other" "$TMP/image" >/dev/null 2>&1
	debugfs -w -R "write $TMP/data data" "$TMP/image" >/dev/null 2>&1
}

# put OFFSET FORMAT VALUE...: into the image
put() {
	python3 - "$TMP/image" "$@" <<-'PY'
		import struct, sys
		with open(sys.argv[1], 'r+b') as f:
		    f.seek(int(sys.argv[2]))
		    f.write(struct.pack('<' + sys.argv[3], *[int(v, 0) for v in sys.argv[4:]]))
	PY
}

# use WHAT: whatever comes of it, it must end
use() {
	local call

	mount_image "$TMP/image" errors=continue
	for call in "ls -la d" "ls -la d/nothing" "touch d/x" "rm -f d/x" "mkdir d/y" "cat data" \
		"getfattr -d -m - d data" "setfattr -n user.a -v b data" "rmdir d"; do
		(cd "$MNT" && timeout 20 $call) >/dev/null 2>"$TMP/err" || [ $? -ne 124 ] ||
			fail "$1: $call does not end"
	done
	[ "$(cat "$MNT/other")" = other ] || fail "$1: the server is gone"
	unmount_image "$TMP/image"
}

# in the inode: 40 i_block, 44 the first entry; 160 magic of attributes, 164 the first one
make_base
at=$(inode_at d)
use "nothing"
[ "$at" ] || fail "no inode"

make_base
put $((at + 160)) I 0xea020000
put $((at + 164 + 2)) HII 60 0 32
put $((at + 224)) IHBB 11 28 18 2
put $((at + 4)) I 92
use "half of an entry at the end"

for length in 0 4 7 8 11 52 60 65535; do
	make_base
	put $((at + 48)) H "$length"
	use "first entry of $length bytes"
done
make_base
put $((at + 44)) IHBB 12 56 255 2
use "name longer than its entry"
make_base
put $((at + 40)) I 0xffffffff
use "parent that is no inode"
for value in '4000 0 32' '60 0 4000' '0 0 32' '65535 0 0xffff0002' '0 11 32' '0 12 100'; do
	for name in d data; do
		make_base
		# shellcheck disable=SC2086
		put $(($(inode_at $name) + 164 + 2)) HII $value
		use "system.data of /$name: offset, inode and size are $value"
	done
done
make_base
put $((at + 164)) B 255
use "long name of an attribute"
