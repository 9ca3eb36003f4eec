#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# 2 TiB in 16384 groups, all of which have bitmaps: the first change reads a handful of them.  256
# groups in small pieces are more than may stay in memory: those that are not needed are dropped, and
# read again when they are, and no bit of them is lost.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"

IMG=$TMP/image
GROUPS_IN_PIECES=256

# bitmaps fragment|sum: make each second free block of these groups used; or say what they are now
bitmaps() {
	python3 - "$1" "$IMG" $GROUPS_IN_PIECES <<'EOF'
import hashlib, struct, sys
command, image, groups = sys.argv[1], sys.argv[2], int(sys.argv[3])
half = 0x55
with open(image, "r+b") as f:
	h = hashlib.sha256()
	for g in range(groups):
		f.seek(4096 + g * 32)
		desc = bytearray(f.read(32))
		at = struct.unpack_from("<I", desc, 0)[0] * 4096
		f.seek(at)
		bits = bytearray(f.read(4096))
		if command == "fragment":
			for i in range(4096):
				bits[i] |= half
			f.seek(at)
			f.write(bits)
			free = 32768 - bin(int.from_bytes(bits, "little")).count("1")
			struct.pack_into("<H", desc, 12, free)
			f.seek(4096 + g * 32)
			f.write(desc)
		h.update(bits + desc)
	print(h.hexdigest())
EOF
}

# start: mount it
start() {
	"$IOMAP4FS" "$IMG" "$MNT" -o iomap=off,cache_size=16M -f &
	SERVER=$!
	for _ in $(seq 200); do
		! mountpoint -q "$MNT" || return 0
		sleep 0.05
	done
	fail "not mounted"
}

stop() {
	umount "$MNT"
	wait $SERVER || fail "the server ended with $?"
}

# io NAME; rss KIB: of the server
io() {
	sed -n "s/^$1: //p" "/proc/$SERVER/io"
}
rss() {
	awk '/^VmRSS/ { print $2 }' "/proc/$SERVER/status"
}

truncate -s 2T "$IMG" 2>/dev/null || skip "no place for a file of 2 TiB"
mke2fs -q -F -t ext4 -b 4096 -i 16777216 -O ^metadata_csum,^uninit_bg,^64bit \
	-E lazy_journal_init=1,nodiscard "$IMG" || fail "mke2fs"

start
before=$(io syscr)
mkdir "$MNT/d"
echo x >"$MNT/d/f"
reads=$(($(io syscr) - before))
[ $reads -le 64 ] || fail "the first mkdir took $reads reads"
rm -r "$MNT/d"
stop

bitmaps fragment >/dev/null
sum=$(bitmaps sum)
start
# one that stays in memory and waits for a commit, and is the oldest
seq 1 20000 >"$MNT/file"
sync "$MNT/file"
before=$(rss)
for _ in 1 2; do
	# it looks through all of them, and nothing is worth being discarded
	fstrim -o 0 -l $((GROUPS_IN_PIECES * 128))M -m 8192 "$MNT" || fail "fstrim: status $?"
	grown=$(($(rss) - before))
	[ $grown -lt $((128 << 10)) ] || fail "bitmaps took $grown KiB"
	seq 1 20000 | cmp - "$MNT/file" || fail "a file is another one"
	cp "$MNT/file" "$MNT/copy"
	sync "$MNT/copy"
	rm "$MNT/copy"
done
cp "$MNT/file" "$MNT/copy"
stop
start
seq 1 20000 | cmp - "$MNT/copy" || fail "a copy is another one"
rm "$MNT/file" "$MNT/copy"
stop
[ "$(bitmaps sum)" = "$sum" ] || fail "when the files are gone, the bitmaps are not what they were"
