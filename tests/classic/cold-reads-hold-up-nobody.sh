#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# While an operation waits for a block of the device, others that find all they need in the
# cache are answered, those that need other blocks wait beside it, and those that need the
# same one don't have it read twice.  Then all get what is right.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "no python3"
[ -e "${GATE_IO:-}" ] || fail "GATE_IO does not name the library"

GATE=$TMP/gate
PIDS=()

# The first directories go to different groups, the inodes of one share blocks.
make_image "$TMP/image" 256M -t ext4 -b 4096 -g 8192 -I 256 -N 65536
mount_image "$TMP/image"
for d in warm many attribute extents write two; do
	mkdir "$MNT/$d"
done
(
	cd "$MNT"
	for n in $(seq 64); do
		echo "$n" >"warm/f$n"
		setfattr -n user.n -v "$n" "warm/f$n"
	done
	ln -s f1 warm/link
	for n in $(seq 2000); do
		echo "$n" >"many/a.name.that.takes.some.room.in.a.block.of.the.directory.$n"
	done
	echo >attribute/f
	setfattr -n user.large -v "$(head -c 3000 /dev/zero | tr '\0' x)" attribute/f
	# more extents than there is room for in the inode
	python3 -c 'import os
fd = os.open("extents/f", os.O_RDWR | os.O_CREAT)
for n in range(20):
	os.pwrite(fd, b"x" * 4096, n * 8192)'
	echo >write/old
	echo >two/f
)
remember_tree
unmount_image "$TMP/image"

LD_PRELOAD="$GATE_IO" GATE_IO_IMAGE="$TMP/image" GATE_IO_GATE="$GATE" \
	mount_image "$TMP/image" threads=8,commit=300

# Who waits for a reply can't be killed: so the gate opens by itself when it takes too long.
close_gate() {
	rm -f "$GATE.waiting"
	touch "$GATE"
	(
		for _ in $(seq 1200); do
			sleep 0.1
			[ -e "$GATE" ] || exit 0
		done
		touch "$TMP/late"
		rm -f "$GATE"
	) &
}

# cold COMMAND...: in the background; its output in $TMP/cold.N
cold() {
	"$@" >"$TMP/cold.${#PIDS[@]}" 2>&1 &
	PIDS+=($!)
}

# waiting NUMBER: until so many reads are at the gate
waiting() {
	for _ in $(seq 300); do
		[ ! -e "$GATE.waiting" ] || [ "$(wc -l <"$GATE.waiting")" -lt "$1" ] || return 0
		sleep 0.1
	done
	fail "not $1 reads that wait: $(cat "$GATE.waiting" 2>&1)"
}

still_waiting() {
	local pid

	[ ! -e "$TMP/late" ] || fail "$1: what was in the cache waited for the device"
	for pid in "${PIDS[@]}"; do
		kill -0 "$pid" 2>/dev/null || fail "$1: it did not have to wait: $(cat "$TMP"/cold.*)"
	done
}

open_gate() {
	local n

	rm -f "$GATE"
	for n in "${!PIDS[@]}"; do
		wait "${PIDS[n]}" || fail "command $n: $(cat "$TMP/cold.$n")"
	done
	PIDS=()
}

seek() {
	python3 -c 'import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
print(os.lseek(fd, int(sys.argv[2]), os.SEEK_HOLE))' "$@"
}

without_times() {
	sed 's/ [0-9]*\.[0-9]* [0-9]*\.[0-9]* / /'
}

# One block of the inode table has 16 inodes.  What the kernel knows it doesn't ask for: each
# name is used once, and attributes are asked for by force.
for n in 1 16 32 48 64; do
	stat "$MNT/warm/f$n" >/dev/null
done
readlink "$MNT/warm/link" >/dev/null
seek "$MNT/warm/f16" 0 >/dev/null
# the first change that may take space needs the bitmaps
chmod 600 "$MNT/warm/f16"
chmod 644 "$MNT/warm/f16"
next=1

# answered WHAT: everything that is in the cache, in time
answered() {
	local n

	next=$((next + 1))
	[ $((next % 16)) != 0 ] || next=$((next + 1))
	n=$next
	stat "$MNT/warm/f$n" >/dev/null || fail "$1: a lookup"
	[ ! -e "$MNT/warm/none$n" ] || fail "$1: what is not there is found"
	stat --cached=never "$MNT/warm/f16" >/dev/null || fail "$1: attributes"
	[ "$(getfattr --absolute-names --only-values -n user.n "$MNT/warm/f16")" = 16 ] ||
		fail "$1: an extended attribute"
	[ "$(find "$MNT/warm" -mindepth 1 | wc -l)" = 65 ] || fail "$1: reading a directory"
	[ "$(seek "$MNT/warm/f16" 0)" = 3 ] || fail "$1: SEEK_HOLE"
	chmod 600 "$MNT/warm/f16" || fail "$1: changing a mode"
	chmod 644 "$MNT/warm/f16" || fail "$1: changing a mode"
	df "$MNT" >/dev/null || fail "$1: df"
	still_waiting "$1"
}

# Looking up: the directory's inode, its blocks, the file's inode; one after the other
close_gate
cold stat -c %s "$MNT/many/a.name.that.takes.some.room.in.a.block.of.the.directory.700"
waiting 1
answered "a lookup"
open_gate
[ "$(cat "$TMP/cold.0")" = 4 ] || fail "the lookup: $(cat "$TMP/cold.0")"

# Reading a directory: blocks that lie together are read together
close_gate
cold ls "$MNT/many"
waiting 1
answered "reading a directory"
open_gate
[ "$(grep -c '^a.name' "$TMP/cold.0")" = 2000 ] || fail "entries are missing"

# An attribute in a block of its own, and an extent tree: both at once
stat "$MNT/attribute/f" "$MNT/extents/f" >/dev/null
close_gate
cold getfattr --absolute-names --only-values -n user.large "$MNT/attribute/f"
waiting 1
cold seek "$MNT/extents/f" 65536
waiting 2
answered "an attribute and a map"
open_gate
[ "$(head -c 3000 /dev/zero | tr '\0' x)" = "$(cat "$TMP/cold.0")" ] || fail "the attribute's value is wrong"
[ "$(cat "$TMP/cold.1")" = 69632 ] || fail "the map: $(cat "$TMP/cold.1")"

# Changing something needs blocks, too
close_gate
cold mv "$MNT/write/old" "$MNT/write/new"
waiting 1
answered "rename"
open_gate
if [ ! -e "$MNT/write/new" ] || [ -e "$MNT/write/old" ]; then
	fail "rename"
fi

# The same block for two: one of them reads it
close_gate
cold stat -c %s "$MNT/two/f"
waiting 1
cold test ! -e "$MNT/two/none"
for _ in 1 2 3; do
	answered "a block for two"
done
[ -z "$(sort "$GATE.waiting" | uniq -d)" ] || fail "a block is read twice at a time"
open_gate
[ "$(cat "$TMP/cold.0")" = 1 ] || fail "$(cat "$TMP/cold.0")"

mv "$MNT/write/new" "$MNT/write/old"
manifest "$MNT" | without_times >"$TMP/after"
without_times <"$TMP/remembered" | diff - "$TMP/after" >&2 || fail "the tree is another one"
unmount_image "$TMP/image"
check_image "$TMP/image"
