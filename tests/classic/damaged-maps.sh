#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Indirect maps that are no trees: deleting such a file ends at once, says what is wrong, and the
# server goes on.  A walk that believes them takes 2^30 steps.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"

# make_damage HOW: /file gets tables of tables of tables
make_damage() {
	make_image "$TMP/image" 16M -t ext2 -b 4096
	head -c 81920 /dev/zero | tr '\0' x >"$TMP/data"
	debugfs -w -R "write $TMP/data file" "$TMP/image" >/dev/null 2>&1
	python3 - "$TMP/image" "$1" "$(debugfs -R 'imap file' "$TMP/image" 2>/dev/null |
		sed -n 's/.*block \([0-9]*\).*offset \(0x[0-9a-f]*\).*/\1 \2/p' | tr '\n' ' ')" <<-'PY'
		import struct, sys
		how, (block, offset) = sys.argv[2], sys.argv[3].split()
		with open(sys.argv[1], 'r+b') as f:
		    inode = int(block) * 4096 + int(offset, 16)

		    def get(at, n):
		        f.seek(at)
		        return struct.unpack('<%dI' % n, f.read(4 * n))

		    def put(at, *values):
		        f.seek(at)
		        f.write(struct.pack('<%dI' % len(values), *values))

		    table = get(inode + 40 + 48, 1)[0]
		    other, third = get(inode + 40, 2)
		    if how == 'itself':
		        put(table * 4096, *[table] * 1024)
		        put(inode + 40 + 52, table, table)
		    elif how == 'two':
		        # each is in the other
		        put(table * 4096, *[other] * 1024)
		        put(other * 4096, *[table] * 1024)
		        put(inode + 40 + 52, table, other)
		    else:
		        # no table is below itself, but all entries are the same
		        put(other * 4096, *[third] * 1024)
		        put(third * 4096, *[table] * 1024)
		        put(inode + 40, *[0] * 14 + [other])
		    size = 4096 * (12 + 1024 + 1024 ** 2 + 1024 ** 3) - 1
		    put(inode + 4, size & 0xffffffff)
		    put(inode + 108, size >> 32)
	PY
}

for how in itself two same; do
	make_damage $how
	"$IOMAP4FS" "$TMP/image" "$MNT" -f -o iomap=off,errors=continue 2>"$TMP/messages" &
	server=$!
	for _ in $(seq 300); do
		mountpoint -q "$MNT" && break
		sleep 0.1
	done
	rm "$MNT/file" || fail "$how: rm"
	# 2^30 steps take more than a minute
	timeout 20 touch "$MNT/new" || fail "$how: nothing can be made after that"
	umount "$MNT"
	wait $server || fail "$how: the server ended with $?"
	grep 'an indirect block is' "$TMP/messages" >/dev/null ||
		fail "$how: the damage was not found: $(cat "$TMP/messages")"
done
